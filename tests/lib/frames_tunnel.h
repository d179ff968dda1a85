/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_TUNNEL_H
#define TESTS_LIB_FRAMES_TUNNEL_H

/* Frames in frames: tcp4() and tcp6() in everything that the decoder opens. */

#include "tests/lib/frames.h"

extern const struct decode_options outermost, by_vlan, by_tunnel;

/* One row per tunnel: what is between the IP header and the packet inside. */
struct tunnel_case {
    const char *name;
    bool six; /* tcp6() inside */
    uint8_t n;
    uint8_t header[64];
    bool has_id;
    uint8_t id_at; /* its lowest byte */
};

#define MACS 2, 0, 0, 0, 0, 0xd, 2, 0, 0, 0, 0, 0xc /* other ones than add_ethernet() */

#define ETHERNET_4 MACS, 8, 0
#define ETHERNET_6 MACS, 0x86, 0xdd

#define UDP 17u
#define UDP_HEADER 8u

/* The header of the row, and the packet in it. */
struct packet carried(const struct tunnel_case *t);

/* What is inside of tcp4() or tcp6(), from its IP header on. */
void add_inner(struct packet *f, bool six);

/* In an outer IP header of version 4 or 6, from 10.0.0.1 or 2001:db8::1 as tcp4() and tcp6(). */
struct packet in_ip(bool six_outside, unsigned proto, const struct packet *carried);
struct packet ip_in_ip(bool six_outside, bool six_inside);

/* Likewise, and in UDP; and a row in IPv4 and UDP. */
struct packet in_udp(bool six_outside, unsigned sport, unsigned dport,
                     const struct packet *carried);
struct packet to_port(unsigned port, const struct tunnel_case *t);

/* The flow is that of tcp4() or tcp6(), its headers at the end of the frame. */
void assert_inner(const struct packet *f, bool six);
/* The flow is that of the IP header on the Ethernet, with protocol proto. */
void assert_outer(const struct decoded *d, unsigned proto, enum fb_decode_reason reason);
/* The flow is that of UDP in IPv4 on the Ethernet. */
void assert_plain_udp(const struct decoded *d, enum fb_decode_reason reason);

#endif
