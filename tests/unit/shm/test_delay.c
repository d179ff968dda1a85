/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/delay.c: histograms of durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_balancer/delay.h"

static void a_sum_of_counts_that_do_not_fit_stays_at_the_largest(void **state) {
    (void)state;
    static struct fb_delays lies;
    static struct fb_delay_counts sum;
    atomic_store(&lies.buckets[7], UINT64_MAX - 1);
    atomic_store(&lies.sum_ns, UINT64_MAX);
    fb_delay_counts_read(&sum, &lies);
    assert_true(sum.buckets[7] == UINT64_MAX - 1 && sum.sum_ns == UINT64_MAX);
    fb_delay_counts_read(&sum, &lies);
    assert_true(sum.buckets[7] == UINT64_MAX && sum.sum_ns == UINT64_MAX);
    const struct fb_delay_counts copy = sum;
    fb_delay_counts_add(&sum, &copy);
    assert_true(sum.buckets[7] == UINT64_MAX && sum.sum_ns == UINT64_MAX);
    assert_true(sum.buckets[6] == 0 && sum.buckets[8] == 0);
}

static void buckets_ascend_and_leave_none_out(void **state) {
    (void)state;
    unsigned before = 0;
    for (uint64_t ns = 0; ns < 100000; ns++) {
        unsigned bucket = fb_delay_bucket(ns);
        assert_true(bucket == before || bucket == before + 1);
        before = bucket;
    }
    for (unsigned bit = 16; bit < 64; bit++) {
        uint64_t ns = UINT64_C(1) << bit;
        assert_true(fb_delay_bucket(ns - 1) <= fb_delay_bucket(ns));
        assert_true(fb_delay_bucket(ns) < FB_DELAY_BUCKETS);
    }
    assert_int_equal(fb_delay_bucket(UINT64_MAX), FB_DELAY_BUCKETS - 1);
}

static void a_bound_covers_its_bucket_and_not_much_more(void **state) {
    (void)state;
    for (unsigned bucket = 1; bucket < FB_DELAY_BUCKETS; bucket++)
        assert_true(fb_delay_bound(bucket - 1) < fb_delay_bound(bucket));
    for (uint64_t ns = 0; ns < UINT64_C(2000000000000); ns = ns * 17 / 16 + 1) {
        unsigned bucket = fb_delay_bucket(ns);
        assert_true(fb_delay_bound(bucket) >= ns);
        assert_true(fb_delay_bound(bucket) <= ns + ns / 4 + 1);
        assert_true(bucket == 0 || fb_delay_bound(bucket - 1) <= ns);
    }
}

static void samples_are_counted_in_the_bucket_of_their_equal_parts(void **state) {
    (void)state;
    static struct fb_delays delays;
    static struct fb_delay_counts counts;
    fb_delays_add(&delays, 12345, 1);
    fb_delays_add(&delays, 3 * 12346 + 2, 3);
    fb_delays_add(&delays, UINT64_C(1) << 62, 1);
    fb_delay_counts_read(&counts, &delays);
    assert_int_equal(counts.buckets[fb_delay_bucket(12345)], 4);
    assert_int_equal(counts.buckets[FB_DELAY_BUCKETS - 1], 1);
    assert_true(counts.sum_ns == 12345 + 3 * 12346 + 2 + (UINT64_C(1) << 62));
    fb_delay_counts_add(&counts, &counts);
    assert_int_equal(counts.buckets[fb_delay_bucket(12345)], 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_of_counts_that_do_not_fit_stays_at_the_largest),
        cmocka_unit_test(buckets_ascend_and_leave_none_out),
        cmocka_unit_test(a_bound_covers_its_bucket_and_not_much_more),
        cmocka_unit_test(samples_are_counted_in_the_bucket_of_their_equal_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
