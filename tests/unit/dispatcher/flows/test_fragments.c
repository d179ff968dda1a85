/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/fragments.c: which datagram a fragment is of, which key it gets, and
 * when its time is over.
 */
#include "tests/lib/fragments_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- refusals ---- */

static void a_configuration_out_of_range_is_refused(void **state) {
    (void)state;
    static const struct {
        size_t at, size;
        uint64_t wrong, right;
    } cases[] = {
#define FIELD(name, wrong, right)                                                                  \
    {offsetof(struct fragments_config, name), sizeof((struct fragments_config *)0)->name, wrong,   \
     right}
        FIELD(max_datagrams, 0, 1),
        FIELD(max_datagrams, FRAGMENTS_MAX + 1u, 1000),
        FIELD(max_frames, 0, 1),
        FIELD(max_frames, FRAGMENTS_MAX + 1u, 1000),
        FIELD(max_bytes, FB_FRAME_MAX - 1, FB_FRAME_MAX),
        FIELD(max_bytes, (UINT64_C(4) << 30) + 1, FB_FRAME_MAX + 1),
        FIELD(timeout_ticks, 0, 1),
        FIELD(timeout_ticks, 0, UINT32_MAX),
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fragments_config config = small_config();
        struct fragments t;
        memcpy((char *)&config + cases[i].at, &cases[i].wrong, cases[i].size);
        assert_int_equal(fragments_init(&t, &config, FB_HUGEPAGES_NEVER), -EINVAL);
        memcpy((char *)&config + cases[i].at, &cases[i].right, cases[i].size);
        assert_int_equal(fragments_init(&t, &config, FB_HUGEPAGES_NEVER), 0);
        fragments_fini(&t);
    }
}

static void the_default_configuration_is_sound(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = fragments_default_config(32);
    make_tracker(fx, config);
    assert_int_equal(config.timeout_ticks, 960);
    assert_int_equal(config.reuse_ticks, 32);
    assert_true(offer_later(fx, 1, 16));
    assert_false(offer_first(fx, 1, 5));
    expect_delivered(fx, "1 2", 5);
}

static void while_frames_are_being_released_every_fragment_is_refused(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_later(fx, 7, 16));
    struct fragment f = piece(7, 0, 16, true), other = piece(8, 16, 16, true);
    struct frame frame = frame_number(fx, 2, 50);
    const struct decoded before = {.key = key_with(5, UDP), .swapped = 1};
    struct decoded decoded = before;
    assert_int_equal(fragments_offer(&fx->tracker, &f, &frame, 2, fx->now, &decoded),
                     FRAGMENT_REFUSED);
    assert_int_equal(fragments_offer(&fx->tracker, &f, &frame, 2, fx->now, &decoded),
                     FRAGMENT_REFUSED);
    assert_int_equal(fragments_offer(&fx->tracker, &other, &frame, 2, fx->now, &decoded),
                     FRAGMENT_REFUSED);
    assert_memory_equal(&decoded, &before, sizeof before);
    assert_int_equal(counter(fx, FB_FRAGMENT_TAKEN), 1);
    deliver_released(fx);
    expect_delivered(fx, "1", 5);
    assert_int_equal(fragments_offer(&fx->tracker, &f, &frame, 2, fx->now, &decoded),
                     FRAGMENT_PASSES);
    assert_int_equal(counter(fx, FB_FRAGMENT_DATAGRAMS), 1);
    assert_int_equal(counter(fx, FB_FRAGMENT_TAKEN), 2);
}

static void a_whole_packet_is_passed_and_leaves_no_trace(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment atomic = piece(7, 0, 16, false);
    assert_false(offer(fx, &atomic, key_with(5, UDP), 1, 100));
    expect_delivered(fx, "1", 5);
    assert_int_equal(counter(fx, FB_FRAGMENT_DATAGRAMS), 0);
    assert_true(offer_later(fx, 7, 16));
    /* Nor does it release what waits. */
    assert_false(offer(fx, &atomic, key_with(6, UDP), 1, 100));
    expect_delivered(fx, "3", 6);
}

