/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode_tunnel_udp.c, dispatcher/decode/decode_guess.c, and what
 * dispatcher/decode/decode_gre.c, dispatcher/decode/decode_l2tp.c and
 * dispatcher/decode/decode_mpls.c have over UDP.
 */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <string.h>

/* Of 802.11: receiver, transmitter, third address, sequence number. */
#define ADDRESSES 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0, 0xc, 0x10, 0
#define SNAP4 0xaa, 0xaa, 3, 0, 0, 0, 8, 0

static const struct udp_case {
    uint16_t port;
    struct tunnel_case t; /* behind the UDP header */
} cases[] = {
    {4789, {"VXLAN", false, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHERNET_4}, true, 6}},
    {8472, {"VXLAN 8472", true, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHERNET_6}, true, 6}},
    {4789, {"VXLAN VLAN", false, 26, {8, 0, 0, 0, 1, 0, 7, 0, MACS, 0x81, 0, 0, 7, 8, 0}, true, 4}},
    {4790, {"VXLAN-GPE ip4", false, 8, {0x0c, 0, 0, 1, 0, 0, 7, 0}, true, 6}},
    {4790, {"VXLAN-GPE ip6", true, 8, {0x0c, 0, 0, 2, 0, 0, 7, 0}, true, 6}},
    {4790, {"VXLAN-GPE Ethernet", true, 22, {0x0e, 0, 0, 3, 0, 0, 7, 0, ETHERNET_6}, true, 6}},
    {4790, {"VXLAN-GPE MPLS", true, 12, {0x0c, 0, 0, 5, 0, 0, 7, 0, 0, 1, 1, 64}, true, 6}},
    {4790,
     {"VXLAN-GPE NSH", false, 16, {0x0c, 0, 0, 4, 0, 0, 7, 0, 0, 2, 2, 1, 0, 0, 1, 255}, true, 6}},
    {6081, {"Geneve", false, 22, {0, 0, 0x65, 0x58, 0, 0, 7, 0, ETHERNET_4}, true, 6}},
    {6081,
     {"Geneve options", false, 16, {2, 0x40, 8, 0, 0, 0, 7, 0, 1, 2, 3, 1, 9, 9, 9, 9}, true, 6}},
    {6081, {"Geneve ip6", true, 8, {0, 0x80, 0x86, 0xdd, 0, 0, 7, 0}, true, 6}},
    {2152, {"GTP", false, 8, {0x30, 255, 0, 44, 0, 0, 0, 7}, true, 7}},
    {2152, {"GTP ip6", true, 8, {0x30, 255, 0, 64, 0, 0, 0, 7}, true, 7}},
    {2152, {"GTP sequence", true, 12, {0x32, 255, 0, 68, 0, 0, 0, 7, 0, 1, 0x85, 0x85}, true, 7}},
    {2152,
     {"GTP extensions",
      false,
      24,
      {0x34, 255, 0, 60, 0, 0, 0, 7, 0, 0, 0, 0xc0, 1, 0, 1, 0x85, 2, 0, 0, 0, 0, 0, 0, 0},
      true,
      7}},
    {2152, {"GTP Ethernet", true, 22, {0x30, 255, 0, 78, 0, 0, 0, 7, ETHERNET_6}, true, 7}},
    {3544, {"Teredo", true, 0, {0}, false, 0}},
    {3544, {"Teredo origin", true, 8, {0, 0, 0xfc, 0x17, 0xf5, 0xff, 0xff, 0xfe}, false, 0}},
    {3544,
     {"Teredo authentication origin",
      true,
      24,
      {0, 1, 1, 2, 9, 8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0xfc, 0x17, 0xf5, 0xff, 0xff, 0xfe},
      false,
      0}},
    {1701, {"L2TP", false, 10, {0, 2, 0, 3, 0, 7, 0xff, 3, 0, 0x21}, true, 5}},
    {1701, {"L2TP length", true, 10, {0x40, 2, 0, 74, 0, 3, 0, 7, 0, 0x57}, true, 7}},
    {1701,
     {"L2TP all",
      false,
      20,
      {0x4b, 2, 0, 64, 0, 3, 0, 7, 0, 1, 0, 2, 0, 2, 9, 9, 0xff, 3, 0, 0x21},
      true,
      5}},
    {1701, {"L2TPv3", false, 26, {0, 3, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, ETHERNET_4}, true, 7}},
    {6635, {"MPLS", true, 8, {0, 1, 0, 64, 0, 2, 1, 64}, false, 0}},
    {6635, {"MPLS Ethernet", false, 22, {0, 1, 1, 64, 0, 0, 0, 1, ETHERNET_4}, false, 0}},
    {4754, {"GRE", false, 8, {0x20, 0, 8, 0, 0, 0, 0, 7}, true, 7}},
    {4754, {"GRE Ethernet", true, 18, {0, 0, 0x65, 0x58, ETHERNET_6}, false, 0}},
    {5247, {"CAPWAP", false, 22, {0, 0x10, 0x42, 0, 0, 0, 0, 0, ETHERNET_4}, false, 0}},
    {5247,
     {"CAPWAP options",
      true,
      30,
      {0, 0x20, 0x42, 0x37, 0, 7, 0, 0, 6, 2, 0, 0, 0, 0, 1, 0, ETHERNET_6},
      false,
      0}},
    {5247,
     {"CAPWAP 802.11",
      false,
      40,
      {0, 0x10, 0x43, 0, 0, 0, 0, 0, 8, 1, 0, 0, ADDRESSES, SNAP4},
      false,
      0}},
    {5247,
     {"CAPWAP 802.11 exchanged",
      false,
      42,
      {0, 0x10, 0x43, 0, 0, 0, 0, 0, 2, 0x88, 0, 0, ADDRESSES, 0, 0, SNAP4},
      false,
      0}},
    {5247,
     {"CAPWAP SNAP", false, 30, {0, 0x10, 0x42, 0, 0, 0, 0, 0, MACS, 0, 52, SNAP4}, false, 0}},
    {4789, {"VXLAN SNAP", false, 30, {8, 0, 0, 0, 0, 0, 7, 0, MACS, 0, 52, SNAP4}, true, 6}},
    {4341, {"LISP", false, 8, {0x80, 1, 2, 3, 0, 0, 0, 1}, false, 0}},
    {4341, {"LISP instance", true, 8, {0x88, 1, 2, 3, 0, 0, 7, 1}, true, 6}},
    {4341, {"LISP Ethernet", true, 22, {0x0c, 0, 0, 3, 0, 0, 7, 1, ETHERNET_6}, true, 6}},
    {4341, {"LISP NSH", false, 16, {0x0c, 0, 0, 4, 0, 0, 7, 1, 0, 2, 2, 1, 0, 0, 1, 255}, true, 6}},
    {37008, {"TZSP PPP", true, 9, {1, 0, 0, 4, 1, 0xff, 3, 0, 0x57}, false, 0}},
    {37008, {"TZSP", false, 19, {1, 0, 0, 1, 1, ETHERNET_4}, false, 0}},
    {37008,
     {"TZSP tags", true, 26, {1, 1, 0, 1, 0, 0, 10, 1, 0xc4, 41, 0, 1, ETHERNET_6}, false, 0}},
    {37008, {"TZSP 802.11", false, 37, {1, 0, 0, 18, 1, 8, 1, 0, 0, ADDRESSES, SNAP4}, false, 0}},
};
#define CASES (sizeof cases / sizeof *cases)

