/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode.c, dispatcher/decode/decode_link.c and
 * dispatcher/decode/decode_ip.c: keys, directions, offsets and reasons of plain frames.
 */
#include "tests/lib/frames_hostile.h"

#include <stdlib.h>
#include <string.h>

/* The answer to a sample: addresses and ports exchanged, an ICMP query turned into its reply. */
static void mirror(struct packet *f) {
    const struct decoded d = decoded(f);
    swap_bytes(f->bytes, f->bytes + 6, 6);
    if (d.l3_off == FB_NO_OFFSET)
        return;
    uint8_t *ip = f->bytes + d.l3_off;
    if (ip[0] >> 4 == 4)
        swap_bytes(ip + 12, ip + 16, 4);
    else
        swap_bytes(ip + 8, ip + 24, 16);
    if (d.l4_off == FB_NO_OFFSET || d.proto == 47)
        return;
    uint8_t *l4 = f->bytes + d.l4_off;
    if (d.proto == 1)
        l4[0] = l4[0] == 8 ? 0 : l4[0];
    else if (d.proto == 58)
        l4[0] = l4[0] == 128 ? 129 : l4[0];
    else
        swap_bytes(l4, l4 + 2, 2);
}

static void mirrored_packet_has_the_same_key_and_the_other_direction(void **state) {
    struct packet all[SAMPLES];
    (void)state;
    for (unsigned i = 0; i < samples(all); i++) {
        const struct decoded there = decoded(&all[i]);
        if ((there.proto == 1 || there.proto == 58) && all[i].bytes[there.l4_off] < 8)
            continue; /* an ICMP error has no answer */
        mirror(&all[i]);
        const struct decoded back = decoded(&all[i]);
        assert_same_key(&there, &back);
        assert_int_not_equal(there.swapped, back.swapped);
        assert_int_equal(there.reason, back.reason);
        assert_int_equal(there.payload_off, back.payload_off);
    }
}

static void key_holds_endpoints_in_ascending_order(void **state) {
    (void)state;
    struct packet f = tcp4();
    struct decoded d = decoded(&f);
    assert_int_equal(d.key.word[0], 0);
    assert_int_equal(d.key.word[1], 0x0a000001);
    assert_int_equal(d.key.word[2], 0);
    assert_int_equal(d.key.word[3], 0x0a000002);
    assert_int_equal(low_port(&d), 1000);
    assert_int_equal(high_port(&d), 80);
    assert_int_equal(key_proto(&d), 6);
    assert_int_equal(key_kind(&d), FB_KEY_IP4);
    assert_int_equal(d.swapped, 0);
    memcpy(f.bytes + ETHERNET + 16, f.bytes + ETHERNET + 12, 4); /* to itself: ports decide */
    d = decoded(&f);
    assert_int_equal(low_port(&d), 80);
    assert_int_equal(high_port(&d), 1000);
    assert_int_equal(d.swapped, 1);

    f = tcp6();
    d = decoded(&f);
    assert_memory_equal(&d.key.word[0], address_a, 16);
    assert_memory_equal(&d.key.word[2], address_b, 16);
    assert_int_equal(key_kind(&d), FB_KEY_IP6);
    f.bytes[ETHERNET + 8] = 0xfe; /* differs in the upper half already */
    d = decoded(&f);
    assert_int_equal(d.swapped, 1);
    memcpy(f.bytes + ETHERNET + 8, address_b, 16);
    d = decoded(&f);
    assert_int_equal(d.swapped, 1);
    assert_int_equal(low_port(&d), 80);
}

static void offsets_and_lengths_are_those_of_the_headers(void **state) {
    (void)state;
    struct packet f = tcp4();
    struct decoded d = decoded(&f);
    assert_int_equal(d.l3_off, 14);
    assert_int_equal(d.l4_off, 34);
    assert_int_equal(d.payload_off, 54);
    assert_int_equal(d.payload_len, 4);
    assert_int_equal(d.tcp_flags, 0x12);
    assert_int_equal(d.flags, 0);
    f.n -= 4; /* cut by the snap length: announced all the same */
    d = decoded(&f);
    assert_int_equal(d.payload_len, 4);
    assert_reason(&d, FB_DECODE_OK);
    f = udp4();
    d = decoded(&f);
    assert_int_equal(d.payload_off, 42);
    assert_int_equal(d.payload_len, 4); /* padding is no payload */
    assert_int_equal(d.tcp_flags, 0);
}

