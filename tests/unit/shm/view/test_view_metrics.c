/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/metrics.c, shm/view/metric_text.c, shm/view/metric_kind.c, shm/view/metric_delay.c: a
 * report as metrics. */
#include "tests/lib/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"

#include "shm/view/metric_kind.h"
#include "shm/view/metric_text.h"
#include "shm/view/metrics.h"

#define WORKERS 2u

struct made {
    struct fb_ctl ctl;
    struct fb_snapshot snapshot;
    struct fb_worker_totals totals[WORKERS];
    json_t *report;
    char *text;
};

static int set_up(void **state) {
    struct made *m = aligned_alloc(FB_APART, sizeof *m);
    assert_non_null(m);
    memset(m, 0, sizeof *m);
    *state = m;
    m->ctl.geometry = (struct fb_geometry){
        .workers = WORKERS, .max_workers = WORKERS, .depth = 100, .max_flows = 1000};
    strcpy(m->ctl.name, "fake");
    strcpy(m->ctl.version, "0.1.0");
    strcpy(m->ctl.policy, "hash");
    m->ctl.started_ns = UINT64_C(1700000000250000000);
    m->ctl.interfaces = 1;
    strcpy(m->ctl.interface_names[0], "eth0");
    return 0;
}

/* The report of what is in *m, and its metrics. */
static void make(struct made *m) {
    json_decref(m->report);
    m->report = fb_report_build(&m->ctl, &m->snapshot, m->totals);
    assert_non_null(m->report);
}

static const char *text_of(struct made *m) {
    size_t size;
    free(m->text);
    m->text = metrics_of("fake", m->report, &size);
    assert_non_null(m->text);
    assert_int_equal(strlen(m->text), size);
    return m->text;
}

static int tear_down(void **state) {
    struct made *m = *state;
    json_decref(m->report);
    free(m->text);
    free(m);
    return 0;
}

/* Fails unless this is a line of the text. */
static void expect_line(const char *text, const char *format, ...) {
    char line[512] = "\n";
    va_list values;
    va_start(values, format);
    vsnprintf(line + 1, sizeof line - 2, format, values);
    va_end(values);
    strcat(line, "\n");
    if (strstr(text, line) == NULL && strncmp(text, line + 1, strlen(line) - 1) != 0)
        fail_msg("no line '%.*s' in:\n%s", (int)strlen(line) - 2, line + 1, text);
}

/* ---- which there are */

static void expect_decided(const enum metric_kind *kinds, const struct fb_counter_text *texts,
                           unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (kinds[i] == METRIC_UNDECIDED)
            fail_msg("'%s' is neither counter nor gauge: say which in metric_kind.c",
                     texts[i].name);
    }
}

static void it_is_decided_of_every_counter_whether_it_only_grows(void **state) {
    (void)state;
    expect_decided(metric_run_kinds, fb_run_texts, FB_RUN_COUNT);
    expect_decided(metric_lane_kinds, fb_lane_texts, FB_LANE_COUNT);
    expect_decided(metric_worker_kinds, fb_worker_texts, FB_WORKER_COUNT);
    expect_decided(metric_interface_kinds, fb_interface_texts, FB_INTERFACE_COUNT);
    expect_decided(metric_fragment_kinds, fb_fragment_texts, FB_FRAGMENT_COUNT);
}

static void expect_list(const char *text, const char *prefix, const struct fb_counter_text *texts,
                        const enum metric_kind *kinds, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        const char *end = kinds[i] == METRIC_COUNTER ? "_total" : "";
        const char *help = texts[i].text;
        char name[64];
        snprintf(name, sizeof name, "%s", texts[i].name);
        char *ns = strstr(name, "_ns");
        if (ns != NULL && ns[3] == '\0') {
            strcpy(ns, "_seconds");
            help += strncmp(help, "nanoseconds", 11) == 0 ? strlen("nano") : 0;
        }
        expect_line(text, "# HELP flow_balancer_%s%s%s %s", prefix, name, end, help);
        expect_line(text, "# TYPE flow_balancer_%s%s%s %s", prefix, name, end,
                    kinds[i] == METRIC_COUNTER ? "counter" : "gauge");
    }
}

static void every_counter_of_the_lists_is_there_with_its_sentence(void **state) {
    struct made *m = *state;
    make(m);
    const char *text = text_of(m);
    expect_list(text, "", fb_run_texts, metric_run_kinds, FB_RUN_COUNT);
    expect_list(text, "worker_", fb_lane_texts, metric_lane_kinds, FB_LANE_COUNT);
    expect_list(text, "worker_", fb_worker_texts, metric_worker_kinds, FB_WORKER_COUNT);
    expect_list(text, "interface_", fb_interface_texts, metric_interface_kinds, FB_INTERFACE_COUNT);
    expect_list(text, "fragments_", fb_fragment_texts, metric_fragment_kinds, FB_FRAGMENT_COUNT);
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        expect_line(
            text, "flow_balancer_packets_total{balancer=\"fake\",fate=\"dropped\",reason=\"%s\"} 0",
            fb_drop_texts[i].name);
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        expect_line(text, "flow_balancer_flows_ended_total{balancer=\"fake\",reason=\"%s\"} 0",
                    fb_end_texts[i].name);
    for (unsigned i = 0; i < FB_DECODE_COUNT; i++)
        expect_line(text, "flow_balancer_frames_decoded_total{balancer=\"fake\",result=\"%s\"} 0",
                    fb_decode_texts[i].name);
    /* The report has no line for what has not happened; a counter begins at zero. */
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++)
        expect_line(text, "flow_balancer_violations_total{balancer=\"fake\",violation=\"%s\"} 0",
                    fb_violation_texts[i].name);
}

