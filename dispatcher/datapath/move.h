/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_MOVE_H
#define DISPATCHER_DATAPATH_MOVE_H

#include "dispatcher/datapath/datapath.h"

/*
 * The ring of a lost worker as the input. What waits in it goes, in its order, to
 * living workers, before anything more is taken from the capture: so a flow's
 * packets keep their order. Dispatcher only, one thread.
 *
 * Rings lost meanwhile are emptied first, the last one lost first: what was
 * moved there is older than what is left of its flow in the ring below. (The
 * other way round is wrong, see tests/model.)
 *
 *   a flow that is alive       has lost its worker (flows_lose()); its first
 *                              packet here binds it again
 *   one that ended meanwhile   its end waits behind its packets, in the ring or
 *                              in the list of pending ends, under the lost
 *                              worker's handle. Its first packet here binds it
 *                              too, and a forward (forwards.h) leads there until
 *                              that end has been passed on
 *
 * Frame number, sequence in flow, stamps, direction and flags stay. The gap is
 * counted again from what the flow's workers got, so that a moved packet that is
 * dropped shows at the next one.
 */

/*
 * Moves up to a burst from the ring on top of fleet->lost; offers its number
 * again when it is empty. EGRESS_DONE: go on while fleet->lost_count is not 0.
 * Else the packet that is first in it has to wait, as in datapath_run().
 */
enum egress_result move_burst(struct datapath *d);

/* Drops the packet at which move_burst() stopped, for a reason. */
void move_drop_stopped(struct datapath *d, enum fb_drop_reason reason);

#endif
