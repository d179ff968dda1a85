/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/main.c, dispatcher/run/run.c: whole runs, from a capture file to
 * the report, as a user starts them. What was delivered is judged by what the
 * inspector `record` wrote.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKETS 40000
#define PACKETS_WORD "40000"
#define MAKE_TRACE "tracegen -o t.pcap --packets " PACKETS_WORD " --flows 700 --ipv6 0.3 --vlan 0.1"

static const char all_wrong_usage[][64] = {
    "flow-balancer run",
    "flow-balancer run -r t.pcap -w none",
    "flow-balancer run -r t.pcap -w 0",
    "flow-balancer run -r t.pcap -w 257",
    "flow-balancer run -r t.pcap --no-such-option",
    "flow-balancer run -r t.pcap --on-full maybe",
    "flow-balancer run -r t.pcap --inspector none",
    "flow-balancer run -r t.pcap --inspector record",
    "flow-balancer run -r t.pcap --inspector digest:x",
    "flow-balancer run -r t.pcap --timeout udp=5",
    "flow-balancer run -r t.pcap -n a/b",
    "flow-balancer run -r t.pcap --wait long",
    "flow-balancer run -r t.pcap --speed fast",
    "flow-balancer run -r t.pcap t2.pcap",
    "flow-balancer run -r t.pcap -i lo",
    "flow-balancer fly",
    "flow-balancer",
    "flow-dispatcher",
    "flow-dispatcher -r t.pcap --ring-bytes 1",
    "flow-worker -k 256",
    "flow-worker --inspector none",
};

static void make_trace(struct test *t, const char *command) {
    assert_int_equal(process_run(t, "%s", command), EXIT_DONE);
}

/* Cuts bytes off the end of a file of the test. */
static void cut(struct test *t, const char *name, off_t bytes) {
    struct stat st;
    assert_int_equal(stat(file_in(t, name), &st), 0);
    assert_int_equal(truncate(file_in(t, name), st.st_size - bytes), 0);
}

static size_t read_file(struct test *t, const char *name, char **bytes) {
    struct stat st;
    assert_int_equal(stat(file_in(t, name), &st), 0);
    *bytes = malloc((size_t)st.st_size);
    FILE *file = fopen(file_in(t, name), "re");
    assert_non_null(file);
    assert_int_equal(fread(*bytes, 1, (size_t)st.st_size, file), st.st_size);
    fclose(file);
    return (size_t)st.st_size;
}

/* What `record` wrote into rec/ has frames 1 to last, and each flow in order. */
static void expect_recorded(struct test *t, uint64_t last) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    expect_frames_once(&records, last);
    expect_flows_in_order(&records, false);
    records_free(&records);
}

/* ---- every packet, once, in order, on its flow's worker */

static void run_whole(struct test *t, unsigned workers) {
    make_trace(t, MAKE_TRACE);
    process_expect(t,
                   process_start(t,
                                 "flow-balancer run -n @ -r t.pcap -w %u --timeout all=never "
                                 "--inspector record:rec --report out.json",
                                 workers),
                   EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, PACKETS);
    assert_int_equal(json_array_size(value_at(report, "workers")), workers);
    assert_int_equal(sum_of_workers(report, "flows"), number_at(report, "flows.created"));
    assert_int_equal(sum_of_workers(report, "self_flow_starts"),
                     number_at(report, "flows.created"));
    assert_int_equal(sum_of_workers(report, "self_flow_ends"), number_at(report, "flows.created"));
    expect_number(report, "flows.ended.shutdown", number_at(report, "flows.created"));
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    assert_int_equal(records.workers, workers);
    assert_int_equal(trace.tuple_count, number_at(report, "flows.created"));
    expect_frames_once(&records, PACKETS);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

static void one_worker_gets_each_frame_once_and_in_order(void **state) {
    run_whole(*state, 1);
}

static void three_workers_get_each_flow_whole_and_each_frame_once(void **state) {
    run_whole(*state, 3);
}

static void eight_workers_get_each_flow_whole_and_each_frame_once(void **state) {
    run_whole(*state, 8);
}

static void eight_workers_and_rings_of_10000_packets_are_the_default(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 2000 --flows 50");
    struct process *run = process_start(t, "flow-balancer run -r t.pcap --report out.json");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    char name[32];
    snprintf(name, sizeof name, "run-%d", (int)run->pid);
    assert_string_equal(text_at(report, "instance"), name);
    assert_string_equal(text_at(report, "schema"), "flow-balancer.report/1");
    assert_string_equal(text_at(report, "policy"), "backlog-share");
    expect_number(report, "geometry.workers", 8);
    expect_number(report, "geometry.depth", 10000);
    expect_all_inspected(report, 2000);
    assert_non_null(strstr(process_output(t, run), "ledger: BALANCED"));
    assert_int_equal(objects_of(name), 0);
}

static void digest_takes_every_packet(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 5000 --flows 50");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --inspector digest:3 "
                                    "--report out.json"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 5000);
}