static void total_length_zero_means_to_the_end_of_the_frame(void **state) {
    (void)state;
    struct packet f = tcp4();
    f.bytes[ETHERNET + 2] = f.bytes[ETHERNET + 3] = 0;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, 4);
    f = tcp6();
    f.bytes[ETHERNET + 4] = f.bytes[ETHERNET + 5] = 0;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, 4);
    f = udp6();
    f.bytes[ETHERNET + 4] = f.bytes[ETHERNET + 5] = 0;
    f.bytes[ETHERNET + IP6 + 4] = f.bytes[ETHERNET + IP6 + 5] = 0;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, 8);
}

static void padding_is_not_read_as_a_header(void **state) {
    (void)state;
    struct packet f = tcp4();
    f.bytes[ETHERNET + 3] = IP4 + 2; /* two bytes of TCP, the rest is padding */
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
    assert_int_equal(d.l4_off, FB_NO_OFFSET);
    assert_int_equal(d.tcp_flags, 0);
}

static void vlan_tags_of_any_depth_are_passed(void **state) {
    (void)state;
    struct packet plain = tcp4();
    struct decoded want = decoded(&plain);
    for (unsigned depth = 0; depth <= 100; depth++) {
        struct packet f = vlans(depth);
        struct decoded d = decoded(&f);
        assert_reason(&d, FB_DECODE_OK);
        assert_int_equal(d.l4_off, want.l4_off + 4 * depth);
        assert_same_key(&d, &want);
    }
}

static void extension_headers_are_passed(void **state) {
    (void)state;
    struct packet f = extended();
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.proto, 17);
    assert_int_equal(low_port(&d), 1000);
    assert_int_equal(d.l4_off, ETHERNET + IP6 + 72);
    assert_int_equal(d.payload_len, 8);
    assert_int_equal(d.flags, 0);
    struct packet plain = udp6();
    struct decoded want = decoded(&plain);
    assert_same_key(&d, &want);
}

/* As long as the frame has bytes for it. */
static void extension_chain_of_any_length_is_followed(void **state) {
    static const uint8_t kinds[] = {0, 43, 60, 135, 139, 140};
    (void)state;
    struct packet plain = udp6();
    struct decoded want = decoded(&plain);
    for (unsigned n = 1; n <= ((PACKET_ROOM - ETHERNET - IP6 - 8) / 8); n++) {
        struct packet f = {0};
        add_ethernet(&f, 0x86dd);
        add_ip6(&f, kinds[1 % sizeof kinds], 8 * n + 8);
        for (unsigned i = 1; i <= n; i++)
            ADD(&f, i == n ? 17 : kinds[(i + 1) % sizeof kinds], 0, 0, 0, 0, 0, 0, 0);
        add_udp(&f, 8);
        struct decoded d = decoded(&f);
        assert_reason(&d, FB_DECODE_OK);
        assert_int_equal(d.proto, 17);
        assert_int_equal(d.l4_off, ETHERNET + IP6 + 8 * n);
        assert_same_key(&d, &want);
        f.n -= 8 + 4; /* within the last */
        d = decoded(&f);
        assert_reason(&d, FB_DECODE_IP6_EXT_SHORT);
    }
}

static void extension_chain_ends_where_offsets_do(void **state) {
    (void)state;
    uint32_t n = 65535;
    uint8_t *bytes = calloc(1, n);
    assert_non_null(bytes);
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 60, 0);
    memcpy(bytes, f.bytes, f.n);
    for (uint32_t at = f.n; at + 8 <= n; at += 8)
        bytes[at] = 60;
    struct decoded d;
    decode(bytes, n, LINK_ETHERNET, &by_default, &d);
    assert_reason(&d, FB_DECODE_IP6_EXT_SHORT);
    assert_int_equal(key_kind(&d), FB_KEY_IP6);
    free(bytes);
}

static void authentication_header_in_ip4_is_passed(void **state) {
    (void)state;
    struct packet f = authenticated();
    struct decoded d = decoded(&f);
    struct packet plain = tcp4();
    struct decoded want = decoded(&plain);
    assert_reason(&d, FB_DECODE_OK);
    assert_same_key(&d, &want);
    assert_int_equal(d.l4_off, ETHERNET + IP4 + 12);
}

