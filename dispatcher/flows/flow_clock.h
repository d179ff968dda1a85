/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FLOW_CLOCK_H
#define DISPATCHER_FLOWS_FLOW_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/packet_clock.h"

/*
 * What time it is for the flows, in ticks from 1 that only go forward. There are
 * two kinds:
 *
 *   file   the packets' own stamps, as packet_clock.h believes them; time does
 *          not pass while no frame is taken
 *   live   CLOCK_MONOTONIC; a frame's stamp says nothing
 *
 * Dispatcher only, one thread. Nothing here can fail.
 */
struct flow_clock {
    bool is_live;
    bool is_told;                /* the next frame told its time already */
    uint32_t live_tick;          /* of a live clock */
    uint64_t live_from_ns;       /* then: when tick 1 began */
    struct packet_clock packets; /* of a file clock */
};

/* A clock at tick 1. longest_timeout_ns: of those that are finite, 0: none is. */
static inline void flow_clock_init_file(struct flow_clock *c, uint64_t longest_timeout_ns) {
    *c = (struct flow_clock){.is_live = false};
    packet_clock_init(&c->packets, longest_timeout_ns);
}

static inline void flow_clock_init_live(struct flow_clock *c, uint64_t time_ns) {
    *c = (struct flow_clock){.is_live = true, .live_from_ns = time_ns, .live_tick = 1};
}

/* The present tick: of a file that of the last frame that was told, not of the last delivered. */
static inline uint32_t flow_clock_now(const struct flow_clock *c) {
    return c->is_live ? c->live_tick : packet_clock_now(&c->packets);
}

/* Tells a frame's stamp; returns its tick. Once per frame, in the order of capture. */
static inline uint32_t flow_clock_tell(struct flow_clock *c, const struct frame *frame) {
    if (__builtin_expect(c->is_told || c->is_live, 0)) {
        c->is_told = false;
        return flow_clock_now(c);
    }
    if (__builtin_expect(frame->new_source, 0))
        packet_clock_next_file(&c->packets);
    return packet_clock_advance(&c->packets, frame->time_ns);
}

/* The frame that was told last was not taken and comes again: it is not told a second time. */
static inline void flow_clock_tell_no_more(struct flow_clock *c) {
    c->is_told = true;
}

/*
 * It is time_ns on CLOCK_MONOTONIC; a file clock does not care. After four years it stops, as
 * that of a file does: flows then leave by their protocol or by eviction.
 */
static inline void flow_clock_set(struct flow_clock *c, uint64_t time_ns) {
    uint64_t tick = (time_ns - c->live_from_ns) / PACKET_CLOCK_NS_PER_TICK + 1;
    if (c->is_live)
        c->live_tick = tick < PACKET_CLOCK_LAST_TICK ? (uint32_t)tick : PACKET_CLOCK_LAST_TICK;
}

/*
 * Ends the present tick, so that what is touched from now on has a later one.
 * Returns the tick that ended, or 0 if the clock has stopped: then what comes may
 * have the same.
 */
static inline uint32_t flow_clock_end_tick(struct flow_clock *c) {
    uint32_t tick = flow_clock_now(c);
    if (!c->is_live)
        return packet_clock_step(&c->packets) ? tick : 0;
    if (tick == PACKET_CLOCK_LAST_TICK)
        return 0;
    c->live_from_ns -= PACKET_CLOCK_NS_PER_TICK;
    c->live_tick++;
    return tick;
}

#endif
