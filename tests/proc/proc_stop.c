/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends that somebody asks for: signals, the control socket, the script's stop; and drains that
 * cannot succeed. */
#include "tests/lib/feed.h"
#include "tests/lib/ip_packets.h"
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <pcap/pcap.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TRACE_PACKETS 5000
#define FOREVER "--loop 1000000 "
#define RUN "flow-balancer run -n @ -w 2 --timeout all=never --report out.json "

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
}

static bool is_under_way(struct test *t) {
    return stat_number(t, t->name, "ledger.inspected") >= 1000;
}

static bool is_stopping(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report == NULL || strcmp(text_at(report, "dispatcher.state"), "stopping") == 0;
}

/* Stopped cleanly: all that was read was inspected, and every flow ended then. */
static void expect_drained(struct test *t) {
    const json_t *report = report_of(t, "out.json");
    json_int_t flows = number_at(report, "flows.created");
    expect_all_inspected(report, number_at(report, "ledger.received"));
    assert_in_range(flows, 1, TRACE_PACKETS);
    expect_number(report, "flows.ended.shutdown", flows);
    assert_int_equal(sum_of_workers(report, "self_flow_ends"), flows);
}

/* ---- signals */

static void stop_by_signal(struct test *t, int signo) {
    make_trace(t);
    struct process *run = process_start(t, RUN "-r t.pcap " FOREVER "--inspector record:rec");
    UNTIL(t, is_under_way(t));
    process_signal(run, signo);
    process_expect(t, run, EXIT_DONE);
    expect_drained(t);
    struct records records;
    records_read(&records, file_in(t, "rec"));
    expect_frames_once(&records, (uint64_t)number_at(t->report, "ledger.received"));
    expect_flows_in_order(&records, false);
    records_free(&records);
}

static void sigterm_drains_and_is_status_0(void **state) {
    stop_by_signal(*state, SIGTERM);
}

static void sigint_drains_and_is_status_0(void **state) {
    stop_by_signal(*state, SIGINT);
}

static void a_silent_pipe_does_not_keep_a_run_from_stopping(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start_piped(t, RUN "-r -");
    feed_file(t, run, "t.pcap");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == TRACE_PACKETS);
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    expect_drained(t);
    expect_number(t->report, "ledger.received", TRACE_PACKETS);
}

static void a_run_that_still_waits_for_its_pipe_can_be_stopped(void **state) {
    struct test *t = *state;
    struct process *run = process_start_piped(t, RUN "-r -");
    UNTIL(t, process_of_dispatcher(t->name) != 0);
    pause_ms(200); /* it waits for the file header, or its workers start: both have to react */
    process_signal(run, SIGTERM);
    assert_in_range(process_wait(t, run), EXIT_DONE, EXIT_RUNTIME);
    assert_int_equal(objects_of(t->name), 0);
}

static void a_full_ring_does_not_keep_a_run_from_stopping(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(
        t, RUN "-r t.pcap " FOREVER "--ring-depth 8 --on-full block --inspector digest:100");
    UNTIL(t, is_under_way(t));
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    expect_drained(t);
}

static void the_end_of_a_file_waits_as_long_as_workers_go_on(void **state) {
    struct test *t = *state;
    make_trace(t);
    /* 5,000 packets of about half a millisecond for two workers: more than the second it may take
     * from one packet to the next, not more than any between two. */
    struct process *run =
        process_start(t, RUN "-r t.pcap --drain-timeout 1 --inspector digest:1500");
    process_expect(t, run, EXIT_DONE);
    expect_number(report_of(t, "out.json"), "ledger.inspected", TRACE_PACKETS);
}

