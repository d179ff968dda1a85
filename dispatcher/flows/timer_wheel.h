/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_TIMER_WHEEL_H
#define DISPATCHER_FLOWS_TIMER_WHEEL_H

#include <stdint.h>

/*
 * The timers of one timeout class: a wheel of slots, each a list of ids (flow
 * numbers) in the order in which they were added. A slot's list passes as a
 * whole to the due list once its time has come; the caller takes ids from
 * there, a few per burst.
 *
 *     due list <- [cursor] [ ] [ ] ... one slot per width ... [ ]   (2,048 slots)
 *                  passes when now reaches the slot's start
 *
 * An id never comes out before its due tick, and at most one tick less than
 * the slot width after it, the caller's budget aside. The width is the least
 * power of two for which the timeout spans at most 1,024 slots: 1/512 of the
 * timeout at most, and half the wheel is left for a cursor that lags behind.
 *
 * A tick is whatever the caller counts in; ticks never go backwards. A wheel
 * has no memory of its own beyond this struct: the links are the caller's, one
 * per id, shared by all wheels, because an id is in at most one wheel at a
 * time. Dispatcher only, one thread. Nothing here can fail.
 */
#define TIMER_WHEEL_SLOTS 2048u      /* 16 KB of heads and tails: fits the level-2 cache */
#define TIMER_WHEEL_SPAN_SLOTS 1024u /* most slots that the timeout covers */
#define TIMER_WHEEL_NO_ID UINT32_MAX
#define TIMER_WHEEL_MAX_IDS 0x80000000u /* ids are below this */

/*
 * Where one id is. prev of the first and next of the last in a list are
 * TIMER_WHEEL_MAX_IDS plus the list's index, so that either can be removed
 * without knowing its due tick. Meaningless while the id is in no wheel.
 */
struct timer_link {
    uint32_t next;
    uint32_t prev;
};

struct timer_list {
    uint32_t first;
    uint32_t last; /* meaningless while first is TIMER_WHEEL_NO_ID */
};

struct timer_wheel {
    struct timer_link *links; /* the caller's */
    uint64_t cursor;          /* number of the first slot that has not passed: tick >> shift */
    uint32_t count;           /* ids in the wheel, the due ones included */
    uint32_t shift;           /* a slot is 1 << shift ticks wide */
    uint32_t words;           /* bit i: occupied[i] is not 0 */
    uint64_t occupied[TIMER_WHEEL_SLOTS / 64]; /* bit i of word j: list 64 j + i is not empty */
    struct timer_list lists[TIMER_WHEEL_SLOTS + 1]; /* slots by number modulo; the last: due */
};

/*
 * Makes an empty wheel for timeouts of timeout_ticks, at tick now. UINT32_MAX
 * serves a class that never times out: its ids are added with due UINT32_MAX
 * and then stand in the order of their adding, for timer_wheel_oldest(). links
 * has one element per id, any content, and outlives the wheel.
 */
void timer_wheel_init(struct timer_wheel *w, struct timer_link *links, uint32_t timeout_ticks,
                      uint32_t now);

/*
 * Adds id (in no wheel, below TIMER_WHEEL_MAX_IDS), to come out at due_tick. A
 * due_tick that has passed is allowed: the id comes out next, behind those that
 * are due already. At most timeout_ticks after the present tick. Constant time,
 * but for the first call after the present ran a whole timeout ahead of the
 * last timer_wheel_due(): that one passes up to 2,048 slots.
 */
void timer_wheel_add(struct timer_wheel *w, uint32_t id, uint32_t due_tick);

/* Removes id, which is in this wheel. Constant time. */
void timer_wheel_remove(struct timer_wheel *w, uint32_t id);

/*
 * Removes and returns an id that is due at tick now, and takes one from
 * *budget; TIMER_WHEEL_NO_ID if there is none or the budget is 0. Constant
 * time: at most one slot passes per call, empty ones are skipped by bitmap.
 */
uint32_t timer_wheel_due(struct timer_wheel *w, uint32_t now, uint32_t *budget);

/*
 * The id that would come out first, which stays in the wheel, or
 * TIMER_WHEEL_NO_ID if the wheel is empty. Constant time.
 */
uint32_t timer_wheel_oldest(const struct timer_wheel *w);

#endif
