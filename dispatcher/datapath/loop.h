/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_LOOP_H
#define DISPATCHER_DATAPATH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/decode/decode.h"
#include "dispatcher/fleet/fleet.h"
#include "dispatcher/flows/flows.h"
#include "dispatcher/flows/fragments.h"
#include "dispatcher/flows/packet_clock.h"

/*
 * The data path: a burst of frames at a time from the capture source to the
 * rings of the workers. Dispatcher only, one thread.
 *
 * A burst goes through each stage as a whole, so that the cache misses of one
 * stage (index line, entry) are fetched while another packet is worked on.
 */
#define LOOP_BURST 32u /* measured: 16 is slower, 64 gains only with many workers */

struct burst {
    unsigned count;
    bool let_out;  /* frames that were held, not the source's next ones */
    uint32_t held; /* a bit per frame that is held, and not delivered with this burst */
    const struct frame *frames; /* the capture source's, or let_out_frames */
    struct decoded decoded[LOOP_BURST];
    uint64_t hashes[LOOP_BURST];
    uint32_t candidates[LOOP_BURST]; /* entries that the tags point to, or NO_FLOW */
    uint32_t ticks[LOOP_BURST];      /* packet time */
    uint64_t numbers[LOOP_BURST];    /* of the frames in the run */
};
_Static_assert(LOOP_BURST <= 32, "a bit per frame in burst.held");

/* Where a burst had to stop. */
enum loop_stop {
    LOOP_DONE,
    LOOP_RING_FULL, /* a worker's ring is full, in block mode */
    LOOP_NO_WORKER, /* nobody is alive, in block mode */
};

struct loop {
    struct fleet *fleet;
    struct flows *flows;
    struct packet_clock clock;
    bool live;             /* time is CLOCK_MONOTONIC, not the packets' */
    uint64_t live_from_ns; /* then: when tick 1 began */
    bool block;            /* --on-full block */
    size_t ahead;          /* bytes by which source lines are fetched ahead, 0: not */
    uint64_t now_ns;       /* CLOCK_MONOTONIC, at the start of this burst */
    uint64_t frame;        /* number of the last frame taken */
    uint64_t stamp_ns;     /* its time */
    uint64_t run[FB_RUN_COUNT];
    uint64_t decode[FB_DECODE_COUNT];
    uint64_t dropped[FB_DROP_COUNT];

    struct decode_options decoding;

    /* Link types by index, as the descriptors name them. */
    int link_dlts[FB_MAX_LINKS];
    enum link_layer links[FB_MAX_LINKS];
    unsigned link_count;

    unsigned stopped_at;     /* packet of the burst that had to wait */
    unsigned stopped_worker; /* whose ring is full */
    unsigned touched_count;
    uint8_t touched[FB_MAX_WORKERS];
    unsigned refresh_next;
    struct burst burst;
    uint8_t link_index[LOOP_BURST];

    struct fragments *fragments; /* the caller's; NULL: fragments go by addresses and protocol */
    struct fragments_out out[LOOP_BURST];
    struct frame out_frames[LOOP_BURST];
    bool refused; /* the tracker did not take the frame after the last burst */
};

/*
 * fleet and flows are the caller's and outlive the loop. preloaded: all frames
 * follow each other in memory. longest_timeout_ns: of those that are finite.
 */
void loop_init(struct loop *loop, struct fleet *fleet, struct flows *flows, bool live, bool block,
               bool preloaded, uint64_t longest_timeout_ns);

/* How frames are decoded; before the first one. The secret is that of the flow table. */
void loop_set_decoding(struct loop *loop, const struct decode_options *options);

/*
 * Takes in count frames, 1 to LOOP_BURST, that stay valid until they are
 * delivered: decodes, hashes, and prepares their look-up. To be followed by
 * loop_deliver() until it returns LOOP_DONE. Returns how many it took: it stops
 * before a fragment that lets out others, which were captured before it. Then
 * loop_take_released() comes first, and the rest is to be given again.
 */
unsigned loop_take(struct loop *loop, const struct frame *frames, unsigned count);

/*
 * Takes in fragments that waited and wait no longer, as loop_take() does.
 * Returns false if there are none. After each burst, until it does.
 */
bool loop_take_released(struct loop *loop);

/* No more fragments come: all that wait are to be let out. */
void loop_release_fragments(struct loop *loop);

/*
 * Gives the packets of the burst from stopped_at on to their workers and
 * publishes what was staged. When it stops before the end of the burst, the
 * caller waits and calls it again: the rest is looked up anew, since flows may
 * have ended meanwhile. Never while a worker is lost: what waits in its ring
 * comes before anything else (loop_move()).
 */
enum loop_stop loop_deliver(struct loop *loop);

/* Drops the packet at which the burst stopped, for a reason, and steps over it. */
void loop_drop_stopped(struct loop *loop, enum fb_drop_reason reason);

/* Stages pending flow ends and publishes, for times when no burst does it; never while a worker is
 * lost. */
void loop_flush(struct loop *loop);

/*
 * Ends flows and lets out fragments whose time is over, while a burst waits: on an
 * interface time goes on. Their ends are published with the next delivery. No
 * worker may be lost.
 */
void loop_expire(struct loop *loop);

/* Wakes every parked worker that has news, at once. Before anything that can wait. */
void loop_wake_all(struct loop *loop);

/*
 * It is now_ns on CLOCK_MONOTONIC: for a live capture that is also the time of
 * the flows. To be called before anything that looks at the time.
 */
void loop_set_time(struct loop *loop, uint64_t now_ns);

/*
 * Lets the flows know which workers were lost and which flows are shunted since
 * the last call. After each fleet_poll(), before anything looks at a flow; then
 * move.h has what is to be done while fleet->lost_count is not 0.
 */
void loop_apply_losses(struct loop *loop);

#endif
