/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/flows/fragments.c: what happens when the buffer or the table is full. */
#include "tests/lib/fragments_fixture.h"

/* ---- the buffer ---- */

static void a_full_buffer_gives_up_the_datagram_that_waits_longest(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_later(fx, 1, 16));
    assert_true(offer_later(fx, 2, 16));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(offer_later(fx, 1, 32));
        assert_true(offer_later(fx, 2, 32));
    }
    expect_delivered(fx, "", 0);
    assert_true(offer_later(fx, 3, 16)); /* room for eight: 1 goes, all of it */
    expect_delivered(fx, "1 3 5 7", 0);
    assert_int_equal(fragments_held(&fx->tracker), 5);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_FULL), 4);
    assert_false(offer_first(fx, 1, 5));
    expect_delivered(fx, "10", 0);
    assert_false(offer_first(fx, 2, 6));
    expect_delivered(fx, "2 4 6 8 11", 6);
}

static void a_datagram_that_alone_fills_the_buffer_is_given_up(void **state) {
    struct fragments_fixture *fx = *state;
    for (unsigned i = 0; i < 8; i++)
        assert_true(offer_later(fx, 1, 16 * (i + 1)));
    assert_false(offer_later(fx, 1, 16 * 9));
    expect_delivered(fx, "1 2 3 4 5 6 7 8 9", 0);
    assert_false(offer_first(fx, 1, 5));
    expect_delivered(fx, "10", 0);
}

static void a_buffer_that_is_full_of_bytes_makes_room_for_the_next(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(1, 16, 16, true);
    /* Three of these fill all blocks but two. */
    uint32_t third = (FB_FRAME_MAX / FRAGMENTS_BLOCK - 2) / 3 * FRAGMENTS_BLOCK;
    for (f.id = 1; f.id <= 3; f.id++)
        assert_true(offer(fx, &f, key_with(0, UDP), 0, third));
    for (; f.id <= 5; f.id++)
        assert_true(offer(fx, &f, key_with(0, UDP), 0, FRAGMENTS_BLOCK));
    expect_delivered(fx, "", 0);
    assert_true(offer(fx, &f, key_with(0, UDP), 0, 1));
    expect_delivered(fx, "1", 0);
    assert_true(offer(fx, &f, key_with(0, UDP), 0, third));
    expect_delivered(fx, "2", 0);
}

static void the_longest_frame_is_held_and_comes_back_whole(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(1, 16, 16, true);
    for (f.id = 1; f.id <= 3; f.id++)
        assert_true(offer(fx, &f, key_with(0, UDP), 0, FB_FRAME_MAX));
    expect_delivered(fx, "1 2", 0);
    assert_false(offer_first(fx, 3, 5));
    expect_delivered(fx, "3 4", 5);
}

static void a_frame_of_no_bytes_is_held_like_any(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragment f = piece(1, 16, 0, true);
    assert_true(offer(fx, &f, key_with(0, UDP), 0, 0));
    assert_true(offer(fx, &f, key_with(0, UDP), 0, 1));
    assert_true(offer(fx, &f, key_with(0, UDP), 0, 0));
    assert_false(offer_first(fx, 1, 5));
    expect_delivered(fx, "1 2 3 4", 5);
}

static void a_large_buffer_makes_room_for_a_burst_in_one_step(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = fragments_default_config(32);
    make_tracker(fx, config);
    for (uint32_t id = 0; id < config.max_frames; id++)
        assert_true(offer_later(fx, id, 16));
    assert_int_equal(fx->delivered_count, 0);
    assert_true(offer_later(fx, config.max_frames, 16));
    assert_int_equal(fx->delivered_count, FRAGMENTS_RELEASED_MOST);
    for (uint32_t i = 1; i < FRAGMENTS_RELEASED_MOST; i++)
        assert_true(offer_later(fx, config.max_frames + i, 16));
    assert_int_equal(fx->delivered_count, FRAGMENTS_RELEASED_MOST);
    assert_int_equal(fragments_held(&fx->tracker), config.max_frames);
}

