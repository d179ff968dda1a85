/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_IP_PACKETS_H
#define TESTS_LIB_IP_PACKETS_H

/* IP packets made by hand from the inside out, each call one header more, and their fragments. */

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/packet.h"

#define MORE_FRAGMENTS 0x2000u
#define UDP 17u
#define TCP 6u

enum { A = 1, B = 2, C = 3, ROUTER = 9 }; /* hosts: 10.0.0.n, 2001:db8::n */

/* The bytes, and behind them a packet. */
#define BEFORE(p, ...)                                                                             \
    before((const uint8_t[]){__VA_ARGS__}, (uint32_t)sizeof((const uint8_t[]){__VA_ARGS__}), (p))
struct packet before(const uint8_t *bytes, uint32_t n, struct packet rest);

/* n bytes, other ones at each call. */
struct packet payload(uint32_t n);

struct packet udp(unsigned from, unsigned to, struct packet rest);
struct packet tcp(unsigned from, unsigned to, unsigned flags, struct packet rest);
struct packet icmp(unsigned type, unsigned code, struct packet rest);

struct packet ip4(unsigned proto, uint8_t from, uint8_t to, struct packet rest);
struct packet ip6(unsigned next, uint8_t from, uint8_t to, struct packet rest);
struct packet ip(bool six, unsigned proto, uint8_t from, uint8_t to, struct packet rest);

struct packet ethernet(struct packet rest);
struct packet vlan(uint8_t id, struct packet rest);

/* Ethernet in UDP, to the port of VXLAN or between others. */
struct packet vxlan(struct packet frame);
struct packet vxlan_between(unsigned from_port, unsigned to_port, struct packet frame);

/*
 * Bytes from to `to` of what an IP packet carries, as a fragment; those up to
 * its end are the last one's. In IPv6 `unfragmentable` bytes of extension
 * headers, each of 8 bytes, come before the fragment header.
 */
struct packet fragment(struct packet p, uint32_t id, uint32_t from, uint32_t to);
struct packet fragment_after(struct packet p, uint32_t unfragmentable, uint32_t id, uint32_t from,
                             uint32_t to);

#endif
