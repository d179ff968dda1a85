/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_balance.h"

struct report_balance report_balance(const struct fb_snapshot *s, unsigned rings) {
    struct report_balance sum = {.balanced = true};
    sum.accounted = s->run[FB_RUN_BYPASSED] + s->run[FB_RUN_HELD] + s->run[FB_RUN_PENDING];
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        sum.accounted += s->dropped[i];
    for (unsigned k = 0; k < rings; k++) {
        const uint64_t *ring = s->lane[k];
        sum.accounted += ring[FB_LANE_ENTERED] - ring[FB_LANE_REMOVED];
        if (ring[FB_LANE_ENTERED] != ring[FB_LANE_INSPECTED] + ring[FB_LANE_QUARANTINED] +
                                         ring[FB_LANE_REMOVED] + ring[FB_LANE_WAITING])
            sum.balanced = false;
    }
    if (sum.accounted != s->run[FB_RUN_RECEIVED])
        sum.balanced = false;
    return sum;
}
