/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_HANDLES_H
#define DISPATCHER_FLOWS_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"

/*
 * The handles of one worker: small dense numbers under which it keeps its
 * flows' states. Private memory of the dispatcher, one thread.
 *
 *   free --take--> bound --end--> pending --pop--> ending --give_back--> free
 *
 * bound: a flow has it. pending: the flow has ended, and its end waits for a
 * slot of the ring, in order of ending. ending: the end is in the ring; once
 * the worker has passed it, the handle is free again, with the next
 * generation. 16 bytes a handle, touched on use only. What becomes of them when
 * the worker is lost: forwards.h.
 */
struct handle {
    uint64_t flow_id; /* 0: of a lost worker, its end has been passed on */
    uint32_t next;    /* in the free list or the list of pending ends */
    uint16_t generation;
    uint8_t reason;      /* enum fb_end_reason, while pending */
    uint8_t quarantined; /* packets of the flow on which processes died, here and before */
};
_Static_assert(sizeof(struct handle) == 16, "memory a flow");

#define NO_HANDLE UINT32_MAX
#define FLOW_QUARANTINED_MOST 3u /* packets of a flow: then it is bypassed */

struct handles {
    struct handle *table;
    uint32_t capacity;
    uint32_t fresh; /* handles from here on were never taken */
    uint32_t free_head;
    uint32_t pending_head, pending_tail;
    uint32_t pending;
    uint32_t bound; /* that a flow has now */
};

/* A flow end that waits: what its descriptor needs. */
struct pending_end {
    uint64_t flow_id;
    uint32_t handle;
    uint16_t generation;
    enum fb_end_reason reason;
};

/* Sets up a table in zero memory of capacity * sizeof(struct handle) bytes, owned by the caller. */
void handles_init(struct handles *handles, struct handle *table, uint32_t capacity);

/*
 * Takes a free handle for a flow; *generation tells it from those that had it
 * before. There is always one: the capacity covers all flows and all ends in
 * the ring (asserted).
 */
uint32_t handles_take(struct handles *handles, uint64_t flow_id, uint16_t *generation);

/* The handle that is taken next, unless one is given back before; it may be beyond the capacity. */
static inline uint32_t handles_next(const struct handles *handles) {
    return handles->free_head != NO_HANDLE ? handles->free_head : handles->fresh;
}

/* The flow of a bound handle has ended. */
void handles_end(struct handles *handles, uint32_t handle, enum fb_end_reason reason);

/* Takes the oldest pending end. Returns false if there is none. */
bool handles_pop_end(struct handles *handles, struct pending_end *end);

/* The worker has passed the end of this handle. */
void handles_give_back(struct handles *handles, uint32_t handle);

/*
 * All handles are free again: the worker is lost, its ring is empty, and the
 * next process knows none of them.
 */
void handles_reset(struct handles *handles);

#endif
