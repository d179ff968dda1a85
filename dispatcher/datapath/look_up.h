/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_LOOK_UP_H
#define DISPATCHER_DATAPATH_LOOK_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "flow_balancer/descriptor.h"

#include "dispatcher/datapath/flow_record.h"
#include "dispatcher/datapath/ingress.h"
#include "dispatcher/datapath/quoted.h"
#include "dispatcher/flows/flows.h"

/*
 * From a packet of the burst to its flow, and what a worker is told of both. Which worker
 * that is, and how the packet gets there, is not known here: the data path is one user, and
 * dispatcher/offline/ the other, which has no workers. Dispatcher only, one thread. Nothing
 * here can fail.
 *
 *   look_up_fetch()       the index lines of the burst's keys are fetched
 *   look_up_candidates()  the entries that they lead to, likewise
 *   look_up_flow()        a packet's flow, when its turn comes
 *   look_up_usual()       the same where nothing is to be done about it
 *   look_up_touch()       a packet of a flow that is there
 *   look_up_create()      the flow of a first packet
 *   look_up_note_digest() what a new flow's key does not tell
 *   look_up_record()      what is said of a flow that is bound
 *   look_up_describe()    the descriptor of a packet, and counts it in its flow
 */

/* The index lines of all keys are under way before the first is looked at. */
static inline void look_up_fetch(const struct ingress *in, const struct flows *flows) {
    for (unsigned i = 0; i < in->burst.count; i++)
        flow_table_prefetch(&flows->table, in->burst.hashes[i]);
}

/* Where the tags point to, of all packets not delivered; the entries are fetched. */
static inline void look_up_candidates(struct ingress *in, const struct flows *flows) {
    struct burst *burst = &in->burst;
    flow_table_candidates(&flows->table, &burst->hashes[burst->next], burst->count - burst->next,
                          &burst->candidates[burst->next]);
}

/* The live flow of packet i, or NO_FLOW; one that is over is ended. flows->now is its tick. */
static inline uint32_t look_up_flow(struct ingress *in, struct flows *flows, unsigned i) {
    const struct burst *burst = &in->burst;
    const struct decoded *decoded = &burst->decoded[i];
    uint32_t flow = burst->candidates[i];
    if (__builtin_expect(decoded->reason == FB_DECODE_ICMP_ERROR, 0)) {
        uint32_t quoted = quoted_flow(in, flows, i);
        if (quoted != NO_FLOW)
            return quoted;
    }
    if (flow == NO_FLOW || !flow_table_is(&flows->table, flow, &decoded->key))
        flow = flow_table_find(&flows->table, burst->hashes[i], &decoded->key);
    if (flow == NO_FLOW)
        return flow;
    struct flow_entry *entry = &flows->table.entries[flow];
    enum fb_end_reason reason;
    if (flow_expired(flows, entry, decoded->tcp_flags, &reason)) {
        flows_end(flows, flow, reason);
        return NO_FLOW;
    }
    flows_forget_lost(flows, entry);
    return flow;
}

/* 0: the direction of the flow's first packet; 1: the reverse. */
static inline unsigned look_up_direction(const struct flow_entry *entry,
                                         const struct decoded *decoded) {
    unsigned first_swapped = flow_first_swapped(entry);
    return first_swapped ^ decoded->swapped;
}

/*
 * The flow of packet i if it is the first candidate, has a worker to which its packets go and has
 * lost none, if the packet is whole, and if look_up_flow() and look_up_touch() would change nothing
 * but the time of its last packet; else NO_FLOW, which says nothing. Changes nothing. flows->now
 * is the packet's tick.
 */
static inline uint32_t look_up_usual(const struct ingress *in, const struct flows *flows,
                                     unsigned i) {
    const struct decoded *decoded = &in->burst.decoded[i];
    uint32_t flow = in->burst.candidates[i];
    if (__builtin_expect(flow == NO_FLOW, 0))
        return NO_FLOW;
    const struct flow_entry *entry = &flows->table.entries[flow];
    bool usual = flow_table_is_bound(&flows->table, flow, &decoded->key) &&
                 (entry->gap | decoded->reason) == FB_DECODE_OK &&
                 flows_is_usual(flows, entry, look_up_direction(entry, decoded), decoded->tcp_flags,
                                decoded->payload_len);
    return usual ? flow : NO_FLOW;
}

/* The flow of packet i: of the key's protocol, since a later fragment of a tunnel names another. */
static inline uint32_t look_up_create(const struct ingress *in, struct flows *flows, unsigned i) {
    const struct decoded *decoded = &in->burst.decoded[i];
    uint32_t flow =
        flows_create(flows, in->burst.hashes[i], &decoded->key, decoded->swapped != 0,
                     fb_flow_key_proto(&decoded->key), decoded->tcp_flags, decoded->payload_len);
    pairs_forward(&flows->pairs, flow, in->burst.frames[i].interface);
    return flow;
}

