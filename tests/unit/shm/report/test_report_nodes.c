/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_nodes.c: processors and NUMA nodes in the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"

static struct fb_ctl ctl;
static struct fb_snapshot snapshot;
static struct fb_worker_totals totals[FB_MAX_WORKERS];
static json_t *report;

/* Two nodes; everything on node 1. */
static int two_nodes(void **state) {
    (void)state;
    ctl.geometry = (struct fb_geometry){.workers = 4, .max_workers = 4};
    ctl.cpu = 3;
    ctl.numa_node = ctl.flow_table_numa_node = 1;
    ctl.numa_nodes = 2;
    for (unsigned k = 0; k < 4; k++) {
        totals[k].numa_node = 1;
        fb_ctl_set_ring_numa_node(&ctl, k, 1);
    }
    return 0;
}

static void expect_id(const char *object, int index, const char *key, json_int_t wanted) {
    const json_t *found = json_object_get(report, object);
    if (index >= 0)
        found = json_array_get(found, (size_t)index);
    found = json_object_get(found, key);
    assert_true(json_is_integer(found));
    assert_int_equal(json_integer_value(found), wanted);
}

static void expect_text(const char *wanted) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report = fb_report_build(&ctl, &snapshot, totals);
    assert_non_null(report);
    fb_report_print(out, report);
    fclose(out);
    json_decref(report);
    const char *found = strstr(text, "NUMA");
    if (strcmp(found != NULL ? found : "", wanted) != 0)
        fail_msg("'%s' does not end with '%s'", text, wanted);
    free(text);
}

static void where_everything_is_is_said_and_what_cannot_be_is_none(void **state) {
    (void)state;
    ctl.flow_table_numa_node = INT32_MAX;
    fb_ctl_set_ring_numa_node(&ctl, 2, INT32_MIN);
    report = fb_report_build(&ctl, &snapshot, totals);
    assert_non_null(report);
    expect_id("dispatcher", -1, "cpu", 3);
    expect_id("dispatcher", -1, "numa_node", 1);
    expect_id("dispatcher", -1, "flow_table_numa_node", -1);
    expect_id("dispatcher", -1, "numa_nodes", 2);
    expect_id("workers", 1, "numa_node", 1);
    expect_id("workers", 1, "ring_numa_node", 1);
    expect_id("workers", 2, "ring_numa_node", -1);
    json_decref(report);
}

static void workers_in_a_row_at_the_same_place_are_one_line(void **state) {
    (void)state;
    expect_text("NUMA: dispatcher on node 1, flow table on node 1\n"
                "     0 to 3: worker on node 1, ring on node 1\n");
    totals[3].numa_node = ctl.numa_node = -1;
    fb_ctl_set_ring_numa_node(&ctl, 0, 0);
    expect_text("NUMA: dispatcher on no single node, flow table on node 1\n"
                "     0: worker on node 1, ring on node 0\n"
                "     1 to 2: worker on node 1, ring on node 1\n"
                "     3: worker on no single node, ring on node 1\n");
}

static void with_one_node_or_none_there_is_no_line(void **state) {
    (void)state;
    ctl.numa_nodes = 1;
    expect_text("");
    ctl.numa_nodes = 0;
    expect_text("");
}

int main(void) {
    fb_log_init("test_report_nodes", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(where_everything_is_is_said_and_what_cannot_be_is_none, two_nodes),
        cmocka_unit_test_setup(workers_in_a_row_at_the_same_place_are_one_line, two_nodes),
        cmocka_unit_test_setup(with_one_node_or_none_there_is_no_line, two_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
