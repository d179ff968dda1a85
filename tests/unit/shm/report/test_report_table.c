/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/report/report_table.c and shm/report/report_balance.c: each counter of
 * counters.h is in the JSON and in the text, without a line for it anywhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/report.h"
#include "shm/report/report_balance.h"
#include "shm/report/report_table.h"

#define RINGS 2u

/* An instance in which each counter has a value of its own, so that none stands for another. */
static struct fb_ctl ctl;
static struct fb_snapshot snapshot;
static struct fb_worker_totals totals[FB_MAX_WORKERS];
static json_t *report;
static char *text;

static void number_all(uint64_t *values, size_t count, uint64_t *next) {
    for (size_t i = 0; i < count; i++)
        values[i] = (*next)++;
}

static int set_up(void **state) {
    (void)state;
    uint64_t next = 1000;
    ctl.geometry = (struct fb_geometry){.workers = RINGS, .max_workers = RINGS};
    number_all(snapshot.run, FB_RUN_COUNT, &next);
    number_all(snapshot.decode, FB_DECODE_COUNT, &next);
    number_all(snapshot.ended, FB_END_COUNT, &next);
    number_all(snapshot.dropped, FB_DROP_COUNT, &next);
    number_all(snapshot.violations, FB_VIOLATION_COUNT, &next);
    number_all(snapshot.fragments, FB_FRAGMENT_COUNT, &next);
    for (unsigned k = 0; k < RINGS; k++) {
        number_all(snapshot.lane[k], FB_LANE_COUNT, &next);
        number_all(totals[k].counters, FB_WORKER_COUNT, &next);
    }
    report = fb_report_build(&ctl, &snapshot, totals);
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (report == NULL || out == NULL)
        return 1;
    fb_report_print(out, report);
    return fclose(out);
}

static int tear_down(void **state) {
    (void)state;
    json_decref(report);
    free(text);
    return 0;
}

/* The value of counter i of a list, that of the rings and of the workers as sums. */
static uint64_t value_of(enum report_list_id list, unsigned i) {
    switch (list) {
    case REPORT_RUN:
        return snapshot.run[i];
    case REPORT_RINGS:
        return snapshot.lane[0][i] + snapshot.lane[1][i];
    case REPORT_SELF:
        return totals[0].counters[i] + totals[1].counters[i];
    case REPORT_DROPPED:
        return snapshot.dropped[i];
    case REPORT_ENDED:
        return snapshot.ended[i];
    case REPORT_DECODE:
        return snapshot.decode[i];
    case REPORT_FRAGMENTS:
        return snapshot.fragments[i];
    default:
        return snapshot.violations[i];
    }
}

/* A line that begins with this number and this name. */
static const char *line_of(uint64_t value, const char *name) {
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, "%15llu  %s ", (unsigned long long)value, name);
    if (value >= 1000)
        snprintf(wanted, sizeof wanted, "%9llu,%03llu  %s ", (unsigned long long)value / 1000,
                 (unsigned long long)value % 1000, name);
    assert_true(n > 0 && (size_t)n < sizeof wanted - 1);
    return strstr(text, wanted);
}

static bool is_own_line(const struct fb_counter_text *counter) {
    return counter->path == NULL || strncmp(counter->path, "workers.", 8) != 0;
}

static void every_counter_is_in_the_json_at_its_path(void **state) {
    (void)state;
    for (unsigned list = 0; list < REPORT_LISTS; list++) {
        for (unsigned i = 0; i < report_lists[list].count; i++) {
            const struct fb_counter_text *counter = &report_lists[list].texts[i];
            const char *object = report_lists[list].object;
            const json_t *at = report_object(report, object, strlen(object));
            at = json_object_get(at, counter->name);
            if (counter->path == NULL && json_integer_value(at) != (json_int_t)value_of(list, i))
                fail_msg("%s is %lld in %s", counter->name, (long long)json_integer_value(at),
                         object);
            if (counter->path == NULL || !is_own_line(counter))
                continue;
            at = report_object(report, counter->path, strlen(counter->path));
            if (!json_is_number(at) || json_number_value(at) == 0)
                fail_msg("%s has no number at %s", counter->name, counter->path);
        }
    }
}