static void fragments_are_told_apart(void **state) {
    (void)state;
    struct packet frames[] = {fragment4(0x2000), fragment6(0x0001), fragment4(0x2005),
                              fragment4(0x0005), fragment6(0x0029), fragment6(0x0028)};
    for (unsigned i = 0; i < 6; i++) {
        struct decoded d = decoded(&frames[i]);
        bool first = i < 2;
        assert_reason(&d, first ? FB_DECODE_FRAGMENT_FIRST : FB_DECODE_FRAGMENT_LATER);
        assert_int_equal(d.flags, FB_F_FRAGMENT);
        assert_int_equal(d.proto, 17);
        assert_int_equal(low_port(&d), first ? 1000 : 0);
        assert_int_equal(d.l4_off == FB_NO_OFFSET, !first);
    }
    struct packet atomic = fragment6(0);
    struct decoded d = decoded(&atomic);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.flags, 0);
    assert_int_equal(high_port(&d), 80);
}

static void icmp_queries_and_replies_share_a_key(void **state) {
    static const uint8_t pairs[][3] = {{1, 8, 0},      {1, 10, 9},     {1, 13, 14},
                                       {1, 15, 16},    {1, 17, 18},    {58, 128, 129},
                                       {58, 130, 131}, {58, 133, 134}, {58, 135, 136},
                                       {58, 139, 140}, {58, 144, 145}};
    (void)state;
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct packet query = icmp_message(pairs[i][0], pairs[i][1], 0);
        struct packet reply = icmp_message(pairs[i][0], pairs[i][2], 0);
        struct decoded there = decoded(&query);
        uint8_t *ip = reply.bytes + ETHERNET;
        if (pairs[i][0] == 1)
            swap_bytes(ip + 12, ip + 16, 4);
        else
            swap_bytes(ip + 8, ip + 24, 16);
        struct decoded back = decoded(&reply);
        assert_same_key(&there, &back);
        assert_int_equal(there.swapped, 0);
        assert_int_equal(back.swapped, 1);
        assert_int_equal(low_port(&there), pairs[i][1]);
        assert_int_equal(high_port(&there), pairs[i][2]);
    }
}

static void icmp_errors_are_keyed_by_type_and_code(void **state) {
    (void)state;
    struct packet f = icmp_message(1, 3, 1);
    struct decoded d = decoded(&f);
    assert_int_equal(low_port(&d), 3);
    assert_int_equal(high_port(&d), 1);
    f = icmp_message(1, 128, 7); /* a query in ICMPv6 only */
    d = decoded(&f);
    assert_int_equal(high_port(&d), 7);
}

static void every_protocol_with_ports_yields_them(void **state) {
    static const struct {
        uint8_t proto;
        uint8_t header;
    } with_ports[] = {{6, 20}, {17, 8}, {33, 12}, {132, 12}, {136, 8}};
    static const uint8_t header[20] = {0x03, 0xe8, 0, 80, [12] = 0x50};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct packet f = transport4(with_ports[i].proto, header, with_ports[i].header);
        if (with_ports[i].proto == 17)
            f.bytes[f.n - 3] = 8;
        if (with_ports[i].proto == 33)
            f.bytes[ETHERNET + IP4 + 4] = 3;
        struct decoded d = decoded(&f);
        assert_reason(&d, FB_DECODE_OK);
        assert_int_equal(low_port(&d), 1000);
        assert_int_equal(high_port(&d), 80);
        assert_int_equal(d.payload_off, f.n);
        f.n = ETHERNET + IP4 + 4; /* four bytes captured: the ports are there */
        d = decoded(&f);
        assert_int_equal(low_port(&d), 1000);
        assert_int_equal(d.l4_off, ETHERNET + IP4);
        assert_int_equal(d.payload_off, FB_NO_OFFSET);
        assert_int_equal(d.flags, FB_F_MALFORMED);
    }
    struct packet f = transport4(89, header, 4);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(low_port(&d), 0);
    assert_int_equal(key_proto(&d), 89);
}

static void what_has_no_ip_is_keyed_by_mac_pair_and_type(void **state) {
    (void)state;
    struct packet f = arp();
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_NON_IP);
    assert_int_equal(d.flags, 0);
    assert_int_equal(key_kind(&d), FB_KEY_MAC);
    assert_int_equal(key_type(&d), 0x0806);
    assert_int_equal(d.key.word[1], 0x02000000000a);
    assert_int_equal(d.key.word[3], 0x02000000000b);
    assert_int_equal(d.swapped, 0);
    assert_int_equal(d.l3_off, FB_NO_OFFSET);
    assert_int_equal(d.proto, 0);
}