/* A service manager signals every process of a service, and the supervisor passes its signal on. */
/* The second halves of as many datagrams. */
static void write_late_fragments(struct test *t, unsigned count) {
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t *dump = pcap_dump_open(dead, file_in(t, "late.pcap"));
    assert_non_null(dump);
    for (unsigned id = 0; id < count; id++) {
        struct packet p =
            ethernet(fragment(ip4(UDP, A, B, udp(1000, 53, payload(56))), id, 24, 48));
        struct pcap_pkthdr header = {.ts = {.tv_sec = 1}, .caplen = p.n, .len = p.n};
        pcap_dump((u_char *)dump, &header, p.bytes);
    }
    pcap_dump_close(dump);
    pcap_close(dead);
}

/* What was held to the end takes two seconds, through a ring that holds a few hundredths of one. */
static void fragments_held_to_the_end_are_waited_for_as_well(void **state) {
    struct test *t = *state;
    write_late_fragments(t, 200);
    struct process *run =
        process_start(t, "flow-dispatcher -n @ -r late.pcap -w 1 --ring-depth 4 --report out.json "
                         "--drain-timeout 1");
    process_start(t, "flow-worker-fault -n @ --inspector fault:rec,slow=10000@%%1");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 200);
    expect_number(report, "fragments.released_by_end", 200);
}

static void signals_to_all_together_are_one_request_to_drain(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, RUN "-r t.pcap " FOREVER "--ring-depth 500 --inspector digest:300");
    UNTIL(t, is_under_way(t));
    pid_t dispatcher = process_of_dispatcher(t->name);
    pid_t workers[] = {process_of_worker(t->name, 0), process_of_worker(t->name, 1)};
    process_signal(run, SIGTERM);
    assert_int_equal(kill(dispatcher, SIGTERM), 0);
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(kill(workers[k], SIGTERM), 0);
    process_expect(t, run, EXIT_DONE);
    expect_drained(t);
}

static void a_second_signal_ends_a_drain_that_would_take_long(void **state) {
    struct test *t = *state;
    make_trace(t);
    /* 10,000 packets of 0.1 s each wait: to drain them takes far longer than any deadline here. */
    struct process *run =
        process_start(t, RUN "-r t.pcap " FOREVER "--drain-timeout 3000 --inspector digest:100000");
    UNTIL(t, stat_number(t, t->name, "workers.0.backlog") > 1000);
    process_signal(run, SIGTERM);
    UNTIL(t, is_stopping(t));
    assert_false(process_ended(t, run));
    pause_ms(1500); /* what comes within a second of the first counts as the same */
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "they waited when a second signal, or 'stop --now', ended the run");
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_true(number_at(report, "ledger.dropped.abandoned") > 1000);
}

/* ---- a worker that does not drain */

static void a_stuck_worker_is_waited_for_until_the_drain_timeout(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, RUN "-r t.pcap " FOREVER "--drain-timeout 1 --inspector record:rec");
    UNTIL(t, is_under_way(t));
    pid_t stuck = process_of_worker(t->name, 1);
    assert_true(stuck > 1);
    assert_int_equal(kill(stuck, SIGSTOP), 0);
    UNTIL(t, stat_number(t, t->name, "workers.1.backlog") > 100);
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "packets were not inspected: they waited when the time to drain was over");
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_true(number_at(report, "ledger.dropped.abandoned") > 100);
    /* The other had the time to finish; a burst that waited for the stuck one comes too late. */
    assert_true(number_at(report, "workers.1.removed") > 100);
    assert_in_range(number_at(report, "workers.0.removed"), 0, 32);
}

static void a_stuck_worker_holds_up_a_lossless_run_and_then_goes_on(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN "-r t.pcap --loop 40 --inspector record:rec");
    UNTIL(t, is_under_way(t));
    pid_t stuck = process_of_worker(t->name, 0);
    assert_true(stuck > 1);
    assert_int_equal(kill(stuck, SIGSTOP), 0);
    /* Blocked: its ring is full or all that is left is in it, and nothing moves. */
    json_int_t before = -1, now;
    UNTIL(t, (pause_ms(300), now = stat_number(t, t->name, "ledger.inspected"),
              now == before || (before = now, false)));
    assert_false(process_ended(t, run));
    assert_int_equal(kill(stuck, SIGCONT), 0);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), 40 * TRACE_PACKETS);
}

