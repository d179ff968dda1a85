/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RUN_TIMES_H
#define DISPATCHER_RUN_RUN_TIMES_H

#include <stdint.h>

/*
 * What the dispatcher's time goes into, so that an operator can be told what limits a run. Each
 * moment from the first mark on is in one of these, by wall clock, whether or not the
 * processor was the dispatcher's. Dispatcher only, one thread.
 *
 *   idle         no frame was there: the source gave all that it had
 *   reading      the source was read, and gave frames or went on with it
 *   dispatching  frames went from there into rings, and whatever else there is to do
 *   blocked      a packet waited: for room in a ring, or for any worker
 *
 * The clock is read once a burst more than without: after the source.
 */
enum run_time { RUN_TIME_IDLE, RUN_TIME_READING, RUN_TIME_DISPATCHING, RUN_TIME_BLOCKED };
#define RUN_TIMES 4u

/* All 0: nothing was marked. */
struct run_times {
    enum run_time doing; /* since since_ns */
    uint64_t since_ns;
    uint64_t spent_ns[RUN_TIMES];
};

/* Until now it did that. Returns how long, in nanoseconds; 0 with the first mark. */
static inline uint64_t run_times_mark(struct run_times *times, uint64_t now_ns) {
    uint64_t ns = times->since_ns != 0 ? now_ns - times->since_ns : 0;
    times->spent_ns[times->doing] += ns;
    times->since_ns = now_ns;
    return ns;
}

#endif
