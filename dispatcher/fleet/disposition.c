/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/disposition.h"

/* By whether something is awaited of the number. */
static const enum resolution by_disposition[DISPOSITION_COUNT][2] = {
    [DISPOSITION_WAIT_NEXT] = {[false] = RESOLVE_FREE, [true] = RESOLVE_WAIT},
    [DISPOSITION_MOVE_GONE] = {[false] = RESOLVE_FREE, [true] = RESOLVE_LOSE},
    [DISPOSITION_MOVE_NOW] = {[false] = RESOLVE_FREE, [true] = RESOLVE_LOSE},
};

/* By whether packets wait in the ring: what a phase allows. */
static const bool is_offered[FLEET_PHASES][2] = {
    [FLEET_RUNNING] = {[false] = true, [true] = true},
    [FLEET_STOPPING] = {[false] = false, [true] = true},
    [FLEET_ENDING] = {[false] = false, [true] = false},
};

enum resolution resolve(const struct remains *remains) {
    if (!is_offered[remains->phase][remains->has_packets])
        return RESOLVE_RETIRE;
    return by_disposition[remains->disposition][remains->is_awaited];
}
