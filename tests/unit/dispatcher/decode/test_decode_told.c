/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_ids.c: which VLANs and which tunnel are told of a frame, and with them
 * the digest that decode.c has put over its key. */
#include "tests/lib/frames_tunnel.h"

#include <stdlib.h>
#include <string.h>

#define ID 0x010203u /* of every tunnel below that has one, in three bytes */

/* What is behind the outer IP header: in UDP to a port, or by protocol where that is 0. */
static const struct told_case {
    unsigned port, proto;
    struct tunnel_case tunnel;
    enum fb_tunnel kind;
    uint32_t id;
} cases[] = {
    {0, 4, {"IP in IP", false, 0, {0}, false, 0}, FB_TUNNEL_IP, 0},
    {0, 41, {"IPv6 in IP", true, 0, {0}, false, 0}, FB_TUNNEL_IP, 0},
    {0, 143, {"Ethernet", false, 14, {ETHERNET_4}, false, 0}, FB_TUNNEL_OTHER, 0},
    {0, 97, {"EtherIP", false, 16, {0x30, 0, ETHERNET_4}, false, 0}, FB_TUNNEL_OTHER, 0},
    {0, 137, {"MPLS", false, 4, {0, 1, 1, 64}, false, 0}, FB_TUNNEL_OTHER, 0},
    {0, 47, {"GRE", false, 4, {0, 0, 8, 0}, false, 0}, FB_TUNNEL_GRE, 0},
    {0, 47, {"key", false, 8, {0x20, 0, 8, 0, 0, 1, 2, 3}, true, 7}, FB_TUNNEL_GRE, ID},
    {0,
     47,
     {"NVGRE", false, 22, {0x20, 0, 0x65, 0x58, 1, 2, 3, 9, ETHERNET_4}, true, 7},
     FB_TUNNEL_GRE,
     ID << 8 | 9},
    {0,
     47,
     {"PPTP", false, 13, {0x30, 1, 0x88, 0x0b, 0, 45, 2, 3, 0, 0, 0, 1, 0x21}, true, 7},
     FB_TUNNEL_GRE,
     0x0203},
    {0,
     47,
     {"EoIP", false, 22, {0x20, 1, 0x64, 0, 0, 58, 2, 3, ETHERNET_4}, true, 7},
     FB_TUNNEL_GRE,
     0x0203},
    {0, 47, {"ERSPAN I", false, 18, {0, 0, 0x88, 0xbe, ETHERNET_4}, false, 0}, FB_TUNNEL_ERSPAN, 0},
    {0,
     47,
     {"ERSPAN II",
      false,
      30,
      {0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 2, 3, 0, 0, 0, 0, ETHERNET_4},
      true,
      11},
     FB_TUNNEL_ERSPAN,
     0x203},
    {0,
     47,
     {"ERSPAN II in a keyed one",
      false,
      34,
      {0x30, 0, 0x88, 0xbe, 9, 9, 9, 9, 0, 0, 0, 1, 0x10, 0, 2, 3, 0, 0, 0, 0, ETHERNET_4},
      true,
      15},
     FB_TUNNEL_ERSPAN,
     0x203},
    {0,
     47,
     {"ERSPAN I in a keyed one", false, 22, {0x20, 0, 0x88, 0xbe, 9, 9, 9, 9, ETHERNET_4}, true, 7},
     FB_TUNNEL_ERSPAN,
     0},
    {0,
     115,
     {"L2TPv3", false, 22, {0, 1, 2, 3, 1, 2, 3, 4, ETHERNET_4}, true, 3},
     FB_TUNNEL_L2TP,
     ID},
    {1701,
     0,
     {"L2TP", false, 10, {0, 2, 0, 1, 2, 3, 0xff, 3, 0, 0x21}, true, 5},
     FB_TUNNEL_L2TP,
     1 << 16 | 0x203},
    {4789,
     0,
     {"VXLAN", false, 22, {8, 0, 0, 0, 1, 2, 3, 0, ETHERNET_4}, true, 6},
     FB_TUNNEL_VXLAN,
     ID},
    {4790, 0, {"VXLAN-GPE", false, 8, {0x0c, 0, 0, 1, 1, 2, 3, 0}, true, 6}, FB_TUNNEL_VXLAN, ID},
    {6081,
     0,
     {"Geneve", true, 8, {0, 0x80, 0x86, 0xdd, 1, 2, 3, 0}, true, 6},
     FB_TUNNEL_GENEVE,
     ID},
    {2152, 0, {"GTP", false, 8, {0x30, 255, 0, 44, 0, 1, 2, 3}, true, 7}, FB_TUNNEL_GTP, ID},
    {4341, 0, {"LISP", false, 8, {0x80, 1, 2, 3, 0, 0, 0, 1}, false, 0}, FB_TUNNEL_LISP, 0},
    {4341, 0, {"instance", true, 8, {0x88, 9, 9, 9, 1, 2, 3, 1}, true, 6}, FB_TUNNEL_LISP, ID},
    {4754, 0, {"GRE over UDP", false, 8, {0x20, 0, 8, 0, 0, 1, 2, 3}, true, 7}, FB_TUNNEL_GRE, ID},
    {3544, 0, {"Teredo", true, 0, {0}, false, 0}, FB_TUNNEL_OTHER, 0},
    {5247,
     0,
     {"CAPWAP", false, 22, {0, 0x10, 0x42, 0, 0, 0, 0, 0, ETHERNET_4}, false, 0},
     FB_TUNNEL_OTHER,
     0},
    {6635, 0, {"MPLS over UDP", true, 8, {0, 1, 0, 64, 0, 2, 1, 64}, false, 0}, FB_TUNNEL_OTHER, 0},
    {37008, 0, {"TZSP", false, 19, {1, 0, 0, 1, 1, ETHERNET_4}, false, 0}, FB_TUNNEL_OTHER, 0},
};
#define CASES (sizeof cases / sizeof *cases)

