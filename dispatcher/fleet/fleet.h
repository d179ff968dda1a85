/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_FLEET_H
#define DISPATCHER_FLEET_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/region.h"
#include "flow_balancer/report.h"

#include "dispatcher/fleet/balance.h"
#include "dispatcher/fleet/lane.h"
#include "dispatcher/fleet/quarantine.h"

/*
 * The room of the workers: their numbers, their lives, and who gets a new flow.
 *
 *   fleet.c, fleet_life.c   all numbers; what happens to one that comes, dies, hangs
 *   lane.c                  one number: its ring, its handles, its part of the ledger
 *   flow_slots.c            the records of its flows, by handle
 *   balance.c, worker_heap.c, policy.c
 *                           the load of each, and the least loaded
 *   quarantine.c            packets that kill
 *
 * It may use shared memory and the handles of flows; it knows no flow, no frame and
 * no capture source, and never waits. A further policy is a function and a line in
 * policy.c.
 *
 * The fleet: all worker numbers, their life (life.h has the drawing), and the
 * balance between those that may get new flows. Dispatcher only, one thread.
 *
 * A number's up side exists as long as its ring, vacant, so a worker can come at
 * any time. Rings are made at the start, and of numbers beyond those when they are
 * asked for: there may be many, and a populated one takes 17 MB. What the worker writes there is
 * looked at here and nowhere else, but for `consumed` on the data path:
 *
 *   its worker status      claimed, ready, left cleanly
 *   its lock      free: the process is gone
 *   its cursor    while it lives, whether it moves; once, when it is gone: what
 *                 is finished, what is suspect
 *
 * A dead worker's ring keeps filling; a new up side is offered immediately, at the
 * resume point. A revoked one is given REVOKE_WAIT_NS to look at the epoch
 * before its cursor is read. The packet under inspection is marked before the
 * next offer; at the second death it is quarantined.
 *
 * A number that no process claims in time (while others are ready), that its supervisor gives up,
 * or whose worker left at its drain deadline, is lost: it goes on the stack `lost`, and move.c
 * empties the rings there, the last one lost first.
 */
struct fleet_timing {
    uint64_t failover_ns;      /* UINT64_MAX: never lost for want of a claim */
    uint64_t start_timeout_ns; /* from claim to ready */
    uint64_t hang_ns;          /* packets waiting and none finished; UINT64_MAX: never */
    uint64_t drain_ns;         /* of one worker, while the others go on */
};

struct fleet {
    struct lane lanes[FB_MAX_WORKERS];
    struct handles *handles[FB_MAX_WORKERS]; /* of the lanes, for flows_init() */
    unsigned count;                          /* numbers that have a ring */
    enum fb_hugepages hugepages;             /* of rings */
    struct fb_ctl *ctl;
    struct balance balance;
    struct fleet_timing timing;
    struct quarantine *quarantine;                  /* the caller's, or NULL */
    struct fb_worker_totals totals[FB_MAX_WORKERS]; /* of incarnations that are gone */
    uint64_t violations[FB_VIOLATION_COUNT];
    uint64_t redelivered;
    uint64_t failovers;
    uint64_t bypassed;             /* taken out of rings, their flow being bypassed */
    uint64_t flow_records_missing; /* flows bound without a record, for want of memory */
    uint64_t
        round; /* counted by the data path, once per burst; 0: each look reads consumed again */
    uint8_t lost[FB_MAX_WORKERS]; /* numbers whose rings are to be emptied, the last one first */
    unsigned lost_count;
    unsigned lost_known; /* of these, the flows know */
    uint64_t
        quarantined_flows[FB_MAX_WORKERS]; /* ids of the flows of packets that were quarantined */
    unsigned quarantined_flow_count; /* of these, the flows do not know; one a worker at most */
    bool lossless;                   /* packets wait for room and for workers */
    enum fleet_phase phase;
};

#define REVOKE_WAIT_NS                                                                             \
    UINT64_C(10000000) /* an order of magnitude above a scheduler's time slice                     \
                        */

/* A new up side that could not be made is tried again after this: /dev/shm was full, or something
 * is in the way of its name. */
#define OFFER_AGAIN_NS UINT64_C(1000000000)

struct fleet_config {
    struct fb_ctl *ctl;    /* the caller's, its geometry filled in; outlives the fleet */
    unsigned rings;        /* made now, 1 to geometry.max_workers */
    uint32_t flow_records; /* of all of them, that have their memory from the start; at most
                              max_flows */
    const struct policy *policy;
    double max_share; /* of the new flows for one worker; 0: no bound */
    enum fb_hugepages hugepages;
    struct fleet_timing timing;
    bool lossless;                 /* packets wait for room and for workers */
    struct quarantine *quarantine; /* the caller's; NULL: packets that kill are not kept */
};

