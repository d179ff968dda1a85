/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_FLOW_KEY_H
#define FLOW_BALANCER_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What makes two packets the same flow, both directions alike: the two
 * endpoints are stored in ascending order, so that a packet and its answer
 * have equal keys, and the decoder says which way round the packet was.
 *
 *   word[0..1]  lower endpoint's address: IPv6 as 16 bytes; IPv4 in the low
 *               32 bits of word[1]; a MAC address in the low 48 bits of word[1]
 *   word[2..3]  higher endpoint's address, likewise
 *   word[4]     lower port << 48 | higher port << 32 | ethertype << 16 |
 *               protocol << 8 | kind
 *
 * With --key-vlan or --key-tunnel a packet that has such ids has a keyed digest
 * of them, 128 bits, over word[0] and word[2] (exclusive or).
 *
 * Ports are in host byte order; ICMP puts its type and the type that answers
 * it (or its code) there, as Community ID version 1 does. No padding, so two
 * keys are the same flow exactly when their bytes are.
 */
struct fb_flow_key {
    uint64_t word[5];
};

/* The kind of the key, in the low byte of word[4]. */
enum fb_key_kind {
    FB_KEY_NONE, /* a frame too short to say anything: one flow per link type */
    FB_KEY_MAC,  /* MAC pair and ethertype */
    FB_KEY_IP4,  /* addresses, protocol, ports where there are ports */
    FB_KEY_IP6,
};

/* The IP protocol number in a key, 0 where there is no IP. */
static inline uint8_t fb_flow_key_proto(const struct fb_flow_key *key) {
    return (uint8_t)(key->word[4] >> 8);
}

/* Its kind, which two bits hold: who keeps a key may use the others of their byte. */
static inline enum fb_key_kind fb_flow_key_kind(const struct fb_flow_key *key) {
    return (enum fb_key_kind)(key->word[4] & 3);
}

/* The port of the lower endpoint (0) or of the higher one (1). */
static inline uint16_t fb_flow_key_port(const struct fb_flow_key *key, unsigned endpoint) {
    return (uint16_t)(key->word[4] >> (48 - 16 * endpoint));
}

static inline uint16_t fb_flow_key_ethertype(const struct fb_flow_key *key) {
    return (uint16_t)(key->word[4] >> 16);
}

static inline bool fb_flow_key_equal(const struct fb_flow_key *a, const struct fb_flow_key *b) {
    return (((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
             (a->word[3] ^ b->word[3]) | (a->word[4] ^ b->word[4]))) == 0;
}

#endif
