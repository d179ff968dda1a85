/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_inspectors.c: counters that inspectors name, in JSON and text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/report.h"

static struct fb_ctl ctl;
static struct fb_snapshot snapshot;
static struct fb_worker_totals totals[FB_MAX_WORKERS];

static int set_up(void **state) {
    (void)state;
    memset(totals, 0, sizeof totals);
    ctl.geometry = (struct fb_geometry){.workers = 3, .max_workers = 3};
    return 0;
}

static void count(unsigned worker, const char *name, uint64_t value) {
    struct fb_stats *stats = &totals[worker].stats;
    snprintf(stats->names[stats->count], sizeof stats->names[0], "%s", name);
    stats->values[stats->count++] = value;
}

static json_t *build(void) {
    json_t *report = fb_report_build(&ctl, &snapshot, totals);
    assert_non_null(report);
    return report;
}

static char *print(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_t *report = build();
    assert_non_null(out);
    fb_report_print(out, report);
    fclose(out);
    json_decref(report);
    return text;
}

static const json_t *inspectors_of(const json_t *report, unsigned worker) {
    return json_object_get(json_array_get(json_object_get(report, "workers"), worker),
                           "inspectors");
}

static void expect_json(const json_t *value, const char *expected) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void without_counters_there_is_an_empty_object_and_no_line(void **state) {
    (void)state;
    json_t *report = build();
    expect_json(json_object_get(report, "inspectors"), "{}");
    assert_null(inspectors_of(report, 0));
    json_decref(report);
    char *text = print();
    assert_null(strstr(text, "inspectors"));
    free(text);
}

static void each_worker_has_its_own_and_the_report_the_sums(void **state) {
    (void)state;
    count(0, "ids.alerts", 3);
    count(0, "ports.https", 1000);
    count(0, "ids.flows", 0);
    count(2, "ids.alerts", 4);
    count(2, "new-one.bytes_2", 5);
    json_t *report = build();
    expect_json(inspectors_of(report, 0),
                "{\"ids\":{\"alerts\":3,\"flows\":0},\"ports\":{\"https\":1000}}");
    assert_null(inspectors_of(report, 1));
    expect_json(inspectors_of(report, 2), "{\"ids\":{\"alerts\":4},\"new-one\":{\"bytes_2\":5}}");
    expect_json(json_object_get(report, "inspectors"),
                "{\"ids\":{\"alerts\":7,\"flows\":0},\"ports\":{\"https\":1000},"
                "\"new-one\":{\"bytes_2\":5}}");
    json_decref(report);
    char *text = print();
    assert_non_null(strstr(text, "\ninspectors, all together:\n"
                                 "              7  ids.alerts\n"
                                 "              0  ids.flows\n"
                                 "          1,000  ports.https\n"
                                 "              5  new-one.bytes_2\n"));
    free(text);
}

static void counts_that_are_too_large_stay_at_the_limit(void **state) {
    (void)state;
    count(0, "a.b", UINT64_MAX);
    count(1, "a.b", INT64_MAX);
    count(2, "a.b", 1);
    json_t *report = build();
    expect_json(inspectors_of(report, 0), "{\"a\":{\"b\":9223372036854775807}}");
    expect_json(json_object_get(report, "inspectors"), "{\"a\":{\"b\":9223372036854775807}}");
    json_decref(report);
}

static void all_names_of_all_workers_have_room_and_the_longest_line_fits(void **state) {
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < FB_UP_STATS; i++) {
            char name[FB_STAT_NAME_BYTES];
            snprintf(name, sizeof name, "a23456789012345678901234567-%03u.%031u", k, i);
            count(k, name, i);
        }
    }
    json_t *report = build();
    json_t *sums = json_object_get(report, "inspectors"), *counters;
    const char *name;
    assert_int_equal(json_object_size(sums), 3);
    json_object_foreach(sums, name, counters) {
        assert_int_equal(json_object_size(counters), FB_UP_STATS);
    }
    json_decref(report);
    char *text = print();
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    free(text);
}

static void what_was_left_out_is_said_of_its_worker_alone(void **state) {
    (void)state;
    totals[1].stats.left_out = 12;
    json_t *report = build();
    const json_t *workers = json_object_get(report, "workers");
    assert_null(json_object_get(json_array_get(workers, 0), "inspectors_left_out"));
    expect_json(json_object_get(json_array_get(workers, 1), "inspectors_left_out"), "12");
    json_decref(report);
    char *text = print();
    assert_non_null(strstr(text, "\nworker 1: 12 counters of its inspectors are left out: "));
    assert_null(strstr(text, "worker 0: "));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_counters_there_is_an_empty_object_and_no_line, set_up),
        cmocka_unit_test_setup(each_worker_has_its_own_and_the_report_the_sums, set_up),
        cmocka_unit_test_setup(counts_that_are_too_large_stay_at_the_limit, set_up),
        cmocka_unit_test_setup(all_names_of_all_workers_have_room_and_the_longest_line_fits,
                               set_up),
        cmocka_unit_test_setup(what_was_left_out_is_said_of_its_worker_alone, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
