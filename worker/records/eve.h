/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_H
#define WORKER_RECORDS_EVE_H

#include <stdint.h>

#include <jansson.h>

#include "flow_balancer/inspector.h"

/*
 * Records in Suricata's EVE JSON: one object a line. This file makes the lines; sinks.h says
 * where they go.
 */

/* What a flow's record says beyond struct fb_flow; in the inspector's state of the flow, zero when
 * the flow starts. Flat: no pointer. */
struct eve_flow;

/* Takes a packet of the flow into account, the first one too. */
void eve_flow_packet(struct eve_flow *flow, const struct fb_packet *packet);

/*
 * Writes the event `flow` of a flow that ended. app_proto: Suricata's name of the application
 * protocol, or NULL if it is not known. more: an object whose members are added to the event
 * (such as {"ndpi": {...}}), which stays the caller's, or NULL. Returns 0, FB_OUTPUT_FAILED, or
 * -ENOMEM after one logged line.
 */
int eve_flow_write(const struct eve_flow *flow, const struct fb_flow_end *end,
                   const char *app_proto, json_t *more);

#endif