static struct packet frame_of(const struct told_case *c) {
    struct packet in = carried(&c->tunnel);
    return c->port != 0 ? to_port(c->port, &c->tunnel) : in_ip(false, c->proto, &in);
}

static struct decoded_ids told_with(const struct packet *f, const struct decode_options *options) {
    struct decoded_ids ids;
    decode_ids(f->bytes, f->n, LINK_ETHERNET, options, &ids);
    return ids;
}

static struct decoded_ids told(const struct packet *f) {
    return told_with(f, &by_default);
}

static const struct decode_options both = {
    .ports = &decode_usual_ports, .key_vlan = true, .key_tunnel = true, .secret = {5, 6}};
static const struct decode_options outer_by_tunnel = {
    .ports = &decode_usual_ports, .outer = true, .key_tunnel = true, .secret = {3, 4}};
static const struct decode_options *const ways[] = {&by_default, &by_vlan,   &by_tunnel,
                                                    &both,       &outermost, &outer_by_tunnel};
#define WAYS (sizeof ways / sizeof *ways)

/* Without the digest the key is that of the same frame with no ids in keys. */
static void expect_digest(const struct packet *f) {
    for (unsigned way = 0; way < WAYS; way++) {
        struct decode_options without = *ways[way];
        without.key_vlan = without.key_tunnel = false;
        struct decoded plain = decoded_with(f, &without), d = decoded_with(f, ways[way]);
        struct decoded_ids ids = told_with(f, ways[way]);
        d.key.word[0] ^= ids.digest[0];
        d.key.word[2] ^= ids.digest[1];
        assert_same_key(&d, &plain);
    }
}

static void expect_told(const struct decoded_ids *ids, const char *name, enum fb_tunnel tunnel,
                        uint32_t id) {
    if (ids->tunnel != tunnel || ids->tunnel_id != id)
        fail_msg("%s: tunnel %d of id %x", name, (int)ids->tunnel, ids->tunnel_id);
}

static void kind_and_id_of_every_tunnel_are_told(void **state) {
    (void)state;
    for (const struct told_case *c = cases; c != cases + CASES; c++) {
        struct packet f = frame_of(c);
        struct decoded d = decoded(&f);
        assert_true(decoded_may_have_ids(&d, LINK_ETHERNET));
        for (unsigned way = 0; way < WAYS; way++) {
            struct decoded_ids ids = told_with(&f, ways[way]);
            bool outer = ways[way]->outer;
            expect_told(&ids, c->tunnel.name, outer ? FB_TUNNEL_NONE : c->kind, outer ? 0 : c->id);
            assert_int_equal(ids.vlan[0] | ids.vlan[1], 0);
        }
        expect_digest(&f);
    }
}

/* Of tunnels in tunnels the innermost, with its own id or none. */
static void of_tunnels_in_tunnels_the_innermost_is_told(void **state) {
    (void)state;
    struct packet in = {0}, gre = {0};
    add_inner(&in, false);
    struct packet ip_in = in_ip(false, 4, &in);
    ADD(&gre, 0x20, 0, 8, 0, 0, 0, 0, 9);
    add_bytes(&gre, ip_in.bytes + ETHERNET, ip_in.n - ETHERNET);
    struct packet f = in_ip(false, 47, &gre);
    struct decoded_ids ids = told(&f);
    expect_told(&ids, "IP in IP in GRE", FB_TUNNEL_IP, 0);
    expect_digest(&f);

    struct packet keyed = {0}, outer = {0};
    ADD(&keyed, 0x20, 0, 8, 0, 0, 0, 0, 5);
    add_bytes(&keyed, in.bytes, in.n);
    struct packet inner_gre = in_ip(false, 47, &keyed);
    ADD(&outer, 0x20, 0, 8, 0, 0, 0, 0, 9);
    add_bytes(&outer, inner_gre.bytes + ETHERNET, inner_gre.n - ETHERNET);
    f = in_ip(false, 47, &outer);
    ids = told(&f);
    expect_told(&ids, "GRE in GRE", FB_TUNNEL_GRE, 5);
    expect_digest(&f);
}

