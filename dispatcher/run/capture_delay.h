/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_CAPTURE_DELAY_H
#define DISPATCHER_RUN_CAPTURE_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/delay.h"

#include "dispatcher/capture/capture.h"

/*
 * How long the kernel held a frame before it was in a ring, one sample a burst: its first frame,
 * which has waited longest, when the whole burst is delivered. So that what a burst waits for
 * room in a ring is in it too, and the merge window of --merge-window. One look at the clock a
 * burst. Dispatcher only, one thread; private memory.
 */
struct capture_delay {
    bool measures;     /* the time stamps can be compared with our clock */
    uint64_t stamp_ns; /* of the first frame of the burst that is under way */
    struct fb_delay_counts counts;
    uint64_t unusable; /* samples with no stamp, or one that lies ahead */
};

/* All zero before: nothing was measured. */
static inline void capture_delay_init(struct capture_delay *delay, const struct capture *capture) {
    delay->measures = capture_has_host_stamps(capture);
}

/* A burst was taken; first: its first frame. */
static inline void capture_delay_begin(struct capture_delay *delay, const struct frame *first) {
    delay->stamp_ns = first->time_ns;
}

/* The burst is delivered, at now_ns on CLOCK_REALTIME. */
void capture_delay_end(struct capture_delay *delay, uint64_t now_ns);

/* Into the snapshot, which ledger_gather() has filled. */
void capture_delay_gather(const struct capture_delay *delay, struct fb_snapshot *snapshot);

#endif
