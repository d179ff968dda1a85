/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_RING_LOOK_H
#define SHM_VIEW_RING_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

/*
 * The words of the ring of one worker, for who debugs a worker.
 *
 * An observer never maps a down side: behind its head are packets. It copies the head with
 * pread(2), so that no packet is in its address space, in a core dump of it, or read by a slip,
 * also on a hugetlbfs mount, where the least that could be mapped is 2 MB; and a down side that
 * is cut short is a short read, not a SIGBUS. The copy of a word that is written meanwhile is
 * the old or the new one, since the kernel copies aligned memory by words at least; that words
 * belong together is not promised, so the up side is read first: what the worker has finished
 * was published before. Nothing is written, and no lock is taken.
 */
struct ring_look {
    uint64_t taken_ns; /* CLOCK_MONOTONIC */
    uint32_t state;    /* enum fb_state, by the dispatcher */

    bool has_up; /* else it is being replaced, or gone, and its words are 0 */
    bool locked; /* a process lives and holds it */
    uint64_t up_epoch, consumed, cursor;
    uint32_t parked, worker_status;
    int64_t pid;
    int cpu, numa_node;

    uint32_t depth, slots, worker_burst;
    uint64_t arena_bytes;
    uint64_t published, publishes, down_epoch;
    uint32_t flow_records, command, doorbell;
    uint64_t last_publish_ns;     /* when; 0: not known */
    uint64_t cursor_published_ns; /* when the descriptor at the cursor was; 0: not known */
};

/* Looks at the ring of a worker of an instance that is joined and guarded. Returns false after
 * one logged line: there is no such ring, or it may not be read. */
bool ring_look(struct ring_look *look, const struct fb_ctl *ctl, unsigned worker);

/* Sequence numbers of what it means. Pure. */
static inline uint64_t ring_waiting(const struct ring_look *look) {
    return look->published - look->consumed;
}
/* The cursor has the low 63 bits: the first such number that is not before consumed. */
static inline uint64_t ring_cursor_seq(const struct ring_look *look) {
    return look->consumed + ((look->cursor / 2 - look->consumed) & (UINT64_MAX >> 1));
}
static inline bool ring_cursor_is_busy(const struct ring_look *look) {
    return (look->cursor & 1) != 0;
}

#define RING_MEANING_MAX 320u

/* What two looks at a ring, some time apart, mean together, in one sentence without its end.
 * Both are input: a worker may have written anything. Pure. */
void ring_say(char text[RING_MEANING_MAX], const struct ring_look *before,
              const struct ring_look *look);

const char *ring_status_name(uint32_t worker_status);
const char *ring_command_name(uint32_t command);

#endif
