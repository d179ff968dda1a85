/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_tcp.h"
#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFIX "tcp:"
#define HOST_MAX 256u
/* An answer to a SYN is waited for 1 + 2 + 4 + 8 seconds. */
#define SYNS_AGAIN 3
/* A host that is gone without a word is noticed after 10 + 3 * 5 seconds. */
#define KEEP_IDLE_S 10
#define KEEP_BETWEEN_S 5
#define KEEP_PROBES 3

bool capture_tcp_is(const char *name) {
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* Takes HOST:PORT apart. host: HOST_MAX bytes. */
static bool parse(const char *text, char *host, const char **port) {
    const char *end = strrchr(text, ':');
    bool in_brackets = text[0] == '[';
    if (end == NULL || end[1] == '\0')
        return false;
    *port = end + 1;
    if (in_brackets) {
        text++;
        end--;
        if (end < text || *end != ']')
            return false;
    }
    size_t length = (size_t)(end - text);
    if (length == 0 || length >= HOST_MAX || (!in_brackets && memchr(text, ':', length) != NULL))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    return true;
}

int capture_tcp_resolve(struct capture_tcp *tcp, const char *name) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char host[HOST_MAX];
    const char *port;
    if (tcp->name != NULL && strcmp(tcp->name, name) == 0)
        return 0;
    capture_tcp_free(tcp);
    if (!parse(name + strlen(PREFIX), host, &port)) {
        fb_error("-r '%s': give tcp:HOST:PORT, an IPv6 address as tcp:[ADDRESS]:PORT", name);
        return -EINVAL;
    }
    int problem = getaddrinfo(host, port, &hints, &tcp->addresses);
    if (problem != 0) {
        fb_error("-r '%s': %s: give a host and a port that there are", name, gai_strerror(problem));
        tcp->addresses = NULL;
        return -ENOENT;
    }
    tcp->name = strdup(name);
    if (tcp->name == NULL) {
        fb_error("no memory for the name %s: free some", name);
        capture_tcp_free(tcp);
        return -ENOMEM;
    }
    capture_tcp_rewind(tcp);
    return 0;
}

void capture_tcp_rewind(struct capture_tcp *tcp) {
    tcp->next = tcp->addresses;
}

static void set_option(int fd, int level, int option, int value) {
    if (setsockopt(fd, level, option, &value, sizeof value) != 0)
        fb_debug("a socket option of pcap-over-IP: %s", strerror(errno)); /* it works without */
}

static int connect_to(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_option(fd, IPPROTO_TCP, TCP_SYNCNT, SYNS_AGAIN);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_BETWEEN_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int capture_tcp_connect(struct capture_tcp *tcp) {
    int fd = -EHOSTUNREACH;
    while (fd < 0 && tcp->next != NULL) {
        fd = connect_to(tcp->next);
        tcp->next = tcp->next->ai_next;
    }
    return fd;
}

void capture_tcp_free(struct capture_tcp *tcp) {
    if (tcp->addresses != NULL)
        freeaddrinfo(tcp->addresses);
    free(tcp->name);
    *tcp = (struct capture_tcp){.name = NULL};
}
