/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/move.h"

#include <assert.h>

/* A packet on its way out of a lost ring, and its flow: in the table, or ended and forwarded. */
struct mover {
    struct datapath *d;
    struct lane *from;
    struct fb_desc desc;     /* as it was in the ring: loaded once, then checked */
    uint32_t flow;           /* NO_FLOW: it has ended */
    struct forward *forward; /* then: where its packets go */
    uint32_t seq;            /* after the last packet of the flow that some worker got */
};

static struct lane *lane_at(const struct datapath *d, unsigned worker) {
    return &d->egress.fleet->lanes[worker];
}

static struct lane *lost_lane(const struct datapath *d) {
    const struct fleet *fleet = d->egress.fleet;
    return lane_at(d, fleet->lost[fleet->lost_count - 1]);
}

static struct flow_entry *entry_of(const struct mover *m) {
    return &m->d->flows->table.entries[m->flow];
}

/* A flow that is alive: from its first packet here on, all are yet to be had by a worker. */
static void resume_live(struct mover *m, uint32_t first) {
    struct flow_entry *entry = entry_of(m);
    flows_forget_lost(m->d->flows, entry);
    m->seq = entry->seq - entry->gap;
    if ((int32_t)(m->seq - first) > 0) {
        entry->gap = entry->seq - first;
        m->seq = first;
    }
}

static void resume_ended(struct mover *m, uint32_t first) {
    m->forward = forwards_at(&m->from->forwards, m->desc.handle);
    if (m->forward->state == FORWARD_NONE)
        *m->forward = (struct forward){.state = FORWARD_UNBOUND, .seq = first};
    m->seq = m->forward->seq;
}

/* Finds the packet's flow. Returns false if the descriptor is not one that was written there. */
static bool find_flow(struct mover *m) {
    if (!lane_desc_plausible(m->from, &m->desc) ||
        m->from->handles.table[m->desc.handle].flow_id != m->desc.flow_id)
        return false;
    uint32_t first = m->desc.flow_seq - m->desc.gap;
    m->flow = flows_by_id(m->d->flows, m->desc.flow_id);
    if (m->flow == NO_FLOW)
        resume_ended(m, first);
    else
        resume_live(m, first);
    return true;
}

static bool is_bound(const struct mover *m) {
    return m->flow != NO_FLOW ? flow_is_bound(entry_of(m)) : m->forward->state == FORWARD_BOUND;
}

static unsigned worker_of(const struct mover *m) {
    return m->flow != NO_FLOW ? entry_of(m)->worker : m->forward->worker;
}

/* What a policy that hashes goes by; of an ended flow, whose key is gone, any number of its own. */
static uint64_t hash_of(const struct mover *m) {
    if (m->flow == NO_FLOW)
        return m->desc.flow_id;
    const struct fb_flow_key key = flow_plain_key(entry_of(m));
    return key_hash_one(&m->d->flows->hash, &key);
}

/*
 * The record that the flow has under its handle of the lost worker goes with it. It is there:
 * no handle of that worker is taken again before its ring is empty. Without one for want of
 * memory it stays without, since nothing says what to write of a flow that has ended.
 */
static void pass_record_on(struct mover *m, unsigned worker, uint32_t handle) {
    struct fleet *fleet = m->d->egress.fleet;
    const struct fb_flow *known = flow_slots_find(&m->from->slots, m->desc.handle, m->desc.flow_id);
    struct fb_flow *record = fleet_flow_slot(fleet, worker, handle);
    if (record == NULL)
        return;
    if (known != NULL) {
        *record = *known;
    } else {
        record->id = FB_FLOW_ID_NONE;
        fleet->flow_records_missing++;
    }
}

static void bind_again(struct mover *m, unsigned worker) {
    struct lane *to = lane_at(m->d, worker);
    if (m->flow != NO_FLOW) {
        entry_of(m)->last = m->d->flows->now; /* after every loss: the binding counts */
        flows_bind(m->d->flows, m->flow, (uint8_t)worker);
        pass_record_on(m, worker, entry_of(m)->handle);
    } else {
        struct forward *forward = m->forward;
        forward->state = FORWARD_BOUND;
        forward->worker = (uint8_t)worker;
        forward->handle = handles_take(&to->handles, m->desc.flow_id, &forward->generation);
        to->handles.table[forward->handle].quarantined =
            m->from->handles.table[m->desc.handle].quarantined;
        pass_record_on(m, worker, forward->handle);
    }
    egress_count_flow(&m->d->egress, worker);
}

