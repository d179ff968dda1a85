/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that die in the middle of a run: workers, the dispatcher, the
 * supervisor. The runs are never paced, so rings are full and a worker that is
 * killed almost always has a packet in its hands.
 */
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_PACKETS 10000
#define FOREVER "--loop 1000000 "
/* The supervisor restarts; how long that takes on a busy machine decides nothing. */
#define RUN                                                                                        \
    "flow-balancer run -n @ -r t.pcap --timeout all=never --failover never --report out.json "

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
}

static bool is_under_way(struct test *t, json_int_t packets) {
    return stat_number(t, t->name, "ledger.inspected") >= packets;
}

/* Kills the process of a number as soon as it is ready; returns its pid. */
static pid_t kill_worker(struct test *t, unsigned worker, pid_t before) {
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, worker)) != 0 && pid != before);
    assert_int_equal(kill(pid, SIGKILL), 0);
    return pid;
}

/* All was inspected in the end, whichever died; the dead do not count for themselves. */
static void expect_nothing_lost(const json_t *report, json_int_t kills) {
    expect_balanced(report);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    assert_int_equal(sum_of_workers(report, "restarts"), kills);
    assert_in_range(number_at(report, "redelivered"), 0, kills);
}

/* ---- workers */

static void a_killed_worker_is_replaced_and_the_run_ends_whole(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN "--loop 40 -w 3 --inspector record:rec");
    UNTIL(t, is_under_way(t, 1000));
    pid_t killed = kill_worker(t, 1, 0);
    UNTIL(t, is_back(t, 1, killed));
    char back[64];
    snprintf(back, sizeof back, "worker 1 is back (pid %d) after ",
             (int)number_at(t->report, "workers.1.pid"));
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "worker 1 crashed: signal 9 (SIGKILL)");
    expect_said(t, run, back);
    const json_t *report = report_of(t, "out.json");
    expect_nothing_lost(report, 1);
    expect_number(report, "ledger.received", 40 * TRACE_PACKETS);
    expect_number(report, "workers.1.restarts", 1);
    expect_recorded(t, 40 * TRACE_PACKETS, 1);
}

static void five_kills_of_one_worker_move_no_flow_and_lose_no_packet(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 2 --inspector record:rec");
    pid_t killed = 0;
    for (unsigned i = 0; i < 5; i++)
        killed = kill_worker(t, 0, killed);
    UNTIL(t, is_back(t, 0, killed));
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_nothing_lost(report, 5);
    expect_recorded(t, (uint64_t)number_at(report, "ledger.received"),
                    (size_t)number_at(report, "redelivered"));
}

