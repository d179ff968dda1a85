/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings of a few packets and more workers than cores, some of which are killed: nothing
 * stops. */
#include "tests/lib/life.h"

#include <signal.h>
#include <unistd.h>

#define WORKERS 6u
#define KILLS 4u

/* Runs without end while workers are killed, one after the other, each once. */
static const json_t *run_small(struct test *t, unsigned depth, const char *options) {
    struct process *run =
        process_start(t,
                      "flow-balancer run -n @ -r t.pcap --loop 1000000 -w %u --ring-depth %u "
                      "--timeout all=never --inspector record:rec --report out.json %s",
                      WORKERS, depth, options);
    UNTIL(t, inspected(t) >= 100);
    for (unsigned k = 0; k < KILLS; k++) {
        pid_t pid = 0;
        UNTIL(t, (pid = ready_pid(t, k)) != 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        await_more(t, 100); /* by the others, or when it is back */
        UNTIL(t, is_back(t, k, pid));
    }
    await_more(t, 1000);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    for (unsigned k = 0; k < WORKERS; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.max_backlog", k);
        assert_in_range(number_at(report, path), 0, depth);
    }
    return report;
}

static void forget(struct test *t) {
    for (unsigned k = 0; k < WORKERS; k++) {
        char name[32];
        snprintf(name, sizeof name, "rec/worker-%u.tsv", k);
        unlink(file_in(t, name));
    }
    processes_forget(t);
}

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 300"), EXIT_DONE);
}

static const unsigned depths[] = {2, 8, 32};
#define DEPTHS (sizeof depths / sizeof *depths)

static void a_lossless_run_through_small_rings_survives_kills(void **state) {
    struct test *t = *state;
    make_trace(t);
    for (unsigned i = 0; i < DEPTHS; i++) {
        const json_t *report = run_small(t, depths[i], "--failover never");
        json_int_t received = number_at(report, "ledger.received");
        expect_number(report, "ledger.inspected", received);
        assert_int_equal(sum_of_workers(report, "restarts"), KILLS);
        expect_recorded(t, (uint64_t)received, KILLS);
        forget(t);
    }
}

/* Each frame that was not dropped once, the flows in order over all workers that had them. */
static void expect_moved(struct test *t, json_int_t inspected) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    for (size_t i = 1; i < records.count; i++)
        if (records.rows[i].frame == records.rows[i - 1].frame)
            fail_msg("frame %u came to workers %u and %u", (unsigned)records.rows[i].frame,
                     records.rows[i - 1].worker, records.rows[i].worker);
    /* A process may have recorded what it was killed in, which then lies in quarantine. */
    assert_in_range(records.count, inspected, inspected + KILLS);
    records_free(&records);
}

static void a_lossless_run_through_small_rings_moves_the_flows_of_the_killed(void **state) {
    struct test *t = *state;
    make_trace(t);
    for (unsigned i = 0; i < DEPTHS; i++) {
        const json_t *report = run_small(t, depths[i], "--failover 0");
        json_int_t quarantined = number_at(report, "ledger.quarantined");
        json_int_t served = number_at(report, "ledger.inspected");
        assert_in_range(quarantined, 0, KILLS);
        expect_number(report, "ledger.received", served + quarantined);
        assert_in_range(number_at(report, "failovers"), 1, KILLS);
        expect_moved(t, served);
        forget(t);
    }
}

static void a_run_that_drops_goes_on_through_small_rings_and_kills(void **state) {
    struct test *t = *state;
    make_trace(t);
    for (unsigned i = 0; i < DEPTHS; i++) {
        struct records records;
        const json_t *report = run_small(t, depths[i], "--failover never --on-full drop");
        json_int_t dropped = number_at(report, "ledger.dropped.ring_full");
        assert_true(dropped > 0);
        expect_number(report, "ledger.received", number_at(report, "ledger.inspected") + dropped);
        records_read(&records, file_in(t, "rec"));
        assert_in_range(records_drop_redelivered(&records), 0, KILLS);
        assert_in_range(expect_flows_in_order(&records, true), 1, dropped);
        assert_int_equal(records.count, number_at(report, "ledger.inspected"));
        records_free(&records);
        forget(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_lossless_run_through_small_rings_survives_kills),
        PROCESS_TEST(a_lossless_run_through_small_rings_moves_the_flows_of_the_killed),
        PROCESS_TEST(a_run_that_drops_goes_on_through_small_rings_and_kills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
