/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_FLOW_RECORDS_H
#define FLOW_BALANCER_FLOW_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/flow.h"
#include "flow_balancer/object.h"
#include "flow_balancer/ring.h"

/*
 * /NAME.flows.K: the records of the flows of worker K, one place a handle. Written by the
 * dispatcher, mapped read-only by the process of the number. One a number, for the whole
 * run; not on hugetlbfs.
 *
 * Why not in the ring. Each process of a number is to have a flow's record with the first
 * packet that it gets of it. After a death that packet may have waited in the ring since
 * before, and nothing can be put in front of it; its flow may have ended meanwhile, and the
 * flow table have forgotten it. But a flow keeps its handle from its first packet to the
 * moment at which `consumed` has passed its end. So what lies under the handle is there for
 * every process that meets a packet of the flow, and costs no descriptor.
 *
 * Why no reader sees a record change. The dispatcher writes a record when it binds the
 * flow, before it stages its first packet there: before R1 and so before A1 (ring.h). It
 * writes to the same place again only for the next flow that gets the handle, which is
 * after it has seen `consumed` behind the end of the flow before: A2, after R2 of the reader,
 * who has read all it will. Only a process that was revoked and goes on may read a torn
 * record, as it may read another packet's bytes.
 *
 * The object is sparse: there may be very many handles, and few are in use. A chunk is
 * populated before the first record is written there, in order, and how many records are
 * populated is `flow_records` of the down side, stored before R1 too. No reader looks beyond
 * that: reading a hole takes memory as well, and where /dev/shm is full it is SIGBUS. If
 * there is no room, flows go without a record: the id under their handle is then not theirs.
 */
struct fb_flow_records {
    struct fb_header header;
    uint64_t capacity; /* records: one a handle */
    uint64_t offset;   /* of the first, from the start of the object */
};

/* Records that are populated together: 256 KB, 85 us of work at the least, 21 ns a record. */
#define FB_FLOW_CHUNK 4096u

/* No flow has this id: what is in a place that was not written though others behind it may be. */
#define FB_FLOW_ID_NONE UINT64_MAX

_Static_assert(sizeof(struct fb_flow) == 64, "one record is one cache line");

/* Bytes of the object; populated from the start are those before the first record. */
size_t fb_flow_records_footprint(uint64_t capacity);
size_t fb_flow_records_head(void);

/* Writes the head into zero memory of fb_flow_records_head() bytes. Dispatcher only. */
void fb_flow_records_format(struct fb_flow_records *records, const uint8_t instance[16],
                            unsigned worker, uint64_t capacity);

/* Checks that the records lie within size bytes; logs once if not. */
bool fb_flow_records_plausible(const struct fb_flow_records *records, size_t size);

/* The first record. Only those that are populated may be touched. */
static inline struct fb_flow *fb_flow_records_first(struct fb_flow_records *records) {
    return (struct fb_flow *)(void *)((char *)records + records->offset);
}

/* The records that fb_rx_flow() finds from the next burst on: those of the claim. Worker only. */
static inline void fb_rx_set_flows(struct fb_rx *rx, const struct fb_flow *flows) {
    rx->flows = flows;
}

/*
 * The record of a descriptor's flow, flow ends included: constant until the descriptor of the
 * end is released. NULL if it has none, for want of memory or if fb_rx_set_flows() was not
 * called. Worker only; two compares and one line of memory.
 */
static inline const struct fb_flow *fb_rx_flow(const struct fb_rx *rx, const struct fb_desc *desc) {
    if (__builtin_expect(rx->flows == NULL || desc->handle >= rx->flow_records, 0))
        return NULL;
    const struct fb_flow *flow = &rx->flows[desc->handle];
    return __builtin_expect(flow->id == desc->flow_id, 1) ? flow : NULL;
}

#endif
