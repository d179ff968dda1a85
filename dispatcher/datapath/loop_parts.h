/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_LOOP_PARTS_H
#define DISPATCHER_DATAPATH_LOOP_PARTS_H

#include "dispatcher/datapath/loop.h"

/* What the data path shares with move.c, which puts packets into rings as well. Dispatcher only. */

/* A worker's lane, noted as one to publish. */
struct lane *loop_touch(struct loop *loop, unsigned worker);

/*
 * Finds room in a worker's ring for caplen bytes; reads consumed once more
 * before it gives up. Pending ends go first: a worker that makes room while a
 * burst is delivered would else get one new flow after another, each with a
 * handle, while the handles of those that ended wait here.
 */
bool loop_find_room(struct loop *loop, unsigned worker, uint32_t caplen, uint64_t *position);

/* Before a burst: a new round, and consumed of a few workers. */
void loop_begin_round(struct loop *loop);

/* Publishes what was staged, and wakes who sleeps long enough; force: whoever sleeps. */
void loop_publish(struct loop *loop, bool force);

#endif
