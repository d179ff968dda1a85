/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

#define LOOPBACK "127.0.0.1"
#define BACKLOG 64
#define PORT_MAX 65535u

static bool refuse(const char *text) {
    fb_error("--listen '%s': give PORT, ADDRESS:PORT or [IPv6 ADDRESS]:PORT, a port of 1 to %u",
             text, PORT_MAX);
    return false;
}

/* [begin, end) as the host, brackets taken off. */
static bool take_host(struct listen_address *address, const char *begin, const char *end) {
    bool bracketed = *begin == '[' && end > begin + 1 && end[-1] == ']';
    if (bracketed) {
        begin++;
        end--;
    }
    size_t length = (size_t)(end - begin);
    /* An address of IPv6 without brackets may end with what looks like a port. */
    if (length == 0 || length >= sizeof address->host ||
        (!bracketed && memchr(begin, ':', length) != NULL))
        return false;
    memcpy(address->host, begin, length);
    address->host[length] = '\0';
    return true;
}

bool listen_parse(const char *text, struct listen_address *address) {
    const char *colon = strrchr(text, ':');
    const char *port = colon != NULL ? colon + 1 : text, *rest = port;
    uint64_t number;
    if (!fb_parse_digits(&rest, PORT_MAX, &number) || *rest != '\0' || number == 0)
        return refuse(text);
    snprintf(address->port, sizeof address->port, "%u", (unsigned)number);
    snprintf(address->host, sizeof address->host, LOOPBACK);
    return colon == NULL || take_host(address, text, colon) || refuse(text);
}

/* -1, with errno. */
static int open_at(const struct addrinfo *at) {
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0)
        return -1;
    const int on = 1; /* connections of an exporter before may still be closing */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void say_why(const char *text, int error) {
    const char *remedy = "";
    if (error == EADDRINUSE)
        remedy = ": another process has the port: end it, or choose another port";
    else if (error == EADDRNOTAVAIL)
        remedy = ": give an address of this machine";
    else if (error == EACCES)
        remedy = ": give a port from 1024 on, or run as root";
    fb_error("cannot listen on '%s': %s%s", text, strerror(error), remedy);
}

int listen_open(const char *text) {
    struct listen_address address;
    if (!listen_parse(text, &address))
        return -1;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int error = getaddrinfo(address.host, address.port, &hints, &found);
    if (error != 0) {
        fb_error("--listen '%s': %s", text, gai_strerror(error));
        return -1;
    }
    int fd = open_at(found);
    if (fd < 0)
        say_why(text, errno);
    freeaddrinfo(found);
    return fd;
}