static const struct udp_case *case_of(const char *name) {
    unsigned k = 0;
    while (strcmp(cases[k].t.name, name) != 0)
        k++;
    return &cases[k];
}

static void every_tunnel_over_udp_is_opened_both_ways(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct packet in = carried(&cases[i].t);
        for (unsigned way = 0; way < 4; way++) {
            struct packet f = way % 2 ? in_udp(way / 2, 50000, cases[i].port, &in)
                                      : in_udp(way / 2, cases[i].port, 50000, &in);
            struct decoded d = decoded(&f);
            if (d.reason != FB_DECODE_OK || d.flags != FB_F_TUNNEL)
                fail_msg("%s: %s, flags %x", cases[i].t.name, fb_decode_texts[d.reason].name,
                         d.flags);
            assert_inner(&f, cases[i].t.six);
            d = decoded_with(&f, &outermost);
            assert_outer(&d, UDP, FB_DECODE_OK);
            assert_int_equal(low_port(&d), way % 2 ? 50000 : cases[i].port);
            assert_int_equal(d.payload_len, in.n);
        }
    }
}

static void check_id(const struct udp_case *c, bool outer) {
    struct decode_options options = by_tunnel;
    options.outer = outer;
    struct packet f = to_port(c->port, &c->t);
    struct decoded one = decoded_with(&f, &options);
    struct decoded without = decoded_with(&f, outer ? &outermost : &by_default);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + c->t.id_at] ^= c->t.has_id ? 1 : 0;
    struct decoded two = decoded_with(&f, &options);
    if (same_key(&one, &two) == c->t.has_id || same_key(&one, &without) == c->t.has_id)
        fail_msg("%s: its id is %s", c->t.name, c->t.has_id ? "lost" : "taken");
    assert_reason(&two, FB_DECODE_OK);
}

