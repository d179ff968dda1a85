/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_BALANCE_H
#define DISPATCHER_FLEET_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/fleet/policy.h"
#include "dispatcher/fleet/worker_heap.h"

/*
 * Who gets a new flow: what the dispatcher knows of each worker's load, and
 * the heap of those that may get flows. It knows nothing of rings or
 * processes, so that a simulation runs the same code. Dispatcher only, one
 * thread.
 *
 *   join, leave      a worker may get new flows, or not any more
 *   pick             who gets the next flow
 *   packet, flow     it was given one more packet, one more flow
 *   update           what waits there now, and how many packets it finished
 *   decay            as time goes by
 *
 * Between two updates of a worker its load only grows, by what it is given, so
 * the loads that the heap knows are lower bounds: pick puts the top right until
 * one stays on top. That is the repair at each assignment, or the new flows of
 * one burst would all go to the same worker. Updates come with every burst, and
 * picks only with new flows: the heap is told of updates when it is looked at.
 */
struct balance_worker {
    struct policy_facts facts;
    double flows;       /* new flows given to it, decayed like the share */
    uint64_t heap_load; /* the load by which the heap knows it, or is to */
    uint64_t
        measured_ns; /* when the time per packet was last looked at while packets waited, or 0 */
    bool in;
};

struct balance {
    const struct policy *policy;
    double max_share; /* of the new flows; 0: no bound */
    double flows;     /* new flows given to all, decayed */
    unsigned count;   /* workers in */
    unsigned turn;    /* new flows given, for POLICY_TURN */
    uint64_t decayed_ns;
    uint8_t in_order[WORKER_HEAP_MAX]; /* the workers in, by number */
    struct worker_heap heap;
    uint64_t
        untold[WORKER_HEAP_MAX / 64]; /* a bit for each whose heap_load the heap does not know */
    struct balance_worker workers[WORKER_HEAP_MAX];
};

/*
 * Makes an empty balance. max_share: a worker that was given more than this
 * part of the new flows (decayed) gets no other while somebody else may; 0 for
 * no bound.
 */
void balance_init(struct balance *balance, const struct policy *policy, double max_share);

/*
 * A worker that is not in is far, on another NUMA node than the dispatcher: of
 * two with equal loads the near one gets the flow. None is far at first.
 */
void balance_set_far(struct balance *balance, unsigned worker, bool far);

/*
 * A worker may get flows from now on. Its share begins at the mean of the
 * others: from zero it would get every new flow for a while.
 */
void balance_join(struct balance *balance, unsigned worker);
void balance_leave(struct balance *balance, unsigned worker);

/* The worker whose load was the least when each was last updated; WORKER_HEAP_NONE if none is in.
 */
unsigned balance_lead(struct balance *balance);

/* The worker for a new flow with this hash, or WORKER_HEAP_NONE if none is in. */
unsigned balance_pick(struct balance *balance, uint64_t hash);

/*
 * Sets what waits at a worker now, and takes its time per packet from how many
 * packets it finished since the last update, if some waited all the while.
 */
void balance_update(struct balance *balance, unsigned worker, uint64_t waiting, uint64_t finished,
                    uint64_t now_ns);

/* Lets shares fade; cheap to call often. */
void balance_decay(struct balance *balance, uint64_t now_ns);

/* The worker was given a packet, a new flow. */
static inline void balance_packet(struct balance *balance, unsigned worker) {
    balance->workers[worker].facts.waiting++;
    balance->workers[worker].facts.share += 1.0;
}
static inline void balance_flow(struct balance *balance, unsigned worker) {
    balance->workers[worker].flows += 1.0;
    balance->flows += 1.0;
    balance->turn++;
}

#endif
