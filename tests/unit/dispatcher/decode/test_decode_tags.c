/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode_tag.c, dispatcher/decode/decode_mpls.c and
 * dispatcher/decode/decode_ppp.c: what is between the Ethernet header and IP.
 */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <string.h>

/* What is between the Ethernet header and the IP packet of tcp4() or tcp6(). */
static const struct tag_case {
    const char *name;
    unsigned type; /* of the Ethernet header */
    bool six;
    uint8_t n;
    uint8_t header[40];
    enum id_scope { NO_ID, VLAN_ID, TUNNEL_ID } scope;
    uint8_t id_at; /* its lowest byte */
} tag_cases[] = {
    {"VLAN", 0x8100, false, 4, {0, 7, 8, 0}, VLAN_ID, 1},
    {"VLAN ip6", 0x88a8, true, 4, {0, 7, 0x86, 0xdd}, VLAN_ID, 1},
    {"802.1BR", 0x893f, false, 8, {0, 1, 0x10, 2, 0, 0, 8, 0}, NO_ID, 0},
    {"802.1BR VLAN",
     0x893f,
     true,
     12,
     {0, 1, 0x10, 2, 0, 0, 0x81, 0, 0, 7, 0x86, 0xdd},
     VLAN_ID,
     9},
    {"VN-tag", 0x8926, false, 6, {0x80, 1, 0, 2, 8, 0}, NO_ID, 0},
    {"802.1ah", 0x88e7, false, 18, {0, 0, 3, 9, MACS, 8, 0}, VLAN_ID, 3},
    {"802.1ad 802.1ah 802.1Q",
     0x88a8,
     true,
     26,
     {0, 5, 0x88, 0xe7, 0, 0, 3, 9, MACS, 0x81, 0, 0, 7, 0x86, 0xdd},
     VLAN_ID,
     7},
    {"metadata", 0x8909, false, 8, {1, 1, 0, 1, 0, 7, 8, 0}, NO_ID, 0},
    {"metadata ip6", 0x8909, true, 8, {0, 0, 0, 0, 0, 0, 0x86, 0xdd}, NO_ID, 0},
    {"NSH", 0x894f, false, 8, {0x0f, 0xc2, 2, 1, 0, 0, 1, 255}, NO_ID, 0},
    {"NSH ip6", 0x894f, true, 12, {0x0f, 0xc3, 2, 2, 0, 0, 1, 255, 9, 9, 9, 9}, NO_ID, 0},
    {"NSH Ethernet", 0x894f, true, 22, {0, 2, 2, 3, 0, 0, 1, 255, MACS, 0x86, 0xdd}, NO_ID, 0},
    {"NSH MPLS", 0x894f, false, 12, {0, 2, 2, 5, 0, 0, 1, 255, 0, 1, 1, 64}, NO_ID, 0},
    {"Arista 64",
     0xd28b,
     false,
     14,
     {0, 1, 0, 0x10, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 8, 0},
     NO_ID,
     0},
    {"Arista 64 UTC",
     0xd28b,
     true,
     14,
     {0, 1, 1, 0x10, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 0x86, 0xdd},
     NO_ID,
     0},
    {"Arista 48 VLAN",
     0xd28b,
     true,
     16,
     {0, 1, 0, 0x20, 0xf1, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 0x86, 0xdd},
     VLAN_ID,
     13},
    {"Arista 48 UTC", 0xd28b, false, 12, {0, 1, 1, 0x20, 0xf1, 0, 0, 0, 0, 1, 8, 0}, NO_ID, 0},
    {"TTag", 0x8988, false, 8, {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 8, 0}, NO_ID, 0},
    {"VLAN TTag",
     0x8100,
     true,
     12,
     {0, 7, 0x89, 0x88, 0x12, 0x34, 0, 0, 0, 1, 0x86, 0xdd},
     VLAN_ID,
     1},
    {"HSR", 0x892f, false, 6, {0x10, 52, 0, 1, 8, 0}, NO_ID, 0},
    {"R-TAG", 0xf1c1, true, 6, {0, 0, 0, 1, 0x86, 0xdd}, NO_ID, 0},
    {"MACsec", 0x88e5, false, 8, {0, 0, 0, 0, 0, 1, 8, 0}, NO_ID, 0},
    {"MACsec channel",
     0x88e5,
     true,
     16,
     {0x23, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xa, 0, 1, 0x86, 0xdd},
     NO_ID,
     0},
    {"MACsec short", 0x88e5, false, 8, {0x43, 46, 0, 0, 0, 1, 8, 0}, NO_ID, 0},
    {"MACsec VLAN", 0x88e5, false, 12, {0, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 8, 0}, VLAN_ID, 9},
    {"FabricPath", 0x8903, false, 16, {0x04, 0x20, MACS, 8, 0}, NO_ID, 0},
    {"FabricPath VLAN",
     0x8903,
     true,
     20,
     {0x04, 0x20, MACS, 0x81, 0, 0, 7, 0x86, 0xdd},
     VLAN_ID,
     17},
    {"TRILL", 0x22f3, false, 20, {0, 0x20, 0, 1, 0, 2, MACS, 8, 0}, NO_ID, 0},
    {"TRILL options",
     0x22f3,
     true,
     24,
     {8, 0x60, 0, 1, 0, 2, 9, 9, 9, 9, MACS, 0x86, 0xdd},
     NO_ID,
     0},
    {"batman-adv", 0x4305, false, 24, {0x40, 15, 50, 1, 2, 0, 0, 0, 0, 1, MACS, 8, 0}, NO_ID, 0},
    {"batman-adv 4 addresses",
     0x4305,
     true,
     32,
     {0x42, 15, 50, 1, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 1, 0, MACS, 0x86, 0xdd},
     NO_ID,
     0},
    {"batman-adv broadcast",
     0x4305,
     false,
     28,
     {0x01, 15, 50, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, MACS, 8, 0},
     NO_ID,
     0},
    {"batman-adv 14",
     0x4305,
     true,
     24,
     {0x03, 14, 50, 1, 2, 0, 0, 0, 0, 1, MACS, 0x86, 0xdd},
     NO_ID,
     0},
    {"batman-adv multicast",
     0x4305,
     false,
     32,
     {0x05, 15, 50, 0, 0, 12, 7, 1, 0, 8, 0, 1, 2, 0, 0, 0, 0, 1, MACS, 8, 0},
     NO_ID,
     0},
    {"VLAN 0x9300", 0x9300, false, 4, {0, 7, 8, 0}, VLAN_ID, 1},
    {"NSH NSH", 0x894f, false, 16, {0, 2, 2, 4, 0, 0, 1, 255, 0, 2, 2, 1, 0, 0, 1, 255}, NO_ID, 0},
    {"MPLS Ethernet to 48:2a:..",
     0x8847,
     false,
     18,
     {0, 1, 1, 64, 0x48, 0x2a, 0xe3, 3, 0, 0xd, 2, 0, 0, 0, 0, 0xc, 8, 0},
     NO_ID,
     0},
    {"MPLS Ethernet to 6c:3b:..",
     0x8847,
     true,
     18,
     {0, 1, 1, 64, 0x6c, 0x3b, 0x6b, 1, 2, 3, 2, 0, 0, 0, 0, 0xc, 0x86, 0xdd},
     NO_ID,
     0},
    {"MPLS", 0x8847, false, 4, {0, 1, 0x01, 64}, NO_ID, 0},
    {"MPLS ip6", 0x8848, true, 4, {0, 1, 0x01, 64}, NO_ID, 0},
    {"MPLS stack", 0x8847, false, 12, {0, 1, 0xf0, 64, 0, 2, 0, 64, 0, 3, 0x01, 64}, NO_ID, 0},
    {"MPLS Ethernet control word",
     0x8847,
     false,
     22,
     {0, 1, 1, 64, 0, 0, 0, 1, MACS, 8, 0},
     NO_ID,
     0},
    {"MPLS Ethernet", 0x8847, true, 18, {0, 1, 1, 64, MACS, 0x86, 0xdd}, NO_ID, 0},
    {"MPLS Ethernet to 45:04:00:03:..",
     0x8847,
     false,
     18,
     {0, 1, 1, 64, 0x45, 4, 0, 3, 0, 0xd, 2, 0, 0, 0, 0, 0xc, 8, 0},
     NO_ID,
     0},
    {"MPLS Ethernet to a4:..",
     0x8847,
     false,
     22,
     {0, 1, 1, 64, 0xa4, 0, 0, 0, 0, 0xd, 2, 0, 0, 0, 0, 0xc, 0x81, 0, 0, 7, 8, 0},
     VLAN_ID,
     19},
    {"PPPoE", 0x8864, false, 8, {0x11, 0, 0, 9, 0, 46, 0, 0x21}, TUNNEL_ID, 3},
    {"PPPoE ip6", 0x8864, true, 8, {0x11, 0, 0, 9, 0, 66, 0, 0x57}, TUNNEL_ID, 3},
    {"PPPoE address and control",
     0x8864,
     false,
     10,
     {0x11, 0, 0, 9, 0, 48, 0xff, 3, 0, 0x21},
     TUNNEL_ID,
     3},
    {"PPPoE compressed", 0x8864, false, 7, {0x11, 0, 0, 9, 0, 45, 0x21}, TUNNEL_ID, 3},
    {"PPPoE MPLS", 0x8864, true, 12, {0x11, 0, 0, 9, 0, 70, 2, 0x81, 0, 1, 1, 64}, TUNNEL_ID, 3},
};
#define TAG_CASES (sizeof tag_cases / sizeof *tag_cases)

