/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_gre.c, and dispatcher/decode/decode_l2tp.c in IP. */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <string.h>

#define GRE 47u

/* Of 802.11: receiver, transmitter, third address, sequence number. */
#define ADDRESSES 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0, 0xc, 0x10, 0
#define SNAP4 0xaa, 0xaa, 3, 0, 0, 0, 8, 0

static const struct tunnel_case gre_cases[] = {
    {"GRE", false, 4, {0, 0, 8, 0}, false, 0},
    {"GRE ip6", true, 4, {0, 0, 0x86, 0xdd}, false, 0},
    {"GRE checksum", false, 8, {0x80, 0, 8, 0, 1, 2, 0, 0}, false, 0},
    {"GRE key", false, 8, {0x20, 0, 8, 0, 0, 0, 0, 7}, true, 7},
    {"GRE sequence", true, 8, {0x10, 0, 0x86, 0xdd, 0, 0, 0, 7}, false, 0},
    {"GRE all", false, 16, {0xb0, 0, 8, 0, 1, 2, 0, 0, 9, 9, 9, 9, 0, 0, 0, 7}, true, 8},
    {"GRE routing",
     false,
     28,
     {0x70, 0, 8, 0, 0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 7, 8, 0, 0, 4, 10, 0, 0, 3, 0, 0, 0, 0},
     true,
     11},
    {"GRE Ethernet", false, 18, {0, 0, 0x65, 0x58, MACS, 8, 0}, false, 0},
    {"GRE Ethernet VLAN",
     true,
     26,
     {0x20, 0, 0x65, 0x58, 0, 0, 1, 0, MACS, 0x81, 0, 0, 7, 0x86, 0xdd},
     true,
     6},
    {"GRE MPLS", false, 8, {0, 0, 0x88, 0x47, 0, 1, 1, 64}, false, 0},
    {"GRE PPP", false, 8, {0, 0, 0x88, 0x0b, 0xff, 3, 0, 0x21}, false, 0},
    {"PPTP", false, 16, {0x30, 1, 0x88, 0x0b, 0, 48, 0, 7, 0, 0, 0, 1, 0xff, 3, 0, 0x21}, true, 7},
    {"PPTP acknowledgement",
     true,
     17,
     {0x30, 0x81, 0x88, 0x0b, 0, 65, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0x57},
     true,
     7},
    {"GRE 1", false, 12, {0x30, 1, 8, 0, 1, 2, 3, 7, 0, 0, 0, 1}, true, 7},
    {"GRE 1 acknowledgement", true, 12, {0x10, 0x81, 0x86, 0xdd, 0, 0, 0, 1, 0, 0, 0, 2}, false, 0},
    {"GRE 1 bit of acknowledgement", false, 8, {0x20, 0x81, 8, 0, 0, 0, 0, 7}, true, 7},
    {"GRE 1 Ethernet, the bit", true, 18, {0, 0x81, 0x65, 0x58, MACS, 0x86, 0xdd}, false, 0},
    {"GRE 1 Ethernet", true, 22, {0x20, 1, 0x65, 0x58, 0, 0, 0, 7, MACS, 0x86, 0xdd}, true, 7},
    {"EoIP", false, 22, {0x20, 1, 0x64, 0, 0, 58, 7, 0, MACS, 8, 0}, true, 6},
    {"EoIP VLAN",
     true,
     26,
     {0x20, 1, 0x64, 0, 0, 82, 7, 0, MACS, 0x81, 0, 0, 7, 0x86, 0xdd},
     true,
     7},
    {"Aruba", false, 36, {0, 0, 0x82, 0, 8, 1, 0, 0, ADDRESSES, SNAP4}, false, 0},
    {"Aruba QoS", false, 38, {0, 0, 0x83, 0x70, 0x88, 2, 0, 0, ADDRESSES, 0, 0, SNAP4}, false, 0},
    {"WCCP", false, 4, {0, 0, 0x88, 0x3e}, false, 0},
    {"WCCP 2", false, 8, {0, 0, 0x88, 0x3e, 0x80, 0, 1, 2}, false, 0},
    {"WCCP 2 like IP", false, 8, {0, 0, 0x88, 0x3e, 0x41, 0, 1, 2}, false, 0},
    {"ERSPAN I", false, 18, {0, 0, 0x88, 0xbe, MACS, 8, 0}, false, 0},
    {"ERSPAN II",
     false,
     30,
     {0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 7, 0, 0, 0, 5, MACS, 8, 0},
     true,
     11},
    {"ERSPAN III",
     true,
     34,
     {0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0, MACS, 0x86, 0xdd},
     true,
     11},
    {"ERSPAN III platform",
     false,
     42,
     {0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 7, 0,    0, 0, 5,
      0,    0, 0,    1,    9, 9, 9, 9, 9,    9, 9, 9, MACS, 8, 0},
     true,
     11},
    {"ERSPAN III IP",
     false,
     20,
     {0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 7, 0, 0, 0, 5, 0, 0, 8, 0},
     true,
     11},
};

