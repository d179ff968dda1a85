/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_CTL_H
#define FLOW_BALANCER_CTL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/delay.h"
#include "flow_balancer/descriptor.h"
#include "flow_balancer/flow_key.h"
#include "flow_balancer/life.h"
#include "flow_balancer/names.h"
#include "flow_balancer/object.h"

/*
 * ctl: who the instance is, what its rings look like, where its workers are,
 * and what the dispatcher has counted. One writer, the dispatcher; every other
 * process maps it read-only.
 */
struct fb_geometry {
    uint32_t workers;      /* -w: how many must be ready before reading begins */
    uint32_t max_workers;  /* directory entries in use */
    uint32_t depth;        /* packets that a ring takes */
    uint32_t slots;        /* descriptors, a power of two; beyond depth for flow ends only */
    uint32_t worker_burst; /* most descriptors that a worker takes in one burst */
    uint32_t reserved;
    uint64_t arena_bytes; /* a power of two */
    uint64_t max_flows;
};

/* One worker number. Writer: dispatcher. */
struct fb_worker_entry {
    _Atomic uint32_t state;         /* enum fb_state */
    _Atomic uint32_t page_kind;     /* enum fb_page_kind of the down side */
    _Atomic uint64_t epoch;         /* of the up side on offer or claimed */
    _Atomic int64_t pid;            /* for display only; 0: no process */
    char down_path[FB_PATH_MAX];    /* written before the number is first offered */
    _Atomic int32_t numa_node;      /* where its processes are to run, or -1: anywhere */
    _Atomic int32_t ring_numa_node; /* where most of the down side lies, or -1: not known */
    char reserved[128 - 32];
};
_Static_assert(sizeof(struct fb_worker_entry) == 384, "shared layout");

/* What is counted of connections by the interfaces that their directions came from. */
enum fb_pair_counter { FB_PAIR_FLOWS, FB_PAIR_GUESSED, FB_PAIR_COUNT };
#define FB_PAIR_ONE_SIDED FB_MAX_INTERFACES /* in the place of the second interface: none */
#define FB_PAIR_REVERSES (FB_MAX_INTERFACES + 1)

/* How many flows are told of the largest, of the run and now. */
#define FB_LARGE_FLOWS 32u
#define FB_NO_WORKER UINT64_MAX

/* One of the largest flows. Plain words; packets 0: no flow. */
struct fb_large_flow {
    struct fb_flow_key key; /* with addresses as they are on the wire */
    uint64_t sender;        /* of its first packet: the key's lower endpoint 0, or the higher 1 */
    uint64_t id;
    uint64_t packets;
    uint64_t bytes;      /* on the wire, estimated */
    uint64_t per_s;      /* packets now */
    uint64_t over_per_s; /* what of it may be those of other flows */
    uint64_t worker;     /* that it is bound to, or was last, or FB_NO_WORKER */
    uint64_t ended;      /* 1 */
};

/*
 * All that the dispatcher counts, as one consistent picture. Plain words, in
 * the order of the lists in counters.h: a reader knows each by its index alone.
 */
struct fb_snapshot {
    uint64_t run[FB_RUN_COUNT];
    uint64_t decode[FB_DECODE_COUNT];
    uint64_t ended[FB_END_COUNT];
    uint64_t dropped[FB_DROP_COUNT];
    uint64_t violations[FB_VIOLATION_COUNT];
    uint64_t fragments[FB_FRAGMENT_COUNT];
    uint64_t interface[FB_MAX_INTERFACES][FB_INTERFACE_COUNT];
    uint64_t interface_state[FB_MAX_INTERFACES];  /* enum fb_interface_state */
    struct fb_delay_counts capture_delay;         /* capture to dispatch */
    struct fb_large_flow largest[FB_LARGE_FLOWS]; /* of the run, the largest first */
    struct fb_large_flow busiest[FB_LARGE_FLOWS]; /* now, the busiest first */
    uint64_t pairs[FB_MAX_INTERFACES][FB_PAIR_REVERSES][FB_PAIR_COUNT];
    uint64_t lane[FB_MAX_WORKERS][FB_LANE_COUNT];
};
#define FB_SNAPSHOT_WORDS (sizeof(struct fb_snapshot) / sizeof(uint64_t))

#define FB_OPTIONS_MAX 8192u /* bytes of the options as JSON text, final zero included */

/* What is no regular file, and not to be replaced: that of --report, that of --html. */
#define FB_REPORT_IN_PLACE 1u
#define FB_HTML_IN_PLACE 2u

