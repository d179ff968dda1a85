/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_CLAIM_H
#define FLOW_BALANCER_CLAIM_H

#include "flow_balancer/ctl.h"
#include "flow_balancer/flow_records.h"
#include "flow_balancer/sides.h"

/*
 * How a worker process becomes worker K.
 *
 * The dispatcher makes a new up side per incarnation and writes its epoch into
 * ctl's directory, so no claim can come before the previous death has been dealt
 * with. The worker maps the down side and the records of flows, and the up side, marks it
 * MADV_DONTFORK, takes the lock over it without waiting and closes the descriptor: the mapping
 * alone keeps the lock, and a child of the worker does not. Then, holding the lock, it checks that
 *
 *   1. no process has claimed this up side before (its worker status is vacant),
 *   2. the name still leads to this inode, and
 *   3. its epoch is that of the directory and of the down side's command group;
 *
 * otherwise it unmaps all of them, which frees the lock. Of two processes that
 * claim at the same time one gets the lock; the other, when it gets it later,
 * finds the worker status not vacant. A process that slept between mapping and
 * locking finds an epoch that is not the directory's. What is in the place of an up
 * side and is not of the dispatcher's user is no offer: the dispatcher says so.
 */
struct fb_claim {
    struct fb_region up_region;
    struct fb_region down_region;
    struct fb_region flows_region;
    struct fb_up *up;
    const struct fb_down *down;
    const struct fb_flow *flows; /* records by handle, for fb_rx_set_flows() */
    unsigned worker;
};

enum fb_claim_result {
    FB_CLAIMED,
    FB_CLAIM_BUSY,    /* the number has a living worker */
    FB_CLAIM_NOT_YET, /* not offered at this moment: try again */
    FB_CLAIM_WRONG,   /* cannot succeed; logged */
};

/*
 * Claims a number. On FB_CLAIMED the caller owns the claim until
 * fb_claim_release(), and its worker status is `starting`. Worker only.
 */
enum fb_claim_result fb_claim_take(struct fb_claim *claim, const struct fb_ctl_handle *ctl,
                                   unsigned worker);

/* Unmaps the sides and the records, which frees the lock: for the dispatcher the worker is gone.
 * Worker only. */
void fb_claim_release(struct fb_claim *claim);

#endif
