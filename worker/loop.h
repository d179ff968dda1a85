/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include <signal.h>
#include <stdbool.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/inspector.h"
#include "flow_balancer/ring.h"

#include "worker/flow_states.h"

/*
 * The worker's life on its ring, after the claim: take a burst, inspect each
 * packet in order, give the burst back, and sleep when there is none.
 */
enum loop_end {
    LOOP_STOPPED,  /* ordered to stop: the ring is finished; or to leave: the burst is */
    LOOP_ORPHANED, /* the dispatcher is gone: the ring is finished, the flows are ended */
    LOOP_REVOKED,  /* this incarnation may not go on; nothing more was touched */
    LOOP_FAILED,   /* the inspector failed, or no memory: logged */
    LOOP_ASKED,    /* a signal asked to leave */
};

struct worker_loop {
    const struct fb_ctl_handle *ctl;
    const struct fb_inspector_ops *ops;
    void *inspector;
    struct flow_states states;
    struct fb_rx rx;
    struct fb_up *up;
    bool spin;
    uint64_t asked_ns;                  /* when the first signal was noticed, or 0 */
    uint64_t counters[FB_WORKER_COUNT]; /* of this incarnation */
};

/*
 * Works until there is a reason to end. Everything in the loop is the
 * caller's. leave: how often a signal asked the worker to leave. Once is
 * obeyed when the ring is empty, but not while the dispatcher is stopping,
 * since then it orders that itself, nor before it had LEAVE_GRACE_NS to do so:
 * a service manager signals both at once, and the rings are to be drained.
 * Twice is obeyed at the end of the burst.
 */
#define LEAVE_GRACE_NS UINT64_C(500000000)

enum loop_end worker_loop_run(struct worker_loop *loop, const volatile sig_atomic_t *leave);

#endif