struct fb_ctl {
    struct fb_header header;
    /* Written before the magic, constant after. */
    struct fb_geometry geometry;
    char name[FB_NAME_MAX + 8];
    char version[24];
    char policy[24];
    uint64_t started_ns; /* CLOCK_REALTIME */
    int64_t pid;         /* the dispatcher's, for display */
    uint32_t flow_table_page_kind;
    /* Where the dispatcher is, as read back from the kernel; -1: not on one, or not known. */
    int32_t cpu;
    int32_t numa_node;
    int32_t flow_table_numa_node;
    uint32_t numa_nodes;      /* on whose processors it might run; 0: not known */
    uint32_t interfaces;      /* that are captured on; 0: files */
    uint32_t report_in_place; /* FB_..._IN_PLACE */
    char interface_names[FB_MAX_INTERFACES][FB_INTERFACE_NAME_MAX];
    char options[FB_OPTIONS_MAX];

    /* Writer: dispatcher, while it runs. */
    _Alignas(FB_APART) _Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC */
    _Atomic uint32_t run_state;                       /* enum fb_run_state */
    _Atomic uint32_t links; /* link types of the sources; of a pipe, once it had a frame */
    _Atomic int32_t link_types[FB_MAX_LINKS]; /* DLT_ values, by fb_desc_link() */

    /* Writer: dispatcher, at least every 100 ms. */
    _Alignas(FB_APART) _Atomic uint64_t snapshot_sequence; /* odd while it is written */
    _Atomic uint64_t snapshot[FB_SNAPSHOT_WORDS];

    /* Writer: dispatcher. */
    _Alignas(FB_APART) struct fb_worker_entry directory[FB_MAX_WORKERS];
};

/* ctl as a process holds it. */
struct fb_ctl_handle {
    struct fb_region region;
    struct fb_ctl *ctl; /* read-only memory unless made by fb_ctl_create() */
};

/*
 * Becomes the dispatcher of name: clears what an earlier run left, makes and maps
 * a new ctl, zero but for its random instance id, and nothing placed on
 * processors or NUMA nodes, and holds the lock of a life on it (lock.h). The
 * caller fills in the constant part and then calls fb_ctl_format(). Returns 0;
 * -EBUSY after one logged line if a dispatcher of that name is running, or
 * another process clears for ten seconds; or another -errno after one.
 *
 * Only who holds a lock on the ctl that has the name, looked at again with the lock
 * held, unlinks objects of the instance, or gives that name to another ctl:
 * a dispatcher all its life, and the process that clears debris. The two locks exclude
 * each other, so there is one of them at a time. Joiners see the lock of a
 * dispatcher only: to them the debris stays dead while it is cleared, however
 * long that takes, and what it says is of no account.
 */
int fb_ctl_create(struct fb_ctl_handle *handle, const char *name);

/* Writes the magic: from now on others may join. */
void fb_ctl_format(struct fb_ctl_handle *handle);

/* Whether the name leads to this ctl: if it was removed by hand, another dispatcher may have it,
 * and nothing of the name is ours any more. A file is read: not for the data path. Dispatcher only.
 */
bool fb_ctl_is_named(const struct fb_ctl *ctl);

/* Unlinks everything of the instance and gives the lock back. Dispatcher only. */
void fb_ctl_destroy(struct fb_ctl_handle *handle);

/*
 * Clears the debris of a dispatcher that died; waits for another process that does.
 * Returns 0 (also when there was none), -EBUSY as fb_ctl_create(), else -errno
 * after one logged line. Any process.
 */
int fb_ctl_clean(const char *name);

/* Maps ctl read-only. Worker or observer. */
enum fb_join fb_ctl_join(struct fb_ctl_handle *handle, const char *name);
/* The same of a dispatcher that died, for what it counted last; FB_NOT_YET if it lives, or left
 * nothing. Any process. */
enum fb_join fb_ctl_join_dead(struct fb_ctl_handle *handle, const char *name);
void fb_ctl_leave(struct fb_ctl_handle *handle);

/* True while the dispatcher lives (its lock, not its heartbeat). Joiners only. */
bool fb_ctl_alive(const struct fb_ctl_handle *handle);

/* Publishes a snapshot; lanes beyond lane_count are left alone. Dispatcher only. */
void fb_ctl_write_snapshot(struct fb_ctl *ctl, const struct fb_snapshot *snapshot,
                           unsigned lane_count);

/*
 * Reads a consistent snapshot; lanes beyond lane_count are zero. Returns false
 * if the dispatcher died while it wrote one, and the values may then not
 * belong together. Any process.
 */
