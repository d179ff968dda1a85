/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/doors.h"

#include <signal.h>

#include "tests/lib/life.h"

void make_door_trace(struct test *t) {
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets %d --flows 200 --rate 10000", DOOR_PACKETS),
        EXIT_DONE);
}

struct process *start_door(struct test *t, const char *inspector, const char *options) {
    char command[512];
    snprintf(command, sizeof command,
             "flow-balancer run -n @ -r t.pcap --timeout all=never --report out.json %s", options);
    return process_start_with(t, command, "--inspector", inspector);
}

json_int_t counter_of(const json_t *report, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "inspectors.%s", name);
    return number_at(report, path);
}

const json_t *expect_door_inspected(struct test *t) {
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", DOOR_PACKETS);
    expect_number(report, "ledger.quarantined", 0);
    return report;
}

json_int_t expect_six_killed(struct test *t, struct process *run) {
    for (unsigned i = 0; i < 6; i++) {
        pid_t pid = 0;
        await_more(t, 100);
        UNTIL(t, (pid = ready_pid(t, i % 2)) != 0);
        kill(pid, SIGKILL);
        UNTIL(t, is_back(t, i % 2, pid));
    }
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_int_equal(sum_of_workers(report, "restarts"), 6);
    return number_at(report, "redelivered");
}
