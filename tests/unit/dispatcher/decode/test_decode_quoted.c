/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode_quoted() of dispatcher/decode/decode.c: the packet that an ICMP error quotes, and
 * its flow.
 */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <string.h>

#define ICMP_HEADER 8u

/* An error of that type about the packet in `quote`, from its IP header on; `kept` bytes of it. */
static struct packet error_about(bool six, unsigned type, const struct packet *quote,
                                 uint32_t kept) {
    struct packet carried = {0};
    ADD(&carried, (uint8_t)type, 1, 0, 0, 0, 0, 0, 0);
    add_bytes(&carried, quote->bytes + ETHERNET, kept);
    return in_ip(six, six ? 58 : 1, &carried);
}

static struct packet error_about_all(bool six, unsigned type, const struct packet *quote) {
    return error_about(six, type, quote, quote->n - ETHERNET);
}

static bool quoted_with(const struct packet *f, const struct decode_options *options,
                        struct decoded *d) {
    memset(d, 0xa5, sizeof *d);
    return decode_quoted(f->bytes, f->n, LINK_ETHERNET, options, d);
}

static bool quoted(const struct packet *f, struct decoded *d) {
    return quoted_with(f, &by_default, d);
}

static void quote_has_the_flow_and_the_direction_of_its_packet(void **state) {
    const struct packet all[] = {tcp4(), udp4(), tcp6(), udp6(), extended(), authenticated()};
    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        for (unsigned six = 0; six < 2; six++) {
            struct decoded want = decoded(&all[i]), d;
            struct packet f = error_about_all(six, six ? 1 : 3, &all[i]);
            uint32_t shift = (six ? IP6 : IP4) + ICMP_HEADER;
            struct decoded outside = decoded(&f);
            assert_reason(&outside, FB_DECODE_ICMP_ERROR);
            assert_true(quoted(&f, &d));
            assert_same_key(&d, &want);
            assert_int_equal(d.swapped, want.swapped);
            assert_int_equal(d.proto, want.proto);
            assert_int_equal(d.tcp_flags, want.tcp_flags);
            assert_int_equal(d.l3_off, want.l3_off + shift);
            assert_int_equal(d.l4_off, want.l4_off + shift);
            assert_int_equal(d.payload_off, want.payload_off + shift);
            assert_int_equal(d.payload_len, want.payload_len);
            assert_int_equal(d.flags, 0);
        }
    }
}

static void eight_bytes_of_transport_are_enough_for_the_flow(void **state) {
    (void)state;
    struct packet tcp = tcp4();
    struct decoded want = decoded(&tcp), d;
    struct packet f = error_about(false, 3, &tcp, IP4 + 8);
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &want);
    assert_int_equal(d.payload_off, FB_NO_OFFSET);
    f = error_about(false, 3, &tcp, IP4 + 3); /* and three are not */
    assert_true(quoted(&f, &d));
    assert_int_equal(key_kind(&d), FB_KEY_IP4);
    assert_int_equal(low_port(&d), 0);
}

static void what_is_no_quote_has_none(void **state) {
    (void)state;
    const struct packet tcp = tcp4(), no_ip = arp();
    struct packet frames[] = {
        tcp,
        no_ip,
        icmp_message(1, 8, 0),
        icmp_message(58, 128, 0),
        icmp_message(1, 3, 1),                /* nothing behind the header */
        error_about_all(false, 0, &tcp),      /* an answer that carries a packet */
        error_about(false, 3, &tcp, IP4 - 1), /* cut within the IP header */
        error_about(true, 1, &tcp, 1),
        fragment4(0x0005),
    };
    for (unsigned i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct decoded d;
        assert_false(quoted(&frames[i], &d));
    }
}

static void quote_of_a_wrong_version_or_length_is_none(void **state) {
    (void)state;
    struct packet tcp = tcp4();
    struct decoded d;
    tcp.bytes[ETHERNET] = 0x55;
    struct packet f = error_about_all(false, 3, &tcp);
    assert_false(quoted(&f, &d));
    tcp.bytes[ETHERNET] = 0x44;
    f = error_about_all(false, 3, &tcp);
    assert_false(quoted(&f, &d));
    struct packet carried = {0}; /* nor in a tunnel, whose own header is not of the quote */
    add_bytes(&carried, f.bytes + ETHERNET, f.n - ETHERNET);
    f = in_ip(true, 4, &carried);
    assert_false(quoted(&f, &d));
}

/* No error is sent about an error, so what is quoted there is not looked into. */
static void error_about_an_error_is_of_the_flow_of_that(void **state) {
    (void)state;
    struct packet tcp = tcp4();
    struct packet inner = error_about_all(false, 3, &tcp);
    struct packet f = error_about_all(false, 11, &inner);
    struct decoded want = decoded(&inner), d;
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &want);
    assert_int_equal(d.proto, 1);
}

