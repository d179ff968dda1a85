/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_TOP_H
#define DISPATCHER_FLOWS_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

#include "dispatcher/flows/flow_table.h"

/*
 * The largest flows, of the run and now, in a bounded room. Dispatcher only, one thread.
 *
 *   top_is_sample()  whether a packet of a flow is one of those that are looked at
 *   top_offer()      it is: one packet in 128
 *   top_end()        a flow that was offered ends
 *   top_age()        time passes
 *   top_of_run(), top_now()
 *
 * Samples. A flow counts its packets anyway (seq), so for most of them there is nothing to do.
 * Samples are those for which seq times the golden ratio has a fractional part in one 128th of
 * the unit: the first is a flow's 32nd packet, and between two there are 89, 144 or 233 packets,
 * never another number (the three gaps of Sos, 1958), even and odd. Every 128th packet would
 * not do: of a dialogue that alternates it would meet one direction only, and the bytes would be
 * wrong by far.
 *
 * Of the run. Each offer brings the flow's own count, so nothing is estimated: a flow that is
 * larger than the least in the list takes its place, and one that was put out comes again with
 * all of its packets. Those in the list have their exact number of packets, also when they have
 * ended. A flow that is not in it has at most 232 packets more than the least of it, those after
 * its last sample, or has fewer than 32. Only a flow of more than 2^32 packets, at which seq is
 * at 0 again, begins again if it was put out meanwhile.
 *
 * Now. Packets fade: each counts 1, and after t seconds exp(-t / 5). Of that a flow's count says
 * nothing, so this is a stream of samples of 128 packets each (the first: 32), and the list the
 * space-saving summary of Metwally, Agrawal and El Abbadi ("Efficient computation of frequent and
 * top-k elements in data streams", ICDT 2005): a flow that is not in it takes the place of the
 * one that has least, and that much is noted as what it may have too many. No flow that sends
 * more than one packet in TOP_SLOTS is missing, and none has more than that too many. Fading
 * keeps both, being the same for all. A flow in the list is counted exactly from then on. What
 * it sent before is uncertain by one sample beside: 26 packets a second.
 *
 * Bytes are a flow's packets times the mean length of its samples since it came into the list.
 * With n samples one standard deviation is that of its lengths by the root of n: at the most 750
 * bytes a packet, or 75 for a flow of 13,000 packets. A sender that knows the rule can mislead
 * this number, and no other.
 */
#define TOP_SLOTS 64u
#define TOP_NUMBERS 1024u
#define TOP_GROUP 8u /* slots whose least is kept, so that the least is soon found */
#define TOP_STEP UINT32_C(0x9e3779b9) /* 2^32 by the golden ratio */
#define TOP_FIRST_SAMPLE 31u          /* the least seq that is a sample */
#define TOP_SAMPLE_PACKETS 128u       /* that a sample stands for */

/* A flow in a list. */
struct top_slot {
    struct fb_flow_key key; /* with addresses as they are on the wire */
    uint64_t id;
    uint64_t packets;
    uint64_t sampled_bytes, samples;
    uint32_t seq; /* that of the flow when its packets were last counted */
    uint8_t worker;
    bool bound, first_swapped, ended;
};

struct top_list {
    uint32_t used;
    uint32_t flows[TOP_SLOTS];  /* the entry of each in the flow table; NO_FLOW: it has ended */
    uint8_t alike[TOP_NUMBERS]; /* how many of them have an entry's low bits: mostly none */
    struct top_slot slots[TOP_SLOTS];
};

struct top {
    struct top_list run;
    uint64_t least; /* packets of the smallest in the list if it is full, or fewer; else 0 */

    struct top_list now;
    double recent[TOP_SLOTS];                  /* by slot: packets, faded */
    double over[TOP_SLOTS];                    /* what of it may be other flows' */
    double group_least[TOP_SLOTS / TOP_GROUP]; /* the least of `recent` in each group */
    double span_s;                             /* of time up to aged_ns, faded like the packets */
    double since_s;                            /* since then */
    uint64_t aged_ns;                          /* CLOCK_MONOTONIC */
};

void top_init(struct top *top, uint64_t now_ns);

/* Whether a flow's packet number seq is a sample. Four instructions a packet. */
static inline bool top_is_sample(uint32_t seq) {
    return (seq - TOP_FIRST_SAMPLE) * TOP_STEP < UINT32_MAX / TOP_SAMPLE_PACKETS;
}

/* Packet number seq of a live flow, which is not counted in seq yet, is a sample. key: the flow's,
 * with addresses as they are on the wire. */
void top_offer(struct top *top, const struct flow_table *table, uint32_t flow,
               const struct fb_flow_key *key, uint32_t wirelen);

/* A live flow with more than TOP_FIRST_SAMPLE packets is about to end. */
void top_end(struct top *top, const struct flow_table *table, uint32_t flow);

/* It is now_ns on CLOCK_MONOTONIC. To be called a few times a second. */
void top_age(struct top *top, uint64_t now_ns);

/* Writes the largest flows of the run, or now, largest first; the rest is zero. */
void top_of_run(struct top *top, const struct flow_table *table,
                struct fb_large_flow out[FB_LARGE_FLOWS]);
void top_now(struct top *top, const struct flow_table *table,
             struct fb_large_flow out[FB_LARGE_FLOWS]);

#endif
