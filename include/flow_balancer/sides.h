/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_SIDES_H
#define FLOW_BALANCER_SIDES_H

/*
 * The shared objects, and who may touch what. This folder is the contract
 * between processes: the layout of the objects and the verbs on them; shm/ has
 * the rest of their code. All processes of one build use it, and so may a
 * program of a user's. It knows nothing of capture, decoding, flow tables,
 * policies or inspectors, and includes no header of dispatcher/ or worker/.
 *
 *   object.h   how an object is made and joined: region.h, hidden.h, guard.h, lock.h,
 *              names.h; layout.h: what lies where in it
 *   ctl.h      /NAME.ctl: geometry, directory of workers, the dispatcher's counts
 *   sides.h    /NAME.down.K and /NAME.up.K, here
 *   flow_records.h   /NAME.flows.K: what is said of each flow of worker K
 *   ring.h     the ring that the two sides are: tx publishes, rx takes and releases
 *   claim.h    how a process becomes worker K; life.h: the states of its number
 *   counters.h, report.h   every count, and the report made of them
 *   delay.h    how long packets wait and take
 *   run_events.h, history.h   what happens in a run; /NAME.history: its last minutes
 *   stats.h    counters that inspectors name themselves
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/delay.h"
#include "flow_balancer/descriptor.h"
#include "flow_balancer/life.h"
#include "flow_balancer/object.h"

/*
 * The two sides between the dispatcher and one worker. Each has one writer,
 * and the other end maps it read-only:
 *
 *   down   dispatcher -> worker    one per number, for the whole run
 *   up     worker -> dispatcher    one per incarnation, made by the dispatcher
 *
 * What is in an up side is input to the dispatcher: every word is loaded once
 * into a local and checked there.
 *
 * Sequence numbers are 64 bits wide, free-running and masked only at the
 * array. cursor holds sequence x 2 + busy.
 */
/* Publishes whose time is kept: a worker further behind is not measured. */
#define FB_STAMPS 1024u

/* When a publish was made: everything before end_seq and not before the previous end_seq. */
struct fb_stamp {
    _Atomic uint64_t end_seq;
    _Atomic uint64_t time_ns; /* CLOCK_MONOTONIC */
};

struct fb_down {
    struct fb_header header;
    uint32_t depth, slots, worker_burst, reserved;
    uint64_t arena_bytes;
    uint64_t desc_offset;  /* from the start of the object */
    uint64_t arena_offset; /* from the start of the object */

    /* Writer: dispatcher, once per burst. */
    _Alignas(FB_APART) _Atomic uint64_t published; /* descriptors before this one are complete */
    _Atomic uint64_t publishes;                    /* how many stamps were written */
    _Atomic uint32_t flow_records;                 /* that are populated: flow_records.h */

    /* Writer: dispatcher, seldom. The command group (the order line of the protocol). */
    _Alignas(FB_APART) _Atomic uint64_t epoch; /* the incarnation that may read on */
    _Atomic uint32_t command;                  /* enum fb_command */
    _Atomic uint32_t doorbell;                 /* futex word: moves with each wake */

    /* Writer: dispatcher, once per burst. */
    _Alignas(FB_APART) struct fb_stamp stamps[FB_STAMPS];
    /* Then, at desc_offset, struct fb_desc[slots]; at arena_offset, the packet bytes. */
};

/* Counters that inspectors name: "inspector.counter" and zeros. The verbs are in stats.h. */
#define FB_UP_STATS 64u
#define FB_STAT_NAME_BYTES 64u

struct fb_stat_name {
    _Atomic uint64_t words[FB_STAT_NAME_BYTES / sizeof(uint64_t)];
};

struct fb_up {
    struct fb_header header;
    uint64_t epoch; /* of this incarnation; written by the dispatcher before the offer */

    /* Writer: worker, once per burst. */
    _Alignas(FB_APART) _Atomic uint64_t consumed; /* descriptors before this one are finished */
    _Atomic uint32_t parked;                      /* 1: asleep or about to be */

    /* Writer: worker, once per packet. */
    _Alignas(FB_APART) _Atomic uint64_t cursor;

    /* Writer: worker, once per burst or less. */
    _Alignas(FB_APART) _Atomic uint32_t worker_status; /* enum fb_worker_status */
    _Atomic int32_t cpu;                               /* the only one it may run on, or -1 */
    _Atomic int32_t numa_node;                         /* the only one it may run on, or -1 */
    uint32_t reserved;
    _Atomic int64_t pid; /* for display: never signalled */
    _Atomic uint64_t counters[FB_WORKER_COUNT];

    /* Writer: worker, once per burst. */
    _Alignas(FB_APART) struct fb_delays latency; /* dispatch to inspection */
    struct fb_delays inspection;

