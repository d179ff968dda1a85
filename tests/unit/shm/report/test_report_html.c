/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/report/report_html.c, shm/report/html_head.c, shm/report/html_course.c,
 * shm/report/html_workers.c, shm/report/html_wait.c, shm/report/html_tables.c and
 * shm/report/html_style.c: a report and a history as a page.
 */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/report_html.h"

#include "tests/lib/well_formed.h"

#define TIME 1700000000.0
#define HOSTILE "</title><script>alert(\"x\")</script>&'\x1b[31m\u202e"

static char *page_of(const json_t *report, const json_t *history) {
    char *page = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    assert_non_null(out);
    assert_int_equal(fb_report_print_html(out, report, history, TIME), 0);
    assert_int_equal(fclose(out), 0);
    expect_well_formed(page);
    return page;
}

static void expect_in(const char *page, const char *part) {
    if (strstr(page, part) == NULL)
        fail_msg("the page has no '%s'", part);
}

static void expect_not_in(const char *page, const char *part) {
    const char *found = strstr(page, part);
    if (found != NULL)
        fail_msg("the page has '%.80s'", found);
}

static unsigned count_of(const char *page, const char *part) {
    unsigned count = 0;
    for (const char *at = page; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* A run of so many workers, of 10 s, of which all packets were inspected. */
static json_t *make_report(unsigned workers) {
    json_t *report = json_pack(
        "{s:s, s:s, s:s, s:f, s:f, s:{s:s}, s:{s:i, s:i}, s:{s:i, s:i, s:{}, s:b, s:i}, s:[]}",
        "schema", "flow-balancer.report/1", "instance", "sensor", "version", "9.8.7", "elapsed_s",
        9.5, "running_s", 10.0, "dispatcher", "state", "ended", "geometry", "workers", workers,
        "depth", 10000, "ledger", "received", 1234567, "inspected", 1234567, "dropped", "balanced",
        1, "accounted", 1234567, "workers");
    assert_non_null(report);
    for (unsigned k = 0; k < workers; k++) {
        json_t *worker = json_pack("{s:i, s:s, s:i, s:i, s:f, s:i, s:{s:i, s:f, s:f, s:f}}",
                                   "worker", k, "state", "ready", "pid", 5000 + k, "packets",
                                   1000 + k, "share", 0.5, "max_backlog", 100 + k, "latency",
                                   "samples", 10, "p50_us", 8.2, "p99_us", 120.0, "max_us", 900.0);
        assert_non_null(worker);
        json_array_append_new(json_object_get(report, "workers"), worker);
    }
    return report;
}

static json_t *make_history(unsigned samples, unsigned workers) {
    json_t *history = json_pack("{s:s, s:f, s:[], s:[]}", "schema", "flow-balancer.history/1",
                                "interval_s", 1.0, "samples", "events");
    for (unsigned i = 1; i <= samples; i++) {
        json_t *sample = json_pack("{s:f, s:i, s:i, s:[]}", "time", TIME - 10 + i, "inspected",
                                   i * 1000, "in_flight", i, "workers");
        for (unsigned k = 0; k < workers; k++)
            json_array_append_new(
                json_object_get(sample, "workers"),
                json_pack("{s:i, s:i, s:i}", "worker", k, "packets", i * (k + 1), "backlog", k));
        json_array_append_new(json_object_get(history, "samples"), sample);
    }
    return history;
}

static void add_event(json_t *history, double time, const char *severity, const char *text) {
    json_array_append_new(json_object_get(history, "events"),
                          json_pack("{s:f, s:s, s:s, s:i, s:s}", "time", time, "event",
                                    "worker_died", "severity", severity, "worker", 1, "text",
                                    text));
}

/* Sets what is at a path of one dot or two. */
static void set(json_t *report, const char *object, const char *key, json_int_t value) {
    json_t *at = report;
    const char *dot = strchr(object, '.');
    if (dot != NULL) {
        at = json_object_getn(at, object, (size_t)(dot - object));
        object = dot + 1;
    }
    if (json_object_get(at, object) == NULL)
        json_object_set_new(at, object, json_object());
    json_object_set_new(json_object_get(at, object), key, json_integer(value));
}

/* ---- what is in it */

static void a_healthy_run_is_one_sentence(void **state) {
    (void)state;
    json_t *report = make_report(2), *history = make_history(9, 2);
    char *page = page_of(report, history);
    expect_in(page, "Every packet is accounted for; 0 lost.");
    expect_in(page, "<h1>sensor</h1>");
    expect_in(page, "9.8.7");
    expect_in(page, "<b>1,234,567</b>");
    expect_in(page, "Packets a second by fate");
    expect_not_in(page, "Packets a second that were lost");
    expect_in(page, "<th scope=\"row\">1</th><td class=\"text\">ready</td><td>5001</td>");
    expect_in(page, "<td>8.2 \u00b5s</td><td>120 \u00b5s</td>");
    free(page);
    json_decref(report);
    json_decref(history);
}

static void a_loss_is_said_with_its_place(void **state) {
    (void)state;
    json_t *report = make_report(2);
    set(report, "ledger", "inspected", 1234000);
    set(report, "ledger.dropped", "ring_full", 500);
    set(report, "ledger.dropped", "no_worker", 60);
    set(report, "ledger", "quarantined", 7);
    set(report, "capture", "kernel_drops", 1000);
    json_t *worker = json_array_get(json_object_get(report, "workers"), 1);
    json_object_set_new(worker, "dropped", json_integer(490));
    worker = json_array_get(json_object_get(report, "workers"), 0);
    json_object_set_new(worker, "dropped", json_integer(10));
    char *page = page_of(report, NULL);
    expect_in(page, "Every packet is accounted for; 1,567 of 1,235,567 lost (0.1 %): 500 because "
                    "the ring of their worker was full, 98.0 % of them worker 1's; 60 because no "
                    "worker was alive; 7 quarantined, because two processes died on each; 1,000 by "
                    "the kernel, because its capture buffer was full.");
    expect_not_in(page, "0 lost");
    expect_in(page, "dropped: no worker <b>60</b>");
    free(page);
    json_decref(report);
}

static void a_ledger_that_does_not_balance_and_a_death_are_said_first(void **state) {
    (void)state;
    json_t *report = make_report(1);
    json_object_set_new(json_object_get(report, "ledger"), "balanced", json_false());
    set(report, "ledger", "accounted", 1234560);
    set(report, "ledger", "in_flight", 12);
    json_object_set_new(json_object_get(report, "dispatcher"), "state", json_string("died"));
    char *page = page_of(report, NULL);
    expect_in(page, "The ledger does not balance: 1,234,560 of 1,234,567 packets");
    expect_in(page, " 12 are still under way.");
    expect_in(page, "The dispatcher died: this is its last snapshot");
    expect_in(page, "ledger: NOT BALANCED");
    expect_not_in(page, "Every packet is accounted for");
    free(page);
    json_decref(report);
}

static void events_are_marks_and_a_list_with_the_same_numbers(void **state) {
    (void)state;
    json_t *report = make_report(2), *history = make_history(9, 2);
    add_event(history, TIME - 8, "info", "worker 1 is ready");
    add_event(history, TIME - 3, "error", "worker 1 died");
    char *page = page_of(report, history);
    expect_in(page, "<text class=\"mark error\" x=\"70.00%\" y=\"-7\">2</text>");
    expect_in(page, "<td class=\"error\"><span class=\"number\">2</span></td>");
    expect_in(page, "<td class=\"text\">worker 1 died</td>");
    free(page);
    json_decref(report);
    json_decref(history);
}

static void what_other_versions_measure_is_shown_where_it_is_there(void **state) {
    (void)state;
    json_t *report = make_report(1);
    char *page = page_of(report, NULL);
    expect_not_in(page, "Largest flows");
    expect_not_in(page, "capture to dispatch");
    free(page);
    json_object_set_new(report, "delays",
                        json_pack("{s:{s:i,s:f,s:f,s:f,s:f}}", "capture_to_dispatch", "samples", 5,
                                  "p50_us", 10.0, "p90_us", 20.0, "p99_us", 30.0, "max_us", 40.0));
    json_object_set_new(report, "largest_flows",
                        json_pack("[{s:s,s:i,s:s,s:i,s:s,s:i,s:i,s:i,s:f,s:b}]", "src_ip",
                                  "2001:db8::1", "src_port", 443, "dest_ip", "192.0.2.7",
                                  "dest_port", 5000, "proto", "TCP", "worker", 3, "packets", 77000,
                                  "bytes", 5000000, "share", 0.25, "ended", 0));
    set(report, "capture", "received", 1);
    json_object_set_new(json_object_get(report, "capture"), "pairs",
                        json_pack("[{s:s,s:n,s:i,s:i,s:i}]", "forward", "eth0", "reverse", "flows",
                                  12, "one_sided", 11, "guessed", 2));
    page = page_of(report, NULL);
    expect_in(page, "capture to dispatch</th><td>5</td><td>10 \u00b5s</td><td>20 \u00b5s</td>");
    expect_in(page, "[2001:db8::1]:443 \u2192 192.0.2.7:5000");
    expect_in(page, "<td>77,000</td><td>5 MB</td><td>25.0 %</td>");
    expect_not_in(page, "Busiest flows now");
    expect_in(page, "eth0</th><td class=\"text\">none</td><td>12</td><td>11</td><td>2</td>");
    free(page);
    json_decref(report);
}

static void busy_flows_are_those_of_a_run_that_goes_on(void **state) {
    (void)state;
    json_t *report = make_report(1);
    json_object_set_new(report, "busiest_flows",
                        json_pack("[{s:s,s:s,s:s,s:n,s:i}]", "src_mac", "02:00:00:00:00:01",
                                  "dest_mac", "02:00:00:00:00:02", "proto", "ethertype 0x0806",
                                  "worker", "packets_per_s", 4321));
    char *page = page_of(report, NULL);
    expect_not_in(page, "Busiest flows now");
    free(page);
    set(report, "flows", "active", 3);
    page = page_of(report, NULL);
    expect_in(page, "Busiest flows now");
    expect_in(page, "02:00:00:00:00:01 \u2192 02:00:00:00:00:02");
    expect_in(page, "<td>4,321</td>");
    free(page);
    json_decref(report);
}

static void of_many_events_the_routine_ones_are_folded(void **state) {
    (void)state;
    json_t *report = make_report(1), *history = make_history(9, 1);
    for (unsigned i = 0; i < 500; i++)
        add_event(history, TIME - 9 + i / 100.0, i == 300 ? "warning" : "info", "an event");
    char *page = page_of(report, history);
    expect_in(page, "The last 400 of 500.");
    expect_in(page, "<summary>All 400 events</summary>");
    assert_int_equal(count_of(page, "<td class=\"text\">an event</td>"), 401);
    assert_true(strstr(page, "<span class=\"number\">201</span>") < strstr(page, "<summary>All"));
    free(page);
    json_decref(report);
    json_decref(history);
}

static void of_many_workers_the_worst_have_graphs_and_all_are_in_the_table(void **state) {
    (void)state;
    json_t *report = make_report(256), *history = make_history(9, 256);
    json_object_set_new(json_array_get(json_object_get(report, "workers"), 77), "dropped",
                        json_integer(5));
    char *page = page_of(report, history);
    assert_int_equal(count_of(page, "<figure>"), 13);
    expect_in(page, "<figcaption>Worker 77 ");  /* dropped */
    expect_in(page, "<figcaption>Worker 255 "); /* the longest backlog */
    expect_not_in(page, "<figcaption>Worker 3 ");
    expect_in(page, "<figcaption>244 others ");
    assert_true(strstr(page, "Worker 77 ") < strstr(page, "Worker 255 "));
    assert_int_equal(count_of(page, "<td class=\"text\">ready</td>"), 256);
    assert_true(strlen(page) < 200000);
    free(page);
    json_decref(report);
    json_decref(history);
}

/* ---- what it must not do */

static void hostile_texts_are_only_text(void **state) {
    (void)state;
    json_t *report = make_report(1), *history = make_history(9, 1);
    static const char *const words[] = {"instance", "version", "policy"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        json_object_set_new(report, words[i], json_string(HOSTILE));
    json_object_set_new(json_object_get(report, "dispatcher"), "state", json_string(HOSTILE));
    json_object_set_new(json_array_get(json_object_get(report, "workers"), 0), "state",
                        json_string(HOSTILE));
    json_object_set_new(report, "options", json_pack("{s:[s,s]}", HOSTILE, HOSTILE, "\xc3\xa4"));
    json_object_set_new(report, "inspectors", json_pack("{s:{s:i}}", HOSTILE, HOSTILE, 3));
    json_object_set_new(report, "largest_flows",
                        json_pack("[{s:s,s:s,s:s,s:s}]", "src_ip", HOSTILE, "dest_ip", HOSTILE,
                                  "proto", HOSTILE, "worker", HOSTILE));
    json_object_set_new(report, "capture",
                        json_pack("{s:[{s:s,s:s}],s:[{s:s,s:s}]}", "interfaces", "name", HOSTILE,
                                  "state", HOSTILE, "pairs", "forward", HOSTILE, "reverse",
                                  HOSTILE));
    add_event(history, TIME - 3, HOSTILE, HOSTILE);
    /* What jansson would refuse to read, and what ends a string of C. */
    json_object_set_new(report, "hugepages",
                        json_pack("{s:o,s:o}", "down", json_stringn_nocheck("\xff\xc0\xbc", 3),
                                  "flow_table", json_stringn("a\0b", 3)));
    char *page = page_of(report, history);
    expect_not_in(page, "<script");
    expect_not_in(page, "\x1b");
    expect_not_in(page, "\u202e");
    expect_in(page, "&lt;/title&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;"
                    "\\x1b[31m\\u{202e}");
    expect_in(page, "\\xff\\xc0\\xbc");
    expect_in(page, "a\\x00b");
    expect_in(page, "<td class=\"info\">"); /* a severity that there is not */
    free(page);
    json_decref(report);
    json_decref(history);
}

/* Everything of a wrong type, and numbers that cannot be. */
static void any_json_gives_a_whole_page(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"workers\": 7, \"ledger\": [], \"capture\": \"x\", \"options\": 3, \"latency\": []}",
        "{\"running_s\": 1e300, \"elapsed_s\": -1e300, \"workers\": [7, null, {\"worker\": 1e300},"
        " {\"worker\": -1, \"latency\": {\"samples\": 9e18, \"p50_us\": 1e300, \"max_us\": -1}}],"
        " \"geometry\": {\"workers\": -9223372036854775808},"
        " \"ledger\": {\"received\": 9223372036854775807, \"dropped\": {\"ring_full\": 1e300}}}",
        "{\"interval_s\": -1, \"samples\": 7, \"events\": {\"a\": 1}}",
        "{\"interval_s\": 1e-300, \"samples\": [[], {}, {\"time\": 1e300, \"inspected\": 1e300}],"
        " \"events\": [1, {}, {\"time\": -1e300, \"worker\": 1e300, \"severity\": 7}]}",
        "{\"samples\": [{\"time\": 1699999998}, {\"time\": 1699999999, \"in_flight\": 1e308,"
        " \"inspected\": 1e308, \"workers\": [{\"worker\": 255, \"backlog\": 1e308}]}]}",
    };
    unsigned count = sizeof texts / sizeof *texts;
    for (unsigned i = 0; i < count * count; i++) {
        json_t *report = json_loads(texts[i % count], 0, NULL);
        json_t *history = json_loads(texts[i / count], 0, NULL);
        assert_true(report != NULL && history != NULL);
        char *page = page_of(report, history);
        expect_in(page, "<h2>Configuration</h2>");
        expect_not_in(page, "nan");
        expect_not_in(page, "inf\"");
        free(page);
        json_decref(report);
        json_decref(history);
    }
}

static void nothing_is_fetched_and_nothing_is_run(void **state) {
    (void)state;
    json_t *report = make_report(16), *history = make_history(9, 16);
    add_event(history, TIME - 3, "warning", "worker 1 died");
    char *page = page_of(report, history);
    static const char *const never[] = {"http", " src=",   "@import", "<link", "<script",
                                        "<img", "<iframe", "url(\"",  "url('", "//"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        expect_not_in(page, never[i]);
    assert_int_equal(count_of(page, "url("), count_of(page, "url(#p-")); /* a part of the page */
    free(page);
    json_decref(report);
    json_decref(history);
}

int main(void) {
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_run_is_one_sentence),
        cmocka_unit_test(a_loss_is_said_with_its_place),
        cmocka_unit_test(a_ledger_that_does_not_balance_and_a_death_are_said_first),
        cmocka_unit_test(events_are_marks_and_a_list_with_the_same_numbers),
        cmocka_unit_test(what_other_versions_measure_is_shown_where_it_is_there),
        cmocka_unit_test(busy_flows_are_those_of_a_run_that_goes_on),
        cmocka_unit_test(of_many_events_the_routine_ones_are_folded),
        cmocka_unit_test(of_many_workers_the_worst_have_graphs_and_all_are_in_the_table),
        cmocka_unit_test(hostile_texts_are_only_text),
        cmocka_unit_test(any_json_gives_a_whole_page),
        cmocka_unit_test(nothing_is_fetched_and_nothing_is_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