/* ---- sources */

static void several_files_are_one_run_and_frame_numbers_run_on(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o a.pcap --packets 3000 --flows 50 --seed 1");
    make_trace(t, "tracegen -o b.pcap --packets 2000 --flows 50 --seed 2");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r a.pcap -r b.pcap -w 3 --timeout "
                                    "all=never --inspector record:rec --report out.json"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 5000);
    expect_recorded(t, 5000);
}

static void files_that_follow_a_file_are_read_in_their_order(void **state) {
    struct test *t = *state;
    static const char *const parts[] = {"a", "b", "c"};
    FILE *all = fopen(file_in(t, "t.pcap"), "we");
    assert_non_null(all);
    for (unsigned i = 0; i < 3; i++) {
        char name[16], *bytes;
        make_trace(t, i == 0   ? "tracegen -o a.pcap --packets 500 --flows 50 --seed 1"
                      : i == 1 ? "tracegen -o b.pcap --packets 500 --flows 50 --seed 2"
                               : "tracegen -o c.pcap --packets 500 --flows 50 --seed 3");
        snprintf(name, sizeof name, "%s.pcap", parts[i]);
        size_t size = read_file(t, name, &bytes), skip = i == 0 ? 0 : 24; /* the file header */
        assert_int_equal(fwrite(bytes + skip, 1, size - skip, all), size - skip);
        free(bytes);
    }
    fclose(all);
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r a.pcap b.pcap -w 2 c.pcap --timeout "
                                    "all=never --inspector record:rec --report out.json"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 1500);
    expect_recorded(t, 1500);
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

static void run_looped(struct test *t, const char *more) {
    make_trace(t, "tracegen -o t.pcap --packets 5000 --flows 100");
    process_expect(t,
                   process_start(t,
                                 "flow-balancer run -n @ -r t.pcap --loop 3 -w 3 --timeout "
                                 "all=never --inspector record:rec --report out.json%s",
                                 more),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 15000);
    expect_recorded(t, 15000);
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

static void a_loop_reads_again_and_flows_go_on(void **state) {
    run_looped(*state, "");
}

static void preloaded_loops_give_the_same_as_read_ones(void **state) {
    run_looped(*state, " --preload");
}

static void speed_keeps_to_the_time_stamps(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 1001 --flows 50 --rate 1000");
    process_expect(
        t, process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 2 --report out.json"),
        EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 1001);
    /* A second of trace, twice as fast: later is the machine's fault, earlier is ours. */
    double elapsed_s = json_real_value(value_at(report, "elapsed_s"));
    if (elapsed_s < 0.49)
        fail_msg("a trace of 0.5 s took %f s", elapsed_s);
}

static json_int_t run_filtered(struct test *t, const char *filter) {
    process_expect(t,
                   process_start(t,
                                 "flow-balancer run -n @ -r t.pcap -w 2 --timeout all=never "
                                 "--inspector record:rec --report out.json %s",
                                 filter),
                   EXIT_DONE);
    json_int_t received = number_at(report_of(t, "out.json"), "ledger.received");
    expect_all_inspected(t->report, received);
    expect_recorded(t, (uint64_t)received);
    unlink(file_in(t, "rec/worker-0.tsv"));
    unlink(file_in(t, "rec/worker-1.tsv"));
    return received;
}

static void a_filter_passes_what_it_says_and_frames_count_from_1(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 5000 --flows 100 --udp 0.5");
    FILE *file = fopen(file_in(t, "filter"), "we");
    assert_non_null(file);
    fputs("udp # and what follows here is no part of it\n or icmp\n", file);
    fclose(file);
    json_int_t udp = run_filtered(t, "--bpf udp");
    json_int_t other = run_filtered(t, "--bpf !udp");
    assert_in_range(udp, 1, 4999);
    assert_int_equal(udp + other, 5000);
    assert_int_equal(run_filtered(t, "-F filter"), udp);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --bpf udpp");
    assert_in_range(process_wait(t, run), 1, 2);
    expect_one_line_with(t, run, "udpp");
}

static void a_snapshot_length_cuts_frames_and_says_so(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 1000 --flows 50 --size 200");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 -s 64 --inspector "
                                    "record:rec --report out.json"),
                   EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 1000);
    assert_int_equal(sum_of_workers(report, "bytes"), 64 * 1000);
    struct records records;
    records_read(&records, file_in(t, "rec"));
    for (size_t i = 0; i < records.count; i++)
        assert_true((records.rows[i].flags & RECORD_TRUNCATED) != 0);
    records_free(&records);
}

