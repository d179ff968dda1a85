/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_H
#define TESTS_LIB_FRAMES_H

/* Frames made by hand for the tests of the decoder, and a look into its keys. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/decode/decode.h"

/* A frame in the making; headers are appended with add(). */
struct frame {
    uint32_t n;
    uint8_t bytes[512];
};

static const uint8_t address_a[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t address_b[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

#define ETHERNET 14u
#define IP4 20u
#define IP6 40u

static inline void add(struct frame *f, const void *bytes, uint32_t n) {
    assert_true(f->n + n <= sizeof f->bytes);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

#define ADD(f, ...)                                                                                \
    do {                                                                                           \
        const uint8_t header_[] = {__VA_ARGS__};                                                   \
        add((f), header_, sizeof header_);                                                         \
    } while (0)

#define HIGH(x) ((uint8_t)((x) >> 8))
#define LOW(x) ((uint8_t)(x))

static inline void add_ethernet(struct frame *f, unsigned type) {
    ADD(f, 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, HIGH(type), LOW(type));
}

/* From 10.0.0.1 to 10.0.0.2. */
static inline void add_ip4(struct frame *f, unsigned proto, unsigned payload, unsigned fragment) {
    unsigned total = IP4 + payload;
    ADD(f, 0x45, 0, HIGH(total), LOW(total), 0, 1, HIGH(fragment), LOW(fragment), 64,
        (uint8_t)proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
}

static inline void add_ip6(struct frame *f, unsigned next, unsigned payload) {
    ADD(f, 0x60, 0, 0, 0, HIGH(payload), LOW(payload), (uint8_t)next, 64);
    add(f, address_a, sizeof address_a);
    add(f, address_b, sizeof address_b);
}

/* From port 1000 to port 80, SYN and ACK. */
static inline void add_tcp(struct frame *f, unsigned words) {
    ADD(f, 0x03, 0xe8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, (uint8_t)(words << 4), 0x12, 1, 0, 0, 0, 0,
        0);
}

static inline void add_udp(struct frame *f, unsigned length) {
    ADD(f, 0x03, 0xe8, 0, 80, HIGH(length), LOW(length), 0, 0);
}

static inline struct frame tcp4(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 6, 24, 0x4000);
    add_tcp(&f, 5);
    ADD(&f, 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame udp4(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 17, 12, 0);
    add_udp(&f, 12);
    ADD(&f, 'd', 'a', 't', 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* padded to 60 */
    return f;
}

static inline struct frame tcp6(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 6, 24);
    add_tcp(&f, 5);
    ADD(&f, 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame udp6(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 17, 16);
    add_udp(&f, 16);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame arp(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x0806);
    ADD(&f, 0, 1, 8, 0, 6, 4, 0, 1);
    return f;
}

static inline struct frame vlans(unsigned depth) {
    static const uint16_t types[] = {0x8100, 0x88a8, 0x9100, 0x9200};
    struct frame inner = tcp4();
    struct frame f = {0};
    add_ethernet(&f, depth == 0 ? 0x0800 : types[0]);
    for (unsigned i = 1; i <= depth; i++) {
        unsigned type = i == depth ? 0x0800 : types[i % 4];
        ADD(&f, 0, (uint8_t)i, HIGH(type), LOW(type));
    }
    add(&f, inner.bytes + ETHERNET, inner.n - ETHERNET);
    return f;
}

/* Every extension header that is followed, then UDP. */
static inline struct frame extended(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 0, 8 + 16 + 8 + 8 + 8 + 8 + 8 + 8 + 16);
    ADD(&f, 43, 0, 0, 0, 0, 0, 0, 0);                         /* hop-by-hop */
    ADD(&f, 44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* routing */
    ADD(&f, 51, 0, 0, 0, 0, 0, 0, 9);                         /* atomic fragment */
    ADD(&f, 60, 0, 0, 0, 0, 0, 0, 0);                         /* authentication: (0 + 2) * 4 */
    ADD(&f, 135, 0, 0, 0, 0, 0, 0, 0);                        /* destination options */
    ADD(&f, 139, 0, 0, 0, 0, 0, 0, 0);                        /* mobility */
    ADD(&f, 140, 0, 0, 0, 0, 0, 0, 0);                        /* HIP */
    ADD(&f, 17, 0, 0, 0, 0, 0, 0, 0);                         /* shim6 */
    add_udp(&f, 16);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame icmp(unsigned proto, unsigned type, unsigned code) {
    struct frame f = {0};
    if (proto == 1) {
        add_ethernet(&f, 0x0800);
        add_ip4(&f, proto, 8, 0);
    } else {
        add_ethernet(&f, 0x86dd);
        add_ip6(&f, proto, 8);
    }
    ADD(&f, (uint8_t)type, (uint8_t)code, 0, 0, 0, 0, 0, 0);
    return f;
}

static inline struct frame transport4(unsigned proto, const uint8_t *header, uint32_t n) {
    struct frame f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, proto, n, 0);
    add(&f, header, n);
    return f;
}

static inline struct frame snap(void) {
    struct frame inner = udp4();
    struct frame f = {0};
    add_ethernet(&f, 8 + IP4 + 12);
    ADD(&f, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
    add(&f, inner.bytes + ETHERNET, inner.n - ETHERNET);
    return f;
}

static inline struct frame fragment4(unsigned field) {
    struct frame f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 17, 16, field);
    add_udp(&f, 4000);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame fragment6(unsigned field) {
    struct frame f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 44, 8 + 16);
    ADD(&f, 17, 0, HIGH(field), LOW(field), 0, 0, 0, 9);
    add_udp(&f, field == 0 ? 16 : 4000);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

static inline struct frame authenticated(void) {
    struct frame f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 51, 12 + 20, 0);
    ADD(&f, 6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1); /* (1 + 2) * 4 bytes */
    add_tcp(&f, 5);
    return f;
}

static const struct decode_options by_default;

static inline struct decoded decoded_as(const struct frame *f, enum link_layer link) {
    struct decoded d;
    memset(&d, 0xa5, sizeof d);
    decode(f->bytes, f->n, link, &by_default, &d);
    return d;
}

static inline struct decoded decoded_with(const struct frame *f,
                                          const struct decode_options *options) {
    struct decoded d;
    memset(&d, 0xa5, sizeof d);
    decode(f->bytes, f->n, LINK_ETHERNET, options, &d);
    return d;
}

static inline struct decoded decoded(const struct frame *f) {
    return decoded_as(f, LINK_ETHERNET);
}

static inline unsigned low_port(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 48);
}

static inline unsigned high_port(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 32) & 0xffffu;
}

static inline unsigned key_type(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 16) & 0xffffu;
}

static inline unsigned key_proto(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 8) & 0xffu;
}

static inline unsigned key_kind(const struct decoded *d) {
    return (unsigned)d->key.word[4] & 0xffu;
}

static inline void assert_reason(const struct decoded *d, enum fb_decode_reason reason) {
    assert_string_equal(fb_decode_texts[d->reason].name, fb_decode_texts[reason].name);
}

static inline void assert_same_key(const struct decoded *a, const struct decoded *b) {
    assert_memory_equal(&a->key, &b->key, sizeof a->key);
}

#define SAMPLES 22u

static inline unsigned samples(struct frame out[SAMPLES]) {
    static const uint8_t sctp[12] = {0x03, 0xe8, 0, 80};
    static const uint8_t dccp[12] = {0x03, 0xe8, 0, 80, 3};
    static const uint8_t udp_lite[8] = {0x03, 0xe8, 0, 80};
    static const uint8_t gre[4] = {0};
    const struct frame all[SAMPLES] = {tcp4(),
                                       udp4(),
                                       tcp6(),
                                       udp6(),
                                       arp(),
                                       vlans(1),
                                       vlans(5),
                                       extended(),
                                       icmp(1, 8, 0),
                                       icmp(1, 3, 1),
                                       icmp(58, 128, 0),
                                       icmp(58, 1, 4),
                                       snap(),
                                       fragment4(0x2000),
                                       fragment4(0x0005),
                                       fragment6(0x0001),
                                       fragment6(0x0028),
                                       authenticated(),
                                       transport4(132, sctp, sizeof sctp),
                                       transport4(33, dccp, sizeof dccp),
                                       transport4(136, udp_lite, sizeof udp_lite),
                                       transport4(47, gre, sizeof gre)};
    memcpy(out, all, sizeof all);
    return SAMPLES;
}

#endif