/* The format wants all samples of a family together, below one head. */
static void no_family_comes_twice(void **state) {
    struct made *m = *state;
    make(m);
    const char *text = text_of(m);
    for (const char *at = text; (at = strstr(at, "# TYPE ")) != NULL; at++) {
        int length = (int)strcspn(at + 7, " ") + 1;
        char head[128];
        snprintf(head, sizeof head, "# TYPE %.*s", length, at + 7);
        if (strstr(at + 1, head) != NULL)
            fail_msg("%s comes twice", head);
    }
}

static void an_instance_that_is_not_running_is_up_0_and_no_more(void **state) {
    (void)state;
    size_t size;
    char *text = metrics_of("sensor", NULL, &size);
    assert_string_equal(text,
                        "# HELP flow_balancer_up 1 if the instance is running and can be read\n"
                        "# TYPE flow_balancer_up gauge\n"
                        "flow_balancer_up{balancer=\"sensor\"} 0\n");
    free(text);
}

/* ---- values */

static void numbers_are_those_of_the_report(void **state) {
    struct made *m = *state;
    struct fb_snapshot *s = &m->snapshot;
    s->run[FB_RUN_RECEIVED] = 31;
    s->run[FB_RUN_ELAPSED_NS] = UINT64_C(12345678901234567);
    s->run[FB_RUN_FLOWS_ACTIVE] = 250;
    s->dropped[FB_DROP_RING_FULL] = 7;
    s->lane[1][FB_LANE_INSPECTED] = 24;
    s->interface[0][FB_INTERFACE_KERNEL_DROPS] = 5;
    s->violations[FB_VIOLATION_FAULT] = 2;
    fb_ctl_set_state(&m->ctl, 1, FB_STATE_READY);
    make(m);
    const char *text = text_of(m);
#define AT_FAKE "{balancer=\"fake\""
    expect_line(text, "flow_balancer_up" AT_FAKE "} 1");
    expect_line(text, "flow_balancer_build_info" AT_FAKE ",version=\"0.1.0\",policy=\"hash\"} 1");
    expect_line(text, "flow_balancer_start_time_seconds" AT_FAKE "} 1700000000.25");
    expect_line(text, "flow_balancer_received_total" AT_FAKE "} 31");
    expect_line(text, "flow_balancer_elapsed_seconds" AT_FAKE "} 12345678.901234567");
    expect_line(text, "flow_balancer_packets_total" AT_FAKE ",fate=\"inspected\"} 24");
    expect_line(text,
                "flow_balancer_packets_total" AT_FAKE ",fate=\"dropped\",reason=\"ring_full\"} 7");
    expect_line(text, "flow_balancer_worker_packets_total" AT_FAKE ",worker=\"1\"} 24");
    expect_line(text, "flow_balancer_worker_state" AT_FAKE ",worker=\"1\",state=\"ready\"} 1");
    expect_line(text, "flow_balancer_workers" AT_FAKE ",state=\"ready\"} 1");
    expect_line(text, "flow_balancer_workers" AT_FAKE ",state=\"absent\"} 1");
    expect_line(text,
                "flow_balancer_interface_kernel_drops_total" AT_FAKE ",interface=\"eth0\"} 5");
    expect_line(text, "flow_balancer_violations_total" AT_FAKE ",violation=\"fault\"} 2");
    expect_line(text, "flow_balancer_flow_table_fill_ratio" AT_FAKE "} 0.25");
    expect_line(text, "flow_balancer_ledger_balanced" AT_FAKE "} 0");
}

static void what_a_worker_makes_up_stays_a_number(void **state) {
    struct made *m = *state;
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        m->totals[0].counters[i] = UINT64_MAX;
    make(m);
    const char *text = text_of(m);
    expect_line(text, "flow_balancer_worker_self_packets_total" AT_FAKE ",worker=\"0\"} %" PRId64,
                INT64_MAX);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "-9"));
}

static void labels_and_sentences_are_escaped(void **state) {
    struct made *m = *state;
    strcpy(m->ctl.interface_names[0], "a\"b\\c\nd");
    make(m);
    expect_line(text_of(m), "flow_balancer_interface_state" AT_FAKE
                            ",interface=\"a\\\"b\\\\c\\nd\",state=\"up\"} 1");
    char *made = NULL;
    size_t size;
    struct metric_text text = {.out = open_memstream(&made, &size), .balancer = "x"};
    metric_family(&text, "none", "gauge", "without a sample");
    metric_family(&text, "odd", "gauge", "a \"b\" \\ c\nd");
    metric_integer(&text, METRIC_NO_LABELS, -1);
    fclose(text.out);
    assert_string_equal(made, "# HELP flow_balancer_odd a \"b\" \\\\ c\\nd\n"
                              "# TYPE flow_balancer_odd gauge\n"
                              "flow_balancer_odd{balancer=\"x\"} -1\n");
    free(made);
}

