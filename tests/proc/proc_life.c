/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that are added, drained and restarted while packets come. */
#include "tests/lib/feed.h"
#include "tests/lib/life.h"

#define FLOWS 100u
#define ALL_NEVER "--timeout all=never "
/* Fed packet by packet. */
#define FED "flow-balancer run -n @ -r - --report out.json --inspector record:rec "
/* A trace over and over, never paced: rings are full. */
#define LOADED                                                                                     \
    "flow-balancer run -n @ -r t.pcap --loop 1000000 --ring-depth 500 --report out.json "          \
    "--inspector record:rec " ALL_NEVER

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
}

static struct process *begin_fed(struct test *t, struct feed *feed, const char *options) {
    struct process *run = process_start_piped(t, FED "%s", options);
    feed_open(feed, t, "t.pcap", FEED_LINK_ETHERNET, run);
    UNTIL(t, ready_pid(t, 0) != 0);
    return run;
}

/* Runs a command of the script on the instance, which is to succeed and to say so. */
static void order(struct test *t, const char *command, const char *answer) {
    struct process *p = process_start(t, "flow-balancer %s -n @", command);
    process_expect(t, p, EXIT_DONE);
    if (strstr(process_output(t, p), answer) == NULL)
        fail_msg("%s: '%s' is not in: %s", command, answer, t->text);
}

/* How many flows began on a worker with a frame after `after`, up to `last`. */
static unsigned flows_begun(struct test *t, unsigned worker, uint64_t after, uint64_t last) {
    struct records records;
    unsigned count = 0;
    records_read(&records, file_in(t, "rec"));
    for (size_t i = 0; i < records.count; i++) {
        const struct record *row = &records.rows[i];
        count += row->worker == worker && (row->flags & RECORD_START) != 0 && row->frame > after &&
                 row->frame <= last;
    }
    records_free(&records);
    return count;
}

/* All was inspected by processes that left cleanly; whose flows moved had their bytes in two
 * rings. */
static json_int_t expect_served(const json_t *report) {
    json_int_t received = number_at(report, "ledger.received");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", received);
    assert_int_equal(sum_of_workers(report, "self_packets"), received);
    expect_number(report, "redelivered", 0);
    return received;
}

/* ---- add */

static void an_added_worker_gets_new_flows_and_no_old_ones(void **state) {
    struct test *t = *state;
    struct feed feed;
    struct process *run = begin_fed(t, &feed, "-w 2 --max-workers 4 " ALL_NEVER);
    feed_flows(&feed, 0, FLOWS, 2);
    await_fed(t, &feed);
    uint64_t before = feed.frames;
    order(t, "add", "worker 2 of ");
    assert_true(worker_is(t, t->name, 2, "ready"));
    assert_true(worker_is(t, t->name, 3, "absent"));
    feed_flows(&feed, 0, 4 * FLOWS, 2);
    await_fed(t, &feed);
    order(t, "add", "worker 3 of ");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--max-workers at the start gives more",
                   "flow-balancer add -n @");
    feed_close(&feed);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, (json_int_t)feed.frames);
    expect_number(report, "failovers", 0);
    expect_recorded(t, feed.frames, 0);
    /* A third of them is its share; half of that is told from none. */
    assert_in_range(flows_begun(t, 2, before, feed.frames), FLOWS / 2, 3 * FLOWS);
}

/* There are numbers for that, and they have no ring before. */
static void a_worker_can_be_added_to_any_run(void **state) {
    struct test *t = *state;
    struct feed feed;
    struct process *run = begin_fed(t, &feed, "-w 2 " ALL_NEVER);
    feed_flows(&feed, 0, FLOWS, 2);
    await_fed(t, &feed);
    assert_int_equal(objects_of(t->name), 8); /* ctl, history, three of each worker */
    assert_int_equal(json_array_size(value_at(stat_of(t, t->name), "workers")), 2);
    EXPECT_REFUSED(t, EXIT_NOTHING_TO_CLAIM, "no free worker number", "flow-worker -n @");
    order(t, "add", "worker 2 of ");
    assert_int_equal(objects_of(t->name), 11);
    assert_int_equal(json_array_size(value_at(stat_of(t, t->name), "workers")), 3);
    feed_flows(&feed, FLOWS, 4 * FLOWS, 2);
    await_fed(t, &feed);
    order(t, "drain 2", "worker 2 of ");
    order(t, "restart all", "worker 1 of ");
    feed_close(&feed);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_served(report);
    assert_true(number_at(report, "workers.2.packets") > 0);
}