/* It beats ten times a second: eight times in ten seconds is what even a busy machine leaves. */
static void expect_heartbeats(struct test *t) {
    double last = 0;
    unsigned beats = 0;
    for (double end = seconds_now() + 10.0; beats < 8; pause_ms(20)) {
        if (seconds_now() > end)
            fail_msg("%u heartbeats in 10 s of silence", beats);
        assert_non_null(stat_of(t, t->name));
        double age = json_real_value(value_at(t->report, "dispatcher.heartbeat_age_s"));
        double beat = seconds_now() - age;
        beats += beat - last > 0.05;
        last = beat - last > 0.05 ? beat : last;
    }
}

static void a_silent_pipe_stops_no_housekeeping(void **state) {
    struct test *t = *state;
    char *bytes;
    make_trace(t, "tracegen -o t.pcap --packets 2000 --flows 50 --size 100");
    size_t size = read_file(t, "t.pcap", &bytes);
    struct process *run =
        process_start_piped(t, "flow-balancer run -n @ -r - -w 2 --timeout all=never --inspector "
                               "record:rec --report out.json");
    /* In the middle of the header, between frames, and in the middle of a frame. */
    const size_t stops[] = {10, 24, 24 + 1000 * 116 + 50, size};
    size_t fed = 0;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(process_feed(run, bytes + fed, stops[i] - fed));
        fed = stops[i];
        if (i != 2)
            continue;
        UNTIL(t, stat_number(t, t->name, "ledger.inspected") == 1000);
        expect_heartbeats(t);
        assert_true(worker_is(t, t->name, 0, "ready"));
    }
    free(bytes);
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 2000);
    expect_recorded(t, 2000);
}

/* ---- what flow-stat sees meanwhile */

static void flow_stat_shows_a_run_as_text_and_as_json(void **state) {
    struct test *t = *state;
    char *bytes;
    make_trace(t, "tracegen -o t.pcap --packets 2000 --flows 50");
    size_t size = read_file(t, "t.pcap", &bytes);
    struct process *run =
        process_start_piped(t, "flow-balancer run -n @ -r - -w 3 --report out.json");
    assert_true(process_feed(run, bytes, size));
    free(bytes);
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == 2000);
    const json_t *report = t->report;
    assert_string_equal(text_at(report, "schema"), "flow-balancer.report/1");
    assert_string_equal(text_at(report, "instance"), t->name);
    assert_string_equal(text_at(report, "dispatcher.state"), "running");
    assert_true(json_is_true(value_at(report, "ledger.balanced")));
    assert_int_equal(number_at(report, "workers.2.pid"), process_of_worker(t->name, 2));
    assert_int_equal(number_at(report, "dispatcher.pid"), process_of_dispatcher(t->name));
    struct process *text = process_start(t, "flow-balancer status -n @");
    process_expect(t, text, EXIT_DONE);
    assert_non_null(strstr(process_output(t, text), "geometry: 3 workers of at most 7"));
    assert_non_null(strstr(process_output(t, text), "ledger: BALANCED"));
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 2000);
    assert_null(stat_of(t, t->name));
}

/* ---- full rings */

static void a_slow_inspector_with_tiny_rings_loses_nothing(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 3000 --flows 50 --size 600");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --ring-depth 2 "
                                    "--on-full block --inspector digest:100 --report out.json"),
                   EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 3000);
    assert_int_equal(sum_of_workers(report, "dropped"), 0);
    assert_in_range(number_at(report, "workers.0.max_backlog"), 1, 2);
}

