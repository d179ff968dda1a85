/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_FLEET_LOG_H
#define DISPATCHER_FLEET_FLEET_LOG_H

#include "dispatcher/fleet/fleet.h"

/*
 * The log lines on a worker number that changes hands, a line each: not for other
 * callers than the fleet. Dispatcher only.
 */

/* Its process died: whether its flows wait for the next one, or go to the others. */
void fleet_log_died(const struct fleet *fleet, unsigned worker);

/* Its next process is ready. No line if none was missed: the first one, or one after a drain. */
void fleet_log_back(const struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* Why its process is revoked: it took the number and said nothing, did not become ready, finishes
 * nothing, or was told to leave and did not. */
void fleet_log_silent(const struct fleet *fleet, unsigned worker);
void fleet_log_not_ready(const struct fleet *fleet, unsigned worker);
void fleet_log_hangs(const struct fleet *fleet, unsigned worker);
void fleet_log_stays(const struct fleet *fleet, unsigned worker);

/* It was not claimed in time. No line if it was given up: that has its own. */
void fleet_log_overdue(const struct fleet *fleet, unsigned worker);

/* Its packets and flows go to the others, because it is lost or drained. */
void fleet_log_moving(const struct fleet *fleet, unsigned worker);

/* Its up side could not be made, for the reason in the line before; or can be again. No line where
 * that is as it was. */
void fleet_log_offer(const struct fleet *fleet, unsigned worker, bool failed_before);

#endif
