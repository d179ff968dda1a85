/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/capture/packet_clock.c: the time of files, from stamps that may be wrong. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "dispatcher/capture/packet_clock.h"
#include "tests/lib/random.h"

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)
#define HOUR_TIMEOUT (3600 * SECOND)
#define T0 (50 * YEAR) /* some time in 2019 */
#define TICKS(seconds) ((uint32_t)(seconds)*PACKET_CLOCK_TICKS_PER_SECOND)

static struct packet_clock pc;

static int new_clock(void **state) {
    (void)state;
    packet_clock_init(&pc, HOUR_TIMEOUT);
    return 0;
}

static uint32_t advance(uint64_t stamp_ns) {
    return packet_clock_advance(&pc, stamp_ns);
}

static uint32_t advance_times(uint32_t times, uint64_t stamp_ns) {
    for (uint32_t i = 0; i < times; i++)
        advance(stamp_ns);
    return packet_clock_now(&pc);
}

static void the_clock_starts_at_one_with_any_stamp(void **state) {
    (void)state;
    static const uint64_t stamps[] = {0, 1, T0, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        packet_clock_init(&pc, HOUR_TIMEOUT);
        assert_int_equal(packet_clock_now(&pc), 1);
        assert_int_equal(advance(stamps[i]), 1);
        assert_int_equal(pc.held, 0);
    }
}

static void equal_stamps_and_older_ones_let_no_time_pass(void **state) {
    (void)state;
    advance(T0);
    assert_int_equal(advance(T0 + 10 * SECOND), 1 + TICKS(10));
    assert_int_equal(advance_times(100, T0 + 10 * SECOND), 1 + TICKS(10));
    assert_int_equal(advance_times(100, T0 + 3 * SECOND), 1 + TICKS(10));
    assert_int_equal(advance_times(31, 0), 1 + TICKS(10));
    assert_int_equal(advance(T0 + 10 * SECOND), 1 + TICKS(10));
    assert_int_equal(pc.held, 0);
    assert_int_equal(pc.steps_back, 0);
}

static void a_step_back_is_believed_at_the_32nd_frame_in_a_row(void **state) {
    (void)state;
    uint64_t back = T0 - 3600 * SECOND;
    advance_times(100, T0);
    assert_int_equal(advance_times(31, back), 1);
    assert_int_equal(pc.greatest_ns, T0);
    assert_int_equal(advance(back), 1);
    assert_int_equal(pc.steps_back, 1);
    assert_int_equal(pc.greatest_ns, back);
    assert_int_equal(advance(back + 60 * SECOND), 1 + TICKS(60));
    assert_int_equal(advance(back + 3600 * SECOND), 1 + TICKS(3600));
    assert_int_equal(pc.steps_back, 1);
}

static void time_passes_within_the_row_that_steps_back(void **state) {
    (void)state;
    advance_times(100, T0);
    for (uint32_t i = 0; i < 32; i++)
        advance(T0 - DAY + i * SECOND);
    assert_int_equal(packet_clock_now(&pc), 1 + TICKS(31));
}

static void ten_seconds_behind_is_reordering_and_a_nanosecond_more_is_not(void **state) {
    (void)state;
    advance_times(100, T0 + PACKET_CLOCK_NS_PER_TICK / 2);
    uint64_t now = pc.greatest_ns;
    advance_times(1000, now - PACKET_CLOCK_STEP_BACK_NS);
    assert_int_equal(pc.steps_back, 0);
    assert_int_equal(pc.greatest_ns, now);
    advance_times(32, now - PACKET_CLOCK_STEP_BACK_NS - 1);
    assert_int_equal(pc.steps_back, 1);
    assert_int_equal(pc.greatest_ns, now - PACKET_CLOCK_STEP_BACK_NS - 1);
}

static void late_frames_that_others_interrupt_are_no_step_back(void **state) {
    (void)state;
    advance_times(100, T0);
    for (uint32_t i = 0; i < 100; i++) {
        advance_times(31, T0 - 3600 * SECOND);
        advance(T0 + i * SECOND);
    }
    assert_int_equal(packet_clock_now(&pc), 1 + TICKS(99));
    assert_int_equal(pc.steps_back, 0);
}