static const struct tag_case *case_of(const char *name) {
    unsigned k = 0;
    while (strcmp(tag_cases[k].name, name) != 0)
        k++;
    return &tag_cases[k];
}

static struct packet tagged(const struct tag_case *t) {
    struct packet f = {0};
    add_ethernet(&f, t->type);
    add_bytes(&f, t->header, t->n);
    add_inner(&f, t->six);
    return f;
}

static void ip_behind_every_tag_has_the_key_of_plain_ip(void **state) {
    (void)state;
    for (unsigned i = 0; i < TAG_CASES; i++) {
        const struct tag_case *t = &tag_cases[i];
        struct packet plain = t->six ? tcp6() : tcp4();
        struct packet f = tagged(t);
        struct decoded want = decoded(&plain);
        for (unsigned outer = 0; outer < 2; outer++) { /* no IP is around: the outermost is it */
            struct decoded d = decoded_with(&f, outer ? &outermost : &by_default);
            if (d.reason != FB_DECODE_OK)
                fail_msg("%s: %s", t->name, fb_decode_texts[d.reason].name);
            if (!same_key(&d, &want))
                fail_msg("%s: another key", t->name);
            assert_int_equal(d.flags, 0);
            assert_int_equal(d.l3_off, ETHERNET + t->n);
            assert_int_equal(d.payload_off, want.payload_off + t->n);
            assert_int_equal(d.payload_len, 4);
        }
    }
}