/* The flow is the one outside then, and so is what is told: here ARP in VXLAN in a VLAN. */
static void a_tunnel_that_carries_no_ip_is_none(void **state) {
    (void)state;
    struct packet in = {0}, plain = arp(), f = {0};
    ADD(&in, 8, 0, 0, 0, 1, 2, 3, 0, MACS, 0x81, 0, 0, 7, 8, 6);
    add_bytes(&in, plain.bytes + ETHERNET, plain.n - ETHERNET);
    struct packet carrier = in_udp(false, 50000, 4789, &in);
    add_bytes(&f, carrier.bytes, 12);
    ADD(&f, 0x81, 0, 0, 99);
    add_bytes(&f, carrier.bytes + 12, carrier.n - 12);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TUNNEL_NON_IP);
    struct decoded_ids ids = told(&f);
    expect_told(&ids, "ARP in VXLAN", FB_TUNNEL_NONE, 0);
    assert_int_equal(ids.vlan[0], 99);
    assert_int_equal(ids.vlan[1], 0);
    expect_digest(&f);
}

/* tcp4() behind tags of 802.1Q with these ids, the outer one first. */
static struct packet tagged(const uint16_t *ids, unsigned count) {
    struct packet f = {0}, plain = tcp4();
    add_bytes(&f, plain.bytes, 12);
    for (unsigned i = 0; i < count; i++)
        ADD(&f, 0x81, 0, HIGH(0xe000 | ids[i]), LOW(ids[i]));
    add_bytes(&f, plain.bytes + 12, plain.n - 12);
    return f;
}

static void the_first_two_vlans_are_told_and_no_id_0(void **state) {
    (void)state;
    static const struct {
        uint16_t ids[4];
        unsigned count;
        uint16_t told[2];
    } tags[] = {
        {{0}, 0, {0, 0}}, {{5}, 1, {5, 0}},    {{4095, 6}, 2, {4095, 6}}, {{5, 6, 7}, 3, {5, 6}},
        {{0}, 1, {0, 0}}, {{0, 6}, 2, {6, 0}}, {{5, 0, 7}, 3, {5, 7}},    {{1, 2, 3, 4}, 4, {1, 2}},
    };
    for (unsigned i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct packet f = tagged(tags[i].ids, tags[i].count);
        struct decoded d = decoded(&f);
        assert_int_equal(decoded_may_have_ids(&d, LINK_ETHERNET), tags[i].count != 0);
        for (unsigned way = 0; way < WAYS; way++) {
            struct decoded_ids ids = told_with(&f, ways[way]);
            assert_int_equal(ids.vlan[0], tags[i].told[0]);
            assert_int_equal(ids.vlan[1], tags[i].told[1]);
            expect_told(&ids, "tags", FB_TUNNEL_NONE, 0);
        }
        expect_digest(&f);
    }
}

/* The session of PPPoE is an id in keys, and is no tunnel's. */
static void pppoe_is_no_tunnel(void **state) {
    (void)state;
    struct packet f = {0}, in = {0}, ip_in;
    add_inner(&in, false);
    ip_in = in_ip(false, 4, &in);
    unsigned length = ip_in.n - ETHERNET + 2;
    add_ethernet(&f, 0x8864);
    ADD(&f, 0x11, 0, 0, 77, HIGH(length), LOW(length), 0, 0x21);
    add_bytes(&f, ip_in.bytes + ETHERNET, ip_in.n - ETHERNET);
    struct decoded d = decoded(&f);
    assert_int_equal(d.flags, FB_F_TUNNEL);
    struct decoded_ids ids = told(&f);
    expect_told(&ids, "IP in IP in PPPoE", FB_TUNNEL_IP, 0);
    expect_digest(&f);
}

/* Nothing is told of it and nothing is read beyond it, whatever it is cut to. */
static void a_frame_that_is_cut_off_has_the_ids_that_are_there(void **state) {
    (void)state;
    for (const struct told_case *c = cases; c != cases + CASES; c++) {
        struct packet f = frame_of(c);
        for (uint32_t n = 0; n < f.n; n++) {
            uint8_t *bytes = malloc(n == 0 ? 1 : n); /* for the sanitizer */
            memcpy(bytes, f.bytes, n);
            struct decoded_ids ids;
            struct decoded d;
            decode(bytes, n, LINK_ETHERNET, &both, &d);
            decode_ids(bytes, n, LINK_ETHERNET, &both, &ids);
            assert_int_equal(ids.tunnel != FB_TUNNEL_NONE, (d.flags & FB_F_TUNNEL) != 0);
            free(bytes);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_and_id_of_every_tunnel_are_told),
        cmocka_unit_test(of_tunnels_in_tunnels_the_innermost_is_told),
        cmocka_unit_test(a_tunnel_that_carries_no_ip_is_none),
        cmocka_unit_test(the_first_two_vlans_are_told_and_no_id_0),
        cmocka_unit_test(pppoe_is_no_tunnel),
        cmocka_unit_test(a_frame_that_is_cut_off_has_the_ids_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
