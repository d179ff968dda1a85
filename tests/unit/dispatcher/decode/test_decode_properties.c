/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode.c with all tunnels: what holds for every frame, shown for
 * tunnels built at random of up to six layers, each any encapsulation that may follow,
 * with tcp4() or tcp6() inside.
 */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 20000u
#define LAYERS_MAX 6u
#define TUNNELS_MAX 8u
#define ROOM 512u

/* A packet in the making, from the inside out: headers are put before it. */
struct inside {
    uint32_t start; /* bytes[start] to bytes[ROOM - 1] */
    uint8_t bytes[ROOM];
};

static uint32_t size_of(const struct inside *p) {
    return ROOM - p->start;
}

static void put(struct inside *p, const void *header, uint32_t n) {
    assert_true(n <= p->start);
    p->start -= n;
    memcpy(p->bytes + p->start, header, n);
}

#define PUT(p, ...) put(p, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* What is outermost so far; the numbers that announce it. */
enum content { IS_IP4, IS_IP6, IS_ETHERNET, IS_MPLS };
static const uint16_t ethertypes[] = {0x0800, 0x86dd, 0x6558, 0x8847};

static void put_ip(struct inside *p, bool six, unsigned proto) {
    struct packet header = {0};
    if (six)
        add_ip6(&header, proto, size_of(p));
    else
        add_ip4(&header, proto, size_of(p), 0);
    put(p, header.bytes, header.n);
}

static void put_udp(struct inside *p, unsigned port, bool six) {
    unsigned length = 8 + size_of(p);
    PUT(p, 0xc3, 0x50, HIGH(port), LOW(port), HIGH(length), LOW(length), 0, 0);
    put_ip(p, six, 17);
}

/* Makes the content an Ethernet frame, if it is none, with a few tags. */
static void put_ethernet(struct inside *p, enum content is) {
    if (is == IS_ETHERNET)
        return;
    unsigned type = ethertypes[is];
    for (long tags = random() % 3; tags > 0; tags--) {
        PUT(p, 0, (uint8_t)random(), HIGH(type), LOW(type));
        type = 0x8100;
    }
    PUT(p, MACS, HIGH(type), LOW(type));
}

static enum content wrap_in_gre(struct inside *p, enum content is, bool six) {
    if (is != IS_ETHERNET && random() % 2)
        PUT(p, 0x20, 0, HIGH(ethertypes[is]), LOW(ethertypes[is]), 0, 0, 0, (uint8_t)random());
    else
        PUT(p, 0, 0, HIGH(ethertypes[is]), LOW(ethertypes[is]));
    put_ip(p, six, 47);
    return six ? IS_IP6 : IS_IP4;
}

static enum content wrap_in_ppp(struct inside *p, enum content is, bool six) {
    PUT(p, 0, 2, 0, (uint8_t)random(), 0, 7, 0xff, 3, 0, is == IS_IP6 ? 0x57 : 0x21);
    put_udp(p, 1701, six);
    return six ? IS_IP6 : IS_IP4;
}

static enum content wrap_in_gtp(struct inside *p, bool six) {
    unsigned length = size_of(p);
    PUT(p, 0x30, 255, HIGH(length), LOW(length), 0, 0, 0, (uint8_t)random());
    put_udp(p, 2152, six);
    return six ? IS_IP6 : IS_IP4;
}

static enum content wrap_in_vxlan(struct inside *p, enum content is, bool six) {
    put_ethernet(p, is);
    PUT(p, 8, 0, 0, 0, 0, 0, (uint8_t)random(), 0);
    put_udp(p, random() % 2 ? 4789 : 8472, six);
    return six ? IS_IP6 : IS_IP4;
}

static enum content wrap_in_geneve(struct inside *p, enum content is, bool six) {
    PUT(p, 1, 0, HIGH(ethertypes[is]), LOW(ethertypes[is]), 0, 0, (uint8_t)random(), 0, 1, 2, 3, 0);
    put_udp(p, 6081, six);
    return six ? IS_IP6 : IS_IP4;
}

static enum content wrap(struct inside *p, enum content is) {
    bool ip = is == IS_IP4 || is == IS_IP6;
    bool six = random() % 2;
    switch (random() % 8) {
    case 0:
        return wrap_in_gre(p, is, six);
    case 1:
        return ip ? wrap_in_ppp(p, is, six) : is;
    case 2:
        return ip ? wrap_in_gtp(p, six) : is;
    case 3:
        return wrap_in_vxlan(p, is, six);
    case 4:
        return wrap_in_geneve(p, is, six);
    case 5:
        put_ethernet(p, is);
        return IS_ETHERNET;
    case 6:
        if (!ip)
            return is;
        PUT(p, 0, 1, 1, 64);
        return IS_MPLS;
    default:
        if (ip)
            put_ip(p, six, is == IS_IP6 ? 41 : 4);
        return ip ? (six ? IS_IP6 : IS_IP4) : is;
    }
}

/* Returns where the innermost IP header is. */
static uint32_t random_frame(struct packet *f, bool *six) {
    struct inside p = {.start = ROOM};
    *six = random() % 2;
    struct packet plain = *six ? tcp6() : tcp4();
    put(&p, plain.bytes + ETHERNET, plain.n - ETHERNET);
    uint32_t inner = size_of(&p);
    enum content is = *six ? IS_IP6 : IS_IP4;
    for (long layers = random() % (LAYERS_MAX + 1); layers > 0 && p.start > 120; layers--)
        is = wrap(&p, is);
    if (is == IS_ETHERNET) { /* beneath the frame's own header: a pseudowire */
        PUT(&p, 0, 0, 0, 0);
        PUT(&p, 0, 1, 1, 64);
        is = IS_MPLS;
    }
    put_ethernet(&p, is);
    f->n = 0;
    add_bytes(f, p.bytes + p.start, size_of(&p));
    return f->n - inner;
}

