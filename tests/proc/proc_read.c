/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/read.c, worker/offline_load.c, worker/main.c: flow-worker --read as it is used to write
 * and debug an inspector. That it is told what a worker is told: proc_read_captures.c.
 */
#include "tests/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define FRAMES 2000u
#define FRAMES_WORD "2000"

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --flows 50 --packets " FRAMES_WORD),
                     EXIT_DONE);
}

/* How many lines of a file begin with these words. */
static unsigned lines_with(const struct test *t, const char *name, const char *words) {
    char line[1024];
    unsigned count = 0;
    FILE *file = fopen(file_in(t, name), "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        count += strncmp(line, words, strlen(words)) == 0;
    fclose(file);
    return count;
}

/* Its standard input has the first bytes of the trace, and stays open. */
static void feed(const struct test *t, struct process *p, size_t bytes) {
    static char text[1 << 22];
    FILE *file = fopen(file_in(t, "t.pcap"), "re");
    assert_non_null(file);
    size_t size = fread(text, 1, bytes < sizeof text ? bytes : sizeof text, file);
    fclose(file);
    assert_true(process_feed(p, text, size));
}

/* ---- to the end */

static void all_inspectors_are_told_and_their_counters_printed(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start(
        t, "flow-worker-fault --read t.pcap --inspector events:events.txt --inspector record:rec");
    process_expect(t, p, EXIT_DONE);
    assert_int_equal(lines_with(t, "rec/worker-0.tsv", ""), FRAMES);
    assert_int_equal(lines_with(t, "events.txt", "packet "), FRAMES);
    assert_int_equal(lines_with(t, "events.txt", "claimed 0 0"), 1);
    assert_int_equal(lines_with(t, "events.txt", "closed"), 1);
    assert_int_equal(lines_with(t, "events.txt", "start "), lines_with(t, "events.txt", "end "));
    expect_said(t, p, "info: t.pcap: 2,000 packets, ");
    expect_said(t, p, "events: packets             2,000\n");
    expect_said(t, p, "events: flow_ends ");
    assert_string_equal(process_output(t, p), "");
}

static void files_follow_each_other_and_may_be_standard_input(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start_piped(
        t, "flow-worker --read t.pcap -r - --inspector record:rec --timeout all=never");
    feed(t, p, SIZE_MAX);
    process_close_input(p);
    process_expect(t, p, EXIT_DONE);
    assert_int_equal(lines_with(t, "rec/worker-0.tsv", ""), 2 * FRAMES);
    expect_said(t, p, "4,000 packets");
}

static void a_filter_and_a_snapshot_length_are_those_of_the_dispatcher(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start(t, "flow-worker-fault --read t.pcap --loop 2 --bpf udp -s 60 "
                                         "--inspector events:events.txt");
    process_expect(t, p, EXIT_DONE);
    unsigned packets = lines_with(t, "events.txt", "packet ");
    assert_in_range(packets, 2, 2 * FRAMES - 2);
    assert_int_equal(packets % 2, 0);
}

static void standard_output_is_the_inspectors(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start(
        t, "flow-worker-fault --read t.pcap --inspector fault:dir,print@1 --log-level error");
    process_expect(t, p, EXIT_DONE);
    assert_string_not_equal(process_output(t, p), "");
    assert_string_equal(process_errors(t, p), "");
}

static void the_read_key_of_a_shared_file_is_not_for_workers(void **state) {
    struct test *t = *state;
    FILE *file = fopen(file_in(t, "fb.conf"), "we");
    assert_non_null(file);
    fputs("read = t.pcap\ntimeout = all=7\norphan-timeout = 0\n", file);
    assert_int_equal(fclose(file), 0);
    struct process *p = process_start(t, "flow-worker -n @ --config fb.conf");
    process_expect(t, p, EXIT_NOTHING_TO_CLAIM);
}

/* ---- what goes wrong */

static void a_file_that_breaks_off_is_inspected_up_to_there(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p =
        process_start_piped(t, "flow-worker-fault -r - --inspector events:events.txt");
    feed(t, p, 100000);
    process_close_input(p);
    process_expect(t, p, EXIT_RUNTIME);
    unsigned packets = lines_with(t, "events.txt", "packet ");
    assert_in_range(packets, 10, FRAMES - 1);
    assert_int_equal(lines_with(t, "events.txt", "start "), lines_with(t, "events.txt", "end "));
    assert_int_equal(lines_with(t, "events.txt", "closed"), 1);
    expect_said(t, p, "error: ");
}

static void a_file_that_is_not_there_is_an_error(void **state) {
    struct test *t = *state;
    struct process *p = process_start(t, "flow-worker --read none.pcap");
    process_expect(t, p, EXIT_RUNTIME);
    expect_one_line_with(t, p, "none.pcap");
    p = process_start(t, "flow-worker --read none.pcap --check");
    process_expect(t, p, EXIT_DONE);
    p = process_start(t, "flow-worker --read none.pcap -k 1");
    process_expect(t, p, EXIT_WRONG_USAGE);
    expect_one_line_with(t, p, "--worker: with --read 'none.pcap'");
}

static void an_inspector_that_fails_ends_it(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start(t, "flow-worker-fault --read t.pcap --inspector "
                                         "fault:dir,fail@7 --inspector events:events.txt");
    process_expect(t, p, EXIT_RUNTIME);
    expect_said(t, p, "inspector fault: it failed at frame 7");
    assert_int_equal(lines_with(t, "events.txt", "packet "), 6);
    assert_int_equal(lines_with(t, "events.txt", "end "), 0);
    assert_int_equal(lines_with(t, "events.txt", "closed"), 1);
}

static void a_crash_is_a_plain_crash(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p =
        process_start(t, "flow-worker-fault --read t.pcap --inspector fault:dir,crash@7");
    assert_int_equal(process_wait(t, p), 128 + SIGABRT); /* there is no ring that it could hit */
}

static void core_dumps_are_as_the_caller_has_them(void **state) {
    struct test *t = *state;
    struct rlimit limit, own;
    assert_int_equal(getrlimit(RLIMIT_CORE, &own), 0);
    struct process *p =
        process_start_piped(t, "flow-worker-fault --read - --inspector events:events.txt");
    UNTIL(t, file_exists(t, "events.txt"));
    assert_int_equal(prlimit(p->pid, RLIMIT_CORE, NULL, &limit), 0);
    assert_int_equal(limit.rlim_cur, own.rlim_cur);
    assert_int_equal(limit.rlim_max, own.rlim_max);
    process_signal(p, SIGTERM);
    process_wait(t, p);
}

/* ---- signals and silence */

static void who_is_asked_to_stop_ends_the_flows_and_leaves(void **state) {
    static const int signals[] = {SIGTERM, SIGINT};
    struct test *t = *state;
    make_trace(t);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct process *p = process_start_piped(
            t, "flow-worker-fault --read - --inspector record:rec%u --inspector events:events.txt",
            i);
        char lines[32];
        snprintf(lines, sizeof lines, "rec%u/worker-0.tsv", i);
        feed(t, p, 100000);
        UNTIL(t, lines_with(t, lines, "") > 10);
        pause_ms(100); /* in which ticks come though no packet does */
        process_signal(p, signals[i]);
        process_expect(t, p, EXIT_DONE);
        process_close_input(p);
        unsigned ends = lines_with(t, "events.txt", "end ");
        assert_int_not_equal(ends, 0);
        assert_int_equal(lines_with(t, "events.txt", "start "), ends);
        assert_int_equal(lines_with(t, "events.txt", "closed"), 1);
        assert_null(strstr(process_errors(t, p), "events: ticks                     0"));
        expect_said(t, p, "events: ticks ");
    }
}

