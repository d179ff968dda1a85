/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_CONSUMER_EVENT_H
#define WORKER_CONSUMER_EVENT_H

#include <stdint.h>

#include "flow_balancer/flow.h"

/*
 * The record of a flow that the dispatcher had no memory for: what a packet of it says,
 * whatever is not there 0. packet NULL: nothing but the id.
 */
void event_partial_flow(struct fb_flow *flow, uint64_t flow_id, const struct fb_packet *packet);

#endif
