/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/datapath.h"

#include <assert.h>
#include <string.h>

#include "dispatcher/datapath/flow_record.h"
#include "dispatcher/datapath/quoted.h"

/* An idle source has time: a million flows of one moment are ended within five seconds. */
#define EXPIRIES_PER_FLUSH 16u
/* Preloaded frames are fetched so far ahead of the copy: 32 to 64 KB measured alike. */
#define SOURCE_AHEAD 32768u

void datapath_init(struct datapath *d, const struct datapath_config *config) {
    memset(d, 0, sizeof *d);
    d->flows = config->flows;
    d->ahead = config->preloaded ? SOURCE_AHEAD : 0;
    d->ingress.ctl = config->fleet->ctl;
    d->ingress.fragments = config->fragments;
    ingress_set_decoding(&d->ingress, config->decoding, &config->flows->hash);
    egress_init(&d->egress, config->fleet, config->flows, config->block);
    d->egress.now_ns = config->now_ns;
    if (config->live)
        flow_clock_init_live(&d->ingress.clock, config->now_ns);
    else
        flow_clock_init_file(&d->ingress.clock, config->longest_timeout_ns);
}

/* ---- look up --------------------------------------------------------------------------------- */

/* The index lines of all keys are under way before the first is looked at. */
static void fetch_index(struct datapath *d) {
    for (unsigned i = 0; i < d->ingress.burst.count; i++)
        flow_table_prefetch(&d->flows->table, d->ingress.burst.hashes[i]);
}

/* Where the tags point to; the entries are fetched. */
static void look_up(struct datapath *d) {
    struct burst *burst = &d->ingress.burst;
    for (unsigned i = burst->next; i < burst->count; i++)
        burst->candidates[i] = flow_table_candidate(&d->flows->table, burst->hashes[i]);
}

