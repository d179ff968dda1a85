/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_PACKET_CLOCK_H
#define DISPATCHER_CAPTURE_PACKET_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What time it is when packets come from files: the greatest stamp so far, in
 * ticks that only ever go forward. Stamps are input: any value, in any order.
 * Flows end by this time (dispatcher/flows/flow_clock.h), and --speed waits by it.
 *
 *  - A stamp ahead of the clock by a day or more, and by more than the longest
 *    timeout, is held: one bad stamp must not expire every flow. It is believed
 *    when 32 frames in a row after it lie at or after it less that timeout. The
 *    clock then goes forward, by that limit at most: it expires everything, and
 *    further would change nothing more.
 *  - A file's first stamp is held likewise. Until 32 frames have confirmed it, a
 *    frame that lies before it by that much makes the clock start over from that
 *    frame, without a tick going back. If the frames then return to where the
 *    clock was, that frame was the bad one, and no time has passed.
 *  - A file whose first stamp lies before the clock is shifted on to the clock.
 *  - A stamp more than 10 s behind the clock is only late, unless 32 frames in a
 *    row are: then somebody has set the clock that stamped them back, and time
 *    goes on from the first of them. The frames may return to where the clock
 *    would be by then (two clocks in one file, or a clock set right again): what
 *    had passed meanwhile does not pass a second time.
 *
 * For a live capture the caller counts ticks itself and has no packet clock.
 * Dispatcher only, one thread. Nothing here can fail.
 */
#define PACKET_CLOCK_TICKS_PER_SECOND 32u /* 31 ms: idle times are whole seconds */
#define PACKET_CLOCK_NS_PER_TICK (UINT64_C(1000000000) / PACKET_CLOCK_TICKS_PER_SECOND)
#define PACKET_CLOCK_CONFIRMATIONS 32u
#define PACKET_CLOCK_STEP_BACK_NS UINT64_C(10000000000) /* less is reordering */
#define PACKET_CLOCK_LAST_TICK (UINT32_MAX - 1) /* four years of packet time; it stops then */

struct packet_clock {
    /* What every packet reads. */
    uint64_t quick_from_ns; /* stamps from this on, */
    uint64_t quick_span_ns; /* so far, change nothing but greatest_ns; 0: look at each */
    uint64_t greatest_ns;   /* the clock, as a stamp of the present file */
    uint32_t now_ticks;

    uint32_t held;        /* stamps ahead that were not believed immediately */
    uint32_t steps_back;  /* that were believed */
    uint64_t boundary_ns; /* where the next tick begins: at most a tick after greatest_ns */
    uint64_t longest_ns;  /* the longest finite timeout */
    uint64_t limit_ns;    /* a jump of this much is held */

    uint64_t first_ns; /* the stamp that this file, or the last start over, began with */
    uint32_t first_confirmations;
    uint32_t jump_confirmations;
    uint64_t jump_ns;  /* the held stamp, while holding */
    uint64_t ahead_ns; /* how far the clock that was left is ahead, while started_over */

    uint32_t late;          /* frames in a row that may be a step back; 0: no such row */
    uint64_t late_first_ns; /* the first stamp of the row */
    uint64_t late_last_ns;  /* the greatest stamp of the row */

    bool holding;
    bool started_over; /* at a bad first stamp, or by a step back */
    bool started;
    bool file_begins;
};

/* Makes a clock at tick 1. longest_timeout_ns: 0 if no timeout is finite. */
void packet_clock_init(struct packet_clock *c, uint64_t longest_timeout_ns);

/* The next stamp is the first of a further file, or of a further loop. */
void packet_clock_next_file(struct packet_clock *c);

/* What packet_clock_advance() does with a stamp that may change the tick. Not for other callers. */
uint32_t packet_clock_check(struct packet_clock *c, uint64_t stamp_ns);

/* Takes one frame's stamp, in nanoseconds. Returns the present tick. Once per frame, in order. */
static inline uint32_t packet_clock_advance(struct packet_clock *c, uint64_t stamp_ns) {
    if (stamp_ns - c->quick_from_ns >= c->quick_span_ns)
        return packet_clock_check(c, stamp_ns);
    c->greatest_ns = stamp_ns > c->greatest_ns ? stamp_ns : c->greatest_ns;
    return c->now_ticks;
}

/*
 * Lets one tick pass between the packets so far and those to come. Returns
 * false, and none passes, where the clock has stopped.
 */
bool packet_clock_step(struct packet_clock *c);

/* The present tick, from 1. */
static inline uint32_t packet_clock_now(const struct packet_clock *c) {
    return c->now_ticks;
}

/* The time that has passed since the first stamp, and one tick. In nanoseconds. */
static inline uint64_t packet_clock_passed_ns(const struct packet_clock *c) {
    return c->now_ticks * PACKET_CLOCK_NS_PER_TICK - (c->boundary_ns - c->greatest_ns);
}

#endif
