/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LIFE_H
#define FLOW_BALANCER_LIFE_H

/*
 * The life of a worker number. The states are the dispatcher's, kept in ctl's
 * directory; what a worker writes into its up side is only a wish.
 *
 *              offer                claim              ready
 *   absent ------------> absent ------------> starting -----> ready
 *                                                |              |
 *                                                | death        | order to stop
 *                        claim                   v              v
 *            vacant ----------> starting       dead <------- stopping
 *              ^                                 |     death    |
 *              +------- cursor judged, ----------+              | lock free, ring empty
 *                       new up side offered                     v
 *                                                            absent
 *
 * A number is `absent` until its first claim, and again when its worker left in
 * order and owes nothing to any flow; `vacant` when a ring, or flows, wait for
 * the next process. A number that nobody claims in time ends the run: the
 * states `draining`, `moving` and `lost` are named for readers of the directory
 * and are not entered by this version.
 */
enum fb_state {
    FB_STATE_ABSENT,
    FB_STATE_VACANT,
    FB_STATE_STARTING,
    FB_STATE_READY,
    FB_STATE_DRAINING,
    FB_STATE_STOPPING,
    FB_STATE_DEAD,
    FB_STATE_MOVING,
    FB_STATE_LOST,
    FB_STATE_COUNT
};

extern const char *const fb_state_names[FB_STATE_COUNT];

/* What a worker says of itself in its up side. */
enum fb_wish {
    FB_WISH_VACANT,   /* written by the dispatcher: nobody has claimed it */
    FB_WISH_STARTING, /* the first store of a claim */
    FB_WISH_READY,
    FB_WISH_LEFT, /* the last store of a worker that left in order */
    FB_WISH_COUNT
};

/* What the dispatcher asks of a worker, in the order line of the down side. */
enum fb_order {
    FB_ORDER_RUN,
    FB_ORDER_STOP, /* finish what is published, then leave */
};

/* The dispatcher's own state, in ctl. */
enum fb_run_state { FB_RUN_STARTING, FB_RUN_RUNNING, FB_RUN_STOPPING, FB_RUN_ENDED };

#endif