static void ids_of_tags_make_flows_where_asked_for(void **state) {
    (void)state;
    for (unsigned i = 0; i < TAG_CASES; i++) {
        const struct tag_case *t = &tag_cases[i];
        for (unsigned by = 0; by < 2; by++) {
            const struct decode_options *options = by == 0 ? &by_vlan : &by_tunnel;
            struct packet f = tagged(t);
            struct decoded one = decoded_with(&f, options);
            f.bytes[ETHERNET + t->id_at] ^= t->scope == NO_ID ? 0 : 1;
            struct decoded two = decoded_with(&f, options);
            bool differ = t->scope == (by == 0 ? VLAN_ID : TUNNEL_ID);
            if (same_key(&one, &two) == differ)
                fail_msg("%s: keys %s", t->name, differ ? "are the same" : "differ");
            assert_int_equal(one.reason, two.reason);
            two = decoded(&f);
            assert_reason(&two, FB_DECODE_OK);
        }
    }
}

static void vlan_ids_make_flows_where_asked_for(void **state) {
    struct decode_options other_secret = by_vlan;
    (void)state;
    other_secret.secret[0]++;
    struct packet f = vlans(2);
    struct decoded plain = decoded(&f);
    struct decoded one = decoded_with(&f, &by_vlan);
    assert_false(same_key(&plain, &one));
    assert_int_equal(plain.l4_off, one.l4_off);
    f.bytes[ETHERNET] ^= 0xf0; /* priority is not identity */
    struct decoded two = decoded_with(&f, &by_vlan);
    assert_same_key(&one, &two);
    for (unsigned bit = 0; bit < 12; bit++) { /* each bit of each tag's id is */
        for (unsigned tag = 0; tag < 2; tag++) {
            struct packet g = vlans(2);
            g.bytes[ETHERNET + 4 * tag + (bit < 8 ? 1 : 0)] ^= (uint8_t)(1u << bit % 8);
            two = decoded_with(&g, &by_vlan);
            assert_false(same_key(&two, &one));
        }
    }
    f = vlans(2); /* and so is their order */
    memcpy(f.bytes + ETHERNET, vlans(2).bytes + ETHERNET + 4, 2);
    memcpy(f.bytes + ETHERNET + 4, vlans(2).bytes + ETHERNET, 2);
    two = decoded_with(&f, &by_vlan);
    assert_false(same_key(&two, &one));
    f = vlans(2);
    two = decoded_with(&f, &other_secret);
    assert_false(same_key(&two, &one));
    f = tcp4();
    one = decoded(&f);
    two = decoded_with(&f, &by_vlan);
    assert_same_key(&one, &two);
}

