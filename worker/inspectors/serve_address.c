/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/serve_address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/parse.h"

#define PORT_MAX 65535u

static in_port_t *port_of(union serve_address *address) {
    return address->any.sa_family == AF_INET6 ? &address->ip6.sin6_port : &address->ip4.sin_port;
}

/* The address before the colon, `n` characters. */
static const char *take_host(union serve_address *address, const char *text, size_t n) {
    char host[INET6_ADDRSTRLEN];
    bool is_ip6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (is_ip6) {
        text++;
        n -= 2;
    }
    if (n >= sizeof host)
        return "ADDR is too long";
    memcpy(host, text, n);
    host[n] = '\0';
    memset(address, 0, sizeof *address);
    if (is_ip6) {
        address->ip6.sin6_family = AF_INET6;
        return inet_pton(AF_INET6, host, &address->ip6.sin6_addr) == 1
                   ? NULL
                   : "what is in the brackets is no IPv6 address";
    }
    if (strchr(host, ':') != NULL)
        return "an IPv6 address is to be in brackets";
    address->ip4.sin_family = AF_INET;
    address->ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return n == 0 || inet_pton(AF_INET, host, &address->ip4.sin_addr) == 1
               ? NULL
               : "ADDR is no IPv4 address, and names are not looked up";
}

const char *serve_address_parse(const char *text, union serve_address *address, bool *waits) {
    const char *comma = strchr(text, ',');
    *waits = comma != NULL;
    if (comma != NULL && strcmp(comma, ",wait") != 0)
        return "what follows the comma is not 'wait'";
    size_t n = comma != NULL ? (size_t)(comma - text) : strlen(text);
    if (n == 0)
        return "the port is missing";
    const char *colon = memrchr(text, ':', n), *port = colon != NULL ? colon + 1 : text;
    uint64_t number;
    if (colon == NULL && strspn(text, "0123456789") != n)
        return "the port is missing";
    const char *problem = take_host(address, text, colon != NULL ? (size_t)(colon - text) : 0);
    if (problem != NULL)
        return problem;
    if (!fb_parse_digits(&port, PORT_MAX, &number) || port != text + n || number == 0)
        return "PORT is no whole number from 1 to 65535";
    *port_of(address) = htons((uint16_t)number);
    return NULL;
}

bool serve_address_add(union serve_address *address, unsigned ports) {
    in_port_t *port = port_of(address);
    if (ports > PORT_MAX - ntohs(*port))
        return false;
    *port = htons((uint16_t)(ntohs(*port) + ports));
    return true;
}

socklen_t serve_address_size(const union serve_address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->ip6 : sizeof address->ip4;
}

void serve_address_print(const union serve_address *address, char text[SERVE_NAME_BYTES]) {
    char host[INET6_ADDRSTRLEN] = "?";
    bool is_ip6 = address->any.sa_family == AF_INET6;
    const void *bytes =
        is_ip6 ? (const void *)&address->ip6.sin6_addr : (const void *)&address->ip4.sin_addr;
    inet_ntop(address->any.sa_family, bytes, host, sizeof host);
    in_port_t port = is_ip6 ? address->ip6.sin6_port : address->ip4.sin_port;
    snprintf(text, SERVE_NAME_BYTES, is_ip6 ? "[%s]:%u" : "%s:%u", host, ntohs(port));
}
