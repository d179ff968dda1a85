/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/datapath.h"

#include <assert.h>
#include <string.h>

#include "dispatcher/datapath/look_up.h"

/* An idle source has time: a million flows of one moment are ended within five seconds. */
#define EXPIRIES_PER_FLUSH 16u
/* Preloaded frames are fetched so far ahead of the copy: 32 to 64 KB measured alike. */
#define SOURCE_AHEAD 32768u
/* And frames of the kernel's ring so far, of which none is in the cache: an eighth less time a
 * packet of 650 bytes. */
#define RING_AHEAD 2048u

void datapath_init(struct datapath *d, const struct datapath_config *config) {
    memset(d, 0, sizeof *d);
    d->flows = config->flows;
    d->ahead = config->preloaded ? SOURCE_AHEAD : config->in_ring ? RING_AHEAD : 0;
    d->ingress.ctl = config->fleet->ctl;
    d->ingress.fragments = config->fragments;
    ingress_set_decoding(&d->ingress, config->decoding, &config->flows->hash);
    ingress_tell_links(&d->ingress, config->links, config->link_count);
    egress_init(&d->egress, config->fleet, config->flows, config->block);
    d->egress.now_ns = config->now_ns;
    if (config->live)
        flow_clock_init_live(&d->ingress.clock, config->now_ns);
    else
        flow_clock_init_file(&d->ingress.clock, config->longest_timeout_ns);
}

/* ---- one packet more of a flow --------------------------------------------------------------- */

/* Packet i goes nowhere; its flow, made if need be, remembers the loss for its next packet. */
static void note_loss(struct datapath *d, unsigned i, uint32_t flow) {
    bool created = flow == NO_FLOW;
    flow = look_up_touch_or_create(&d->ingress, d->flows, i, flow);
    if (created)
        look_up_note_digest(&d->ingress, d->flows, i, flow);
    flows_count(d->flows, flow, d->ingress.burst.frames[i].wirelen);
    d->flows->table.entries[flow].gap++;
}

static void bypass(struct datapath *d, unsigned i, uint32_t flow) {
    look_up_touch(&d->ingress, d->flows, i, flow);
    flows_count(d->flows, flow, d->ingress.burst.frames[i].wirelen);
    d->bypassed++;
}

/* ---- a flow and its worker ------------------------------------------------------------------- */

/* What a flow that has lost its worker was known by there; NULL if its handle is another's now. */
static const struct fb_flow *find_record(const struct datapath *d, uint32_t flow) {
    const struct flow_entry *entry = &d->flows->table.entries[flow];
    return flow_slots_find(&d->egress.fleet->lanes[entry->worker].slots, entry->handle,
                           flow_table_id(&d->flows->table, flow));
}

/* Binds a flow to a worker. Returns the place for its record, or NULL. */
static inline struct fb_flow *bind_to(struct datapath *d, uint32_t flow, unsigned worker) {
    struct fleet *fleet = d->egress.fleet;
    flows_bind(d->flows, flow, (uint8_t)worker);
    egress_count_flow(&d->egress, worker);
    fleet_prefetch_flow_slot(fleet, worker);
    return fleet_flow_slot(fleet, worker, d->flows->table.entries[flow].handle);
}

/* Binds the flow that packet i has begun to a worker, whose processes find its record from now on.
 * Not inlined: the way of a packet whose flow is bound is shorter so. */
static __attribute__((noinline)) void bind_flow(struct datapath *d, unsigned i, uint32_t flow,
                                                unsigned worker) {
    look_up_note_digest(&d->ingress, d->flows, i, flow);
    struct fb_flow *record = bind_to(d, flow, worker);
    if (__builtin_expect(record != NULL, 1))
        look_up_record(&d->ingress, d->flows, i, flow, record);
}

/* The same for a flow that has lost its worker: its record goes with it where it can be found. */
static __attribute__((noinline)) void bind_flow_again(struct datapath *d, unsigned i, uint32_t flow,
                                                      unsigned worker) {
    const struct fb_flow *known = find_record(d, flow);
    struct fb_flow *record = bind_to(d, flow, worker);
    if (record != NULL && known != NULL)
        *record = *known;
    else if (record != NULL)
        look_up_record(&d->ingress, d->flows, i, flow, record);
}

/* ---- the data path --------------------------------------------------------------------------- */

/*
 * The fast path: packet i is one more of a flow that has a worker, there is room, and nothing is
 * to be looked at closer. Else it returns false, nothing has changed, and deliver_packet() does
 * what is needed; for what this takes that would do the same.
 */
static inline bool deliver_usual(struct datapath *d, unsigned i) {
    struct flows *flows = d->flows;
    const struct burst *burst = &d->ingress.burst;
    uint32_t flow = look_up_usual(&d->ingress, flows, i);
    if (__builtin_expect(flow == NO_FLOW, 0))
        return false;
    struct flow_entry *entry = &flows->table.entries[flow];
    unsigned dir = look_up_direction(entry, &burst->decoded[i]);
    const struct frame *frame = &burst->frames[i];
    struct fb_desc *desc =
        egress_stage_usual(&d->egress, entry->worker, frame->data, frame->caplen, d->ahead);
    if (__builtin_expect(desc == NULL, 0))
        return false;
    entry->last = flows->now;
    look_up_describe_usual(&d->ingress, flows, i, flow, dir, desc);
    return true;
}

/* One packet: its flow, a worker, room there, and the copy. */
static __attribute__((noinline)) enum egress_result deliver_packet(struct datapath *d, unsigned i) {
    struct flows *flows = d->flows;
    uint32_t flow = look_up_flow(&d->ingress, flows, i);
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
    flow = look_up_touch_or_create(&d->ingress, flows, i, flow);
    if (entry == NULL)
        bind_flow(d, i, flow, to.worker);
    else if (!bound)
        bind_flow_again(d, i, flow, to.worker);
    const uint8_t *bytes = d->ingress.burst.frames[i].data;
    look_up_describe(&d->ingress, flows, i, flow, bound,
                     egress_stage(&d->egress, &to, bytes, d->ahead));
    return EGRESS_DONE;
}

/* The packets of the burst, from the next on, up to one that has to wait. */
static enum egress_result deliver(struct datapath *d) {
    struct burst *burst = &d->ingress.burst;
    for (; burst->next < burst->count; burst->next++) {
        if (__builtin_expect((burst->held >> burst->next & 1u) != 0, 0))
            continue;
        flows_set_now(d->flows, burst->ticks[burst->next]);
        if (__builtin_expect(deliver_usual(d, burst->next), 1))
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
            look_up_fetch(&d->ingress, d->flows);
        }
        egress_begin_round(&d->egress);
        look_up_candidates(&d->ingress, d->flows);
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
    note_loss(d, burst->next, look_up_flow(&d->ingress, d->flows, burst->next));
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
