/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FANOUT_FRAMES_H
#define TESTS_LIB_FANOUT_FRAMES_H

/*
 * Frames of two hosts behind two routers, for tests of what goes together: of
 * either IP version, either direction, whole or a fragment, behind whatever may
 * stand before an IP header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/if_ether.h>

/* A frame in the making; headers are appended. */
struct shot {
    size_t bytes;
    uint8_t data[256];
};

enum around {
    BARE,
    TAGGED,
    TWO_TAGS,
    THREE_TAGS,
    OLD_TAG,
    PPPOE,
    TAGGED_PPPOE,
    MPLS,
    MPLS4,
    TAGGED_MPLS,
    AROUNDS
};

enum part { WHOLE, FIRST, REST, PARTS }; /* a datagram, or its two fragments */

#define PART_BYTES 24u /* of UDP, behind the IP headers; a multiple of 8 */

struct datagram {
    enum around around;
    bool six, back;    /* back: from the second address to the first */
    uint32_t one, two; /* stand for addresses of either version */
    uint16_t id;       /* of its fragments */
};

static inline void add(struct shot *s, const void *bytes, size_t count) {
    assert_true(s->bytes + count <= sizeof s->data);
    memcpy(s->data + s->bytes, bytes, count);
    s->bytes += count;
}

static inline void add8(struct shot *s, unsigned value) {
    add(s, &(uint8_t){(uint8_t)value}, 1);
}

static inline void add16(struct shot *s, unsigned value) {
    add8(s, value >> 8);
    add8(s, value);
}

static inline void add32(struct shot *s, uint32_t value) {
    add16(s, value >> 16);
    add16(s, value);
}

/* The MACs, up to the type; hosts with the same number are the same. */
static inline void add_macs(struct shot *s, unsigned to, unsigned from) {
    add32(s, 0x02000000);
    add16(s, to);
    add32(s, 0x02000000);
    add16(s, from);
}

static inline void add_tags(struct shot *s, const uint16_t *types) {
    for (; *types != 0; types++) {
        add16(s, *types);
        add16(s, 5);
    }
}

static inline void add_labels(struct shot *s, unsigned count) {
    add16(s, ETH_P_MPLS_UC);
    for (unsigned i = 1; i <= count; i++)
        add32(s, (i + 15) << 12 | (i == count ? 0x100u : 0) | 64);
}

static inline void add_pppoe(struct shot *s, bool six, unsigned payload) {
    add16(s, ETH_P_PPP_SES);
    add16(s, 0x1100);
    add16(s, 7);
    add16(s, payload + 2);
    add16(s, six ? 0x57 : 0x21);
}

static inline unsigned ip_bytes(bool six, enum part part) {
    return (six ? 40u : 20u) + (six && part != WHOLE ? 8u : 0u) + PART_BYTES;
}

/* What stands between the MACs and the IP header. */
static inline void add_around(struct shot *s, enum around around, bool six, enum part part) {
    static const uint16_t tags[AROUNDS][4] = {
        [TAGGED] = {0x8100},
        [TWO_TAGS] = {0x88a8, 0x8100},
        [THREE_TAGS] = {0x88a8, 0x8100, 0x8100},
        [OLD_TAG] = {0x9100, 0x8100},
        [TAGGED_PPPOE] = {0x8100},
        [TAGGED_MPLS] = {0x8100},
    };
    add_tags(s, tags[around]);
    if (around == PPPOE || around == TAGGED_PPPOE)
        add_pppoe(s, six, ip_bytes(six, part));
    else if (around == MPLS || around == TAGGED_MPLS)
        add_labels(s, 1);
    else if (around == MPLS4)
        add_labels(s, 4);
    else
        add16(s, six ? ETH_P_IPV6 : ETH_P_IP);
}

static inline void add_ip4(struct shot *s, uint32_t from, uint32_t to, enum part part,
                           uint16_t id) {
    static const uint16_t fields[PARTS] = {[FIRST] = 0x2000, [REST] = PART_BYTES / 8};
    add16(s, 0x4500);
    add16(s, ip_bytes(false, part));
    add16(s, id);
    add16(s, fields[part]);
    add32(s, 0x40110000);
    add32(s, from);
    add32(s, to);
}

static inline void add_address6(struct shot *s, uint32_t address) {
    add32(s, 0x20010db8);
    add32(s, address >> 16);
    add32(s, 0);
    add32(s, address);
}

static inline void add_ip6(struct shot *s, uint32_t from, uint32_t to, enum part part,
                           uint16_t id) {
    add32(s, 0x60000000);
    add16(s, ip_bytes(true, part) - 40);
    add8(s, part == WHOLE ? 17 : 44);
    add8(s, 64);
    add_address6(s, from);
    add_address6(s, to);
    if (part == WHOLE)
        return;
    add16(s, 0x1100);
    add16(s, part == FIRST ? 1 : PART_BYTES);
    add32(s, id);
}

static inline void add_udp(struct shot *s, enum part part, bool back) {
    static const uint8_t payload[PART_BYTES] = {0};
    if (part == REST) {
        add(s, payload, PART_BYTES);
        return;
    }
    add16(s, back ? 53 : 4000);
    add16(s, back ? 4000 : 53);
    add16(s, part == WHOLE ? PART_BYTES : 2 * PART_BYTES);
    add16(s, 0);
    add(s, payload, PART_BYTES - 8);
}

static inline void make_shot(struct shot *s, const struct datagram *d, enum part part) {
    uint32_t from = d->back ? d->two : d->one, to = d->back ? d->one : d->two;
    s->bytes = 0;
    add_macs(s, d->back ? 1 : 0x902, d->back ? 0x902 : 1);
    add_around(s, d->around, d->six, part);
    if (d->six)
        add_ip6(s, from, to, part, d->id);
    else
        add_ip4(s, from, to, part, d->id);
    add_udp(s, part, d->back);
}

#endif
