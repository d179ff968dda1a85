/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that stop going on: computing for ever, stopped from outside, or only slow. */
#include "tests/lib/feed.h"
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_PACKETS 10000
#define OPTIONS                                                                                    \
    "-n @ -r t.pcap -w 2 --ring-depth 500 --timeout all=never --hang 0.5 --report out.json "
#define FOREVER "--loop 1000000 "

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
}

static json_int_t expect_nothing_lost(const json_t *report, json_int_t redelivered) {
    json_int_t received = number_at(report, "ledger.received");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", received);
    assert_in_range(number_at(report, "redelivered"), 0, redelivered);
    assert_int_equal(sum_of_workers(report, "hangs"), 1);
    assert_int_equal(sum_of_workers(report, "restarts"), 1);
    return received;
}

static void a_worker_that_computes_for_ever_is_killed_and_replaced(void **state) {
    struct test *t = *state;
    make_trace(t);
    let_workers_fail(t);
    struct process *run = process_start(t, "flow-balancer run " OPTIONS
                                           "--failover never --inspector fault:rec,hang@300!");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "hangs: packets wait and it finished nothing for 0.5 s");
    expect_said(t, run, "was revoked and still runs: SIGKILL");
    const json_t *report = report_of(t, "out.json");
    assert_int_equal(expect_nothing_lost(report, 1), TRACE_PACKETS);
    expect_number(report, "redelivered", 1);
    expect_recorded(t, TRACE_PACKETS, 1);
}

#define BURST_MOST 32u /* packets that a worker takes together */

/* Every frame, and of the liar's burst some twice, by that number: where it stood is its own word.
 */
static void expect_recorded_by_a_liar(struct test *t) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    uint64_t frame = 0;
    for (size_t i = 0; i < records.count; i++) {
        if (i != 0 && records.rows[i].frame == frame)
            assert_int_equal(records.rows[i].worker, records.rows[i - 1].worker);
        else
            assert_int_equal(records.rows[i].frame, ++frame);
    }
    assert_int_equal(frame, TRACE_PACKETS);
    assert_in_range(records.count, TRACE_PACKETS, TRACE_PACKETS + BURST_MOST);
    records_free(&records);
}

/* Of its burst no packet is the last: what moves there gets on with nothing. */
static void a_worker_that_only_moves_its_cursor_to_and_fro_is_killed_and_replaced(void **state) {
    struct test *t = *state;
    make_trace(t);
    let_workers_fail(t);
    struct process *run =
        process_start(t, "flow-balancer run " OPTIONS "--failover never --inspector "
                         "fault:rec,to-and-fro@317!");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "hangs: packets wait and it finished nothing for 0.5 s");
    const json_t *report = report_of(t, "out.json");
    assert_int_equal(expect_nothing_lost(report, 1), TRACE_PACKETS);
    expect_recorded_by_a_liar(t);
}

static void a_stopped_worker_is_killed_and_replaced(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, "flow-balancer run " OPTIONS FOREVER
                                           "--failover never --inspector record:rec");
    pid_t stopped = 0;
    UNTIL(t, inspected(t) >= 1000 && (stopped = ready_pid(t, 1)) != 0);
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    UNTIL(t, is_back(t, 1, stopped));
    assert_int_not_equal(kill(stopped, 0), 0);
    await_more(t, 1000);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    json_int_t received = expect_nothing_lost(report, 1);
    expect_number(report, "workers.1.hangs", 1);
    expect_recorded(t, (uint64_t)received, 1);
}

/* ---- without a supervisor */

struct play {
    struct process *dispatcher, *workers[2];
};

/* Stops worker 1 in the middle of a run whose workers were started by hand. */
static void begin_and_stop_one(struct test *t, struct play *play, const char *options) {
    char said[64];
    make_trace(t);
    play->dispatcher = process_start(t, "flow-dispatcher " OPTIONS FOREVER "%s", options);
    for (unsigned k = 0; k < 2; k++)
        play->workers[k] = process_start(t, "flow-worker -n @ -k %u --inspector record:rec", k);
    UNTIL(t, inspected(t) >= 1000);
    process_signal(play->workers[1], SIGSTOP);
    snprintf(said, sizeof said, "worker 1 (pid %d) hangs", (int)play->workers[1]->pid);
    UNTIL(t, strstr(process_errors(t, play->dispatcher), said) != NULL);
    expect_said(t, play->dispatcher, "what started it has to kill it");
}

