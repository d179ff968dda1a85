/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_DESCRIPTOR_H
#define FLOW_BALANCER_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/flow.h"

#define FB_FRAME_MAX 262144u /* no frame is longer: libpcap's greatest snapshot length */

/*
 * What travels through a ring: one descriptor per packet or flow end.
 *
 * Written by the dispatcher into the down side of one worker, read there by
 * that worker only. A descriptor is valid from the moment `published` passed
 * it until the worker has stored a `consumed` beyond it; so are the bytes at
 * arena_pos.
 */
struct fb_desc {
    uint64_t time_ns;          /* capture time, nanoseconds since 1970, as captured */
    uint64_t frame;            /* frame number in the run, from 1 */
    uint64_t arena_pos;        /* free-running position of the first byte in the arena */
    uint64_t flow_id;          /* unique in the run, below 2^53; survives re-binding */
    uint32_t caplen;           /* bytes in the arena */
    uint32_t wirelen;          /* bytes on the wire */
    uint32_t flow_seq;         /* captured packets of this flow before this one */
    uint32_t handle;           /* index of the flow in the worker's own state array */
    uint32_t gap;              /* packets of this flow lost just before this one */
    uint16_t generation;       /* tells two flows apart that had the same handle */
    uint16_t l3_off;           /* innermost IP header, FB_NO_OFFSET if none */
    uint16_t l4_off;           /* innermost transport header, or FB_NO_OFFSET */
    uint16_t payload_off;      /* first byte after the transport header, or FB_NO_OFFSET */
    uint16_t flags;            /* FB_F_*, and the link index in the upper 4 bits */
    uint8_t proto;             /* IP protocol number of the innermost header, else 0 */
    uint8_t dir_deaths_reason; /* see fb_desc_dir(), _deaths(), _reason(), _tail(), _decode() */
};
_Static_assert(sizeof(struct fb_desc) == 64, "one descriptor is one cache line");

_Static_assert(FB_DESC_FLAG_COUNT <= 12, "the upper four flag bits hold the link index");

#define FB_LINK_SHIFT 12u
#define FB_MAX_LINKS 16u /* distinct link types in one run: what four bits hold */

/* Index into the link types of ctl (struct fb_ctl, links) of this packet. */
static inline unsigned fb_desc_link(const struct fb_desc *d) {
    return (unsigned)d->flags >> FB_LINK_SHIFT;
}

/* 0: the direction of the flow's first packet; 1: the reverse. */
static inline unsigned fb_desc_dir(const struct fb_desc *d) {
    return d->dir_deaths_reason & 1u;
}

/* How many processes died while they inspected this packet, 0 to 3. */
static inline unsigned fb_desc_deaths(const struct fb_desc *d) {
    return (d->dir_deaths_reason >> 1) & 3u;
}

/* Why the flow ended; only where FB_F_END is set. */
static inline enum fb_end_reason fb_desc_reason(const struct fb_desc *d) {
    return (enum fb_end_reason)(d->dir_deaths_reason >> 3);
}

/*
 * Of a packet: captured bytes from the end of its payload to the end of the frame, such as the
 * padding of Ethernet; FB_TAIL_LONG: as many or more, or not known. Where neither FB_F_END nor
 * FB_F_MALFORMED is set.
 */
#define FB_TAIL_LONG 31u
static inline unsigned fb_desc_tail(const struct fb_desc *d) {
    return d->dir_deaths_reason >> 3;
}

/*
 * Of a packet with FB_F_MALFORMED, in the place of the tail, which is then not told: what is wrong
 * with it, enum fb_decode_reason.
 */
static inline unsigned fb_desc_decode(const struct fb_desc *d) {
    return d->dir_deaths_reason >> 3;
}
_Static_assert(FB_DECODE_COUNT <= 32, "five bits hold a reason");

/* last: the reason of a flow end, or the tail of a packet, or what is wrong with it. */
static inline uint8_t fb_pack_dir_deaths_reason(unsigned dir, unsigned deaths, unsigned last) {
    return (uint8_t)((dir & 1u) | ((deaths & 3u) << 1) | (last << 3));
}

#endif
