/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode_lan.c, dispatcher/decode/decode_pseudo.c and the links of
 * dispatcher/decode/decode_link.c that test_decode.c does not have.
 */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_links.h"

static void assert_is_inner(const struct packet *f, int dlt, bool six, const char *name) {
    struct packet plain = six ? tcp6() : tcp4();
    struct decoded want = decoded(&plain);
    struct decoded d = decoded_as(f, link_of(dlt));
    if (d.reason != FB_DECODE_OK)
        fail_msg("%s: %s", name, fb_decode_texts[d.reason].name);
    assert_same_key(&d, &want);
    assert_int_equal(d.l3_off, f->n - (plain.n - ETHERNET));
    assert_int_equal(d.payload_len, 4);
    assert_int_equal(d.flags, 0);
}

static void every_header_leads_to_the_packet_behind_it(void **state) {
    (void)state;
    for (unsigned i = 0; i < LINK_CASES; i++) {
        struct packet f = frame_of(&link_cases[i]);
        assert_is_inner(&f, link_cases[i].dlt, link_cases[i].six, link_cases[i].name);
    }
}

static void tunnels_are_opened_behind_every_header(void **state) {
    (void)state;
    for (unsigned i = 0; i < LINK_CASES; i++) {
        const struct link_case *t = &link_cases[i];
        struct packet f = {0}, inside = ip_in_ip(t->six, !t->six);
        struct packet plain = t->six ? tcp4() : tcp6();
        struct decoded want = decoded(&plain);
        add_bytes(&f, t->header, t->n);
        add_bytes(&f, inside.bytes + ETHERNET, inside.n - ETHERNET);
        struct decoded d = decoded_as(&f, link_of(t->dlt));
        assert_reason(&d, FB_DECODE_OK);
        assert_same_key(&d, &want);
        assert_int_equal(d.flags, FB_F_TUNNEL);
    }
}

static void cut_headers_are_told_at_every_length(void **state) {
    (void)state;
    for (unsigned i = 0; i < LINK_CASES; i++) {
        struct packet f = frame_of(&link_cases[i]);
        for (f.n = 0; f.n < link_cases[i].needed; f.n++) {
            struct decoded d = decoded_as(&f, link_of(link_cases[i].dlt));
            if (d.reason != FB_DECODE_LINK_SHORT)
                fail_msg("%s cut to %u: %s", link_cases[i].name, f.n,
                         fb_decode_texts[d.reason].name);
            assert_int_equal(d.flags, FB_F_MALFORMED);
        }
    }
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned i = 0; i < LINK_CASES; i++) {
        struct packet f = frame_of(&link_cases[i]);
        assert_sample_holds(end, &f, link_of(link_cases[i].dlt));
    }
    free_guarded(end);
}

/* ---- NFLOG: fields in the order of this machine */

static void add_field(struct packet *f, unsigned length, unsigned type) {
    const uint16_t field[] = {(uint16_t)length, (uint16_t)type};
    add_bytes(f, field, sizeof field);
}

static struct packet nflog(bool six) {
    struct packet f = {0}, inner = {0};
    add_inner(&inner, six);
    ADD(&f, six ? 10 : 2, 0, 0, 7);
    add_field(&f, 8, 1);
    ADD(&f, 8, 0, 1, 0);
    add_field(&f, 5, 10); /* a prefix, "", padded */
    ADD(&f, 0, 0, 0, 0);
    add_field(&f, 4 + inner.n, 9);
    return f;
}

static void packet_is_found_among_the_fields_of_nflog(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        struct packet f = nflog(six);
        uint32_t header = f.n;
        add_inner(&f, six);
        assert_is_inner(&f, 239, six, "nflog");
        assert_sample_holds(end, &f, LINK_NFLOG);
        ADD(&f, 0, 0, 0, 0, 0, 0, 0, 0); /* further fields are not of the packet */
        struct decoded d = decoded_as(&f, LINK_NFLOG);
        assert_reason(&d, FB_DECODE_OK);
        assert_int_equal(d.payload_len, 4);
        for (f.n = 4; f.n < header; f.n++) {
            d = decoded_as(&f, LINK_NFLOG);
            /* After a whole field, or within the head of the next, there is no packet. */
            assert_true(d.reason == FB_DECODE_NON_IP || d.reason == FB_DECODE_LINK_SHORT);
            assert_int_equal(key_kind(&d), FB_KEY_NONE);
        }
    }
    free_guarded(end);
}

