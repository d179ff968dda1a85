/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_LANE_H
#define DISPATCHER_FLEET_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/life.h"
#include "flow_balancer/region.h"
#include "flow_balancer/report.h"
#include "flow_balancer/ring.h"

#include "dispatcher/fleet/disposition.h"
#include "dispatcher/fleet/flow_slots.h"
#include "dispatcher/flows/forwards.h"
#include "dispatcher/flows/handles.h"

/*
 * A lane is one worker number as the dispatcher holds it: the ring's producer
 * end, the handles of the flows bound to it, its part of the ledger, and where
 * it is in its life. Private memory, one thread.
 *
 * The ledger counts packets, the ring counts descriptors; what is in a ring
 * and is no packet (a flow end, a skip) is remembered as a mark. So
 *
 *   inspected   descriptors passed by consumed, less the marks among them
 *   waiting     descriptors in the ring, less the marks in it
 *
 * are counted from different facts than `entered`, and the three must agree.
 */
enum death {
    DEATH_LEFT,           /* its last word was that it leaves */
    DEATH_CRASHED,        /* its lock is free, and it said nothing */
    DEATH_REVOKED,        /* it may not have looked at its epoch yet, */
    DEATH_REVOKED_WAITED, /* for which it is given time, by a clock that is fresh */
};

struct mark {
    uint64_t seq;
    uint32_t handle; /* to be given back when consumed has passed it, or NO_HANDLE */
};

struct lane {
    struct fb_tx tx;
    struct handles handles;
    struct forwards forwards; /* of these handles, while the worker is lost */
    struct flow_slots slots;  /* likewise by handle: the records that its processes read */
    struct mark *marks;       /* FIFO of as many as the ring has slots */
    uint64_t marks_head, marks_tail;
    uint64_t counters[FB_LANE_COUNT];
    uint64_t round;    /* of the fleet, in which consumed was last read */
    bool touched;      /* staged to in this burst */
    bool wake_pending; /* has new data for a sleeper that was not woken yet */

    /* Life: see fleet.h. */
    enum fb_state state;
    enum disposition disposition; /* of its packets and flows, when the process is gone */
    enum move_reason move_reason; /* why they are not to wait */
    enum death death;             /* while dead: how it came to that */
    bool wanted;                  /* there is to be a process: what a supervisor goes by */
    uint64_t epoch;
    uint32_t burst; /* descriptors that its worker takes together, at most */
    uint64_t state_since_ns;
    uint64_t unclaimed_since_ns; /* when its last process was gone */
    uint64_t away_since_ns;      /* when its last ready process went; 0: none is missed */
    uint64_t drain_until_ns;     /* then its flows move */
    uint64_t leave_by_ns;        /* then it is revoked; UINT64_MAX: not asked to leave */
    uint64_t progress;           /* greatest that lane_watch() told of this process */
    uint64_t progress_since_ns;  /* when it last grew, nothing waited, or it waits for its output */
    uint64_t output_waits;       /* as its process has counted them so far */
    uint64_t waits_until_ns;     /* it counts as waiting for its output; 0: it has not waited */
    uint64_t locked_since_ns;    /* on offer, its lock held and nothing said; 0: it is free */
    uint32_t restarts_asked;
    uint32_t revocations; /* processes that were revoked: their supervisor has to kill them */
    struct fb_region down_region, up_region, handle_region, mark_region;
    int guard;
    bool has_up_name;  /* the up side has been offered: from then on its name stays ours */
    bool offer_failed; /* the last time; its reason was logged */
    uint32_t claims;
};

/* Packets in the ring, published or not. */
static inline uint64_t lane_waiting(const struct lane *lane) {
    return (lane->tx.seq - lane->tx.consumed) - (lane->marks_tail - lane->marks_head);
}

static inline void lane_set_disposition(struct lane *lane, enum disposition disposition,
                                        enum move_reason reason) {
    lane->disposition = disposition;
    lane->move_reason = reason;
    if (reason == MOVE_REASON_DRAINED)
        lane->away_since_ns = 0; /* none is missed */
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
        if (mark->handle != NO_HANDLE) {
            handles_give_back(&lane->handles, mark->handle);
            flow_slots_prefetch(&lane->slots, mark->handle); /* it is among the next to be taken */
        }
        lane->marks_head++;
        passed--;
    }
    lane->counters[FB_LANE_INSPECTED] += passed;
}

