/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_build.c and shm/report/report_print.c: interfaces in the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/report.h"

/* The report's part on the interfaces, of an instance in private memory. */
static struct fb_ctl *ctl;
static struct fb_snapshot snapshot;
static struct fb_worker_totals totals[FB_MAX_WORKERS];
static json_t *report;

static int set_up(void **state) {
    (void)state;
    ctl = aligned_alloc(FB_APART, sizeof *ctl);
    assert_non_null(ctl);
    memset(ctl, 0, sizeof *ctl);
    memset(&snapshot, 0, sizeof snapshot);
    ctl->geometry.workers = 1;
    ctl->geometry.max_workers = 1;
    ctl->interfaces = 2;
    strcpy(ctl->interface_names[0], "eth0");
    strcpy(ctl->interface_names[1], "eth1");
    snapshot.run[FB_RUN_CAPTURE_RECEIVED] = 1234570;
    snapshot.run[FB_RUN_KERNEL_DROPS] = 3;
    snapshot.run[FB_RUN_INTERFACE_DROPS] = 7000;
    snapshot.interface[0][FB_INTERFACE_RECEIVED] = 1234569;
    snapshot.interface[0][FB_INTERFACE_KERNEL_DROPS] = 3;
    snapshot.interface[1][FB_INTERFACE_RECEIVED] = 1;
    snapshot.interface[1][FB_INTERFACE_INTERFACE_DROPS] = 7000;
    snapshot.interface_state[1] = FB_INTERFACE_IS_GONE;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(report);
    report = NULL;
    free(ctl);
    return 0;
}

static void build(void) {
    report = fb_report_build(ctl, &snapshot, totals);
    assert_non_null(report);
}

static const json_t *interface(size_t i) {
    const json_t *capture = json_object_get(report, "capture");
    const json_t *found = json_array_get(json_object_get(capture, "interfaces"), i);
    assert_non_null(found);
    return found;
}

static json_int_t number(size_t i, const char *key) {
    assert_true(json_is_integer(json_object_get(interface(i), key)));
    return json_integer_value(json_object_get(interface(i), key));
}

static const char *text(size_t i, const char *key) {
    return json_string_value(json_object_get(interface(i), key));
}

static void each_interface_has_counters_and_a_state_of_its_own(void **state) {
    (void)state;
    build();
    assert_string_equal(text(0, "name"), "eth0");
    assert_string_equal(text(0, "state"), "up");
    assert_int_equal(number(0, "received"), 1234569);
    assert_int_equal(number(0, "kernel_drops"), 3);
    assert_int_equal(number(0, "interface_drops"), 0);
    assert_string_equal(text(1, "name"), "eth1");
    assert_string_equal(text(1, "state"), "gone");
    assert_int_equal(number(1, "received"), 1);
    assert_int_equal(number(1, "kernel_drops"), 0);
    assert_int_equal(number(1, "interface_drops"), 7000);
}

static void the_text_has_a_line_for_each_of_them(void **state) {
    (void)state;
    build();
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    assert_non_null(out);
    fb_report_print(out, report);
    fclose(out);
    assert_non_null(strstr(
        printed, "           eth0  up          1,234,569               3               0\n"));
    assert_non_null(strstr(
        printed, "           eth1  gone                1               0           7,000\n"));
    free(printed);
}

/* What is in shared memory may be damaged: no name and no number leads out of it. */
static void damaged_interfaces_are_shown_as_far_as_they_go(void **state) {
    (void)state;
    ctl->interfaces = UINT32_MAX;
    memset(ctl->interface_names, 'x', sizeof ctl->interface_names);
    memset(ctl->interface_names[2], 0xff, sizeof ctl->interface_names[2]);
    snapshot.interface_state[0] = UINT64_MAX;
    build();
    const json_t *all = json_object_get(json_object_get(report, "capture"), "interfaces");
    assert_int_equal(json_array_size(all), FB_MAX_INTERFACES);
    assert_int_equal(strlen(text(0, "name")), FB_INTERFACE_NAME_MAX);
    assert_string_equal(text(0, "state"), "unknown");
    assert_int_equal(strlen(text(2, "name")), 4 * FB_INTERFACE_NAME_MAX); /* each byte escaped */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_interface_has_counters_and_a_state_of_its_own),
        TEST(the_text_has_a_line_for_each_of_them),
        TEST(damaged_interfaces_are_shown_as_far_as_they_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
