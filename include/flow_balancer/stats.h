/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_STATS_H
#define FLOW_BALANCER_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/sides.h"

/*
 * Counters that inspectors name themselves. A worker writes the names into its up side
 * once, then how many there are, and then the values whenever it likes; observers and the
 * dispatcher read them.
 *
 *   worker     fb_up_name_stat() each, fb_up_set_stats(), status ready; fb_up_set_stat()
 *   readers    fb_stats_add()
 *
 * A name is "inspector.counter": [a-z0-9_-] and [a-z0-9_], 1 to FB_STAT_WORD_MAX characters
 * each. It is the one text that is taken from an up side, which is input: its writer may
 * change it while it is read, leave out its end, or write what is a command to a terminal.
 * It is as safe as a number, for it is taken as one: its eight words are loaded once each into
 * memory of the reader, and only that copy is checked and used. The copy has a bounded
 * length whatever it holds; a character that is not in the sets above, a part that is missing or
 * too long, or no end, and the entry is left out. What passes is one of finitely many words
 * without a separator, quote, escape or control character, so that it is a key in JSON, a
 * label and a word of a line of text as it is; it is compared with other names, and never
 * opens, runs, formats or indexes anything. A name that is torn because it changed under
 * the eyes of its reader is another valid name or none: that worker's own line, like a count
 * that is a lie.
 */
#define FB_STAT_WORD_MAX 31u /* characters of the name of an inspector, and of a counter */

_Static_assert(2 * FB_STAT_WORD_MAX + 2 == FB_STAT_NAME_BYTES, "both words, the dot and the end");

/* ---- the worker that claimed the up side, one thread */

/*
 * Writes the name of entry i. False, and the entry is unchanged, if i is not below FB_UP_STATS
 * or a word is no name.
 */
bool fb_up_name_stat(struct fb_up *up, unsigned i, const char *inspector, const char *counter);

/* Tells that the first `count` entries have names; at most FB_UP_STATS. Once, before ready. */
static inline void fb_up_set_stats(struct fb_up *up, unsigned count) {
    /* N1: pairs with N2 in fb_up_stats */
    atomic_store_explicit(&up->stats, count, memory_order_release);
}

/*
 * Stores the value of entry i, which is below FB_UP_STATS, since this process has claimed. It is
 * to grow only. Relaxed: a fact by itself.
 */
static inline void fb_up_set_stat(struct fb_up *up, unsigned i, uint64_t value) {
    atomic_store_explicit(&up->stat_values[i], value, memory_order_relaxed);
}

/* ---- any process that maps an up side */

/* How many entries there are: at most FB_UP_STATS, whatever the word says. */
static inline unsigned fb_up_stats(const struct fb_up *up) {
    /* N2: pairs with N1 in fb_up_set_stats */
    uint64_t count = atomic_load_explicit(&up->stats, memory_order_acquire);
    return count < FB_UP_STATS ? (unsigned)count : FB_UP_STATS;
}

/* Copies the name of entry i, below FB_UP_STATS. False if what is there is no name. */
bool fb_up_stat_name(const struct fb_up *up, unsigned i, char name[FB_STAT_NAME_BYTES]);

/* The value of entry i, below FB_UP_STATS. Relaxed: a fact by itself. */
static inline uint64_t fb_up_stat(const struct fb_up *up, unsigned i) {
    return atomic_load_explicit(&up->stat_values[i], memory_order_relaxed);
}

/* ---- sums, in memory of the reader */

/* Of the processes of one worker number, each name once. All zero: none. */
struct fb_stats {
    unsigned count;
    char names[FB_UP_STATS][FB_STAT_NAME_BYTES]; /* all valid */
    uint64_t values[FB_UP_STATS];
    uint64_t left_out; /* entries without a valid name, or for whose name there was no room */
};

/*
 * Adds what an up side says, by name: the next process of a number may have other counters.
 * Values stay at UINT64_MAX. Whatever is in the up side, *stats is as described, and all that
 * was there before stays in it.
 */
void fb_stats_add(struct fb_stats *stats, const struct fb_up *up);

#endif