/*
 * Takes the worker's consumed and accounts for it. Returns
 * FB_VIOLATION_NONE, or what the worker did wrong; nothing changed then.
 */
static inline enum fb_violation lane_refresh(struct lane *lane) {
    uint64_t before = lane->tx.consumed;
    enum fb_violation violation = fb_tx_refresh(&lane->tx);
    lane_account(lane, before);
    return violation;
}

/*
 * Looks at the cursor of a living worker, and takes its consumed. *progress grows with
 * each descriptor that it begins or finishes, and with nothing else. Returns what the
 * worker did wrong; *progress is not set then. A cursor that is neither within a burst of
 * consumed nor before published is a lie: with one, a worker that does nothing could look busy
 * for ever. The worker stores consumed before the cursor of its next burst (release), the
 * cursor is loaded first (acquire) and consumed after it: so it is not older, and the
 * cursor of an honest worker is at most a burst ahead.
 */
enum fb_violation lane_watch(struct lane *lane, uint64_t *progress);

/* Stages pending flow ends as far as slots allow. Returns how many. */
uint32_t lane_stage_ends(struct lane *lane, uint64_t time_ns, uint64_t frame);

/*
 * Makes the sides, handles and marks of a number, nothing on offer yet. The
 * lane is all zero but for the descriptors, which are -1. Returns 0, or -errno
 * after one logged line.
 */
int lane_init(struct lane *lane, struct fb_ctl *ctl, unsigned worker, enum fb_hugepages hugepages);

/* Closes what lane_init() made. To be withdrawn before. */
void lane_fini(struct lane *lane);

/* Closes it, as far as it was made, and unlinks it: lane_init() may be tried again. */
void lane_discard(struct lane *lane);

/*
 * Offers the number to the next process, at the resume point: a new up side
 * with a new epoch, made before the directory says so. It takes the place of the
 * one before, whose name was kept. Returns 0, or -errno after one logged line, which
 * comes once until it succeeds.
 */
int lane_offer(struct lane *lane, struct fb_ctl *ctl, unsigned worker);

/*
 * Takes the up side away, and its epoch with it: who is about to claim it, or
 * has done so unseen, finds another one and lets go. What it said is added to
 * the totals. An empty file keeps its name. Harmless if nothing is on offer.
 */
void lane_withdraw(struct lane *lane, struct fb_worker_totals *totals);

/* What is first in the ring, at consumed. */
enum lane_first {
    LANE_EMPTY,
    LANE_PACKET,
    LANE_END,  /* of a flow */
    LANE_SKIP, /* a packet that was quarantined or bypassed */
};
enum lane_first lane_first(const struct lane *lane);

/* The descriptor at consumed: our own memory, but a worker of our uid can open and change it. */
static inline struct fb_desc *lane_first_desc(const struct lane *lane) {
    return &lane->tx.descs[lane->tx.consumed & lane->tx.slot_mask];
}

/*
 * Whether a descriptor can be that of a packet that was written into the ring:
 * its bytes lie in the arena, its offsets in the bytes, and its handle was taken.
 */
bool lane_desc_plausible(const struct lane *lane, const struct fb_desc *desc);

/*
 * Takes what is first out of the ring of a worker that is gone: a packet
 * counts as moved. The handle of a flow end is not given back.
 */
void lane_take_out(struct lane *lane);

/*
 * Marks what is at the resume point as redelivered, one death more; makes a skip of a flow end on
 * which a process has died before. Returns true if it is a packet.
 */
bool lane_mark_suspect(struct lane *lane);

/* Makes of the packet at consumed a skip that counts as quarantined. */
void lane_quarantine_first(struct lane *lane);

/*
 * Makes skips, which count as moved, of all packets of a flow that wait in the
 * ring of a worker that is gone. Returns how many.
 */
uint64_t lane_skip_flow(struct lane *lane, uint64_t flow_id);

#endif