static void drop_mode_counts_each_loss_and_tells_the_flows_next_packet(void **state) {
    struct test *t = *state;
    make_trace(t, MAKE_TRACE);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --ring-depth 2 --on-full drop "
                         "--timeout all=never --inspector record:rec --report out.json");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_drops_logged(t, run, report);
    json_int_t dropped = number_at(report, "ledger.dropped.ring_full");
    assert_in_range(dropped, 1, PACKETS - 1);
    expect_number(report, "ledger.received", PACKETS);
    expect_number(report, "ledger.inspected", PACKETS - dropped);
    assert_int_equal(sum_of_workers(report, "dropped"), dropped);
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    assert_int_equal(records.count, PACKETS - dropped);
    uint64_t told = expect_flows_in_order(&records, true);
    expect_tuples_whole(&records, &trace);
    assert_int_equal(told, sum_of_workers(report, "self_gap_packets"));
    assert_int_equal(told + count_lost_at_ends(&records, &trace), dropped);
    trace_free(&trace);
    records_free(&records);
}

/* ---- what goes wrong */

static void a_file_that_breaks_off_gives_its_frames_and_status_1(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 1000 --flows 50");
    cut(t, "t.pcap", 10);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --timeout all=never --inspector "
                         "record:rec --report out.json");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "t.pcap");
    expect_all_inspected(report_of(t, "out.json"), 999);
    expect_recorded(t, 999);
}

static void a_missing_file_is_one_line_and_1(void **state) {
    struct test *t = *state;
    struct process *run = process_start(t, "flow-balancer run -n @ -r none.pcap --report out.json");
    process_expect(t, run, EXIT_RUNTIME);
    expect_one_line_with(t, run, "none.pcap");
    assert_false(file_exists(t, "out.json"));
    assert_int_equal(objects_of(t->name), 0);
}

static void a_report_that_cannot_be_written_is_known_before_the_run(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 100 --flows 10");
    struct process *run = process_start(
        t, "flow-dispatcher -n @ -w 1 -r t.pcap --report nowhere/out.json --start-timeout 60");
    process_expect(t, run, EXIT_RUNTIME);
    expect_one_line_with(t, run, "nowhere/out.json");
    assert_int_equal(objects_of(t->name), 0);
}

/* What the name leads to is decided before the run: a link that is there then is the user's. */
static void a_link_that_comes_during_the_run_gets_no_report(void **state) {
    struct test *t = *state;
    char *bytes;
    struct stat st;
    make_trace(t, "tracegen -o t.pcap --packets 20 --flows 5");
    size_t size = read_file(t, "t.pcap", &bytes);
    for (unsigned theirs = 0; theirs < 2; theirs++) {
        fclose(fopen(file_in(t, "target"), "we"));
        if (theirs == 0)
            assert_int_equal(symlink("target", file_in(t, "out.json")), 0);
        struct process *run =
            process_start_piped(t, "flow-balancer run -n @ -r - -w 1 --report out.json");
        assert_true(process_feed(run, bytes, size));
        UNTIL(t, stat_number(t, t->name, "ledger.inspected") == 20);
        if (theirs == 1)
            assert_int_equal(symlink("target", file_in(t, "out.json")), 0);
        process_close_input(run);
        process_expect(t, run, EXIT_DONE);
        expect_all_inspected(report_of(t, "out.json"), 20);
        assert_int_equal(stat(file_in(t, "target"), &st), 0);
        assert_true((st.st_size != 0) == (theirs == 0));
        unlink(file_in(t, "out.json"));
    }
    free(bytes);
}

static void a_report_that_cannot_be_printed_is_said(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 100 --flows 10");
    FILE *script = fopen(file_in(t, "run.sh"), "we");
    assert_non_null(script);
    /* The words after it come as its arguments. */
    fputs("exec \"$FB_BUILD/flow-dispatcher\" \"$@\" >/dev/full\n", script);
    fclose(script);
    struct process *run =
        process_start(t, "/bin/sh run.sh -n @ -w 1 -r t.pcap --start-timeout 0.1");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "cannot print the report");
}

