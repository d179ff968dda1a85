/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/frames_tunnel.h"

#include <string.h>

const struct decode_options outermost = {.ports = &decode_usual_ports, .outer = true};
const struct decode_options by_vlan = {
    .ports = &decode_usual_ports, .key_vlan = true, .secret = {1, 2}};
const struct decode_options by_tunnel = {
    .ports = &decode_usual_ports, .key_tunnel = true, .secret = {3, 4}};

void add_inner(struct packet *f, bool six) {
    struct packet plain = six ? tcp6() : tcp4();
    add_bytes(f, plain.bytes + ETHERNET, plain.n - ETHERNET);
}

struct packet in_ip(bool six_outside, unsigned proto, const struct packet *carried) {
    struct packet f = {0};
    add_ethernet(&f, six_outside ? 0x86dd : 0x0800);
    if (six_outside)
        add_ip6(&f, proto, carried->n);
    else
        add_ip4(&f, proto, carried->n, 0);
    add_bytes(&f, carried->bytes, carried->n);
    return f;
}

struct packet ip_in_ip(bool six_outside, bool six_inside) {
    struct packet inner = {0};
    add_inner(&inner, six_inside);
    return in_ip(six_outside, six_inside ? 41 : 4, &inner);
}

void assert_inner(const struct packet *f, bool six) {
    struct packet plain = six ? tcp6() : tcp4();
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

void assert_outer(const struct decoded *d, unsigned proto, enum fb_decode_reason reason) {
    assert_reason(d, reason);
    assert_int_equal(
        d->flags, reason == FB_DECODE_OK || reason == FB_DECODE_TUNNEL_NON_IP ? 0 : FB_F_MALFORMED);
    assert_int_equal(d->l3_off, ETHERNET);
    assert_int_equal(d->proto, proto);
    assert_int_equal(key_proto(d), proto);
}

struct packet carried(const struct tunnel_case *t) {
    struct packet f = {0};
    add_bytes(&f, t->header, t->n);
    add_inner(&f, t->six);
    return f;
}

struct packet in_udp(bool six_outside, unsigned sport, unsigned dport,
                     const struct packet *carried) {
    struct packet udp = {0};
    unsigned length = UDP_HEADER + carried->n;
    ADD(&udp, HIGH(sport), LOW(sport), HIGH(dport), LOW(dport), HIGH(length), LOW(length), 0, 0);
    add_bytes(&udp, carried->bytes, carried->n);
    return in_ip(six_outside, UDP, &udp);
}

struct packet to_port(unsigned port, const struct tunnel_case *t) {
    struct packet in = carried(t);
    return in_udp(false, 50000, port, &in);
}

void assert_plain_udp(const struct decoded *d, enum fb_decode_reason reason) {
    assert_outer(d, UDP, reason);
    assert_int_equal(d->l4_off, ETHERNET + IP4);
    assert_int_equal(d->payload_off, ETHERNET + IP4 + UDP_HEADER);
}
