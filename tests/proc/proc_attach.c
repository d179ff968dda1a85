/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run and start --attach: programs in the place of workers, which are here flow-worker, called as
 * any program that uses libflowbalancer, and scripts around it. See also proc_examples.c.
 */
#include "tests/lib/content.h"
#include "tests/lib/life.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_PACKETS 10000
#define FOREVER "--loop 1000000 --failover never "
#define MARK "FB_TEST_ATTACH="

/* In each process before its program: by this its descendants are known, whatever becomes of
 * them. */
static void enter_marked(const struct test *t) {
    char path[4096];
    snprintf(path, sizeof path, "%s:%s", t->directory, getenv("PATH"));
    setenv("FB_TEST_ATTACH", t->name, 1);
    setenv("PATH", path, 1); /* flow-worker and the scripts are there */
}

static int set_up(void **state) {
    char path[PROCESS_PATH_MAX], target[2 * PROCESS_PATH_MAX];
    int error = processes_set_up(state);
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
    snprintf(path, sizeof path, "%s", file_in(t, "flow-worker"));
    snprintf(target, sizeof target, "%s/flow-worker", t->programs);
    assert_int_equal(symlink(target, path), 0);
    return error;
}
#define ATTACH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, processes_tear_down)

/* Whether it was started by a process of this test. */
static bool is_marked(const char *pid, const char *name) {
    char path[64], text[1 << 16], wanted[128];
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    snprintf(wanted, sizeof wanted, MARK "%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[n > 0 ? n : 0] = '\0';
    for (const char *entry = text; entry < text + n; entry += strlen(entry) + 1)
        if (strcmp(entry, wanted) == 0)
            return true;
    return false;
}

/* How many processes of the test there are, the supervisor too. */
static unsigned alive(const struct test *t) {
    unsigned count = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (const struct dirent *entry; (entry = readdir(proc)) != NULL;)
        count +=
            entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && is_marked(entry->d_name, t->name);
    closedir(proc);
    return count;
}

/* Starts `flow-balancer` with these options, and the command as one word. */
static struct process *start_attached(struct test *t, const char *options, const char *command) {
    char text[512];
    snprintf(text, sizeof text, "flow-balancer %s", options);
    t->enter = enter_marked;
    struct process *p = process_start_with(t, text, "--attach", command);
    t->enter = NULL;
    return p;
}

#define RUN "run -n @ -r t.pcap --timeout all=never --report out.json "
#define WORKER "flow-worker -n %n -k %k --inspector record:rec"

static void write_script(struct test *t, const char *name, const char *text) {
    FILE *file = fopen(file_in(t, name), "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(file_in(t, name), 0700), 0);
}

static pid_t pid_in(struct test *t, const char *name) {
    int pid = 0;
    FILE *file = fopen(file_in(t, name), "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1); /* NOLINT(cert-err34-c) */
    fclose(file);
    return pid;
}

static bool is_gone(pid_t pid) {
    return kill(pid, 0) != 0;
}

/* It ends with this status, and nothing of it is left by then. */
static void expect_ended(struct test *t, struct process *run, int status) {
    process_expect(t, run, status);
    if (alive(t) != 0)
        fail_msg("%u processes are left", alive(t));
    assert_int_equal(objects_of(t->name), 0);
}

static void stop(struct test *t, struct process *run) {
    process_signal(run, SIGTERM);
    expect_ended(t, run, EXIT_DONE);
}

/* All that was received was inspected and recorded, but for suspects once, and flows are whole. */
static void expect_whole(struct test *t, size_t kills) {
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    json_int_t received = number_at(report, "ledger.received");
    expect_number(report, "ledger.inspected", received);
    assert_in_range(number_at(report, "redelivered"), 0, kills);
    expect_recorded(t, (uint64_t)received, kills);
}

/* ---- a run */

static void copies_share_the_packets_and_end_with_the_file(void **state) {
    struct test *t = *state;
    expect_ended(t, start_attached(t, RUN "-w 3", WORKER), EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
    expect_whole(t, 0);
    for (unsigned k = 0; k < 3; k++) {
        char path[64];
        snprintf(path, sizeof path, "rec/worker-%u.tsv", k);
        assert_true(file_exists(t, path));
    }
}

static void a_copy_that_is_killed_is_replaced_and_other_flows_stay(void **state) {
    struct test *t = *state;
    struct process *run = start_attached(t, RUN FOREVER "-w 3", WORKER);
    for (unsigned i = 0; i < 3; i++) {
        pid_t pid = 0;
        UNTIL(t, (pid = ready_pid(t, 1)) != 0);
        await_more(t, 1000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        UNTIL(t, is_back(t, 1, pid));
    }
    await_more(t, 1000);
    stop(t, run);
    expect_said(t, run, "worker 1 crashed: signal 9 (SIGKILL); starting it again in 0 ms");
    expect_number(report_of(t, "out.json"), "workers.1.restarts", 3);
    expect_number(report_of(t, "out.json"), "workers.0.restarts", 0);
    expect_whole(t, 3);
}

static void a_copy_that_leaves_by_itself_is_replaced(void **state) {
    struct test *t = *state;
    struct process *run = start_attached(t, RUN FOREVER "-w 2", WORKER);
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    await_more(t, 1000);
    assert_int_equal(kill(pid, SIGTERM), 0);
    pause_ms(1000);
    kill(pid, SIGTERM); /* twice, unless it has gone: not only when no packet waits */
    UNTIL(t, is_back(t, 0, pid));
    stop(t, run);
    expect_said(t, run, "worker 0 crashed: left without having been told to");
    expect_whole(t, 0);
}

/* ---- a program that starts another one */

/* The leader's pid in leader-K-R, while it waits for the one that has the number. */
static const char leader[] = "echo $$ >leader-$2-$3\n"
                             "flow-worker -n $1 -k $2 --inspector record:rec &\n"
                             "wait\n";

static void what_a_killed_leader_leaves_is_ended_and_its_number_is_served_again(void **state) {
    struct test *t = *state;
    write_script(t, "leader", leader);
    struct process *run = start_attached(t, RUN FOREVER "-w 2", "leader %n %k %r");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 1)) != 0);
    await_more(t, 1000);
    assert_int_equal(kill(pid_in(t, "leader-1-0"), SIGKILL), 0);
    UNTIL(t, is_back(t, 1, pid));
    assert_true(is_gone(pid));
    assert_false(is_gone(pid_in(t, "leader-1-1")));
    assert_false(is_gone(pid_in(t, "leader-0-0")));
    stop(t, run);
    expect_said(t, run, "worker 1 crashed: signal 9 (SIGKILL)");
    expect_whole(t, 1);
}

static void the_death_of_the_one_that_has_the_number_ends_with_its_leader(void **state) {
    struct test *t = *state;
    write_script(t, "leader", leader);
    struct process *run = start_attached(t, RUN FOREVER "-w 2", "leader %n %k %r");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    await_more(t, 1000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 0, pid));
    stop(t, run);
    expect_whole(t, 1);
}

static void a_leader_that_goes_on_without_its_number_is_ended(void **state) {
    struct test *t = *state;
    write_script(
        t, "leader",
        "echo $$ >leader-$2-$3\n"
        "flow-worker -n $1 -k $2 --inspector record:rec\ntest $3 != 0 || exec sleep 600\n");
    struct process *run = start_attached(t, RUN FOREVER "-w 1", "leader %n %k %r");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    await_more(t, 1000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 0, pid));
    assert_true(is_gone(pid_in(t, "leader-0-0")));
    expect_said(t, run, "worker 0: its program has lost its number, or left it, and still runs");
    stop(t, run);
    expect_whole(t, 1);
}

