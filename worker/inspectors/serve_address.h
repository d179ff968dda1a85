/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_SERVE_ADDRESS_H
#define WORKER_INSPECTORS_SERVE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* An address to listen on. */
union serve_address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

#define SERVE_NAME_BYTES 64u /* "[ADDR]:PORT" with the 0 that ends it */

/*
 * Takes "PORT", "ADDR:PORT", or either with ",wait", apart: an IPv4 address, an IPv6 one in
 * brackets, or none, which is the loopback of IPv4. Names are not looked up. Returns NULL, or what
 * is wrong, in words.
 */
const char *serve_address_parse(const char *text, union serve_address *address, bool *waits);

/* The same address with a port that is higher by so many; false: there is none. */
bool serve_address_add(union serve_address *address, unsigned ports);

socklen_t serve_address_size(const union serve_address *address);

/* "ADDR:PORT" or "[ADDR]:PORT". */
void serve_address_print(const union serve_address *address, char text[SERVE_NAME_BYTES]);

#endif
