/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_TCP_H
#define DISPATCHER_CAPTURE_CAPTURE_TCP_H

#include <stdbool.h>

/*
 * Captures that another host sends, pcap-over-IP: the bytes of a capture file over TCP, to whom
 * connects. A source's name is tcp:HOST:PORT, an IPv6 address in brackets. Of one source, one
 * thread. Waits for nothing but the answers of name servers, in capture_tcp_resolve().
 */
struct addrinfo;

struct capture_tcp {
    char *name; /* whose addresses these are; NULL: none */
    struct addrinfo *addresses;
    const struct addrinfo *next; /* to be tried; NULL: all were */
};

/* Finds the addresses of a name, once as long as it stays the same. Returns 0; or -errno after one
 * logged line: -EINVAL if it is not written like that, -ENOENT if there is no such host. */
int capture_tcp_resolve(struct capture_tcp *tcp, const char *name);

/* From now on the first address is tried first. */
void capture_tcp_rewind(struct capture_tcp *tcp);

/*
 * Begins to connect to the next address. Returns a descriptor, the caller's, that never waits:
 * reading it gives EAGAIN until the connection is there, or says why it failed; after some 15
 * seconds if nothing answers. -errno if it cannot even begin, of the last address tried;
 * -EHOSTUNREACH if there is no address left.
 */
int capture_tcp_connect(struct capture_tcp *tcp);

void capture_tcp_free(struct capture_tcp *tcp);

#endif
