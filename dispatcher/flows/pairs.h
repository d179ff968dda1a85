/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_PAIRS_H
#define DISPATCHER_FLOWS_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

/*
 * From which interface each direction of a TCP connection came: where one direction does not come
 * here, the tap is asymmetric. Dispatcher only, one thread.
 *
 * A flow's entry has no room, so there are two bytes beside it. They are written when the flow
 * begins, once more with its first packet in the other direction, which its state tells
 * (FLOW_REVERSE), and read when it ends: no packet else touches them.
 *
 *   bits 0-4   interface of its first packet
 *   bits 5-9   of the first in the other direction
 *   bit 15     its direction is guessed: the first packet was not the SYN that opens a connection
 */
struct pairs {
    uint16_t *flows; /* by the flow's entry; the caller's */
    uint64_t counts[FB_MAX_INTERFACES][FB_PAIR_REVERSES][FB_PAIR_COUNT];
};
_Static_assert(FB_MAX_INTERFACES <= 32, "an interface is five bits");

static inline size_t pairs_footprint(uint32_t max_flows) {
    return (size_t)max_flows * sizeof(uint16_t);
}

/* In zero memory of pairs_footprint() bytes. */
static inline void pairs_init(struct pairs *pairs, void *memory) {
    *pairs = (struct pairs){.flows = memory};
}

/* A flow begins. */
static inline void pairs_begin(struct pairs *pairs, uint32_t flow, bool guessed) {
    pairs->flows[flow] = (uint16_t)((unsigned)guessed << 15);
}

/* The interface that its first packet came from; once, before pairs_reverse(). Below
 * FB_MAX_INTERFACES, as below. */
static inline void pairs_forward(struct pairs *pairs, uint32_t flow, unsigned interface) {
    pairs->flows[flow] |= (uint16_t)interface;
}

/* The interface that its first packet in the other direction came from; once. */
static inline void pairs_reverse(struct pairs *pairs, uint32_t flow, unsigned interface) {
    pairs->flows[flow] |= (uint16_t)(interface << 5);
}

/* A connection ends, of which both directions were seen, or not. */
static inline void pairs_end(struct pairs *pairs, uint32_t flow, bool both) {
    unsigned word = pairs->flows[flow];
    uint64_t *counts = pairs->counts[word & 31u][both ? word >> 5 & 31u : FB_PAIR_ONE_SIDED];
    counts[FB_PAIR_FLOWS]++;
    counts[FB_PAIR_GUESSED] += word >> 15;
}

#endif