static void twenty_kills_at_random_among_four_workers_lose_nothing(void **state) {
    struct test *t = *state;
    enum { KILLS = 20, WORKERS = 4 };
    make_trace(t);
    struct process *run =
        process_start(t, RUN FOREVER "-w 4 --ring-depth 500 --inspector digest:20");
    /* Five of each, below the limit of eight in ten seconds, in an order that the seed chooses. */
    unsigned order[KILLS], seed = 20;
    pid_t last[WORKERS] = {0};
    for (unsigned i = 0; i < KILLS; i++)
        order[i] = i % WORKERS;
    for (unsigned i = KILLS - 1; i > 0; i--) {
        unsigned j = (unsigned)rand_r(&seed) % (i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    for (unsigned i = 0; i < KILLS; i++) {
        last[order[i]] = kill_worker(t, order[i], last[order[i]]);
        pause_ms(rand_r(&seed) % 30);
    }
    for (unsigned k = 0; k < WORKERS; k++)
        UNTIL(t, is_back(t, k, last[k]));
    json_int_t before = stat_number(t, t->name, "ledger.inspected");
    UNTIL(t, is_under_way(t, before + 1000));
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_nothing_lost(report, KILLS);
    for (unsigned k = 0; k < WORKERS; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.restarts", k);
        expect_number(report, path, KILLS / WORKERS);
    }
}

static void a_worker_started_by_hand_goes_on_where_the_killed_one_was(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 2 --timeout all=never "
                         "--failover never --report out.json");
    struct process *workers[2];
    for (unsigned k = 0; k < 2; k++)
        workers[k] = process_start(t, "flow-worker -n @ -k %u --inspector record:rec", k);
    UNTIL(t, is_under_way(t, 1000));
    process_signal(workers[1], SIGKILL);
    process_expect(t, workers[1], 128 + SIGKILL);
    UNTIL(t, worker_is(t, t->name, 1, "vacant"));
    /* Its flows wait for its number: who takes the first free number must not get it. */
    struct process *any = process_start(t, "flow-worker -n @");
    process_expect(t, any, EXIT_NOTHING_TO_CLAIM);
    workers[1] = process_start(t, "flow-worker -n @ -k 1 --inspector record:rec");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    stop_run(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_nothing_lost(report, 1);
    expect_recorded(t, (uint64_t)number_at(report, "ledger.received"), 1);
}

/* ---- workers that do not come back */

/* All was inspected but for packets in quarantine, whose flows' workers died in them. */
static void expect_all_but_quarantined(const json_t *report) {
    expect_balanced(report);
    assert_int_equal(number_at(report, "ledger.inspected") +
                         number_at(report, "ledger.quarantined"),
                     number_at(report, "ledger.received"));
}

static void a_worker_that_is_always_killed_is_given_up_and_its_flows_move(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 2 --inspector digest:5");
    UNTIL(t, is_under_way(t, 1000));
    for (double end = seconds_now() + PROCESS_DEADLINE_S; !worker_is(t, t->name, 1, "lost");) {
        pid_t pid = process_of_worker(t->name, 1);
        if (pid != 0)
            kill(pid, SIGKILL);
        pause_or_fail(t, end, "the loss of worker 1");
    }
    json_int_t before = stat_number(t, t->name, "ledger.inspected");
    UNTIL(t, is_under_way(t, before + 1000));
    /* The fix that the message names. */
    assert_int_equal(process_run(t, "flow-balancer add -n @"), EXIT_DONE);
    assert_true(worker_is(t, t->name, 1, "ready"));
    stop_run(t, run, EXIT_RUNTIME);
    expect_said(t, run, "worker 1 crashed 8 times within 10 s");
    const json_t *report = report_of(t, "out.json");
    expect_all_but_quarantined(report);
    expect_number(report, "failovers", 1);
    assert_in_range(number_at(report, "ledger.quarantined"), 0, 4);
}

/* ---- an output that cannot be written is not the fault of a packet */

static const struct rlimit short_files = {4096, RLIM_INFINITY}; /* some 70 packets */

static void enter_with_short_files(const struct test *t) {
    (void)t;
    setrlimit(RLIMIT_FSIZE, &short_files);
}

static json_int_t output_waits(struct test *t, unsigned worker) {
    char path[64];
    snprintf(path, sizeof path, "workers.%u.self_output_waits", worker);
    return stat_number(t, t->name, path);
}

/* For several times --hang, and no packet is suspected of anything. */
static void a_worker_that_cannot_write_waits_and_goes_on(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher = process_start(
        t, "flow-dispatcher -n @ -r t.pcap -w 1 --hang 0.3 --timeout all=never --report out.json");
    t->enter = enter_with_short_files;
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    t->enter = NULL;
    /* With the pauses before they grew to 100 ms: a second and more. */
    UNTIL(t, output_waits(t, 0) >= 20);
    pid_t pid = (pid_t)number_at(t->report, "workers.0.pid");
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &unlimited, NULL), 0);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_said(t, worker, "inspector record: cannot write rec/worker-0.tsv: File too large");
    expect_said(t, worker, "inspector record: rec/worker-0.tsv can be written again");
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, TRACE_PACKETS);
    expect_number(report, "redelivered", 0);
    expect_number(report, "workers.0.hangs", 0);
    expect_recorded(t, TRACE_PACKETS, 0);
}

/* Killed while it waits: its packet is not suspected, and its line is not there twice. */
static void a_worker_killed_while_it_waits_had_no_packet_in_its_hands(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --failover never --timeout all=never "
                         "--report out.json");
    t->enter = enter_with_short_files;
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    t->enter = NULL;
    UNTIL(t, output_waits(t, 0) >= 10); /* it is in a pause nearly all the time by now */
    process_signal(worker, SIGKILL);
    process_expect(t, worker, 128 + SIGKILL);
    process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    process_expect(t, dispatcher, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, TRACE_PACKETS);
    assert_in_range(number_at(report, "redelivered"), 0, 1);
    expect_recorded(t, TRACE_PACKETS, 1);
}

static void a_worker_that_cannot_write_leaves_when_it_is_asked_to(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher = process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER
                                                  "-w 1 --no-worker-timeout 1 --report out.json");
    t->enter = enter_with_short_files;
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    t->enter = NULL;
    UNTIL(t, output_waits(t, 0) >= 3);
    process_signal(worker, SIGTERM);
    process_expect(t, worker, EXIT_DONE);
    process_expect(t, dispatcher, EXIT_RUNTIME); /* no process comes instead */
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.quarantined", 0);
}