static void a_second_signal_does_not_wait_for_the_ends(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *p = process_start(t, "flow-worker-fault --read t.pcap --inspector "
                                         "fault:dir,slow=300000@%%1 --inspector events:events.txt");
    UNTIL(t, lines_with(t, "dir/worker-0.tsv", "") != 0);
    process_signal(p, SIGTERM);
    pause_ms(50);
    process_signal(p, SIGTERM);
    process_expect(t, p, EXIT_RUNTIME);
    assert_in_range(lines_with(t, "dir/worker-0.tsv", ""), 1, 30);
    assert_int_equal(lines_with(t, "events.txt", "end "), 0);
    assert_int_equal(lines_with(t, "events.txt", "closed"), 1);
    expect_said(t, p, "before its end");
}

static void a_hangup_under_a_supervisor_reloads(void **state) {
    struct test *t = *state;
    struct process *p = process_start_piped(
        t, "flow-worker-fault --read - --inspector events:events.txt --parent %d", (int)getpid());
    UNTIL(t, file_exists(t, "events.txt"));
    while (lines_with(t, "events.txt", "reload") == 0) {
        process_signal(p, SIGHUP);
        pause_ms(20);
    }
    process_signal(p, SIGTERM);
    process_wait(t, p);
}

static void output_that_cannot_be_written_is_waited_for_up_to_a_signal(void **state) {
    struct test *t = *state;
    make_trace(t);
    assert_int_equal(process_run(t, "/usr/bin/env mkdir rec"), EXIT_DONE);
    assert_int_equal(symlink("/dev/full", file_in(t, "rec/worker-0.tsv")), 0);
    struct process *p = process_start(t, "flow-worker --read t.pcap --inspector record:rec");
    UNTIL(t, strstr(process_errors(t, p), "waits until it can") != NULL);
    assert_false(process_ended(t, p));
    process_signal(p, SIGTERM);
    process_expect(t, p, EXIT_RUNTIME);
    expect_said(t, p, "stopped at frame 1, whose output cannot be written");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(all_inspectors_are_told_and_their_counters_printed),
        PROCESS_TEST(files_follow_each_other_and_may_be_standard_input),
        PROCESS_TEST(a_filter_and_a_snapshot_length_are_those_of_the_dispatcher),
        PROCESS_TEST(standard_output_is_the_inspectors),
        PROCESS_TEST(the_read_key_of_a_shared_file_is_not_for_workers),
        PROCESS_TEST(a_file_that_breaks_off_is_inspected_up_to_there),
        PROCESS_TEST(a_file_that_is_not_there_is_an_error),
        PROCESS_TEST(an_inspector_that_fails_ends_it),
        PROCESS_TEST(a_crash_is_a_plain_crash),
        PROCESS_TEST(core_dumps_are_as_the_caller_has_them),
        PROCESS_TEST(who_is_asked_to_stop_ends_the_flows_and_leaves),
        PROCESS_TEST(a_second_signal_does_not_wait_for_the_ends),
        PROCESS_TEST(a_hangup_under_a_supervisor_reloads),
        PROCESS_TEST(output_that_cannot_be_written_is_waited_for_up_to_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