static const struct tunnel_case l2tp3_cases[] = {
    {"L2TPv3 Ethernet", false, 18, {0, 0, 0, 7, MACS, 8, 0}, true, 3},
    {"L2TPv3 Ethernet cookie",
     true,
     30,
     {0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0x40, 0, 0, 1, MACS, 0x86, 0xdd},
     true,
     3},
    {"L2TPv3 PPP", false, 12, {0, 0, 0, 7, 1, 2, 3, 4, 0xff, 3, 0, 0x21}, true, 3},
};

static const struct tunnel_case mpls_cases[] = {
    {"MPLS in IP", false, 4, {0, 1, 1, 64}, false, 0},
    {"MPLS in IP Ethernet", true, 22, {0, 1, 1, 64, 0, 0, 0, 1, MACS, 0x86, 0xdd}, false, 0},
};

static const struct tunnel_case etherip_cases[] = {
    {"EtherIP", false, 16, {0x30, 0, MACS, 8, 0}, false, 0},
    {"EtherIP reserved", true, 16, {0x3f, 0xff, MACS, 0x86, 0xdd}, false, 0},
    {"EtherIP exchanged", false, 16, {3, 0, MACS, 8, 0}, false, 0},
    {"EoIPv6", true, 20, {7, 0, MACS, 0x81, 0, 0, 7, 0x86, 0xdd}, false, 0},
};

static const struct tunnel_case bridged_cases[] = {
    {"Ethernet in IP", false, 14, {MACS, 8, 0}, false, 0},
    {"Ethernet in IP VLAN", true, 18, {MACS, 0x81, 0, 0, 7, 0x86, 0xdd}, false, 0},
};

static const struct group {
    unsigned proto;
    unsigned count;
    const struct tunnel_case *cases;
} groups[] = {
    {GRE, sizeof gre_cases / sizeof *gre_cases, gre_cases},
    {115, sizeof l2tp3_cases / sizeof *l2tp3_cases, l2tp3_cases},
    {137, sizeof mpls_cases / sizeof *mpls_cases, mpls_cases},
    {97, sizeof etherip_cases / sizeof *etherip_cases, etherip_cases},
    {143, sizeof bridged_cases / sizeof *bridged_cases, bridged_cases},
};

static void check_opened(const struct tunnel_case *t, unsigned proto, bool six_outside) {
    struct packet in = carried(t);
    struct packet f = in_ip(six_outside, proto, &in);
    struct decoded d = decoded(&f);
    if (d.reason != FB_DECODE_OK || (d.flags & FB_F_TUNNEL) == 0)
        fail_msg("%s: %s, flags %x", t->name, fb_decode_texts[d.reason].name, d.flags);
    assert_inner(&f, t->six);
    d = decoded_with(&f, &outermost);
    assert_outer(&d, proto, FB_DECODE_OK);
}

static void check_id(const struct tunnel_case *t, unsigned proto, bool outer) {
    struct decode_options options = by_tunnel;
    struct packet in = carried(t);
    struct packet f = in_ip(false, proto, &in);
    options.outer = outer;
    struct decoded one = decoded_with(&f, &options);
    struct decoded without = decoded_with(&f, outer ? &outermost : &by_default);
    f.bytes[ETHERNET + IP4 + t->id_at] ^= t->has_id ? 1 : 0;
    struct decoded two = decoded_with(&f, &options);
    if (same_key(&one, &two) == t->has_id || same_key(&one, &without) == t->has_id)
        fail_msg("%s: its id is %s", t->name, t->has_id ? "lost" : "taken");
    assert_reason(&two, FB_DECODE_OK);
}