/* That the error is in fragments says nothing of what it quotes, and the other way round. */
static void fragment_is_that_of_the_quote(void **state) {
    (void)state;
    struct packet tcp = tcp4(), first = fragment4(0x2000), later = fragment4(0x0005);
    struct decoded d;
    struct packet f = error_about_all(false, 3, &tcp);
    f.bytes[ETHERNET + 6] = 0x20;
    assert_true(quoted(&f, &d));
    assert_int_equal(d.flags, 0);
    f = error_about_all(false, 3, &first);
    assert_true(quoted(&f, &d));
    assert_int_equal(d.flags, FB_F_FRAGMENT);
    assert_int_equal(d.fragment_off, ETHERNET + IP4 + ICMP_HEADER);
    f = error_about_all(false, 3, &later);
    assert_true(quoted(&f, &d));
    assert_int_equal(d.flags, FB_F_FRAGMENT);
    assert_int_equal(d.l4_off, FB_NO_OFFSET);
}

static void quote_of_a_tunnel_is_of_the_flow_inside(void **state) {
    (void)state;
    struct packet tunnel = ip_in_ip(false, true), plain = tcp6();
    struct decoded want = decoded(&plain), around = decoded_with(&tunnel, &outermost), d;
    struct packet f = error_about_all(false, 3, &tunnel);
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &want);
    assert_int_equal(d.flags, FB_F_TUNNEL);
    assert_true(quoted_with(&f, &outermost, &d));
    assert_same_key(&d, &around);
    f.n -= plain.n - ETHERNET - 7; /* too little of what is inside: the flow is that around it */
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &around);
}

/* What a tunnel carries is no IP: the flow is that of the header around it, in a quote too. */
static void quote_of_a_tunnel_without_ip_is_of_the_flow_around_it(void **state) {
    (void)state;
    struct packet carried = {0}, no_ip = arp();
    ADD(&carried, 0, 0, 0x65, 0x58); /* GRE, Ethernet */
    add_bytes(&carried, no_ip.bytes, no_ip.n);
    struct packet tunnel = in_ip(false, 47, &carried);
    struct decoded want = decoded(&tunnel), d;
    assert_reason(&want, FB_DECODE_TUNNEL_NON_IP);
    struct packet f = error_about_all(false, 3, &tunnel);
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &want);
    assert_int_equal(d.flags, 0);
}

static void error_in_a_tunnel_and_behind_a_tag_has_the_ids_of_its_flow(void **state) {
    (void)state;
    struct packet tagged = vlans(1), tcp = tcp4();
    struct packet error = error_about_all(false, 3, &tcp), carried = {0}, behind_a_tag = {0};
    struct decoded want = decoded_with(&tagged, &by_vlan), d;
    add_bytes(&behind_a_tag, tagged.bytes, ETHERNET + 4);
    add_bytes(&behind_a_tag, error.bytes + ETHERNET, error.n - ETHERNET);
    assert_true(quoted_with(&behind_a_tag, &by_vlan, &d));
    assert_same_key(&d, &want);
    add_bytes(&carried, error.bytes + ETHERNET, error.n - ETHERNET);
    struct packet f = in_ip(true, 4, &carried);
    want = decoded(&tcp);
    assert_true(quoted(&f, &d));
    assert_same_key(&d, &want);
    assert_int_equal(d.flags, FB_F_TUNNEL);
}

static void quotes_cut_anywhere_are_never_read_past_their_end(void **state) {
    uint8_t *end = guarded_end();
    const struct packet packets[] = {tcp4(), extended(), ip_in_ip(true, false), fragment6(1)};
    (void)state;
    for (unsigned i = 0; i < sizeof packets / sizeof *packets; i++) {
        struct packet f = error_about_all(i & 1, i & 1 ? 2 : 12, &packets[i]);
        for (uint32_t n = 0; n <= f.n; n++) {
            struct decoded d;
            memcpy(end - n, f.bytes, n);
            if (decode_quoted(end - n, n, LINK_ETHERNET, &by_default, &d)) {
                assert_true(n >= ETHERNET + IP4 + ICMP_HEADER + IP4);
                assert_consistent(&d, n);
            }
        }
    }
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_has_the_flow_and_the_direction_of_its_packet),
        cmocka_unit_test(eight_bytes_of_transport_are_enough_for_the_flow),
        cmocka_unit_test(what_is_no_quote_has_none),
        cmocka_unit_test(quote_of_a_wrong_version_or_length_is_none),
        cmocka_unit_test(error_about_an_error_is_of_the_flow_of_that),
        cmocka_unit_test(fragment_is_that_of_the_quote),
        cmocka_unit_test(quote_of_a_tunnel_is_of_the_flow_inside),
        cmocka_unit_test(quote_of_a_tunnel_without_ip_is_of_the_flow_around_it),
        cmocka_unit_test(error_in_a_tunnel_and_behind_a_tag_has_the_ids_of_its_flow),
        cmocka_unit_test(quotes_cut_anywhere_are_never_read_past_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
