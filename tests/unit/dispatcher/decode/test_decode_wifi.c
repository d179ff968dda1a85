/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_wifi.c: IEEE 802.11, bare and behind the headers of drivers. */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

/* Receiver, transmitter, third address, sequence number. */
#define ADDRESSES 2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0, 0xc, 0x10, 0
#define SNAP4 0xaa, 0xaa, 3, 0, 0, 0, 8, 0
#define SNAP6 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd
#define RADIOTAP 0, 0, 9, 0, 2, 0, 0, 0

static const struct wifi_case {
    const char *name;
    int dlt;
    bool six;
    uint8_t n;
    uint8_t header[80]; /* before the IP packet */
} cases[] = {
    {"data", 105, false, 32, {8, 1, 0, 0, ADDRESSES, SNAP4}},
    {"data of four addresses", 105, true, 38, {8, 3, 0, 0, ADDRESSES, 2, 0, 0, 0, 0, 0xd, SNAP6}},
    {"QoS", 105, false, 34, {0x88, 2, 0, 0, ADDRESSES, 0, 0, SNAP4}},
    {"QoS HT", 105, false, 38, {0x88, 0x82, 0, 0, ADDRESSES, 0, 0, 1, 2, 3, 4, SNAP4}},
    {"data, order bit", 105, false, 32, {8, 0x81, 0, 0, ADDRESSES, SNAP4}},
    {"QoS aggregate", 105, true, 48, {0x88, 1, 0, 0, ADDRESSES, 0x80, 0, MACS, 0, 72, SNAP6}},
    {"QoS HT aggregate",
     105,
     false,
     52,
     {0x88, 0x82, 0, 0, ADDRESSES, 0x80, 0, 1, 2, 3, 4, MACS, 0, 52, SNAP4}},
    {"radiotap", 127, false, 40, {0, 0, 8, 0, 0, 0, 0, 0, 8, 1, 0, 0, ADDRESSES, SNAP4}},
    {"radiotap flags", 127, false, 43, {RADIOTAP, 0x10, 0x88, 1, 0, 0, ADDRESSES, 0, 0, SNAP4}},
    {"radiotap padded",
     127,
     false,
     45,
     {RADIOTAP, 0x20, 0x88, 1, 0, 0, ADDRESSES, 0, 0, 9, 9, SNAP4}},
    {"radiotap time, padded", 127, true, 53, {0, 0, 17, 0,         3, 0, 0, 0,    1,
                                              2, 3, 4,  5,         6, 7, 8, 0x20, 0x88,
                                              1, 0, 0,  ADDRESSES, 0, 0, 9, 9,    SNAP6}},
    {"radiotap two words, time, padded", 127, false, 61, {0, 0, 25,        0, 3, 0, 0,    0x80, 1,
                                                          0, 0, 0,         0, 0, 0, 0,    1,    2,
                                                          3, 4, 5,         6, 7, 8, 0x20, 0x88, 1,
                                                          0, 0, ADDRESSES, 0, 0, 9, 9,    SNAP4}},
    {"PPI", 192, false, 44, {0, 0, 12, 0, 105, 0, 0, 0, 9, 9, 9, 9, 8, 1, 0, 0, ADDRESSES, SNAP4}},
    {"PPI Ethernet", 192, true, 22, {0, 0, 8, 0, 1, 0, 0, 0, MACS, 0x86, 0xdd}},
};
#define CASES (sizeof cases / sizeof *cases)

static struct packet wireless(const struct wifi_case *t) {
    struct packet f = {0};
    add_bytes(&f, t->header, t->n);
    add_inner(&f, t->six);
    return f;
}

static enum link_layer link_of(int dlt) {
    enum link_layer link;
    assert_true(link_layer_of(dlt, &link));
    return link;
}

static void data_has_the_key_of_what_it_carries(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        const struct wifi_case *t = &cases[i];
        struct packet plain = t->six ? tcp6() : tcp4();
        struct decoded want = decoded(&plain);
        struct packet f = wireless(t);
        struct decoded d = decoded_as(&f, link_of(t->dlt));
        if (d.reason != FB_DECODE_OK)
            fail_msg("%s: %s", t->name, fb_decode_texts[d.reason].name);
        assert_same_key(&d, &want);
        assert_int_equal(d.l3_off, t->n);
        assert_int_equal(d.payload_len, 4);
        assert_int_equal(d.flags, 0);
    }
}