/* Two clocks apart are no one's: a row begins anew with each stamp that does not fit it. */
static void late_frames_of_two_clocks_are_no_row(void **state) {
    (void)state;
    advance_times(100, T0);
    for (uint32_t i = 0; i < 100; i++) {
        advance(T0 - 40 * DAY);
        advance(T0 - 20 * DAY);
    }
    assert_int_equal(pc.steps_back, 0);
    advance_times(31, T0 - 20 * DAY);
    assert_int_equal(pc.steps_back, 1);
}

static void a_late_stamp_at_the_start_of_a_row_counts_for_nothing(void **state) {
    (void)state;
    advance_times(100, T0);
    advance(0);
    assert_int_equal(advance_times(31, T0 - 60 * SECOND), 1);
    assert_int_equal(advance(T0 - 60 * SECOND), 1);
    assert_int_equal(pc.greatest_ns, T0 - 60 * SECOND);
    assert_int_equal(pc.held, 0);
}

/* As after a clock that was set wrong for a while: it is not an hour later then. */
static void a_return_to_the_clock_that_was_left_lets_no_time_pass(void **state) {
    (void)state;
    advance_times(100, T0);
    for (uint32_t i = 0; i <= 60; i++)
        advance(T0 - 3600 * SECOND + i * SECOND);
    assert_int_equal(packet_clock_now(&pc), 1 + TICKS(60));
    assert_int_equal(advance(T0 + 61 * SECOND), 1 + TICKS(61));
    assert_int_equal(advance(T0 + 62 * SECOND), 1 + TICKS(62));
    assert_int_equal(pc.steps_back, 1);
}

/* A gap in the traffic after a step back is none. */
static void a_gap_short_of_the_clock_that_was_left_lets_time_pass(void **state) {
    (void)state;
    advance_times(100, T0);
    advance_times(32, T0 - 3600 * SECOND);
    assert_int_equal(advance(T0 - 1800 * SECOND), 1 + TICKS(1800));
    assert_int_equal(advance(T0), 1 + TICKS(3600));
}

/* Two machines' clocks, half a minute apart, in bursts of a second. */
static void two_clocks_in_turn_pass_as_fast_as_one(void **state) {
    (void)state;
    for (uint32_t s = 0; s < 100; s++) {
        uint64_t clock = s % 2 == 0 ? T0 : T0 - 30 * SECOND;
        for (uint32_t i = 0; i < 100; i++)
            advance(clock + s * SECOND + i * SECOND / 100);
    }
    assert_int_equal(pc.steps_back, 50);
    assert_in_range(packet_clock_now(&pc), TICKS(95), TICKS(105));
}

static void a_tick_begins_exactly_at_its_boundary(void **state) {
    (void)state;
    for (uint32_t tick = 0; tick < 200; tick++) {
        uint64_t begins = T0 + tick * PACKET_CLOCK_NS_PER_TICK;
        if (tick > 0)
            assert_int_equal(advance(begins - 1), tick);
        assert_int_equal(advance(begins), tick + 1);
    }
}

static void a_few_frames_far_apart_see_time_pass(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(advance(T0 + i * 200 * SECOND), 1 + TICKS(i * 200));
    assert_int_equal(pc.held, 0);
}

static void a_bad_stamp_in_the_middle_changes_nothing(void **state) {
    (void)state;
    advance_times(100, T0);
    assert_int_equal(advance(T0 + 10 * YEAR), 1);
    assert_int_equal(pc.held, 1);
    assert_int_equal(advance(T0 + SECOND), 1 + TICKS(1));
    assert_int_equal(advance(UINT64_MAX), 1 + TICKS(1));
    assert_int_equal(pc.held, 2);
    assert_int_equal(advance_times(100, T0 + 2 * SECOND), 1 + TICKS(2));
    assert_int_equal(pc.held, 2);
}

static void less_than_a_day_is_never_held(void **state) {
    (void)state;
    advance_times(100, T0);
    assert_int_equal(advance(T0 + DAY - 1), TICKS(86400));
    assert_int_equal(pc.held, 0);
    assert_int_equal(advance(T0 + 2 * DAY - 1), TICKS(86400));
    assert_int_equal(pc.held, 1);
}

static void more_than_a_day_within_the_longest_timeout_is_never_held(void **state) {
    (void)state;
    packet_clock_init(&pc, 3 * DAY);
    advance_times(100, T0);
    assert_int_equal(advance(T0 + 3 * DAY), 1 + TICKS(3 * 86400));
    assert_int_equal(pc.held, 0);
    assert_int_equal(advance(T0 + 6 * DAY + 1), 1 + TICKS(3 * 86400));
    assert_int_equal(pc.held, 1);
}