static void wrong_usage_is_one_line_and_2(void **state) {
    struct test *t = *state;
    make_trace(t, "tracegen -o t.pcap --packets 10 --flows 5");
    for (size_t i = 0; i < sizeof all_wrong_usage / sizeof *all_wrong_usage; i++) {
        struct process *run = process_start(t, "%s", all_wrong_usage[i]);
        process_expect(t, run, EXIT_WRONG_USAGE);
        expect_one_line_with(t, run, "error: ");
        processes_forget(t);
    }
}

static void help_and_version_are_status_0_everywhere(void **state) {
    struct test *t = *state;
    static const char *const programs[] = {"flow-balancer", "flow-balancer run", "flow-dispatcher",
                                           "flow-worker", "flow-stat"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct process *help = process_start(t, "%s --help", programs[i]);
        process_expect(t, help, EXIT_DONE);
        assert_true(strlen(process_output(t, help)) > 100);
        if (strchr(programs[i], ' ') != NULL)
            continue;
        struct process *version = process_start(t, "%s --version", programs[i]);
        process_expect(t, version, EXIT_DONE);
        assert_non_null(strstr(process_output(t, version), FB_VERSION));
    }
}

static void dash_h_is_help_everywhere(void **state) {
    struct test *t = *state;
    static const char *const commands[] = {"",     "run ",   "start ",   "stop ",   "status ",
                                           "add ", "drain ", "restart ", "reload ", "attach "};
    static const char *const programs[] = {"flow-dispatcher", "flow-worker", "flow-stat"};
    static const char *const scripts[] = {"quickstart", "test", "install-deps", "lint",
                                          "preflight"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct process *help = process_start(t, "flow-balancer %s-h", commands[i]);
        process_expect(t, help, EXIT_DONE);
        assert_true(strlen(process_output(t, help)) > 100);
        processes_forget(t);
    }
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct process *help = process_start(t, "%s -h", programs[i]);
        process_expect(t, help, EXIT_DONE);
        assert_true(strlen(process_output(t, help)) > 100);
    }
    for (size_t i = 0; i < 2 * sizeof scripts / sizeof *scripts; i++) {
        struct process *help =
            process_start(t, "%s/%s %s", t->scripts, scripts[i / 2], i % 2 == 0 ? "-h" : "--help");
        process_expect(t, help, EXIT_DONE);
        assert_true(strlen(process_output(t, help)) > 50);
        assert_string_equal(process_errors(t, help), "");
        processes_forget(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(one_worker_gets_each_frame_once_and_in_order),
        PROCESS_TEST(three_workers_get_each_flow_whole_and_each_frame_once),
        PROCESS_TEST(eight_workers_get_each_flow_whole_and_each_frame_once),
        PROCESS_TEST(eight_workers_and_rings_of_10000_packets_are_the_default),
        PROCESS_TEST(digest_takes_every_packet),
        PROCESS_TEST(several_files_are_one_run_and_frame_numbers_run_on),
        PROCESS_TEST(files_that_follow_a_file_are_read_in_their_order),
        PROCESS_TEST(a_loop_reads_again_and_flows_go_on),
        PROCESS_TEST(preloaded_loops_give_the_same_as_read_ones),
        PROCESS_TEST(speed_keeps_to_the_time_stamps),
        PROCESS_TEST(a_filter_passes_what_it_says_and_frames_count_from_1),
        PROCESS_TEST(a_snapshot_length_cuts_frames_and_says_so),
        PROCESS_TEST(a_silent_pipe_stops_no_housekeeping),
        PROCESS_TEST(flow_stat_shows_a_run_as_text_and_as_json),
        PROCESS_TEST(a_slow_inspector_with_tiny_rings_loses_nothing),
        PROCESS_TEST(drop_mode_counts_each_loss_and_tells_the_flows_next_packet),
        PROCESS_TEST(a_file_that_breaks_off_gives_its_frames_and_status_1),
        PROCESS_TEST(a_missing_file_is_one_line_and_1),
        PROCESS_TEST(a_report_that_cannot_be_written_is_known_before_the_run),
        PROCESS_TEST(a_link_that_comes_during_the_run_gets_no_report),
        PROCESS_TEST(a_report_that_cannot_be_printed_is_said),
        PROCESS_TEST(wrong_usage_is_one_line_and_2),
        PROCESS_TEST(help_and_version_are_status_0_everywhere),
        PROCESS_TEST(dash_h_is_help_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
