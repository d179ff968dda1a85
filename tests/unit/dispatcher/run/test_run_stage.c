/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/run_stage.c: the drawing, arrow by arrow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/run/run_stage.h"

#define SECOND UINT64_C(1000000000)
#define DRAIN (30 * SECOND)
#define NOW (1000 * SECOND)

static struct run_stages p;

static bool ask(unsigned signals, bool now, uint64_t now_ns) {
    return run_stage_ask(&p, &(struct run_asked){.signals = signals, .now = now}, now_ns);
}

/* Over the control socket. */
static bool ask_politely(unsigned signals, uint64_t now_ns) {
    return run_stage_ask(&p, &(struct run_asked){.signals = signals, .stop = true}, now_ns);
}

static int reading(void **state) {
    (void)state;
    run_stage_init(&p, DRAIN);
    return 0;
}

static void a_run_that_reads_is_never_late(void **state) {
    (void)state;
    assert_true(run_stage_is_reading(&p));
    assert_false(run_stage_is_late(&p, UINT64_MAX - 1));
    assert_false(ask(0, false, NOW));
    run_stage_finished(&p, 10, NOW);
    run_stage_skip_time(&p, SECOND);
    assert_true(run_stage_is_reading(&p));
    assert_false(run_stage_is_late(&p, UINT64_MAX - 1));
}

static void at_the_end_of_the_input_time_counts_from_what_was_last_finished(void **state) {
    (void)state;
    run_stage_end(&p, NOW);
    assert_int_equal(p.stage, RUN_ENDING);
    assert_false(run_stage_is_late(&p, NOW + DRAIN - 1));
    assert_true(run_stage_is_late(&p, NOW + DRAIN));
    run_stage_finished(&p, 10, NOW + 5 * SECOND);
    assert_true(run_stage_is_late(&p, NOW + 5 * SECOND + DRAIN));
    assert_false(run_stage_is_late(&p, NOW + 5 * SECOND + DRAIN - 1));
    run_stage_finished(&p, 10, NOW + 9 * SECOND); /* nothing more */
    assert_true(run_stage_is_late(&p, NOW + 5 * SECOND + DRAIN));
    run_stage_end(&p, NOW + 20 * SECOND); /* a second time changes nothing */
    assert_true(run_stage_is_late(&p, NOW + 5 * SECOND + DRAIN));
}

static void a_stop_that_is_asked_for_has_its_time_and_no_more(void **state) {
    (void)state;
    assert_true(ask(1, false, NOW));
    assert_int_equal(p.stage, RUN_STOPPING);
    run_stage_finished(&p, 10, NOW + 9 * SECOND);
    run_stage_end(&p, NOW + 10 * SECOND);
    assert_int_equal(p.stage, RUN_STOPPING);
    assert_true(run_stage_is_late(&p, NOW + DRAIN));
    assert_false(run_stage_is_late(&p, NOW + DRAIN - 1));
}

static void a_stop_while_it_ends_starts_the_time_again(void **state) {
    (void)state;
    run_stage_end(&p, NOW);
    assert_true(ask(1, false, NOW + 29 * SECOND));
    assert_false(run_stage_is_late(&p, NOW + DRAIN));
    assert_true(run_stage_is_late(&p, NOW + 29 * SECOND + DRAIN));
}

static void requests_within_a_second_are_one(void **state) {
    (void)state;
    assert_true(ask(1, false, NOW));
    assert_false(ask(3, false, NOW + STOP_SAME_NS - 1));
    assert_int_equal(p.stage, RUN_STOPPING);
    assert_false(ask(3, false, NOW + 5 * SECOND));
    assert_int_equal(p.stage, RUN_STOPPING);
    assert_false(ask(4, false, NOW + 5 * SECOND));
    assert_int_equal(p.stage, RUN_HURRYING);
    assert_true(run_stage_is_late(&p, NOW + 5 * SECOND));
    run_stage_drained(&p);
    assert_true(p.hurried); /* what is said of what was left */
}

