/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RECORDER_H
#define DISPATCHER_RUN_RECORDER_H

#include <stdint.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/history.h"

#include "dispatcher/fleet/fleet.h"

/*
 * The flight recorder of a run: the dispatcher's end of /NAME.history (history.h). It takes
 * a sample a second from the snapshot that is published anyway, and each event as it is
 * told. A run goes on without it where there is no memory for it. Dispatcher only, one thread.
 */
struct recorder {
    struct fb_region region; /* fd -1: there is none */
    struct fb_history_writer writer;
    bool records; /* else there is no history */
    int guard;
    uint64_t due_ns; /* when the next sample is to be taken */
    struct fb_history_sample sample;
};

/* What a history may take of /dev/shm: this part of what is free, for rings come first. */
#define RECORDER_PART 16u

/*
 * Makes the object, for an instance whose geometry is known, and records every event from
 * now on. Before the rings are made. Without room for it there is one log line, and no history.
 */
void recorder_open(struct recorder *recorder, const struct fb_ctl *ctl);

/* Takes a sample if one is due. A few times a second, with a new snapshot. */
void recorder_look(struct recorder *recorder, const struct fleet *fleet,
                   const struct fb_snapshot *snapshot, uint64_t now_ns);

/* Takes one now: the last of a run. */
void recorder_take(struct recorder *recorder, const struct fleet *fleet,
                   const struct fb_snapshot *snapshot);

/* Records nothing any more. The object stays until the others of the instance are unlinked. */
void recorder_close(struct recorder *recorder);

#endif