    /* Writer: worker, once, before it is ready. */
    _Alignas(FB_APART) _Atomic uint64_t stats; /* how many of the names are written */
    struct fb_stat_name stat_names[FB_UP_STATS];

    /* Writer: worker, once per burst or less. */
    _Alignas(FB_APART) _Atomic uint64_t stat_values[FB_UP_STATS];
};

_Static_assert(offsetof(struct fb_down, published) % FB_APART == 0 &&
                   offsetof(struct fb_down, epoch) - offsetof(struct fb_down, published) >=
                       FB_APART &&
                   offsetof(struct fb_up, cursor) - offsetof(struct fb_up, consumed) >= FB_APART &&
                   offsetof(struct fb_up, worker_status) - offsetof(struct fb_up, cursor) >=
                       FB_APART,
               "groups of words stand apart");

/* Bytes that a down side or an up side needs. */
size_t fb_down_footprint(const struct fb_geometry *geometry);
size_t fb_up_footprint(void);

/*
 * Writes a down side into zero memory of fb_down_footprint() bytes. first_seq
 * is where its sequence numbers begin (0 but in tests of the wrap).
 */
void fb_down_format(struct fb_down *down, const struct fb_geometry *geometry,
                    const uint8_t instance[16], unsigned worker, uint64_t first_seq);

/* Writes a vacant up side of incarnation epoch that goes on at resume_seq, into zero memory. */
void fb_up_format(struct fb_up *up, const uint8_t instance[16], unsigned worker, uint64_t epoch,
                  uint64_t resume_seq);

/* Checks that the offsets and sizes of a down side lie within size bytes; logs once if not. */
bool fb_down_plausible(const struct fb_down *down, size_t size);

static inline struct fb_desc *fb_down_descs(struct fb_down *down) {
    return (struct fb_desc *)(void *)((char *)down + down->desc_offset);
}
static inline uint8_t *fb_down_arena(struct fb_down *down) {
    return (uint8_t *)down + down->arena_offset;
}

/*
 * How many records of flows are populated, from the first on (flow_records.h): stored before
 * any of them is written, loaded with `published`, on whose line it is. Relaxed: R1 and A1
 * (ring.h) come between.
 */
static inline void fb_down_set_flow_records(struct fb_down *down, uint32_t count) {
    atomic_store_explicit(&down->flow_records, count, memory_order_relaxed);
}
static inline uint32_t fb_down_flow_records(const struct fb_down *down) {
    return atomic_load_explicit(&down->flow_records, memory_order_relaxed);
}

/*
 * Words of an up side that are whole facts by themselves: counters, the worker status,
 * ids for display. Relaxed is enough, since no other memory is reached through
 * them.
 */
static inline uint64_t fb_up_counter(const struct fb_up *up, enum fb_worker_counter counter) {
    return atomic_load_explicit(&up->counters[counter], memory_order_relaxed);
}
static inline void fb_up_set_counter(struct fb_up *up, enum fb_worker_counter counter, uint64_t v) {
    atomic_store_explicit(&up->counters[counter], v, memory_order_relaxed);
}
/* What it means: ring.h. */
static inline uint64_t fb_up_cursor(const struct fb_up *up) {
    /* A4: pairs with R4 in fb_rx_begin, R5 in fb_rx_release and R6 in fb_rx_pause */
    return atomic_load_explicit(&up->cursor, memory_order_acquire);
}
static inline uint32_t fb_up_worker_status(const struct fb_up *up) {
    return atomic_load_explicit(&up->worker_status, memory_order_relaxed);
}
static inline void fb_up_set_worker_status(struct fb_up *up, enum fb_worker_status status) {
    atomic_store_explicit(&up->worker_status, status, memory_order_relaxed);
}
static inline int64_t fb_up_pid(const struct fb_up *up) {
    return atomic_load_explicit(&up->pid, memory_order_relaxed);
}
static inline void fb_up_set_pid(struct fb_up *up, int64_t pid) {
    atomic_store_explicit(&up->pid, pid, memory_order_relaxed);
}
static inline void fb_up_set_cpu(struct fb_up *up, int cpu) {
    atomic_store_explicit(&up->cpu, cpu, memory_order_relaxed);
}
#define FB_UP_CPUS 65536 /* above what any kernel is built for (CONFIG_NR_CPUS) */
/* What makes no sense is -1. */
static inline int fb_up_cpu(const struct fb_up *up) {
    int cpu = atomic_load_explicit(&up->cpu, memory_order_relaxed);
    return cpu >= 0 && cpu < FB_UP_CPUS ? cpu : -1;
}
static inline void fb_up_set_numa_node(struct fb_up *up, int node) {
    atomic_store_explicit(&up->numa_node, node, memory_order_relaxed);
}

#endif
