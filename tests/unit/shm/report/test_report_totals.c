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
    fb_up_add_latency(up, 100);
    fb_up_set_worker_status(up, FB_STATUS_LEFT);
    atomic_store(&up->cpu, 3);
    fb_worker_totals_add(&totals, up);
    atomic_store(&up->cpu, 5);
    fb_worker_totals_add(&totals, up);
    fb_up_set_worker_status(up,
                            FB_STATUS_VACANT); /* the next offer, which no process has claimed */
    atomic_store(&up->cpu, -1);
    fb_up_set_counter(up, FB_WORKER_PACKETS, 0);
    atomic_store(&up->latency[fb_latency_bucket(100)], 0);
    fb_worker_totals_add(&totals, up);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 80);
    assert_int_equal(totals.latency[fb_latency_bucket(100)], 2);
    assert_int_equal(totals.cpu, 5);
    assert_true(totals.left);
    fb_up_set_worker_status(up, FB_STATUS_READY); /* the next one was killed */
    fb_worker_totals_add(&totals, up);
    assert_false(totals.left);
    free(up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_up_side_that_claims_an_impossible_cpu_has_none),
        cmocka_unit_test(totals_add_up_over_incarnations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
