/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_H
#define DISPATCHER_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/region.h"
#include "flow_balancer/report.h"

#include "balance.h"
#include "lane.h"

/*
 * The fleet: all worker numbers, their life (life.h has the drawing), and the
 * balance between those that may get new flows. Dispatcher only, one thread.
 *
 * A number's up side exists from the start, vacant, so a worker can come at
 * any time. What the worker writes there is looked at here and nowhere else,
 * but for `consumed` on the data path:
 *
 *   its wish      claimed, ready, left in order
 *   its lock      free: the process is gone
 *   its cursor    once, when it is gone: what is finished, what is suspect
 *
 * A dead worker's ring keeps filling; a new up side is offered at once, at the
 * resume point. A revoked one is given REVOKE_WAIT_NS to look at the epoch
 * before its cursor is judged.
 */
struct fleet_timing {
    uint64_t failover_ns;      /* UINT64_MAX: never give a number up */
    uint64_t start_timeout_ns; /* from claim to ready */
};

struct fleet {
    struct lane lanes[FB_MAX_WORKERS];
    struct handles *handles[FB_MAX_WORKERS]; /* of the lanes, for flows_init() */
    unsigned count;                          /* numbers in use: max_workers */
    struct fb_ctl *ctl;
    struct balance balance;
    struct fleet_timing timing;
    struct fb_worker_totals totals[FB_MAX_WORKERS]; /* of incarnations that are gone */
    uint64_t violations[FB_VIOLATION_COUNT];
    uint64_t redelivered;
    uint64_t round; /* counted by the data path, once per burst; 0: each look reads consumed anew */
    int given_up;   /* a number that nobody claimed in time, or -1 */
    bool stopping;
    bool ending; /* no number is offered again, whatever waits */
};

#define REVOKE_WAIT_NS                                                                             \
    UINT64_C(10000000) /* an order of magnitude above a scheduler's time slice                     \
                        */

/*
 * Makes the down and up sides of all numbers and offers them. ctl is the
 * caller's, its geometry filled in. Returns 0, or -errno after one logged line.
 */
int fleet_init(struct fleet *fleet, struct fb_ctl *ctl, const struct policy *policy,
               double max_share, enum fb_hugepages hugepages, const struct fleet_timing *timing);
void fleet_fini(struct fleet *fleet);

/* Looks after claims, deaths and deadlines. Every few milliseconds. */
void fleet_poll(struct fleet *fleet, uint64_t now_ns);

/* Takes a lane's consumed, revokes it if that is impossible, and puts the new load into the heap.
 */
void fleet_refresh(struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* Whether consumed has been read in this round: it lies in another core's cache, 50 ns away. */
static inline bool fleet_is_fresh(const struct fleet *fleet, unsigned worker) {
    return fleet->round != 0 && fleet->lanes[worker].round == fleet->round;
}

/*
 * The worker for a new flow with this hash, by consumed as read in this round;
 * WORKER_HEAP_NONE if none is alive.
 */
unsigned fleet_pick(struct fleet *fleet, uint64_t hash, uint64_t now_ns);

/* The supervisor will not start this number again. */
void fleet_give_up(struct fleet *fleet, unsigned worker);

/*
 * Orders every worker to finish its ring and leave; a number without a process
 * is not offered again once its ring is empty. now: what still waits is not to
 * be inspected; a worker whose ring is not empty is revoked, and what it has
 * finished by then is counted before the rest is abandoned.
 */
void fleet_stop(struct fleet *fleet, bool now, uint64_t now_ns);

/* True when every ring is empty, but for those that nobody will read any more. */
bool fleet_drained(const struct fleet *fleet);

/* True while flow ends wait for room in a ring that somebody will still read. */
bool fleet_owes_ends(const struct fleet *fleet);

/* True when no worker process is left, and none is awaited. */
bool fleet_gone(const struct fleet *fleet);

/* Counts what still waits in the rings as abandoned; returns how many packets. After fleet_stop().
 */
uint64_t fleet_abandon(struct fleet *fleet);

/* The worker's own counts, summed over its incarnations up to now. */
void fleet_totals(const struct fleet *fleet, unsigned worker, struct fb_worker_totals *totals);

#endif
