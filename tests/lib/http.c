/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#define PATIENCE_S 60

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port)};
}

int http_listen(unsigned *port) {
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

int http_connect(unsigned port) {
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

void http_send(int fd, const char *text) {
    size_t length = strlen(text);
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        sent += (size_t)n;
    }
}

int http_receive(int fd, char *text, size_t size) {
    size_t length = 0;
    ssize_t n;
    while (length + 1 < size && (n = recv(fd, text + length, size - 1 - length, 0)) > 0)
        length += (size_t)n;
    close(fd);
    text[length] = '\0';
    int status = 0;
    sscanf(text, "HTTP/1.1 %d", &status);
    const char *body = strstr(text, "\r\n\r\n");
    if (body != NULL)
        memmove(text, body + 4, strlen(body + 4) + 1);
    return status;
}

int http_get(unsigned port, const char *path, char *text, size_t size) {
    char request[256];
    int fd = http_connect(port);
    text[0] = '\0';
    if (fd < 0)
        return 0;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
             path);
    http_send(fd, request);
    return http_receive(fd, text, size);
}