/* But for the time, which is in the first line, and its parts, which have one of their own. */
static void every_counter_has_a_line_or_a_column_in_the_text(void **state) {
    (void)state;
    for (unsigned list = 0; list < REPORT_LISTS; list++) {
        for (unsigned i = 0; i < report_lists[list].count; i++) {
            const struct fb_counter_text *counter = &report_lists[list].texts[i];
            bool is_time =
                counter->path != NULL && (strcmp(counter->path, "elapsed_s") == 0 ||
                                          strncmp(counter->path, "dispatcher.", 11) == 0);
            if (is_time)
                continue;
            if (is_own_line(counter)) {
                if (strstr(text, counter->text) == NULL)
                    fail_msg("no line says '%s' in:\n%s", counter->text, text);
                continue;
            }
            char column[32];
            uint64_t value = snapshot.lane[1][i];
            snprintf(column, sizeof column, " %llu,%03llu", (unsigned long long)value / 1000,
                     (unsigned long long)value % 1000);
            const char *worker = strstr(text, "\n     1 absent");
            assert_non_null(worker);
            if (strstr(worker, column) == NULL)
                fail_msg("%s is no column in:\n%s", counter->name, worker);
        }
    }
}

static void a_line_has_the_number_of_its_counter(void **state) {
    (void)state;
    assert_non_null(line_of(snapshot.run[FB_RUN_STAMPS_HELD], "stamps_held"));
    assert_non_null(line_of(snapshot.decode[FB_DECODE_OK], "ok"));
    assert_non_null(line_of(value_of(REPORT_RINGS, FB_LANE_WAKES), "wakes"));
    assert_non_null(line_of(value_of(REPORT_SELF, FB_WORKER_PARKS), "self_parks"));
}

static void counters_of_one_path_are_added_up_and_shown_as_its_parts(void **state) {
    (void)state;
    uint64_t waiting = value_of(REPORT_RINGS, FB_LANE_WAITING);
    uint64_t in_flight = snapshot.run[FB_RUN_PENDING] + snapshot.run[FB_RUN_HELD] + waiting;
    const json_t *ledger = json_object_get(report, "ledger");
    assert_int_equal(json_integer_value(json_object_get(ledger, "in_flight")), in_flight);
    const char *sum = strstr(text, "  in_flight, of these\n");
    assert_non_null(sum);
    const char *pending = line_of(snapshot.run[FB_RUN_PENDING], "pending");
    const char *held = line_of(snapshot.run[FB_RUN_HELD], "held");
    const char *backlog = line_of(waiting, "backlog");
    assert_true(sum < pending && pending < held && held < backlog);
}

static void no_line_is_longer_than_100_columns_and_no_name_touches_its_sentence(void **state) {
    (void)state;
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") > 100)
            fail_msg("longer than 100 columns: %.*s", (int)strcspn(line, "\n"), line);
    }
    for (unsigned list = 0; list < REPORT_LISTS; list++) {
        for (unsigned i = 0; i < report_lists[list].count; i++)
            assert_in_range(strlen(report_lists[list].texts[i].name), 1, 20);
    }
}

static void the_rows_of_every_section_fit(void **state) {
    (void)state;
    for (const struct report_section *each = report_sections; each->object != NULL; each++) {
        struct report_row rows[REPORT_ROWS_MAX];
        assert_in_range(report_rows(each, NULL, rows), 1, REPORT_ROWS_MAX - 1);
        for (const char *const *key = each->always; key != NULL && *key != NULL; key++)
            assert_string_equal(rows[key - each->always].key, *key);
    }
}

static void what_is_accounted_for_is_what_left_the_rings_or_never_entered_one(void **state) {
    (void)state;
    static struct fb_snapshot s;
    s.lane[0][FB_LANE_ENTERED] = 10;
    s.lane[0][FB_LANE_INSPECTED] = 5;
    s.lane[0][FB_LANE_REMOVED] = 3;
    s.lane[0][FB_LANE_WAITING] = 2;
    s.run[FB_RUN_BYPASSED] = 4;
    s.run[FB_RUN_HELD] = 1;
    s.run[FB_RUN_PENDING] = 2;
    s.dropped[FB_DROP_COUNT - 1] = 6;
    s.run[FB_RUN_RECEIVED] = 20;
    struct report_balance balance = report_balance(&s, 1);
    assert_int_equal(balance.accounted, 20);
    assert_true(balance.balanced);
    s.lane[0][FB_LANE_WAITING] = 3;
    balance = report_balance(&s, 1);
    assert_int_equal(balance.accounted, 20);
    assert_false(balance.balanced);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_in_the_json_at_its_path),
        cmocka_unit_test(every_counter_has_a_line_or_a_column_in_the_text),
        cmocka_unit_test(a_line_has_the_number_of_its_counter),
        cmocka_unit_test(counters_of_one_path_are_added_up_and_shown_as_its_parts),
        cmocka_unit_test(no_line_is_longer_than_100_columns_and_no_name_touches_its_sentence),
        cmocka_unit_test(the_rows_of_every_section_fit),
        cmocka_unit_test(what_is_accounted_for_is_what_left_the_rings_or_never_entered_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
