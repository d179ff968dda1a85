/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fragments_fixture.h"

/* ---- the buffer ---- */

static void a_full_buffer_gives_up_the_datagram_that_waits_longest(void **state) {
    (void)state;
    assert_true(later(1, 16));
    assert_true(later(2, 16));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(later(1, 32));
        assert_true(later(2, 32));
    }
    expect("", 0);
    assert_true(later(3, 16)); /* room for eight: 1 goes, all of it */
    expect("1 3 5 7", 0);
    assert_int_equal(fragments_held(&tracker), 5);
    assert_int_equal(counter(FB_FRAGMENT_BY_FULL), 4);
    assert_false(first(1, 5));
    expect("10", 0);
    assert_false(first(2, 6));
    expect("2 4 6 8 11", 6);
}

static void a_datagram_that_alone_fills_the_buffer_is_given_up(void **state) {
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        assert_true(later(1, 16 * (i + 1)));
    assert_false(later(1, 16 * 9));
    expect("1 2 3 4 5 6 7 8 9", 0);
    assert_false(first(1, 5));
    expect("10", 0);
}

static void a_buffer_that_is_full_of_bytes_makes_room_for_the_next(void **state) {
    (void)state;
    struct fragment f = piece(1, 16, 16, true);
    /* Three of these fill all blocks but two. */
    uint32_t third = (FB_FRAME_MAX / FRAGMENTS_BLOCK - 2) / 3 * FRAGMENTS_BLOCK;
    for (f.id = 1; f.id <= 3; f.id++)
        assert_true(offer(&f, key_with(0, UDP), 0, third));
    for (; f.id <= 5; f.id++)
        assert_true(offer(&f, key_with(0, UDP), 0, FRAGMENTS_BLOCK));
    expect("", 0);
    assert_true(offer(&f, key_with(0, UDP), 0, 1));
    expect("1", 0);
    assert_true(offer(&f, key_with(0, UDP), 0, third));
    expect("2", 0);
}

static void the_longest_frame_is_held_and_comes_back_whole(void **state) {
    (void)state;
    struct fragment f = piece(1, 16, 16, true);
    for (f.id = 1; f.id <= 3; f.id++)
        assert_true(offer(&f, key_with(0, UDP), 0, FB_FRAME_MAX));
    expect("1 2", 0);
    assert_false(first(3, 5));
    expect("3 4", 5);
}

static void a_frame_of_no_bytes_is_held_like_any(void **state) {
    (void)state;
    struct fragment f = piece(1, 16, 0, true);
    assert_true(offer(&f, key_with(0, UDP), 0, 0));
    assert_true(offer(&f, key_with(0, UDP), 0, 1));
    assert_true(offer(&f, key_with(0, UDP), 0, 0));
    assert_false(first(1, 5));
    expect("1 2 3 4", 5);
}

static void a_large_buffer_makes_room_for_a_whole_burst(void **state) {
    (void)state;
    struct fragments_config config = fragments_default_config(32);
    make_tracker(config);
    for (uint32_t id = 0; id < config.max_frames; id++)
        assert_true(later(id, 16));
    assert_int_equal(delivered_count, 0);
    assert_true(later(config.max_frames, 16));
    assert_int_equal(delivered_count, FRAGMENTS_RELEASED_MOST);
    for (uint32_t i = 1; i < FRAGMENTS_RELEASED_MOST; i++)
        assert_true(later(config.max_frames + i, 16));
    assert_int_equal(delivered_count, FRAGMENTS_RELEASED_MOST);
    assert_int_equal(fragments_held(&tracker), config.max_frames);
}

static void frames_are_released_in_bursts_no_larger_than_asked(void **state) {
    (void)state;
    assert_true(later(1, 16));
    assert_true(later(2, 16));
    assert_true(later(1, 32));
    fragments_release(&tracker);
    assert_int_equal(fragments_held(&tracker), 3);
    assert_int_equal(released_burst(1), 1);
    assert_int_equal(fragments_held(&tracker), 2);
    /* Between two bursts more may be let go. */
    expire_at(1);
    expect("1 3 2", 0);
    assert_int_equal(released_burst(1), 0);
    assert_true(later(3, 16));
    assert_true(later(4, 16));
    fragments_release(&tracker);
    assert_int_equal(released_burst(BURST_MAX), 2);
    expect("4 5", 0);
    assert_int_equal(counter(FB_FRAGMENT_BY_END), 5);
}

static void what_is_let_go_while_frames_leave_goes_behind_them(void **state) {
    (void)state;
    now = 1;
    assert_true(later(1, 16));
    assert_true(later(1, 32));
    now = 2;
    assert_true(later(2, 16));
    fragments_expire(&tracker, 31);
    assert_int_equal(released_burst(1), 1); /* the last datagram that is leaving, half of it */
    fragments_expire(&tracker, 32);
    let_out();
    expect("1 2 3", 0);
}

static void frames_too_long_for_one_burst_come_in_several(void **state) {
    (void)state;
    struct fragments_config config = small_config();
    config.max_bytes = 4 * FB_FRAME_MAX;
    make_tracker(config);
    struct fragment f = piece(1, 16, 16, true);
    static const uint32_t lengths[] = {FB_FRAME_MAX, 1, FB_FRAME_MAX - 64, 1, 64};
    for (unsigned i = 0; i < 5; i++)
        assert_true(offer(&f, key_with(0, UDP), 0, lengths[i]));
    fragments_release(&tracker);
    assert_int_equal(released_burst(BURST_MAX), 1);
    assert_int_equal(released_burst(BURST_MAX), 2);
    assert_int_equal(released_burst(BURST_MAX), 2);
    expect("1 2 3 4 5", 0);
}