/* Under a supervisor also where there is a terminal: it is the supervisor that follows that. */
static void a_hangup_of_all_processes_leaves_every_worker_alone(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 2 --inspector count");
    UNTIL(t, is_under_way(t, 1000));
    pid_t pids[] = {process_of_dispatcher(t->name), process_of_worker(t->name, 0),
                    process_of_worker(t->name, 1)};
    for (unsigned i = 0; i < sizeof pids / sizeof *pids; i++)
        assert_true(pids[i] > 0 && kill(pids[i], SIGHUP) == 0);
    json_int_t before = stat_number(t, t->name, "ledger.inspected");
    UNTIL(t, is_under_way(t, before + 5000));
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_but_quarantined(report);
    assert_int_equal(sum_of_workers(report, "restarts"), 0);
    assert_int_equal(sum_of_workers(report, "self_mid_stream"), 0);
}

/* A terminal that is gone takes its run with it; who signals a whole service means reload. */
static void a_hangup_without_a_terminal_leaves_a_worker_alone(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 1 --report out.json");
    struct process *worker = process_start(t, "flow-worker -n @ --inspector count");
    UNTIL(t, is_under_way(t, 1000));
    for (unsigned i = 0; i < 3; i++) {
        process_signal(worker, SIGHUP);
        json_int_t before = stat_number(t, t->name, "ledger.inspected");
        UNTIL(t, is_under_way(t, before + 1000));
    }
    stop_run(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_number(report, "workers.0.restarts", 0);
    expect_number(report, "workers.0.self_mid_stream", 0);
}

static void a_worker_that_never_gets_ready_is_not_waited_for(void **state) {
    struct test *t = *state;
    make_trace(t);
    assert_int_equal(mkdir(file_in(t, "rec"), 0700), 0);
    assert_int_equal(mkdir(file_in(t, "rec/worker-1.tsv"), 0700), 0);
    struct process *run = process_start(t, RUN "-w 2 --start-timeout 600 --inspector record:rec");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "worker 1 crashed 8 times within 10 s");
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", TRACE_PACKETS);
    expect_number(report, "workers.1.packets", 0);
}

static void where_all_are_given_up_the_run_ends_immediately(void **state) {
    struct test *t = *state;
    make_trace(t);
    let_workers_fail(t);
    struct process *run =
        process_start(t, RUN "-w 2 --no-worker-timeout 600 --inspector fault:rec,fail@%%1");
    process_expect(t, run, EXIT_RUNTIME);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", 0);
    /* Two processes a packet, eight processes each. */
    assert_in_range(number_at(report, "ledger.quarantined"), 1, 8);
    assert_true(number_at(report, "ledger.dropped.no_worker") > 0);
}

static void without_a_supervisor_the_flows_of_a_dead_worker_move_at_failover(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 2 --timeout all=never "
                         "--failover 300 --report out.json");
    struct process *workers[2];
    for (unsigned k = 0; k < 2; k++)
        workers[k] = process_start(t, "flow-worker -n @ -k %u --inspector digest:5", k);
    UNTIL(t, is_under_way(t, 1000));
    process_signal(workers[1], SIGKILL);
    process_expect(t, workers[1], 128 + SIGKILL);
    UNTIL(t, worker_is(t, t->name, 1, "lost"));
    json_int_t before = stat_number(t, t->name, "ledger.inspected");
    UNTIL(t, is_under_way(t, before + 1000));
    /* Its number is free for any process that comes, and gets new flows. */
    workers[1] = process_start(t, "flow-worker -n @ --inspector digest:5");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    stop_run(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    expect_said(t, dispatcher, "worker 1 was not started again within 0.3 s");
    const json_t *report = report_of(t, "out.json");
    expect_all_but_quarantined(report);
    expect_number(report, "failovers", 1);
    expect_number(report, "workers.1.restarts", 1);
    expect_number(report, "workers.0.removed", 0);
    assert_in_range(number_at(report, "ledger.quarantined"), 0, 1);
}

/* 0 does not hold where kernel.core_pattern is a pipe; at 1 the kernel writes neither kind. */
static void a_worker_dumps_no_core_not_even_into_a_pipe(void **state) {
    struct test *t = *state;
    struct rlimit ours;
    assert_int_equal(getrlimit(RLIMIT_CORE, &ours), 0);
    if (ours.rlim_max == 0)
        SKIP("the limit of core dumps is 0 already, and cannot be raised to 1");
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 1");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    FILE *limits = fopen(path, "re");
    assert_non_null(limits);
    unsigned long soft = 0, hard = 0;
    int found = 0;
    while (found != 2 && fgets(line, sizeof line, limits) != NULL)
        found = sscanf(line, "Max core file size %lu %lu", &soft, &hard);
    fclose(limits);
    assert_int_equal(found, 2);
    assert_int_equal(soft, 1);
    assert_int_equal(hard, 1);
    stop_run(t, run, EXIT_DONE);
}

