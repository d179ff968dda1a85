/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Observers of every kind while workers are killed: in each snapshot the ledger balances, no
 * count of the run is smaller than it was, and the run ends as if there had been none. Also
 * shm/view/view.c, of an instance whose workers come and go.
 */
#include "tests/lib/process.h"

#include <signal.h>

#define OBSERVERS 4u
#define ROUNDS 12u
#define WORKERS 3u

static const char *const kinds[OBSERVERS] = {
    "flow-stat -n @ --json",
    "flow-stat -n @ --prometheus",
    "flow-stat -n @ -1 --interval 0.1",
    "flow-stat -n @ --history --json --last 3",
};

/* Counts that only grow. */
static const char *const growing[] = {
    "ledger.received",    "ledger.inspected",  "ledger.quarantined",   "flows.created",
    "run.dispatching_ns", "workers.0.packets", "workers.1.self_parks", "redelivered"};
#define GROWING (sizeof growing / sizeof *growing)

static void expect_report(struct test *t, const char *text, json_int_t before[GROWING]) {
    json_decref(t->report);
    t->report = json_loads(text, 0, NULL);
    assert_non_null(t->report);
    const json_t *ledger = value_at(t->report, "ledger");
    assert_true(json_is_true(value_at(ledger, "balanced")));
    json_int_t ended = number_at(ledger, "inspected") + number_at(ledger, "shunted") +
                       number_at(ledger, "quarantined") + number_at(ledger, "in_flight");
    expect_number(ledger, "received", ended); /* nothing is dropped */
    for (size_t i = 0; i < GROWING; i++) {
        bool is_of_process = strstr(growing[i], "self_") != NULL; /* begins again with the next */
        json_int_t now = number_at(t->report, growing[i]);
        if (!is_of_process && now < before[i])
            fail_msg("%s was %lld and is %lld", growing[i], (long long)before[i], (long long)now);
        before[i] = now;
    }
}

static const char *balanced_line(const struct test *t) {
    static char line[128];
    snprintf(line, sizeof line, "\nflow_balancer_ledger_balanced{balancer=\"%s\"} 1\n", t->name);
    return line;
}

/* What one observer saw. It may have looked just when a worker was killed, never in vain. */
static void expect_seen(struct test *t, struct process *p, unsigned kind,
                        json_int_t before[GROWING]) {
    process_expect(t, p, EXIT_DONE);
    const char *text = process_output(t, p);
    if (kind == 0)
        expect_report(t, text, before);
    else if (kind == 1)
        assert_non_null(strstr(text, balanced_line(t)));
    else if (kind == 2)
        assert_non_null(strstr(text, "packets/s"));
    else
        assert_non_null(strstr(text, "flow-balancer.history/1"));
    process_forget(t, p);
}

static void each_snapshot_balances_while_workers_are_killed(void **state) {
    struct test *t = *state;
    json_int_t before[GROWING] = {0};
    struct process *observers[OBSERVERS];
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 200000 --flows 3000"), EXIT_DONE);
    struct process *run =
        process_start(t,
                      "flow-balancer run -n @ -r t.pcap -w %u --loop 1000000 --inspector digest:2 "
                      "--report out.json",
                      WORKERS);
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") > 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < OBSERVERS; i++)
            observers[i] = process_start(t, "%s", kinds[i]);
        if (round % 3 == 0) {
            pid_t pid = process_of_worker(t->name, round / 3 % WORKERS);
            if (pid > 0)
                kill(pid, SIGKILL);
        }
        for (unsigned i = 0; i < OBSERVERS; i++)
            expect_seen(t, observers[i], i, before);
    }
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_ledger_balanced(report);
    assert_true(number_at(report, "ledger.received") >= before[0]);
    assert_in_range(sum_of_workers(report, "restarts"), 1, ROUNDS / 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_snapshot_balances_while_workers_are_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