/* ---- start, status, stop */

static void start_runs_in_the_background_until_stop(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *begin = process_start(t, "flow-balancer start -n @ -r t.pcap " FOREVER
                                             "-w 2 --timeout all=never --report "
                                             "out.json");
    process_expect(t, begin, EXIT_DONE);
    assert_non_null(strstr(process_output(t, begin), "runs with 2 workers"));
    UNTIL(t, is_under_way(t));
    struct process *status = process_start(t, "flow-balancer status -n @ --json");
    process_expect(t, status, EXIT_DONE);
    assert_non_null(strstr(process_output(t, status), "flow-balancer.report/1"));
    struct process *again = process_start(t, "flow-balancer start -n @ -r t.pcap -w 2");
    process_expect(t, again, EXIT_RUNTIME);
    expect_one_line_with(t, again, "is already running");
    struct process *end = process_start(t, "flow-balancer stop -n @");
    process_expect(t, end, EXIT_DONE);
    /* When stop has returned, nothing is left. */
    assert_int_equal(objects_of(t->name), 0);
    assert_int_equal(process_of_dispatcher(t->name), 0);
    assert_int_equal(process_of_worker(t->name, 0), 0);
    expect_drained(t);
    expect_balanced(report_of(t, "out.json"));
    struct process *none = process_start(t, "flow-balancer stop -n @");
    process_expect(t, none, EXIT_RUNTIME);
    expect_one_line_with(t, none, "no instance");
    none = process_start(t, "flow-balancer status -n @");
    process_expect(t, none, EXIT_RUNTIME);
    expect_one_line_with(t, none, "is not running");
}

static json_int_t waiting(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL ? sum_of_workers(report, "backlog") : 0;
}

/* Two workers that do nothing, with packets that wait for them. */
static void start_stuck(struct test *t, const char *options, pid_t workers[2]) {
    make_trace(t);
    process_expect(t,
                   process_start(t,
                                 "flow-balancer start -n @ -r t.pcap " FOREVER
                                 "-w 2 --hang never --timeout all=never --report out.json %s",
                                 options),
                   EXIT_DONE);
    UNTIL(t, is_under_way(t));
    for (unsigned k = 0; k < 2; k++) {
        workers[k] = process_of_worker(t->name, k);
        assert_true(workers[k] > 1);
        assert_int_equal(kill(workers[k], SIGSTOP), 0);
    }
    UNTIL(t, waiting(t) > 100);
}

static void expect_last_line(struct test *t, const char *file, const char *text) {
    FILE *log = fopen(file, "re");
    assert_non_null(log);
    size_t size = fread(t->text, 1, sizeof t->text - 1, log);
    fclose(log);
    assert_in_range(size, 1, sizeof t->text - 1);
    t->text[size - 1] = '\0'; /* the end of the last line */
    const char *line = strrchr(t->text, '\n');
    assert_non_null(line);
    if (strstr(line, text) == NULL)
        fail_msg("no '%s' in the last line of %s: %s", text, file, line + 1);
}

/* What stop says is the status of the run; its log and status say it afterwards, until the next. */
static void stop_has_the_status_of_a_run_that_failed(void **state) {
    struct test *t = *state;
    pid_t workers[2];
    start_stuck(t, "--drain-timeout 1", workers);
    struct process *end = process_start(t, "flow-balancer stop -n @");
    process_expect(t, end, EXIT_RUNTIME);
    expect_one_line_with(t, end, "ended with exit status 1: the reason is in ");
    assert_true(number_at(report_of(t, "out.json"), "ledger.dropped.abandoned") > 100);
    const char *log = strstr(process_errors(t, end), "is in ");
    char path[PROCESS_PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(log + 6, "\n"), log + 6);
    expect_last_line(t, path, "has ended with exit status 1");
    struct process *status = process_start(t, "flow-balancer status -n @");
    process_expect(t, status, EXIT_RUNTIME);
    expect_one_line_with(t, status, "is not running: it ended with exit status 1 at ");

    process_expect(
        t, process_start(t, "flow-balancer start -n @ -r t.pcap " FOREVER "--drain-timeout 60"),
        EXIT_DONE);
    process_expect(t, process_start(t, "flow-balancer status -n @"), EXIT_DONE);
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_DONE);
    expect_last_line(t, path, "has ended with exit status 0");
    assert_non_null(strstr(t->text, "has ended with exit status 1\n"));
    status = process_start(t, "flow-balancer status -n @");
    process_expect(t, status, EXIT_RUNTIME);
    expect_one_line_with(t, status, "is not running: it ended with exit status 0 at ");
    unlink(path);
}