/* One file after the other, say. */
static void a_leader_may_open_its_number_again(void **state) {
    struct test *t = *state;
    write_script(t, "leader",
                 "echo $$ >leader-$2-$3\nfor i in 1 2 3; do\n"
                 "flow-worker -n $1 -k $2 --inspector record:rec\ndone\n");
    struct process *run = start_attached(t, RUN FOREVER "-w 1", "leader %n %k %r");
    pid_t pid = 0;
    for (unsigned i = 0; i < 2; i++) {
        pid_t before = pid;
        UNTIL(t, (pid = ready_pid(t, 0)) != 0 && pid != before);
        await_more(t, 1000);
        assert_int_equal(kill(pid, SIGKILL), 0);
    }
    UNTIL(t, is_back(t, 0, pid));
    assert_false(file_exists(t, "leader-0-1"));
    stop(t, run);
    assert_null(strstr(process_errors(t, run), "crashed"));
    expect_whole(t, 2);
}

static void one_that_goes_to_the_background_is_ended_and_told_not_to(void **state) {
    struct test *t = *state;
    write_script(t, "daemon",
                 "setsid flow-worker -n $1 -k $2 --inspector record:rec &\nsleep 0.1\n");
    struct process *run = start_attached(t, RUN FOREVER "-w 1", "daemon %n %k");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    UNTIL(t, is_back(t, 0, pid));
    assert_true(is_gone(pid));
    expect_said(t, run, "have it stay in the foreground");
    expect_said(t, run, "worker 0 crashed: left without having been told to");
    stop(t, run);
    expect_balanced(report_of(t, "out.json"));
}

