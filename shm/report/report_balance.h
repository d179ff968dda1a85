/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_BALANCE_H
#define SHM_REPORT_REPORT_BALANCE_H

#include <stdbool.h>

#include "flow_balancer/ctl.h"

/*
 * Whether every packet is in exactly one counter. The ledger adds up if, of the
 * dispatcher's own counts,
 *
 *   received = sum over rings(entered - removed) + bypassed + sum(dropped) + held + pending
 *   and for each ring  entered = inspected + quarantined + removed + waiting
 *
 * A packet that leaves a ring uninspected (moved to another, dropped on the
 * way, abandoned at the end) is in `removed` of that ring and counts once more
 * where it ends. What the workers counted themselves is no part of it.
 */
struct report_balance {
    uint64_t accounted; /* the right side of the first equation */
    bool balanced;
};

struct report_balance report_balance(const struct fb_snapshot *snapshot, unsigned rings);

#endif