/* ---- which datagram, which key ---- */

static void fragments_after_their_first_do_not_wait_and_have_its_key(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer_later(fx, 7, 16));
    assert_false(offer_last(fx, 7, 32));
    expect_delivered(fx, "1 2 3", 5);
    assert_int_equal(counter(fx, FB_FRAGMENT_HELD), 0);
}

static void fragments_before_their_first_wait_and_go_right_before_it(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_last(fx, 7, 48));
    assert_true(offer_later(fx, 7, 16));
    assert_true(offer_later(fx, 7, 32));
    assert_int_equal(fragments_held(&fx->tracker), 3);
    expect_delivered(fx, "", 0);
    assert_false(offer_first(fx, 7, 5));
    expect_delivered(fx, "1 2 3 4", 5);
    assert_int_equal(fragments_held(&fx->tracker), 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_FIRST), 3);
    assert_true(offer_later(fx, 8, 16));
    assert_int_equal(fragments_held(&fx->tracker), 1);
    assert_int_equal(counter(fx, FB_FRAGMENT_PEAK), 3);
}

static void what_differs_in_any_part_of_its_identity_is_another_datagram(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment others[9];
    for (unsigned i = 0; i < 9; i++)
        others[i] = piece(7, 16, 16, true);
    others[0].source[0]++;
    others[1].source[1]++;
    others[2].destination[0]++;
    others[3].destination[1]++;
    others[4].scope++;
    others[5].id++;
    others[6].version = 6;
    others[7].proto++;
    /* The other direction. */
    memcpy(others[8].source, others[7].destination, sizeof others[8].source);
    memcpy(others[8].destination, others[7].source, sizeof others[8].destination);
    struct fragments_config config = small_config();
    config.max_frames = 9;
    make_tracker(fx, config);
    fx->tracker.bucket_mask = 0; /* one hash chain for all */
    assert_false(offer_first(fx, 7, 5));
    for (unsigned i = 0; i < 9; i++)
        assert_true(offer(fx, &others[i], key_with(0, UDP), 0, 100));
    expect_delivered(fx, "1", 5);
    for (unsigned i = 0; i < 9; i++) {
        others[i].offset = 0;
        assert_false(offer(fx, &others[i], key_with(10 + i, UDP), 1, 100));
        char numbers[16];
        snprintf(numbers, sizeof numbers, "%u %u", 2 + i, 11 + i);
        expect_delivered(fx, numbers, 10 + i);
    }
}

static void datagrams_of_one_hash_chain_are_told_apart(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_datagrams = 64;
    make_tracker(fx, config);
    fx->tracker.bucket_mask = 0;
    for (uint32_t id = 0; id < 60; id++)
        assert_false(offer_first(fx, id, 100 + id));
    fx->delivered_count = 0;
    /* Ends some of them, at the ends of the chain and in it. */
    expire_at(fx, 20);
    for (uint32_t id = 1; id < 60; id += 3)
        assert_false(offer_later(fx, id, 16));
    expire_at(fx, 31);
    assert_int_equal(counter(fx, FB_FRAGMENT_EXPIRED), 40);
    fx->delivered_count = 0;
    for (uint32_t id = 1; id < 60; id += 3) {
        char number[16];
        assert_false(offer_later(fx, id, 32));
        snprintf(number, sizeof number, "%u", (unsigned)fx->sent);
        expect_delivered(fx, number, 100 + id);
        if (id < 24)
            assert_true(offer_later(fx, id - 1, 32));
    }
}

static void a_first_fragment_without_ports_is_learned_as_it_is(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_last(fx, 7, 32));
    struct fragment tiny = piece(7, 0, 0, true);
    assert_false(offer(fx, &tiny, key_with(0, UDP), 0, 30));
    assert_false(offer_later(fx, 7, 16));
    expect_delivered(fx, "1 2 3", 0);
    /* One with ports after it changes nothing (RFC 1858). */
    assert_false(offer_first(fx, 7, 5));
    expect_delivered(fx, "4", 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_OTHER_FIRST), 1);
}

