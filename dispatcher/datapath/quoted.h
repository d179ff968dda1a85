/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_QUOTED_H
#define DISPATCHER_DATAPATH_QUOTED_H

#include <stdint.h>

#include "dispatcher/datapath/ingress.h"
#include "dispatcher/flows/flows.h"

/*
 * The live flow that packet i of the burst, an ICMP error, quotes, or NO_FLOW. The
 * error came against the direction of the packet quoted: *decoded is set so. Only
 * when its turn comes is it known whether the flow is there: a packet before it in
 * the burst may have begun or ended it. Off the fast path. Dispatcher only.
 */
uint32_t quoted_flow(struct ingress *in, struct flows *flows, unsigned i);

#endif
