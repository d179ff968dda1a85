/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_totals.c: what a worker says of itself, over its processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/report.h"
#include "tests/lib/memory.h"

static void an_up_side_that_claims_an_impossible_cpu_has_none(void **state) {
    (void)state;
    struct fb_up *up = aligned_alloc(FB_APART, sizeof *up);
    assert_non_null(up);
    memset(up, 0, sizeof *up);
    struct fb_worker_totals totals = {0};
    fb_up_set_worker_status(up, FB_STATUS_READY);
    atomic_store(&up->cpu, INT32_MIN);
    atomic_store(&up->numa_node, INT32_MAX);
    fb_worker_totals_add(&totals, up);
    assert_int_equal(totals.cpu, -1);
    assert_int_equal(totals.numa_node, -1);
    free(up);
}

static void totals_add_up_over_incarnations(void **state) {
    (void)state;
    struct fb_up *up = aligned_alloc(FB_APART, sizeof *up);
    assert_non_null(up);
    memset(up, 0, sizeof *up);
    struct fb_worker_totals totals = {0};
    fb_up_set_counter(up, FB_WORKER_PACKETS, 40);
    fb_delays_add(&up->latency, 100, 1);
    fb_delays_add(&up->inspection, 600, 3);
    fb_up_set_worker_status(up, FB_STATUS_LEFT);
    atomic_store(&up->cpu, 3);
    fb_worker_totals_add(&totals, up);
    atomic_store(&up->cpu, 5);
    fb_worker_totals_add(&totals, up);
    fb_up_set_worker_status(up,
                            FB_STATUS_VACANT); /* the next offer, which no process has claimed */
    atomic_store(&up->cpu, -1);
    fb_up_set_counter(up, FB_WORKER_PACKETS, 0);
    memset(&up->latency, 0, sizeof up->latency);
    memset(&up->inspection, 0, sizeof up->inspection);
    fb_worker_totals_add(&totals, up);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 80);
    assert_int_equal(totals.latency.buckets[fb_delay_bucket(100)], 2);
    assert_int_equal(totals.latency.sum_ns, 200);
    assert_int_equal(totals.inspection.buckets[fb_delay_bucket(200)], 6);
    assert_int_equal(totals.inspection.sum_ns, 1200);
    assert_int_equal(totals.cpu, 5);
    assert_true(totals.left);
    fb_up_set_worker_status(up, FB_STATUS_READY); /* the next one was killed */
    fb_worker_totals_add(&totals, up);
    assert_false(totals.left);
    free(up);
}

static void counters_that_inspectors_name_add_up_by_name_over_incarnations(void **state) {
    (void)state;
    struct fb_up *up = zeroed_pages(fb_up_footprint());
    struct fb_worker_totals totals = {0};
    fb_up_format(up, (const uint8_t[16]){1}, 0, 1, 0);
    fb_worker_totals_add(&totals, up); /* no process has claimed it */
    assert_int_equal(totals.stats.count, 0);
    fb_up_name_stat(up, 0, "ids", "alerts");
    fb_up_set_stats(up, 1);
    fb_up_set_stat(up, 0, 40);
    fb_worker_totals_add(&totals, up);
    fb_up_name_stat(up, 0, "ids", "flows");
    fb_up_name_stat(up, 1, "ids", "alerts");
    fb_up_set_stats(up, 2);
    fb_up_set_stat(up, 1, 2);
    fb_worker_totals_add(&totals, up);
    assert_int_equal(totals.stats.count, 2);
    assert_int_equal(totals.stats.values[0], 42);
    assert_int_equal(totals.stats.values[1], 40);
    free(up);
}

/* All that it may write: no other worker's totals change, and none of its own that were there. */
static void an_up_side_full_of_nonsense_changes_only_its_own_numbers(void **state) {
    (void)state;
    struct fb_up *up = zeroed_pages(fb_up_footprint());
    struct fb_worker_totals totals[2] = {{.cpu = 1}, {.cpu = 2}};
    totals[1].stats.left_out = 3;
    fb_up_name_stat(up, 0, "ids", "alerts");
    fb_up_set_stats(up, 1);
    fb_up_set_stat(up, 0, 40);
    fb_worker_totals_add(&totals[0], up);
    const struct fb_worker_totals other = totals[1];
    memset(up, 0xff, fb_up_footprint());
    fb_worker_totals_add(&totals[0], up);
    assert_int_equal(totals[0].stats.count, 1);
    assert_string_equal(totals[0].stats.names[0], "ids.alerts");
    assert_int_equal(totals[0].stats.values[0], 40);
    assert_int_equal(totals[0].stats.left_out, FB_UP_STATS);
    assert_memory_equal(&totals[1], &other, sizeof other);
    free(up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_up_side_that_claims_an_impossible_cpu_has_none),
        cmocka_unit_test(totals_add_up_over_incarnations),
        cmocka_unit_test(counters_that_inspectors_name_add_up_by_name_over_incarnations),
        cmocka_unit_test(an_up_side_full_of_nonsense_changes_only_its_own_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
