/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/frames.h"

static const struct decode_options outermost = {.outer = true};
static const struct decode_options by_vlan = {.key_vlan = true, .secret = {1, 2}};

/* What is inside of tcp4() or tcp6(), from its IP header on. */
static void add_inner(struct frame *f, bool six) {
    struct frame plain = six ? tcp6() : tcp4();
    add(f, plain.bytes + ETHERNET, plain.n - ETHERNET);
}

/* Version 4 or 6 around, from 10.0.0.1 as tcp4() or from address_a; then what it carries. */
static struct frame in_ip(bool six_outside, unsigned proto, const struct frame *carried) {
    struct frame f = {0};
    add_ethernet(&f, six_outside ? 0x86dd : 0x0800);
    if (six_outside)
        add_ip6(&f, proto, carried->n);
    else
        add_ip4(&f, proto, carried->n, 0);
    add(&f, carried->bytes, carried->n);
    return f;
}

static struct frame ip_in_ip(bool six_outside, bool six_inside) {
    struct frame inner = {0};
    add_inner(&inner, six_inside);
    return in_ip(six_outside, six_inside ? 41 : 4, &inner);
}

/* The flow is that of tcp4() or tcp6(), its headers at the end of the frame. */
static void assert_inner(const struct frame *f, bool six) {
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
static void assert_around(const struct decoded *d, unsigned proto, enum fb_decode_reason reason) {
    assert_reason(d, reason);
    assert_int_equal(
        d->flags, reason == FB_DECODE_OK || reason == FB_DECODE_TUNNEL_NON_IP ? 0 : FB_F_MALFORMED);
    assert_int_equal(d->l3_off, ETHERNET);
    assert_int_equal(d->proto, proto);
    assert_int_equal(key_proto(d), proto);
}

static void ip_in_ip_is_opened_in_all_four_ways(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct frame f = ip_in_ip(i / 2, i % 2);
        assert_inner(&f, i % 2);
        struct decoded d = decoded_with(&f, &outermost);
        assert_around(&d, i % 2 ? 41 : 4, FB_DECODE_OK);
        assert_int_equal(d.l4_off, ETHERNET + (i / 2 ? IP6 : IP4));
        assert_int_equal(key_kind(&d), i / 2 ? FB_KEY_IP6 : FB_KEY_IP4);
    }
}

static void what_makes_no_sense_inside_leaves_the_flow_outside(void **state) {
    (void)state;
    struct frame f = ip_in_ip(false, false);
    uint8_t *inner = f.bytes + ETHERNET + IP4;
    inner[0] = 0x40; /* header length 0: a reader that goes on by it goes on for ever */
    struct decoded d = decoded(&f);
    assert_around(&d, 4, FB_DECODE_TUNNEL_INNER);
    assert_int_equal(d.l4_off, ETHERNET + IP4);
    assert_int_equal(low_port(&d), 0);
    inner[0] = 0x60; /* version 6 in protocol 4 */
    d = decoded(&f);
    assert_around(&d, 4, FB_DECODE_TUNNEL_INNER);
    inner[0] = 0x46;
    inner[3] = 23; /* total length within the header */
    d = decoded(&f);
    assert_around(&d, 4, FB_DECODE_TUNNEL_INNER);
    f = ip_in_ip(false, true);
    for (f.n = ETHERNET + IP4; f.n < ETHERNET + IP4 + IP6; f.n++) {
        d = decoded(&f);
        assert_around(&d, 41, FB_DECODE_TUNNEL_INNER);
    }
}

static void broken_transport_inside_keeps_the_addresses_inside(void **state) {
    (void)state;
    struct frame f = ip_in_ip(true, false);
    f.n -= 4 + 17; /* three bytes of TCP */
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(d.flags, FB_F_TUNNEL | FB_F_MALFORMED);
    assert_int_equal(d.l3_off, ETHERNET + IP6);
    assert_int_equal(key_kind(&d), FB_KEY_IP4);
    assert_int_equal(low_port(&d), 0);
}