static void every_tunnel_by_protocol_number_is_opened(void **state) {
    (void)state;
    for (unsigned g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (unsigned i = 0; i < groups[g].count; i++) {
            check_opened(&groups[g].cases[i], groups[g].proto, false);
            check_opened(&groups[g].cases[i], groups[g].proto, true);
            check_id(&groups[g].cases[i], groups[g].proto, false);
            check_id(&groups[g].cases[i], groups[g].proto, true);
        }
    }
}

static const struct tunnel_case *case_of(const char *name) {
    unsigned k = 0;
    while (strcmp(gre_cases[k].name, name) != 0)
        k++;
    return &gre_cases[k];
}

static struct decoded gre_with(const uint8_t *bytes, uint32_t n) {
    struct packet in = {0};
    add_bytes(&in, bytes, n);
    struct packet f = in_ip(false, GRE, &in);
    return decoded(&f);
}

#define GRE_WITH(...)                                                                              \
    gre_with((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void gre_that_carries_no_ip_keeps_the_flow_around_it(void **state) {
    static const enum fb_decode_reason none = FB_DECODE_TUNNEL_NON_IP;
    (void)state;
    struct decoded d = GRE_WITH(0, 0, 0, 0); /* Cisco's keep-alive */
    assert_outer(&d, GRE, none);
    assert_int_equal(d.l4_off, ETHERNET + IP4);
    d = GRE_WITH(0, 0, 0x65, 0x58, MACS, 8, 6, 0, 1);
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0, 0, 0x88, 0x0b, 0xff, 3, 0xc0, 0x21, 1, 1);
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 1); /* acknowledges only */
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0x20, 1, 0x64, 0, 0, 0, 7, 0); /* EoIP's keep-alive */
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0, 0, 0x82, 0, 0x80, 0, 0, 0, ADDRESSES, 1, 2, 3, 4); /* a beacon */
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0, 0, 0x84, 0, 8, 1, 0, 0, ADDRESSES, SNAP4); /* no Aruba's */
    assert_outer(&d, GRE, none);
    d = GRE_WITH(0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 7, 0, 0, 0, 5, 0, 0, 4, 0);
    assert_outer(&d, GRE, none); /* neither Ethernet nor IP */
}

static void gre_with_a_wrong_header_keeps_the_flow_around_it(void **state) {
    static const enum fb_decode_reason wrong = FB_DECODE_TUNNEL_HEADER;
    (void)state;
    struct decoded d = GRE_WITH(0, 2, 8, 0, 0x45, 0, 0, 20); /* version 2 */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0, 0, 8);
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x30, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0);
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 10, 0, 0); /* a route cut */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 10, 0, 0, 1); /* and without an end */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x10, 1, 0x88, 0x0b, 0, 4, 0, 7, 0, 0, 0, 1, 0xff, 3, 0, 0x21); /* PPTP: no key */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x30, 0x81, 8, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0); /* version 1, no PPTP */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x20, 1, 0x64, 0, 0, 58, 7);
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x30, 1, 0, 7, 0, 0, 0, 5); /* ERSPAN 3 */
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 7, 0, 0, 0);
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 7, 0, 0, 0, 5, 0, 0, 0, 1, 9);
    assert_outer(&d, GRE, wrong);
    d = GRE_WITH(0, 0, 8, 0, 0x44, 0, 0, 20);
    assert_outer(&d, GRE, FB_DECODE_TUNNEL_INNER);
    d = GRE_WITH(0, 0, 0x88, 0x47, 0, 1, 0, 64);
    assert_outer(&d, GRE, FB_DECODE_TUNNEL_INNER);
    d = GRE_WITH(0, 0, 0x65, 0x58, 2, 0, 0, 0);
    assert_outer(&d, GRE, FB_DECODE_TUNNEL_INNER);
}

