/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_pace.h"

#include "flow_balancer/common/clock.h"

#define PACE_NS_PER_HOUR (3600 * FB_NS_PER_S)
/* From here on it is not waited for: a day, of which the clock may leave out a part of a tick. */
#define PACE_GAP_MOST_NS (24 * PACE_NS_PER_HOUR - PACKET_CLOCK_NS_PER_TICK)

void capture_pace_init(struct capture_pace *pace, double speed) {
    *pace = (struct capture_pace){.speed = speed};
    packet_clock_init(&pace->clock, PACE_NS_PER_HOUR);
}

/* How long after the frame before, in time of the packets. */
static uint64_t passed_since_last_ns(struct capture_pace *pace, const struct frame *frame) {
    uint64_t before_ns = packet_clock_passed_ns(&pace->clock), passed_ns;

    if (frame->new_source)
        packet_clock_next_file(&pace->clock);
    packet_clock_advance(&pace->clock, frame->time_ns);
    passed_ns = packet_clock_passed_ns(&pace->clock);
    if (frame->new_source || passed_ns <= before_ns || passed_ns - before_ns >= PACE_GAP_MOST_NS)
        return 0;
    return passed_ns - before_ns;
}

uint64_t capture_pace_due(struct capture_pace *pace, const struct frame *frame, uint64_t now_ns) {
    double wait_ns;

    if (pace->is_told)
        return pace->due_ns;
    pace->is_told = true;
    if (pace->due_ns == 0)
        pace->due_ns = now_ns;
    wait_ns = (double)passed_since_last_ns(pace, frame) / pace->speed;
    pace->due_ns += wait_ns < 9e18 ? (uint64_t)wait_ns : UINT64_MAX / 2;
    return pace->due_ns;
}