static void stage_moved(struct mover *m, const struct assignment *to) {
    struct fb_desc *desc =
        egress_stage(&m->d->egress, to, fb_tx_bytes(&m->from->tx, m->desc.arena_pos), 0);
    uint32_t after = m->desc.flow_seq + 1;
    unsigned flags = m->desc.flags & ~(unsigned)(FB_F_START | FB_F_GAP);
    *desc = m->desc;
    desc->arena_pos = to->position;
    desc->gap = m->desc.flow_seq - m->seq;
    desc->flags = (uint16_t)(flags | (unsigned)(m->seq == 0) << FB_BIT_START |
                             (unsigned)(desc->gap != 0) << FB_BIT_GAP);
    if (m->flow != NO_FLOW) {
        struct flow_entry *entry = entry_of(m);
        desc->handle = entry->handle;
        desc->generation = entry->generation;
        entry->gap = entry->seq - after;
    } else {
        desc->handle = m->forward->handle;
        desc->generation = m->forward->generation;
        m->forward->seq = after;
    }
}

static enum egress_result move_packet(struct mover *m) {
    struct datapath *d = m->d;
    if (!find_flow(m)) {
        d->egress.fleet->violations[FB_VIOLATION_DOWN_SIDE]++;
        d->egress.dropped[FB_DROP_ABANDONED]++;
        return EGRESS_DROPPED;
    }
    if (m->flow != NO_FLOW && flow_is_bypassed(entry_of(m))) {
        d->bypassed++;
        return EGRESS_DONE;
    }
    bool bound = is_bound(m);
    struct assignment to = {.worker = bound ? worker_of(m) : WORKER_HEAP_NONE,
                            .hash = bound ? 0 : hash_of(m),
                            .caplen = m->desc.caplen};
    enum egress_result result = egress_assign(&d->egress, &to);
    if (result != EGRESS_DONE)
        return result;
    if (!bound)
        bind_again(m, to.worker);
    stage_moved(m, &to);
    return EGRESS_DONE;
}

/*
 * The end of a flow under a handle of a lost worker: pending now where the flow went.
 * Returns false if it went nowhere: then no process waits for it.
 */
static bool pass_end_on(const struct datapath *d, struct lane *from, uint32_t number) {
    struct handle *handle = &from->handles.table[number];
    struct forward *forward = &from->forwards.table[number];
    bool bound = forward->state == FORWARD_BOUND;
    if (bound)
        handles_end(&lane_at(d, forward->worker)->handles, forward->handle,
                    (enum fb_end_reason)handle->reason);
    forward->state = FORWARD_NONE;
    handle->flow_id = 0;
    return bound;
}

static enum egress_result move_first(struct datapath *d, struct lane *from) {
    enum egress_result result = EGRESS_DONE;
    const struct mark *mark = &from->marks[from->marks_head & from->tx.slot_mask];
    switch (lane_first(from)) {
    case LANE_PACKET: {
        struct mover m = {.d = d, .from = from, .desc = *lane_first_desc(from)};
        result = move_packet(&m);
        break;
    }
    case LANE_END:
        d->flows->ends_pending += pass_end_on(d, from, mark->handle);
        break;
    default:
        break;
    }
    if (result <= EGRESS_DROPPED)
        lane_take_out(from);
    return result;
}

/*
 * The ring of a lost worker is empty: forwards that lead to its handles, of rings
 * below it on the stack, lead to where those flows went from here.
 */
static void forward_handles(struct datapath *d, unsigned worker) {
    const struct fleet *fleet = d->egress.fleet;
    const struct forwards *left = &lane_at(d, worker)->forwards;
    for (unsigned i = 0; i + 1 < fleet->lost_count; i++) {
        struct lane *below = lane_at(d, fleet->lost[i]);
        for (uint32_t h = 0; below->forwards.used && h < below->handles.fresh; h++) {
            struct forward *forward = &below->forwards.table[h];
            if (forward->state != FORWARD_BOUND || forward->worker != worker)
                continue;
            const struct forward *on = &left->table[forward->handle];
            if (on->state != FORWARD_NONE)
                *forward = *on;
            else
                forward->state = FORWARD_UNBOUND;
        }
    }
}

/* Ends that waited for room in the lost ring: those of flows that went nowhere are dropped. */
static void pass_pending_on(struct datapath *d, struct lane *from) {
    struct pending_end end;
    while (handles_pop_end(&from->handles, &end))
        d->flows->ends_pending -= !pass_end_on(d, from, end.handle);
}

enum egress_result move_burst(struct datapath *d) {
    struct fleet *fleet = d->egress.fleet;
    assert(fleet->lost_known == fleet->lost_count);
    struct lane *from = lost_lane(d);
    enum egress_result result = EGRESS_DONE;
    egress_begin_round(&d->egress);
    for (unsigned n = 0; n < BURST_MAX && result <= EGRESS_DROPPED; n++) {
        if (lane_first(from) == LANE_EMPTY) {
            forward_handles(d, fleet->lost[fleet->lost_count - 1]);
            pass_pending_on(d, from);
            fleet_emptied(fleet, d->egress.now_ns);
            break;
        }
        result = move_first(d, from);
    }
    egress_publish(&d->egress, result > EGRESS_DROPPED);
    return result > EGRESS_DROPPED ? result : EGRESS_DONE;
}

void move_drop_stopped(struct datapath *d, enum fb_drop_reason reason) {
    lane_take_out(lost_lane(d));
    d->egress.dropped[reason]++;
}