static void who_asks_again_without_a_signal_waits_for_the_same_end(void **state) {
    (void)state;
    assert_true(ask_politely(0, NOW));
    for (unsigned i = 1; i < 29; i++)
        assert_false(ask_politely(0, NOW + i * SECOND));
    assert_int_equal(p.stage, RUN_STOPPING);
    assert_false(run_stage_is_late(&p, NOW + DRAIN - 1));
    assert_true(run_stage_is_late(&p, NOW + DRAIN));
    assert_false(p.hurried);
}

static void one_signal_beside_a_request_is_no_second_one(void **state) {
    (void)state;
    assert_true(ask_politely(0, NOW));
    assert_false(ask_politely(1, NOW + 5 * SECOND));
    assert_false(ask_politely(2, NOW + 6 * SECOND - 1)); /* the same */
    assert_int_equal(p.stage, RUN_STOPPING);
    assert_false(ask_politely(3, NOW + 6 * SECOND));
    assert_int_equal(p.stage, RUN_HURRYING);

    run_stage_init(&p, DRAIN);
    assert_true(ask(1, false, NOW));
    assert_false(ask_politely(1, NOW + 5 * SECOND));
    assert_int_equal(p.stage, RUN_STOPPING);
}

static void now_means_now(void **state) {
    (void)state;
    assert_true(ask(1, true, NOW));
    assert_int_equal(p.stage, RUN_HURRYING);
    assert_true(run_stage_is_late(&p, NOW));
    run_stage_skip_time(&p, SECOND);
    assert_true(run_stage_is_late(&p, NOW));

    run_stage_init(&p, DRAIN);
    assert_true(ask_politely(0, NOW));
    assert_false(ask(0, true, NOW + SECOND));
    assert_int_equal(p.stage, RUN_HURRYING);
}

/* Stopped with its container for a week, a run that drains still has its 30 s. */
static void time_that_the_dispatcher_did_not_run_is_no_time(void **state) {
    (void)state;
    ask(1, false, NOW);
    run_stage_skip_time(&p, 604800 * SECOND);
    assert_false(run_stage_is_late(&p, NOW + 604800 * SECOND + DRAIN - 1));
    assert_true(run_stage_is_late(&p, NOW + 604800 * SECOND + DRAIN));
}

static void a_time_beyond_all_clocks_is_never(void **state) {
    (void)state;
    run_stage_init(&p, UINT64_MAX - 1);
    run_stage_end(&p, NOW);
    assert_false(run_stage_is_late(&p, UINT64_MAX - 1));
}

static void what_is_drained_is_asked_nothing_more(void **state) {
    (void)state;
    run_stage_end(&p, NOW);
    run_stage_drained(&p);
    assert_false(ask(1, false, NOW));
    assert_int_equal(p.stage, RUN_DRAINED);
    assert_false(run_stage_is_reading(&p));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_that_reads_is_never_late, reading),
        cmocka_unit_test_setup(at_the_end_of_the_input_time_counts_from_what_was_last_finished,
                               reading),
        cmocka_unit_test_setup(a_stop_that_is_asked_for_has_its_time_and_no_more, reading),
        cmocka_unit_test_setup(a_stop_while_it_ends_starts_the_time_again, reading),
        cmocka_unit_test_setup(requests_within_a_second_are_one, reading),
        cmocka_unit_test_setup(who_asks_again_without_a_signal_waits_for_the_same_end, reading),
        cmocka_unit_test_setup(one_signal_beside_a_request_is_no_second_one, reading),
        cmocka_unit_test_setup(now_means_now, reading),
        cmocka_unit_test_setup(time_that_the_dispatcher_did_not_run_is_no_time, reading),
        cmocka_unit_test_setup(a_time_beyond_all_clocks_is_never, reading),
        cmocka_unit_test_setup(what_is_drained_is_asked_nothing_more, reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
