/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LIFE_H
#define TESTS_LIB_LIFE_H

/* For tests of workers that come, go and break under the real programs. */

#include "tests/lib/process.h"
#include "tests/lib/records.h"

enum { EXIT_WORKER_REVOKED = 3 };

/* ---- the test's instance, as the dispatcher sees it */

/* The pid that serves a number; 0 if it is not ready. */
pid_t ready_pid(struct test *t, unsigned worker);
/* Whether a number is served again, by another process than before. */
bool is_back(struct test *t, unsigned worker, pid_t before);

/* Packets inspected so far; waits until so many more were. */
json_int_t inspected(struct test *t);
void await_more(struct test *t, json_int_t packets);

/* Ends a run by SIGTERM; it is to end with this status. */
void stop_run(struct test *t, struct process *run, int status);

/* Runs a command that fails with one line. */
#define EXPECT_REFUSED(t, status, part, ...)                                                       \
    do {                                                                                           \
        struct process *refused_ = process_start((t), __VA_ARGS__);                                \
        process_expect((t), refused_, (status));                                                   \
        expect_one_line_with((t), refused_, (part));                                               \
    } while (0)

/* From here on the supervisor's flow-worker is this program of the build. */
void let_workers_be(struct test *t, const char *program);

/* The same with flow-worker-fault, which fails as it is told. */
void let_workers_fail(struct test *t);

/* ---- what was recorded, of the trace t.pcap */

/* In a directory: each frame once, the suspects apart; each tuple on the worker it began on. */
void expect_recorded_in(struct test *t, const char *directory, uint64_t last, size_t suspects);
/* The same of the directory rec. */
void expect_recorded(struct test *t, uint64_t last, size_t suspects);
/* The same of rec where the flows of one worker went to others; returns how many did. */
size_t expect_recorded_moved(struct test *t, uint64_t last, unsigned lost);

#endif
