/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/report/report_build.c, shm/report/report_print.c and shm/report/report_workers.c:
 * what is in a report.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"

/* An instance of two workers in private memory, with a ledger that adds up. */
struct fake {
    struct fb_ctl ctl;
    struct fb_snapshot snapshot;
    struct fb_worker_totals totals[FB_MAX_WORKERS];
};

static void set_up_snapshot(struct fb_snapshot *s) {
    s->run[FB_RUN_RECEIVED] = 1234567;
    s->run[FB_RUN_CAPTURE_RECEIVED] = 1234570;
    s->run[FB_RUN_KERNEL_DROPS] = 3;
    s->run[FB_RUN_BYPASSED] = 10;
    s->run[FB_RUN_PENDING] = 5;
    s->run[FB_RUN_HELD] = 2;
    s->run[FB_RUN_REDELIVERED] = 1;
    s->run[FB_RUN_FLOWS_CREATED] = 900;
    s->run[FB_RUN_FLOWS_ACTIVE] = 100;
    s->run[FB_RUN_FLOWS_PEAK] = 700;
    s->run[FB_RUN_ELAPSED_NS] = UINT64_C(2500000000);
    s->decode[FB_DECODE_OK] = 1234500;
    s->decode[FB_DECODE_TCP_SHORT] = 67;
    s->ended[FB_END_CLOSED] = 800;
    s->dropped[FB_DROP_RING_FULL] = 30;
    s->dropped[FB_DROP_NO_WORKER] = 20;
    s->dropped[FB_DROP_ABANDONED] = 7;
    uint64_t *a = s->lane[0], *b = s->lane[1];
    /* The 7 abandoned packets left ring 0 and count as moved there. */
    a[FB_LANE_ENTERED] = 925007;
    a[FB_LANE_INSPECTED] = 924990;
    a[FB_LANE_REMOVED] = 7;
    a[FB_LANE_WAITING] = 10;
    a[FB_LANE_BYTES] = UINT64_C(601250000);
    a[FB_LANE_MAX_WAITING] = 9999;
    b[FB_LANE_ENTERED] = 309493;
    b[FB_LANE_INSPECTED] = 308330;
    b[FB_LANE_QUARANTINED] = 1;
    b[FB_LANE_WAITING] = 1162;
    b[FB_LANE_RESTARTS] = 2;
}

static struct fake *make_fake(void) {
    struct fake *f = aligned_alloc(FB_APART, sizeof *f);
    assert_non_null(f);
    memset(f, 0, sizeof *f);
    struct fb_ctl *ctl = &f->ctl;
    snprintf(ctl->name, sizeof ctl->name, "fake");
    snprintf(ctl->version, sizeof ctl->version, "0.1.0");
    snprintf(ctl->policy, sizeof ctl->policy, "backlog-share");
    snprintf(ctl->options, sizeof ctl->options, "{\"workers\": 2, \"read\": [\"a.pcap\"]}");
    ctl->geometry = (struct fb_geometry){.workers = 2, .max_workers = 3, .depth = 10000};
    ctl->pid = 4711;
    ctl->started_ns = UINT64_C(1700000000500000000);
    ctl->flow_table_page_kind = FB_PAGES_4K;
    atomic_store(&ctl->links, 2);
    fb_ctl_add_link_type(ctl, 0, 1);
    fb_ctl_add_link_type(ctl, 1, 113);
    for (unsigned k = 0; k < 2; k++) {
        fb_ctl_set_epoch(ctl, k, 1);
        fb_ctl_set_page_kind(ctl, k, FB_PAGES_THP);
        fb_ctl_set_state(ctl, k, FB_STATE_READY);
        fb_ctl_set_pid(ctl, k, 5000 + (int)k);
        f->totals[k].cpu = (int)k;
        f->totals[k].numa_node = -1;
    }
    set_up_snapshot(&f->snapshot);
    f->totals[0].counters[FB_WORKER_PACKETS] = 924990;
    f->totals[1].counters[FB_WORKER_PACKETS] = 308330;
    return f;
}