static void a_real_gap_is_believed_after_32_frames_and_not_after_31(void **state) {
    (void)state;
    advance_times(100, T0);
    assert_int_equal(advance(T0 + 5 * DAY), 1);
    assert_int_equal(advance_times(31, T0 + 5 * DAY), 1);
    assert_int_equal(advance(T0 + 5 * DAY), 1 + TICKS(86400));
    assert_int_equal(pc.held, 1);
    /* It goes on from there. */
    assert_int_equal(advance(T0 + 5 * DAY + SECOND), 1 + TICKS(86401));
    assert_int_equal(pc.held, 1);
}

static void confirmations_may_lie_the_longest_timeout_before_the_jump(void **state) {
    (void)state;
    advance_times(100, T0);
    uint64_t jump = T0 + 5 * DAY;
    advance(jump);
    assert_int_equal(advance_times(32, jump - HOUR_TIMEOUT), 1 + TICKS(86400));
    packet_clock_init(&pc, HOUR_TIMEOUT);
    advance_times(100, T0);
    advance(jump);
    advance_times(31, jump);
    /* One too early: it breaks the row and is held itself. */
    assert_int_equal(advance(jump - HOUR_TIMEOUT - 1), 1);
    assert_int_equal(pc.held, 2);
    assert_int_equal(advance_times(31, jump), 1);
    assert_true(advance(jump) >= 1 + TICKS(86400));
}

static void a_gap_that_begins_with_a_bad_stamp_is_believed_too(void **state) {
    (void)state;
    advance_times(100, T0);
    advance(T0 + 20 * YEAR);
    assert_int_equal(advance_times(32, T0 + 5 * DAY), 1);
    assert_int_equal(advance(T0 + 5 * DAY), 1 + TICKS(86400));
    assert_int_equal(pc.held, 2);
}

static void a_jump_expires_the_longest_timeout(void **state) {
    (void)state;
    packet_clock_init(&pc, 30 * DAY);
    advance_times(100, T0);
    uint32_t before = packet_clock_now(&pc);
    advance_times(33, T0 + 10 * YEAR);
    assert_true(packet_clock_now(&pc) - before >= TICKS(30 * 86400));
}

static void a_first_stamp_in_the_future_is_given_up(void **state) {
    (void)state;
    assert_int_equal(advance(T0 + 80 * YEAR), 1);
    assert_int_equal(advance(T0), 1);
    assert_int_equal(pc.held, 1);
    assert_int_equal(advance(T0 + 60 * SECOND), 1 + TICKS(60));
    assert_int_equal(advance(T0 + 3600 * SECOND), 1 + TICKS(3600));
    assert_int_equal(pc.held, 1);
}

static void a_first_stamp_of_the_largest_value_is_given_up(void **state) {
    (void)state;
    advance(UINT64_MAX);
    advance(0);
    assert_int_equal(advance(SECOND), 1 + TICKS(1));
    assert_int_equal(pc.held, 1);
}

static void a_first_stamp_in_the_past_is_left_by_a_held_jump(void **state) {
    (void)state;
    assert_int_equal(advance(0), 1);
    assert_int_equal(advance_times(32, T0), 1);
    assert_int_equal(advance(T0), 1 + TICKS(86400));
    assert_int_equal(advance(T0 + SECOND), 1 + TICKS(86401));
    assert_int_equal(pc.held, 1);
}

static void a_first_stamp_with_31_confirmations_is_given_up_and_with_32_stays(void **state) {
    (void)state;
    advance(T0);
    advance_times(31, T0);
    advance(T0 - DAY);
    assert_int_equal(pc.held, 1);
    assert_int_equal(advance(T0 - DAY + SECOND), 1 + TICKS(1));

    packet_clock_init(&pc, HOUR_TIMEOUT);
    advance(T0);
    advance_times(32, T0);
    assert_int_equal(advance(T0 - DAY), 1);
    assert_int_equal(advance(T0 - DAY + SECOND), 1);
    assert_int_equal(pc.held, 0);
}

static void a_frame_less_than_the_limit_before_the_first_is_only_late(void **state) {
    (void)state;
    advance(T0);
    advance(T0 - DAY + 1);
    assert_int_equal(pc.held, 0);
    assert_int_equal(advance(T0 - DAY + 1 + SECOND), 1);
    assert_int_equal(advance(T0 + SECOND), 1 + TICKS(1));
}