/* It watches the processes of both workers, which it does once it has asked for the stop. */
static bool has_asked(const struct process *stop) {
    char path[64], link[64];
    unsigned watched = 0;
    for (unsigned fd = 3; fd < 32; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%u", (int)stop->pid, fd);
        ssize_t size = readlink(path, link, sizeof link - 1);
        link[size > 0 ? size : 0] = '\0';
        watched += strstr(link, "pidfd") != NULL;
    }
    return watched == 3; /* and the dispatcher's */
}

static void a_second_stop_waits_for_the_same_end(void **state) {
    struct test *t = *state;
    pid_t workers[2];
    start_stuck(t, "--drain-timeout 3000", workers);
    struct process *first = process_start(t, "flow-balancer stop -n @ --timeout 300");
    UNTIL(t, has_asked(first));
    pause_ms(1200); /* not the same as the first */
    struct process *second = process_start(t, "flow-balancer stop -n @ --timeout 300");
    UNTIL(t, has_asked(second));
    assert_false(process_ended(t, first));
    assert_false(process_ended(t, second));
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(kill(workers[k], SIGCONT), 0);
    process_expect(t, first, EXIT_DONE);
    process_expect(t, second, EXIT_DONE);
    expect_drained(t);
}

static void stop_now_does_not_drain(void **state) {
    struct test *t = *state;
    pid_t workers[2];
    start_stuck(t, "--drain-timeout 3000", workers);
    struct process *first = process_start(t, "flow-balancer stop -n @ --timeout 300");
    UNTIL(t, is_stopping(t));
    struct process *now = process_start(t, "flow-balancer stop -n @ --now");
    process_expect(t, now, EXIT_RUNTIME);
    expect_one_line_with(t, now, "ended with exit status 1");
    process_expect(t, first, EXIT_RUNTIME);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_true(number_at(report, "ledger.dropped.abandoned") > 100);
}

static void a_file_of_config_is_enough_to_start_ask_and_stop(void **state) {
    struct test *t = *state;
    make_trace(t);
    FILE *file = fopen(file_in(t, "x.conf"), "we");
    assert_non_null(file);
    fprintf(file, "name = %s\nread = t.pcap\nloop = 1000000\nworkers = 2\nmax-workers = 3\n",
            t->name);
    fclose(file);
    static const char *const commands[] = {"start",   "status", "add", "restart 0",
                                           "drain 2", "reload", "stop"};
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
        process_expect(t, process_start(t, "flow-balancer %s --config x.conf", commands[i]),
                       EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
}

static void start_tells_why_it_did_not(void **state) {
    struct test *t = *state;
    struct process *begin = process_start(t, "flow-balancer start -n @ -r none.pcap -w 2");
    process_expect(t, begin, EXIT_RUNTIME);
    expect_said(t, begin, "none.pcap");
    expect_said(t, begin, "did not start");
}

static void stop_ends_a_run_in_the_foreground_too(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN "-r t.pcap " FOREVER);
    UNTIL(t, is_under_way(t));
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_DONE);
    process_expect(t, run, EXIT_DONE);
    expect_drained(t);
}

/* ---- instances of other users */

#define NOBODY 65534

static void become_unprivileged(const struct test *t) {
    (void)t;
    unsetenv("XDG_RUNTIME_DIR");
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        _exit(126);
}

