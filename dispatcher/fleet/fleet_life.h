/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_FLEET_LIFE_H
#define DISPATCHER_FLEET_FLEET_LIFE_H

#include "dispatcher/fleet/fleet.h"

/*
 * The arrows of life.h that the rest of the fleet takes part in: not for other
 * callers. Dispatcher only.
 */

/* Takes an arrow of the drawing (asserted), here and in ctl's directory. */
void fleet_step(struct fleet *fleet, unsigned worker, enum fb_life_event event, uint64_t now_ns);

/* Raises the epoch: its process may inspect nothing more. It is resolved after REVOKE_WAIT_NS. */
void fleet_revoke(struct fleet *fleet, unsigned worker, uint64_t now_ns);

/* Counts what a worker did wrong, says so, and revokes it. */
void fleet_violated(struct fleet *fleet, unsigned worker, enum fb_violation violation,
                    uint64_t now_ns);

#endif