static void outer_fragments_are_not_looked_into(void **state) {
    static const uint16_t fields[] = {0x2000, 0x2005, 0x0005};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct frame f = ip_in_ip(false, false);
        f.bytes[ETHERNET + 6] = HIGH(fields[i]);
        f.bytes[ETHERNET + 7] = LOW(fields[i]);
        struct decoded d = decoded(&f);
        assert_reason(&d, i == 0 ? FB_DECODE_FRAGMENT_FIRST : FB_DECODE_FRAGMENT_LATER);
        assert_int_equal(d.flags, FB_F_FRAGMENT);
        assert_int_equal(d.l3_off, ETHERNET);
        assert_int_equal(d.proto, 4);
    }
}

static void inner_fragments_are_told(void **state) {
    (void)state;
    struct frame f = ip_in_ip(true, false);
    f.bytes[ETHERNET + IP6 + 6] = 0x20;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_FIRST);
    assert_int_equal(d.flags, FB_F_FRAGMENT | FB_F_TUNNEL);
    assert_int_equal(low_port(&d), 1000);
}

static void nested_tunnels_are_opened_up_to_their_bound(void **state) {
    (void)state;
    for (unsigned depth = 1; depth <= 10; depth++) {
        struct frame f = {0};
        add_ethernet(&f, 0x0800);
        for (unsigned i = 0; i < depth; i++)
            add_ip4(&f, 4, IP4 * (depth - i) + 24, 0);
        add_inner(&f, false);
        struct decoded d = decoded(&f);
        assert_reason(&d, depth <= 8 ? FB_DECODE_OK : FB_DECODE_TUNNEL_DEEP);
        assert_int_equal(d.l3_off, ETHERNET + IP4 * (depth <= 8 ? depth : 8));
        assert_int_equal(d.proto, depth <= 8 ? 6 : 4);
        assert_int_equal(d.flags, depth <= 8 ? FB_F_TUNNEL : FB_F_TUNNEL | FB_F_MALFORMED);
    }
}

static void vlan_ids_make_flows_where_asked_for(void **state) {
    struct decode_options other_secret = by_vlan;
    (void)state;
    other_secret.secret[0]++;
    struct frame f = vlans(2);
    struct decoded plain = decoded(&f);
    struct decoded one = decoded_with(&f, &by_vlan);
    assert_int_equal(memcmp(&plain.key, &one.key, sizeof one.key) == 0, 0);
    assert_int_equal(plain.l4_off, one.l4_off);
    f.bytes[ETHERNET] ^= 0xf0; /* priority is not identity */
    struct decoded two = decoded_with(&f, &by_vlan);
    assert_same_key(&one, &two);
    for (unsigned bit = 0; bit < 12; bit++) { /* each bit of each tag's id is */
        for (unsigned tag = 0; tag < 2; tag++) {
            struct frame g = vlans(2);
            g.bytes[ETHERNET + 4 * tag + (bit < 8 ? 1 : 0)] ^= (uint8_t)(1u << bit % 8);
            two = decoded_with(&g, &by_vlan);
            assert_int_equal(memcmp(&two.key, &one.key, sizeof one.key) == 0, 0);
        }
    }
    f = vlans(2); /* and so is their order */
    memcpy(f.bytes + ETHERNET, vlans(2).bytes + ETHERNET + 4, 2);
    memcpy(f.bytes + ETHERNET + 4, vlans(2).bytes + ETHERNET, 2);
    two = decoded_with(&f, &by_vlan);
    assert_int_equal(memcmp(&two.key, &one.key, sizeof one.key) == 0, 0);
    f = vlans(2);
    two = decoded_with(&f, &other_secret);
    assert_int_equal(memcmp(&two.key, &one.key, sizeof one.key) == 0, 0);
    f = tcp4();
    one = decoded(&f);
    two = decoded_with(&f, &by_vlan);
    assert_same_key(&one, &two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_in_ip_is_opened_in_all_four_ways),
        cmocka_unit_test(what_makes_no_sense_inside_leaves_the_flow_outside),
        cmocka_unit_test(broken_transport_inside_keeps_the_addresses_inside),
        cmocka_unit_test(outer_fragments_are_not_looked_into),
        cmocka_unit_test(inner_fragments_are_told),
        cmocka_unit_test(nested_tunnels_are_opened_up_to_their_bound),
        cmocka_unit_test(vlan_ids_make_flows_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