static void llc_frames_of_any_length_share_a_key_and_snap_is_looked_into(void **state) {
    (void)state;
    struct packet f = {0};
    add_ethernet(&f, 38);
    ADD(&f, 0x42, 0x42, 3, 0, 0, 0, 0, 0);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_NON_IP);
    assert_int_equal(key_type(&d), 4);
    struct packet ip = snap();
    struct packet plain = udp4();
    struct decoded a = decoded(&ip);
    struct decoded b = decoded(&plain);
    assert_reason(&a, FB_DECODE_OK);
    assert_same_key(&a, &b);
    assert_int_equal(a.payload_len, 4);
}

static void ip6_without_next_header_is_sound(void **state) {
    (void)state;
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 59, 0);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_NO_NEXT_HEADER);
    assert_int_equal(d.flags, 0);
    assert_int_equal(key_proto(&d), 59);
}

static void options_of_ip4_are_passed(void **state) {
    (void)state;
    struct packet plain = tcp4();
    struct packet f = {0};
    add_bytes(&f, plain.bytes, ETHERNET + IP4);
    ADD(&f, 1, 1, 1, 0);
    add_bytes(&f, plain.bytes + ETHERNET + IP4, plain.n - ETHERNET - IP4);
    f.bytes[ETHERNET] = 0x46;
    f.bytes[ETHERNET + 3] += 4;
    struct decoded d = decoded(&f);
    struct decoded want = decoded(&plain);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.l4_off, want.l4_off + 4);
    assert_same_key(&d, &want);
    f.n = ETHERNET + IP4 + 3; /* addresses there, options cut */
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_IP4_SHORT);
    assert_int_equal(key_kind(&d), FB_KEY_IP4);
}

