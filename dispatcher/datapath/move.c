/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/move.h"

#include <assert.h>

#include "dispatcher/datapath/copy.h"
#include "dispatcher/datapath/loop_parts.h"

/*
 * Where a flow went that had ended before its worker was lost: kept in the
 * flow_id of the lost worker's handle, which is below 2^53 otherwise. `seq` is
 * the sequence in flow after the last packet that some worker got; while bound
 * it stands in `next` of the new handle, which is free as long as that is bound.
 */
#define MOVED (UINT64_C(1) << 63)
#define MOVED_BOUND (UINT64_C(1) << 62)
#define MOVED_WORKER_SHIFT 48u
#define MOVED_GENERATION_SHIFT 32u

static uint64_t moved_to(unsigned worker, uint16_t generation, uint32_t handle) {
    return MOVED | MOVED_BOUND | (uint64_t)worker << MOVED_WORKER_SHIFT |
           (uint64_t)generation << MOVED_GENERATION_SHIFT | handle;
}
static uint64_t moved_unbound(uint32_t seq) {
    return MOVED | seq;
}
static bool is_bound(uint64_t moved) {
    return (moved & (MOVED | MOVED_BOUND)) == (MOVED | MOVED_BOUND);
}
static unsigned worker_of(uint64_t moved) {
    return (uint8_t)(moved >> MOVED_WORKER_SHIFT);
}
static struct handles *handles_of(const struct loop *loop, uint64_t moved) {
    return &loop->fleet->lanes[worker_of(moved)].handles;
}

/* A packet on its way from a lost ring, and its flow: an entry of the table, or a moved handle. */
struct mover {
    struct loop *loop;
    struct lane *from;
    struct fb_desc desc; /* as it stood in the ring: loaded once, then checked */
    uint32_t flow;       /* NO_FLOW: it has ended */
    struct handle *lost; /* then: the handle that it had */
    uint32_t seq;        /* after the last packet of the flow that some worker got */
};

static bool find_flow(struct mover *m) {
    if (!lane_desc_plausible(m->from, &m->desc))
        return false;
    m->lost = &m->from->handles.table[m->desc.handle];
    m->flow = flows_by_id(m->loop->flows, m->desc.flow_id);
    uint32_t first = m->desc.flow_seq - m->desc.gap;
    uint64_t moved = m->lost->flow_id;
    if ((moved & MOVED) == 0 && moved != m->desc.flow_id)
        return false;
    if (m->flow != NO_FLOW) {
        struct flow_entry *entry = &m->loop->flows->table.entries[m->flow];
        if ((moved & MOVED) != 0)
            return false;
        flows_forget_lost(m->loop->flows, entry);
        m->seq = entry->seq - entry->gap;
        /* The first one here: all from here on that the ring holds are yet to be had by a worker.
         */
        if ((int32_t)(m->seq - first) > 0) {
            entry->gap = entry->seq - first;
            m->seq = first;
        }
        return true;
    }
    if ((moved & MOVED) == 0)
        m->lost->flow_id = moved = moved_unbound(first);
    m->seq =
        is_bound(moved) ? handles_of(m->loop, moved)->table[(uint32_t)moved].next : (uint32_t)moved;
    return true;
}

/* The flow's worker, or WORKER_HEAP_NONE; *bound: it has one already. */
static unsigned choose_worker(const struct mover *m, bool *bound) {
    const struct loop *loop = m->loop;
    if (m->flow != NO_FLOW) {
        const struct flow_entry *entry = &loop->flows->table.entries[m->flow];
        *bound = (entry->key.word[4] & FLOW_BOUND) != 0;
        if (*bound)
            return entry->worker;
        struct fb_flow_key key = entry->key;
        key.word[4] &= ~FLOW_BITS;
        return fleet_pick(loop->fleet, key_hash_one(&loop->flows->hash, &key), loop->now_ns);
    }
    *bound = is_bound(m->lost->flow_id);
    /* An ended flow's key is gone: any number that is its own serves a policy that hashes. */
    return *bound ? worker_of(m->lost->flow_id)
                  : fleet_pick(loop->fleet, m->desc.flow_id, loop->now_ns);
}

static void bind_anew(struct mover *m, unsigned worker) {
    struct flows *flows = m->loop->flows;
    struct lane *to = &m->loop->fleet->lanes[worker];
    if (m->flow != NO_FLOW) {
        struct flow_entry *entry = &flows->table.entries[m->flow];
        entry->last = flows->now; /* after every loss: the binding counts */
        flows_bind(flows, m->flow, (uint8_t)worker);
    } else {
        uint16_t generation;
        uint32_t handle = handles_take(&to->handles, m->desc.flow_id, &generation);
        to->handles.table[handle].quarantined = m->lost->quarantined;
        m->lost->flow_id = moved_to(worker, generation, handle);
    }
    to->counters[FB_LANE_FLOWS]++;
    balance_flow(&m->loop->fleet->balance, worker);
}

