/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/capture_delay.c: how long the kernel held a frame. */
#include "dispatcher/run/capture_delay.h"
#include "tests/lib/unit.h"

#define NOW_NS UINT64_C(1700000000000000000)

static void sample(struct capture_delay *delay, uint64_t stamp_ns) {
    const struct frame frame = {.time_ns = stamp_ns};
    capture_delay_begin(delay, &frame);
    capture_delay_end(delay, NOW_NS);
}

static void stamps_that_are_missing_or_ahead_are_counted_as_unusable(void **state) {
    (void)state;
    struct capture_delay delay = {0};
    struct fb_snapshot snapshot = {0};
    sample(&delay, 0);
    sample(&delay, NOW_NS + 1);
    sample(&delay, UINT64_MAX);
    capture_delay_gather(&delay, &snapshot);
    assert_int_equal(snapshot.run[FB_RUN_STAMPS_UNUSABLE], 3);
    static const struct fb_delay_counts none;
    assert_memory_equal(&snapshot.capture_delay, &none, sizeof none);
}

static void a_sample_is_the_time_from_the_stamp_to_now(void **state) {
    (void)state;
    struct capture_delay delay = {0};
    struct fb_snapshot snapshot = {0};
    sample(&delay, NOW_NS);
    sample(&delay, NOW_NS - 7000);
    sample(&delay, NOW_NS - 7001);
    sample(&delay, NOW_NS - 4000000000);
    capture_delay_gather(&delay, &snapshot);
    assert_int_equal(snapshot.run[FB_RUN_STAMPS_UNUSABLE], 0);
    assert_int_equal(snapshot.capture_delay.buckets[0], 1);
    assert_int_equal(snapshot.capture_delay.buckets[fb_delay_bucket(7000)], 2);
    assert_int_equal(snapshot.capture_delay.buckets[fb_delay_bucket(4000000000)], 1);
    assert_int_equal(snapshot.capture_delay.sum_ns, 7000 + 7001 + 4000000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_that_are_missing_or_ahead_are_counted_as_unusable),
        cmocka_unit_test(a_sample_is_the_time_from_the_stamp_to_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
