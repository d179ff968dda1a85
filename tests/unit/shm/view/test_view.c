/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/view.c: what is in a report, and how fast it grows. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"

#include "shm/view/view.h"

#define SECOND_NS UINT64_C(1000000000)
static char name[FB_NAME_MAX + 1];

static json_t *report_of(json_int_t packets) {
    return json_pack("{s:{s:i,s:f}, s:[{s:I}, {s:I}]}", "ledger", "received", 7, "share", 0.5,
                     "workers", "packets", packets, "packets", 2 * packets);
}

static void a_path_leads_through_objects_and_arrays(void **state) {
    (void)state;
    json_t *report = report_of(10);
    assert_true(view_number(report, "ledger.received") == 7);
    assert_true(view_number(report, "ledger.share") == 0.5);
    assert_true(view_number(report, "workers.1.packets") == 20);
    assert_ptr_equal(view_at(report, ""), report);
    assert_true(json_is_array(view_at(report, "workers")));
    assert_null(view_at(report, "workers.2.packets"));
    assert_null(view_at(report, "ledger.received.more"));
    assert_true(view_number(report, "nothing") == 0);
    assert_true(view_number(report, "ledgers.received") == 0);
    json_decref(report);
}

static void a_rate_is_of_the_last_two_reports(void **state) {
    (void)state;
    struct view view = {.report = report_of(10), .taken_ns = 5 * SECOND_NS};
    assert_true(view_per_s(&view, "workers.1.packets") == 0);
    view.before = report_of(4);
    view.before_ns = 5 * SECOND_NS;
    assert_true(view_per_s(&view, "workers.1.packets") == 0);
    view.before_ns = 2 * SECOND_NS;
    assert_true(view_per_s(&view, "workers.1.packets") == 4);
    view_leave(&view);
    assert_null(view.report);
    assert_null(view.before);
}

/* ---- an instance that comes and goes */

static void begin(struct fb_ctl_handle *handle) {
    assert_int_equal(fb_ctl_create(handle, name), 0);
    handle->ctl->geometry.max_workers = 1;
    handle->ctl->geometry.workers = 1;
    snprintf(handle->ctl->name, sizeof handle->ctl->name, "%s", name);
    fb_ctl_format(handle);
}

static void reports_are_of_one_dispatcher(void **state) {
    (void)state;
    struct fb_ctl_handle handle;
    struct view view = {.name = name};
    assert_int_equal(view_look(&view), VIEW_ABSENT);
    assert_null(view.report);
    begin(&handle);
    assert_int_equal(view_look(&view), VIEW_REPORT);
    assert_non_null(view.report);
    assert_null(view.before);
    assert_int_equal(view_look(&view), VIEW_REPORT);
    assert_non_null(view.before);
    assert_true(view.taken_ns > view.before_ns);
    fb_ctl_destroy(&handle);
    json_t *last = view.report;
    assert_int_equal(view_look(&view), VIEW_ABSENT);
    assert_ptr_equal(view.report, last); /* stays */
    begin(&handle);
    assert_int_equal(view_look(&view), VIEW_REPORT);
    assert_null(view.before); /* a new dispatcher's counts are not compared with the old one's */
    fb_ctl_destroy(&handle);
    view_leave(&view);
}

/* It lives, and does not get on: no other is started for that. */
static void a_dispatcher_that_is_frozen_in_a_snapshot_is_not_absent(void **state) {
    (void)state;
    struct fb_ctl_handle handle;
    struct view view = {.name = name};
    struct caught caught;
    begin(&handle);
    assert_int_equal(view_look(&view), VIEW_REPORT);
    atomic_fetch_add(&handle.ctl->snapshot_sequence, 1);
    catch_begin(&caught);
    assert_int_equal(view_look(&view), VIEW_FAILED);
    expect_one_line(catch_end(&caught), "stopped or frozen, in the middle of a snapshot");
    atomic_fetch_add(&handle.ctl->snapshot_sequence, 1);
    assert_int_equal(view_look(&view), VIEW_REPORT);
    assert_non_null(view.before);
    fb_ctl_destroy(&handle);
    view_leave(&view);
}

int main(void) {
    fb_log_init("test_view", FB_LOG_ERROR);
    snprintf(name, sizeof name, "test-view-%ld", (long)getpid());
    if (fb_guard_init() != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_through_objects_and_arrays),
        cmocka_unit_test(a_rate_is_of_the_last_two_reports),
        cmocka_unit_test(reports_are_of_one_dispatcher),
        cmocka_unit_test(a_dispatcher_that_is_frozen_in_a_snapshot_is_not_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
