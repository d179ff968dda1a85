/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/run_times.h: each moment is in one of four sums. */
#include "tests/lib/unit.h"

#include "dispatcher/run/run_times.h"

static void each_moment_goes_to_what_was_done_until_then(void **state) {
    (void)state;
    struct run_times times = {0};
    assert_int_equal(run_times_mark(&times, 1000), 0); /* since when is not known before */
    times.doing = RUN_TIME_READING;
    assert_int_equal(run_times_mark(&times, 1010), 10);
    times.doing = RUN_TIME_DISPATCHING;
    assert_int_equal(run_times_mark(&times, 1110), 100);
    times.doing = RUN_TIME_BLOCKED;
    run_times_mark(&times, 2110);
    run_times_mark(&times, 3110);
    times.doing = RUN_TIME_IDLE;
    run_times_mark(&times, 13110);
    assert_int_equal(times.spent_ns[RUN_TIME_READING], 10);
    assert_int_equal(times.spent_ns[RUN_TIME_DISPATCHING], 100);
    assert_int_equal(times.spent_ns[RUN_TIME_BLOCKED], 2000);
    assert_int_equal(times.spent_ns[RUN_TIME_IDLE], 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_moment_goes_to_what_was_done_until_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
