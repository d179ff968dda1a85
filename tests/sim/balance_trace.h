/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SIM_BALANCE_TRACE_H
#define TESTS_SIM_BALANCE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/flow_key.h"

/*
 * The packets of a capture file as traffic for the simulation: when they came,
 * of which flow they are, how long they were. Read by the product's capture,
 * decoder and flow table, so that a flow here is a flow there, but for its end:
 * no flow times out or closes, each keeps its worker to the end.
 */
struct trace_packet {
    double at; /* arrival in mean gaps of the capture after its first packet, never descending */
    uint32_t flow;
    uint32_t bytes; /* on the wire */
};

struct balance_trace {
    uint32_t packets, flows;
    double mean_bytes;
    uint32_t largest; /* packets of the largest flow */
    struct trace_packet *packet;
    struct fb_flow_key *key; /* of each flow, by number; numbers are in order of appearance */
};

/*
 * Reads a whole capture file; the trace goes to trace_free(). A stamp before
 * that of the packet before counts as the same time. Returns 0, or -errno after
 * one logged line and with nothing to free: -EINVAL for a file that broke off or
 * has no time between its packets to stretch.
 */
int trace_load(struct balance_trace *trace, const char *file);
void trace_free(struct balance_trace *trace);

#endif