/* What is no IP behind a tag: the innermost MAC pair, and a reason. */
static void check_no_ip(const struct packet *f, enum fb_decode_reason reason, unsigned type,
                        uint64_t low_mac) {
    struct decoded d = decoded(f);
    assert_reason(&d, reason);
    assert_int_equal(key_kind(&d), FB_KEY_MAC);
    assert_int_equal(key_type(&d), type);
    assert_int_equal(d.key.word[1], low_mac);
    assert_int_equal(d.flags, reason == FB_DECODE_NON_IP ? 0 : FB_F_MALFORMED);
    assert_int_equal(d.l3_off, FB_NO_OFFSET);
}

static struct packet ethernet_with(unsigned type, const uint8_t *bytes, uint32_t n) {
    struct packet f = {0};
    add_ethernet(&f, type);
    add_bytes(&f, bytes, n);
    return f;
}

#define WITH(type, ...)                                                                            \
    ethernet_with(type, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void tags_without_ip_are_keyed_by_mac_pair(void **state) {
    static const uint64_t outside = 0x02000000000a;
    static const uint64_t inside = 0x02000000000c;
    (void)state;
    struct packet f = WITH(0x8847, 0, 1, 1, 64, 0x10, 0, 0, 7, 0, 0, 0, 0); /* associated channel */
    check_no_ip(&f, FB_DECODE_NON_IP, 0x8847, outside);
    f = WITH(0x8847, 0, 1, 1, 64, MACS, 8, 6, 0, 1);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x0806, inside);
    f = WITH(0x8847, 0, 1, 1, 64, 0, 0, 0, 0, MACS, 8, 6, 0, 1);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x0806, inside);
    f = WITH(0x8847, 0, 1, 0, 64, 0, 1, 1);
    check_no_ip(&f, FB_DECODE_MPLS_SHORT, 0x8847, outside);
    f = WITH(0x8847, 0, 1, 1, 64);
    check_no_ip(&f, FB_DECODE_MPLS_SHORT, 0x8847, outside);
    f = WITH(0x8847, 0, 1, 1, 64, 0x44, 0, 0, 0);
    check_no_ip(&f, FB_DECODE_IP4_SHORT, 0x8847, outside);
    f = WITH(0x8864, 0x11, 0, 0, 9, 0, 4, 0xc0, 0x21, 1, 1); /* link control */
    check_no_ip(&f, FB_DECODE_NON_IP, 0x8864, outside);
    f = WITH(0x8864, 0x11, 0, 0, 9, 0);
    check_no_ip(&f, FB_DECODE_PPPOE, 0x8864, outside);
    f = WITH(0x8864, 0x21, 0, 0, 9, 0, 4, 0, 0x21, 0x45, 0);
    check_no_ip(&f, FB_DECODE_PPPOE, 0x8864, outside);
    f = WITH(0x8864, 0x11, 7, 0, 9, 0, 4, 0, 0x21, 0x45, 0);
    check_no_ip(&f, FB_DECODE_PPPOE, 0x8864, outside);
    f = WITH(0x8864, 0x11, 0, 0, 9, 0, 1, 0, 0x21); /* its length leaves half a protocol */
    check_no_ip(&f, FB_DECODE_PPPOE, 0x8864, outside);
    f = WITH(0x88e7, 0, 0, 3, 9, MACS, 8, 6, 0, 1);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x0806, inside);
    f = WITH(0x88e7, 0, 0, 3);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x88e7, outside);
    f = WITH(0x88e7, 0, 0, 3, 9, 2, 0, 0, 0, 0, 0xd, 2);
    check_no_ip(&f, FB_DECODE_LINK_SHORT, 0x88e7, outside);
    f = WITH(0x893f, 0, 1, 0x10, 2, 0, 0, 8);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x893f, outside);
    f = WITH(0x8926, 0, 1, 0, 2, 8);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x8926, outside);
    f = WITH(0x8909, 1, 1, 0, 1, 0, 7, 8);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x8909, outside);
    f = WITH(0x894f, 0, 1, 2, 1, 0, 0, 1, 255, 0x45, 0); /* a length within itself */
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x894f, outside);
    f = WITH(0x894f, 0, 3, 2, 1, 0, 0, 1, 255, 1, 2, 3);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x894f, outside);
    f = WITH(0x894f, 0, 2, 2, 0, 0, 0, 1, 255, 0x45, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x894f, outside);
}