static void length_of_pptp_cuts_what_is_behind_it(void **state) {
    (void)state;
    struct packet in = carried(case_of("PPTP"));
    struct packet f = in_ip(false, GRE, &in);
    f.bytes[ETHERNET + IP4 + 5] = 4 + IP4 + 3;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
}

static void length_of_eoip_cuts_what_is_behind_it(void **state) {
    (void)state;
    struct packet in = carried(case_of("EoIP"));
    struct packet f = in_ip(false, GRE, &in);
    f.bytes[ETHERNET + IP4 + 5] = 14 + IP4 + 3;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
}

static void etherip_without_version_and_frame_is_a_wrong_header(void **state) {
    static const uint8_t bytes[] = {0x20, 0, MACS, 9, 0, 0x45, 0, 0, 20, 0, 0, 0, 0};
    (void)state;
    for (unsigned n = 1; n <= sizeof bytes; n++) {
        struct packet in = {0};
        add_bytes(&in, bytes, n);
        struct packet f = in_ip(false, 97, &in);
        struct decoded d = decoded(&f);
        assert_outer(&d, 97, FB_DECODE_TUNNEL_HEADER);
    }
}

/* By SRv6: the segments differ by direction. */
static void ethernet_behind_a_routing_header_is_opened(void **state) {
    static const uint8_t routing[24] = {143, 2, 4, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8};
    (void)state;
    struct packet in = {0};
    add_bytes(&in, routing, sizeof routing);
    struct packet frame = carried(&bridged_cases[0]);
    add_bytes(&in, frame.bytes, frame.n);
    struct packet f = in_ip(true, 43, &in);
    assert_inner(&f, false);
}

static void l2tp3_that_shows_nothing_is_no_tunnel(void **state) {
    static const uint8_t control[] = {0, 0, 0, 0, 0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t opaque[] = {0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct packet in = {0};
        add_bytes(&in, i == 0 ? control : opaque, 16);
        struct packet f = in_ip(false, 115, &in);
        struct decoded d = decoded(&f);
        assert_outer(&d, 115, FB_DECODE_OK);
    }
    struct packet in = carried(&l2tp3_cases[0]); /* Ethernet, but its IPv4 header is none */
    struct packet f = in_ip(false, 115, &in);
    f.bytes[ETHERNET + IP4 + 18] = 0x41;
    struct decoded d = decoded(&f);
    assert_outer(&d, 115, FB_DECODE_OK);
}

static void first_fragments_of_gre_are_looked_into(void **state) {
    (void)state;
    struct packet in = carried(&gre_cases[0]);
    struct packet f = in_ip(false, GRE, &in);
    f.bytes[ETHERNET + 6] = 0x20;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_FIRST);
    assert_int_equal(d.proto, 6);
    assert_int_equal(d.flags, FB_F_FRAGMENT | FB_F_TUNNEL);
    assert_int_equal(d.fragment_off, ETHERNET);
    f.bytes[ETHERNET + 7] = 1;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_LATER);
    assert_int_equal(d.proto, GRE);
    assert_int_equal(d.flags, FB_F_FRAGMENT);
    assert_int_equal(d.fragment_off, ETHERNET);
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (unsigned i = 0; i < groups[g].count; i++) {
            struct packet in = carried(&groups[g].cases[i]);
            struct packet f = in_ip(i % 2, groups[g].proto, &in);
            assert_sample_holds(end, &f, LINK_ETHERNET);
        }
    }
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tunnel_by_protocol_number_is_opened),
        cmocka_unit_test(gre_that_carries_no_ip_keeps_the_flow_around_it),
        cmocka_unit_test(gre_with_a_wrong_header_keeps_the_flow_around_it),
        cmocka_unit_test(length_of_pptp_cuts_what_is_behind_it),
        cmocka_unit_test(length_of_eoip_cuts_what_is_behind_it),
        cmocka_unit_test(etherip_without_version_and_frame_is_a_wrong_header),
        cmocka_unit_test(ethernet_behind_a_routing_header_is_opened),
        cmocka_unit_test(l2tp3_that_shows_nothing_is_no_tunnel),
        cmocka_unit_test(first_fragments_of_gre_are_looked_into),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
