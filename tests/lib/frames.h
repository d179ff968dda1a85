/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_H
#define TESTS_LIB_FRAMES_H

/* Ethernet frames made by hand for the tests of the decoder, and a look into its keys. */

#include "dispatcher/decode/decode.h"
#include "tests/lib/packet.h"
#include "tests/lib/unit.h"

#define ETHERNET 14u
#define IP4 20u
#define IP6 40u

/* ---- headers: from 10.0.0.1 or 2001:db8::1 to the same with 2, port 1000 to port 80 */

extern const uint8_t address_a[16], address_b[16]; /* 2001:db8::1, 2001:db8::2 */

void add_ethernet(struct packet *f, unsigned type);
void add_ip4(struct packet *f, unsigned proto, unsigned payload, unsigned fragment);
void add_ip6(struct packet *f, unsigned next, unsigned payload);
/* SYN and ACK; the header claims so many words of 4 bytes, and has 20 bytes. */
void add_tcp(struct packet *f, unsigned words);
void add_udp(struct packet *f, unsigned length);

/* ---- whole frames */

struct packet tcp4(void);
struct packet udp4(void); /* padded to 60 bytes */
struct packet tcp6(void);
struct packet udp6(void);
struct packet arp(void);
/* tcp4() behind so many tags, of every tag type. */
struct packet vlans(unsigned depth);
/* UDP behind every extension header that is followed. */
struct packet extended(void);
/* Over IPv4 if the protocol is 1, else over IPv6. */
struct packet icmp_message(unsigned proto, unsigned type, unsigned code);
struct packet transport4(unsigned proto, const uint8_t *header, uint32_t n);
/* udp4() in 802.3 with LLC and SNAP. */
struct packet snap(void);
/* Fragments of UDP; the field is that of the header, offset and flags. */
struct packet fragment4(unsigned field);
struct packet fragment6(unsigned field);
/* TCP behind an authentication header. */
struct packet authenticated(void);

#define SAMPLES 22u

/* One frame of each kind. Returns SAMPLES. */
unsigned samples(struct packet out[SAMPLES]);

/* ---- what the decoder makes of a frame */

extern const struct decode_options by_default;

struct decoded decoded(const struct packet *f); /* as Ethernet, by default */
struct decoded decoded_as(const struct packet *f, enum link_layer link);
struct decoded decoded_with(const struct packet *f, const struct decode_options *options);

unsigned low_port(const struct decoded *d);
unsigned high_port(const struct decoded *d);
unsigned key_type(const struct decoded *d);
unsigned key_proto(const struct decoded *d);
unsigned key_kind(const struct decoded *d);
bool same_key(const struct decoded *a, const struct decoded *b);

void assert_reason(const struct decoded *d, enum fb_decode_reason reason);
void assert_same_key(const struct decoded *a, const struct decoded *b);

#endif