static void flow_is_the_innermost_of_any_nesting(void **state) {
    unsigned tunnels = 0;
    (void)state;
    srandom(11);
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool six;
        struct packet f;
        uint32_t inner = random_frame(&f, &six);
        struct packet plain = six ? tcp6() : tcp4();
        struct decoded want = decoded(&plain);
        struct decoded d = decoded(&f);
        assert_reason(&d, FB_DECODE_OK);
        assert_same_key(&d, &want);
        assert_int_equal(d.l3_off, inner);
        assert_int_equal(d.l4_off, inner + (six ? IP6 : IP4));
        assert_int_equal(d.payload_off, f.n - 4);
        assert_int_equal(d.payload_len, 4);
        tunnels += d.flags == FB_F_TUNNEL;
    }
    assert_in_range(tunnels, ROUNDS / 2, ROUNDS); /* the frames are what they are meant to be */
}

static void answer_has_the_same_key_and_the_other_direction(void **state) {
    (void)state;
    srandom(12);
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool six;
        struct packet f;
        random_frame(&f, &six);
        assert_mirrors(f, LINK_ETHERNET, &all_options[i % OPTIONS]);
    }
}

static void outermost_flow_does_not_depend_on_what_is_inside(void **state) {
    (void)state;
    srandom(13);
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool six;
        struct packet f;
        random_frame(&f, &six);
        struct decoded one = decoded_with(&f, &outermost);
        struct decoded inner = decoded(&f);
        if ((inner.flags & FB_F_TUNNEL) == 0) {
            assert_same_key(&one, &inner);
            continue;
        }
        assert_true(one.l3_off < inner.l3_off);
        assert_int_equal(one.flags, 0);
        for (uint32_t at = inner.l3_off; at < f.n; at++)
            f.bytes[at] = (uint8_t)random();
        struct decoded two = decoded_with(&f, &outermost);
        assert_memory_equal(&one, &two, sizeof one);
    }
}

/* ---- hostile bytes, right before a page that cannot be touched */

static void tunnels_cut_anywhere_are_never_read_past_their_end(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    srandom(14);
    for (unsigned i = 0; i < 100; i++) {
        bool six;
        struct packet f;
        random_frame(&f, &six);
        assert_safe_at_every_length(end, &f);
    }
    free_guarded(end);
}

static void damaged_tunnels_are_never_read_past_their_end(void **state) {
    uint8_t *end = guarded_end();
    unsigned reasons[FB_DECODE_COUNT] = {0};
    (void)state;
    srandom(15);
    for (unsigned i = 0; i < 10 * ROUNDS; i++) {
        static struct packet f;
        bool six;
        if (i % 16 == 0)
            random_frame(&f, &six);
        uint32_t n = random() % 2 ? f.n : 1 + (uint32_t)random() % f.n;
        memcpy(end - n, f.bytes, n);
        for (long changes = 1 + random() % 4; changes > 0; changes--)
            end[-1 - random() % (long)n] = (uint8_t)random();
        const struct decode_options *options = &all_options[i % OPTIONS];
        struct decoded d;
        decode(end - n, n, LINK_ETHERNET, options, &d);
        assert_consistent(&d, n);
        reasons[d.reason]++;
    }
    assert_int_not_equal(reasons[FB_DECODE_TUNNEL_INNER], 0);
    assert_int_not_equal(reasons[FB_DECODE_TUNNEL_NON_IP], 0);
    assert_int_not_equal(reasons[FB_DECODE_TUNNEL_HEADER], 0);
    assert_int_not_equal(reasons[FB_DECODE_MPLS_SHORT], 0);
    free_guarded(end);
}

/* 65,535 bytes of nothing but the smallest IP headers in each other: a bound, not a walk. */
static void deepest_nest_that_fits_a_frame_is_bounded(void **state) {
    uint32_t n = ETHERNET + 65520;
    uint8_t *bytes = calloc(1, n);
    (void)state;
    assert_non_null(bytes);
    bytes[12] = 8;
    for (uint32_t at = ETHERNET; at + IP4 <= n; at += IP4) {
        uint32_t total = n - at;
        const uint8_t header[IP4] = {0x45, 0, HIGH(total), LOW(total), [8] = 64, 4, [12] = 10};
        memcpy(bytes + at, header, IP4);
    }
    struct decoded d;
    decode(bytes, n, LINK_ETHERNET, &by_default, &d);
    assert_reason(&d, FB_DECODE_TUNNEL_DEEP);
    assert_int_equal(d.l3_off, ETHERNET + TUNNELS_MAX * IP4);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_is_the_innermost_of_any_nesting),
        cmocka_unit_test(answer_has_the_same_key_and_the_other_direction),
        cmocka_unit_test(outermost_flow_does_not_depend_on_what_is_inside),
        cmocka_unit_test(tunnels_cut_anywhere_are_never_read_past_their_end),
        cmocka_unit_test(damaged_tunnels_are_never_read_past_their_end),
        cmocka_unit_test(deepest_nest_that_fits_a_frame_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