static json_t *build(const struct fake *f) {
    json_t *report = fb_report_build(&f->ctl, &f->snapshot, f->totals);
    assert_non_null(report);
    return report;
}

/* The value at a path like "ledger.dropped.ring_full" or "workers.1.packets". */
static const json_t *at(const json_t *value, const char *path) {
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    char *rest = copy, *part;
    while (value != NULL && (part = strsep(&rest, ".")) != NULL)
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    if (value == NULL)
        fail_msg("the report has no %s", path);
    return value;
}

static void expect_number(const json_t *report, const char *path, json_int_t expected) {
    const json_t *value = at(report, path);
    if (!json_is_integer(value) || json_integer_value(value) != expected)
        fail_msg("%s is %lld, expected %lld", path, (long long)json_integer_value(value),
                 (long long)expected);
}

static void expect_text(const json_t *report, const char *path, const char *expected) {
    assert_string_equal(json_string_value(at(report, path)), expected);
}

static bool balanced(const struct fake *f) {
    json_t *report = build(f);
    bool result = fb_report_balanced(report);
    assert_int_equal(json_is_true(at(report, "ledger.balanced")), result);
    json_decref(report);
    return result;
}

static char *print(const struct fake *f) {
    json_t *report = build(f);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fb_report_print(out, report);
    fclose(out);
    json_decref(report);
    return text;
}

static void expect_line(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

/* ---- refusals */

static void every_term_of_the_ledger_that_is_off_by_one_is_seen(void **state) {
    (void)state;
    struct fake *f = make_fake();
    struct fb_snapshot *s = &f->snapshot;
    uint64_t *terms[] = {
        &s->run[FB_RUN_RECEIVED],       &s->run[FB_RUN_BYPASSED],
        &s->run[FB_RUN_PENDING],        &s->run[FB_RUN_HELD],
        &s->dropped[FB_DROP_RING_FULL], &s->dropped[FB_DROP_NO_WORKER],
        &s->dropped[FB_DROP_ABANDONED], &s->lane[0][FB_LANE_ENTERED],
        &s->lane[0][FB_LANE_INSPECTED], &s->lane[0][FB_LANE_QUARANTINED],
        &s->lane[0][FB_LANE_REMOVED],   &s->lane[0][FB_LANE_WAITING],
        &s->lane[1][FB_LANE_ENTERED],   &s->lane[1][FB_LANE_WAITING],
        &s->lane[2][FB_LANE_WAITING],
    };
    assert_true(balanced(f));
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        for (int off = -1; off <= 1; off += 2) {
            *terms[i] += (uint64_t)off;
            if (balanced(f))
                fail_msg("term %zu off by %d: the ledger still claims to balance", i, off);
            *terms[i] -= (uint64_t)off;
        }
    }
    assert_true(balanced(f));
    free(f);
}

static void two_errors_that_cancel_in_the_sum_are_seen_in_the_ring(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->snapshot.lane[0][FB_LANE_ENTERED]++;
    f->snapshot.lane[1][FB_LANE_ENTERED]--;
    assert_false(balanced(f));
    f->snapshot.lane[1][FB_LANE_ENTERED]++;
    f->snapshot.run[FB_RUN_RECEIVED]++;
    assert_false(balanced(f));
    free(f);
}

static void packets_lost_between_source_and_ring_are_seen_though_each_ring_adds_up(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->snapshot.lane[0][FB_LANE_ENTERED]--;
    f->snapshot.lane[0][FB_LANE_INSPECTED]--;
    assert_false(balanced(f));
    free(f);
}