/* ---- the others */

static void a_killed_supervisor_leaves_nothing_behind(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 3");
    UNTIL(t, is_under_way(t, 1000));
    process_signal(run, SIGKILL);
    process_expect(t, run, 128 + SIGKILL);
    UNTIL(t, process_of_dispatcher(t->name) == 0);
    for (unsigned k = 0; k < 3; k++)
        UNTIL(t, process_of_worker(t->name, k) == 0);
    assert_int_equal(objects_of(t->name), 0);
    expect_balanced(report_of(t, "out.json"));
}

static void a_killed_dispatcher_is_status_1_and_nothing_stays(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, RUN FOREVER "-w 3 --inspector record:rec");
    UNTIL(t, is_under_way(t, 1000));
    pid_t dispatcher = process_of_dispatcher(t->name);
    assert_true(dispatcher > 1);
    assert_int_equal(kill(dispatcher, SIGKILL), 0);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "the dispatcher died: signal 9 (SIGKILL)");
    assert_int_equal(objects_of(t->name), 0);
    assert_string_equal(text_at(report_of(t, "out.json"), "dispatcher.state"), "died");
    /* Each worker has finished what was in its ring, in order. */
    struct records records;
    records_read(&records, file_in(t, "rec"));
    expect_flows_in_order(&records, false);
    assert_true(records.count >= 1000);
    records_free(&records);
}

/* ---- options */

static void write_config(struct test *t, const char *text) {
    FILE *file = fopen(file_in(t, "run.conf"), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void what_becomes_of_the_config_file_after_the_start_concerns_no_restart(void **state) {
    struct test *t = *state;
    make_trace(t);
    write_config(t, "workers = 2\nread = t.pcap\nloop = 1000000\ninspector = count\n"
                    "timeout = all=never\nfailover = never\nreport = out.json\nbpf = ip or ip6\n");
    struct process *run = process_start(t, "flow-balancer run -n @ --config run.conf");
    UNTIL(t, is_under_way(t, 1000));
    write_config(t, "wrokers = 3\n");
    pid_t killed = kill_worker(t, 1, 0);
    UNTIL(t, is_back(t, 1, killed));
    EXPECT_REFUSED(t, EXIT_RUNTIME, "run.conf:1: 'wrokers' is an option of no program",
                   "flow-balancer reload -n @");
    write_config(t, "bpf = ip\n"); /* reload reads the file, not what was at the start */
    process_expect(t, process_start(t, "flow-balancer reload -n @"), EXIT_DONE);
    expect_said(t, run, "reload: the filter is now \"ip\"");
    assert_int_equal(unlink(file_in(t, "run.conf")), 0);
    killed = kill_worker(t, 1, killed);
    UNTIL(t, is_back(t, 1, killed));
    stop_run(t, run, EXIT_DONE);
    expect_nothing_lost(report_of(t, "out.json"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_killed_worker_is_replaced_and_the_run_ends_whole),
        PROCESS_TEST(five_kills_of_one_worker_move_no_flow_and_lose_no_packet),
        PROCESS_TEST(twenty_kills_at_random_among_four_workers_lose_nothing),
        PROCESS_TEST(a_worker_started_by_hand_goes_on_where_the_killed_one_was),
        PROCESS_TEST(a_worker_that_is_always_killed_is_given_up_and_its_flows_move),
        PROCESS_TEST(a_worker_that_cannot_write_waits_and_goes_on),
        PROCESS_TEST(a_worker_killed_while_it_waits_had_no_packet_in_its_hands),
        PROCESS_TEST(a_worker_that_cannot_write_leaves_when_it_is_asked_to),
        PROCESS_TEST(a_hangup_of_all_processes_leaves_every_worker_alone),
        PROCESS_TEST(a_hangup_without_a_terminal_leaves_a_worker_alone),
        PROCESS_TEST(a_worker_that_never_gets_ready_is_not_waited_for),
        PROCESS_TEST(where_all_are_given_up_the_run_ends_immediately),
        PROCESS_TEST(without_a_supervisor_the_flows_of_a_dead_worker_move_at_failover),
        PROCESS_TEST(a_worker_dumps_no_core_not_even_into_a_pipe),
        PROCESS_TEST(a_killed_supervisor_leaves_nothing_behind),
        PROCESS_TEST(a_killed_dispatcher_is_status_1_and_nothing_stays),
        PROCESS_TEST(what_becomes_of_the_config_file_after_the_start_concerns_no_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
