/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LIFE_H
#define FLOW_BALANCER_LIFE_H

#include <stdbool.h>

/*
 * The life of a worker number. The states are the dispatcher's, kept in ctl's
 * directory; what a worker writes into its up side is only its worker status.
 *
 *             claim             ready           drain
 *   absent -----------> starting -----> ready ---------> draining
 *                                         |                 |
 *                                         | stop            | stop
 *                                         +---> stopping <--+
 *
 *   starting, ready, draining, stopping --gone--> dead
 *   absent, vacant, lost                --gone--> dead
 *
 *           free
 *   dead ----------> absent
 *     |     owes               claim
 *     +------------> vacant -----------> starting
 *     |     lose              emptied          claim
 *     +------------> moving ----------> lost ---------> starting
 *
 * absent    never claimed, or its worker left and owes nothing to any flow
 * vacant    offered again: its ring or its flows wait for the next process
 * starting  claimed; its inspector may take a while
 * ready     gets new flows
 * draining  gets no new flows; leaves when those that it has have ended
 * stopping  told to leave
 * dead      its lock is free, or it is revoked: its cursor has not been read yet
 * moving    given up: its packets go to other workers, its flows follow
 * lost      given up and empty: free for any process
 *
 * `gone` comes to an unclaimed number when its offer is taken back, or when the
 * up side that is on offer was truncated: in both cases a process may have
 * claimed it unseen. "Hung" and "faulty" are reasons of dead, not states.
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
    FB_STATE_COUNT,
    FB_STATE_NONE = FB_STATE_COUNT
};

extern const char *const fb_state_names[FB_STATE_COUNT];

/* What happens to a worker number. */
enum fb_life_event {
    FB_EVENT_CLAIM,
    FB_EVENT_READY,
    FB_EVENT_DRAIN,   /* asked to: no new flows */
    FB_EVENT_STOP,    /* told to leave */
    FB_EVENT_GONE,    /* its lock is free, or it is revoked */
    FB_EVENT_FREE,    /* dead, and no packet and no flow waits for its next process */
    FB_EVENT_OWES,    /* dead, and packets or flows wait for its next process */
    FB_EVENT_LOSE,    /* no process came in time, or none will: its flows move */
    FB_EVENT_EMPTIED, /* they have moved */
    FB_EVENT_COUNT
};

extern const char *const fb_event_names[FB_EVENT_COUNT];

/* The state after an event, or FB_STATE_NONE where the drawing has no such arrow. */
enum fb_state fb_life_next(enum fb_state state, enum fb_life_event event);

/* Whether a process holds the number in this state. */
static inline bool fb_life_has_process(enum fb_state state) {
    return state >= FB_STATE_STARTING && state <= FB_STATE_STOPPING;
}

/* What a worker says of itself in its up side. */
enum fb_worker_status {
    FB_STATUS_VACANT,   /* written by the dispatcher: not claimed yet */
    FB_STATUS_STARTING, /* the first store of a claim */
    FB_STATUS_READY,
    FB_STATUS_LEFT, /* the last store of a worker that left cleanly */
    FB_STATUS_COUNT
};

/* What the dispatcher asks of a worker, in the command group of the down side. */
enum fb_command {
    FB_COMMAND_RUN,
    FB_COMMAND_STOP,  /* finish what is published, then leave */
    FB_COMMAND_LEAVE, /* finish this burst, then leave */
};

/* The dispatcher's own state, in ctl. */
enum fb_run_state { FB_RUN_STARTING, FB_RUN_RUNNING, FB_RUN_STOPPING, FB_RUN_ENDED };

#endif
