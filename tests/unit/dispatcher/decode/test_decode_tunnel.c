/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_tunnel.c: IP in IP, nesting, and how tunnels are left again. */
#include "tests/lib/frames_tunnel.h"

static void ip_in_ip_is_opened_in_all_four_ways(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct packet f = ip_in_ip(i / 2, i % 2);
        assert_inner(&f, i % 2);
        struct decoded d = decoded_with(&f, &outermost);
        assert_outer(&d, i % 2 ? 41 : 4, FB_DECODE_OK);
        assert_int_equal(d.l4_off, ETHERNET + (i / 2 ? IP6 : IP4));
        assert_int_equal(key_kind(&d), i / 2 ? FB_KEY_IP6 : FB_KEY_IP4);
    }
}

static void what_makes_no_sense_inside_leaves_the_flow_outside(void **state) {
    (void)state;
    struct packet f = ip_in_ip(false, false);
    uint8_t *inner = f.bytes + ETHERNET + IP4;
    inner[0] = 0x40; /* header length 0: a reader that goes on by it goes on for ever */
    struct decoded d = decoded(&f);
    assert_outer(&d, 4, FB_DECODE_TUNNEL_INNER);
    assert_int_equal(d.l4_off, ETHERNET + IP4);
    assert_int_equal(low_port(&d), 0);
    inner[0] = 0x60; /* version 6 in protocol 4 */
    d = decoded(&f);
    assert_outer(&d, 4, FB_DECODE_TUNNEL_INNER);
    inner[0] = 0x46;
    inner[3] = 23; /* total length within the header */
    d = decoded(&f);
    assert_outer(&d, 4, FB_DECODE_TUNNEL_INNER);
    f = ip_in_ip(false, true);
    for (f.n = ETHERNET + IP4; f.n < ETHERNET + IP4 + IP6; f.n++) {
        d = decoded(&f);
        assert_outer(&d, 41, FB_DECODE_TUNNEL_INNER);
    }
}

static void broken_transport_inside_keeps_the_addresses_inside(void **state) {
    (void)state;
    struct packet f = ip_in_ip(true, false);
    f.n -= 4 + 17; /* three bytes of TCP */
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(d.flags, FB_F_TUNNEL | FB_F_MALFORMED);
    assert_int_equal(d.l3_off, ETHERNET + IP6);
    assert_int_equal(key_kind(&d), FB_KEY_IP4);
    assert_int_equal(low_port(&d), 0);
}

static void of_outer_fragments_the_first_is_looked_into(void **state) {
    static const uint16_t fields[] = {0x2000, 0x2005, 0x0005};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct packet f = ip_in_ip(false, false);
        f.bytes[ETHERNET + 6] = HIGH(fields[i]);
        f.bytes[ETHERNET + 7] = LOW(fields[i]);
        struct decoded d = decoded(&f);
        assert_reason(&d, i == 0 ? FB_DECODE_FRAGMENT_FIRST : FB_DECODE_FRAGMENT_LATER);
        assert_int_equal(d.flags, i == 0 ? FB_F_FRAGMENT | FB_F_TUNNEL : FB_F_FRAGMENT);
        assert_int_equal(d.l3_off, i == 0 ? ETHERNET + IP4 : ETHERNET);
        assert_int_equal(d.fragment_off, ETHERNET);
        assert_int_equal(d.proto, i == 0 ? 6 : 4);
    }
}

static void inner_fragments_are_told(void **state) {
    (void)state;
    struct packet f = ip_in_ip(true, false);
    f.bytes[ETHERNET + IP6 + 6] = 0x20;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_FIRST);
    assert_int_equal(d.flags, FB_F_FRAGMENT | FB_F_TUNNEL);
    assert_int_equal(low_port(&d), 1000);
}

static void nested_tunnels_are_opened_up_to_their_bound(void **state) {
    (void)state;
    for (unsigned depth = 1; depth <= 10; depth++) {
        struct packet f = {0};
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_in_ip_is_opened_in_all_four_ways),
        cmocka_unit_test(what_makes_no_sense_inside_leaves_the_flow_outside),
        cmocka_unit_test(broken_transport_inside_keeps_the_addresses_inside),
        cmocka_unit_test(of_outer_fragments_the_first_is_looked_into),
        cmocka_unit_test(inner_fragments_are_told),
        cmocka_unit_test(nested_tunnels_are_opened_up_to_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
