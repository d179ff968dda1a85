/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_INGRESS_H
#define DISPATCHER_DATAPATH_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/ctl.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/decode/decode.h"
#include "dispatcher/flows/flow_clock.h"
#include "dispatcher/flows/fragments.h"
#include "dispatcher/flows/key_hash.h"

/*
 * The way in: from the frames of a source to a burst of packets, each with its
 * flow key, the key's hash and its time. Nothing here knows which flow or which
 * worker a packet has. Dispatcher only, one thread.
 *
 *   ingress_give()    a source's frames
 *   ingress_take()    the next burst: of those frames, or of fragments that were held
 *   ingress_decode()  key, offsets, time; fragments meet their tracker
 *   ingress_hash()    the keys' hashes
 */
#define BURST_MAX 32u /* measured: 16 is slower, 64 gains only with many workers */

/* Packets that go through each stage together, so that the cache misses of one overlap. */
struct burst {
    unsigned count; /* 0: none is under way */
    unsigned next;  /* the first that is not delivered */
    uint32_t held;  /* a bit per fragment that is held, and not delivered with this burst */
    bool released;  /* fragments that were held, not the source's next frames */
    const struct frame *frames;
    struct decoded decoded[BURST_MAX];
    uint64_t hashes[BURST_MAX];
    uint32_t candidates[BURST_MAX]; /* entries that the tags point to, or NO_FLOW */
    uint32_t ticks[BURST_MAX];      /* packet time */
    uint64_t numbers[BURST_MAX];    /* of the frames in the run */
    uint8_t links[BURST_MAX];       /* link type, by index */
    uint64_t digests[BURST_MAX][2]; /* of fragments: of the ids in the key (flow_key.h) */
};
_Static_assert(BURST_MAX <= 32, "a bit per packet in burst.held");

struct ingress {
    struct burst burst;
    const struct frame *given; /* by the source, not taken yet */
    unsigned given_count;
    struct flow_clock clock;
    struct decode_options decoding;
    uint64_t frame;     /* number of the last frame that was delivered or held */
    struct fb_ctl *ctl; /* where link types are written down; the caller's; NULL: nowhere */
    struct fragments *fragments; /* the caller's; NULL: fragments go by addresses and protocol */

    /* Link types by index, as the descriptors name them. */
    int link_dlts[FB_MAX_LINKS];
    enum link_layer links[FB_MAX_LINKS];
    unsigned link_count;

    struct fragments_out out[BURST_MAX];
    struct frame out_frames[BURST_MAX];

    uint64_t received; /* frames taken */
    uint64_t decode[FB_DECODE_COUNT];
};

/* How frames are decoded; before the first one. Ids in keys are hashed with the table's secret. */
void ingress_set_decoding(struct ingress *in, const struct decode_options *options,
                          const struct key_hash *hash);

/*
 * Tells the link types that frames may have, in this order, before the first frame: who opens an
 * instance as a libpcap device is to know its link type before it asks for packets. Those of a
 * pipe come with their frames. At most FB_MAX_LINKS, all known to link_layer_of().
 */
void ingress_tell_links(struct ingress *in, const int *dlts, unsigned count);

/* Frames to be taken, which stay valid until all are. None may be left of those given before. */
void ingress_give(struct ingress *in, const struct frame *frames, unsigned count);

/*
 * Begins the next burst: of fragments that were held and are no longer, or else of
 * the frames given. Returns false if there are none of either. Only when the burst
 * before is done.
 */
bool ingress_take(struct ingress *in);

/*
 * Decodes the packets of the burst and tells the time of each. The burst ends before
 * a fragment that releases others: they were captured before it, and come first.
 */
void ingress_decode(struct ingress *in);

/* Hashes the keys of the burst. */
void ingress_hash(struct ingress *in, const struct key_hash *hash);

/* Decodes packet i of the burst once more, whatever was learned of it since. */
void ingress_decode_again(struct ingress *in, unsigned i);

/* The ids of the VLANs and the tunnel that packet i of the burst is in. */
void ingress_find_ids(const struct ingress *in, unsigned i, struct decoded_ids *ids);

/* All of the burst is delivered, or held. */
void ingress_finish(struct ingress *in);

/* Whether a burst is under way. */
static inline bool ingress_is_busy(const struct ingress *in) {
    return in->burst.count != 0;
}

/* Packets of the burst that are neither delivered nor held. */
static inline unsigned ingress_pending(const struct ingress *in) {
    const struct burst *burst = &in->burst;
    return burst->count - burst->next -
           (unsigned)__builtin_popcountll((uint64_t)burst->held >> burst->next);
}

#endif
