/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_PACE_H
#define DISPATCHER_CAPTURE_CAPTURE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/frame.h"
#include "dispatcher/capture/packet_clock.h"

/*
 * When each frame of a file is due at --speed: as long after the one before as
 * the packet clock says that time has passed, divided by the speed. What that
 * clock does not believe is not waited for: one stamp a day ahead would stop the
 * run. Nor is the time between two files, nor a gap of a day or more.
 * Dispatcher only, one thread. Nothing here can fail.
 */
struct capture_pace {
    double speed; /* 1: as captured, 2: twice as fast; above 0 */
    struct packet_clock clock;
    uint64_t due_ns; /* of the last frame, CLOCK_MONOTONIC; 0 before the first */
    bool is_told;    /* that is of a frame that is not taken yet */
};

void capture_pace_init(struct capture_pace *pace, double speed);

/*
 * When the next frame is due, on CLOCK_MONOTONIC; now_ns is what it is there now.
 * The same answer until capture_pace_take().
 */
uint64_t capture_pace_due(struct capture_pace *pace, const struct frame *frame, uint64_t now_ns);

/* That frame is taken. */
static inline void capture_pace_take(struct capture_pace *pace) {
    pace->is_told = false;
}

#endif