static void what_is_given_up_goes_by_what_came_first_and_later_ones_too(void **state) {
    struct fragments_fixture *fx = *state;
    /* In IPv6 the fragments of a datagram may name different next headers. */
    struct fragment f = piece(7, 16, 16, true);
    assert_true(offer(fx, &f, key_with(0, 60), 0, 100));
    assert_true(offer(fx, &f, key_with(0, 17), 1, 100));
    expire_at(fx, 31);
    assert_false(offer(fx, &f, key_with(0, 17), 1, 100));
    f.offset = 0;
    assert_false(offer(fx, &f, key_with(5, 17), 1, 100));
    struct fb_flow_key key = key_with(0, 60);
    assert_int_equal(fx->delivered_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fx->delivered[i].number, i + 1);
        assert_int_equal(fx->delivered[i].swapped, 0);
        assert_memory_equal(&fx->delivered[i].key, &key, sizeof key);
    }
}

static struct decoded decoded_from(const uint8_t *bytes, uint32_t n, struct fragment *f) {
    static const struct decode_options options = {.ports = &decode_usual_ports, .outer = false};
    struct decoded decoded;
    decode(bytes, n, LINK_IPV4, &options, &decoded);
    assert_int_equal(decoded.flags, FB_F_FRAGMENT);
    assert_true(fragment_read(bytes, n, decoded.l3_off, 0, 0, f));
    return decoded;
}

static void key_and_direction_are_those_that_the_decoder_gave_the_first(void **state) {
    struct fragments_fixture *fx = *state;
    /* From a host to itself, so that only the ports tell the direction: 4,000 to 80. */
    uint8_t bytes[28] = {0x45, 0, 0,  28, 0, 7, 0x20, 0,    64, UDP, 0, 0,  10, 0,
                         0,    1, 10, 0,  0, 1, 0x0f, 0xa0, 0,  80,  0, 40, 0,  0};
    struct fragment f;
    struct decoded one = decoded_from(bytes, sizeof bytes, &f);
    struct frame frame = frame_number(fx, 1, 28);
    const struct decoded before = one;
    assert_int_equal(one.swapped, 1);
    assert_int_equal(fragments_offer(&fx->tracker, &f, &frame, 1, fx->now, &one), FRAGMENT_PASSES);
    assert_memory_equal(&one, &before, sizeof one);
    bytes[6] = 0;
    bytes[7] = 1;
    struct decoded two = decoded_from(bytes, sizeof bytes, &f);
    assert_int_equal(two.swapped, 0);
    assert_memory_not_equal(&two.key, &before.key, sizeof two.key);
    assert_int_equal(fragments_offer(&fx->tracker, &f, &frame, 2, fx->now, &two), FRAGMENT_PASSES);
    assert_memory_equal(&two.key, &before.key, sizeof two.key);
    assert_int_equal(two.swapped, 1);
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
}

/* ---- time ---- */

static void a_datagram_waits_for_the_timeout_and_no_longer(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_later(fx, 7, 16));
    fx->now = 29;
    assert_true(offer_later(fx, 7, 32)); /* does not prolong it */
    expire_at(fx, 30);
    expect_delivered(fx, "", 0);
    expire_at(fx, 31);
    expect_delivered(fx, "1 2", 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_TIME), 2);
    assert_int_equal(fragments_held(&fx->tracker), 0);
    assert_false(offer_first(fx, 7, 5));
    expect_delivered(fx, "3", 0);
}

static void a_datagram_that_is_overdue_is_found_so_by_its_next_fragment(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_later(fx, 7, 16));
    assert_true(offer_later(fx, 8, 16));
    fx->now = 31;
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer_later(fx, 8, 32));
    expect_delivered(fx, "1 3 2 4", 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_TIME), 2);
    /* And one that is known. */
    assert_false(offer_first(fx, 9, 5));
    fx->now = 61;
    assert_true(offer_later(fx, 9, 16));
    expect_delivered(fx, "5", 5);
    assert_int_equal(counter(fx, FB_FRAGMENT_EXPIRED), 1);
}