/* ---- what does not work */

static void one_that_dies_immediately_is_given_up_and_the_run_ends_with_1(void **state) {
    struct test *t = *state;
    write_script(t, "fails", "echo $2 >>starts-$1\nexit 2\n");
    double began = seconds_now();
    struct process *run = start_attached(t, RUN "-w 2", "fails %k %r");
    expect_ended(t, run, EXIT_RUNTIME);
    assert_true(seconds_now() - began >= 1.0); /* it was not started again without a pause */
    for (unsigned k = 0; k < 2; k++) {
        char line[64], path[64], wanted[] = "0\n1\n2\n3\n4\n5\n6\n7\n", found[64] = "";
        snprintf(line, sizeof line, "worker %u crashed 8 times within 10 s, last by exit status 2",
                 k);
        expect_said(t, run, line);
        snprintf(path, sizeof path, "starts-%u", k);
        FILE *file = fopen(file_in(t, path), "re");
        assert_non_null(file);
        found[fread(found, 1, sizeof found - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(found, wanted);
    }
    expect_balanced(report_of(t, "out.json"));
}

/* One of several: the others take its flows, and the run ends with 1. */
static void one_number_that_is_given_up_leaves_its_flows_to_the_others(void **state) {
    struct test *t = *state;
    write_script(t, "fails",
                 "test $2 != 1 || exit 1\n"
                 "exec flow-worker -n $1 -k $2 --inspector record:rec\n");
    struct process *run = start_attached(t, RUN "-w 3 --start-timeout 4", "fails %n %k");
    expect_ended(t, run, EXIT_RUNTIME);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, TRACE_PACKETS);
    expect_number(report, "workers.1.packets", 0);
    expect_recorded(t, TRACE_PACKETS, 0);
}

static void expect_refused(struct test *t, const char *options, const char *command,
                           const char *part) {
    struct process *run = start_attached(t, options, command);
    expect_ended(t, run, EXIT_WRONG_USAGE);
    expect_one_line_with(t, run, part);
    processes_forget(t);
}

static void what_cannot_work_is_refused_before_anything_is_started(void **state) {
    struct test *t = *state;
    write_script(t, "script", "exit 0\n");
    let_workers_be(t, "flow-worker"); /* where there is no library for libpcap programs */
    setenv("FB_BUILD", file_in(t, "programs"), 1);
    expect_refused(t, RUN, "no-such-program %k", "'no-such-program' cannot be run: it is in no");
    expect_refused(t, RUN, "t.pcap %k", "'t.pcap' cannot be run: ");
    expect_refused(t, RUN, "script %d", "libflowbalancer-pcap.so is not in ");
    expect_refused(t, RUN, "script -w %H %k", "'%H' in '%H' is none of %d, %k, %r, %n: write %%");
    expect_refused(t, RUN, "script", "does not say which worker each copy is: give it %d");
    expect_refused(t, RUN "--inspector count", "script %k", "--attach and --inspector exclude");
    setenv("FB_BUILD", t->programs, 1);
}

/* ---- commands */

static void command(struct test *t, const char *words, const char *answer) {
    struct process *p = process_start(t, "flow-balancer %s -n @", words);
    process_expect(t, p, EXIT_DONE);
    if (strstr(process_output(t, p), answer) == NULL)
        fail_msg("%s: '%s' is not in: %s", words, answer, t->text);
}

static void copies_are_added_drained_restarted_and_stopped(void **state) {
    struct test *t = *state;
    struct process *run = start_attached(
        t, "start -n @ -r t.pcap --report out.json --drain-timeout 1 -w 2 " FOREVER, WORKER);
    process_expect(t, run, EXIT_DONE);
    command(t, "add", "worker 2 of ");
    pid_t pid = ready_pid(t, 1);
    command(t, "restart 1", "worker 1 of ");
    assert_true(is_gone(pid));
    pid = ready_pid(t, 0);
    command(t, "drain 0", "worker 0 of ");
    UNTIL(t, worker_is(t, t->name, 0, "lost"));
    UNTIL(t, is_gone(pid));
    pause_ms(700); /* two looks of the supervisor at what the dispatcher wants */
    assert_int_equal(ready_pid(t, 0), 0);
    command(t, "add", "worker 0 of ");
    command(t, "restart all", "worker 2 of ");
    command(t, "status", "worker state");
    command(t, "stop", "");
    assert_int_equal(alive(t), 0);
    assert_int_equal(objects_of(t->name), 0);
    expect_balanced(report_of(t, "out.json"));
}

/* To most programs SIGHUP means that they are to end. */
static void a_reload_sends_them_no_signal(void **state) {
    struct test *t = *state;
    FILE *filter = fopen(file_in(t, "filter"), "we");
    assert_non_null(filter);
    assert_true(fputs("ip or ip6\n", filter) >= 0);
    assert_int_equal(fclose(filter), 0);
    struct process *run =
        start_attached(t, "start -n @ -r t.pcap --report out.json -w 1 -F filter " FOREVER, WORKER);
    process_expect(t, run, EXIT_DONE);
    pid_t pid = ready_pid(t, 0);
    command(t, "reload", "worker 0 of ");
    assert_non_null(strstr(t->text, "were not told"));
    assert_int_equal(ready_pid(t, 0), pid);
    expect_number(stat_of(t, t->name), "workers.0.self_reloads", 0);
    command(t, "stop", "");
}

/* Packets wait, and it is in no hurry: what is left is abandoned. */
static void a_second_signal_ends_those_that_do_not_leave(void **state) {
    struct test *t = *state;
    write_script(t, "stubborn",
                 "trap '' TERM\nflow-worker -n $1 -k $2 --inspector digest:30000\n"
                 "while :; do sleep 1; done\n");
    struct process *run = start_attached(t, RUN FOREVER "-w 1", "stubborn %n %k");
    UNTIL(t, ready_pid(t, 0) != 0);
    await_more(t, 10);
    process_signal(run, SIGTERM);
    pause_ms(1200);
    process_signal(run, SIGTERM);
    expect_ended(t, run, EXIT_RUNTIME);
    expect_said(t, run, "worker 0 did not leave by itself: SIGKILL");
    expect_balanced(report_of(t, "out.json"));
}

static void none_outlives_a_supervisor_that_is_killed(void **state) {
    struct test *t = *state;
    write_script(t, "leader", leader);
    struct process *run = start_attached(t, RUN FOREVER "-w 2", "leader %n %k %r");
    UNTIL(t, ready_pid(t, 1) != 0);
    await_more(t, 1000);
    process_signal(run, SIGKILL);
    process_expect(t, run, 128 + SIGKILL);
    UNTIL(t, alive(t) == 0);
    expect_balanced(report_of(t, "out.json"));
}

/* ---- programs that use libpcap */

static void skip_without(const struct test *t, const char *program) {
    char path[2 * PROCESS_PATH_MAX];
    snprintf(path, sizeof path, "%s/libflowbalancer-pcap.so", t->programs);
    if (access(path, R_OK) != 0)
        SKIP("this build has no libflowbalancer-pcap.so");
    snprintf(path, sizeof path, "command -v %s >/dev/null", program);
    if (system(path) != 0) { /* NOLINT(cert-env33-c) */
        print_message("no %s in PATH\n", program);
        skip();
    }
}

static void copies_of_tcpdump_write_what_there_is_between_them(void **state) {
    struct test *t = *state;
    struct content wanted = {0}, found = {0};
    skip_without(t, "tcpdump");
    struct process *run = start_attached(t, RUN "-w 2", "tcpdump -i %d -U -w part-%k-%r.pcap");
    expect_ended(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
    content_add(&wanted, file_in(t, "t.pcap"));
    assert_int_equal(content_add_all(&found, t, "", "part"), 2);
    expect_same_content(&wanted, &found);
}

/* It is dumpcap, a child of tshark, that has the number. */
static void tshark_is_replaced_when_the_child_dies_that_captures_for_it(void **state) {
    struct test *t = *state;
    skip_without(t, "tshark");
    struct process *run =
        start_attached(t, RUN FOREVER "--speed 0.1 -w 1", "tshark -q -i %d -w part-%k-%r.pcapng");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    await_more(t, 100);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 0, pid));
    assert_true(file_exists(t, "part-0-1.pcapng"));
    await_more(t, 100);
    stop(t, run);
    expect_balanced(report_of(t, "out.json"));
    assert_in_range(number_at(t->report, "redelivered"), 0, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ATTACH_TEST(copies_share_the_packets_and_end_with_the_file),
        ATTACH_TEST(a_copy_that_is_killed_is_replaced_and_other_flows_stay),
        ATTACH_TEST(a_copy_that_leaves_by_itself_is_replaced),
        ATTACH_TEST(what_a_killed_leader_leaves_is_ended_and_its_number_is_served_again),
        ATTACH_TEST(the_death_of_the_one_that_has_the_number_ends_with_its_leader),
        ATTACH_TEST(a_leader_that_goes_on_without_its_number_is_ended),
        ATTACH_TEST(a_leader_may_open_its_number_again),
        ATTACH_TEST(one_that_goes_to_the_background_is_ended_and_told_not_to),
        ATTACH_TEST(one_that_dies_immediately_is_given_up_and_the_run_ends_with_1),
        ATTACH_TEST(one_number_that_is_given_up_leaves_its_flows_to_the_others),
        ATTACH_TEST(what_cannot_work_is_refused_before_anything_is_started),
        ATTACH_TEST(copies_are_added_drained_restarted_and_stopped),
        ATTACH_TEST(a_reload_sends_them_no_signal),
        ATTACH_TEST(a_second_signal_ends_those_that_do_not_leave),
        ATTACH_TEST(none_outlives_a_supervisor_that_is_killed),
        ATTACH_TEST(copies_of_tcpdump_write_what_there_is_between_them),
        ATTACH_TEST(tshark_is_replaced_when_the_child_dies_that_captures_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