static void options_that_are_no_json_object_become_an_empty_one(void **state) {
    (void)state;
    struct fake *f = make_fake();
    const char *bad[] = {"", "{\"a\":", "[1]", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(f->ctl.options, sizeof f->ctl.options, "%s", bad[i]);
        json_t *report = build(f);
        assert_true(json_is_object(at(report, "options")));
        assert_int_equal(json_object_size(at(report, "options")), 0);
        json_decref(report);
    }
    memset(f->ctl.options, '[', sizeof f->ctl.options); /* no final zero, and deep */
    json_decref(build(f));
    free(f);
}

static void values_out_of_range_in_shared_memory_are_cut(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->ctl.geometry.max_workers = f->ctl.geometry.workers = UINT32_MAX;
    f->ctl.flow_table_page_kind = 77;
    atomic_store(&f->ctl.links, UINT32_MAX);
    atomic_store(&f->ctl.run_state, 99);
    atomic_store(&f->ctl.directory[0].state, 1000);
    char escaped[sizeof f->ctl.policy * 4 + 1] = "";
    memset(f->ctl.policy, 0xff, sizeof f->ctl.policy);
    for (size_t i = 0; i < sizeof f->ctl.policy; i++)
        strcat(escaped, "\\xff");
    f->totals[0].counters[FB_WORKER_PACKETS] = UINT64_MAX;
    for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++)
        f->totals[0].latency[i] = UINT64_MAX;
    json_t *report = build(f);
    assert_int_equal(json_array_size(at(report, "workers")), FB_MAX_WORKERS);
    assert_int_equal(json_array_size(at(report, "links")), FB_MAX_LINKS);
    expect_text(report, "hugepages.flow_table", "unknown");
    expect_text(report, "dispatcher.state", "unknown");
    expect_text(report, "workers.0.state", "unknown");
    expect_text(report, "policy", escaped);
    expect_number(report, "workers.0.self_packets", INT64_MAX);
    expect_number(report, "workers.0.latency.samples", INT64_MAX);
    json_decref(report);
    free(print(f));
    free(f);
}

/* ---- what is in it */

static void the_report_has_every_key_of_its_schema(void **state) {
    (void)state;
    struct fake *f = make_fake();
    json_t *report = build(f);
    expect_text(report, "schema", "flow-balancer.report/1");
    expect_text(report, "version", "0.1.0");
    expect_text(report, "instance", "fake");
    expect_text(report, "policy", "backlog-share");
    expect_text(report, "options.read.0", "a.pcap");
    assert_true(json_real_value(at(report, "elapsed_s")) == 2.5);
    assert_true(json_real_value(at(report, "started_s")) == 1700000000.5);
    expect_text(report, "hugepages.down", "thp");
    expect_text(report, "hugepages.flow_table", "4k");
    expect_number(report, "dispatcher.pid", 4711);
    expect_number(report, "links.1", 113);
    expect_number(report, "capture.received", 1234570);
    expect_number(report, "capture.kernel_drops", 3);
    expect_number(report, "capture.interface_drops", 0);
    assert_int_equal(json_array_size(at(report, "capture.interfaces")), 0);
    expect_number(report, "ledger.received", 1234567);
    expect_number(report, "ledger.inspected", 924990 + 308330);
    expect_number(report, "ledger.shunted", 10);
    expect_number(report, "ledger.quarantined", 1);
    expect_number(report, "ledger.in_flight", 10 + 1162 + 5 + 2);
    expect_number(report, "ledger.dropped.ring_full", 30);
    expect_number(report, "ledger.dropped.no_worker", 20);
    expect_number(report, "ledger.dropped.abandoned", 7);
    expect_number(report, "redelivered", 1);
    expect_number(report, "failovers", 0);
    assert_int_equal(json_object_size(at(report, "violations")), 0);
    expect_number(report, "flows.created", 900);
    expect_number(report, "flows.active", 100);
    expect_number(report, "flows.peak", 700);
    json_decref(report);
    free(f);
}

