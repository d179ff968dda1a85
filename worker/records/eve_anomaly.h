/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_ANOMALY_H
#define WORKER_RECORDS_EVE_ANOMALY_H

#include <stdint.h>

#include "flow_balancer/flow.h"

/* Events `anomaly`: one a malformed packet, and no more a second than EVE_ANOMALIES_PER_S; the
 * others are counted. */
#define EVE_ANOMALIES_PER_S 10u

/* Writes the event of a packet with FB_F_MALFORMED, or counts it. Where a sink does not take it now
 * it waits, and no packet does. */
void eve_anomaly_packet(const struct fb_packet *packet);

/* Another second has begun. */
void eve_anomaly_refill(void);

/* Since the number was claimed. */
struct eve_anomaly_counts {
    uint64_t malformed;  /* packets */
    uint64_t suppressed; /* of these without an event */
};
struct eve_anomaly_counts eve_anomaly_counts(void);

/* Another number, or another run: they begin at 0. */
void eve_anomaly_reset(void);

#endif
