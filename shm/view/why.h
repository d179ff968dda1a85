/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_WHY_H
#define SHM_VIEW_WHY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/names.h"

/*
 * flow-stat --why: what limits a run now, and by which figures that was judged.
 *
 *   why_look.c   looks at an instance for two seconds and writes down the facts
 *   why.c        judges them, and says it in sentences
 *   why_bursts.c looks back in the history for what a larger buffer would have held
 *
 * A run is a line of stages, each of which either waits for the one before it or is waited for:
 * so the limit is the last stage that another one waits for. Workers come before the
 * dispatcher, and the dispatcher before the capture: a dispatcher that waits for a full ring
 * drops frames too, but a faster dispatcher would not help. Who waits is measured, not guessed:
 * the dispatcher adds up what its time goes into and for which ring it waits, and a worker the
 * time that its output takes (counters.h).
 */

/* X(ID, name in the JSON) */
#define WHY_LIMITS(X)                                                                              \
    X(NOTHING, "none")                                                                             \
    X(CAPTURE, "capture")       /* the source: it loses frames or is slow to read */               \
    X(DISPATCHER, "dispatcher") /* it has no time left */                                          \
    X(WORKER, "worker")         /* some of the workers, while others have time */                  \
    X(WORKERS, "workers")       /* all of them */                                                  \
    X(PLACEMENT, "placement")   /* what is slow has its memory on another NUMA node */             \
    X(SINK, "sink")             /* workers wait for their output */                                \
    X(NO_WORKER, "no_worker")   /* there is none */

enum why_limit {
#define X(id, name) WHY_##id,
    WHY_LIMITS(X)
#undef X
        WHY_LIMIT_COUNT
};
extern const char *const why_limit_names[WHY_LIMIT_COUNT];

#define WHY_UNKNOWN (-1.0) /* of a share that cannot be known */

/* A worker that was ready all the time. Shares are of that time, 0 to 1. */
struct why_worker {
    unsigned number;
    double packets_per_s; /* inspected */
    double drops_per_s;   /* its ring was full */
    double full;          /* the dispatcher waited for room in its ring */
    double backlog;       /* mean of its packets in the ring, of the ring's depth */
    double output;        /* it waited for its output */
    double running;       /* it had a processor; or WHY_UNKNOWN */
    double queued;        /* it had to wait for one; or WHY_UNKNOWN */
    bool is_remote;       /* its ring is on another NUMA node */
};

struct why_facts {
    double seconds; /* that were looked at */
    bool is_live;   /* from interfaces, else from files */
    double received_per_s, kernel_drops_per_s, interface_drops_per_s, no_worker_per_s;
    double idle, reading, dispatching, blocked; /* of the dispatcher's time */
    double running, queued;                     /* as of a worker */
    double heartbeat_age_s;
    bool is_remote; /* the flow table is on another NUMA node than the dispatcher */
    unsigned workers_wanted, count;
    struct why_worker workers[FB_MAX_WORKERS];
};

#define WHY_TEXT_MAX 1024u

struct why_answer {
    enum why_limit limit;
    unsigned count; /* of the workers that are it; 0 where it is none of them */
    unsigned workers[FB_MAX_WORKERS];
    char text[WHY_TEXT_MAX]; /* sentences, for people */
};

/* Any process; no side effects. */
void why_judge(const struct why_facts *facts, struct why_answer *answer);

/* ---- what would have held the last burst */

#define WHY_BURSTS 2u         /* the kernel's buffer, and the ring that lost most */
#define WHY_BURST_MOST_S 10.0 /* what lasts so long is none */

/* The last time that packets were lost for want of room: so many in a row of samples. */
struct why_burst {
    double worker;      /* number; below 0: the kernel's buffer */
    double lost, worst; /* worst: in one second of them */
    double seconds, ago_s;
    double packet_bytes; /* mean, captured, of that time; 0: not known */
    const char *option;  /* that sets the size */
    double now, enough;  /* its value, and one with room for what was lost as well */
};

/*
 * Finds them in a history, flow-balancer.history/1. Returns how many there are. As much room as
 * was lost is always enough, since the buffer is emptied meanwhile; where it was full more than
 * once in that time, less would do. Samples are a second apart: two bursts within two of them are
 * one. Any process; no side effects.
 */
unsigned why_find_bursts(const json_t *report, const json_t *history,
                         struct why_burst bursts[WHY_BURSTS]);

void why_say_burst(const struct why_burst *burst, char text[WHY_TEXT_MAX]);

#endif
