/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/frames.h"

#include <string.h>

const uint8_t address_a[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
const uint8_t address_b[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

const struct decode_options by_default = {.ports = &decode_usual_ports};

void add_ethernet(struct packet *f, unsigned type) {
    ADD(f, 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, HIGH(type), LOW(type));
}

void add_ip4(struct packet *f, unsigned proto, unsigned payload, unsigned fragment) {
    unsigned total = IP4 + payload;
    ADD(f, 0x45, 0, HIGH(total), LOW(total), 0, 1, HIGH(fragment), LOW(fragment), 64,
        (uint8_t)proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
}

void add_ip6(struct packet *f, unsigned next, unsigned payload) {
    ADD(f, 0x60, 0, 0, 0, HIGH(payload), LOW(payload), (uint8_t)next, 64);
    add_bytes(f, address_a, sizeof address_a);
    add_bytes(f, address_b, sizeof address_b);
}

void add_tcp(struct packet *f, unsigned words) {
    ADD(f, 0x03, 0xe8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, (uint8_t)(words << 4), 0x12, 1, 0, 0, 0, 0,
        0);
}

void add_udp(struct packet *f, unsigned length) {
    ADD(f, 0x03, 0xe8, 0, 80, HIGH(length), LOW(length), 0, 0);
}

struct packet tcp4(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 6, 24, 0x4000);
    add_tcp(&f, 5);
    ADD(&f, 'd', 'a', 't', 'a');
    return f;
}

struct packet udp4(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 17, 12, 0);
    add_udp(&f, 12);
    ADD(&f, 'd', 'a', 't', 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* padded to 60 */
    return f;
}

struct packet tcp6(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 6, 24);
    add_tcp(&f, 5);
    ADD(&f, 'd', 'a', 't', 'a');
    return f;
}

struct packet udp6(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 17, 16);
    add_udp(&f, 16);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

struct packet arp(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x0806);
    ADD(&f, 0, 1, 8, 0, 6, 4, 0, 1);
    return f;
}

struct packet vlans(unsigned depth) {
    static const uint16_t types[] = {0x8100, 0x88a8, 0x9100, 0x9200};
    struct packet inner = tcp4();
    struct packet f = {0};
    add_ethernet(&f, depth == 0 ? 0x0800 : types[0]);
    for (unsigned i = 1; i <= depth; i++) {
        unsigned type = i == depth ? 0x0800 : types[i % 4];
        ADD(&f, 0, (uint8_t)i, HIGH(type), LOW(type));
    }
    add_bytes(&f, inner.bytes + ETHERNET, inner.n - ETHERNET);
    return f;
}

struct packet extended(void) {
    struct packet f = {0};
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

struct packet icmp_message(unsigned proto, unsigned type, unsigned code) {
    struct packet f = {0};
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

struct packet transport4(unsigned proto, const uint8_t *header, uint32_t n) {
    struct packet f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, proto, n, 0);
    add_bytes(&f, header, n);
    return f;
}

struct packet snap(void) {
    struct packet inner = udp4();
    struct packet f = {0};
    add_ethernet(&f, 8 + IP4 + 12);
    ADD(&f, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
    add_bytes(&f, inner.bytes + ETHERNET, inner.n - ETHERNET);
    return f;
}

struct packet fragment4(unsigned field) {
    struct packet f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 17, 16, field);
    add_udp(&f, 4000);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

struct packet fragment6(unsigned field) {
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 44, 8 + 16);
    ADD(&f, 17, 0, HIGH(field), LOW(field), 0, 0, 0, 9);
    add_udp(&f, field == 0 ? 16 : 4000);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

struct packet authenticated(void) {
    struct packet f = {0};
    add_ethernet(&f, 0x0800);
    add_ip4(&f, 51, 12 + 20, 0);
    ADD(&f, 6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1); /* (1 + 2) * 4 bytes */
    add_tcp(&f, 5);
    return f;
}

struct decoded decoded_as(const struct packet *f, enum link_layer link) {
    struct decoded d;
    memset(&d, 0xa5, sizeof d);
    decode(f->bytes, f->n, link, &by_default, &d);
    return d;
}

struct decoded decoded_with(const struct packet *f, const struct decode_options *options) {
    struct decoded d;
    memset(&d, 0xa5, sizeof d);
    decode(f->bytes, f->n, LINK_ETHERNET, options, &d);
    return d;
}

struct decoded decoded(const struct packet *f) {
    return decoded_as(f, LINK_ETHERNET);
}

unsigned low_port(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 48);
}

unsigned high_port(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 32) & 0xffffu;
}

unsigned key_type(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 16) & 0xffffu;
}

unsigned key_proto(const struct decoded *d) {
    return (unsigned)(d->key.word[4] >> 8) & 0xffu;
}

unsigned key_kind(const struct decoded *d) {
    return (unsigned)d->key.word[4] & 0xffu;
}

bool same_key(const struct decoded *a, const struct decoded *b) {
    return memcmp(&a->key, &b->key, sizeof a->key) == 0;
}

void assert_reason(const struct decoded *d, enum fb_decode_reason reason) {
    assert_string_equal(fb_decode_texts[d->reason].name, fb_decode_texts[reason].name);
}

void assert_same_key(const struct decoded *a, const struct decoded *b) {
    assert_memory_equal(&a->key, &b->key, sizeof a->key);
}

unsigned samples(struct packet out[SAMPLES]) {
    static const uint8_t sctp[12] = {0x03, 0xe8, 0, 80};
    static const uint8_t dccp[12] = {0x03, 0xe8, 0, 80, 3};
    static const uint8_t udp_lite[8] = {0x03, 0xe8, 0, 80};
    static const uint8_t gre[4] = {0};
    const struct packet all[SAMPLES] = {tcp4(),
                                        udp4(),
                                        tcp6(),
                                        udp6(),
                                        arp(),
                                        vlans(1),
                                        vlans(5),
                                        extended(),
                                        icmp_message(1, 8, 0),
                                        icmp_message(1, 3, 1),
                                        icmp_message(58, 128, 0),
                                        icmp_message(58, 1, 4),
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