/* One packet more. What an ICMP error says of a flow changes nothing but its age. */
static inline void look_up_touch(const struct ingress *in, struct flows *flows, unsigned i,
                                 uint32_t flow) {
    const struct decoded *decoded = &in->burst.decoded[i];
    struct flow_entry *entry = &flows->table.entries[flow];
    if (__builtin_expect((decoded->flags & FB_F_ICMP_ERROR) != 0, 0))
        entry->last = flows->now;
    else if (__builtin_expect(flows_touch(flows, flow, look_up_direction(entry, decoded),
                                          decoded->tcp_flags, decoded->payload_len),
                              0))
        pairs_reverse(&flows->pairs, flow, in->burst.frames[i].interface);
}

/* flow: as look_up_flow() found it. Returns the flow that packet i is of. */
static inline uint32_t look_up_touch_or_create(const struct ingress *in, struct flows *flows,
                                               unsigned i, uint32_t flow) {
    if (flow == NO_FLOW)
        return look_up_create(in, flows, i);
    look_up_touch(in, flows, i, flow);
    return flow;
}

/*
 * Where digests are kept, notes that of the ids in the key of a flow that packet i has just begun.
 * A fragment may go under a key with ids that only the first of its datagram has.
 */
static inline void look_up_note_digest(const struct ingress *in, struct flows *flows, unsigned i,
                                       uint32_t flow) {
    const struct decoded *decoded = &in->burst.decoded[i];
    struct decoded_ids ids;
    if (__builtin_expect(flows->digests == NULL, 1) ||
        fb_flow_key_kind(&decoded->key) != FB_KEY_IP6)
        return;
    if ((decoded->flags & FB_F_FRAGMENT) != 0) {
        flows_set_digest(flows, flow, in->burst.digests[i]);
        return;
    }
    ingress_find_ids(in, i, &ids);
    flows_set_digest(flows, flow, ids.digest);
}

/* key: the flow's, without a digest of ids. */
static inline void look_up_write_record(const struct ingress *in, const struct flows *flows,
                                        unsigned i, uint32_t flow, const struct fb_flow_key *key,
                                        const struct decoded_ids *ids, struct fb_flow *record) {
    const struct frame *frame = &in->burst.frames[i];
    const struct flow_entry *entry = &flows->table.entries[flow];
    record->id = flow_table_id(&flows->table, flow);
    record->first_ns = entry->seq == entry->gap ? frame->time_ns : 0;
    record->interface = frame->interface;
    flow_record_make(record, key, flow_first_swapped(entry), ids);
}

/* Of a flow that may be in a VLAN or a tunnel, or have their ids in its key. */
static __attribute__((noinline, unused)) void look_up_record_with_ids(const struct ingress *in,
                                                                      const struct flows *flows,
                                                                      unsigned i, uint32_t flow,
                                                                      struct fb_flow *record) {
    struct fb_flow_key key = flows->digests != NULL ? flows_clear_key(flows, flow)
                                                    : flow_plain_key(&flows->table.entries[flow]);
    struct decoded_ids ids = {.tunnel = FB_TUNNEL_NONE};
    if (decoded_may_have_ids(&in->burst.decoded[i], in->links[in->burst.links[i]]))
        ingress_find_ids(in, i, &ids);
    look_up_write_record(in, flows, i, flow, &key, &ids, record);
}

/* The record of packet i's flow, which no worker had before, or whose record is gone. */
static inline void look_up_record(const struct ingress *in, const struct flows *flows, unsigned i,
                                  uint32_t flow, struct fb_flow *record) {
    static const struct decoded_ids none = {.tunnel = FB_TUNNEL_NONE};
    bool may_have_ids = flows->digests != NULL ||
                        decoded_may_have_ids(&in->burst.decoded[i], in->links[in->burst.links[i]]);
    if (__builtin_expect(may_have_ids, 0))
        look_up_record_with_ids(in, flows, i, flow, record);
    else
        look_up_write_record(in, flows, i, flow, &flows->table.entries[flow].key, &none, record);
}

/* What follows the payload, for fb_desc_tail(). Where there is none it says FB_TAIL_LONG, but for
 * frames so large that it does not matter. */
static inline unsigned look_up_tail(const struct decoded *decoded, uint32_t caplen) {
    uint32_t captured = caplen - decoded->payload_off;
    uint32_t tail = captured > decoded->payload_len ? captured - decoded->payload_len : 0;
    return tail < FB_TAIL_LONG ? tail : FB_TAIL_LONG;
}

/* The last five bits of a descriptor: what follows the payload, or what is wrong. */
static inline unsigned look_up_last(const struct decoded *decoded, uint32_t caplen) {
    return __builtin_expect((decoded->flags & FB_F_MALFORMED) != 0, 0)
               ? decoded->reason
               : look_up_tail(decoded, caplen);
}

