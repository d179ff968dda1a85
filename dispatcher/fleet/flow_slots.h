/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_FLOW_SLOTS_H
#define DISPATCHER_FLEET_FLOW_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/flow_records.h"
#include "flow_balancer/prefetch.h"
#include "flow_balancer/region.h"

/*
 * The flow records of one worker number (flow_records.h) as the dispatcher holds them: one
 * place a handle, of which the first `populated` may be touched. Fresh handles are taken in
 * order, so what is populated grows with them, a chunk at a time. The first are there from the
 * start (FLOW_SLOTS_READY): no flow waits for memory before there are many. One thread.
 *
 * Records come last: what they leave in /dev/shm is enough for an up side of every number,
 * twice, or a worker that dies could not be replaced. If they get no room, that is tried
 * again with every FLOW_SLOTS_RETRY-th handle: while there is none, a system call of a few
 * microseconds.
 */
struct flow_slots {
    struct fb_flow *records;
    uint32_t populated; /* records */
    uint32_t refused;   /* handles since the last try that found no room; 0: it found some */
    bool gaps;          /* handles were taken whose record may be missing when it is populated */
    uint64_t spared;    /* bytes of /dev/shm that are not for records */
    struct fb_region region;
};

#define FLOW_SLOTS_RETRY 256u

/* Records that a run has from the start, of all its workers: 16 MB, 6 ms. */
#define FLOW_SLOTS_READY 262144u

/*
 * Makes the object of a number and gives it its name; the region's descriptor is -1 before.
 * Returns 0, or -errno after one logged line.
 */
int flow_slots_init(struct flow_slots *slots, const struct fb_ctl *ctl, unsigned worker,
                    uint32_t capacity);
void flow_slots_fini(struct flow_slots *slots);

/* Populates the first `count` records, or as many as there is room for. At the start, when the
 * rings are there. */
void flow_slots_get_ready(struct flow_slots *slots, uint32_t count);

/*
 * Writes to each page of the records that are populated; while no flow has one, just before the
 * first packet. In a virtual machine whose host keeps page tables of its own, a page that the
 * kernel has given may be met there once more when it is first written to, for 2 to 4 us, also
 * if that was done when the ring was made; 60 ns a flow. Elsewhere it takes 0.1 ms in all.
 */
void flow_slots_touch(struct flow_slots *slots);

/*
 * A handle beyond those that are populated was taken: populates the next chunk. Returns
 * whether its record may be written now; not that there is no room.
 */
bool flow_slots_grow(struct flow_slots *slots, uint32_t handle);

/* Fetches the place of a record that is soon written. Beyond what is populated nothing is fetched,
 * and nothing faults. */
static inline void flow_slots_prefetch(const struct flow_slots *slots, uint32_t handle) {
    fb_prefetch_to_write(
        (const void *)((uintptr_t)slots->records + handle * sizeof(struct fb_flow)));
}

/* The record that a flow has under a handle, or NULL. */
static inline const struct fb_flow *flow_slots_find(const struct flow_slots *slots, uint32_t handle,
                                                    uint64_t flow_id) {
    return handle < slots->populated && slots->records[handle].id == flow_id
               ? &slots->records[handle]
               : NULL;
}

#endif
