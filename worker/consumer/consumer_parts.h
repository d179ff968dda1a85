/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_CONSUMER_CONSUMER_PARTS_H
#define WORKER_CONSUMER_CONSUMER_PARTS_H

/*
 * The consumer side of a ring: libflowbalancer, of which flow-worker is the first user. Its
 * interface is include/flow_balancer/consumer.h; this is what is behind it.
 *
 *   consumer_open.c   from a name to a claimed number, and away from it
 *   consumer.c        bursts and steps: the protocol of the ring
 *   consumer_fd.c     a descriptor that can be polled
 *   consumer_stats.c  what it counts, and what its owner does
 *   event.c           from a descriptor to a packet
 *   flow_states.c     the state of each flow, found by its handle
 *
 * It reads a down side and ctl, and writes to its up side, nothing else. The process may be
 * killed at any instruction: what the next one of its number needs is in the two sides. It
 * knows nothing of inspectors, capture, the flow table or other workers.
 *
 * This header is for the files above, for flow-worker, which says where it runs, and for
 * tests.
 */
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/event.h"
#include "flow_balancer/consumer.h"
#include "flow_balancer/ring.h"

#include "worker/consumer/flow_states.h"

struct fb_consumer {
    const struct fb_ctl_handle *ctl;
    const struct fb_down *down; /* the claimed sides */
    struct fb_up *up;
    struct fb_rx rx;
    struct flow_states states;
    uint32_t steps;          /* descriptors of the burst */
    uint32_t step;           /* those that were begun */
    bool busy;               /* the last one begun is handed out */
    bool spin;               /* on an empty ring, instead of parking */
    bool all_ends;           /* those of flows that are not known are handed out too */
    bool ready;              /* it has asked for packets */
    bool orphaned;           /* the flows are being ended */
    bool prompt;             /* the next burst is asked for as soon as one is finished */
    int ended;               /* enum fb_ended, or 0 */
    uint64_t now_ns;         /* CLOCK_MONOTONIC, as last looked at */
    uint64_t looked_ns;      /* when the dispatcher's lock was last looked at */
    uint64_t asked_ns;       /* when the first request to leave was noticed, or 0 */
    uint64_t stays_since_ns; /* when a request to leave was first put off, or 0 */
    uint64_t begun_ns;       /* when the burst was begun whose time is not noted, or 0 */
    uint64_t begun_packets;  /* that were handed out before it */
    uint32_t orphan_next;
    unsigned stat_count;                /* counters that have a name in the up side */
    struct consumer_fd *fd;             /* or NULL: nothing polls */
    const volatile int *leave;          /* how often it was asked to leave; or NULL */
    union event_buffer out;             /* what is handed out */
    struct fb_flow partial;             /* the record, where the dispatcher has none */
    uint64_t counters[FB_WORKER_COUNT]; /* of this incarnation */
};

/* What a consumer works on, which it does not own. */
struct consumer_sides {
    const struct fb_ctl_handle *ctl;
    const struct fb_down *down; /* the claimed sides */
    struct fb_up *up;
    const struct fb_flow *flows; /* the records of flows, or NULL: there are none */
};

/*
 * Sets up a consumer of claimed sides at their resume point, with no flow known. Of config it
 * takes state_bytes, spin and leave. Returns 0, or -ENOMEM after one logged line.
 */
int consumer_init(struct fb_consumer *consumer, const struct consumer_sides *sides,
                  const struct fb_consumer_config *config);

/* Frees the states of the flows. */
void consumer_fini(struct fb_consumer *consumer);

/* What was finished of a burst is given back; the event that is handed out counts as finished
 * unless `abandon`. No step may follow before the next burst. */
void consumer_finish(struct fb_consumer *consumer, bool abandon);

/* The event that is handed out was not inspected, and is not suspected: it comes again as if it had
 * not been begun. No step may follow. */
void consumer_give_back(struct fb_consumer *consumer);

/*
 * As fb_consumer_retry(), for an event of which a part has left the process already: for up to
 * stay_ns since it was told to leave, or the dispatcher was gone, that is put off, and the event
 * may be tried again. Not so a revocation, or a second request to leave.
 */
int consumer_retry(struct fb_consumer *consumer, unsigned pause_ms, uint64_t stay_ns);

/* Rules were read again, or could not be: a supervisor waits for that, so it is told
 * immediately. */
void consumer_count_reload(struct fb_consumer *consumer, bool failed);

/*
 * The caller asks for the next burst as soon as one is finished: the time that a burst took
 * ends where the next look at the clock is, which saves one. As long as none such was told, the
 * clock is read at the end of each burst: its owner may wait before it comes again.
 */
static inline void consumer_is_prompt(struct fb_consumer *consumer) {
    consumer->prompt = true;
}

/* Whether names are those of counters; false after one logged line. NULL: there are none. */
bool consumer_check_stats(const char *const *names);

/*
 * Names further counters, before the first burst: those of `owner`, which is made a valid name
 * first; NULL: the program. They are told by index, in the order in which they were added;
 * for those beyond FB_UP_STATS there is one warning.
 */
void consumer_add_stats(struct fb_consumer *consumer, const char *owner, const char *const *names);

/*
 * How leaving is followed: once, when the ring is empty, but not while the dispatcher is
 * stopping, since then it says so itself, nor before it had LEAVE_GRACE_NS to do so: a
 * service manager signals both at the same time, and the rings are to be drained. Twice, at
 * the end of the burst.
 */
#define LEAVE_GRACE_NS UINT64_C(500000000)

/* Whether who was asked so many times, noted at asked_ns, leaves now if the ring is empty. Any
 * thread. */
static inline bool consumer_leave_is_due(const struct fb_ctl *ctl, int times, uint64_t asked_ns) {
    return times >= 2 || (times == 1 && fb_ctl_run_state(ctl) != FB_RUN_STOPPING &&
                          fb_now_ns() - asked_ns >= LEAVE_GRACE_NS);
}

#define CONSUMER_STATE_MAX (1u << 20) /* bytes a flow, of all inspectors together */

#endif
