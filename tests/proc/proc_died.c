/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/post_mortem.c, shm/report/report_read.c: a dispatcher that is killed under the
 * script: of files the run ends, on interfaces another one goes on. What the dead one counted last
 * is reported. The interface is loopback, in a network namespace that this program makes for
 * itself; skipped where that is not permitted.
 */
#include "tests/lib/interface.h"
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#define DIED "the last snapshot of a dispatcher that died (pid "

static void kill_dispatcher(struct test *t) {
    pid_t pid = process_of_dispatcher(t->name);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
}

static bool is_running(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && strcmp(text_at(report, "dispatcher.state"), "running") == 0;
}

static void a_run_from_files_fails_and_reads_nothing_twice(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 2 --report out.json "
                         "--timeout all=never --inspector record:rec");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") >= 1000);
    kill_dispatcher(t);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "the dispatcher died: signal 9 (SIGKILL); the run ends");
    assert_non_null(strstr(process_output(t, run), DIED));
    assert_int_equal(objects_of(t->name), 0);
    const json_t *report = report_of(t, "out.json");
    assert_string_equal(text_at(report, "dispatcher.state"), "died");
    assert_true(json_is_true(value_at(report, "ledger.balanced")));
    json_int_t inspected = number_at(report, "ledger.inspected");
    assert_true(inspected >= 1000);
    /* The rings were finished, and no frame came a second time. */
    struct records records;
    records_read(&records, file_in(t, "rec"));
    assert_true(records.count >= (size_t)inspected);
    expect_frames_once(&records, records.count);
    records_free(&records);
}

/* What was in the last report of a dispatcher that died, or -1. */
static json_int_t last_report(struct test *t, const char *path) {
    if (!file_exists(t, "out.json"))
        return -1;
    const json_t *report = report_of(t, "out.json");
    return strcmp(text_at(report, "dispatcher.state"), "died") == 0 ? number_at(report, path) : -1;
}

static void send_some(struct test *t, json_int_t *sent) {
    for (unsigned i = 0; i < 10; i++) {
        send_datagram(4000);
        ++*sent; /* libpcap passes over what loopback sends */
    }
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == *sent);
}

/* Starts a run on loopback, kills its dispatcher, and returns when another one captures. */
static void start_and_kill(struct test *t) {
    json_int_t sent = 0;
    process_expect(
        t, process_start(t, "flow-balancer start -n @ -i lo --bpf udp -w 2 --report out.json"),
        EXIT_DONE);
    UNTIL(t, is_running(t));
    send_some(t, &sent);
    pid_t first = process_of_dispatcher(t->name);
    kill_dispatcher(t);
    UNTIL(t, last_report(t, "ledger.received") == sent);
    UNTIL(t, process_of_dispatcher(t->name) != first && is_running(t));
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    sent = 0;
    send_some(t, &sent);
}

static const char *read_log(struct test *t) {
    char dir[FB_PATH_MAX], path[FB_PATH_MAX + FB_NAME_MAX + 8];
    assert_int_equal(fb_runtime_dir(dir, false), 0);
    snprintf(path, sizeof path, "%s/%s.log", dir, t->name);
    FILE *log = fopen(path, "re");
    assert_non_null(log);
    t->text[fread(t->text, 1, sizeof t->text - 1, log)] = '\0';
    fclose(log);
    return t->text;
}

static void on_an_interface_another_dispatcher_goes_on(void **state) {
    struct test *t = *state;
    need_own_network();
    start_and_kill(t);
    struct process *stop = process_start(t, "flow-balancer stop -n @");
    process_expect(t, stop, EXIT_RUNTIME); /* what the dead one had in its hands is gone */
    expect_one_line_with(t, stop, "ended with exit status 1");
    const json_t *report = report_of(t, "out.json"); /* of the second one */
    expect_ledger_balanced(report);
    expect_number(report, "ledger.inspected", 10);
    const char *log = read_log(t);
    const char *died = strstr(log, "the dispatcher died: signal 9 (SIGKILL); starting another");
    assert_non_null(died);
    assert_non_null(strstr(died, DIED));
    assert_non_null(strstr(died, "has ended with exit status 1"));
}

static void a_run_that_follows_appends_to_the_log(void **state) {
    struct test *t = *state;
    need_own_network();
    start_and_kill(t);
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_RUNTIME);
    process_expect(t, process_start(t, "flow-balancer start -n @ -i lo -w 1"), EXIT_DONE);
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_DONE);
    const char *log = read_log(t);
    const char *first = strstr(log, "starts with 2 workers"), *died = strstr(log, DIED);
    const char *second = strstr(log, "starts with 1 worker,");
    assert_true(first != NULL && first < died && died < second);
    assert_non_null(strstr(second, "has ended with exit status 0"));
}

static void without_its_supervisor_a_run_ends_and_says_why(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 2 --report out.json");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") >= 1000);
    process_signal(run, SIGKILL);
    process_wait(t, run);
    UNTIL(t, objects_of(t->name) == 0 && process_of_dispatcher(t->name) == 0);
    char line[96];
    snprintf(line, sizeof line, "the supervisor (pid %d) is gone: the run is shut down cleanly",
             (int)run->pid);
    expect_said(t, run, line);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, number_at(report, "ledger.received"));
    struct process *status = process_start(t, "flow-balancer status -n @");
    process_expect(t, status, EXIT_RUNTIME);
    expect_one_line_with(t, status, "is not running: its supervisor was killed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_run_from_files_fails_and_reads_nothing_twice),
        PROCESS_TEST(without_its_supervisor_a_run_ends_and_says_why),
        PROCESS_TEST(on_an_interface_another_dispatcher_goes_on),
        PROCESS_TEST(a_run_that_follows_appends_to_the_log),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
