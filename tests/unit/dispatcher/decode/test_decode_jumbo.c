/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jumbograms in dispatcher/decode/decode_ip.c: an IPv6 length of more than 16 bits is in a
 * hop-by-hop option (RFC 2675).
 */
#include "tests/lib/frames_hostile.h"

#include <stdlib.h>
#include <string.h>

#define OPTIONS_BYTES 14u
#define HOP_BY_HOP 16u

#define JUMBO(n) 0xc2, 4, (uint8_t)((n) >> 24), (uint8_t)((n) >> 16), HIGH(n), LOW(n)

/* Cut by the snap length: of its many bytes eight of data are there. */
static struct packet jumbogram(unsigned payload, unsigned first, const uint8_t *options,
                               unsigned proto) {
    struct packet f = {0};
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, first, payload);
    ADD(&f, (uint8_t)proto, HOP_BY_HOP / 8 - 1);
    add_bytes(&f, options, OPTIONS_BYTES);
    if (proto == 6)
        add_tcp(&f, 5);
    else
        add_udp(&f, 0);
    ADD(&f, 'd', 'a', 't', 'a', 'd', 'a', 't', 'a');
    return f;
}

static void assert_payload(const struct packet *f, uint32_t payload) {
    struct decoded d = decoded(f);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, payload);
    assert_int_equal(low_port(&d), 1000);
    assert_int_equal(d.flags, 0);
}

static void length_is_that_of_the_option_wherever_it_is(void **state) {
    static const uint8_t options[][OPTIONS_BYTES] = {
        {JUMBO(100000), 1, 6},
        {0, 0, JUMBO(100000), 1, 4},
        {1, 0, JUMBO(100000), 1, 4},
        {5, 2, 0, 0, 0, 0, 0, 0, JUMBO(100000)},
        {1, 6, 0xc2, 4, 1, 2, 3, 4, JUMBO(100000)}, /* another option's value */
        {JUMBO(100000), JUMBO(200000)},             /* the first counts */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        struct packet f = jumbogram(0, 0, options[i], 6);
        assert_payload(&f, 100000 - HOP_BY_HOP - 20);
        f = jumbogram(0, 0, options[i], 17); /* whose own length is 0 then */
        assert_payload(&f, 100000 - HOP_BY_HOP - 8);
    }
}

static void option_that_is_not_valid_counts_as_none(void **state) {
    static const uint8_t options[][OPTIONS_BYTES] = {
        {JUMBO(65535), 1, 6},
        {JUMBO(0), 1, 6},
        {0xc2, 3, 0, 2, 0, 1, 7},
        {0xc2, 5, 0, 2, 0, 0, 0, 1, 5},
        {[9] = 0xc2, 4, 0, 2, 0}, /* cut by its end */
        {[13] = 0xc2},
        {1, 255, JUMBO(100000)},
        {1, 4, JUMBO(100000), 1, 4}, /* a value */
        {0},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        struct packet f = jumbogram(0, 0, options[i], 6);
        assert_payload(&f, 8);
    }
}

static void option_counts_only_where_it_has_a_meaning(void **state) {
    static const uint8_t option[OPTIONS_BYTES] = {JUMBO(100000), 1, 6};
    (void)state;
    struct packet f = jumbogram(HOP_BY_HOP + 20 + 4, 0, option, 6); /* a length of its own */
    assert_payload(&f, 4);
    f = jumbogram(0, 60, option, 6); /* among destination options */
    assert_payload(&f, 8);
    f.n = 0; /* behind destination options, where no hop-by-hop header may be */
    add_ethernet(&f, 0x86dd);
    add_ip6(&f, 60, 0);
    ADD(&f, 0, 0, 1, 4, 0, 0, 0, 0, 6, 1);
    add_bytes(&f, option, sizeof option);
    add_tcp(&f, 5);
    assert_payload(&f, 0);
}

static void longest_length_does_not_wrap(void **state) {
    static const uint8_t option[OPTIONS_BYTES] = {JUMBO(0xffffffffu), 1, 6};
    (void)state;
    struct packet f = jumbogram(0, 0, option, 6);
    assert_payload(&f, UINT32_MAX - (ETHERNET + IP6 + HOP_BY_HOP + 20));
}

static void padding_behind_a_whole_jumbogram_is_no_payload(void **state) {
    enum { LENGTH = 70000, PADDING = 100 };
    static const uint8_t option[OPTIONS_BYTES] = {JUMBO(LENGTH), 1, 6};
    struct packet f = jumbogram(0, 0, option, 6);
    uint32_t n = ETHERNET + IP6 + LENGTH + PADDING;
    uint8_t *bytes = calloc(1, n);
    struct decoded d;
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, f.bytes, f.n);
    decode(bytes, n, LINK_ETHERNET, &by_default, &d);
    assert_reason(&d, FB_DECODE_OK);
    assert_int_equal(d.payload_len, LENGTH - HOP_BY_HOP - 20);
    free(bytes);
}

static void udp_length_of_zero_needs_a_jumbogram(void **state) {
    static const uint8_t option[OPTIONS_BYTES] = {1, 12};
    (void)state;
    struct packet f = jumbogram(HOP_BY_HOP + 16, 0, option, 17);
    struct decoded d = decoded(&f);
    assert_reason(&d, FB_DECODE_UDP_LENGTH);
}

static void samples_mirror_and_may_be_cut_anywhere(void **state) {
    static const uint8_t option[OPTIONS_BYTES] = {0, 1, 2, 0, 0, JUMBO(100000), 1, 1, 0};
    uint8_t *end = guarded_end();
    (void)state;
    struct packet f = jumbogram(0, 0, option, 6);
    assert_sample_holds(end, &f, LINK_ETHERNET);
    f = jumbogram(0, 0, option, 17);
    assert_sample_holds(end, &f, LINK_ETHERNET);
    free_guarded(end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_that_of_the_option_wherever_it_is),
        cmocka_unit_test(option_that_is_not_valid_counts_as_none),
        cmocka_unit_test(option_counts_only_where_it_has_a_meaning),
        cmocka_unit_test(longest_length_does_not_wrap),
        cmocka_unit_test(padding_behind_a_whole_jumbogram_is_no_payload),
        cmocka_unit_test(udp_length_of_zero_needs_a_jumbogram),
        cmocka_unit_test(samples_mirror_and_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
