/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve.h"

#include "flow_balancer/common/clock.h"

#include "worker/records/eve_anomaly.h"
#include "worker/records/eve_event.h"
#include "worker/records/sinks.h"

int eve_claimed(const struct fb_instance *instance, uint64_t run) {
    if (!sinks_any())
        return 0;
    eve_stats_begin(fb_now_ns());
    eve_anomaly_reset();
    eve_forget_flows();
    return eve_event_claimed(instance, run);
}

void eve_close(void) {
    eve_forget_flows();
    eve_event_close();
}
