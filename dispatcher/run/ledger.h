/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_LEDGER_H
#define DISPATCHER_RUN_LEDGER_H

#include "flow_balancer/ctl.h"

#include "dispatcher/datapath/datapath.h"

/*
 * The ledger: where every packet is. It only gathers what the others count,
 * each from its own facts: received where frames are taken, dropped where they
 * are dropped, entered, inspected and waiting at each ring. Nothing in it is
 * computed from the rest, so it can be wrong, and then the report says so.
 * Dispatcher only.
 */
void ledger_gather(struct fb_snapshot *snapshot, const struct datapath *datapath,
                   const struct capture_stats *capture);

#endif
