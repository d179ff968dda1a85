/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/view/html.c, and --html of a run: the page of a run that goes on, has ended, or died. What is
 * in a page is looked at by html_cases.py.
 */
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_DRAWN 2.5 /* of a run: then there are samples */

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 200"), EXIT_DONE);
}

/* Reads a page of the test's directory; report and drawn: see html_cases.py. */
static void expect_page(struct test *t, const char *page, const char *report, const char *drawn) {
    char cwd[PROCESS_PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    struct process *p =
        process_start(t, "/usr/bin/python3 %s/tests/proc/html_cases.py %s%s%s%s%s", cwd, page,
                      report != NULL ? " " : "", report != NULL ? report : "",
                      drawn != NULL ? " " : "", drawn != NULL ? drawn : "");
    if (process_wait(t, p) != EXIT_DONE)
        fail_msg("%s: %s%s", page, process_output(t, p), process_errors(t, p));
    process_forget(t, p);
}

static bool has_run_for(struct test *t, double seconds) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && json_real_value(value_at(report, "running_s")) >= seconds;
}

static void a_run_writes_its_page_beside_its_report(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 3 --on-full drop "
                         "--ring-depth 50 --inspector digest:50 --report out.json --html out.html");
    UNTIL(t, has_run_for(t, SECONDS_DRAWN));
    process_signal(run, SIGINT);
    process_wait(t, run); /* 1 where packets were abandoned */
    assert_true(number_at(report_of(t, "out.json"), "ledger.dropped.ring_full") > 0);
    expect_page(t, "out.html", "out.json", "drawn");
}

static void the_page_of_a_short_run_is_whole(void **state) {
    struct test *t = *state;
    make_trace(t);
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --report out.json "
                                    "--html out.html"),
                   EXIT_DONE);
    expect_page(t, "out.html", "out.json", NULL);
}

static void standard_output_has_the_page_and_nothing_else(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --report out.json --html -");
    struct process *worker = process_start(t, "flow-worker -n @");
    process_expect(t, run, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_said(t, run, "ledger: BALANCED");
    assert_int_equal(rename(run->output, file_in(t, "out.html")), 0);
    expect_page(t, "out.html", "out.json", NULL);
}

static void an_instance_that_runs_is_shown_and_the_file_replaced_in_one_step(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 2");
    UNTIL(t, has_run_for(t, SECONDS_DRAWN));
    struct stat before, after;
    FILE *older = fopen(file_in(t, "p.html"), "we");
    assert_non_null(older);
    fputs("an older page", older);
    assert_int_equal(fflush(older), 0);
    assert_int_equal(stat(file_in(t, "p.html"), &before), 0);
    process_expect(t, process_start(t, "flow-balancer status -n @ --html p.html"), EXIT_DONE);
    assert_int_equal(stat(file_in(t, "p.html"), &after), 0);
    assert_true(before.st_ino != after.st_ino);
    fclose(older);
    expect_page(t, "p.html", NULL, NULL);
    struct process *stat = process_start(t, "flow-stat -n @ --html - --last 1");
    process_expect(t, stat, EXIT_DONE);
    assert_int_equal(rename(stat->output, file_in(t, "q.html")), 0);
    expect_page(t, "q.html", NULL, NULL);
    process_signal(run, SIGINT);
    process_wait(t, run);
}

static void a_dispatcher_that_died_leaves_a_page_with_its_last_minutes(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 2 "
                                           "--report out.json --html out.html");
    UNTIL(t, has_run_for(t, SECONDS_DRAWN));
    assert_int_equal(kill(process_of_dispatcher(t->name), SIGKILL), 0);
    process_expect(t, run, EXIT_RUNTIME);
    assert_string_equal(text_at(report_of(t, "out.json"), "dispatcher.state"), "died");
    expect_page(t, "out.html", "out.json", "drawn");
}

static void a_dispatcher_without_supervisor_is_shown_until_it_is_cleared(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap --loop 1000000 -w 1 --failover never");
    struct process *worker = process_start(t, "flow-worker -n @");
    UNTIL(t, has_run_for(t, SECONDS_DRAWN) && stat_number(t, t->name, "ledger.inspected") > 0);
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    process_signal(worker, SIGTERM);
    process_wait(t, worker);
    process_expect(t, process_start(t, "flow-stat -n @ --html p.html"), EXIT_DONE);
    process_expect(t,
                   process_start(t, "flow-dispatcher -n @ --clean --report q.json --html q.html"),
                   EXIT_DONE);
    expect_page(t, "p.html", "q.json", "drawn"); /* it counts no more */
    expect_page(t, "q.html", "q.json", "drawn");
    assert_int_equal(objects_of(t->name), 0);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @ --html p.html");
}

static void what_cannot_be_written_is_known_before_the_run(void **state) {
    struct test *t = *state;
    make_trace(t);
    assert_int_equal(mkdir(file_in(t, "folder"), 0700), 0);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--html 'folder': cannot write there: Is a directory",
                   "flow-dispatcher -n @ -r t.pcap -w 1 --html folder");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--html 'none/x': cannot write there: No such file",
                   "flow-dispatcher -n @ -r t.pcap -w 1 --html none/x");
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--report and --html would both go to '-'",
                   "flow-dispatcher -n @ -r t.pcap --report - --html -");
    processes_forget(t);
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--html - and --eve - would both go to standard output",
                   "flow-balancer run -n @ -r t.pcap --html - --eve -");
    processes_forget(t);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--html 'none/x': cannot write there",
                   "flow-stat -n @ --html none/x");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @ --html x.html");
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--json: it goes with",
                   "flow-stat -n @ --html x.html --json");
    processes_forget(t);
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--history and --html exclude each other",
                   "flow-stat -n @ --html x.html --history");
    processes_forget(t);
    assert_false(file_exists(t, "x.html"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_run_writes_its_page_beside_its_report),
        PROCESS_TEST(the_page_of_a_short_run_is_whole),
        PROCESS_TEST(standard_output_has_the_page_and_nothing_else),
        PROCESS_TEST(an_instance_that_runs_is_shown_and_the_file_replaced_in_one_step),
        PROCESS_TEST(a_dispatcher_that_died_leaves_a_page_with_its_last_minutes),
        PROCESS_TEST(a_dispatcher_without_supervisor_is_shown_until_it_is_cleared),
        PROCESS_TEST(what_cannot_be_written_is_known_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
