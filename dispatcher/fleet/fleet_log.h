/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_FLEET_LOG_H
#define DISPATCHER_FLEET_FLEET_LOG_H

#include "dispatcher/fleet/fleet.h"

/*
 * The events of a worker number that changes hands (run_events.h): not for other
 * callers than the fleet. Dispatcher only.
 */

/* A process took the number; it left cleanly, because it was told to or because the run ends. */
void fleet_log_claimed(const struct fleet *fleet, unsigned worker);
void fleet_log_left(const struct fleet *fleet, unsigned worker);

/* Its process died: whether its flows wait for the next one, or go to the others. */
void fleet_log_died(const struct fleet *fleet, unsigned worker);

/* A process of it is ready. It is back only if one was missed: not the first one, nor one after a
 * drain. */
void fleet_log_ready(const struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* It gets no new flows. */
void fleet_log_draining(const struct fleet *fleet, unsigned worker);

/* Why its process is revoked: it took the number and said nothing, did not become ready, finishes
 * nothing, was told to leave and did not, or broke the protocol. */
void fleet_log_silent(const struct fleet *fleet, unsigned worker);
void fleet_log_not_ready(const struct fleet *fleet, unsigned worker);
void fleet_log_hangs(const struct fleet *fleet, unsigned worker);
void fleet_log_stays(const struct fleet *fleet, unsigned worker);
void fleet_log_violated(const struct fleet *fleet, unsigned worker, enum fb_violation violation);

/* It was not claimed in time. Nothing if it was given up: that is an event of its own. */
void fleet_log_overdue(const struct fleet *fleet, unsigned worker);

/* Its packets and flows go to the others, because it is lost or drained. */
void fleet_log_moving(const struct fleet *fleet, unsigned worker);

/* Its up side was offered, or could not be, for the reason in the line before. */
void fleet_log_offer(const struct fleet *fleet, unsigned worker, bool failed_before);

#endif
