/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/unit.h"

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

static union address address_of(int family, unsigned port) {
    in_port_t number = htons((uint16_t)port);
    if (family == AF_INET)
        return (union address){.ip4 = {.sin_family = AF_INET,
                                       .sin_port = number,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    return (union address){
        .ip6 = {.sin6_family = AF_INET6, .sin6_port = number, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
}

static socklen_t size_of(int family) {
    return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

int loopback_bind(int family, unsigned port) {
    static const int one = 1;
    const union address address = address_of(family, port);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address.any, size_of(family)) == 0)
        return fd;
    close(fd);
    return -1;
}

unsigned loopback_port(int fd) {
    union address address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(fd, &address.any, &size), 0);
    return ntohs(address.any.sa_family == AF_INET ? address.ip4.sin_port : address.ip6.sin6_port);
}

int loopback_connect(int family, unsigned port, int buffer) {
    const union address address = address_of(family, port);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (connect(fd, &address.any, size_of(family)) == 0)
        return fd;
    close(fd);
    return -1;
}