/* What is said of a packet and is not in its frame or flow as they are. */
struct look_up_details {
    unsigned dir;
    unsigned flags; /* FB_F_*, beside those of decoding */
    unsigned last;  /* see fb_pack_dir_deaths_reason() */
    uint32_t gap;
};

/*
 * From l3_off to payload_off a descriptor is as what was decoded, and flags follow in both; two
 * more pairs are in the order of the frame and of the flow's entry. Each goes as one word.
 */
static inline void look_up_copy_words(struct fb_desc *desc, const struct frame *frame,
                                      const struct flow_entry *entry,
                                      const struct decoded *decoded) {
    enum { OFFSETS = offsetof(struct fb_desc, l3_off), DECODED = offsetof(struct decoded, l3_off) };
    _Static_assert(offsetof(struct fb_desc, l4_off) - OFFSETS ==
                           offsetof(struct decoded, l4_off) - DECODED &&
                       offsetof(struct fb_desc, payload_off) - OFFSETS ==
                           offsetof(struct decoded, payload_off) - DECODED &&
                       offsetof(struct fb_desc, flags) - OFFSETS ==
                           offsetof(struct decoded, flags) - DECODED &&
                       offsetof(struct fb_desc, flags) - OFFSETS == 6,
                   "eight bytes in the same order");
    _Static_assert(offsetof(struct fb_desc, wirelen) - offsetof(struct fb_desc, caplen) == 4 &&
                       offsetof(struct frame, wirelen) - offsetof(struct frame, caplen) == 4 &&
                       offsetof(struct fb_desc, handle) - offsetof(struct fb_desc, flow_seq) == 4 &&
                       offsetof(struct flow_entry, handle) - offsetof(struct flow_entry, seq) == 4,
                   "pairs in the same order");
    char *to = (char *)desc;
    memcpy(to + OFFSETS, (const char *)decoded + DECODED, 8);
    memcpy(to + offsetof(struct fb_desc, caplen),
           (const char *)frame + offsetof(struct frame, caplen), 8);
    memcpy(to + offsetof(struct fb_desc, flow_seq),
           (const char *)entry + offsetof(struct flow_entry, seq), 8);
}

static inline void look_up_write(const struct ingress *in, struct flows *flows, unsigned i,
                                 uint32_t flow, const struct look_up_details *details,
                                 struct fb_desc *desc) {
    const struct burst *burst = &in->burst;
    const struct frame *frame = &burst->frames[i];
    const struct decoded *decoded = &burst->decoded[i];
    const struct flow_entry *entry = &flows->table.entries[flow];
    unsigned flags = decoded->flags | details->flags |
                     (unsigned)(frame->caplen < frame->wirelen) << FB_BIT_TRUNCATED |
                     (unsigned)burst->links[i] << FB_LINK_SHIFT;
    look_up_copy_words(desc, frame, entry, decoded);
    desc->time_ns = frame->time_ns;
    desc->frame = burst->numbers[i];
    desc->flow_id = flow_table_id(&flows->table, flow);
    desc->gap = details->gap;
    desc->generation = entry->generation;
    desc->flags = (uint16_t)flags;
    desc->proto = decoded->proto;
    desc->dir_deaths_reason = fb_pack_dir_deaths_reason(details->dir, 0, details->last);
    flows_count(flows, flow, frame->wirelen);
}

/*
 * Writes the descriptor of packet i, but for arena_pos, which is the caller's, and counts the
 * packet in its flow: once a packet. bound: the flow had a worker before.
 */
static inline void look_up_describe(const struct ingress *in, struct flows *flows, unsigned i,
                                    uint32_t flow, bool bound, struct fb_desc *desc) {
    const struct decoded *decoded = &in->burst.decoded[i];
    struct flow_entry *entry = &flows->table.entries[flow];
    /*
     * A flow starts with the first packet that a worker gets, and no second time with the
     * next; nor does one that has a worker when its sequence comes round to 0.
     */
    const struct look_up_details details = {
        .dir = look_up_direction(entry, decoded),
        .flags = (unsigned)(!bound && entry->seq == entry->gap) << FB_BIT_START |
                 (unsigned)(entry->gap != 0) << FB_BIT_GAP,
        .last = look_up_last(decoded, in->burst.frames[i].caplen),
        .gap = entry->gap,
    };
    entry->gap = 0;
    look_up_write(in, flows, i, flow, &details, desc);
}

/* The same for a packet that look_up_usual() has found the flow of; dir: look_up_direction(). */
static inline void look_up_describe_usual(const struct ingress *in, struct flows *flows, unsigned i,
                                          uint32_t flow, unsigned dir, struct fb_desc *desc) {
    const struct look_up_details details = {
        .dir = dir,
        .last = look_up_tail(&in->burst.decoded[i], in->burst.frames[i].caplen),
    };
    look_up_write(in, flows, i, flow, &details, desc);
}

#endif