static void cut_headers_are_told_at_every_length(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        const struct wifi_case *t = &cases[i];
        struct packet f = wireless(t);
        uint32_t snap = t->dlt == 192 && t->header[4] == 1 ? t->n : t->n - 8u;
        for (f.n = 0; f.n < snap; f.n++) {
            struct decoded d = decoded_as(&f, link_of(t->dlt));
            if (d.reason != FB_DECODE_LINK_SHORT)
                fail_msg("%s cut to %u: %s", t->name, f.n, fb_decode_texts[d.reason].name);
        }
    }
}

static void check_no_data(const uint8_t *header, uint32_t n, uint64_t low, uint64_t high) {
    struct packet f = {0};
    add_bytes(&f, header, n);
    struct decoded d = decoded_as(&f, LINK_WIFI);
    assert_reason(&d, FB_DECODE_NON_IP);
    assert_int_equal(key_kind(&d), FB_KEY_MAC);
    assert_int_equal(d.key.word[1], low);
    assert_int_equal(d.key.word[3], high);
    assert_int_equal(d.flags, 0);
}

static void what_is_no_plain_data_is_keyed_by_its_addresses(void **state) {
    static const uint8_t beacon[] = {0x80, 0, 0, 0, ADDRESSES, 1, 2};
    static const uint8_t no_data[] = {0x48, 1, 0, 0, ADDRESSES};
    static const uint8_t encrypted[] = {8, 0x41, 0, 0, ADDRESSES, SNAP4, 0x45, 0};
    static const uint8_t acknowledge[] = {0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 0xb};
    static const uint8_t a_to_b[] = {8, 1, 0, 0, ADDRESSES, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6};
    static const uint64_t a = 0x02000000000a, b = 0x02000000000b;
    (void)state;
    check_no_data(beacon, sizeof beacon, a, b);
    check_no_data(no_data, sizeof no_data, a, b);
    check_no_data(encrypted, sizeof encrypted, a, b);
    check_no_data(a_to_b, sizeof a_to_b, a, b);
    check_no_data(acknowledge, sizeof acknowledge, 0, b);
}

static void wrong_capture_headers_are_told(void **state) {
    static const uint8_t wrong[][10] = {{1, 0, 8, 0}, {0, 0, 7, 0}, {0, 0, 11, 0}, {0, 0, 0, 1}};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct packet f = {0};
        add_bytes(&f, wrong[i], sizeof wrong[i]);
        struct decoded d = decoded_as(&f, LINK_RADIOTAP);
        assert_reason(&d, FB_DECODE_LINK_SHORT);
        assert_int_equal(key_kind(&d), FB_KEY_NONE);
        d = decoded_as(&f, LINK_PPI);
        assert_reason(&d, FB_DECODE_LINK_SHORT);
    }
    struct packet f = {0};
    ADD(&f, 0, 0, 7, 0, 0, 0, 0, 8, 1, 0, 0, ADDRESSES, SNAP4); /* a length within itself */
    add_inner(&f, false);
    struct decoded d = decoded_as(&f, LINK_RADIOTAP);
    assert_reason(&d, FB_DECODE_LINK_SHORT);
    d = decoded_as(&f, LINK_PPI);
    assert_reason(&d, FB_DECODE_LINK_SHORT);
    f.n = 0;
    ADD(&f, 0, 0, 8, 0, 195, 0, 0, 0, 1, 2); /* PPI with 802.15.4 inside */
    d = decoded_as(&f, LINK_PPI);
    assert_reason(&d, FB_DECODE_NON_IP);
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct packet f = wireless(&cases[i]);
        assert_sample_holds(end, &f, link_of(cases[i].dlt));
    }
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_has_the_key_of_what_it_carries),
        cmocka_unit_test(cut_headers_are_told_at_every_length),
        cmocka_unit_test(what_is_no_plain_data_is_keyed_by_its_addresses),
        cmocka_unit_test(wrong_capture_headers_are_told),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