/* Wakes it when its number is another's, or its flows are. */
static void wake(struct test *t, struct process *stopped) {
    process_signal(stopped, SIGCONT);
    process_expect(t, stopped, EXIT_WORKER_REVOKED);
    expect_said(t, stopped, "revoked by the dispatcher");
}

static const json_t *finish(struct test *t, struct play *play, unsigned workers) {
    await_more(t, 1000);
    stop_run(t, play->dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < workers; k++)
        process_expect(t, play->workers[k], EXIT_DONE);
    return report_of(t, "out.json");
}

static long bytes_of(struct test *t, const char *name) {
    struct stat st;
    assert_int_equal(stat(file_in(t, name), &st), 0);
    return (long)st.st_size;
}

/*
 * Leaves the stopped process the rows it wrote until it was stopped, which are
 * `keep` bytes, and puts those of its number's next process behind them. What it
 * wrote when it went on is at most one row, of the frame that the next process
 * had first: returns how many.
 */
static size_t join_rows(struct test *t, long keep) {
    char row[512];
    uint64_t late_frame = 0;
    size_t late = 0;
    FILE *stopped = fopen(file_in(t, "rec/worker-1.tsv"), "r+e");
    FILE *next = fopen(file_in(t, "next/worker-1.tsv"), "re");
    assert_non_null(stopped);
    assert_non_null(next);
    assert_int_equal(fseek(stopped, keep, SEEK_SET), 0);
    for (; fgets(row, sizeof row, stopped) != NULL; late++)
        late_frame = strtoull(row, NULL, 10);
    assert_int_equal(ftruncate(fileno(stopped), keep), 0);
    assert_int_equal(fseek(stopped, keep, SEEK_SET), 0);
    for (size_t n = 0; fgets(row, sizeof row, next) != NULL; n++) {
        if (n == 0 && late != 0)
            assert_int_equal(late_frame, strtoull(row, NULL, 10));
        assert_true(fputs(row, stopped) >= 0);
    }
    assert_int_equal(fclose(stopped), 0);
    fclose(next);
    return late;
}

/*
 * One packet may be inspected twice. If the process was stopped behind its
 * inspection, the next one has it again, flagged. If it was stopped before, it
 * inspects it once more when it goes on, by its own copy of the descriptor, and leaves.
 */
static void a_stopped_process_that_goes_on_after_its_number_was_taken_over_leaves(void **state) {
    struct test *t = *state;
    struct play play;
    struct records records;
    begin_and_stop_one(t, &play, "--failover never");
    struct process *stopped = play.workers[1];
    long written = bytes_of(t, "rec/worker-1.tsv");
    UNTIL(t, worker_is(t, t->name, 1, "vacant"));
    play.workers[1] = process_start(t, "flow-worker -n @ -k 1 --inspector record:next");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    await_more(t, 1000);
    wake(t, stopped);
    const json_t *report = finish(t, &play, 2);
    json_int_t received = expect_nothing_lost(report, 1);
    size_t late = join_rows(t, written);
    records_read(&records, file_in(t, "rec"));
    size_t rows = records.count;
    assert_in_range(records_drop_redelivered(&records), 0, 1);
    assert_in_range(late + (rows - records.count), 0, 1);
    expect_frames_once(&records, (uint64_t)received);
    expect_flows_in_order(&records, false);
    records_free(&records);
}

/*
 * Stopped inside an inspection, until the ring has gone round several times: what it has of
 * the descriptor is its own, so no other frame number appears. Its bytes may be another
 * packet's by then.
 */
static void a_process_stopped_in_an_inspection_goes_on_with_its_own_frame(void **state) {
    struct test *t = *state;
    struct play play;
    make_trace(t);
    play.dispatcher = process_start(t, "flow-dispatcher " OPTIONS FOREVER "--failover never");
    play.workers[0] = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    play.workers[1] =
        process_start(t, "flow-worker-fault -n @ -k 1 --inspector fault:rec,stop@300");
    struct process *stopped = play.workers[1];
    UNTIL(t, worker_is(t, t->name, 1, "vacant"));
    long written = bytes_of(t, "rec/worker-1.tsv");
    play.workers[1] = process_start(t, "flow-worker -n @ -k 1 --inspector record:next");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    await_more(t, 10000);
    wake(t, stopped);
    expect_nothing_lost(finish(t, &play, 2), 1);
    assert_int_equal(join_rows(t, written), 1);
}