static void starting_over_keeps_the_ticks_that_have_passed(void **state) {
    (void)state;
    advance(T0);
    assert_int_equal(advance(T0 + 100 * SECOND), 1 + TICKS(100));
    assert_int_equal(advance(T0 - YEAR), 1 + TICKS(100));
    assert_int_equal(advance(T0 - YEAR + SECOND), 1 + TICKS(101));
}

static void a_bad_stamp_in_the_past_early_in_a_file_lets_no_time_pass(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 5; i++)
        advance(T0 + i * SECOND);
    assert_int_equal(advance(0), 1 + TICKS(4));
    assert_int_equal(advance_times(32, T0 + 4 * SECOND), 1 + TICKS(4));
    assert_int_equal(advance(T0 + 5 * SECOND), 1 + TICKS(5));
    assert_int_equal(pc.held, 2);
}

static void a_loop_is_shifted_on_to_the_clock(void **state) {
    (void)state;
    for (uint32_t loop = 0; loop < 50; loop++) {
        packet_clock_next_file(&pc);
        for (uint32_t i = 0; i <= 100; i++)
            assert_int_equal(advance(T0 + i * SECOND), 1 + TICKS(loop * 100 + i));
    }
    assert_int_equal(pc.held, 0);
}

static void a_loop_shorter_than_a_tick_adds_up(void **state) {
    (void)state;
    for (uint32_t loop = 0; loop < 1000; loop++) {
        packet_clock_next_file(&pc);
        advance(T0);
        advance(T0 + PACKET_CLOCK_NS_PER_TICK / 10);
    }
    assert_int_equal(packet_clock_now(&pc), 1 + 100);
}

static void a_further_file_after_the_clock_is_not_shifted(void **state) {
    (void)state;
    advance_times(50, T0);
    packet_clock_next_file(&pc);
    assert_int_equal(advance(T0 + 60 * SECOND), 1 + TICKS(60));
    assert_int_equal(pc.held, 0);
}

static void short_files_days_apart_confirm_each_other(void **state) {
    (void)state;
    advance_times(50, T0);
    for (uint32_t file = 0; file < 4; file++) {
        packet_clock_next_file(&pc);
        advance_times(10, T0 + 3 * DAY + file * SECOND);
    }
    assert_int_equal(packet_clock_now(&pc), 1 + TICKS(86400 + 3));
    assert_int_equal(pc.held, 1);
}

static void a_bad_first_stamp_in_every_loop_is_given_up(void **state) {
    (void)state;
    for (uint32_t loop = 0; loop < 3; loop++) {
        packet_clock_next_file(&pc);
        advance(T0 + 80 * YEAR);
        for (uint32_t i = 0; i <= 100; i++)
            assert_int_equal(advance(T0 + i * SECOND), 1 + TICKS(loop * 100 + i));
        assert_int_equal(pc.held, loop + 1);
    }
}

static void the_last_tick_is_where_time_stops(void **state) {
    (void)state;
    packet_clock_init(&pc, UINT64_MAX);
    advance(0);
    for (uint32_t i = 1; i < 10; i++)
        advance(i * YEAR);
    assert_int_equal(packet_clock_now(&pc), PACKET_CLOCK_LAST_TICK);
    assert_int_equal(advance(UINT64_MAX), PACKET_CLOCK_LAST_TICK);
}

static uint64_t hostile_stamp(struct random *random, uint64_t last) {
    uint64_t near = random_word(random) % (2 * SECOND);
    switch (random_word(random) % 16) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX - random_word(random) % 3;
    case 2:
        return random_word(random);
    case 3:
        return last - DAY + random_word(random) % 3;
    case 4:
        return last + DAY - random_word(random) % 3;
    case 5:
        return UINT64_MAX - PACKET_CLOCK_NS_PER_TICK + random_word(random) % 5 - 2;
    case 6:
        return last - near;
    default:
        return last + near / 100;
    }
}

