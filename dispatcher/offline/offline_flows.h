/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_OFFLINE_OFFLINE_FLOWS_H
#define DISPATCHER_OFFLINE_OFFLINE_FLOWS_H

/*
 * The room of runs without workers: flow_balancer/common/offline.h.
 *
 *   offline.c         from a file to the sink
 *   offline_flows.c   what is kept of a flow while it is alive, here
 *
 * It stands beside datapath/, and uses its way in and its look-up, so that a packet has the same
 * flow in both. It may read files and take memory of its own. It knows no worker, no ring and
 * nothing that is shared, and nothing of inspectors: it hands events to a sink.
 */
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/flow.h"
#include "flow_balancer/region.h"

#include "dispatcher/flows/handles.h"

/* A flow that is alive. */
struct offline_flow {
    struct fb_flow record;
    void *state; /* NULL: there is none */
};

/* By handle. Its blocks are the heap's own, one each: what is wrong with them is noticed. */
struct offline_flows {
    size_t state_bytes;
    uint32_t capacity; /* handles */
    struct handles handles;
    struct offline_flow **known;
    struct fb_region handle_region, known_region;
};

/* Room for max_flows flows, and the one that an eviction ends. Returns 0, or -errno after one
 * logged line. offline_flows_fini() is due either way; *flows is zero before. */
int offline_flows_init(struct offline_flows *flows, uint32_t max_flows, size_t state_bytes);

/* Frees what flows that have not ended have too. */
void offline_flows_fini(struct offline_flows *flows);

/* A flow begins: all zero. NULL after one logged line. */
struct offline_flow *offline_flows_begin(struct offline_flows *flows, uint32_t handle);

static inline struct offline_flow *offline_flows_at(const struct offline_flows *flows,
                                                    uint32_t handle) {
    return flows->known[handle];
}

/* It has ended, and that was told: its handle is free. */
void offline_flows_end(struct offline_flows *flows, uint32_t handle);

#endif
