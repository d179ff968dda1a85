/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/exec.c: workers and children that die, are stopped or do not end. What is lost
 * with one of them is counted.
 */
#include "tests/lib/doors.h"
#include "tests/lib/feed.h"
#include "tests/lib/life.h"
#include "tests/lib/passed.h"
#include "tests/lib/plugins.h"

#include <signal.h>
#include <unistd.h>

#define CAT "exec:cat"
#define PARTS "--exec-output part-%k-%r.pcap"

/* The child of this worker; 0: there is none now. */
static pid_t child_of(pid_t worker) {
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)worker, (int)worker);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%d", &child) != 1)
        child = 0;
    fclose(file);
    return child;
}

/* Before it is a program of its own, its worker waits for it: stopped then, it is one that hangs.
 */
static bool is_program(pid_t child) {
    char path[64], name[64] = "flow-worker";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)child);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool is_named = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return is_named && strncmp(name, "flow-worker", strlen("flow-worker")) != 0;
}

static pid_t await_child(struct test *t, unsigned worker) {
    pid_t pid = 0, child = 0;
    UNTIL(t,
          (pid = ready_pid(t, worker)) != 0 && (child = child_of(pid)) != 0 && is_program(child));
    return child;
}

static void of_a_worker_that_is_killed_nothing_is_lost(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, CAT, "-w 2 --speed 0.4 --failover never " PARTS);
    json_int_t again = expect_six_killed(t, run);
    UNTIL(t, passed_count(t, "", "part") >= DOOR_PACKETS); /* their children end by themselves */
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_in_range(parts.records.count, DOOR_PACKETS,
                    DOOR_PACKETS + again); /* as their flag says */
    passed_free(&parts);
    if (again == 0)
        expect_passed_whole(t, "", "part");
}

/* It reads a part, exactly, and then nothing: what it had not read is known to the packet. */
static void what_a_child_that_is_killed_had_not_read_is_counted(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run =
        start_door(t,
                   "exec:sh -c 'dd bs=1000 count=50 iflag=fullblock 2>/dev/null; [ -e "
                   "gone ] || exec sleep 100; exec cat'",
                   "-w 1 --failover never " PARTS);
    pid_t child = await_child(t, 0);
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") > 20);
    fclose(fopen(file_in(t, "gone"), "we"));
    kill(child, SIGKILL);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "was killed by signal 9 (Killed), and had not read");
    expect_said(t, run, "worker 0 crashed: exit status 1");
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "redelivered", 0); /* it was not the packet's fault */
    expect_number(report, "workers.0.restarts", 1);
    json_int_t lost = counter_of(report, "exec.output_lost");
    assert_in_range(lost, 1000, DOOR_PACKETS);
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_int_equal(parts.broken, 1); /* at byte 50,000 */
    assert_int_equal(parts.records.count + (size_t)lost, DOOR_PACKETS);
    passed_free(&parts);
}

static void a_child_that_is_stopped_holds_its_worker_and_loses_nothing(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, CAT, "-w 1 --hang 0.5 --speed 0.4 " PARTS);
    pid_t child = await_child(t, 0);
    kill(child, SIGSTOP);
    UNTIL(t, strstr(process_errors(t, run), "reads nothing") != NULL || process_ended(t, run));
    kill(child, SIGCONT);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "workers.0.hangs", 0);
    expect_number(report, "workers.0.restarts", 0);
    expect_passed_whole(t, "", "part");
}

/* ---- workers that leave while a packet is partly in the pipe */

#define LARGE_PACKETS 60u /* more than three pipes hold */
#define READS_WHEN_TOLD "exec:sh -c 'until [ -e go ]; do sleep 0.05; done; exec cat'"

static void make_large_trace(struct test *t) {
    struct feed feed;
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, NULL);
    for (unsigned i = 0; i < LARGE_PACKETS; i++)
        feed_large(&feed, i % 5);
    feed_close(&feed);
}

static void tell_it_to_read(struct test *t) {
    fclose(fopen(file_in(t, "go"), "we"));
}