static void ids_of_tunnels_make_flows_where_asked_for(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        check_id(&cases[i], false);
        check_id(&cases[i], true);
    }
}

/* A payload may look right on the port of another tunnel too. */
static void no_other_port_is_one_of_a_tunnel(void **state) {
    static const uint16_t ports[] = {1701, 2152, 3544, 4341, 4754, 4789,
                                     4790, 5247, 6081, 6635, 8472, 37008};
    enum { PORTS = sizeof ports / sizeof *ports };
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct packet f = to_port(cases[i].port, &cases[i].t);
        unsigned next = 0;
        for (unsigned port = 0; port < 65536; port++) {
            if (next < PORTS && port == ports[next]) {
                next++;
                continue;
            }
            f.bytes[ETHERNET + IP4 + 2] = HIGH(port);
            f.bytes[ETHERNET + IP4 + 3] = LOW(port);
            struct decoded d = decoded(&f);
            if (d.flags != 0 || d.l3_off != ETHERNET)
                fail_msg("%s on port %u", cases[i].t.name, port);
        }
        assert_int_equal(next, PORTS);
    }
}

/* What is changed in a sample, and makes it plain UDP: offset behind the UDP header, mask. */
static const struct wrong_case {
    const char *name;
    uint8_t at;
    uint8_t flip;
} wrong_cases[] = {
    {"VXLAN", 0, 0x08},
    {"VXLAN-GPE ip4", 0, 0x04},
    {"VXLAN-GPE ip4", 0, 0x10},
    {"VXLAN-GPE ip4", 0, 0x01},
    {"VXLAN-GPE ip4", 3, 1},
    {"VXLAN-GPE ip4", 3, 7},
    {"VXLAN-GPE ip4", 3, 0x80},
    {"Geneve", 0, 0x40},
    {"Geneve", 2, 1},
    {"Geneve", 0, 0x3f},
    {"GTP", 0, 0x20},
    {"GTP", 0, 0x10},
    {"GTP", 1, 1},
    {"GTP", 3, 1},
    {"GTP extensions", 12, 1},
    {"GTP extensions", 16, 0x80},
    {"Teredo", 0, 0x20},
    {"Teredo", 5, 0x20},
    {"Teredo origin", 0, 1},
    {"L2TP", 0, 0x80},
    {"L2TP", 1, 1},
    {"L2TP length", 3, 1},
    {"L2TP all", 13, 0x80},
    {"L2TPv3", 1, 4},
    {"L2TPv3", 7, 7},
    {"L2TPv3", 26, 0x04},
    {"MPLS", 7, 64},
    {"MPLS", 6, 1},
    {"MPLS", 8, 0x80},
    {"GRE", 0, 0x40},
    {"GRE", 1, 1}, /* version 1 */
    {"GRE", 2, 1},
    {"CAPWAP", 0, 1},    /* encrypted */
    {"CAPWAP", 0, 0x10}, /* version 1 */
    {"CAPWAP", 1, 0x18}, /* a header of one word */
    {"CAPWAP", 1, 0x40},
    {"CAPWAP", 3, 0x08},
    {"CAPWAP", 20, 0x08},
    {"CAPWAP 802.11", 2, 2}, /* another binding */
    {"CAPWAP 802.11", 8, 1},
    {"LISP", 8, 0x80},
    {"LISP", 11, 1}, /* IP that ends before the datagram, or behind it */
    {"LISP", 11, 0x40},
    {"LISP NSH", 8, 0x40},
    {"LISP NSH", 9, 3},
    {"CAPWAP SNAP", 22, 1},
    {"CAPWAP SNAP", 28, 0x80},
    {"MPLS", 13, 1},
    {"LISP Ethernet", 3, 1},
    {"LISP Ethernet", 20, 0x80},
    {"TZSP", 0, 2},
    {"TZSP", 1, 2},
    {"TZSP", 3, 2},
    {"TZSP", 4, 0x40}, /* a tag that does not end */
    {"TZSP", 17, 0x08},
    {"TZSP 802.11", 5, 1},
};