static void a_stopped_process_that_goes_on_after_its_flows_moved_leaves(void **state) {
    struct test *t = *state;
    struct play play;
    struct records records;
    begin_and_stop_one(t, &play, "--failover 200 --quarantine bad.pcap");
    UNTIL(t, worker_is(t, t->name, 1, "lost"));
    await_more(t, 1000);
    wake(t, play.workers[1]);
    const json_t *report = finish(t, &play, 1);
    expect_balanced(report);
    json_int_t received = number_at(report, "ledger.received");
    json_int_t quarantined = number_at(report, "ledger.quarantined");
    expect_number(report, "ledger.inspected", received - quarantined);
    expect_number(report, "failovers", 1);
    assert_in_range(quarantined, 0, 1);
    /* The suspect is in quarantine and in no other worker's hands, whether it was recorded or not.
     */
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    uint64_t wanted = 1, missing = 0;
    for (size_t i = 0; i < records.count; i++, wanted++) {
        missing += records.rows[i].frame == wanted + 1;
        wanted += records.rows[i].frame == wanted + 1;
        if (records.rows[i].frame != wanted)
            fail_msg("frame %u where %u was to come", (unsigned)records.rows[i].frame,
                     (unsigned)wanted);
    }
    assert_in_range(missing, 0, (size_t)quarantined);
    assert_int_equal(records.count + missing, received);
    records_free(&records);
}

/* ---- not hanging */

/* As docker pause, or a suspended machine: longer than a worker may stand still. */
static void a_freeze_of_everything_is_held_against_no_worker(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --ring-depth 500 --hang 2 "
                         "--timeout all=never --report out.json " FOREVER
                         "--failover never --inspector record:rec");
    pid_t all[4] = {0, 0, 0, run->pid};
    UNTIL(t, inspected(t) >= 1000 && (all[0] = ready_pid(t, 0)) != 0 &&
                 (all[1] = ready_pid(t, 1)) != 0);
    all[2] = process_of_dispatcher(t->name);
    /* Workers first and woken last: the dispatcher sees what it had seen, 3 s later. */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(kill(all[i], SIGSTOP), 0);
        if (i == 1)
            pause_ms(100);
    }
    pause_ms(3000);
    for (unsigned i = 4; i-- > 0;)
        assert_int_equal(kill(all[i], SIGCONT), 0);
    await_more(t, 1000);
    assert_int_equal(ready_pid(t, 0), all[0]);
    assert_int_equal(ready_pid(t, 1), all[1]);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    json_int_t received = number_at(report, "ledger.received");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", received);
    assert_int_equal(sum_of_workers(report, "hangs"), 0);
    assert_int_equal(sum_of_workers(report, "restarts"), 0);
    expect_recorded(t, (uint64_t)received, 0);
}

static void a_worker_that_is_slow_and_moves_is_left_alone(void **state) {
    enum { PACKETS = 14, PACKET_MS = 150 };
    struct test *t = *state;
    struct feed feed;
    char fault[64];
    let_workers_fail(t);
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, NULL);
    feed_flows(&feed, 0, 1, PACKETS);
    feed_close(&feed);
    /* Its ring is not empty for two seconds, twice what it may stand still. */
    snprintf(fault, sizeof fault, "fault:rec,slow=%u@%%1", PACKET_MS * 1000);
    struct process *run =
        process_start(t,
                      "flow-balancer run -n @ -r t.pcap -w 2 --hang 1 --report out.json "
                      "--timeout all=never --inspector %s",
                      fault);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, PACKETS);
    assert_int_equal(sum_of_workers(report, "hangs"), 0);
    assert_int_equal(sum_of_workers(report, "restarts"), 0);
    assert_true(json_real_value(value_at(report, "elapsed_s")) >
                PACKETS * PACKET_MS / 1000.0 - 0.2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_worker_that_computes_for_ever_is_killed_and_replaced),
        PROCESS_TEST(a_worker_that_only_moves_its_cursor_to_and_fro_is_killed_and_replaced),
        PROCESS_TEST(a_stopped_worker_is_killed_and_replaced),
        PROCESS_TEST(a_stopped_process_that_goes_on_after_its_number_was_taken_over_leaves),
        PROCESS_TEST(a_process_stopped_in_an_inspection_goes_on_with_its_own_frame),
        PROCESS_TEST(a_stopped_process_that_goes_on_after_its_flows_moved_leaves),
        PROCESS_TEST(a_freeze_of_everything_is_held_against_no_worker),
        PROCESS_TEST(a_worker_that_is_slow_and_moves_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
