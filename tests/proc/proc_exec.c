/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/exec.c with real programs: what they are given adds up to the trace. The child
 * is mostly cat(1), which keeps nothing. Deaths are in proc_exec_ends.c.
 */
#include "tests/lib/doors.h"
#include "tests/lib/feed.h"
#include "tests/lib/life.h"
#include "tests/lib/passed.h"
#include "tests/lib/plugins.h"

#define CAT "exec:cat"
#define PARTS "--exec-output part-%k-%r.pcap"

/* ---- what they are given */

static void the_union_of_the_outputs_is_the_trace(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    for (unsigned workers = 1; workers <= 2; workers++) {
        char options[128];
        snprintf(options, sizeof options, "-w %u --exec-output n%u-%%k-%%r.pcap", workers, workers);
        process_expect(t, start_door(t, CAT, options), EXIT_DONE);
        const json_t *report = expect_door_inspected(t);
        assert_int_equal(counter_of(report, "exec.packets"), DOOR_PACKETS);
        assert_int_equal(counter_of(report, "exec.output_lost"), 0);
        assert_int_equal(counter_of(report, "exec.children"), workers);
        expect_passed_whole(t, "", workers == 1 ? "n1" : "n2");
    }
}

static void tcpdump_reads_its_part(void **state) {
    struct test *t = *state;
    if (system("command -v tcpdump >/dev/null") != 0)
        SKIP("tcpdump is not installed");
    make_door_trace(t);
    process_expect(t, start_door(t, "exec:tcpdump -Z root -U -r - -w part-%k-%r.pcap", "-w 2"),
                   EXIT_DONE);
    expect_door_inspected(t);
    expect_passed_whole(t, "", "part");
}

static void each_link_type_has_a_child(void **state) {
    struct test *t = *state;
    struct feed feed;
    feed_open(&feed, t, "ether.pcap", FEED_LINK_ETHERNET, NULL);
    feed_flows(&feed, 0, 10, 3);
    feed_close(&feed);
    feed_open(&feed, t, "raw.pcap", FEED_LINK_RAW, NULL);
    feed_flows(&feed, 0, 10, 4);
    feed_close(&feed);
    assert_int_equal(process_run(t, "flow-worker --read ether.pcap --read raw.pcap --inspector "
                                    "exec:cat --exec-output link-%%k-%%l"),
                     EXIT_DONE);
    static const struct {
        const char *file;
        long bytes;
    } rows[] = {{"link-0-1", 0}, {"link-0-101", 0}};
    static const char *const traces[] = {"ether.pcap", "raw.pcap"};
    for (unsigned i = 0; i < 2; i++) {
        FILE *file = fopen(file_in(t, rows[i].file), "re");
        FILE *trace = fopen(file_in(t, traces[i]), "re");
        assert_true(file != NULL && trace != NULL);
        fseek(file, 0, SEEK_END);
        fseek(trace, 0, SEEK_END);
        assert_int_equal(ftell(file), ftell(trace)); /* the same header and records */
        fclose(file);
        fclose(trace);
    }
}

static void what_it_prints_is_not_in_the_report(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run =
        process_start_with(t, "flow-balancer run -n @ -r t.pcap -w 1 --report -", "--inspector",
                           "exec:sh -c 'wc -c >/dev/null; echo printed by %n %k'");
    char printed[128];
    process_expect(t, run, EXIT_DONE);
    snprintf(printed, sizeof printed, "printed by %s 0", t->name);
    assert_null(strstr(process_output(t, run), "printed by"));
    assert_non_null(strstr(process_errors(t, run), printed));
}

static void a_slow_one_holds_its_worker_and_is_waited_for_at_the_end(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run =
        start_door(t, "exec:sh -c 'sleep 1.5; cat'", "-w 1 --hang 0.5 --ring-depth 100 " PARTS);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "workers.0.hangs", 0);
    expect_number(report, "workers.0.restarts", 0);
    expect_said(t, run, "reads nothing: the worker waits until it does");
    expect_said(t, run, "reads again");
    assert_null(strstr(process_errors(t, run), "its output cannot be written"));
    expect_passed_whole(t, "", "part");
}

/* ---- commands that are wrong */

static void a_command_that_cannot_be_run_is_refused_before_the_run(void **state) {
    struct test *t = *state;
    static const char *const rows[][2] = {
        {"exec", "the command is missing"},
        {"exec:", "the command is missing"},
        {"exec:no-such-program -x",
         "cannot run 'no-such-program' of 'no-such-program -x': No such file"},
        {"exec:/etc/passwd", "cannot run '/etc/passwd' of '/etc/passwd': Permission denied"},
        {"exec:./t.pcap", "Permission denied"},
        {"exec:/tmp", "cannot run '/tmp' of '/tmp'"},
        {"exec:cat 'x", "a ' is not closed"},
        {"exec:cat | wc", "there is no shell"},
        {"exec:cat %x", "'%x' stands for nothing"},
        {"exec:cat %", "'%' stands for nothing"},
    };
    fclose(fopen(file_in(t, "t.pcap"), "we"));
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process *worker =
            process_start_with(t, "flow-worker --check", "--inspector", rows[i][0]);
        process_expect(t, worker, EXIT_WRONG_USAGE);
        expect_one_line_with(t, worker, rows[i][1]);
        processes_forget(t);
    }
    struct process *run = start_door(t, rows[0][0], "-w 1");
    process_expect(t, run, EXIT_WRONG_USAGE);
    expect_one_line_with(t, run, rows[0][1]);
}

static void the_rest_of_what_is_said(void **state) {
    struct test *t = *state;
    static const char *const rows[][2] = {
        {"exec:false", "'false' (pid "},
        {"exec:sh -c 'cat >/dev/null <&0 & exit 0'", "to stay in the foreground"},
        {"exec:sh -c 'exec <&-; sleep 100'", "has closed its standard input"},
        {"exec:no-%k", "cannot run 'no-%k': No such file"},
    };
    make_door_trace(t);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process *run =
            process_start_with(t, "flow-worker --read t.pcap", "--inspector", rows[i][0]);
        process_expect(t, run, EXIT_RUNTIME);
        const char *said = strstr(process_errors(t, run), "error: ");
        assert_non_null(said);
        if (strstr(said, rows[i][1]) == NULL)
            fail_msg("not '%s': %s", rows[i][1], said);
        assert_null(strstr(said + 1, "error: "));
        processes_forget(t);
    }
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "'%x' stands for nothing",
                   "flow-worker --check --inspector exec:cat --exec-output x-%%x");
    processes_forget(t);
    struct process *run = process_start(t, "flow-worker --read t.pcap --inspector exec:cat "
                                           "--exec-output no/folder-%%k");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "--exec-output: cannot open 'no/folder-0': No such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(the_union_of_the_outputs_is_the_trace),
        PROCESS_TEST(tcpdump_reads_its_part),
        PROCESS_TEST(each_link_type_has_a_child),
        PROCESS_TEST(what_it_prints_is_not_in_the_report),
        PROCESS_TEST(a_slow_one_holds_its_worker_and_is_waited_for_at_the_end),
        PROCESS_TEST(a_command_that_cannot_be_run_is_refused_before_the_run),
        PROCESS_TEST(the_rest_of_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