static void port_without_the_right_header_is_plain_udp(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof wrong_cases / sizeof *wrong_cases; i++) {
        const struct wrong_case *w = &wrong_cases[i];
        const struct udp_case *u = case_of(w->name);
        struct packet f = to_port(u->port, &u->t);
        f.bytes[ETHERNET + IP4 + UDP_HEADER + w->at] ^= w->flip;
        struct decoded d = decoded(&f);
        if (d.reason != FB_DECODE_OK || d.flags != 0)
            fail_msg("%s, byte %u ^ %02x: %s, flags %x", w->name, w->at, w->flip,
                     fb_decode_texts[d.reason].name, d.flags);
        assert_plain_udp(&d, FB_DECODE_OK);
    }
}

/* Bits that receivers are to ignore: by their mask in that byte. Some senders set them. */
static const struct reserved_case {
    const char *name;
    uint8_t at;
    uint8_t mask;
} reserved_cases[] = {
    {"VXLAN", 0, 0xf7},
    {"VXLAN", 1, 0xff},
    {"VXLAN", 2, 0xff},
    {"VXLAN", 3, 0xff},
    {"VXLAN", 7, 0xff},
    {"VXLAN SNAP", 3, 0xff},
    {"VXLAN VLAN", 0, 0xf7},
    {"VXLAN VLAN", 3, 0xff},
    {"VXLAN-GPE ip4", 0, 0xc0},
    {"VXLAN-GPE ip4", 1, 0xff},
    {"VXLAN-GPE ip4", 2, 0xff},
    {"VXLAN-GPE ip4", 7, 0xff},
    {"VXLAN-GPE MPLS", 1, 0xff},
    {"VXLAN-GPE NSH", 7, 0xff},
    {"VXLAN-GPE Ethernet", 2, 0xff},
    {"Geneve", 1, 0x3f},
    {"Geneve", 7, 0xff},
    {"Geneve options", 1, 0x3f},
    {"Geneve ip6", 7, 0xff},
    {"GTP", 0, 0x08},
    {"GTP extensions", 0, 0x08},
    {"GTP Ethernet", 0, 0x08},
    {"L2TP", 0, 0x34},
    {"L2TP", 1, 0xf0},
    {"L2TP all", 0, 0x34},
    {"L2TPv3", 0, 0x7f},
    {"L2TPv3", 1, 0xf0},
    {"L2TPv3", 2, 0xff},
    {"L2TPv3", 3, 0xff},
    {"GRE", 0, 0x0f},
    {"GRE", 1, 0xf8},
    {"GRE Ethernet", 1, 0xf8},
};

