/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LIVE_H
#define TESTS_LIB_LIVE_H

/* Runs on a line of the test's own. For process tests. */

#include "tests/lib/netns.h"
#include "tests/lib/process.h"

#define WORKERS 4u

/* A dispatcher and its workers, by hand: the script takes longer to start them. */
struct live {
    struct process *dispatcher, *workers[WORKERS];
    unsigned count;
};

/* Enters a namespace with one line in it: what is sent on `sender` arrives at `tap`. */
void make_line(void);
/* How many frames have arrived at an end of a line. */
json_int_t arrived_at(const char *tap);

/* Starts both with these options, and with --report out.json. */
void start_live(struct test *t, struct live *live, unsigned workers, const char *inspector,
                const char *options);
/* From here on frames are taken; those that came before wait in the kernel's buffer. */
void await_running(struct test *t);
/* Waits until the dispatcher has taken or the kernel has dropped so many. */
void await_accounted(struct test *t, json_int_t frames);
/* Time enough for what has arrived to be read: after each snapshot the interfaces are. */
void await_snapshots(struct test *t, unsigned count);
/* Ends it; all processes are to succeed. Returns the report. */
const json_t *end_live(struct test *t, struct live *live);

/* What was sent was captured and inspected, all of it. */
void expect_none_lost(const json_t *report, json_int_t sent);

#endif
