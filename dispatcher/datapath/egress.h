/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_EGRESS_H
#define DISPATCHER_DATAPATH_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"

#include "dispatcher/datapath/copy.h"
#include "dispatcher/fleet/fleet.h"
#include "dispatcher/flows/flows.h"

/*
 * The way out: from a packet whose flow is known into the ring of a worker. What
 * the data path and move.c have in common, which both put packets into rings:
 * choosing the worker of a new flow, what to do when there is no room (block or
 * drop), flow ends, publishing, and waking. Dispatcher only, one thread.
 *
 *   egress_begin_round()  consumed of a few workers is read again
 *   egress_assign()       a worker and room in its ring, or why not
 *   egress_stage()        a descriptor and the bytes; the worker sees neither yet
 *   egress_publish()      what was staged becomes visible; sleepers are woken
 */
struct egress {
    struct fleet *fleet; /* the caller's, as are the flows */
    struct flows *flows;
    bool block;              /* --on-full block */
    uint64_t now_ns;         /* CLOCK_MONOTONIC, as last told */
    uint64_t frame;          /* number of the last frame taken, for the ends of flows */
    uint64_t stamp_ns;       /* its time */
    unsigned stopped_worker; /* whose ring was full when a packet last had to wait */
    unsigned touched_count;
    uint8_t touched[FB_MAX_WORKERS]; /* staged to since the last publish */
    unsigned refresh_next;           /* whose consumed is read next */
    uint64_t dropped[FB_DROP_COUNT];
};

enum egress_result {
    EGRESS_DONE,      /* it has a worker and room */
    EGRESS_DROPPED,   /* in drop mode: it was counted and goes nowhere */
    EGRESS_RING_FULL, /* in block mode: it waits for room at stopped_worker */
    EGRESS_NO_WORKER, /* in block mode: it waits for a worker to come */
};

/* A packet on its way to a worker. */
struct assignment {
    unsigned worker;             /* of its flow; WORKER_HEAP_NONE: one is to be chosen */
    uint64_t hash;               /* of its flow, for policies that hash */
    uint32_t caplen;             /* bytes it needs */
    uint64_t position;           /* set: where in the worker's arena they go */
    enum fb_drop_reason dropped; /* set with EGRESS_DROPPED */
};

/* fleet and flows outlive it. block: packets wait for room and for workers. */
void egress_init(struct egress *egress, struct fleet *fleet, struct flows *flows, bool block);

/* Before a burst: a new round, in which consumed of the workers touched is read once. */
void egress_begin_round(struct egress *egress);

/* The slow path of egress_assign(): no room, or no worker. */
enum egress_result egress_assign_slowly(struct egress *egress, struct assignment *a);

/* Puts pending flow ends of a worker into the slots that are kept for them. */
void egress_stage_ends_of(struct egress *egress, unsigned worker);

/* Puts pending flow ends of all workers into their rings, as far as there is room. */
void egress_stage_ends(struct egress *egress);

/*
 * Chooses a worker for a flow that has none, and finds room in its ring. Pending
 * ends go first: a worker that makes room while a burst is delivered would else
 * get one new flow after another, each with a handle, while the handles of those
 * that ended wait here.
 */
static inline enum egress_result egress_assign(struct egress *egress, struct assignment *a) {
    if (a->worker == WORKER_HEAP_NONE)
        a->worker = fleet_pick(egress->fleet, a->hash, egress->now_ns);
    if (__builtin_expect(egress->flows->ends_pending == 0 && a->worker != WORKER_HEAP_NONE, 1) &&
        __builtin_expect(
            fb_tx_reserve(&egress->fleet->lanes[a->worker].tx, a->caplen, &a->position), 1))
        return EGRESS_DONE;
    return egress_assign_slowly(egress, a);
}

static inline void egress_note_touched(struct egress *egress, struct lane *lane, unsigned worker) {
    if (!lane->touched) {
        lane->touched = true;
        egress->touched[egress->touched_count++] = (uint8_t)worker;
    }
}

/* A worker's lane, noted as one to publish. */
static inline struct lane *egress_touch(struct egress *egress, unsigned worker) {
    struct lane *lane = &egress->fleet->lanes[worker];
    egress_note_touched(egress, lane, worker);
    return lane;
}

/* egress_stage() where the lane is at hand, and is touched. */
static inline __attribute__((always_inline)) struct fb_desc *
egress_stage_in(struct egress *egress, struct lane *lane, const struct assignment *a,
                const uint8_t *bytes, size_t ahead) {
    copy_frame(fb_tx_bytes(&lane->tx, a->position), bytes, a->caplen, ahead);
    balance_packet(&egress->fleet->balance, a->worker);
    lane->counters[FB_LANE_ENTERED]++;
    lane->counters[FB_LANE_BYTES] += a->caplen;
    struct fb_desc *desc = fb_tx_stage(&lane->tx, a->position, a->caplen);
    desc->arena_pos = a->position;
    return desc;
}

/*
 * Copies the bytes of an assigned packet into the worker's arena and counts it.
 * Returns the descriptor, to be filled in before egress_publish(), but for arena_pos.
 * ahead: see copy_frame().
 */
static inline struct fb_desc *egress_stage(struct egress *egress, const struct assignment *a,
                                           const uint8_t *bytes, size_t ahead) {
    return egress_stage_in(egress, egress_touch(egress, a->worker), a, bytes, ahead);
}

/*
 * egress_assign() and egress_stage() for a packet whose worker is set, where there is obviously
 * room; else it returns NULL, which says nothing, and changes nothing.
 */
static inline struct fb_desc *egress_stage_usual(struct egress *egress, unsigned worker,
                                                 const uint8_t *bytes, uint32_t caplen,
                                                 size_t ahead) {
    struct lane *lane = &egress->fleet->lanes[worker];
    if (__builtin_expect(egress->flows->ends_pending != 0 || !fb_tx_has_room(&lane->tx, caplen), 0))
        return NULL;
    const struct assignment a = {.worker = worker, .caplen = caplen, .position = lane->tx.head};
    egress_note_touched(egress, lane, worker);
    return egress_stage_in(egress, lane, &a, bytes, ahead);
}

/* A flow was bound to the worker. */
static inline void egress_count_flow(struct egress *egress, unsigned worker) {
    egress->fleet->lanes[worker].counters[FB_LANE_FLOWS]++;
    balance_flow(&egress->fleet->balance, worker);
}

/*
 * Publishes what was staged, once per worker touched, and wakes those that sleep
 * long enough; wake_all: every worker that sleeps and has new data.
 */
void egress_publish(struct egress *egress, bool wake_all);

/* Wakes every parked worker that has new data, immediately. Before anything that can wait. */
void egress_wake_all(struct egress *egress);

#endif
