/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/fragments_read.c: headers of fragments; and
 * dispatcher/flows/fragments.c: when a datagram is complete.
 */
#include "tests/lib/fragments_fixture.h"

#include <string.h>

/* ---- headers ---- */

/* IPv4 with options; IPv6 with eight bytes before the fragment header. Both at offset 2. */
static const uint8_t ip4[] = {0, 0,  0x46, 0, 0, 64,  0xab, 0xcd, 0x20, 5, 64, 17, 0,
                              0, 10, 0,    0, 1, 192, 0,    2,    9,    0, 0,  0,  0};
static const uint8_t ip6[] = {0,    0, 0x60, 0,    0,    0,    0,    56,  0, 64, /* payload 56 */
                              0x20, 1, 0,    0,    0,    0,    0,    0,   0, 0,  0, 0, 0, 0,
                              0,    1, 0x20, 2,    0,    0,    0,    0,   0, 0,  0, 0, 0, 0,
                              0,    0, 0,    2,    44,   0,    0,    0,   0, 0,  0, 0, /* hop-by-hop
                                                                                        */
                              17,   0, 0x01, 0x49, 0xde, 0xad, 0xbe, 0xef}; /* offset 328, more */
#define IP6_EXTENSION 50u

static void headers_cut_short_are_not_read(void **state) {
    (void)state;
    struct fragment f;
    for (uint32_t n = 0; n <= sizeof ip4; n++) {
        /* At the end of its own memory, so that a sanitizer sees what reads beyond. */
        uint8_t copy[sizeof ip4];
        memcpy(copy + sizeof copy - n, ip4, n);
        assert_int_equal(fragment_read(copy + sizeof copy - n, n, 2, 0, 0, &f), n >= 22);
    }
    for (uint32_t n = 0; n <= sizeof ip6; n++) {
        uint8_t copy[sizeof ip6];
        memcpy(copy + sizeof copy - n, ip6, n);
        assert_int_equal(fragment_read(copy + sizeof copy - n, n, 2, IP6_EXTENSION, 0, &f),
                         n >= sizeof ip6);
    }
}

static void what_is_not_ip_is_not_read(void **state) {
    (void)state;
    struct fragment f;
    for (unsigned version = 0; version < 16; version++) {
        uint8_t copy[sizeof ip6];
        memcpy(copy, ip6, sizeof ip6);
        copy[2] = (uint8_t)(version << 4 | 5);
        assert_int_equal(fragment_read(copy, sizeof copy, 2, IP6_EXTENSION, 0, &f),
                         version == 4 || version == 6);
    }
    /* A fragment header must come after the IPv6 header, and offsets may be anything. */
    assert_false(fragment_read(ip6, sizeof ip6, 2, 41, 0, &f));
    assert_true(fragment_read(ip6, sizeof ip6, 2, 42, 0, &f));
    assert_false(fragment_read(ip6, sizeof ip6, 2, 0, 0, &f));
    assert_false(fragment_read(ip6, sizeof ip6, 2, UINT32_MAX, 0, &f));
    assert_false(fragment_read(ip6, sizeof ip6, UINT32_MAX, UINT32_MAX, 0, &f));
}

static void an_ipv4_fragment_is_read(void **state) {
    (void)state;
    struct fragment f;
    assert_true(fragment_read(ip4, sizeof ip4, 2, 0, 77, &f));
    const struct fragment expected = {.source = {0, 0x0a000001},
                                      .destination = {0, 0xc0000209},
                                      .scope = 77,
                                      .id = 0xabcd,
                                      .length = 64 - 24,
                                      .offset = 40,
                                      .version = 4,
                                      .proto = 17,
                                      .more = true};
    assert_memory_equal(f.source, expected.source, sizeof f.source);
    assert_memory_equal(f.destination, expected.destination, sizeof f.destination);
    assert_true(f.scope == expected.scope && f.id == expected.id && f.length == expected.length);
    assert_true(f.offset == expected.offset && f.version == 4 && f.proto == 17 && f.more);
}

static void an_ipv6_fragment_is_read(void **state) {
    (void)state;
    struct fragment f;
    assert_true(fragment_read(ip6, sizeof ip6, 2, IP6_EXTENSION, 0, &f));
    assert_true(f.source[0] == UINT64_C(0x2001) << 48 && f.source[1] == 1);
    assert_true(f.destination[0] == UINT64_C(0x2002) << 48 && f.destination[1] == 2);
    assert_true(f.scope == 0 && f.id == 0xdeadbeef && f.length == 56 - 16);
    assert_true(f.offset == 328 && f.version == 6 && f.proto == 0 && f.more);
}

static void a_length_that_is_not_announced_or_too_short_is_unknown(void **state) {
    (void)state;
    struct fragment f;
    uint8_t copy[sizeof ip6];
    for (unsigned total = 0; total <= 25; total++) {
        memcpy(copy, ip4, sizeof ip4);
        copy[5] = (uint8_t)total;
        assert_true(fragment_read(copy, sizeof ip4, 2, 0, 0, &f));
        assert_int_equal(f.length, total == 25);
    }
    for (unsigned payload = 0; payload <= 17; payload++) {
        memcpy(copy, ip6, sizeof ip6);
        copy[7] = (uint8_t)payload;
        assert_true(fragment_read(copy, sizeof ip6, 2, IP6_EXTENSION, 0, &f));
        assert_int_equal(f.length, payload == 17);
    }
}

/* ---- completeness ---- */