static void a_datagram_is_remembered_until_it_was_idle_for_the_timeout(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    for (fx->now = 30; fx->now < 30 * 5; fx->now += 29)
        assert_false(offer_later(fx, 7, 16));
    assert_int_equal(fx->delivered_count, 6);
    fx->now += 1; /* 30 after the last */
    assert_true(offer_later(fx, 7, 16));
    /* Given up at 30 after that, and remembered for 30 more. */
    expire_at(fx, fx->now + 30);
    expire_at(fx, fx->now + 29);
    fx->delivered_count = 0;
    assert_false(offer_first(fx, 7, 6));
    expect_delivered(fx, "8", 0);
    expire_at(fx, fx->now + 30);
    assert_int_equal(counter(fx, FB_FRAGMENT_ACTIVE), 0);
    assert_false(offer_first(fx, 7, 6));
    expect_delivered(fx, "9", 6);
}

static void a_tick_that_goes_back_counts_as_the_latest(void **state) {
    struct fragments_fixture *fx = *state;
    fx->now = 20;
    assert_false(offer_first(fx, 7, 5));
    assert_true(offer_later(fx, 8, 16));
    fx->now = 3;
    fragments_expire(&fx->tracker, fx->now);
    assert_false(offer_later(fx, 7, 16));
    assert_true(offer_later(fx, 8, 32));
    assert_true(offer_later(fx, 9, 32));
    expire_at(fx, 49);
    expect_delivered(fx, "1 3", 5);
    expire_at(fx, 50);
    expect_delivered(fx, "2 4 5", 0);
}

static void expiry_does_a_bounded_number_of_datagrams_a_call(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_datagrams = config.max_frames = 400;
    make_tracker(fx, config);
    for (uint32_t id = 0; id < 100; id++)
        assert_true(offer_later(fx, id, 16));
    for (uint32_t id = 100; id < 200; id++)
        assert_false(offer_first(fx, id, 5));
    fx->delivered_count = 0;
    expire_at(fx, 31);
    assert_int_equal(fx->delivered_count, FRAGMENTS_EXPIRE_BUDGET);
    expire_at(fx, 31);
    assert_int_equal(fx->delivered_count, 100);
    assert_int_equal(counter(fx, FB_FRAGMENT_EXPIRED), 2 * FRAGMENTS_EXPIRE_BUDGET - 100);
}

/* ---- one identification, two datagrams ---- */

static void a_second_first_with_other_ports_goes_where_the_first_went(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    fx->now += 3;
    assert_false(offer_first(fx, 7, 6));
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer_later(fx, 7, 16));
    expect_delivered(fx, "1 2 3 4", 5);
    assert_int_equal(counter(fx, FB_FRAGMENT_OTHER_FIRST), 1);
    assert_int_equal(counter(fx, FB_FRAGMENT_REUSED), 0);
}

static void after_a_complete_datagram_a_first_begins_a_new_one(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_last(fx, 7, 16));
    assert_false(offer_first(fx, 7, 5));
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
    expect_delivered(fx, "1 2", 5);
    assert_false(offer_first(fx, 7, 6));
    assert_false(offer_last(fx, 7, 16));
    expect_delivered(fx, "3 4", 6);
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 2);
    assert_int_equal(counter(fx, FB_FRAGMENT_REUSED), 1);
    assert_int_equal(counter(fx, FB_FRAGMENT_OTHER_FIRST), 0);
}

static void after_one_that_was_given_up_only_when_complete_and_idle(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_last(fx, 7, 16));
    fragments_release(&fx->tracker);
    fx->now += 20;
    assert_false(offer_first(fx, 7, 5)); /* it may be the one that was missing */
    fx->now += 3;
    assert_false(offer_first(fx, 7, 5));
    expect_delivered(fx, "1 2 3", 0);
    fx->now += 4;
    assert_false(offer_first(fx, 7, 6));
    expect_delivered(fx, "4", 6);
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 1);
    assert_true(offer_last(fx, 8, 16));
    fragments_release(&fx->tracker);
    assert_false(offer_first(fx, 8, 5));
    expect_delivered(fx, "5 6", 0);
    fx->now += 4;
    assert_true(offer_last(fx, 8, 16));
}