static void every_counter_is_in_the_report_under_the_name_of_its_list(void **state) {
    (void)state;
    struct fake *f = make_fake();
    json_t *report = build(f);
    for (unsigned i = 0; i < FB_DECODE_COUNT; i++)
        expect_number(at(report, "decode"), fb_decode_texts[i].name,
                      (json_int_t)f->snapshot.decode[i]);
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        expect_number(at(report, "flows.ended"), fb_end_texts[i].name,
                      (json_int_t)f->snapshot.ended[i]);
    for (unsigned i = 0; i < FB_RUN_COUNT; i++)
        expect_number(at(report, "run"), fb_run_texts[i].name, (json_int_t)f->snapshot.run[i]);
    for (unsigned i = 0; i < FB_LANE_COUNT; i++)
        expect_number(at(report, "workers.1"), fb_lane_texts[i].name,
                      (json_int_t)f->snapshot.lane[1][i]);
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        expect_number(at(report, "workers.1"), fb_worker_texts[i].name,
                      (json_int_t)f->totals[1].counters[i]);
    json_decref(report);
    free(f);
}

static void a_worker_has_its_number_state_place_and_share(void **state) {
    (void)state;
    struct fake *f = make_fake();
    json_t *report = build(f);
    assert_int_equal(json_array_size(at(report, "workers")), 2); /* the third was never added */
    json_decref(report);
    fb_ctl_set_epoch(&f->ctl, 2, 1);
    report = build(f);
    assert_int_equal(json_array_size(at(report, "workers")), 3);
    expect_number(report, "workers.1.worker", 1);
    expect_number(report, "workers.1.pid", 5001);
    expect_number(report, "workers.1.cpu", 1);
    expect_number(report, "workers.1.numa_node", -1);
    expect_text(report, "workers.1.state", "ready");
    expect_text(report, "workers.2.state", "absent");
    double share = json_real_value(at(report, "workers.1.share"));
    assert_true(share > 0.24999 && share < 0.25001);
    json_decref(report);
    free(f);
}

static void a_worker_that_left_cleanly_is_finished_and_one_that_never_came_is_not(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->ctl.geometry.workers = 3;
    for (unsigned k = 0; k < 3; k++)
        fb_ctl_set_state(&f->ctl, k, FB_STATE_ABSENT);
    f->totals[0].left = true;
    json_t *report = build(f);
    expect_text(report, "workers.0.state", "absent");
    assert_true(json_is_true(at(report, "workers.0.finished")));
    assert_true(json_is_false(at(report, "workers.1.finished")));
    json_decref(report);
    char *text = print(f);
    expect_line(text, "     0 finished       924,990 ");
    expect_line(text, "     1 absent         308,330 ");
    expect_line(text, "     2 absent               0 ");
    free(text);
    /* Its flows wait for the next process: this one left before its work was done. */
    fb_ctl_set_state(&f->ctl, 0, FB_STATE_VACANT);
    report = build(f);
    assert_true(json_is_false(at(report, "workers.0.finished")));
    json_decref(report);
    free(f);
}

static void shares_are_zero_before_the_first_packet(void **state) {
    (void)state;
    struct fake *f = make_fake();
    memset(&f->snapshot, 0, sizeof f->snapshot);
    json_t *report = build(f);
    assert_true(json_real_value(at(report, "workers.0.share")) == 0.0);
    assert_true(fb_report_balanced(report));
    json_decref(report);
    free(f);
}

static void pages_of_several_kinds_are_mixed_and_numbers_never_offered_do_not_count(void **state) {
    (void)state;
    struct fake *f = make_fake();
    json_t *report = build(f);
    expect_text(report, "hugepages.down", "thp");
    json_decref(report);
    fb_ctl_set_page_kind(&f->ctl, 1, FB_PAGES_HUGETLBFS);
    report = build(f);
    expect_text(report, "hugepages.down", "mixed");
    json_decref(report);
    free(f);
}

static void violations_are_named_once_there_are_any(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->snapshot.violations[FB_VIOLATION_FAULT] = 2;
    json_t *report = build(f);
    assert_int_equal(json_object_size(at(report, "violations")), 1);
    expect_number(report, "violations.fault", 2);
    json_decref(report);
    free(f);
}

