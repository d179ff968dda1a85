/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_COPY_H
#define DISPATCHER_DATAPATH_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "flow_balancer/prefetch.h"

/* Destination lines are fetched for writing this far ahead of the copy (256 to 512 measured alike).
 */
#define COPY_WRITE_AHEAD 384u

/*
 * Copies exactly n bytes; from and to do not overlap. ahead: where the next
 * frames follow in memory, their lines are fetched so many bytes ahead of this
 * one, line for line, in step with the copy; 0: they do not follow. Fixed-size
 * blocks compile to vector moves; the rest is one more block that overlaps.
 */
static inline void copy_frame(uint8_t *to, const uint8_t *from, uint32_t n, size_t ahead) {
    if (n >= 64) {
        uint32_t at = 0;
        do {
            if (ahead != 0)
                fb_prefetch(from + at + ahead);
            fb_prefetch_to_write(to + at + COPY_WRITE_AHEAD);
            memcpy(to + at, from + at, 64);
            at += 64;
        } while (at + 64 <= n);
        if (at != n) {
            if (ahead != 0)
                fb_prefetch(from + at + ahead);
            memcpy(to + n - 64, from + n - 64, 64);
        }
        return;
    }
    if (ahead != 0)
        fb_prefetch(from + ahead);
    fb_prefetch_to_write(to + COPY_WRITE_AHEAD);
    if (n >= 32) {
        memcpy(to, from, 32);
        memcpy(to + n - 32, from + n - 32, 32);
    } else {
        memcpy(to, from, n);
    }
}

#endif