static void tags_of_switches_without_ip_are_keyed_by_mac_pair(void **state) {
    static const uint64_t outside = 0x02000000000a;
    static const uint64_t inside = 0x02000000000c;
    (void)state;
    struct packet f = WITH(0xd28b, 0, 1, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 8);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0xd28b, outside);
    f = WITH(0xd28b, 0, 1, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0xd28b, outside);
    f = WITH(0xd28b, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0); /* not of a time */
    check_no_ip(&f, FB_DECODE_NON_IP, 0xd28b, outside);
    f = WITH(0xd28b, 0, 1, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0xd28b, outside);
    f = WITH(0x8988, 0, 0, 0, 0, 0, 0, 8);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x8988, outside);
    f = WITH(0x88e5, 0x0c, 0, 0, 0, 0, 1, 8, 0, 0x45, 0); /* encrypted */
    check_no_ip(&f, FB_DECODE_NON_IP, 0x88e5, outside);
    f = WITH(0x88e5, 0x04, 0, 0, 0, 0, 1, 8, 0, 0x45, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x88e5, outside);
    f = WITH(0x88e5, 0x80, 0, 0, 0, 0, 1, 8, 0, 0x45, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x88e5, outside);
    f = WITH(0x88e5, 0x20, 0, 0, 0, 0, 1, 8, 0, 0x45, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x88e5, outside);
    f = WITH(0x88e5, 0, 0, 0, 0, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x88e5, outside);
    f = WITH(0x8903, 4);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x8903, outside);
    f = WITH(0x8903, 4, 0x20, MACS, 8, 6, 0, 1);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x0806, inside);
    f = WITH(0x22f3, 8, 0x60, 0, 1, 0, 2, 9, 9);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x22f3, outside);
    f = WITH(0x22f3, 0x40, 0x20, 0, 1, 0, 2, MACS, 8, 0, 0x45, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x22f3, outside);
    f = WITH(0x4305, 0x40, 15, 50, 1, 2, 0, 0, 0, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x4305, outside);
    f = WITH(0x4305, 5, 15, 50, 0, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x4305, outside);
    f = WITH(0x4305, 5, 15, 50, 0, 0, 12, 7, 1, 0, 8, 0);
    check_no_ip(&f, FB_DECODE_VLAN_SHORT, 0x4305, outside);
    f = WITH(0x4305, 0, 15, 50, 1, 2, 0, 0, 0, 0, 1, MACS, 8, 0, 0x45, 0); /* of the mesh */
    check_no_ip(&f, FB_DECODE_NON_IP, 0x4305, outside);
    f = WITH(0x4305, 0x40, 16, 50, 1, 2, 0, 0, 0, 0, 1, MACS, 8, 0, 0x45, 0);
    check_no_ip(&f, FB_DECODE_NON_IP, 0x4305, outside);
}

static void length_of_pppoe_cuts_what_is_behind_it(void **state) {
    (void)state;
    struct packet f = tagged(case_of("PPPoE"));
    f.bytes[ETHERNET + 5] = 2 + IP4 + 3; /* three bytes of TCP, the rest is padding */
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
}

