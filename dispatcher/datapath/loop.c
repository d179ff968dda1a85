/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/loop.h"

#include <assert.h>
#include <string.h>

#include "dispatcher/datapath/copy.h"
#include "dispatcher/datapath/loop_parts.h"

/* Rings whose consumed is read per burst beside those touched: all 256 within 32 bursts. */
#define REFRESH_IN_TURN 8u
/* An idle source has time: a million flows of one moment are ended within five seconds. */
#define EXPIRIES_PER_FLUSH 16u
/* Preloaded frames are fetched so far ahead of the copy: 32 to 64 KB measured alike. */
#define SOURCE_AHEAD 32768u

void loop_init(struct loop *loop, struct fleet *fleet, struct flows *flows, bool live, bool block,
               bool preloaded, uint64_t longest_timeout_ns) {
    memset(loop, 0, sizeof *loop);
    loop->fleet = fleet;
    loop->flows = flows;
    loop->live = live;
    loop->block = block;
    loop->ahead = preloaded ? SOURCE_AHEAD : 0;
    packet_clock_init(&loop->clock, longest_timeout_ns);
}

void loop_set_decoding(struct loop *loop, const struct decode_options *options) {
    loop->decoding = *options;
    memcpy(loop->decoding.secret, loop->flows->hash.secret, sizeof loop->decoding.secret);
}

/* The index of a link type; the source has refused types that are not known, or too many. */
static uint8_t link_index_of(struct loop *loop, int dlt) {
    for (unsigned i = 0; i < loop->link_count; i++) {
        if (loop->link_dlts[i] == dlt)
            return (uint8_t)i;
    }
    assert(loop->link_count < FB_MAX_LINKS);
    unsigned i = loop->link_count++;
    loop->link_dlts[i] = dlt;
    link_layer_of(dlt, &loop->links[i]);
    fb_ctl_add_link_type(loop->fleet->ctl, i, dlt);
    return (uint8_t)i;
}

static void decode_one(struct loop *loop, unsigned i) {
    const struct frame *frame = &loop->burst.frames[i];
    loop->link_index[i] = link_index_of(loop, frame->dlt);
    decode(frame->data, frame->caplen, loop->links[loop->link_index[i]], &loop->decoding,
           &loop->burst.decoded[i]);
}

/*
 * What time it is, by the last frame that told it. flows->now is that of the
 * last packet delivered: held ones and a refused one came after it. But never
 * what a refused one was told, since the clock steps on where a worker is lost.
 */
static uint32_t present_tick(const struct loop *loop) {
    return loop->live ? loop->flows->now : packet_clock_now(&loop->clock);
}

/* The time of a frame. One that was refused told it already. */
static uint32_t tick_of(struct loop *loop, const struct frame *frame) {
    if (__builtin_expect(loop->refused, 0)) {
        loop->refused = false;
        return present_tick(loop);
    }
    if (frame->new_source)
        packet_clock_next_file(&loop->clock);
    return loop->live ? loop->flows->now : packet_clock_advance(&loop->clock, frame->time_ns);
}

/* Asks the tracker where a fragment goes. Returns false if it is not to be taken yet. */
static bool offer_fragment(struct loop *loop, unsigned i) {
    struct burst *burst = &loop->burst;
    const struct frame *frame = &burst->frames[i];
    struct decoded *decoded = &burst->decoded[i];
    struct fragment fragment;
    if (loop->fragments == NULL ||
        !fragment_read(frame->data, frame->caplen, decoded->fragment_off,
                       decoded->fragment_extension_off, decoded->fragment_scope, &fragment))
        return true;
    switch (fragments_offer(loop->fragments, &fragment, frame, burst->numbers[i], burst->ticks[i],
                            decoded)) {
    case FRAGMENT_REFUSED:
        loop->refused = true;
        return false;
    case FRAGMENT_HELD:
        burst->held |= 1u << i;
        break;
    default:
        break;
    }
    return true;
}

/* Decodes all, and tells the time of each. Returns how many are taken. */
static unsigned decode_all(struct loop *loop, unsigned count) {
    struct burst *burst = &loop->burst;
    for (unsigned i = 0; i < count; i++) {
        decode_one(loop, i);
        burst->ticks[i] = tick_of(loop, &burst->frames[i]);
        burst->numbers[i] = loop->frame + i + 1;
        if (__builtin_expect((burst->decoded[i].flags & FB_F_FRAGMENT) != 0, 0) &&
            !offer_fragment(loop, i))
            return i;
        loop->decode[burst->decoded[i].reason]++;
    }
    return count;
}