/* A run of that user in the test's directory, with a runtime directory below /tmp. */
static struct process *run_as_unprivileged(struct test *t) {
    make_trace(t);
    assert_int_equal(chown(t->directory, NOBODY, NOBODY), 0);
    t->enter = become_unprivileged;
    struct process *run = process_start(t, RUN "-r t.pcap " FOREVER);
    t->enter = NULL;
    return run;
}

static int ask(struct test *t, const char *command) {
    struct process *p = process_start(t, "flow-balancer %s", command);
    int status = process_wait(t, p);
    process_forget(t, p);
    return status;
}

static void need_another_user(struct test *t) {
    t->enter = become_unprivileged;
    if (geteuid() != 0 || ask(t, "--version") != EXIT_DONE) {
        print_message("skip: only root can become another user, who must be able to run this\n");
        skip();
    }
    t->enter = NULL;
}

static void an_instance_of_another_user_is_said_to_be_so(void **state) {
    struct test *t = *state;
    need_another_user(t);
    make_trace(t);
    struct process *run = process_start(t, RUN "-r t.pcap " FOREVER);
    UNTIL(t, is_under_way(t));
    t->enter = become_unprivileged;
    static const char *const commands[] = {"stop", "add", "drain 0", "restart all", "reload"};
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct process *p = process_start(t, "flow-balancer %s -n @", commands[i]);
        process_expect(t, p, EXIT_RUNTIME);
        expect_one_line_with(t, p, "belongs to user root: run this as that user");
        process_forget(t, p);
    }
    t->enter = NULL;
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
}

static void root_may_stop_the_instance_of_any_user(void **state) {
    struct test *t = *state;
    need_another_user(t);
    struct process *run = run_as_unprivileged(t);
    UNTIL(t, ask(t, "restart all -n @") == EXIT_DONE);
    assert_int_equal(ask(t, "stop -n @"), EXIT_DONE);
    process_expect(t, run, EXIT_DONE);
    char outcome[PROCESS_PATH_MAX];
    snprintf(outcome, sizeof outcome, "/tmp/flow-balancer-65534/flow-balancer/%s.status", t->name);
    assert_int_equal(unlink(outcome), 0);
    rmdir("/tmp/flow-balancer-65534/flow-balancer");
    rmdir("/tmp/flow-balancer-65534");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(sigterm_drains_and_is_status_0),
        PROCESS_TEST(sigint_drains_and_is_status_0),
        PROCESS_TEST(a_silent_pipe_does_not_keep_a_run_from_stopping),
        PROCESS_TEST(a_run_that_still_waits_for_its_pipe_can_be_stopped),
        PROCESS_TEST(a_full_ring_does_not_keep_a_run_from_stopping),
        PROCESS_TEST(the_end_of_a_file_waits_as_long_as_workers_go_on),
        PROCESS_TEST(fragments_held_to_the_end_are_waited_for_as_well),
        PROCESS_TEST(signals_to_all_together_are_one_request_to_drain),
        PROCESS_TEST(a_second_signal_ends_a_drain_that_would_take_long),
        PROCESS_TEST(a_stuck_worker_is_waited_for_until_the_drain_timeout),
        PROCESS_TEST(a_stuck_worker_holds_up_a_lossless_run_and_then_goes_on),
        PROCESS_TEST(start_runs_in_the_background_until_stop),
        PROCESS_TEST(stop_has_the_status_of_a_run_that_failed),
        PROCESS_TEST(a_second_stop_waits_for_the_same_end),
        PROCESS_TEST(stop_now_does_not_drain),
        PROCESS_TEST(a_file_of_config_is_enough_to_start_ask_and_stop),
        PROCESS_TEST(start_tells_why_it_did_not),
        PROCESS_TEST(stop_ends_a_run_in_the_foreground_too),
        PROCESS_TEST(an_instance_of_another_user_is_said_to_be_so),
        PROCESS_TEST(root_may_stop_the_instance_of_any_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
