/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_TUNNEL_H
#define TESTS_LIB_FRAMES_TUNNEL_H

/* Frames in frames: tcp4() and tcp6() in everything that the decoder opens. */

#include "tests/lib/frames.h"

static const struct decode_options outermost = {.outer = true};
static const struct decode_options by_vlan = {.key_vlan = true, .secret = {1, 2}};
static const struct decode_options by_tunnel = {.key_tunnel = true, .secret = {3, 4}};

/* What is inside of tcp4() or tcp6(), from its IP header on. */
static inline void add_inner(struct frame *f, bool six) {
    struct frame plain = six ? tcp6() : tcp4();
    add(f, plain.bytes + ETHERNET, plain.n - ETHERNET);
}

/* Version 4 or 6 around, from 10.0.0.1 as tcp4() or from address_a; then what it carries. */
static inline struct frame in_ip(bool six_outside, unsigned proto, const struct frame *carried) {
    struct frame f = {0};
    add_ethernet(&f, six_outside ? 0x86dd : 0x0800);
    if (six_outside)
        add_ip6(&f, proto, carried->n);
    else
        add_ip4(&f, proto, carried->n, 0);
    add(&f, carried->bytes, carried->n);
    return f;
}

static inline struct frame ip_in_ip(bool six_outside, bool six_inside) {
    struct frame inner = {0};
    add_inner(&inner, six_inside);
    return in_ip(six_outside, six_inside ? 41 : 4, &inner);
}

/* The flow is that of tcp4() or tcp6(), its headers at the end of the frame. */
static inline void assert_inner(const struct frame *f, bool six) {
    struct frame plain = six ? tcp6() : tcp4();
    struct decoded want = decoded(&plain);
    struct decoded d = decoded(f);
    uint32_t shift = f->n - plain.n;
    assert_reason(&d, FB_DECODE_OK);
    assert_same_key(&d, &want);
    assert_int_equal(d.flags, FB_F_TUNNEL);
    assert_int_equal(d.proto, 6);
    assert_int_equal(d.tcp_flags, 0x12);
    assert_int_equal(d.payload_len, 4);
    assert_int_equal(d.l3_off, want.l3_off + shift);
    assert_int_equal(d.l4_off, want.l4_off + shift);
    assert_int_equal(d.payload_off, want.payload_off + shift);
}

/* The flow is that of the IP header on the Ethernet, with protocol proto. */
static inline void assert_around(const struct decoded *d, unsigned proto,
                                 enum fb_decode_reason reason) {
    assert_reason(d, reason);
    assert_int_equal(
        d->flags, reason == FB_DECODE_OK || reason == FB_DECODE_TUNNEL_NON_IP ? 0 : FB_F_MALFORMED);
    assert_int_equal(d->l3_off, ETHERNET);
    assert_int_equal(d->proto, proto);
    assert_int_equal(key_proto(d), proto);
}

/* One row per tunnel: what stands between the IP header and the packet inside. */
struct tunnel_case {
    const char *name;
    bool six; /* tcp6() inside */
    uint8_t n;
    uint8_t header[64];
    bool has_id;
    uint8_t id_at; /* its lowest byte */
};

#define MACS 2, 0, 0, 0, 0, 0xd, 2, 0, 0, 0, 0, 0xc /* other ones than add_ethernet() */

static inline struct frame carried(const struct tunnel_case *t) {
    struct frame f = {0};
    add(&f, t->header, t->n);
    add_inner(&f, t->six);
    return f;
}

static inline bool same_key(const struct decoded *a, const struct decoded *b) {
    return memcmp(&a->key, &b->key, sizeof a->key) == 0;
}

#endif
