/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

pid_t ready_pid(struct test *t, unsigned worker) {
    char path[64];
    if (!worker_is(t, t->name, worker, "ready"))
        return 0;
    snprintf(path, sizeof path, "workers.%u.pid", worker);
    return (pid_t)number_at(t->report, path);
}

bool is_back(struct test *t, unsigned worker, pid_t before) {
    pid_t pid = ready_pid(t, worker);
    return pid != 0 && pid != before;
}

json_int_t inspected(struct test *t) {
    return stat_number(t, t->name, "ledger.inspected");
}

void await_more(struct test *t, json_int_t packets) {
    json_int_t before = inspected(t);
    UNTIL(t, inspected(t) >= before + packets);
}

void stop_run(struct test *t, struct process *run, int status) {
    process_signal(run, SIGTERM);
    process_expect(t, run, status);
}

/* In each process before its program. */
static void enter_with_programs(const struct test *t) {
    setenv("FB_BUILD", file_in(t, "programs"), 1);
}

void let_workers_be(struct test *t, const char *program) {
    const char *const programs[][2] = {{"flow-dispatcher", "flow-dispatcher"},
                                       {"flow-stat", "flow-stat"},
                                       {program, "flow-worker"}};
    assert_int_equal(mkdir(file_in(t, "programs"), 0700), 0);
    for (unsigned i = 0; i < 3; i++) {
        char from[2 * PROCESS_PATH_MAX], to[64];
        snprintf(from, sizeof from, "%s/%s", t->programs, programs[i][0]);
        snprintf(to, sizeof to, "programs/%s", programs[i][1]);
        assert_int_equal(symlink(from, file_in(t, to)), 0);
    }
    t->enter = enter_with_programs;
}

void let_workers_fail(struct test *t) {
    let_workers_be(t, "flow-worker-fault");
}

void expect_recorded_in(struct test *t, const char *directory, uint64_t last, size_t suspects) {
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, directory));
    trace_read(&trace, file_in(t, "t.pcap"));
    size_t again = records_drop_redelivered(&records);
    if (again > suspects)
        fail_msg("%zu packets came again, not at most %zu", again, suspects);
    expect_frames_once(&records, last);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

void expect_recorded(struct test *t, uint64_t last, size_t suspects) {
    expect_recorded_in(t, "rec", last, suspects);
}

size_t expect_recorded_moved(struct test *t, uint64_t last, unsigned lost) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    expect_frames_once(&records, last);
    size_t moved = expect_flows_moved_in_order(&records, lost);
    records_free(&records);
    return moved;
}