static void fields_of_nflog_that_cannot_be_are_told(void **state) {
    static const struct {
        unsigned length, type;
        enum fb_decode_reason reason;
    } all[] = {
        {3, 1, FB_DECODE_LINK_SHORT}, {0, 1, FB_DECODE_LINK_SHORT},
        {0, 9, FB_DECODE_LINK_SHORT}, {4, 9, FB_DECODE_IP4_SHORT},
        {4, 1, FB_DECODE_NON_IP},     {9, 1, FB_DECODE_LINK_SHORT},
        {5, 9, FB_DECODE_IP_VERSION}, {65535, 1, FB_DECODE_LINK_SHORT},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        struct packet f = {0};
        ADD(&f, 2, 0, 0, 7);
        add_field(&f, all[i].length, all[i].type);
        if (all[i].length > 4)
            ADD(&f, 0, 0, 0, 0);
        struct decoded d = decoded_as(&f, LINK_NFLOG);
        assert_reason(&d, all[i].reason);
    }
}

/* ---- what carries no IP, or cannot be */

static const struct odd_case {
    const char *name;
    int dlt;
    enum fb_decode_reason reason;
    enum fb_key_kind kind;
    unsigned type; /* in the key */
    uint8_t n;
    uint8_t header[180];
} odd_cases[] = {
    {"PPPoE discovery", 51, FB_DECODE_NON_IP, FB_KEY_NONE, 0x8863, 10, {0x11, 9}},
    {"PPPoE version", 51, FB_DECODE_PPPOE, FB_KEY_NONE, 0x8864, 10, {0x12, 0, 0, 7, 0, 4, 0, 0x21}},
    {"pppd, no control", 166, FB_DECODE_NON_IP, FB_KEY_NONE, 4, 10, {0, 4, 0, 0x21}},
    {"MPLS cut", 219, FB_DECODE_MPLS_SHORT, FB_KEY_NONE, 0, 3, {0, 1, 1}},
    {"ATM OSI", 11, FB_DECODE_NON_IP, FB_KEY_NONE, 4, 12, {0xfe, 0xfe, 3}},
    {"token ring MAC frame", 6, FB_DECODE_NON_IP, FB_KEY_MAC, 0, 20, {0x10, 0, MACS}},
    {"token ring, no route",
     6,
     FB_DECODE_LINK_SHORT,
     FB_KEY_MAC,
     0,
     30,
     {0x10, 0x40, [8] = 0x80, [14] = 1}},
    {"token ring, long route",
     6,
     FB_DECODE_LINK_SHORT,
     FB_KEY_MAC,
     0,
     30,
     {0x10, 0x40, [8] = 0x80, [14] = 0x12}},
    {"FDDI token", 10, FB_DECODE_NON_IP, FB_KEY_MAC, 0, 30, {0x80, MACS, SNAP4}},
    {"FDDI SMT", 10, FB_DECODE_NON_IP, FB_KEY_MAC, 0, 30, {0x41, MACS, SNAP4}},
    {"FireWire ARP", 138, FB_DECODE_NON_IP, FB_KEY_NONE, 0x0806, 30, {[16] = 8, 6}},
    {"Prism short", 119, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {0x44, [4] = 23}},
    {"Prism long", 119, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {0x44, [4] = 81}},
    {"AVS short", 163, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {0x80, 0x21, 0x10, 1, [7] = 7}},
    {"AVS long", 163, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {0x80, 0x21, 0x10, 1, 1, [7] = 9}},
    {"Broadcom tag, LLC", 281, FB_DECODE_NON_IP, FB_KEY_MAC, 4, 30, {MACS, 0, 0, 0, 1, 0, 8}},
    {"mPacket goes on", 274, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 30, {[6] = 0x61, 3, ETHERNET4}},
    {"NetAnalyzer pin", 240, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 30, {0, 5, 60, 0, ETHERNET4}},
    {"enc family", 109, FB_DECODE_NON_IP, FB_KEY_NONE, 7, 40, {7}},
    {"pflog short", 117, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {40, 2}},
    {"pflog long", 117, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {81, 2}},
    {"pflog family", 117, FB_DECODE_NON_IP, FB_KEY_NONE, 7, 80, {48, 7}},
    {"ipnet family", 226, FB_DECODE_NON_IP, FB_KEY_NONE, 1, 40, {1, 1}},
    {"pktap without packet", 258, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 122, {108, [8] = 1}},
    {"pktap short", 258, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 122, {107, [4] = 1, [8] = 1}},
    {"pktap long", 258, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 122, {123, [4] = 1, [8] = 1}},
    {"pktap 2 short", 258, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 80, {39, [6] = 1, [38] = 8}},
    {"pktap in itself", 258, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 122, {108, [4] = 1, [8] = 2, 1}},
    {"PPI in pktap", 258, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 122, {108, [4] = 1, [8] = 192}},
    {"pktap, high type",
     258,
     FB_DECODE_NON_IP,
     FB_KEY_NONE,
     0,
     122,
     {108, [4] = 1, [8] = 1, [11] = 1}},
    {"pktap, cut SLIP", 258, FB_DECODE_LINK_SHORT, FB_KEY_NONE, 0, 123, {108, [4] = 1, [8] = 8}},
    {"pktap in PPI", 192, FB_DECODE_NON_IP, FB_KEY_NONE, 0, 30, {0, 0, 8, 0, 2, 1}},
    {"ERF unknown", 197, FB_DECODE_NON_IP, FB_KEY_NONE, 27, 40, {[8] = 27}},
    {"ERF beyond", 197, FB_DECODE_NON_IP, FB_KEY_NONE, 127, 40, {[8] = 127}},
    {"ERF without end",
     197,
     FB_DECODE_LINK_SHORT,
     FB_KEY_NONE,
     0,
     40,
     {[8] = 0x82, [16] = 0x80, [24] = 0x80, [32] = 0x80}},
};