static void what_inspectors_name_has_their_names_as_labels(void **state) {
    struct made *m = *state;
    make(m);
    json_t *worker = json_array_get(json_object_get(m->report, "workers"), 1);
    json_object_set_new(
        worker, "inspectors",
        json_pack("{s:{s:i}, s:{s:i}}", "ids", "alerts", 7, "eve-file", "dropped", 3));
    const char *text = text_of(m);
    expect_line(text, "flow_balancer_inspector_total" AT_FAKE
                      ",worker=\"1\",inspector=\"ids\",counter=\"alerts\"} 7");
    expect_line(text, "flow_balancer_inspector_total" AT_FAKE
                      ",worker=\"1\",inspector=\"eve-file\",counter=\"dropped\"} 3");
}

/* ---- what a report may have besides */

static void waiting_times_are_histograms_with_the_same_bounds(void **state) {
    struct made *m = *state;
    make(m);
    json_object_del(m->report, "delays");
    json_object_del(m->report, "workers");
    assert_null(strstr(text_of(m), "_seconds_bucket"));
    make(m);
    /* Below the first bound, on it, just beyond, and beyond all. */
    json_t *delay = json_pack("{s:i, s:f, s:[[i,i],[i,i],[i,i],[I,i]]}", "samples", 15, "sum_s",
                              1.5, "buckets", 3, 1, 1024, 2, 1280, 4, INT64_C(5000000000), 8);
    json_object_set_new(m->report, "delays", json_pack("{s:O}", "capture_to_dispatch", delay));
    json_object_set_new(json_array_get(json_object_get(m->report, "workers"), 0), "latency", delay);
    const char *text = text_of(m);
    static const char *const families[] = {
        "flow_balancer_capture_delay_seconds_%s{balancer=\"fake\"%s} %s",
        "flow_balancer_worker_latency_seconds_%s{balancer=\"fake\",worker=\"0\"%s} %s"};
    static const char *const parts[][3] = {{"bucket", ",le=\"1.024e-06\"", "3"},
                                           {"bucket", ",le=\"2.048e-06\"", "7"},
                                           {"bucket", ",le=\"4.294967296\"", "7"},
                                           {"bucket", ",le=\"+Inf\"", "15"},
                                           {"sum", "", "1.5"},
                                           {"count", "", "15"}};
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            char line[256];
            snprintf(line, sizeof line, families[f], parts[i][0], parts[i][1], parts[i][2]);
            expect_line(text, "%s", line);
        }
    }
    expect_line(text, "# TYPE flow_balancer_capture_delay_seconds histogram");
}

static void a_histogram_whose_sum_does_not_fit_still_grows(void **state) {
    struct made *m = *state;
    make(m);
    json_object_set_new(m->report, "delays",
                        json_pack("{s:{s:[[i,I],[i,I]]}}", "capture_to_dispatch", "buckets", 1,
                                  INT64_MAX, 2000000, INT64_MAX));
    const char *text = text_of(m);
    expect_line(text, "flow_balancer_capture_delay_seconds_count" AT_FAKE "} %" PRId64, INT64_MAX);
    expect_line(text, "flow_balancer_capture_delay_seconds_bucket" AT_FAKE ",le=\"+Inf\"} %" PRId64,
                INT64_MAX);
}

static void pairs_of_interfaces_are_labels_and_flows_are_none(void **state) {
    struct made *m = *state;
    make(m);
    json_object_set_new(json_object_get(m->report, "capture"), "pairs",
                        json_pack("[{s:s,s:n,s:i,s:i,s:i}]", "forward", "eth0", "reverse", "flows",
                                  9, "one_sided", 4, "guessed", 1));
    json_object_set_new(m->report, "largest_flows", json_pack("[{s:s}]", "key", "unbounded"));
    const char *text = text_of(m);
    expect_line(text,
                "flow_balancer_pair_one_sided_total" AT_FAKE ",forward=\"eth0\",reverse=\"\"} 4");
    assert_null(strstr(text, "unbounded"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    fb_log_init("test_view_metrics", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_decided_of_every_counter_whether_it_only_grows),
        TEST(every_counter_of_the_lists_is_there_with_its_sentence),
        TEST(no_family_comes_twice),
        cmocka_unit_test(an_instance_that_is_not_running_is_up_0_and_no_more),
        TEST(numbers_are_those_of_the_report),
        TEST(what_a_worker_makes_up_stays_a_number),
        TEST(labels_and_sentences_are_escaped),
        TEST(what_inspectors_name_has_their_names_as_labels),
        TEST(waiting_times_are_histograms_with_the_same_bounds),
        TEST(a_histogram_whose_sum_does_not_fit_still_grows),
        TEST(pairs_of_interfaces_are_labels_and_flows_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