static void frames_are_released_in_bursts_no_larger_than_asked(void **state) {
    struct fragments_fixture *fx = *state;
    assert_true(offer_later(fx, 1, 16));
    assert_true(offer_later(fx, 2, 16));
    assert_true(offer_later(fx, 1, 32));
    fragments_release(&fx->tracker);
    assert_int_equal(fragments_held(&fx->tracker), 3);
    assert_int_equal(deliver_burst(fx, 1), 1);
    assert_int_equal(fragments_held(&fx->tracker), 2);
    /* Between two bursts more may be released. */
    expire_at(fx, 1);
    expect_delivered(fx, "1 3 2", 0);
    assert_int_equal(deliver_burst(fx, 1), 0);
    assert_true(offer_later(fx, 3, 16));
    assert_true(offer_later(fx, 4, 16));
    fragments_release(&fx->tracker);
    assert_int_equal(deliver_burst(fx, RELEASE_BURST), 2);
    expect_delivered(fx, "4 5", 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_END), 5);
}

static void what_is_released_while_others_are_goes_behind_them(void **state) {
    struct fragments_fixture *fx = *state;
    fx->now = 1;
    assert_true(offer_later(fx, 1, 16));
    assert_true(offer_later(fx, 1, 32));
    fx->now = 2;
    assert_true(offer_later(fx, 2, 16));
    fragments_expire(&fx->tracker, 31);
    assert_int_equal(deliver_burst(fx, 1),
                     1); /* the last datagram that is being released, half of it */
    fragments_expire(&fx->tracker, 32);
    deliver_released(fx);
    expect_delivered(fx, "1 2 3", 0);
}

static void frames_too_long_for_one_burst_come_in_several(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_bytes = 4 * FB_FRAME_MAX;
    make_tracker(fx, config);
    struct fragment f = piece(1, 16, 16, true);
    static const uint32_t lengths[] = {FB_FRAME_MAX, 1, FB_FRAME_MAX - 64, 1, 64};
    for (unsigned i = 0; i < 5; i++)
        assert_true(offer(fx, &f, key_with(0, UDP), 0, lengths[i]));
    fragments_release(&fx->tracker);
    assert_int_equal(deliver_burst(fx, RELEASE_BURST), 1);
    assert_int_equal(deliver_burst(fx, RELEASE_BURST), 2);
    assert_int_equal(deliver_burst(fx, RELEASE_BURST), 2);
    expect_delivered(fx, "1 2 3 4 5", 0);
}

/* ---- the table ---- */

static void a_full_table_forgets_the_cheapest_and_of_those_the_oldest(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_datagrams = 8;
    make_tracker(fx, config);
    for (uint32_t id = 1; id <= 2; id++) { /* given up */
        assert_true(offer_later(fx, id, 16));
        fragments_release(&fx->tracker);
        deliver_released(fx);
    }
    for (uint32_t id = 3; id <= 4; id++) /* waiting */
        assert_true(offer_later(fx, id, 16));
    for (uint32_t id = 5; id <= 8; id++) /* known, of which 6 and 7 are complete */
        assert_false(offer_first(fx, id, id));
    assert_false(offer_last(fx, 7, 16));
    assert_false(offer_last(fx, 6, 16));
    fx->delivered_count = 0;
    /* The newest is always known, so what it pushes out is not itself. */
    static const struct {
        uint64_t evicted_done, evicted, by_eviction;
    } expected[] = {{1, 0, 0}, {2, 0, 0}, {2, 1, 0}, {2, 2, 0}, {2, 3, 0}, {2, 4, 0}};
    for (unsigned i = 0; i < 6; i++) {
        assert_false(offer_first(fx, 100 + i, 5));
        assert_int_equal(counter(fx, FB_FRAGMENT_EVICTED_DONE), expected[i].evicted_done);
        assert_int_equal(counter(fx, FB_FRAGMENT_EVICTED), expected[i].evicted);
        assert_int_equal(counter(fx, FB_FRAGMENT_BY_EVICTION), 0);
        assert_int_equal(counter(fx, FB_FRAGMENT_ACTIVE), 8);
    }
    /* 5 and 8 went; 3 and 4 wait to this day. */
    assert_int_equal(fragments_held(&fx->tracker), 2);
    fx->delivered_count = 0;
    assert_false(offer_first(fx, 4, 6));
    assert_false(offer_first(fx, 3, 6));
    assert_int_equal(fx->delivered_count, 4);
}

