/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

/*
 * A worker: a process that inspects the packets of the flows that are bound to
 * one worker number. main.c joins an instance, claims a number and serves it;
 * this is the loop over its ring, flow_states.h finds the inspector's state of a
 * flow, place.h says where the process runs, and inspectors/ has what is done
 * with a packet.
 *
 * A worker reads its down side and ctl, and writes to its up side and to what
 * its inspector opens, nothing else. It may be killed at any instruction: what
 * the next process of its number needs is in the two sides. It knows nothing of
 * capture, decoding, the flow table, policies or other workers, and includes no
 * header of dispatcher/.
 */
#include <signal.h>
#include <stdbool.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/inspector.h"
#include "flow_balancer/ring.h"

#include "worker/flow_states.h"

/*
 * What a worker does once it has claimed its number: takes a burst, inspects
 * each packet in order, releases the burst, and sleeps when there is none.
 */
enum loop_end {
    LOOP_STOPPED,  /* told to stop: the ring is finished; or to leave: the burst is */
    LOOP_ORPHANED, /* the dispatcher is gone: the ring is finished, the flows are ended */
    LOOP_REVOKED,  /* this incarnation may not go on; nothing more was touched */
    LOOP_FAILED,   /* the inspector failed, or no memory: logged */
    LOOP_ASKED,    /* a signal asked to leave */
};

/* What a worker works with, which it does not own. */
struct worker_loop_config {
    const struct fb_ctl_handle *ctl;
    const struct fb_down *down; /* the claimed sides */
    struct fb_up *up;
    const struct fb_inspector_ops *ops;
    void *inspector;   /* as its open() gave it */
    size_t flow_bytes; /* the same */
    bool spin;         /* on an empty ring, instead of parking */
};

struct worker_loop {
    struct worker_loop_config config;
    struct flow_states states;
    struct fb_rx rx;
    const volatile sig_atomic_t *leave; /* how often a signal asked to leave */
    uint64_t asked_ns;                  /* when the first signal was noticed, or 0 */
    uint64_t counters[FB_WORKER_COUNT]; /* of this incarnation */
};

/*
 * Sets up a loop that begins at the resume point of the claimed sides, with no
 * flow known. Returns 0, or -ENOMEM after one logged line.
 */
int worker_loop_init(struct worker_loop *loop, const struct worker_loop_config *config);

/* Frees the states of the flows. */
void worker_loop_fini(struct worker_loop *loop);

/*
 * Works until there is a reason to end. leave: how often a signal asked the
 * worker to leave. Once is followed when the ring is empty, but not while the
 * dispatcher is stopping, since then it says so itself, nor before it had
 * LEAVE_GRACE_NS to do so: a service manager signals both at the same time, and
 * the rings are to be drained. Twice is followed at the end of the burst.
 */
#define LEAVE_GRACE_NS UINT64_C(500000000)

enum loop_end worker_loop_run(struct worker_loop *loop, const volatile sig_atomic_t *leave);

#endif
