/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_LANE_H
#define DISPATCHER_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/life.h"
#include "flow_balancer/region.h"
#include "flow_balancer/ring.h"

#include "handles.h"

/*
 * A lane is one worker number as the dispatcher holds it: the ring's producer
 * end, the handles of the flows bound to it, its part of the ledger, and where
 * its life stands. Private memory, one thread.
 *
 * The ledger counts packets, the ring counts descriptors; what is in a ring
 * and is no packet (a flow end, a skip) is remembered as a mark. So
 *
 *   inspected   descriptors passed by consumed, less the marks among them
 *   waiting     descriptors in the ring, less the marks in it
 *
 * are counted from different facts than `entered`, and the three must agree.
 */
struct mark {
    uint64_t seq;
    uint32_t handle; /* to be given back when consumed has passed it, or NO_HANDLE */
};

struct lane {
    struct fb_tx tx;
    struct handles handles;
    struct mark *marks; /* FIFO of as many as the ring has slots */
    uint64_t marks_head, marks_tail;
    uint64_t counters[FB_LANE_COUNT];
    uint64_t round; /* of the fleet, in which consumed was last read */
    bool touched;   /* staged to in this burst */
    bool unrung;    /* has news for a sleeper that was not woken yet */

    /* Life: see fleet.h. */
    enum fb_state state;
    bool revoked;
    bool waited;   /* the wait after a revocation has begun, by a clock that is fresh */
    bool given_up; /* nobody will claim it again */
    uint64_t epoch;
    uint64_t state_since_ns;
    uint64_t unclaimed_since_ns; /* when its last process was gone */
    struct fb_region down_region, up_region, handle_region, mark_region;
    int guard;
    uint32_t claims;
};

/* Packets in the ring, published or not. */
static inline uint64_t lane_waiting(const struct lane *lane) {
    return (lane->tx.seq - lane->tx.consumed) - (lane->marks_tail - lane->marks_head);
}

/* Remembers that the descriptor just staged is no packet. */
static inline void lane_mark(struct lane *lane, uint64_t seq, uint32_t handle) {
    lane->marks[lane->marks_tail++ & lane->tx.slot_mask] =
        (struct mark){.seq = seq, .handle = handle};
}

/*
 * Enters in the ledger what the worker finished since `before`, tx.consumed at
 * the last call, and gives the handles of passed flow ends back.
 */
static inline void lane_account(struct lane *lane, uint64_t before) {
    uint64_t passed = lane->tx.consumed - before;
    if (passed == 0)
        return;
    while (lane->marks_head != lane->marks_tail) {
        const struct mark *mark = &lane->marks[lane->marks_head & lane->tx.slot_mask];
        if (mark->seq - before >= lane->tx.consumed - before)
            break;
        if (mark->handle != NO_HANDLE)
            handles_give_back(&lane->handles, mark->handle);
        lane->marks_head++;
        passed--;
    }
    lane->counters[FB_LANE_INSPECTED] += passed;
}

/*
 * Takes the worker's consumed and accounts for it. Returns
 * FB_VIOLATION_COUNT, or what the worker did wrong; nothing changed then.
 */
static inline enum fb_violation lane_refresh(struct lane *lane) {
    uint64_t before = lane->tx.consumed;
    enum fb_violation violation = fb_tx_refresh(&lane->tx);
    lane_account(lane, before);
    return violation;
}

/* Stages pending flow ends as far as slots allow. Returns how many. */
uint32_t lane_stage_ends(struct lane *lane, uint64_t time_ns, uint64_t frame);

/*
 * Marks the packet at the resume point as redelivered, one death more; makes
 * of a flow end there a skip. Returns true if it is a packet.
 */
bool lane_mark_suspect(struct lane *lane, uint64_t seq);

#endif