static void without_a_supervisor_add_says_what_to_do(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(
        t, "flow-dispatcher -n @ -r - -w 1 --max-workers 2 --report out.json " ALL_NEVER);
    struct process *workers[2];
    struct feed feed;
    char fix[128];
    workers[0] = process_start(t, "flow-worker -n @ -k 0");
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, dispatcher);
    UNTIL(t, worker_is(t, t->name, 0, "ready"));
    snprintf(fix, sizeof fix, "start it yourself: flow-worker -n %s -k 1", t->name);
    EXPECT_REFUSED(t, EXIT_RUNTIME, fix, "flow-balancer add -n @");
    workers[1] = process_start(t, "flow-worker -n @ -k 1");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    feed_flows(&feed, 0, FLOWS, 1);
    feed_close(&feed);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, FLOWS);
    assert_true(number_at(report, "workers.1.packets") > 0);
}

/* ---- drain */

static void a_drained_worker_leaves_when_its_flows_have_ended_and_nothing_moves(void **state) {
    struct test *t = *state;
    struct feed feed;
    struct process *run = begin_fed(t, &feed, "-w 2 --timeout all=2");
    feed_flows(&feed, 0, FLOWS, 1);
    await_fed(t, &feed);
    assert_true(flows_begun(t, 0, 0, feed.frames) > 0);
    order(t, "drain 0", "worker 0 of ");
    uint64_t drained_at = feed.frames;
    /* Its flows go on there, new ones do not come. */
    feed_flows(&feed, 0, 2 * FLOWS, 2);
    await_fed(t, &feed);
    assert_true(worker_is(t, t->name, 0, "draining"));
    for (unsigned second = 0; second < 4; second++) {
        feed.time_ns += UINT64_C(1000000000);
        feed_flows(&feed, FLOWS, 2 * FLOWS, 1);
    }
    await_fed(t, &feed);
    UNTIL(t, worker_is(t, t->name, 0, "absent"));
    UNTIL(t, process_of_worker(t->name, 0) == 0);
    pause_ms(700); /* two looks of the supervisor at what the dispatcher wants */
    assert_int_equal(process_of_worker(t->name, 0), 0);
    uint64_t added_at = feed.frames;
    order(t, "add", "worker 0 of ");
    feed_flows(&feed, 2 * FLOWS, 3 * FLOWS, 1);
    feed_close(&feed);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    assert_int_equal(expect_served(report), feed.frames);
    expect_number(report, "failovers", 0);
    expect_number(report, "workers.0.removed", 0);
    expect_recorded(t, feed.frames, 0);
    assert_int_equal(flows_begun(t, 0, drained_at, added_at), 0);
    assert_true(flows_begun(t, 0, added_at, feed.frames) > 0);
}

static void at_the_drain_timeout_the_flows_of_a_full_ring_move_in_order(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, LOADED "-w 3 --drain-timeout 1");
    UNTIL(t, inspected(t) >= 1000);
    order(t, "drain 1", "worker 1 of ");
    UNTIL(t, worker_is(t, t->name, 1, "lost"));
    await_more(t, 1000);
    pause_ms(700);
    assert_int_equal(process_of_worker(t->name, 1), 0);
    order(t, "add", "worker 1 of ");
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    uint64_t received = (uint64_t)expect_served(report);
    expect_number(report, "failovers", 1);
    expect_said(t, run, "flow-dispatcher: info: worker 1 is drained: ");
    assert_null(strstr(t->text, "is lost"));
    assert_true(number_at(report, "workers.1.removed") > 0);
    expect_number(report, "workers.0.removed", 0);
    assert_true(expect_recorded_moved(t, received, 1) > 10);
}

static void what_cannot_be_drained_or_restarted_is_refused(void **state) {
    struct test *t = *state;
    struct feed feed;
    static const char *const misspelt[] = {"drain all", "drain 1.5", "restart none", "restart 1x"};
    for (unsigned i = 0; i < sizeof misspelt / sizeof *misspelt; i++) {
        EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "is no worker number", "flow-balancer %s -n @",
                       misspelt[i]);
        processes_forget(t); /* one with this status ends every wait */
    }
    EXPECT_REFUSED(t, EXIT_RUNTIME, "no instance", "flow-balancer drain 0 -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "no instance", "flow-balancer restart all -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "no instance", "flow-balancer add -n @");
    struct process *run = begin_fed(t, &feed, "-w 1 --max-workers 2 " ALL_NEVER);
    pid_t pid = ready_pid(t, 0);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "it is the only one that is ready: add another first",
                   "flow-balancer drain 0 -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "it has no worker", "flow-balancer drain 1 -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME,
                   "': drain 2: there is no such worker: give a number from 0 to 1",
                   "flow-balancer drain 2 -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "it has no worker: add starts one",
                   "flow-balancer restart 1 -n @");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "has no worker number 2", "flow-balancer restart 2 -n @");
    feed_flows(&feed, 0, FLOWS, 1);
    await_fed(t, &feed);
    assert_int_equal(ready_pid(t, 0), pid);
    feed_close(&feed);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), FLOWS);
}