/* MACsec gives a length where its data would not fill a frame; the check value is behind it. */
static void length_of_macsec_cuts_what_is_behind_it(void **state) {
    (void)state;
    struct packet f = tcp4();
    memmove(f.bytes + ETHERNET + 8, f.bytes + ETHERNET, f.n - ETHERNET);
    memcpy(f.bytes + ETHERNET - 2, "\x88\xe5\x00\x19\0\0\0\x01\x08", 10); /* 2 + 20 + 3 */
    f.n += 8;
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_TCP_SHORT);
    assert_int_equal(low_port(&d), 0);
}

/* PRP's is behind the frame: six bytes, the last two of them a type that no one reads as one. */
static void trailers_of_redundancy_are_padding(void **state) {
    (void)state;
    struct packet f = tcp4(), plain = tcp4();
    struct decoded want = decoded(&plain);
    ADD(&f, 0, 1, 0xa0, 52, 0x88, 0xfb);
    struct decoded d = decoded(&f);
    assert_same_key(&d, &want);
    assert_int_equal(d.payload_len, want.payload_len);
}

/* From 8.6.69.0, whose first bytes are an ethertype where Ethernet would have one. */
static void ip_with_a_right_checksum_behind_labels_is_no_ethernet(void **state) {
    static const uint8_t header[] = {0x45, 0, 0, 24, 0,  1, 0, 0, 64, 17,
                                     0,    0, 8, 6,  69, 0, 9, 9, 9,  9};
    (void)state;
    for (unsigned right = 0; right < 2; right++) {
        uint32_t sum = 0;
        struct packet f = WITH(0x8847, 0, 1, 1, 64);
        add_bytes(&f, header, sizeof header);
        for (unsigned i = 0; i < sizeof header; i += 2)
            sum += (unsigned)header[i] << 8 | header[i + 1];
        sum = ~(sum % 0xffff) & 0xffff;
        f.bytes[f.n - 10] = HIGH(sum + !right);
        f.bytes[f.n - 9] = LOW(sum + !right);
        ADD(&f, 0, 7, 0, 9);
        struct decoded d = decoded(&f);
        assert_int_equal(d.l3_off, right ? ETHERNET + 4 : FB_NO_OFFSET);
    }
}

/* Options that are not there are in no checksum. */
static void ip_header_behind_labels_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    struct packet f = WITH(0x8847, 0, 1, 1, 64, 0x4f, 0, 0, 60, 0, 1, 0, 0, 64, 17, 0, 0, 8, 6, 69,
                           0, 9, 9, 9, 9);
    assert_safe_at_every_length(end, &f);
    free_guarded(end);
}

static void labels_of_any_depth_are_passed(void **state) {
    (void)state;
    struct packet plain = tcp4();
    struct decoded want = decoded(&plain);
    for (unsigned depth = 1; depth <= 100; depth++) {
        struct packet f = {0};
        add_ethernet(&f, 0x8847);
        for (unsigned i = 1; i <= depth; i++)
            ADD(&f, 0, (uint8_t)i, i == depth, 64);
        add_inner(&f, false);
        struct decoded d = decoded(&f);
        assert_reason(&d, FB_DECODE_OK);
        assert_int_equal(d.l3_off, ETHERNET + 4 * depth);
        assert_same_key(&d, &want);
    }
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned i = 0; i < TAG_CASES; i++) {
        struct packet f = tagged(&tag_cases[i]);
        assert_sample_holds(end, &f, LINK_ETHERNET);
    }
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_behind_every_tag_has_the_key_of_plain_ip),
        cmocka_unit_test(ids_of_tags_make_flows_where_asked_for),
        cmocka_unit_test(vlan_ids_make_flows_where_asked_for),
        cmocka_unit_test(tags_without_ip_are_keyed_by_mac_pair),
        cmocka_unit_test(tags_of_switches_without_ip_are_keyed_by_mac_pair),
        cmocka_unit_test(length_of_pppoe_cuts_what_is_behind_it),
        cmocka_unit_test(length_of_macsec_cuts_what_is_behind_it),
        cmocka_unit_test(trailers_of_redundancy_are_padding),
        cmocka_unit_test(ip_with_a_right_checksum_behind_labels_is_no_ethernet),
        cmocka_unit_test(ip_header_behind_labels_may_be_cut_anywhere),
        cmocka_unit_test(labels_of_any_depth_are_passed),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