static void after_a_while_a_first_with_other_ports_begins_a_new_one(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    fx->now += 4;
    assert_false(offer_first(fx, 7, 5)); /* the same ports: nothing new */
    assert_int_equal(counter(fx, FB_FRAGMENT_REUSED), 0);
    fx->now += 3;
    assert_false(offer_later(fx, 7, 16));
    fx->now += 3;
    assert_false(offer_first(fx, 7, 6));
    expect_delivered(fx, "1 2 3 4", 5);
    fx->now += 4;
    assert_false(offer_first(fx, 7, 6));
    assert_false(offer_later(fx, 7, 16));
    expect_delivered(fx, "5 6", 6);
    assert_int_equal(counter(fx, FB_FRAGMENT_REUSED), 1);
}

static void a_later_fragment_of_a_complete_one_is_a_duplicate_for_a_while(void **state) {
    struct fragments_fixture *fx = *state;
    assert_false(offer_first(fx, 7, 5));
    assert_false(offer_last(fx, 7, 16));
    fx->now += 3;
    assert_false(offer_last(fx, 7, 16));
    fx->now += 4;
    expect_delivered(fx, "1 2 3", 5);
    assert_true(offer_last(fx, 7, 16));
    assert_false(offer_first(fx, 7, 6));
    expect_delivered(fx, "4 5", 6);
    assert_int_equal(counter(fx, FB_FRAGMENT_COMPLETE), 2);
}

/* ---- counters ---- */

static void every_counter_has_a_name_and_a_sentence_of_its_own(void **state) {
    (void)state;
    for (unsigned i = 0; i < FB_FRAGMENT_COUNT; i++) {
        const char *name = fb_fragment_texts[i].name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(name, fb_fragment_texts[j].name);
            assert_string_not_equal(fb_fragment_texts[i].text, fb_fragment_texts[j].text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FRAGMENTS_TEST(a_configuration_out_of_range_is_refused),
        FRAGMENTS_TEST(the_default_configuration_is_sound),
        FRAGMENTS_TEST(while_frames_are_being_released_every_fragment_is_refused),
        FRAGMENTS_TEST(a_whole_packet_is_passed_and_leaves_no_trace),
        FRAGMENTS_TEST(fragments_after_their_first_do_not_wait_and_have_its_key),
        FRAGMENTS_TEST(fragments_before_their_first_wait_and_go_right_before_it),
        FRAGMENTS_TEST(what_differs_in_any_part_of_its_identity_is_another_datagram),
        FRAGMENTS_TEST(datagrams_of_one_hash_chain_are_told_apart),
        FRAGMENTS_TEST(a_first_fragment_without_ports_is_learned_as_it_is),
        FRAGMENTS_TEST(what_is_given_up_goes_by_what_came_first_and_later_ones_too),
        FRAGMENTS_TEST(key_and_direction_are_those_that_the_decoder_gave_the_first),
        FRAGMENTS_TEST(a_datagram_waits_for_the_timeout_and_no_longer),
        FRAGMENTS_TEST(a_datagram_that_is_overdue_is_found_so_by_its_next_fragment),
        FRAGMENTS_TEST(a_datagram_is_remembered_until_it_was_idle_for_the_timeout),
        FRAGMENTS_TEST(a_tick_that_goes_back_counts_as_the_latest),
        FRAGMENTS_TEST(expiry_does_a_bounded_number_of_datagrams_a_call),
        FRAGMENTS_TEST(a_second_first_with_other_ports_goes_where_the_first_went),
        FRAGMENTS_TEST(after_a_complete_datagram_a_first_begins_a_new_one),
        FRAGMENTS_TEST(after_one_that_was_given_up_only_when_complete_and_idle),
        FRAGMENTS_TEST(after_a_while_a_first_with_other_ports_begins_a_new_one),
        FRAGMENTS_TEST(a_later_fragment_of_a_complete_one_is_a_duplicate_for_a_while),
        FRAGMENTS_TEST(every_counter_has_a_name_and_a_sentence_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