/* ---- restart */

static void after_a_restart_flows_go_on_mid_stream_on_their_number(void **state) {
    struct test *t = *state;
    struct feed feed;
    struct records records;
    struct process *run = begin_fed(t, &feed, "-w 2 " ALL_NEVER);
    pid_t pids[2] = {0};
    feed_flows(&feed, 0, FLOWS, 2);
    await_fed(t, &feed);
    for (unsigned k = 0; k < 2; k++)
        UNTIL(t, (pids[k] = ready_pid(t, k)) != 0);
    order(t, "restart 0", "worker 0 of ");
    assert_true(is_back(t, 0, pids[0]));
    feed_flows(&feed, 0, FLOWS, 2);
    await_fed(t, &feed);
    assert_int_equal(ready_pid(t, 1), pids[1]);
    feed_close(&feed);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    assert_int_equal(expect_served(report), 4 * FLOWS);
    expect_number(report, "failovers", 0);
    expect_number(report, "workers.0.restarts", 1);
    expect_number(report, "workers.1.restarts", 0);
    expect_recorded(t, feed.frames, 0);
    records_read(&records, file_in(t, "rec"));
    for (size_t i = 0; i < records.count; i++) {
        const struct record *row = &records.rows[i];
        if (((row->flags & RECORD_MID_STREAM) != 0) != (row->worker == 0 && row->seq == 2))
            fail_msg("worker %u, frame %u, sequence %u: flags %#x", row->worker,
                     (unsigned)row->frame, row->seq, row->flags);
    }
    records_free(&records);
}

/* How many of the numbers 0 to `workers` - 1 have no worker that is ready. */
static unsigned count_away(struct test *t, unsigned workers) {
    const json_t *report = stat_of(t, t->name);
    unsigned away = 0;
    assert_non_null(report);
    for (unsigned k = 0; k < workers; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.state", k);
        away += strcmp(text_at(report, path), "ready") != 0;
    }
    return away;
}

static void restart_all_replaces_one_at_a_time_and_loses_nothing(void **state) {
    enum { WORKERS = 3 };
    struct test *t = *state;
    pid_t pids[WORKERS];
    unsigned most = 0;
    make_trace(t);
    struct process *run = process_start(t, LOADED "-w %d --failover never", WORKERS);
    UNTIL(t, inspected(t) >= 1000);
    for (unsigned k = 0; k < WORKERS; k++)
        UNTIL(t, (pids[k] = ready_pid(t, k)) != 0);
    struct process *restart = process_start(t, "flow-balancer restart all -n @");
    for (double end = seconds_now() + PROCESS_DEADLINE_S; !process_ended(t, restart);) {
        unsigned away = count_away(t, WORKERS);
        most = away > most ? away : most;
        pause_or_fail(t, end, "the end of restart all");
    }
    process_expect(t, restart, EXIT_DONE);
    assert_int_equal(most, 1);
    for (unsigned k = 0; k < WORKERS; k++)
        assert_true(is_back(t, k, pids[k]));
    await_more(t, 1000);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_recorded(t, (uint64_t)expect_served(report), 0);
    expect_number(report, "failovers", 0);
    assert_int_equal(sum_of_workers(report, "restarts"), WORKERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(an_added_worker_gets_new_flows_and_no_old_ones),
        PROCESS_TEST(a_worker_can_be_added_to_any_run),
        PROCESS_TEST(without_a_supervisor_add_says_what_to_do),
        PROCESS_TEST(a_drained_worker_leaves_when_its_flows_have_ended_and_nothing_moves),
        PROCESS_TEST(at_the_drain_timeout_the_flows_of_a_full_ring_move_in_order),
        PROCESS_TEST(what_cannot_be_drained_or_restarted_is_refused),
        PROCESS_TEST(after_a_restart_flows_go_on_mid_stream_on_their_number),
        PROCESS_TEST(restart_all_replaces_one_at_a_time_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