/* ---- the table ---- */

static void a_full_table_forgets_the_cheapest_and_of_those_the_oldest(void **state) {
    (void)state;
    struct fragments_config config = small_config();
    config.max_datagrams = 8;
    make_tracker(config);
    for (uint32_t id = 1; id <= 2; id++) { /* given up */
        assert_true(later(id, 16));
        fragments_release(&tracker);
        let_out();
    }
    for (uint32_t id = 3; id <= 4; id++) /* waiting */
        assert_true(later(id, 16));
    for (uint32_t id = 5; id <= 8; id++) /* known, of which 6 and 7 are complete */
        assert_false(first(id, id));
    assert_false(last(7, 16));
    assert_false(last(6, 16));
    delivered_count = 0;
    /* The newest is always known, so what it pushes out is not itself. */
    static const struct {
        uint64_t evicted_done, evicted, by_eviction;
    } expected[] = {{1, 0, 0}, {2, 0, 0}, {2, 1, 0}, {2, 2, 0}, {2, 3, 0}, {2, 4, 0}};
    for (unsigned i = 0; i < 6; i++) {
        assert_false(first(100 + i, 5));
        assert_int_equal(counter(FB_FRAGMENT_EVICTED_DONE), expected[i].evicted_done);
        assert_int_equal(counter(FB_FRAGMENT_EVICTED), expected[i].evicted);
        assert_int_equal(counter(FB_FRAGMENT_BY_EVICTION), 0);
        assert_int_equal(counter(FB_FRAGMENT_ACTIVE), 8);
    }
    /* 5 and 8 went; 3 and 4 wait to this day. */
    assert_int_equal(fragments_held(&tracker), 2);
    delivered_count = 0;
    assert_false(first(4, 6));
    assert_false(first(3, 6));
    assert_int_equal(delivered_count, 4);
}

static void complete_datagrams_are_forgotten_in_the_order_of_their_last_use(void **state) {
    (void)state;
    struct fragments_config config = small_config();
    config.max_datagrams = 3;
    make_tracker(config);
    for (uint32_t id = 1; id <= 3; id++) {
        assert_false(first(id, id));
        assert_false(last(id, 16));
    }
    assert_false(last(1, 16)); /* a duplicate: 2 is now the oldest */
    assert_false(first(4, 4));
    delivered_count = 0;
    assert_false(last(1, 16));
    expect("9", 1);
    assert_false(last(3, 16));
    expect("10", 3);
    assert_true(last(2, 16));
}

static void a_datagram_that_waits_is_released_before_it_is_forgotten(void **state) {
    (void)state;
    struct fragments_config config = small_config();
    config.max_datagrams = 1;
    make_tracker(config);
    assert_true(later(1, 16));
    assert_true(later(1, 32));
    assert_true(later(2, 16));
    expect("1 2", 0);
    assert_int_equal(counter(FB_FRAGMENT_BY_EVICTION), 2);
    assert_false(first(3, 5));
    assert_int_equal(delivered_count, 2);
    assert_int_equal(delivered[0].number, 3);
    assert_int_equal(delivered[1].number, 4);
    assert_int_equal(fragments_held(&tracker), 0);
    assert_int_equal(counter(FB_FRAGMENT_ACTIVE), 1);
}

static void a_flood_of_later_fragments_leaves_known_datagrams_alone(void **state) {
    (void)state;
    for (uint32_t id = 1; id <= 7; id++)
        assert_false(first(id, id));
    for (uint32_t id = 100; id < 20000; id++) {
        assert_true(later(id, 16));
        assert_true(fragments_held(&tracker) <= 8);
        assert_true(counter(FB_FRAGMENT_ACTIVE) <= 16);
    }
    assert_int_equal(delivered_count, 7 + 19900 - 8);
    delivered_count = 0;
    for (uint32_t id = 1; id <= 7; id++) {
        assert_false(later(id, 16));
        assert_int_equal(delivered[id - 1].key.word[4] >> 32, id);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_full_buffer_gives_up_the_datagram_that_waits_longest),
        TEST(a_datagram_that_alone_fills_the_buffer_is_given_up),
        TEST(a_buffer_that_is_full_of_bytes_makes_room_for_the_next),
        TEST(the_longest_frame_is_held_and_comes_back_whole),
        TEST(a_frame_of_no_bytes_is_held_like_any),
        TEST(a_large_buffer_makes_room_for_a_whole_burst),
        TEST(frames_are_released_in_bursts_no_larger_than_asked),
        TEST(what_is_let_go_while_frames_leave_goes_behind_them),
        TEST(frames_too_long_for_one_burst_come_in_several),
        TEST(a_full_table_forgets_the_cheapest_and_of_those_the_oldest),
        TEST(complete_datagrams_are_forgotten_in_the_order_of_their_last_use),
        TEST(a_datagram_that_waits_is_released_before_it_is_forgotten),
        TEST(a_flood_of_later_fragments_leaves_known_datagrams_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
