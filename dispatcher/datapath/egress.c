/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/egress.h"

#include <string.h>

/* Rings whose consumed is read per round beside those touched: all 256 within 32 rounds. */
#define REFRESH_IN_TURN 8u

void egress_init(struct egress *egress, struct fleet *fleet, struct flows *flows, bool block) {
    memset(egress, 0, sizeof *egress);
    egress->fleet = fleet;
    egress->flows = flows;
    egress->block = block;
}

/* Re-reads consumed of a few workers in turn: an idle one is found soon even if nothing goes to it.
 */
void egress_begin_round(struct egress *egress) {
    struct fleet *fleet = egress->fleet;
    unsigned n = fleet->count < REFRESH_IN_TURN ? fleet->count : REFRESH_IN_TURN;
    fleet->round++;
    for (unsigned i = 0; i < n; i++) {
        egress->refresh_next =
            egress->refresh_next + 1 < fleet->count ? egress->refresh_next + 1 : 0;
        fleet_refresh(fleet, egress->refresh_next, egress->now_ns);
    }
}

void egress_stage_ends_of(struct egress *egress, unsigned worker) {
    if (egress->fleet->lanes[worker].handles.pending != 0)
        egress->flows->ends_pending -=
            lane_stage_ends(egress_touch(egress, worker), egress->stamp_ns, egress->frame);
}

void egress_stage_ends(struct egress *egress) {
    for (unsigned k = 0; k < egress->fleet->count && egress->flows->ends_pending != 0; k++)
        egress_stage_ends_of(egress, k);
}

/* Block or drop. */
static enum egress_result refuse(struct egress *egress, struct assignment *a,
                                 enum fb_drop_reason reason, enum egress_result waits) {
    if (egress->block)
        return waits;
    a->dropped = reason;
    egress->dropped[reason]++;
    return EGRESS_DROPPED;
}

enum egress_result egress_assign_slowly(struct egress *egress, struct assignment *a) {
    if (a->worker == WORKER_HEAP_NONE)
        return refuse(egress, a, FB_DROP_NO_WORKER, EGRESS_NO_WORKER);
    struct lane *lane = &egress->fleet->lanes[a->worker];
    egress_stage_ends_of(egress, a->worker);
    if (fb_tx_reserve(&lane->tx, a->caplen, &a->position))
        return EGRESS_DONE;
    /* What the worker finished since its consumed was read. */
    fleet_refresh(egress->fleet, a->worker, egress->now_ns);
    egress_stage_ends_of(egress, a->worker);
    if (fb_tx_reserve(&lane->tx, a->caplen, &a->position))
        return EGRESS_DONE;
    egress->stopped_worker = a->worker;
    if (!egress->block)
        lane->counters[FB_LANE_DROPPED]++;
    return refuse(egress, a, FB_DROP_RING_FULL, EGRESS_RING_FULL);
}

/* One fence for all: F2 pairs with the F1 of each worker that parks. */
static void publish_touched(struct egress *egress) {
    struct fleet *fleet = egress->fleet;
    for (unsigned t = 0; t < egress->touched_count; t++)
        fb_tx_publish(&fleet->lanes[egress->touched[t]].tx, egress->now_ns);
    fb_tx_fence();
    for (unsigned t = 0; t < egress->touched_count; t++) {
        unsigned worker = egress->touched[t];
        struct lane *lane = &fleet->lanes[worker];
        lane->touched = false;
        if (!fleet_is_fresh(fleet, worker))
            fleet_refresh(fleet, worker, egress->now_ns);
        uint64_t waiting = lane_waiting(lane);
        if (waiting > lane->counters[FB_LANE_MAX_WAITING])
            lane->counters[FB_LANE_MAX_WAITING] = waiting;
        fb_tx_rewind(&lane->tx, egress->block);
        lane->wake_pending = true;
    }
    egress->touched_count = 0;
}

static void wake(struct egress *egress, bool all) {
    for (unsigned k = 0; k < egress->fleet->count; k++) {
        struct lane *lane = &egress->fleet->lanes[k];
        if (!lane->wake_pending || lane->tx.up == NULL)
            continue;
        bool woken = false;
        lane->wake_pending = fb_tx_wake(&lane->tx, egress->now_ns, all, &woken);
        lane->counters[FB_LANE_WAKES] += woken;
    }
}

void egress_publish(struct egress *egress, bool wake_all) {
    publish_touched(egress);
    wake(egress, wake_all);
}

void egress_wake_all(struct egress *egress) {
    wake(egress, true);
}