/* The live flow of packet i, or NO_FLOW; one that is over is ended. */
static uint32_t find_flow(struct datapath *d, unsigned i) {
    struct flows *flows = d->flows;
    const struct burst *burst = &d->ingress.burst;
    const struct decoded *decoded = &burst->decoded[i];
    uint32_t flow = burst->candidates[i];
    if (__builtin_expect(decoded->reason == FB_DECODE_ICMP_ERROR, 0)) {
        uint32_t quoted = quoted_flow(&d->ingress, flows, i);
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

/* ---- one packet more of a flow --------------------------------------------------------------- */

/* The flow of packet i: of the key's protocol, since a later fragment of a tunnel names another. */
static uint32_t create_flow(struct datapath *d, unsigned i) {
    const struct decoded *decoded = &d->ingress.burst.decoded[i];
    return flows_create(d->flows, d->ingress.burst.hashes[i], &decoded->key, decoded->swapped != 0,
                        fb_flow_key_proto(&decoded->key), decoded->tcp_flags, decoded->payload_len);
}

static unsigned direction_of(const struct flow_entry *entry, const struct decoded *decoded) {
    unsigned first_swapped = flow_first_swapped(entry);
    return first_swapped ^ decoded->swapped;
}

/* What an ICMP error says of a flow changes nothing but its age. */
static void touch_flow(struct datapath *d, unsigned i, uint32_t flow) {
    const struct decoded *decoded = &d->ingress.burst.decoded[i];
    struct flow_entry *entry = &d->flows->table.entries[flow];
    if (__builtin_expect((decoded->flags & FB_F_ICMP_ERROR) != 0, 0))
        entry->last = d->flows->now;
    else
        flows_touch(d->flows, flow, direction_of(entry, decoded), decoded->tcp_flags,
                    decoded->payload_len);
}

static uint32_t touch_or_create(struct datapath *d, unsigned i, uint32_t flow) {
    if (flow == NO_FLOW)
        return create_flow(d, i);
    touch_flow(d, i, flow);
    return flow;
}

/*
 * The digest of ids that is in the key of a flow that packet i has just begun. A fragment may go
 * under a key with ids that only the first of its datagram has.
 */
static void note_digest(struct datapath *d, unsigned i, uint32_t flow) {
    const struct burst *burst = &d->ingress.burst;
    struct decoded_ids ids;
    if (fb_flow_key_kind(&burst->decoded[i].key) != FB_KEY_IP6)
        return;
    if ((burst->decoded[i].flags & FB_F_FRAGMENT) != 0) {
        flows_set_digest(d->flows, flow, burst->digests[i]);
        return;
    }
    ingress_find_ids(&d->ingress, i, &ids);
    flows_set_digest(d->flows, flow, ids.digest);
}

/* Packet i goes nowhere; its flow, made if need be, remembers the loss for its next packet. */
static void note_loss(struct datapath *d, unsigned i, uint32_t flow) {
    bool created = flow == NO_FLOW;
    flow = touch_or_create(d, i, flow);
    if (created && d->flows->digests != NULL)
        note_digest(d, i, flow);
    struct flow_entry *entry = &d->flows->table.entries[flow];
    entry->seq++;
    entry->gap++;
}

static void bypass(struct datapath *d, unsigned i, uint32_t flow) {
    touch_flow(d, i, flow);
    d->flows->table.entries[flow].seq++;
    d->bypassed++;
}

/* ---- a flow and its worker ------------------------------------------------------------------- */

/* Of a flow that no worker had before, or whose record is gone. */
static void make_record(const struct datapath *d, unsigned i, uint32_t flow,
                        struct fb_flow *record) {
    static const struct decoded_ids none = {.tunnel = FB_TUNNEL_NONE};
    const struct ingress *in = &d->ingress;
    const struct frame *frame = &in->burst.frames[i];
    const struct flow_entry *entry = &d->flows->table.entries[flow];
    const struct fb_flow_key *key = &entry->key;
    struct fb_flow_key clear;
    struct decoded_ids found;
    const struct decoded_ids *ids = &none;
    if (decoded_may_have_ids(&in->burst.decoded[i], in->links[in->burst.links[i]])) {
        ingress_find_ids(in, i, &found);
        ids = &found;
    }
    if (__builtin_expect(d->flows->digests != NULL, 0)) {
        clear = flows_clear_key(d->flows, flow);
        key = &clear;
    }
    record->id = flow_table_id(&d->flows->table, flow);
    record->first_ns = entry->seq == entry->gap ? frame->time_ns : 0;
    record->interface = frame->interface;
    flow_record_make(record, key, flow_first_swapped(entry), ids);
}

/* What a flow that has lost its worker was known by there; NULL if its handle is another's now. */
static const struct fb_flow *find_record(const struct datapath *d, uint32_t flow) {
    const struct flow_entry *entry = &d->flows->table.entries[flow];
    return flow_slots_find(&d->egress.fleet->lanes[entry->worker].slots, entry->handle,
                           flow_table_id(&d->flows->table, flow));
}

/* Binds the flow of packet i to a worker, whose processes find its record from now on. Not inlined:
 * the way of a packet whose flow is bound is shorter so. */
static __attribute__((noinline)) void bind_flow(struct datapath *d, unsigned i, uint32_t flow,
                                                unsigned worker, bool created) {
    const struct fb_flow *known = created ? NULL : find_record(d, flow);
    if (created && d->flows->digests != NULL)
        note_digest(d, i, flow);
    flows_bind(d->flows, flow, (uint8_t)worker);
    egress_count_flow(&d->egress, worker);
    struct fb_flow *record =
        fleet_flow_slot(d->egress.fleet, worker, d->flows->table.entries[flow].handle);
    fleet_prefetch_flow_slot(d->egress.fleet, worker);
    if (__builtin_expect(record == NULL, 0))
        return;
    if (known != NULL)
        *record = *known;
    else
        make_record(d, i, flow, record);
}

/* ---- copy ------------------------------------------------------------------------------------ */

/* Writes packet i of a flow into the ring of the flow's worker, where there is room for it. */
static void copy_packet(struct datapath *d, unsigned i, uint32_t flow, const struct assignment *to,
                        bool bound) {
    const struct burst *burst = &d->ingress.burst;
    const struct frame *frame = &burst->frames[i];
    const struct decoded *decoded = &burst->decoded[i];
    struct flow_entry *entry = &d->flows->table.entries[flow];
    struct fb_desc *desc = egress_stage(&d->egress, to, frame->data, d->ahead);
    /*
     * A flow starts with the first packet that a worker gets, and no second time with the
     * next; nor does one that has a worker when its sequence comes round to 0.
     */
    unsigned flags = decoded->flags |
                     (unsigned)(!bound && entry->seq == entry->gap) << FB_BIT_START |
                     (unsigned)(entry->gap != 0) << FB_BIT_GAP |
                     (unsigned)(frame->caplen < frame->wirelen) << FB_BIT_TRUNCATED |
                     (unsigned)burst->links[i] << FB_LINK_SHIFT;
    desc->time_ns = frame->time_ns;
    desc->frame = burst->numbers[i];
    desc->arena_pos = to->position;
    desc->flow_id = flow_table_id(&d->flows->table, flow);
    desc->caplen = frame->caplen;
    desc->wirelen = frame->wirelen;
    desc->flow_seq = entry->seq;
    desc->handle = entry->handle;
    desc->gap = entry->gap;
    desc->generation = entry->generation;
    desc->l3_off = decoded->l3_off;
    desc->l4_off = decoded->l4_off;
    desc->payload_off = decoded->payload_off;
    desc->flags = (uint16_t)flags;
    desc->proto = decoded->proto;
    desc->dir_deaths_reason = fb_pack_dir_deaths_reason(direction_of(entry, decoded), 0, 0);
    entry->seq++;
    entry->gap = 0;
}

/* ---- the data path --------------------------------------------------------------------------- */

/* One packet: its flow, a worker, room there, and the copy. */
static enum egress_result deliver_packet(struct datapath *d, unsigned i) {
    struct flows *flows = d->flows;
    flows_set_now(flows, d->ingress.burst.ticks[i]);
    uint32_t flow = find_flow(d, i);
    const struct flow_entry *entry = flow != NO_FLOW ? &flows->table.entries[flow] : NULL;
    if (__builtin_expect(entry != NULL && flow_is_bypassed(entry), 0)) {
        bypass(d, i, flow);
        return EGRESS_DONE;
    }
    bool bound = entry != NULL && flow_is_bound(entry);
    struct assignment to = {.worker = bound ? entry->worker : WORKER_HEAP_NONE,
                            .hash = d->ingress.burst.hashes[i],
                            .caplen = d->ingress.burst.frames[i].caplen};
    enum egress_result result = egress_assign(&d->egress, &to);
    if (__builtin_expect(result != EGRESS_DONE, 0)) {
        if (result == EGRESS_DROPPED)
            note_loss(d, i, flow);
        return result;
    }
    flow = touch_or_create(d, i, flow);
    if (!bound)
        bind_flow(d, i, flow, to.worker, entry == NULL);
    copy_packet(d, i, flow, &to, bound);
    return EGRESS_DONE;
}

/* The packets of the burst, from the next on, up to one that has to wait. */
static enum egress_result deliver(struct datapath *d) {
    struct burst *burst = &d->ingress.burst;
    for (; burst->next < burst->count; burst->next++) {
        if (__builtin_expect((burst->held >> burst->next & 1u) != 0, 0))
            continue;
        enum egress_result result = deliver_packet(d, burst->next);
        if (__builtin_expect(result > EGRESS_DROPPED, 0))
            return result;
    }
    return EGRESS_DONE;
}

static void expire(struct datapath *d) {
    flows_expire(d->flows);
    if (d->ingress.fragments != NULL)
        fragments_expire(d->ingress.fragments, d->flows->now);
}

/* All of the burst is delivered, or held. */
static void finish_burst(struct datapath *d) {
    const struct burst *burst = &d->ingress.burst;
    if (!burst->released && burst->count != 0)
        d->egress.stamp_ns = burst->frames[burst->count - 1].time_ns;
    ingress_finish(&d->ingress);
    d->egress.frame = d->ingress.frame;
    expire(d);
}

enum egress_result datapath_run(struct datapath *d) {
    assert(d->egress.fleet->lost_count == 0);
    for (;;) {
        if (!ingress_is_busy(&d->ingress)) {
            if (!ingress_take(&d->ingress))
                return EGRESS_DONE;
            ingress_decode(&d->ingress);
            ingress_hash(&d->ingress, &d->flows->hash);
            fetch_index(d);
        }
        egress_begin_round(&d->egress);
        look_up(d);
        egress_stage_ends(&d->egress);
        enum egress_result result = deliver(d);
        if (result == EGRESS_DONE)
            finish_burst(d);
        egress_publish(&d->egress, result != EGRESS_DONE);
        if (result != EGRESS_DONE)
            return result;
    }
}

void datapath_drop_stopped(struct datapath *d, enum fb_drop_reason reason) {
    struct burst *burst = &d->ingress.burst;
    flows_set_now(d->flows, burst->ticks[burst->next]);
    d->egress.dropped[reason]++;
    note_loss(d, burst->next, find_flow(d, burst->next));
    burst->next++;
}

/* ---- between the bursts ---------------------------------------------------------------------- */

void datapath_expire(struct datapath *d) {
    assert(d->egress.fleet->lost_count == 0);
    for (unsigned i = 1; i < EXPIRIES_PER_FLUSH; i++)
        flows_expire(d->flows);
    expire(d);
}

void datapath_flush(struct datapath *d) {
    datapath_expire(d);
    egress_stage_ends(&d->egress);
    egress_begin_round(&d->egress);
    egress_publish(&d->egress, true);
}

void datapath_release_fragments(struct datapath *d) {
    if (d->ingress.fragments != NULL)
        fragments_release(d->ingress.fragments);
}

void datapath_set_time(struct datapath *d, uint64_t now_ns) {
    d->egress.now_ns = now_ns;
    flow_clock_set(&d->ingress.clock, now_ns);
    if (d->ingress.clock.is_live)
        flows_set_now(d->flows, flow_clock_now(&d->ingress.clock));
}

void datapath_apply_losses(struct datapath *d) {
    struct fleet *fleet = d->egress.fleet;
    for (; fleet->lost_known < fleet->lost_count; fleet->lost_known++) {
        uint32_t ended = flow_clock_end_tick(&d->ingress.clock);
        if (ended != 0)
            flows_set_now(d->flows, flow_clock_now(&d->ingress.clock));
        flows_lose(d->flows, fleet->lost[fleet->lost_known], ended);
    }
    while (fleet->quarantined_flow_count != 0)
        flows_count_quarantined(d->flows,
                                fleet->quarantined_flows[--fleet->quarantined_flow_count]);
}
