/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/capture_delay.h"

/* No buffer holds frames for longer: one of the clocks was set. */
#define CAPTURE_DELAY_MOST_NS UINT64_C(60000000000)

void capture_delay_end(struct capture_delay *delay, uint64_t now_ns) {
    if (delay->stamp_ns == 0 || delay->stamp_ns > now_ns ||
        now_ns - delay->stamp_ns > CAPTURE_DELAY_MOST_NS) {
        delay->unusable++;
        return;
    }
    uint64_t ns = now_ns - delay->stamp_ns;
    delay->counts.buckets[fb_delay_bucket(ns)]++;
    delay->counts.sum_ns += ns;
}

void capture_delay_gather(const struct capture_delay *delay, struct fb_snapshot *snapshot) {
    snapshot->capture_delay = delay->counts;
    snapshot->run[FB_RUN_STAMPS_UNUSABLE] = delay->unusable;
}