static void reserved_bits_are_ignored(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof reserved_cases / sizeof *reserved_cases; i++) {
        const struct reserved_case *r = &reserved_cases[i];
        const struct udp_case *u = case_of(r->name);
        for (unsigned bits = 1; bits < 256; bits++) {
            if ((bits & r->mask) != bits)
                continue;
            struct packet f = to_port(u->port, &u->t);
            f.bytes[ETHERNET + IP4 + UDP_HEADER + r->at] |= (uint8_t)bits;
            struct decoded d = decoded(&f);
            if (d.reason != FB_DECODE_OK || d.flags != FB_F_TUNNEL)
                fail_msg("%s, byte %u | %02x: %s, flags %x", r->name, r->at, bits,
                         fb_decode_texts[d.reason].name, d.flags);
            assert_inner(&f, u->t.six);
        }
    }
}

/* What protects from taking any payload for a tunnel is then what is inside. */
static void reserved_bits_before_nothing_that_looks_right_are_plain_udp(void **state) {
    static const char *const names[] = {"VXLAN", "VXLAN-GPE ip4", "VXLAN-GPE MPLS", "Geneve",
                                        "GTP",   "L2TP",          "L2TPv3",         "GRE"};
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        const struct udp_case *u = case_of(names[i]);
        struct packet f = to_port(u->port, &u->t);
        for (unsigned k = 0; k < sizeof reserved_cases / sizeof *reserved_cases; k++)
            if (strcmp(reserved_cases[k].name, names[i]) == 0)
                f.bytes[ETHERNET + IP4 + UDP_HEADER + reserved_cases[k].at] |=
                    reserved_cases[k].mask;
        memset(f.bytes + ETHERNET + IP4 + UDP_HEADER + 8, 0xa5,
               f.n - ETHERNET - IP4 - UDP_HEADER - 8);
        struct decoded d = decoded(&f);
        if (d.flags != 0)
            fail_msg("%s: %s, flags %x", names[i], fb_decode_texts[d.reason].name, d.flags);
        assert_plain_udp(&d, FB_DECODE_OK);
    }
}

/* Behind a protocol number of GPE that is no such number, and behind VXLAN's reserved byte. */
static void gpe_and_vxlan_are_told_apart_on_either_port(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        if (strncmp(cases[i].t.name, "VXLAN", 5) != 0)
            continue;
        struct packet f = to_port(cases[i].port == 4790 ? 4789 : 4790, &cases[i].t);
        assert_inner(&f, cases[i].t.six);
    }
    struct packet f = to_port(4789, &cases[0].t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER] = 0x0c;
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 3] = 1; /* IPv4, as GPE would have it */
    assert_inner(&f, false);
}

/* Of frames that CAPWAP carries in pieces. */
static void first_fragments_of_capwap_are_looked_into(void **state) {
    (void)state;
    const struct udp_case *u = case_of("CAPWAP");
    struct packet f = to_port(u->port, &u->t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 3] = 0x80;
    assert_inner(&f, false);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 7] = 0x08;
    struct decoded d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_OK);
}

/* RFC 6081: whatever is behind the packet is of type, length and value up to the end. */
static void trailers_of_teredo_are_passed_over(void **state) {
    (void)state;
    uint8_t *end = guarded_end();
    struct packet in = {0};
    add_inner(&in, true);
    ADD(&in, 1, 4, 1, 2, 3, 4, 5, 0); /* a nonce, a random port without its value */
    struct packet f = in_udp(false, 50000, 3544, &in);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.flags, FB_F_TUNNEL);
    assert_sample_holds(end, &f, LINK_ETHERNET);
    free_guarded(end);
    f.bytes[f.n - 1] = 1; /* and one more byte than there is */
    d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_OK);
}

