/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_DELAY_H
#define FLOW_BALANCER_DELAY_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Histograms of durations: four buckets per power of two of nanoseconds, so that a bound is at
 * most a quarter above what it bounds, and the sum. Three delays are measured:
 *
 *   capture to dispatch      from the kernel's time stamp of a frame to when it is in a ring;
 *                            the dispatcher, one sample a burst: its first frame
 *   dispatch to inspection   from when a packet is in a ring to when its burst is begun; the
 *                            worker, one sample a burst: its first packet
 *   inspection               how long one packet takes; the worker, one sample a packet: the
 *                            time of its burst divided by the packets in it, since to read the
 *                            clock for each packet would cost more than most inspections
 *
 * The first of a burst has waited longest. So the sum of the three is the delay of a packet,
 * and not below it.
 */
#define FB_DELAY_BUCKETS 160u /* up to 2^41 ns, 36 minutes; the last has what is longer, too */

/* In shared memory, or private to one thread. One writer. */
struct fb_delays {
    _Atomic uint64_t buckets[FB_DELAY_BUCKETS];
    _Atomic uint64_t sum_ns;
};

/* The same as plain words: a copy, or a sum of several. All zero: no sample. */
struct fb_delay_counts {
    uint64_t buckets[FB_DELAY_BUCKETS];
    uint64_t sum_ns;
};

/* The bucket of a duration, and the upper bound of a bucket in nanoseconds. */
static inline unsigned fb_delay_bucket(uint64_t ns) {
    if (ns < 4)
        return (unsigned)ns;
    unsigned log2 = 63u - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (log2 - 1) * 4 + (unsigned)((ns >> (log2 - 2)) & 3u);
    return bucket < FB_DELAY_BUCKETS ? bucket : FB_DELAY_BUCKETS - 1;
}
static inline uint64_t fb_delay_bound(unsigned bucket) {
    if (bucket < 4)
        return bucket;
    unsigned log2 = bucket / 4 + 1;
    return (UINT64_C(4) + bucket % 4 + 1) << (log2 - 2);
}

/* Relaxed: each word is a fact of its own, for statistics. */
static inline uint64_t fb_delays_bucket(const struct fb_delays *delays, unsigned bucket) {
    return atomic_load_explicit(&delays->buckets[bucket], memory_order_relaxed);
}
/* Relaxed, likewise. */
static inline uint64_t fb_delays_sum_ns(const struct fb_delays *delays) {
    return atomic_load_explicit(&delays->sum_ns, memory_order_relaxed);
}

/* Adds `samples` (at least 1) that took total_ns together, each its equal part. The writer.
 * Relaxed, likewise: no reader takes them for one picture. */
static inline void fb_delays_add(struct fb_delays *delays, uint64_t total_ns, uint64_t samples) {
    unsigned bucket = fb_delay_bucket(total_ns / samples);
    atomic_store_explicit(&delays->buckets[bucket], fb_delays_bucket(delays, bucket) + samples,
                          memory_order_relaxed);
    atomic_store_explicit(&delays->sum_ns, fb_delays_sum_ns(delays) + total_ns,
                          memory_order_relaxed);
}

/* Adds one to the other; counts stay at UINT64_MAX. Any process. */
void fb_delay_counts_add(struct fb_delay_counts *to, const struct fb_delay_counts *from);

/* Adds what is in shared memory, which is input where a worker writes it. Any process that maps it.
 */
void fb_delay_counts_read(struct fb_delay_counts *to, const struct fb_delays *from);

#endif