/* Also where that takes longer than a worker may hang. */
static void a_child_gets_the_rest_of_a_packet_before_its_worker_leaves(void **state) {
    struct test *t = *state;
    make_large_trace(t);
    struct process *run =
        start_door(t, READS_WHEN_TOLD, "-w 1 --ring-depth 8 --hang 0.5 --failover never " PARTS);
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") > 10);
    pid_t pid = ready_pid(t, 0);
    struct process *restart = process_start(t, "flow-balancer restart 0 -n @");
    UNTIL(t, worker_is(t, t->name, 0, "stopping") || is_back(t, 0, pid));
    pause_ms(1000);
    tell_it_to_read(t);
    process_wait(t, restart); /* which may find that the run is over */
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", LARGE_PACKETS);
    expect_number(report, "redelivered", 0);
    expect_number(report, "workers.0.restarts", 1);
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_int_equal(parts.files, 2);
    assert_int_equal(parts.broken, 0);
    passed_free(&parts);
    expect_passed_whole(t, "", "part");
}

static void it_gets_the_rest_from_one_that_reads_files_too(void **state) {
    struct test *t = *state;
    make_large_trace(t);
    struct process *worker =
        process_start_with(t, "flow-worker --read t.pcap --exec-output part-0-%r.pcap",
                           "--inspector", READS_WHEN_TOLD);
    UNTIL(t, file_exists(t, "part-0-1.pcap"));
    pause_ms(300);
    process_signal(worker, SIGTERM);
    pause_ms(300);
    tell_it_to_read(t);
    process_expect(t, worker, EXIT_DONE);
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_int_equal(parts.broken, 0);
    assert_in_range(parts.records.count, 1, LARGE_PACKETS - 1);
    passed_free(&parts);
}

static void the_accounts_balance_when_both_are_killed(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, CAT, "-w 2 --speed 1 --failover never " PARTS);
    for (unsigned i = 0; i < 4; i++) {
        pid_t pid = 0, child = await_child(t, i % 2);
        UNTIL(t, (pid = ready_pid(t, i % 2)) != 0);
        kill(i < 2 ? pid : child, SIGKILL);
        kill(i < 2 ? child : pid, SIGKILL);
        UNTIL(t, is_back(t, i % 2, pid));
    }
    process_expect(t, run, EXIT_DONE);
    expect_balanced(report_of(t, "out.json"));
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_in_range(parts.records.count, DOOR_PACKETS / 2, DOOR_PACKETS + 4);
    passed_free(&parts);
}

static void one_that_reads_nothing_for_too_long_is_killed(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run =
        start_door(t, "exec:sh -c '[ -e seen ] && exec cat; : >seen; exec sleep 100'",
                   "-w 1 --failover never --exec-timeout 0.3 " PARTS);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "read nothing for 0.3 s and was killed (--exec-timeout), and had not read");
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "workers.0.restarts", 1);
    assert_int_equal(passed_count(t, "", "part") + (size_t)counter_of(report, "exec.output_lost"),
                     DOOR_PACKETS);
}

/* Nothing is left of one that does not end with its input. */
static void one_that_does_not_end_is_ended(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, "exec:sh -c 'cat; sleep 1000 & echo $! >pid; wait'",
                                     "-w 1 --drain-timeout 0.5 " PARTS);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "still runs though its input has ended: SIGTERM");
    expect_door_inspected(t);
    pid_t pid = (pid_t)atoi(text_in(t, "pid"));
    assert_true(pid > 1);
    UNTIL(t, kill(pid, 0) != 0);
}

static void one_that_always_dies_is_given_up(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, "exec:false", "-w 1");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "worker 0 crashed 8 times within 10 s");
    const json_t *report = report_of(t, "out.json");
    expect_ledger_balanced(report);
    expect_number(report, "redelivered", 0);
    assert_int_equal(counter_of(report, "exec.output_lost"), counter_of(report, "exec.packets"));
    assert_int_equal(counter_of(report, "exec.packets"), number_at(report, "ledger.inspected"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_a_worker_that_is_killed_nothing_is_lost),
        PROCESS_TEST(what_a_child_that_is_killed_had_not_read_is_counted),
        PROCESS_TEST(a_child_that_is_stopped_holds_its_worker_and_loses_nothing),
        PROCESS_TEST(a_child_gets_the_rest_of_a_packet_before_its_worker_leaves),
        PROCESS_TEST(it_gets_the_rest_from_one_that_reads_files_too),
        PROCESS_TEST(the_accounts_balance_when_both_are_killed),
        PROCESS_TEST(one_that_reads_nothing_for_too_long_is_killed),
        PROCESS_TEST(one_that_does_not_end_is_ended),
        PROCESS_TEST(one_that_always_dies_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