static void what_is_no_ip_inside_leaves_the_flow_outside(void **state) {
    static const uint8_t arp_in_vxlan[] = {8, 0, 0, 0, 0, 0, 7, 0, MACS, 8, 6, 0, 1};
    static const uint8_t lcp_in_l2tp[] = {0, 2, 0, 3, 0, 7, 0xff, 3, 0xc0, 0x21, 1, 1};
    (void)state;
    struct packet in = {0};
    add_bytes(&in, arp_in_vxlan, sizeof arp_in_vxlan);
    struct packet f = in_udp(false, 50000, 4789, &in);
    struct decoded d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_TUNNEL_NON_IP);
    assert_int_equal(d.payload_len, sizeof arp_in_vxlan);
    assert_int_equal(high_port(&d), 4789);
    in.n = 0;
    add_bytes(&in, lcp_in_l2tp, sizeof lcp_in_l2tp);
    f = in_udp(false, 1701, 1701, &in);
    d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_TUNNEL_NON_IP);
    f = to_port(2152, &cases[11].t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 8] = 0x15;
    d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_TUNNEL_INNER);
    f = to_port(4789, &cases[0].t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 22] = 0x44;
    d = decoded(&f);
    assert_plain_udp(&d, FB_DECODE_TUNNEL_INNER);
}

static void first_fragments_of_udp_are_looked_into(void **state) {
    (void)state;
    struct packet f = to_port(4789, &cases[0].t);
    f.bytes[ETHERNET + 6] = 0x20;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_FIRST);
    assert_int_equal(d.flags, FB_F_FRAGMENT | FB_F_TUNNEL);
    assert_true(d.l3_off > ETHERNET + IP4 + UDP_HEADER);
    assert_int_equal(d.fragment_off, ETHERNET);
    f.bytes[ETHERNET + 7] = 1;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_FRAGMENT_LATER);
    assert_int_equal(d.flags, FB_F_FRAGMENT);
}

/* Behind UDP's length, and behind a tunnel's own, nothing is read. */
static void lengths_cut_what_is_behind_them(void **state) {
    (void)state;
    struct packet f = to_port(4789, &cases[0].t);
    f.bytes[ETHERNET + IP4 + 5] = UDP_HEADER + 22 + IP4 + 3;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
    f = to_port(2152, &cases[11].t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 3] = IP4 + 3;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
    f = to_port(1701, &cases[20].t);
    f.bytes[ETHERNET + IP4 + UDP_HEADER + 3] = 10 + IP6 + 3;
    d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
}

static void lengths_of_zero_inside_mean_to_the_end_of_what_is_around(void **state) {
    (void)state;
    struct packet f = to_port(4789, &cases[0].t);
    uint32_t inner = ETHERNET + IP4 + UDP_HEADER + 22;
    f.bytes[inner + 2] = f.bytes[inner + 3] = 0;
    ADD(&f, 0, 0, 0); /* padding of the outer frame */
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, 4);
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct packet f = to_port(cases[i].port, &cases[i].t);
        assert_sample_holds(end, &f, LINK_ETHERNET);
    }
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tunnel_over_udp_is_opened_both_ways),
        cmocka_unit_test(ids_of_tunnels_make_flows_where_asked_for),
        cmocka_unit_test(no_other_port_is_one_of_a_tunnel),
        cmocka_unit_test(port_without_the_right_header_is_plain_udp),
        cmocka_unit_test(reserved_bits_are_ignored),
        cmocka_unit_test(reserved_bits_before_nothing_that_looks_right_are_plain_udp),
        cmocka_unit_test(gpe_and_vxlan_are_told_apart_on_either_port),
        cmocka_unit_test(first_fragments_of_capwap_are_looked_into),
        cmocka_unit_test(trailers_of_teredo_are_passed_over),
        cmocka_unit_test(what_is_no_ip_inside_leaves_the_flow_outside),
        cmocka_unit_test(first_fragments_of_udp_are_looked_into),
        cmocka_unit_test(lengths_cut_what_is_behind_them),
        cmocka_unit_test(lengths_of_zero_inside_mean_to_the_end_of_what_is_around),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