static void latency_percentiles_are_the_upper_bounds_of_their_buckets(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->totals[0].latency[fb_latency_bucket(1000)] = 98;
    f->totals[0].latency[fb_latency_bucket(50000)] = 1;
    f->totals[0].latency[fb_latency_bucket(3000000)] = 1;
    json_t *report = build(f);
    expect_number(report, "workers.0.latency.samples", 100);
    double p50 = json_real_value(at(report, "workers.0.latency.p50_us"));
    double p99 = json_real_value(at(report, "workers.0.latency.p99_us"));
    double max = json_real_value(at(report, "workers.0.latency.max_us"));
    assert_true(p50 >= 1.0 && p50 <= 1.25);
    assert_true(p99 >= 50.0 && p99 <= 62.5);
    assert_true(max >= 3000.0 && max <= 3750.0);
    assert_true(json_real_value(at(report, "latency.max_us")) == max);
    expect_number(report, "workers.1.latency.samples", 0);
    assert_true(json_real_value(at(report, "workers.1.latency.p99_us")) == 0.0);
    json_decref(report);
    free(f);
}

/* ---- as text */

static void the_text_shows_ledger_flows_and_workers_with_thousands_apart(void **state) {
    (void)state;
    struct fake *f = make_fake();
    char *text = print(f);
    expect_line(text, "instance 'fake', policy backlog-share, 2.500 s\n");
    expect_line(text, "      1,234,570  received ");
    expect_line(text, "              3  kernel_drops ");
    expect_line(text, "              0  interface_drops ");
    assert_null(strstr(text, "interface  state"));
    expect_line(text, "ledger: BALANCED\n");
    expect_line(text, "      1,234,567  received             frames that libpcap delivered\n");
    expect_line(text, "             57  dropped, of these\n");
    expect_line(text, "              7  abandoned");
    expect_line(text, "             67  tcp_short            TCP header cut short\n");
    expect_line(text, "            800  ended, of these\n            800  closed ");
    expect_line(text, "              1  redelivered ");
    expect_line(text, "     0 ready          924,990  75.0% ");
    assert_null(strstr(text, "NOT BALANCED"));
    assert_null(strstr(text, "VIOLATIONS"));
    assert_null(strstr(text, "udp_short"));
    assert_null(strstr(text, "absent")); /* number 2 is beyond -w and was never used */
    assert_null(strstr(text, "itself"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") > 100)
            fail_msg("longer than 100 columns: %.*s", (int)strcspn(line, "\n"), line);
    }
    free(text);
    free(f);
}

static void the_text_shows_where_a_ledger_does_not_add_up(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->snapshot.lane[1][FB_LANE_ENTERED]++;
    char *text = print(f);
    expect_line(text, "ledger: NOT BALANCED, 1,234,568 packets are accounted for\n");
    expect_line(text, "worker 1: 309,494 packets entered its ring, 309,493 are accounted for\n");
    free(text);
    free(f);
}

static void
the_text_shows_a_worker_that_counted_otherwise_unless_its_count_is_partial(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->totals[1].counters[FB_WORKER_PACKETS] = 308300;
    char *text = print(f);
    expect_line(text, "worker 1: counted 308,300 packets itself, the ledger has 308,330\n");
    expect_line(text, "ledger: BALANCED\n");
    free(text);
    f->totals[1].partial = true;
    text = print(f);
    assert_null(strstr(text, "itself"));
    free(text);
    free(f);
}

static void of_a_run_without_packets_the_text_says_how_long_it_has_waited(void **state) {
    (void)state;
    struct fake *f = make_fake();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    f->ctl.started_ns = ((uint64_t)now.tv_sec - 3600) * 1000000000 + (uint64_t)now.tv_nsec;
    memset(&f->snapshot, 0, sizeof f->snapshot);
    json_t *report = build(f);
    assert_true(json_real_value(at(report, "elapsed_s")) == 0);
    double running_s = json_real_value(at(report, "running_s"));
    assert_true(running_s >= 3600 && running_s < 3660);
    json_decref(report);
    char *text = print(f);
    expect_line(text, "policy backlog-share, no packet in 36");
    free(text);
    f->ctl.started_ns = UINT64_MAX; /* the clock was set back */
    report = build(f);
    assert_true(json_real_value(at(report, "running_s")) == 0);
    json_decref(report);
    free(f);
}

/* Buckets are a quarter of their size wide: more digits would be made up. */
static void latencies_are_shown_as_bounds_of_two_digits_rounded_up(void **state) {
    (void)state;
    static const struct {
        uint64_t ns[3];
        const char *line;
    } cases[] = {
        {{3, 90, 250}, "50 % within 3 ns, 99 % within 96 ns, all within 260 ns\n"},
        {{1000, 50000, 3000000}, "50 % within 1.1 us, 99 % within 58 us, all within 3.2 ms\n"},
        {{990, 1400000, 999000000}, "50 % within 1.1 us, 99 % within 1.6 ms, all within 1.1 s\n"},
        {{120000, 900000000, 70000000000},
         "50 % within 140 us, 99 % within 940 ms, all within 86 s\n"},
    };
    struct fake *f = make_fake();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(f->totals[0].latency, 0, sizeof f->totals[0].latency);
        f->totals[0].latency[fb_latency_bucket(cases[i].ns[0])] += 600;
        f->totals[0].latency[fb_latency_bucket(cases[i].ns[1])] += 398;
        f->totals[0].latency[fb_latency_bucket(cases[i].ns[2])] += 2;
        char *text = print(f);
        expect_line(text, cases[i].line);
        free(text);
    }
    free(f);
}