bool fb_ctl_read_snapshot(const struct fb_ctl *ctl, struct fb_snapshot *snapshot,
                          unsigned lane_count);

/* Directory and heartbeat words: each is a whole fact of its own, so relaxed is enough. */
static inline uint32_t fb_ctl_state(const struct fb_ctl *ctl, unsigned worker) {
    return atomic_load_explicit(&ctl->directory[worker].state, memory_order_relaxed);
}
static inline void fb_ctl_set_state(struct fb_ctl *ctl, unsigned worker, enum fb_state state) {
    atomic_store_explicit(&ctl->directory[worker].state, state, memory_order_relaxed);
}
static inline int64_t fb_ctl_pid(const struct fb_ctl *ctl, unsigned worker) {
    return atomic_load_explicit(&ctl->directory[worker].pid, memory_order_relaxed);
}
static inline void fb_ctl_set_pid(struct fb_ctl *ctl, unsigned worker, int64_t pid) {
    atomic_store_explicit(&ctl->directory[worker].pid, pid, memory_order_relaxed);
}
static inline uint32_t fb_ctl_page_kind(const struct fb_ctl *ctl, unsigned worker) {
    return atomic_load_explicit(&ctl->directory[worker].page_kind, memory_order_relaxed);
}
static inline void fb_ctl_set_page_kind(struct fb_ctl *ctl, unsigned worker,
                                        enum fb_page_kind kind) {
    atomic_store_explicit(&ctl->directory[worker].page_kind, kind, memory_order_relaxed);
}
static inline int fb_ctl_numa_node(const struct fb_ctl *ctl, unsigned worker) {
    return atomic_load_explicit(&ctl->directory[worker].numa_node, memory_order_relaxed);
}
static inline void fb_ctl_set_numa_node(struct fb_ctl *ctl, unsigned worker, int node) {
    atomic_store_explicit(&ctl->directory[worker].numa_node, node, memory_order_relaxed);
}
static inline int fb_ctl_ring_numa_node(const struct fb_ctl *ctl, unsigned worker) {
    return atomic_load_explicit(&ctl->directory[worker].ring_numa_node, memory_order_relaxed);
}
static inline void fb_ctl_set_ring_numa_node(struct fb_ctl *ctl, unsigned worker, int node) {
    atomic_store_explicit(&ctl->directory[worker].ring_numa_node, node, memory_order_relaxed);
}
static inline uint32_t fb_ctl_run_state(const struct fb_ctl *ctl) {
    return atomic_load_explicit(&ctl->run_state, memory_order_relaxed);
}
static inline void fb_ctl_set_run_state(struct fb_ctl *ctl, enum fb_run_state state) {
    atomic_store_explicit(&ctl->run_state, state, memory_order_relaxed);
}
static inline uint64_t fb_ctl_heartbeat(const struct fb_ctl *ctl) {
    return atomic_load_explicit(&ctl->heartbeat_ns, memory_order_relaxed);
}
static inline void fb_ctl_beat(struct fb_ctl *ctl, uint64_t now_ns) {
    atomic_store_explicit(&ctl->heartbeat_ns, now_ns, memory_order_relaxed);
}
/* Link types: relaxed, since a descriptor that names one is published with release after it. */
static inline int fb_ctl_link_type(const struct fb_ctl *ctl, unsigned link) {
    return atomic_load_explicit(&ctl->link_types[link], memory_order_relaxed);
}
static inline uint32_t fb_ctl_links(const struct fb_ctl *ctl) {
    return atomic_load_explicit(&ctl->links, memory_order_relaxed);
}
static inline void fb_ctl_add_link_type(struct fb_ctl *ctl, unsigned link, int dlt) {
    atomic_store_explicit(&ctl->link_types[link], dlt, memory_order_relaxed);
    atomic_store_explicit(&ctl->links, link + 1, memory_order_relaxed);
}

/* The epoch on offer. E1/E2: the store comes after the up side is complete. */
static inline void fb_ctl_set_epoch(struct fb_ctl *ctl, unsigned worker, uint64_t epoch) {
    /* E1: pairs with E2 in fb_ctl_epoch */
    atomic_store_explicit(&ctl->directory[worker].epoch, epoch, memory_order_release);
}
static inline uint64_t fb_ctl_epoch(const struct fb_ctl *ctl, unsigned worker) {
    /* E2: pairs with E1 in fb_ctl_set_epoch */
    return atomic_load_explicit(&ctl->directory[worker].epoch, memory_order_acquire);
}

#endif
