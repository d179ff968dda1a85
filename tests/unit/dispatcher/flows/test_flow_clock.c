/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/flows/flow_clock.h: one clock of two kinds. What a file's stamps do:
 * test_packet_clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/flows/flow_clock.h"

#define TICK PACKET_CLOCK_NS_PER_TICK
#define SECOND UINT64_C(1000000000)
#define BEGIN (UINT64_C(1700000000) * SECOND)

static uint32_t tell(struct flow_clock *c, uint64_t stamp_ns, bool new_source) {
    return flow_clock_tell(c, &(struct frame){.time_ns = stamp_ns, .new_source = new_source});
}

static void a_file_goes_by_its_stamps_and_not_by_the_time_of_day(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_file(&c, 3600 * SECOND);
    assert_int_equal(flow_clock_now(&c), 1);
    assert_int_equal(tell(&c, BEGIN, true), 1);
    flow_clock_set(&c, 1000 * SECOND);
    assert_int_equal(flow_clock_now(&c), 1);
    assert_int_equal(tell(&c, BEGIN + 2 * TICK, false), 3);
    assert_int_equal(flow_clock_now(&c), 3);
}

static void a_further_file_goes_on_where_the_clock_is(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_file(&c, 3600 * SECOND);
    tell(&c, BEGIN, true);
    assert_int_equal(tell(&c, BEGIN + 4 * TICK, false), 5);
    assert_int_equal(tell(&c, BEGIN - 100 * SECOND, true), 5);
    assert_int_equal(tell(&c, BEGIN - 100 * SECOND + TICK, false), 6);
}

static void live_goes_by_the_time_of_day_and_not_by_stamps(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_live(&c, 5 * SECOND);
    assert_int_equal(flow_clock_now(&c), 1);
    assert_int_equal(tell(&c, BEGIN, true), 1);
    assert_int_equal(tell(&c, BEGIN + SECOND, false), 1);
    flow_clock_set(&c, 5 * SECOND + TICK - 1);
    assert_int_equal(flow_clock_now(&c), 1);
    flow_clock_set(&c, 6 * SECOND);
    assert_int_equal(flow_clock_now(&c), 1 + PACKET_CLOCK_TICKS_PER_SECOND);
    assert_int_equal(tell(&c, 0, false), 1 + PACKET_CLOCK_TICKS_PER_SECOND);
}

/* A fragment that was not taken: offered again, its stamp moves nothing, nor does it confirm one.
 */
static void a_frame_that_comes_again_tells_nothing(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_file(&c, 3600 * SECOND);
    tell(&c, BEGIN, true);
    uint32_t confirmed = c.packets.first_confirmations;
    flow_clock_tell_no_more(&c);
    assert_int_equal(tell(&c, BEGIN + 10 * TICK, false), 1);
    assert_int_equal(c.packets.first_confirmations, confirmed);
    assert_int_equal(tell(&c, BEGIN + 10 * TICK, false), 11);
}

static void a_tick_that_is_ended_is_past_for_all_that_comes(void **state) {
    struct flow_clock file, live;
    (void)state;
    flow_clock_init_file(&file, 3600 * SECOND);
    tell(&file, BEGIN, true);
    assert_int_equal(flow_clock_end_tick(&file), 1);
    assert_int_equal(flow_clock_now(&file), 2);
    assert_int_equal(tell(&file, BEGIN, false), 2);

    flow_clock_init_live(&live, 0);
    flow_clock_set(&live, TICK / 2);
    assert_int_equal(flow_clock_end_tick(&live), 1);
    assert_int_equal(flow_clock_now(&live), 2);
    flow_clock_set(&live, TICK / 2 + 1);
    assert_int_equal(flow_clock_now(&live), 2);
    flow_clock_set(&live, TICK);
    assert_int_equal(flow_clock_now(&live), 3);
}

static void a_clock_that_has_stopped_ends_no_tick(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_file(&c, 3600 * SECOND);
    c.packets.now_ticks = PACKET_CLOCK_LAST_TICK;
    assert_int_equal(flow_clock_end_tick(&c), 0);
    assert_int_equal(flow_clock_now(&c), PACKET_CLOCK_LAST_TICK);
}

/* Four years: it stops, and neither goes back nor ends a tick. */
static void a_live_clock_stops_where_ticks_end(void **state) {
    struct flow_clock c;
    (void)state;
    flow_clock_init_live(&c, SECOND);
    flow_clock_set(&c, SECOND + TICK * (PACKET_CLOCK_LAST_TICK - 2));
    assert_int_equal(flow_clock_now(&c), PACKET_CLOCK_LAST_TICK - 1);
    flow_clock_set(&c, SECOND + TICK * (UINT64_C(1) << 32));
    assert_int_equal(flow_clock_now(&c), PACKET_CLOCK_LAST_TICK);
    assert_int_equal(flow_clock_end_tick(&c), 0);
    assert_int_equal(flow_clock_now(&c), PACKET_CLOCK_LAST_TICK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_goes_by_its_stamps_and_not_by_the_time_of_day),
        cmocka_unit_test(a_further_file_goes_on_where_the_clock_is),
        cmocka_unit_test(live_goes_by_the_time_of_day_and_not_by_stamps),
        cmocka_unit_test(a_frame_that_comes_again_tells_nothing),
        cmocka_unit_test(a_tick_that_is_ended_is_past_for_all_that_comes),
        cmocka_unit_test(a_clock_that_has_stopped_ends_no_tick),
        cmocka_unit_test(a_live_clock_stops_where_ticks_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