static void complete_datagrams_are_forgotten_in_the_order_of_their_last_use(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_datagrams = 3;
    make_tracker(fx, config);
    for (uint32_t id = 1; id <= 3; id++) {
        assert_false(offer_first(fx, id, id));
        assert_false(offer_last(fx, id, 16));
    }
    assert_false(offer_last(fx, 1, 16)); /* a duplicate: 2 is now the oldest */
    assert_false(offer_first(fx, 4, 4));
    fx->delivered_count = 0;
    assert_false(offer_last(fx, 1, 16));
    expect_delivered(fx, "9", 1);
    assert_false(offer_last(fx, 3, 16));
    expect_delivered(fx, "10", 3);
    assert_true(offer_last(fx, 2, 16));
}

static void a_datagram_that_waits_is_released_before_it_is_forgotten(void **state) {
    struct fragments_fixture *fx = *state;
    struct fragments_config config = small_config();
    config.max_datagrams = 1;
    make_tracker(fx, config);
    assert_true(offer_later(fx, 1, 16));
    assert_true(offer_later(fx, 1, 32));
    assert_true(offer_later(fx, 2, 16));
    expect_delivered(fx, "1 2", 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_BY_EVICTION), 2);
    assert_false(offer_first(fx, 3, 5));
    assert_int_equal(fx->delivered_count, 2);
    assert_int_equal(fx->delivered[0].number, 3);
    assert_int_equal(fx->delivered[1].number, 4);
    assert_int_equal(fragments_held(&fx->tracker), 0);
    assert_int_equal(counter(fx, FB_FRAGMENT_ACTIVE), 1);
}

static void a_flood_of_later_fragments_leaves_known_datagrams_alone(void **state) {
    struct fragments_fixture *fx = *state;
    for (uint32_t id = 1; id <= 7; id++)
        assert_false(offer_first(fx, id, id));
    for (uint32_t id = 100; id < 20000; id++) {
        assert_true(offer_later(fx, id, 16));
        assert_true(fragments_held(&fx->tracker) <= 8);
        assert_true(counter(fx, FB_FRAGMENT_ACTIVE) <= 16);
    }
    assert_int_equal(fx->delivered_count, 7 + 19900 - 8);
    fx->delivered_count = 0;
    for (uint32_t id = 1; id <= 7; id++) {
        assert_false(offer_later(fx, id, 16));
        assert_int_equal(fx->delivered[id - 1].key.word[4] >> 32, id);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FRAGMENTS_TEST(a_full_buffer_gives_up_the_datagram_that_waits_longest),
        FRAGMENTS_TEST(a_datagram_that_alone_fills_the_buffer_is_given_up),
        FRAGMENTS_TEST(a_buffer_that_is_full_of_bytes_makes_room_for_the_next),
        FRAGMENTS_TEST(the_longest_frame_is_held_and_comes_back_whole),
        FRAGMENTS_TEST(a_frame_of_no_bytes_is_held_like_any),
        FRAGMENTS_TEST(a_large_buffer_makes_room_for_a_burst_in_one_step),
        FRAGMENTS_TEST(frames_are_released_in_bursts_no_larger_than_asked),
        FRAGMENTS_TEST(what_is_released_while_others_are_goes_behind_them),
        FRAGMENTS_TEST(frames_too_long_for_one_burst_come_in_several),
        FRAGMENTS_TEST(a_full_table_forgets_the_cheapest_and_of_those_the_oldest),
        FRAGMENTS_TEST(complete_datagrams_are_forgotten_in_the_order_of_their_last_use),
        FRAGMENTS_TEST(a_datagram_that_waits_is_released_before_it_is_forgotten),
        FRAGMENTS_TEST(a_flood_of_later_fragments_leaves_known_datagrams_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