static void hash_all(struct loop *loop) {
    struct burst *burst = &loop->burst;
    key_hash_burst(&loop->flows->hash, &burst->decoded[0].key, sizeof burst->decoded[0],
                   burst->count, burst->hashes);
    for (unsigned i = 0; i < burst->count; i++)
        flow_table_prefetch(&loop->flows->table, burst->hashes[i]);
}

static void look_up(struct loop *loop, unsigned first) {
    struct burst *burst = &loop->burst;
    for (unsigned i = first; i < burst->count; i++)
        burst->candidates[i] = flow_table_candidate(&loop->flows->table, burst->hashes[i]);
}

/* Packets of the burst from i on that are still to be delivered. */
static unsigned left_from(const struct burst *burst, unsigned i) {
    return burst->count - i - (unsigned)__builtin_popcountll((uint64_t)burst->held >> i);
}

unsigned loop_take(struct loop *loop, const struct frame *frames, unsigned count) {
    struct burst *burst = &loop->burst;
    assert(count >= 1 && count <= LOOP_BURST);
    burst->frames = frames;
    burst->let_out = false;
    burst->held = 0;
    burst->count = decode_all(loop, count);
    loop->stopped_at = 0;
    loop->run[FB_RUN_RECEIVED] += burst->count;
    loop->run[FB_RUN_PENDING] = left_from(burst, 0);
    hash_all(loop);
    return burst->count;
}

bool loop_take_released(struct loop *loop) {
    struct burst *burst = &loop->burst;
    if (loop->fragments == NULL || !fragments_any_released(loop->fragments))
        return false;
    burst->frames = loop->out_frames;
    burst->let_out = true;
    burst->held = 0;
    burst->count = fragments_burst(loop->fragments, loop->out, LOOP_BURST);
    for (unsigned i = 0; i < burst->count; i++) {
        loop->out_frames[i] = loop->out[i].frame;
        decode_one(loop, i);
        burst->decoded[i].key = loop->out[i].key;
        burst->decoded[i].swapped = loop->out[i].swapped;
        burst->ticks[i] = present_tick(loop);
        burst->numbers[i] = loop->out[i].number;
    }
    loop->stopped_at = 0;
    loop->run[FB_RUN_PENDING] = burst->count;
    hash_all(loop);
    return true;
}

void loop_release_fragments(struct loop *loop) {
    if (loop->fragments != NULL)
        fragments_release(loop->fragments);
}

struct lane *loop_touch(struct loop *loop, unsigned worker) {
    struct lane *lane = &loop->fleet->lanes[worker];
    if (!lane->touched) {
        lane->touched = true;
        loop->touched[loop->touched_count++] = (uint8_t)worker;
    }
    return lane;
}

/* Of a fragment that an ICMP error quotes, other than the first, only the tracker knows the flow.
 */
static void find_quoted_datagram(const struct loop *loop, const struct frame *frame,
                                 struct decoded *quoted) {
    struct fragment fragment;
    if ((quoted->flags & FB_F_FRAGMENT) != 0 && loop->fragments != NULL &&
        fragment_read(frame->data, frame->caplen, quoted->fragment_off,
                      quoted->fragment_extension_off, quoted->fragment_scope, &fragment))
        fragments_key_of(loop->fragments, &fragment, &quoted->key, &quoted->swapped);
}

/*
 * The live flow that an ICMP error quotes, or NO_FLOW. The error came against
 * the direction of the packet quoted. Only here is it known whether the flow is
 * there: a packet before it in the burst may have begun or ended it.
 */
static uint32_t quoted_flow(struct loop *loop, unsigned i) {
    struct flows *flows = loop->flows;
    const struct frame *frame = &loop->burst.frames[i];
    struct decoded *decoded = &loop->burst.decoded[i];
    struct decoded quoted;
    enum link_layer link = loop->links[loop->link_index[i]];
    enum fb_end_reason reason;
    if ((decoded->flags & FB_F_ICMP_ERROR) != 0) /* looked up before it had to wait */
        decode_one(loop, i);
    if (!decode_quoted(frame->data, frame->caplen, link, &loop->decoding, &quoted))
        return NO_FLOW;
    find_quoted_datagram(loop, frame, &quoted);
    uint32_t flow =
        flow_table_find(&flows->table, key_hash_one(&flows->hash, &quoted.key), &quoted.key);
    if (flow == NO_FLOW || flow_expired(flows, &flows->table.entries[flow], 0, &reason))
        return NO_FLOW;
    decoded->flags |= FB_F_ICMP_ERROR;
    decoded->swapped = !quoted.swapped;
    flows_forget_lost(flows, &flows->table.entries[flow]);
    return flow;
}