/*
 * Makes the down and up sides of the first numbers and offers them. Returns 0, or -errno
 * after one logged line.
 */
int fleet_init(struct fleet *fleet, const struct fleet_config *config);
void fleet_fini(struct fleet *fleet);

/* Just before the first packet: see flow_slots_touch(). */
void fleet_touch_flow_slots(struct fleet *fleet);

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

/* The slow path of fleet_flow_slot(). */
struct fb_flow *fleet_grow_flow_slots(struct fleet *fleet, unsigned worker, uint32_t handle);

/*
 * The place for the record of the flow that has just been given this handle of the worker, to
 * be written before its packet is staged. NULL, counted and the first time logged, if there
 * is no memory for it.
 */
static inline struct fb_flow *fleet_flow_slot(struct fleet *fleet, unsigned worker,
                                              uint32_t handle) {
    struct lane *lane = &fleet->lanes[worker];
    if (__builtin_expect(handle < lane->slots.populated, 1))
        return &lane->slots.records[handle];
    return fleet_grow_flow_slots(fleet, worker, handle);
}

/* Fetches the place for the record of the worker's next flow. */
static inline void fleet_prefetch_flow_slot(const struct fleet *fleet, unsigned worker) {
    const struct lane *lane = &fleet->lanes[worker];
    flow_slots_prefetch(&lane->slots, handles_next(&lane->handles));
}

/* Nobody will start this number again: it is lost as soon as it has no process. */
void fleet_give_up(struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* Nobody is waited for any longer: each number without a process is lost at the next poll. */
void fleet_give_up_all(struct fleet *fleet);

/* How many numbers are to have a process, by -w and what was asked for since. */
unsigned fleet_wanted(const struct fleet *fleet);

/*
 * Whether a worker may come, or come back, without anything being asked for: one is
 * wanted, or a process is there, or one is gone whose next is not given up.
 */
bool fleet_may_come(const struct fleet *fleet);

/* Whether a process holds some number, or has just been found gone. */
bool fleet_has_process(const struct fleet *fleet);

/* The dispatcher did not run for so long: no time has passed for any worker. */
void fleet_skip_time(struct fleet *fleet, uint64_t gap_ns);

/*
 * Requests that come while running. Each returns NULL, or why it cannot be, as
 * a text for people, and nothing has changed then.
 *
 *   add      wants a process for the first number that has none; *worker is it
 *   drain    takes the worker out of the balance; it leaves when its flows are
 *            over or at timing.drain_ns, and they move then; a number without a
 *            process is wanted no more
 *   restart  orders the process to leave after its burst; the number waits for
 *            the next one, as after a death but without a suspect
 */
const char *fleet_add(struct fleet *fleet, unsigned *worker);
const char *fleet_drain(struct fleet *fleet, unsigned worker, uint64_t now_ns);
const char *fleet_restart(struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* The ring on top of the stack `lost`, its packets taken out, is empty: offers the number again. */
void fleet_emptied(struct fleet *fleet, uint64_t now_ns);

/*
 * Orders every worker to finish its ring and leave; a number without a process
 * is not offered again once its ring is empty. now: what still waits is not to
 * be inspected; a worker whose ring is not empty is revoked, and what it has
 * finished by then is counted before the rest is abandoned.
 */
void fleet_stop(struct fleet *fleet, bool now, uint64_t now_ns);

/* True when every ring is empty. */
bool fleet_drained(const struct fleet *fleet);

/* True while flow ends wait for room in a ring. */
bool fleet_owes_ends(const struct fleet *fleet);

/* True when no worker process is left, and none is awaited. */
bool fleet_gone(const struct fleet *fleet);

/* Counts what still waits in the rings as abandoned; returns how many packets. After fleet_stop().
 */
uint64_t fleet_abandon(struct fleet *fleet);

/* The worker's own counts, summed over its incarnations up to now. */
void fleet_totals(const struct fleet *fleet, unsigned worker, struct fb_worker_totals *totals);

/* One count of these, which a worker that lies may have made up. */
uint64_t fleet_self_count(const struct fleet *fleet, unsigned worker,
                          enum fb_worker_counter counter);

/* The only processor that the worker's process may run on by its own word, or -1. */
int fleet_self_cpu(const struct fleet *fleet, unsigned worker);

#endif