static void duplicates_and_overlaps_count_once(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment overlap = piece(7, 8, 24, true);
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer_last(fx, 7, 64)); /* 80 bytes in all */
    for (unsigned i = 0; i < 10; i++) {
        assert_false(offer_first(fx, 7, 5));
        assert_false(offer_later(fx, 7, 16));
        assert_false(offer_last(fx, 7, 64));
        assert_false(offer(fx, &overlap, key_with(0, UDP), 0, 100));
    }
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    overlap = piece(7, 24, 48, true);
    assert_false(offer(fx, &overlap, key_with(0, UDP), 0, 100));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

static void a_fragment_without_bytes_completes_nothing(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(7, 16, 0, true);
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    /* A last one whose length is not known does not say where the datagram ends. */
    f.more = false;
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    f = piece(7, 16, 3, false);
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

static void a_first_fragment_without_bytes_hides_none_that_were_seen(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(7, 0, 0, true);
    assert_true(offer_last(fx, 7, 16));
    assert_false(offer(fx, &f, key_with(5, UDP), 1, 100));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    assert_false(offer_first(fx, 7, 5));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

static void bytes_beyond_a_multiple_of_eight_count_only_at_the_end(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(7, 0, 15, true);
    assert_false(offer(fx, &f, key_with(5, UDP), 1, 100));
    assert_false(offer_last(fx, 7, 16));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
}

static void offsets_at_their_end_are_sound(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(7, 65528, 65515, false);
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    f = piece(7, 65528, 65535, true);
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    f = piece(7, 16, 65512, true);
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    assert_false(offer(fx, &f, key_with(0, UDP), 0, 100));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

static void six_fragments_are_complete_with_the_last_in_any_order(void **state) {
    struct fragments_fixture *fx = *state;
    for (unsigned code = 0; code < 6 * 5 * 4 * 3 * 2; code++) {
        unsigned left[] = {0, 1, 2, 3, 4, 5}, rest = code;
        fx->sent = 0;
        for (unsigned n = 6; n > 0; n--) {
            unsigned i = rest % n;
            rest /= n;
            struct fragment f = piece(code, left[i] * 16, 16, left[i] != 5);
            assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), code);
            offer(fx, &f, key_with(left[i] == 0 ? 5 : 0, UDP), 1, 60);
            left[i] = left[n - 1];
        }
        assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), code + 1);
        expect_delivered(fx, "1 2 3 4 5 6", 5);
    }
}

static void any_number_is_complete_in_ascending_and_descending_order(void **state) {
    struct fragments_fixture *fx = *state;
    enum { n = 4096 };
    struct fragments_config config = small_config();
    config.max_frames = n;
    config.max_bytes = n * FRAGMENTS_BLOCK;
    make_tracker(fx, config);
    for (uint32_t id = 0; id < 2; id++) {
        for (unsigned i = 0; i < n; i++) {
            unsigned at = id == 0 ? i : n - 1 - i;
            struct fragment f = piece(id, at * 16, 16, at != n - 1);
            assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), id);
            assert_int_equal(offer(fx, &f, key_with(at == 0 ? 5 : 0, UDP), 1, 60),
                             at != 0 && id == 1);
        }
    }
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 2);
    assert_int_equal(fx->delivered_count, 2 * n);
}

static void gaps_that_were_closed_leave_room_for_others(void **state) {
    struct fragments_fixture *fx = *state;
    static const unsigned order[] = {0, 2, 4, 1, 3, 6, 8, 7, 5, 9};
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
        struct fragment f = piece(7, order[i] * 16, 16, order[i] != 9);
        offer(fx, &f, key_with(order[i] == 0 ? 5 : 0, UDP), order[i] == 0, 100);
    }
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

static void too_many_gaps_make_a_datagram_complete_late_but_not_early(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    for (unsigned at = 2; at < 20; at += 2)
        assert_false(offer_later(fx, 7, at * 16));
    assert_false(offer_last(fx, 7, 20 * 16));
    for (unsigned at = 1; at < 20; at += 2) {
        assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
        assert_false(offer_later(fx, 7, at * 16));
    }
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    for (unsigned at = 1; at < 20; at++)
        assert_false(offer_later(fx, 7, at * 16));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 0);
    assert_false(offer_last(fx, 7, 20 * 16));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FRAGMENTS_TEST(headers_cut_short_are_not_read),
        FRAGMENTS_TEST(what_is_not_ip_is_not_read),
        FRAGMENTS_TEST(an_ipv4_fragment_is_read),
        FRAGMENTS_TEST(an_ipv6_fragment_is_read),
        FRAGMENTS_TEST(a_length_that_is_not_announced_or_too_short_is_unknown),
        FRAGMENTS_TEST(duplicates_and_overlaps_count_once),
        FRAGMENTS_TEST(a_fragment_without_bytes_completes_nothing),
        FRAGMENTS_TEST(a_first_fragment_without_bytes_hides_none_that_were_seen),
        FRAGMENTS_TEST(bytes_beyond_a_multiple_of_eight_count_only_at_the_end),
        FRAGMENTS_TEST(offsets_at_their_end_are_sound),
        FRAGMENTS_TEST(six_fragments_are_complete_with_the_last_in_any_order),
        FRAGMENTS_TEST(any_number_is_complete_in_ascending_and_descending_order),
        FRAGMENTS_TEST(gaps_that_were_closed_leave_room_for_others),
        FRAGMENTS_TEST(too_many_gaps_make_a_datagram_complete_late_but_not_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