/* The live flow of packet i, or NO_FLOW; one that is over is ended. */
static uint32_t flow_of(struct loop *loop, unsigned i) {
    struct flows *flows = loop->flows;
    const struct burst *burst = &loop->burst;
    const struct decoded *decoded = &burst->decoded[i];
    uint32_t flow = burst->candidates[i];
    if (__builtin_expect(decoded->reason == FB_DECODE_ICMP_ERROR, 0)) {
        uint32_t quoted = quoted_flow(loop, i);
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

/* Puts pending flow ends of a worker into the slots that are kept for them. */
static void stage_ends_of(struct loop *loop, unsigned worker) {
    if (loop->fleet->lanes[worker].handles.pending != 0)
        loop->flows->ends_pending -=
            lane_stage_ends(loop_touch(loop, worker), loop->stamp_ns, loop->frame);
}

bool loop_find_room(struct loop *loop, unsigned worker, uint32_t caplen, uint64_t *position) {
    struct lane *lane = &loop->fleet->lanes[worker];
    if (__builtin_expect(loop->flows->ends_pending != 0, 0))
        stage_ends_of(loop, worker);
    if (__builtin_expect(fb_tx_reserve(&lane->tx, caplen, position), 1))
        return true;
    fleet_refresh(loop->fleet, worker, loop->now_ns);
    stage_ends_of(loop, worker);
    return fb_tx_reserve(&lane->tx, caplen, position);
}

/* The flow of packet i: of the key's protocol, since a later fragment of a tunnel names another. */
static uint32_t create_flow(struct loop *loop, unsigned i) {
    const struct decoded *decoded = &loop->burst.decoded[i];
    return flows_create(loop->flows, loop->burst.hashes[i], &decoded->key, decoded->swapped != 0,
                        fb_flow_key_proto(&decoded->key), decoded->tcp_flags, decoded->payload_len);
}

static unsigned direction(const struct flow_entry *entry, const struct decoded *decoded) {
    unsigned first_swapped = (entry->key.word[4] & FLOW_FIRST_SWAPPED) != 0;
    return first_swapped ^ decoded->swapped;
}

/* One packet more of a flow. What an ICMP error says of it changes nothing but its age. */
static void touch_flow(struct loop *loop, unsigned i, uint32_t flow) {
    const struct decoded *decoded = &loop->burst.decoded[i];
    struct flow_entry *entry = &loop->flows->table.entries[flow];
    if (__builtin_expect((decoded->flags & FB_F_ICMP_ERROR) != 0, 0))
        entry->last = loop->flows->now;
    else
        flows_touch(loop->flows, flow, direction(entry, decoded), decoded->tcp_flags,
                    decoded->payload_len);
}

/* Counts packet i as dropped; its flow, made if need be, remembers the loss for its next packet. */
static void drop(struct loop *loop, unsigned i, uint32_t flow, enum fb_drop_reason reason) {
    loop->dropped[reason]++;
    if (flow == NO_FLOW)
        flow = create_flow(loop, i);
    else
        touch_flow(loop, i, flow);
    loop->flows->table.entries[flow].seq++;
    loop->flows->table.entries[flow].gap++;
}

/* Writes packet i of a flow into the ring of the flow's worker, at a position found for it. */
static void stage(struct loop *loop, unsigned i, uint32_t flow, uint64_t position) {
    const struct frame *frame = &loop->burst.frames[i];
    const struct decoded *decoded = &loop->burst.decoded[i];
    struct flow_entry *entry = &loop->flows->table.entries[flow];
    struct lane *lane = loop_touch(loop, entry->worker);
    copy_frame(fb_tx_bytes(&lane->tx, position), frame->data, frame->caplen, loop->ahead);
    struct fb_desc *desc = fb_tx_stage(&lane->tx, position, frame->caplen);
    /* A flow starts with the first packet that a worker gets, and no second time with the next. */
    unsigned flags = decoded->flags | (unsigned)(entry->seq == entry->gap) << FB_BIT_START |
                     (unsigned)(entry->gap != 0) << FB_BIT_GAP |
                     (unsigned)(frame->caplen < frame->wirelen) << FB_BIT_TRUNCATED |
                     (unsigned)loop->link_index[i] << FB_LINK_SHIFT;
    desc->time_ns = frame->time_ns;
    desc->frame = loop->burst.numbers[i];
    desc->arena_pos = position;
    desc->flow_id = flow_table_id(&loop->flows->table, flow);
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
    desc->dir_deaths_reason = fb_pack_dir_deaths_reason(direction(entry, decoded), 0, 0);
    entry->seq++;
    entry->gap = 0;
    balance_packet(&loop->fleet->balance, entry->worker);
    lane->counters[FB_LANE_ENTERED]++;
    lane->counters[FB_LANE_BYTES] += frame->caplen;
}

/* Counts packet i of a flow that no worker gets any more. */
static void shunt(struct loop *loop, unsigned i, uint32_t flow) {
    touch_flow(loop, i, flow);
    loop->flows->table.entries[flow].seq++;
    loop->run[FB_RUN_BYPASSED]++;
}

/* Assigns, copies and stages packet i. */
static enum loop_stop deliver_one(struct loop *loop, unsigned i) {
    struct flows *flows = loop->flows;
    flows->now = loop->burst.ticks[i];
    uint32_t flow = flow_of(loop, i);
    uint64_t bits = flow != NO_FLOW ? flows->table.entries[flow].key.word[4] : 0;
    if (__builtin_expect((bits & FLOW_BYPASSED) != 0, 0)) {
        shunt(loop, i, flow);
        return LOOP_DONE;
    }
    bool bound = (bits & FLOW_BOUND) != 0;
    unsigned worker = bound ? flows->table.entries[flow].worker
                            : fleet_pick(loop->fleet, loop->burst.hashes[i], loop->now_ns);
    if (__builtin_expect(worker == WORKER_HEAP_NONE, 0)) {
        if (loop->block)
            return LOOP_NO_WORKER;
        drop(loop, i, flow, FB_DROP_NO_WORKER);
        return LOOP_DONE;
    }
    uint64_t position;
    if (__builtin_expect(!loop_find_room(loop, worker, loop->burst.frames[i].caplen, &position),
                         0)) {
        loop->stopped_worker = worker;
        if (loop->block)
            return LOOP_RING_FULL;
        drop(loop, i, flow, FB_DROP_RING_FULL);
        loop->fleet->lanes[worker].counters[FB_LANE_DROPPED]++;
        return LOOP_DONE;
    }
    if (flow == NO_FLOW)
        flow = create_flow(loop, i);
    else
        touch_flow(loop, i, flow);
    if (!bound) {
        flows_bind(flows, flow, (uint8_t)worker);
        loop->fleet->lanes[worker].counters[FB_LANE_FLOWS]++;
        balance_flow(&loop->fleet->balance, worker);
    }
    stage(loop, i, flow, position);
    return LOOP_DONE;
}

static void stage_ends(struct loop *loop) {
    for (unsigned k = 0; k < loop->fleet->count && loop->flows->ends_pending != 0; k++)
        stage_ends_of(loop, k);
}

/* Publishes once per worker touched, one fence for all, and wakes who sleeps long enough. */
static void publish(struct loop *loop) {
    struct fleet *fleet = loop->fleet;
    for (unsigned t = 0; t < loop->touched_count; t++)
        fb_tx_publish(&fleet->lanes[loop->touched[t]].tx, loop->now_ns);
    fb_tx_fence();
    for (unsigned t = 0; t < loop->touched_count; t++) {
        unsigned worker = loop->touched[t];
        struct lane *lane = &fleet->lanes[worker];
        lane->touched = false;
        if (!fleet_is_fresh(fleet, worker))
            fleet_refresh(fleet, worker, loop->now_ns);
        uint64_t waiting = lane_waiting(lane);
        if (waiting > lane->counters[FB_LANE_MAX_WAITING])
            lane->counters[FB_LANE_MAX_WAITING] = waiting;
        fb_tx_rewind(&lane->tx, loop->block);
        lane->wake_pending = true;
    }
    loop->touched_count = 0;
}

static void ring(struct loop *loop, bool force) {
    for (unsigned k = 0; k < loop->fleet->count; k++) {
        struct lane *lane = &loop->fleet->lanes[k];
        if (!lane->wake_pending || lane->tx.up == NULL)
            continue;
        bool woken = false;
        lane->wake_pending = fb_tx_wake(&lane->tx, loop->now_ns, force, &woken);
        lane->counters[FB_LANE_WAKES] += woken;
    }
}

void loop_publish(struct loop *loop, bool force) {
    publish(loop);
    ring(loop, force);
}

/* Re-reads consumed of a few workers in turn: an idle one is found soon even if nobody touches it.
 */
static void refresh_in_turn(struct loop *loop) {
    unsigned n = loop->fleet->count < REFRESH_IN_TURN ? loop->fleet->count : REFRESH_IN_TURN;
    for (unsigned i = 0; i < n; i++) {
        loop->refresh_next =
            loop->refresh_next + 1 < loop->fleet->count ? loop->refresh_next + 1 : 0;
        fleet_refresh(loop->fleet, loop->refresh_next, loop->now_ns);
    }
}

void loop_begin_round(struct loop *loop) {
    loop->fleet->round++;
    refresh_in_turn(loop);
}

/* All of the burst is delivered, or held. */
static void finish_burst(struct loop *loop) {
    struct burst *burst = &loop->burst;
    if (!burst->let_out && burst->count != 0) {
        loop->frame += burst->count;
        loop->stamp_ns = burst->frames[burst->count - 1].time_ns;
    }
    burst->count = 0;
    flows_expire(loop->flows);
    if (loop->fragments != NULL)
        fragments_expire(loop->fragments, loop->flows->now);
}

enum loop_stop loop_deliver(struct loop *loop) {
    enum loop_stop stop = LOOP_DONE;
    unsigned i = loop->stopped_at;
    assert(loop->fleet->lost_count == 0);
    loop_begin_round(loop);
    look_up(loop, i);
    if (loop->flows->ends_pending != 0)
        stage_ends(loop);
    for (; i < loop->burst.count; i++) {
        if (__builtin_expect((loop->burst.held >> i & 1u) != 0, 0))
            continue;
        if ((stop = deliver_one(loop, i)) != LOOP_DONE)
            break;
    }
    loop->stopped_at = i;
    loop->run[FB_RUN_PENDING] = left_from(&loop->burst, i);
    if (stop == LOOP_DONE)
        finish_burst(loop);
    loop_publish(loop, stop != LOOP_DONE);
    return stop;
}

void loop_drop_stopped(struct loop *loop, enum fb_drop_reason reason) {
    unsigned i = loop->stopped_at;
    loop->flows->now = loop->burst.ticks[i];
    drop(loop, i, flow_of(loop, i), reason);
    loop->stopped_at++;
    loop->run[FB_RUN_PENDING] = left_from(&loop->burst, loop->stopped_at);
}

void loop_expire(struct loop *loop) {
    assert(loop->fleet->lost_count == 0);
    for (unsigned i = 0; i < EXPIRIES_PER_FLUSH; i++)
        flows_expire(loop->flows);
    if (loop->fragments != NULL)
        fragments_expire(loop->fragments, loop->flows->now);
}

void loop_flush(struct loop *loop) {
    loop_expire(loop);
    if (loop->flows->ends_pending != 0)
        stage_ends(loop);
    loop_begin_round(loop);
    loop_publish(loop, true);
}

void loop_wake_all(struct loop *loop) {
    ring(loop, true);
}

/* It is this tick for the rest of the burst as well: a flow may have been moved while it waited. */
static void set_tick(struct loop *loop, uint32_t tick) {
    loop->flows->now = tick;
    for (unsigned i = loop->stopped_at; i < loop->burst.count; i++)
        loop->burst.ticks[i] = tick;
}

void loop_set_time(struct loop *loop, uint64_t now_ns) {
    loop->now_ns = now_ns;
    if (loop->live)
        set_tick(loop, (uint32_t)((now_ns - loop->live_from_ns) / PACKET_CLOCK_NS_PER_TICK) + 1);
}

/*
 * Ends the present tick, so that what is touched from now on has a later one.
 * Returns it, or 0 if the clock stands still: then the packets to come may have
 * the same.
 */
static uint32_t end_tick(struct loop *loop) {
    struct flows *flows = loop->flows;
    uint32_t tick;
    if (loop->live) {
        tick = flows->now;
        loop->live_from_ns -= PACKET_CLOCK_NS_PER_TICK;
    } else {
        tick = packet_clock_now(&loop->clock);
        if (!packet_clock_step(&loop->clock))
            return 0;
    }
    set_tick(loop, tick + 1);
    return tick;
}

void loop_apply_losses(struct loop *loop) {
    struct fleet *fleet = loop->fleet;
    for (; fleet->lost_known < fleet->lost_count; fleet->lost_known++)
        flows_lose(loop->flows, fleet->lost[fleet->lost_known], end_tick(loop));
    while (fleet->quarantined_flow_count != 0)
        flows_count_quarantined(loop->flows,
                                fleet->quarantined_flows[--fleet->quarantined_flow_count]);
}