static void time_never_goes_back_under_hostile_stamps(void **state) {
    (void)state;
    struct random random = random_from(1);
    static const uint64_t longest[] = {0, HOUR_TIMEOUT, DAY, 400 * DAY, UINT64_MAX};
    for (size_t i = 0; i < sizeof longest / sizeof longest[0]; i++) {
        packet_clock_init(&pc, longest[i]);
        uint64_t stamp = T0;
        uint32_t now = 1;
        for (uint32_t n = 0; n < 200000; n++) {
            uint64_t word = random_word(&random);
            if (word % 500 == 0)
                packet_clock_next_file(&pc);
            stamp = word % 256 < 250 ? stamp + word % SECOND / 100 : hostile_stamp(&random, stamp);
            uint32_t then = now;
            now = advance(stamp);
            assert_true(now >= then);
            assert_true(now <= PACKET_CLOCK_LAST_TICK);
            assert_int_equal(now, packet_clock_now(&pc));
            assert_true(pc.boundary_ns > pc.greatest_ns);
            assert_true(pc.boundary_ns - pc.greatest_ns <= PACKET_CLOCK_NS_PER_TICK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_clock_starts_at_one_with_any_stamp, new_clock),
        cmocka_unit_test_setup(equal_stamps_and_older_ones_let_no_time_pass, new_clock),
        cmocka_unit_test_setup(a_step_back_is_believed_at_the_32nd_frame_in_a_row, new_clock),
        cmocka_unit_test_setup(time_passes_within_the_row_that_steps_back, new_clock),
        cmocka_unit_test_setup(ten_seconds_behind_is_reordering_and_a_nanosecond_more_is_not,
                               new_clock),
        cmocka_unit_test_setup(late_frames_that_others_interrupt_are_no_step_back, new_clock),
        cmocka_unit_test_setup(late_frames_of_two_clocks_are_no_row, new_clock),
        cmocka_unit_test_setup(a_late_stamp_at_the_start_of_a_row_counts_for_nothing, new_clock),
        cmocka_unit_test_setup(a_return_to_the_clock_that_was_left_lets_no_time_pass, new_clock),
        cmocka_unit_test_setup(a_gap_short_of_the_clock_that_was_left_lets_time_pass, new_clock),
        cmocka_unit_test_setup(two_clocks_in_turn_pass_as_fast_as_one, new_clock),
        cmocka_unit_test_setup(a_tick_begins_exactly_at_its_boundary, new_clock),
        cmocka_unit_test_setup(a_few_frames_far_apart_see_time_pass, new_clock),
        cmocka_unit_test_setup(a_bad_stamp_in_the_middle_changes_nothing, new_clock),
        cmocka_unit_test_setup(less_than_a_day_is_never_held, new_clock),
        cmocka_unit_test_setup(more_than_a_day_within_the_longest_timeout_is_never_held, new_clock),
        cmocka_unit_test_setup(a_real_gap_is_believed_after_32_frames_and_not_after_31, new_clock),
        cmocka_unit_test_setup(confirmations_may_lie_the_longest_timeout_before_the_jump,
                               new_clock),
        cmocka_unit_test_setup(a_gap_that_begins_with_a_bad_stamp_is_believed_too, new_clock),
        cmocka_unit_test_setup(a_jump_expires_the_longest_timeout, new_clock),
        cmocka_unit_test_setup(a_first_stamp_in_the_future_is_given_up, new_clock),
        cmocka_unit_test_setup(a_first_stamp_of_the_largest_value_is_given_up, new_clock),
        cmocka_unit_test_setup(a_first_stamp_in_the_past_is_left_by_a_held_jump, new_clock),
        cmocka_unit_test_setup(a_first_stamp_with_31_confirmations_is_given_up_and_with_32_stays,
                               new_clock),
        cmocka_unit_test_setup(a_frame_less_than_the_limit_before_the_first_is_only_late,
                               new_clock),
        cmocka_unit_test_setup(starting_over_keeps_the_ticks_that_have_passed, new_clock),
        cmocka_unit_test_setup(a_bad_stamp_in_the_past_early_in_a_file_lets_no_time_pass,
                               new_clock),
        cmocka_unit_test_setup(a_loop_is_shifted_on_to_the_clock, new_clock),
        cmocka_unit_test_setup(a_loop_shorter_than_a_tick_adds_up, new_clock),
        cmocka_unit_test_setup(a_further_file_after_the_clock_is_not_shifted, new_clock),
        cmocka_unit_test_setup(short_files_days_apart_confirm_each_other, new_clock),
        cmocka_unit_test_setup(a_bad_first_stamp_in_every_loop_is_given_up, new_clock),
        cmocka_unit_test_setup(the_last_tick_is_where_time_stops, new_clock),
        cmocka_unit_test_setup(time_never_goes_back_under_hostile_stamps, new_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
