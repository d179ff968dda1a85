/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTION_H
#define WORKER_INSPECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/consumer.h"
#include "flow_balancer/inspector.h"

/*
 * The inspectors of a worker, in the order in which they were asked for: each event goes
 * through all of them in one pass, each with a state of its own for the flow, and one behind
 * the other in the memory that the consumer keeps of a flow.
 *
 * The sinks of their records (records/sinks.h) are looked after with them, from the claim to the
 * close, but are opened and counted by others.
 *
 * An inspector that cannot write its output holds the pass: it goes on there when the event is
 * tried again, and those before it do not see the event twice.
 */
#define INSPECTIONS_MAX 8u

struct inspection_item {
    const struct fb_inspector *ops;
    void *self;
    size_t state_offset; /* within the memory of a flow */
    size_t state_bytes;
    bool all_ends;    /* as in struct fb_setup */
    uint64_t tick_ns; /* between two ticks */
    uint64_t next_tick_ns;
    unsigned stat_count;
    const char *const *stat_names;
    uint64_t stats_before[FB_STATS_MAX]; /* when the number was claimed */
    struct fb_host host;                 /* last: what the inspector holds a pointer to */
};

/* Which call of which inspector an event of its own was written in; how many were. A call that is
 * made again writes again what it has written before it failed: that is passed over. */
struct inspection_events {
    uint64_t frame, flow;
    unsigned item;
    bool is_end, is_started;
    unsigned written; /* in this call, and those before it for the same */
    unsigned again;   /* of these seen again */
};

struct inspection {
    unsigned count;
    unsigned next;                    /* who is to see the present event next */
    bool is_started;                  /* and has had flow_start() for it */
    bool is_child;                    /* this is a child that one of them forked */
    const struct fb_inspector *waits; /* of which it was said that it cannot write its output */
    unsigned tries;                   /* of the present event that had to wait */
    char who[24];       /* "worker K: " before what is logged, once a number is claimed */
    size_t state_bytes; /* that all need for a flow */
    bool all_ends;      /* one of them asks for the ends of flows that are not known */
    unsigned errors;    /* lines of level error when it was last looked */
    struct inspection_events events;
    struct inspection_item items[INSPECTIONS_MAX];
};

/*
 * From now on a child that an inspector forks ends, after one logged line, when the function that
 * forked returns in it too: it has the inspectors of the worker, but neither its number nor its
 * packets. Before the first inspector is loaded; the inspection lasts as long as the process.
 */
void inspection_watch_children(struct inspection *inspection);

/*
 * Adds an inspector and opens it; args outlive it. Returns 0, or -errno after one logged line,
 * -EINVAL for wrong usage.
 */
int inspection_add(struct inspection *inspection, const struct fb_inspector *ops, const char *args);

/* The worker has claimed a number. Returns 0, or -errno after one logged line. */
int inspection_claimed(struct inspection *inspection, const struct fb_instance *instance);

/*
 * Hands an event to those that have not had it. Returns 0; FB_OUTPUT_FAILED: call it again with
 * the same event; or -errno after one logged line.
 */
int inspection_event_of_many(struct inspection *inspection, const struct fb_event *event);

/* What is to be done where a function of an inspector returned this for an event, or in a child. */
int inspection_returned(struct inspection *inspection, const struct fb_event *event, int rc);

static inline int inspection_event(struct inspection *inspection, const struct fb_event *event) {
    const struct inspection_item *item = &inspection->items[0];
    if (__builtin_expect(inspection->count != 1 || event->kind != FB_EVENT_PACKET ||
                             (event->packet.flags & (FB_F_START | FB_F_MID_STREAM)) != 0,
                         0))
        return inspection_event_of_many(inspection, event);
    int rc = item->ops->packet(item->self, event->state, &event->packet);
    if (__builtin_expect(rc != 0 || inspection->is_child, 0))
        return inspection_returned(inspection, event, rc);
    return 0;
}

/* An event whose output failed was taken at last: says so if it was said that one waits. */
void inspection_goes_on(struct inspection *inspection);

/* Milliseconds to wait before the next try of an event whose output failed; before: the last such
 * pause, 0: this is the first one. */
unsigned inspection_pause_ms(unsigned before);

/* For how long a worker that is told to leave stays for an event whose output failed: since a part
 * of it has left the process. 0: none has. */
uint64_t inspection_stay_ns(const struct inspection *inspection);

/* Calls tick() of those whose time has come. Returns 0, or -errno after one logged line. */
int inspection_tick(struct inspection *inspection, uint64_t now_ns);

/* When the next tick is due, CLOCK_MONOTONIC; UINT64_MAX: never. */
uint64_t inspection_next_tick(const struct inspection *inspection);

/* Calls reload() of all, and has the sinks open their files again; returns how many of them failed,
 * each after one logged line. */
unsigned inspection_reload(struct inspection *inspection);

/* The values of the counters of item i, stat_count of them, into values[FB_STATS_MAX], as they
 * have grown since inspection_claimed(). */
void inspection_stats(const struct inspection *inspection, unsigned i, uint64_t *values);

/* The last event has come: those that are built in and hold something, and the sinks, hand it on,
 * until until_ns (CLOCK_MONOTONIC); 0: another process of the number follows, which is not to wait
 * for them. The counters may grow by it. */
void inspection_finish(struct inspection *inspection, uint64_t until_ns);

void inspection_close(struct inspection *inspection);

#endif
