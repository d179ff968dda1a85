/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_DATAPATH_H
#define DISPATCHER_DATAPATH_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/datapath/egress.h"
#include "dispatcher/datapath/ingress.h"

/*
 * The room of the data path: what happens to every frame between the capture
 * source and the ring of a worker. Dispatcher only, one thread.
 *
 *   datapath.c  datapath_run(): the whole way of a burst, in one function
 *   ingress.c   the way in: take, decode, hash
 *   look_up.h   the flow of each packet, and what is said of both
 *   quoted.c    off the fast path: the flow that an ICMP error quotes
 *   egress.c    the way out: worker, room, publish, wake; block or drop
 *   copy.h      bytes into the arena
 *   flow_record.h   what a worker's processes are told of a flow
 *   move.c      the ring of a lost worker as the input
 *
 * It may use the rooms below it (fleet, flows, decode, and the frames of capture)
 * and never waits: what cannot go on returns, and the caller waits and calls again.
 * It knows nothing of options, of where frames come from, or of reports.
 */
struct datapath {
    struct ingress ingress;
    struct egress egress;
    struct flows *flows; /* the caller's, as is the fleet in egress */
    size_t ahead;        /* bytes by which source lines are fetched ahead, 0: not */
    uint64_t bypassed;   /* packets of flows that go to no worker */
};

struct datapath_config {
    struct fleet *fleet; /* the caller's, as all that follows; they outlive the data path */
    struct flows *flows;
    struct fragments *fragments;           /* NULL: fragments go by addresses and protocol */
    const struct decode_options *decoding; /* but for its secret, which is that of the flows */
    const int *links;                      /* link types of the sources, as far as they are known */
    unsigned link_count;
    bool block;      /* --on-full block: packets wait for room and workers */
    bool preloaded;  /* all frames follow each other in memory */
    bool in_ring;    /* most do, and no frame was read before: only fetching depends on it */
    bool live;       /* time is CLOCK_MONOTONIC, not the packets' */
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    uint64_t longest_timeout_ns; /* of those that are finite */
};
void datapath_init(struct datapath *d, const struct datapath_config *config);

/* A burst of frames from the source, valid until datapath_run() has returned EGRESS_DONE. */
static inline void datapath_give(struct datapath *d, const struct frame *frames, unsigned count) {
    ingress_give(&d->ingress, frames, count);
}

/*
 * Takes all frames that were given, and the fragments that they release, to their
 * workers, and publishes them. Returns EGRESS_DONE, or in block mode why the packet
 * that comes next has to wait: the caller waits and calls again, as often as it
 * takes; that packet and those after it are looked up anew each time, since flows may have ended
 * meanwhile. Never while a worker is lost: what waits in its ring comes first (move_burst()).
 */
enum egress_result datapath_run(struct datapath *d);

/* Drops the packet that has to wait, for a reason, and steps over it. */
void datapath_drop_stopped(struct datapath *d, enum fb_drop_reason reason);

/*
 * No burst is under way, and may not be for a while: ends what is overdue, stages
 * ends, publishes, and wakes. What this releases of fragments is for
 * datapath_run(). Never while a worker is lost.
 */
void datapath_flush(struct datapath *d);

/*
 * Ends flows and releases fragments whose time is over, while a burst waits: on an
 * interface time goes on. Their ends are published with the next run. Never while a
 * worker is lost: it would get the end before packets that are still in a lost ring.
 */
void datapath_expire(struct datapath *d);

/* No more fragments come: all that are held are released, for datapath_run(). */
void datapath_release_fragments(struct datapath *d);

/*
 * It is now_ns on CLOCK_MONOTONIC: for a live capture that is also the time of
 * the flows. To be called before anything that looks at the time.
 */
void datapath_set_time(struct datapath *d, uint64_t now_ns);

/*
 * Lets the flows know which workers were lost and which packets were quarantined
 * since the last call. After each fleet_poll(), before anything looks at a flow;
 * then move.h has what is to be done while fleet->lost_count is not 0.
 */
void datapath_apply_losses(struct datapath *d);

#endif