static void stage_moved(struct mover *m, unsigned worker, uint64_t position) {
    struct loop *loop = m->loop;
    struct lane *to = loop_touch(loop, worker);
    struct fb_desc *desc = fb_tx_stage(&to->tx, position, m->desc.caplen);
    copy_frame(fb_tx_bytes(&to->tx, position), fb_tx_bytes(&m->from->tx, m->desc.arena_pos),
               m->desc.caplen, 0);
    unsigned flags = m->desc.flags & ~(unsigned)(FB_F_START | FB_F_GAP);
    *desc = m->desc;
    desc->arena_pos = position;
    desc->gap = m->desc.flow_seq - m->seq;
    desc->flags = (uint16_t)(flags | (unsigned)(m->seq == 0) << FB_BIT_START |
                             (unsigned)(desc->gap != 0) << FB_BIT_GAP);
    if (m->flow != NO_FLOW) {
        struct flow_entry *entry = &loop->flows->table.entries[m->flow];
        desc->handle = entry->handle;
        desc->generation = entry->generation;
        entry->gap = entry->seq - (m->desc.flow_seq + 1);
    } else {
        uint64_t moved = m->lost->flow_id;
        desc->handle = (uint32_t)moved;
        desc->generation = (uint16_t)(moved >> MOVED_GENERATION_SHIFT);
        to->handles.table[desc->handle].next = m->desc.flow_seq + 1;
    }
    balance_packet(&loop->fleet->balance, worker);
    to->counters[FB_LANE_ENTERED]++;
    to->counters[FB_LANE_BYTES] += m->desc.caplen;
}

static enum loop_stop move_packet(struct mover *m) {
    struct loop *loop = m->loop;
    if (!find_flow(m)) {
        loop->fleet->violations[FB_VIOLATION_DOWN_SIDE]++;
        loop->dropped[FB_DROP_ABANDONED]++;
        return LOOP_DONE;
    }
    if (m->flow != NO_FLOW &&
        (loop->flows->table.entries[m->flow].key.word[4] & FLOW_BYPASSED) != 0) {
        loop->run[FB_RUN_BYPASSED]++;
        return LOOP_DONE;
    }
    bool bound;
    unsigned worker = choose_worker(m, &bound);
    if (worker == WORKER_HEAP_NONE) {
        if (loop->block)
            return LOOP_NO_WORKER;
        loop->dropped[FB_DROP_NO_WORKER]++;
        return LOOP_DONE;
    }
    uint64_t position;
    if (!loop_find_room(loop, worker, m->desc.caplen, &position)) {
        loop->stopped_worker = worker;
        if (loop->block)
            return LOOP_RING_FULL;
        loop->dropped[FB_DROP_RING_FULL]++;
        loop->fleet->lanes[worker].counters[FB_LANE_DROPPED]++;
        return LOOP_DONE;
    }
    if (!bound)
        bind_anew(m, worker);
    stage_moved(m, worker, position);
    return LOOP_DONE;
}

/* The end of a flow, met in the lost ring: pending now where the flow went, if it went anywhere. */
static bool pass_end_on(struct loop *loop, struct lane *from, uint32_t number) {
    struct handle *lost = &from->handles.table[number];
    uint64_t moved = lost->flow_id;
    lost->flow_id = 0;
    if (!is_bound(moved))
        return false;
    handles_end(handles_of(loop, moved), (uint32_t)moved, (enum fb_end_reason)lost->reason);
    return true;
}

static enum loop_stop move_first(struct loop *loop, struct lane *from) {
    enum loop_stop stop = LOOP_DONE;
    const struct mark *mark = &from->marks[from->marks_head & from->tx.slot_mask];
    switch (lane_first(from)) {
    case LANE_PACKET: {
        struct mover m = {.loop = loop, .from = from, .desc = *lane_first_desc(from)};
        stop = move_packet(&m);
        break;
    }
    case LANE_END:
        loop->flows->ends_pending += pass_end_on(loop, from, mark->handle);
        break;
    default:
        break;
    }
    if (stop == LOOP_DONE)
        lane_take_out(from);
    return stop;
}

/*
 * The ring of a lost worker is empty: what still leads to its handles, from
 * rings below it on the stack, is led on to where its flows went.
 */
static void forward_handles(struct loop *loop, unsigned worker) {
    const struct handles *left = &loop->fleet->lanes[worker].handles;
    for (unsigned i = 0; i + 1 < loop->fleet->lost_count; i++) {
        struct handles *below = &loop->fleet->lanes[loop->fleet->lost[i]].handles;
        for (uint32_t h = 0; h < below->fresh; h++) {
            uint64_t moved = below->table[h].flow_id;
            if (!is_bound(moved) || worker_of(moved) != worker)
                continue;
            const struct handle *handle = &left->table[(uint32_t)moved];
            below->table[h].flow_id =
                (handle->flow_id & MOVED) != 0 ? handle->flow_id : moved_unbound(handle->next);
        }
    }
}

/* Ends that waited for room in the lost ring: those of flows that went nowhere matter to nobody. */
static void pass_pending_on(struct loop *loop, struct lane *from) {
    struct pending_end end;
    while (handles_pop_end(&from->handles, &end))
        loop->flows->ends_pending -= !pass_end_on(loop, from, end.handle);
}

enum loop_stop loop_move(struct loop *loop) {
    struct fleet *fleet = loop->fleet;
    assert(fleet->lost_known == fleet->lost_count);
    unsigned worker = fleet->lost[fleet->lost_count - 1];
    struct lane *from = &fleet->lanes[worker];
    enum loop_stop stop = LOOP_DONE;
    loop_begin_round(loop);
    for (unsigned n = 0; n < LOOP_BURST && stop == LOOP_DONE; n++) {
        if (lane_first(from) == LANE_EMPTY) {
            forward_handles(loop, worker);
            pass_pending_on(loop, from);
            fleet_emptied(fleet, loop->now_ns);
            break;
        }
        stop = move_first(loop, from);
    }
    loop_publish(loop, stop != LOOP_DONE);
    return stop;
}

void loop_move_drop(struct loop *loop, enum fb_drop_reason reason) {
    lane_take_out(&loop->fleet->lanes[loop->fleet->lost[loop->fleet->lost_count - 1]]);
    loop->dropped[reason]++;
}
