/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RUN_STAGE_H
#define DISPATCHER_RUN_RUN_STAGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far a run is, and how long it may still take. Dispatcher only, one thread.
 *
 *             end of the input                      drained, or the time is over
 *   reading ------------------> ending -----+-------------------------------> drained
 *      |                          |         |
 *      | asked                    | asked   |
 *      +-----> stopping <---------+ --------+
 *                 |                         |
 *                 | signal again, or now    |
 *                 +-----> hurrying ---------+
 *
 * reading   frames are taken, or will be once workers are there
 * ending    no more is taken; the time to drain counts from the last packet finished
 * stopping  a stop was asked for: the time to drain counts from then
 * hurrying  there is no time: a second signal came, or a stop was asked for that says now
 * drained   the workers are told to leave
 *
 * A signal within STOP_SAME_NS of the first counts as the same: a service manager signals
 * the supervisor, which passes it on, and us. A request over the control socket never
 * hurries unless it says now: who asks for the second time waits for the same end.
 */
enum run_stage { RUN_READING, RUN_ENDING, RUN_STOPPING, RUN_HURRYING, RUN_DRAINED };

#define STOP_SAME_NS UINT64_C(1000000000)

struct run_stages {
    enum run_stage stage;
    uint64_t drain_ns;    /* how long draining may take */
    uint64_t deadline_ns; /* for draining; UINT64_MAX while reading */
    uint64_t signal_ns;   /* when the first signal was seen; 0: none was */
    unsigned signals;     /* signals that count as that one */
    uint64_t finished;    /* descriptors finished in all, when the deadline was last put off */
    bool hurried;         /* it has been hurrying */
};

/* A run that reads. */
void run_stage_init(struct run_stages *p, uint64_t drain_ns);

/* The input has ended, or nothing can come of going on. Nothing, if the run is ending already. */
void run_stage_end(struct run_stages *p, uint64_t now_ns);

/* What asked the run to stop until now. */
struct run_asked {
    unsigned signals;
    bool stop; /* over the control socket */
    bool now;  /* which said now */
};

/* Obeys it. Returns true if the run did not stop before, and does now. */
bool run_stage_ask(struct run_stages *p, const struct run_asked *asked, uint64_t now_ns);

/* Workers finished so many descriptors in all: more time, unless a stop was asked for. */
void run_stage_finished(struct run_stages *p, uint64_t finished, uint64_t now_ns);

/* The workers are told to leave. */
void run_stage_drained(struct run_stages *p);

/* The dispatcher did not run for so long. */
void run_stage_skip_time(struct run_stages *p, uint64_t gap_ns);

static inline bool run_stage_is_reading(const struct run_stages *p) {
    return p->stage == RUN_READING;
}

static inline bool run_stage_is_late(const struct run_stages *p, uint64_t now_ns) {
    return now_ns >= p->deadline_ns;
}

#endif