static void what_carries_no_packet_says_why(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof odd_cases / sizeof *odd_cases; i++) {
        const struct odd_case *t = &odd_cases[i];
        struct packet f = {0};
        add_bytes(&f, t->header, t->n);
        struct decoded d = decoded_as(&f, link_of(t->dlt));
        if (d.reason != t->reason || key_kind(&d) != t->kind || key_type(&d) != t->type)
            fail_msg("%s: %s, kind %u, type %u", t->name, fb_decode_texts[d.reason].name,
                     key_kind(&d), key_type(&d));
        assert_int_equal(d.flags, t->reason == FB_DECODE_NON_IP ? 0 : FB_F_MALFORMED);
        assert_int_equal(d.l3_off, FB_NO_OFFSET);
    }
}

static void link_types_without_a_reading_are_refused(void **state) {
    static const int unknown[] = {-1, 2, 7, 13, 143, 147, 162, 195, 230, 256, 65537, 1 << 24};
    enum link_layer link;
    (void)state;
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_false(link_layer_of(unknown[i], &link));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_leads_to_the_packet_behind_it),
        cmocka_unit_test(tunnels_are_opened_behind_every_header),
        cmocka_unit_test(cut_headers_are_told_at_every_length),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
        cmocka_unit_test(packet_is_found_among_the_fields_of_nflog),
        cmocka_unit_test(fields_of_nflog_that_cannot_be_are_told),
        cmocka_unit_test(what_carries_no_packet_says_why),
        cmocka_unit_test(link_types_without_a_reading_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