static void the_text_shows_violations(void **state) {
    (void)state;
    struct fake *f = make_fake();
    f->snapshot.violations[FB_VIOLATION_CONSUMED_BACK] = 4;
    char *text = print(f);
    expect_line(text, "VIOLATIONS by workers:\n              4  consumed_back");
    free(text);
    free(f);
}

int main(void) {
    fb_log_init("test_report", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term_of_the_ledger_that_is_off_by_one_is_seen),
        cmocka_unit_test(two_errors_that_cancel_in_the_sum_are_seen_in_the_ring),
        cmocka_unit_test(packets_lost_between_source_and_ring_are_seen_though_each_ring_adds_up),
        cmocka_unit_test(options_that_are_no_json_object_become_an_empty_one),
        cmocka_unit_test(values_out_of_range_in_shared_memory_are_cut),
        cmocka_unit_test(the_report_has_every_key_of_its_schema),
        cmocka_unit_test(every_counter_is_in_the_report_under_the_name_of_its_list),
        cmocka_unit_test(a_worker_has_its_number_state_place_and_share),
        cmocka_unit_test(a_worker_that_left_cleanly_is_finished_and_one_that_never_came_is_not),
        cmocka_unit_test(shares_are_zero_before_the_first_packet),
        cmocka_unit_test(pages_of_several_kinds_are_mixed_and_numbers_never_offered_do_not_count),
        cmocka_unit_test(violations_are_named_once_there_are_any),
        cmocka_unit_test(latency_percentiles_are_the_upper_bounds_of_their_buckets),
        cmocka_unit_test(the_text_shows_ledger_flows_and_workers_with_thousands_apart),
        cmocka_unit_test(the_text_shows_where_a_ledger_does_not_add_up),
        cmocka_unit_test(
            the_text_shows_a_worker_that_counted_otherwise_unless_its_count_is_partial),
        cmocka_unit_test(of_a_run_without_packets_the_text_says_how_long_it_has_waited),
        cmocka_unit_test(latencies_are_shown_as_bounds_of_two_digits_rounded_up),
        cmocka_unit_test(the_text_shows_violations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