/* One row per link type: its header before the IP packet of tcp4() or tcp6(). */
static const struct link_case {
    const char *name;
    int dlt;
    enum link_layer link;
    bool six;
    uint8_t n;
    uint8_t header[24];
} link_cases[] = {
    {"ethernet", 1, LINK_ETHERNET, false, 14, {[12] = 8}},
    {"sll", 113, LINK_SLL, false, 16, {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 0}},
    {"sll ip6", 113, LINK_SLL, true, 16, {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x86, 0xdd}},
    {"sll vlan", 113, LINK_SLL, false, 20, {[3] = 1, [14] = 0x81, 0, 0, 7, 8, 0}},
    {"sll llc", 113, LINK_SLL, false, 24, {[3] = 1, [15] = 4, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
    {"sll2", 276, LINK_SLL2, false, 20, {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2}},
    {"sll2 vlan", 276, LINK_SLL2, false, 24, {0x88, 0xa8, [9] = 1, [21] = 7, 8, 0}},
    {"raw 12", 12, LINK_RAW, false, 0, {0}},
    {"raw 14", 14, LINK_RAW, true, 0, {0}},
    {"raw 101", 101, LINK_RAW, true, 0, {0}},
    {"ipv4", 228, LINK_IPV4, false, 0, {0}},
    {"ipv6", 229, LINK_IPV6, true, 0, {0}},
    {"null little", 0, LINK_NULL, false, 4, {2, 0, 0, 0}},
    {"null big", 0, LINK_NULL, false, 4, {0, 0, 0, 2}},
    {"null linux ip6", 0, LINK_NULL, true, 4, {10, 0, 0, 0}},
    {"null netbsd ip6", 0, LINK_NULL, true, 4, {0, 0, 0, 24}},
    {"null freebsd ip6", 0, LINK_NULL, true, 4, {28, 0, 0, 0}},
    {"null darwin ip6", 0, LINK_NULL, true, 4, {30, 0, 0, 0}},
    {"loop", 108, LINK_LOOP, false, 4, {0, 0, 0, 2}},
    {"loop ip6", 108, LINK_LOOP, true, 4, {0, 0, 0, 24}},
    {"ppp", 9, LINK_PPP, false, 4, {0xff, 3, 0, 0x21}},
    {"ppp bare", 50, LINK_PPP, true, 2, {0, 0x57}},
    {"ppp compressed", 9, LINK_PPP, false, 1, {0x21}},
    {"hdlc", 104, LINK_HDLC, false, 4, {0x0f, 0, 8, 0}},
    {"frame relay", 107, LINK_FRAME_RELAY, false, 4, {0x18, 0x41, 3, 0xcc}},
    {"frame relay ip6", 107, LINK_FRAME_RELAY, true, 4, {0x18, 0x41, 3, 0x8e}},
    {"frame relay cisco", 107, LINK_FRAME_RELAY, false, 4, {0x18, 0x41, 8, 0}},
    {"frame relay snap", 107, LINK_FRAME_RELAY, false, 10, {0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0}},
};

static void every_link_type_leads_to_the_same_key(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof link_cases / sizeof *link_cases; i++) {
        const struct link_case *t = &link_cases[i];
        struct packet plain = t->six ? tcp6() : tcp4();
        struct decoded want = decoded(&plain);
        struct packet f = {0};
        enum link_layer link;
        add_bytes(&f, t->header, t->n);
        add_bytes(&f, plain.bytes + ETHERNET, plain.n - ETHERNET);
        assert_true(link_layer_of(t->dlt, &link));
        assert_int_equal(link, t->link);
        struct decoded d = decoded_as(&f, link);
        if (d.reason != FB_DECODE_OK)
            fail_msg("%s: %s", t->name, fb_decode_texts[d.reason].name);
        assert_same_key(&d, &want);
        assert_int_equal(d.l3_off, t->n);
        assert_int_equal(d.payload_len, 4);
        f.n = t->n == 0 ? 0 : 1; /* too short for its link header */
        if (t->n < 2)
            continue;
        d = decoded_as(&f, link);
        assert_reason(&d, FB_DECODE_LINK_SHORT);
        assert_int_equal(key_kind(&d), FB_KEY_NONE);
        assert_int_equal(d.key.word[1], link);
    }
}

static void unknown_link_type_is_refused_and_still_keyed(void **state) {
    enum link_layer link = LINK_ETHERNET;
    (void)state;
    assert_false(link_layer_of(195, &link)); /* 802.15.4 */
    assert_int_equal(link, LINK_UNKNOWN);
    struct packet f = tcp4();
    struct decoded d = decoded_as(&f, link);
    assert_reason(&d, FB_DECODE_NON_IP);
    assert_int_equal(key_kind(&d), FB_KEY_NONE);
    assert_int_equal(d.flags, 0);
}

static void cooked_frame_without_ip_is_keyed_by_its_sender(void **state) {
    (void)state;
    struct packet f = {0};
    ADD(&f, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 6);
    struct decoded d = decoded_as(&f, LINK_SLL);
    assert_reason(&d, FB_DECODE_NON_IP);
    assert_int_equal(key_kind(&d), FB_KEY_MAC);
    assert_int_equal(d.key.word[1], 0);
    assert_int_equal(d.key.word[3], 0x020000000009);
    assert_int_equal(d.swapped, 1);
    f.bytes[2] = 824 >> 8; /* netlink: what looks like an ethertype is none */
    f.bytes[3] = LOW(824);
    f.bytes[15] = 0;
    d = decoded_as(&f, LINK_SLL);
    assert_reason(&d, FB_DECODE_NON_IP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirrored_packet_has_the_same_key_and_the_other_direction),
        cmocka_unit_test(key_holds_endpoints_in_ascending_order),
        cmocka_unit_test(offsets_and_lengths_are_those_of_the_headers),
        cmocka_unit_test(total_length_zero_means_to_the_end_of_the_frame),
        cmocka_unit_test(padding_is_not_read_as_a_header),
        cmocka_unit_test(vlan_tags_of_any_depth_are_passed),
        cmocka_unit_test(extension_headers_are_passed),
        cmocka_unit_test(extension_chain_of_any_length_is_followed),
        cmocka_unit_test(extension_chain_ends_where_offsets_do),
        cmocka_unit_test(authentication_header_in_ip4_is_passed),
        cmocka_unit_test(fragments_are_told_apart),
        cmocka_unit_test(icmp_queries_and_replies_share_a_key),
        cmocka_unit_test(icmp_errors_are_keyed_by_type_and_code),
        cmocka_unit_test(every_protocol_with_ports_yields_them),
        cmocka_unit_test(what_has_no_ip_is_keyed_by_mac_pair_and_type),
        cmocka_unit_test(llc_frames_of_any_length_share_a_key_and_snap_is_looked_into),
        cmocka_unit_test(ip6_without_next_header_is_sound),
        cmocka_unit_test(options_of_ip4_are_passed),
        cmocka_unit_test(every_link_type_leads_to_the_same_key),
        cmocka_unit_test(unknown_link_type_is_refused_and_still_keyed),
        cmocka_unit_test(cooked_frame_without_ip_is_keyed_by_its_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
