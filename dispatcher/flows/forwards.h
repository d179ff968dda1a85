/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FORWARDS_H
#define DISPATCHER_FLOWS_FORWARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/region.h"

/*
 * Where flows went that had ended before their worker was lost. Their packets, and
 * behind them their ends, are still in the lost ring under handles of that worker;
 * the flow table has forgotten them. So each handle of a lost worker may have a
 * forward: none (it is alive, or nothing of it was met), to no worker yet, or to the
 * handle that it has at another one. Private memory of the dispatcher, one thread,
 * 12 bytes a handle, touched only when a worker is lost.
 */
enum forward_state {
    FORWARD_NONE,    /* the flow table knows the flow */
    FORWARD_UNBOUND, /* its packets found no worker so far */
    FORWARD_BOUND,   /* worker, handle and generation hold */
};

struct forward {
    uint32_t handle;     /* at the worker it went to */
    uint32_t seq;        /* sequence in flow after the last packet that some worker got */
    uint16_t generation; /* of that handle */
    uint8_t worker;
    uint8_t state; /* enum forward_state */
};
_Static_assert(sizeof(struct forward) == 12, "one a handle");

/* Of one worker number, by its handles. */
struct forwards {
    struct forward *table;
    bool used; /* since the last forwards_reset() */
    struct fb_region region;
};

/* Makes room for capacity handles. Returns 0, or -errno after one logged line. */
int forwards_init(struct forwards *forwards, uint32_t capacity);
void forwards_fini(struct forwards *forwards);

/* The forward of a handle, to be set. */
struct forward *forwards_at(struct forwards *forwards, uint32_t handle);

/* No handle below count has a forward any more. */
void forwards_reset(struct forwards *forwards, uint32_t count);

#endif
