/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/lane.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/hidden.h"

/*
 * Handles beyond one per flow and one per slot: ends of one burst that wait for
 * the next to be staged. A worker with more ends pending has a full ring, so no
 * flow is bound to it, and they are staged before its next packet.
 */
#define HANDLES_SPARE 256u

uint32_t lane_stage_ends(struct lane *lane, uint64_t time_ns, uint64_t frame) {
    uint32_t staged = 0;
    while (lane->handles.pending != 0) {
        uint64_t seq = lane->tx.seq;
        struct fb_desc *desc = fb_tx_stage_end(&lane->tx);
        if (desc == NULL)
            break;
        struct pending_end end;
        handles_pop_end(&lane->handles, &end);
        *desc = (struct fb_desc){
            .time_ns = time_ns,
            .frame = frame,
            .arena_pos = desc->arena_pos,
            .flow_id = end.flow_id,
            .handle = end.handle,
            .generation = end.generation,
            .l3_off = FB_NO_OFFSET,
            .l4_off = FB_NO_OFFSET,
            .payload_off = FB_NO_OFFSET,
            .flags = FB_F_END,
            .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, end.reason),
        };
        lane_mark(lane, seq, end.handle);
        staged++;
    }
    return staged;
}

int lane_init(struct lane *lane, struct fb_ctl *ctl, unsigned worker, enum fb_hugepages hugepages) {
    const struct fb_geometry *geometry = &ctl->geometry;
    struct fb_worker_entry *entry = &ctl->directory[worker];
    /* One a flow; one an end, of its own flows and of those moved here from other rings. */
    uint64_t handles = geometry->max_flows +
                       (uint64_t)geometry->slots * (geometry->max_workers + 1) + HANDLES_SPARE;
    if (handles >= NO_HANDLE) {
        fb_error("%u rings of %u slots and %" PRIu64 " flows are too much: %" PRIu64
                 " handles a worker, at most %u: give less of --ring-depth or --max-workers",
                 geometry->max_workers, geometry->slots, geometry->max_flows, handles, NO_HANDLE);
        return -EOVERFLOW;
    }
    const struct fb_region_config down = {.instance = ctl->name,
                                          .kind = FB_KIND_DOWN,
                                          .worker = worker,
                                          .size = fb_down_footprint(geometry),
                                          .hugepages = hugepages,
                                          .secret = true,
                                          .node = fb_ctl_numa_node(ctl, worker)};
    int error = fb_region_create(&lane->down_region, &down);
    if (error != 0)
        return error;
    fb_down_format(lane->down_region.base, geometry, ctl->header.instance, worker, 0);
    error = fb_region_place(&lane->down_region, &down);
    if (error == 0)
        error = fb_region_private(&lane->handle_region, handles * sizeof(struct handle),
                                  FB_HUGEPAGES_NEVER, false);
    if (error == 0)
        error = forwards_init(&lane->forwards, (uint32_t)handles);
    if (error == 0)
        error = flow_slots_init(&lane->slots, ctl, worker, (uint32_t)handles);
    if (error == 0)
        error = fb_region_private(&lane->mark_region, geometry->slots * sizeof(struct mark),
                                  FB_HUGEPAGES_NEVER, false);
    if (error != 0)
        return error;
    fb_tx_init(&lane->tx, lane->down_region.base, NULL);
    handles_init(&lane->handles, lane->handle_region.base, (uint32_t)handles);
    lane->marks = lane->mark_region.base;
    lane->burst = geometry->worker_burst;
    memcpy(entry->down_path, lane->down_region.path, sizeof entry->down_path);
    fb_ctl_set_page_kind(ctl, worker, lane->down_region.page_kind);
    return 0;
}

void lane_fini(struct lane *lane) {
    fb_region_close(&lane->down_region);
    fb_region_close(&lane->handle_region);
    forwards_fini(&lane->forwards);
    flow_slots_fini(&lane->slots);
    fb_region_close(&lane->mark_region);
}

static void unlink_ours(const struct fb_region *region) {
    if (region->base != NULL && fb_region_named(region->path, region->fd) == 1)
        unlink(region->path);
}

void lane_discard(struct lane *lane) {
    unlink_ours(&lane->down_region);
    unlink_ours(&lane->slots.region);
    lane_fini(lane);
    lane->offer_failed = false; /* the next try has its own reason */
}

/* Formats an up side that has just been made, guarded and for reading only. */
static int protect_up(struct lane *lane, const struct fb_ctl *ctl, unsigned worker) {
    const struct fb_region *region = &lane->up_region;
    /* Before it is touched: who may write to it can find any name. */
    lane->guard = fb_guard_add(region->base, region->size);
    if (lane->guard < 0)
        return lane->guard;
    fb_up_format(region->base, ctl->header.instance, worker, lane->epoch, lane->tx.consumed);
    if (mprotect(region->base, region->size, PROT_READ) == 0)
        return 0;
    int error = errno;
    fb_error("cannot make %s read-only for the dispatcher: %s", region->path, strerror(error));
    return -error;
}

static void close_up(struct lane *lane) {
    fb_guard_remove(lane->guard);
    lane->guard = -1;
    fb_region_close(&lane->up_region);
}

/* Makes the next up side and gives it its name. */
static int make_up(struct lane *lane, const struct fb_ctl *ctl, unsigned worker) {
    struct fb_region *region = &lane->up_region;
    const struct fb_region_config up = {.instance = ctl->name,
                                        .kind = FB_KIND_UP,
                                        .worker = worker,
                                        .size = fb_up_footprint(),
                                        .hugepages = FB_HUGEPAGES_NEVER,
                                        .node = fb_ctl_numa_node(ctl, worker),
                                        .over = lane->has_up_name && fb_ctl_is_named(ctl),
                                        .quiet = lane->offer_failed};
    int error = fb_region_create(region, &up);
    if (error != 0)
        return error;
    lane->epoch++; /* also if this fails: a process that has seen the up side must not find its
                      epoch again */
    error = protect_up(lane, ctl, worker);
    if (error != 0)
        fb_region_discard(region);
    else
        error = fb_region_place(region, &up);
    if (error != 0)
        close_up(lane);
    return error;
}

int lane_offer(struct lane *lane, struct fb_ctl *ctl, unsigned worker) {
    int error = make_up(lane, ctl, worker);
    lane->offer_failed = error != 0;
    if (error != 0)
        return error;
    lane->has_up_name = true;
    fb_tx_attach(&lane->tx, lane->up_region.base);
    fb_tx_set_epoch(&lane->tx, lane->epoch);
    fb_ctl_set_epoch(ctl, worker, lane->epoch);
    return 0;
}

enum fb_violation lane_watch(struct lane *lane, uint64_t *progress) {
    uint64_t from = lane->tx.consumed;
    uint64_t cursor = fb_up_cursor(lane->tx.up);
    /* Loaded after the cursor, it is not older: see ring.h, Life. */
    enum fb_violation violation = lane_refresh(lane);
    if (violation != FB_VIOLATION_NONE)
        return violation;
    /* The cursor holds the low 63 bits of a sequence number: count from consumed on. */
    uint64_t ahead = ((cursor >> 1) - from) & (UINT64_MAX >> 1);
    bool busy = (cursor & 1) != 0;
    if (ahead > lane->tx.consumed - from + lane->burst || ahead + busy > lane->tx.published - from)
        return FB_VIOLATION_CURSOR_RANGE;
    *progress = (from + ahead) * 2 + busy;
    return FB_VIOLATION_NONE;
}

void lane_withdraw(struct lane *lane, struct fb_worker_totals *totals) {
    if (lane->up_region.base == NULL)
        return;
    fb_tx_set_epoch(&lane->tx, ++lane->epoch);
    fb_worker_totals_add(totals, lane->up_region.base);
    /* If that fails it keeps its name, in the way of no one: its epoch is over. */
    if (fb_region_named(lane->up_region.path, lane->up_region.fd) == 1)
        (void)fb_hidden_hold(lane->up_region.path);
    close_up(lane);
    lane->tx.up = NULL;
}

enum lane_first lane_first(const struct lane *lane) {
    const struct fb_tx *tx = &lane->tx;
    if (tx->consumed == tx->seq)
        return LANE_EMPTY;
    const struct mark *mark = &lane->marks[lane->marks_head & tx->slot_mask];
    if (lane->marks_head == lane->marks_tail || mark->seq != tx->consumed)
        return LANE_PACKET;
    return mark->handle == NO_HANDLE ? LANE_SKIP : LANE_END;
}

static bool is_within(uint16_t offset, uint32_t bytes) {
    return offset == FB_NO_OFFSET || offset < bytes;
}

/* What a worker computes the length of the payload from; where it does not, of what is wrong. */
static bool has_payload(const struct fb_desc *desc) {
    if ((desc->flags & FB_F_MALFORMED) != 0)
        return fb_desc_decode(desc) < FB_DECODE_COUNT;
    return desc->payload_off == FB_NO_OFFSET || fb_desc_tail(desc) == FB_TAIL_LONG ||
           desc->payload_off + fb_desc_tail(desc) <= desc->caplen;
}

bool lane_desc_plausible(const struct lane *lane, const struct fb_desc *desc) {
    const struct fb_tx *tx = &lane->tx;
    uint64_t offset = desc->arena_pos & tx->arena_mask;
    return desc->caplen <= (tx->arena_mask + 1) / 4 &&
           offset + desc->caplen <= tx->arena_mask + 1 && desc->caplen <= desc->wirelen &&
           is_within(desc->l3_off, desc->caplen) && is_within(desc->l4_off, desc->caplen) &&
           is_within(desc->payload_off, desc->caplen + 1) && has_payload(desc) &&
           (desc->flags & (FB_F_END | FB_F_SKIP)) == 0 && desc->handle < lane->handles.fresh;
}

void lane_take_out(struct lane *lane) {
    if (lane_first(lane) == LANE_PACKET)
        lane->counters[FB_LANE_REMOVED]++;
    else
        lane->marks_head++;
    lane->tx.consumed++;
}

bool lane_mark_suspect(struct lane *lane) {
    struct fb_desc *desc = lane_first_desc(lane);
    enum lane_first first = lane_first(lane);
    unsigned deaths = fb_desc_deaths(desc);
    if (first == LANE_SKIP || (first == LANE_END && deaths != 0)) {
        desc->flags = FB_F_SKIP; /* the handle of a flow end is given back as for any */
        return false;
    }
    desc->flags |= FB_F_REDELIVERED;
    /* The tail of a packet is where the reason of an end is. */
    desc->dir_deaths_reason = fb_pack_dir_deaths_reason(
        fb_desc_dir(desc), deaths < 3 ? deaths + 1 : 3, fb_desc_tail(desc));
    return first == LANE_PACKET;
}

void lane_quarantine_first(struct lane *lane) {
    lane_first_desc(lane)->flags = FB_F_SKIP;
    lane->counters[FB_LANE_QUARANTINED]++;
    /* It comes before all other marks. There is room: a mark a slot, and this slot has none. */
    lane->marks[--lane->marks_head & lane->tx.slot_mask] =
        (struct mark){.seq = lane->tx.consumed, .handle = NO_HANDLE};
}

/* The packets of a flow in the ring, without those that are marked; marks is walked along. */
static uint64_t count_packets_of(const struct lane *lane, uint64_t flow_id) {
    const struct fb_tx *tx = &lane->tx;
    uint64_t mark = lane->marks_head, count = 0;
    for (uint64_t seq = tx->consumed; seq != tx->seq; seq++) {
        if (mark != lane->marks_tail && lane->marks[mark & tx->slot_mask].seq == seq)
            mark++;
        else
            count += tx->descs[seq & tx->slot_mask].flow_id == flow_id;
    }
    return count;
}

uint64_t lane_skip_flow(struct lane *lane, uint64_t flow_id) {
    const struct fb_tx *tx = &lane->tx;
    uint64_t skipped = count_packets_of(lane, flow_id);
    /* Marks stay in the order of the ring: from the last on they move up to make room. */
    uint64_t from = lane->marks_tail;
    uint64_t to = lane->marks_tail += skipped;
    for (uint64_t seq = tx->seq; from != to && seq != tx->consumed;) {
        struct fb_desc *desc = &tx->descs[--seq & tx->slot_mask];
        if (from != lane->marks_head && lane->marks[(from - 1) & tx->slot_mask].seq == seq) {
            lane->marks[--to & tx->slot_mask] = lane->marks[--from & tx->slot_mask];
        } else if (desc->flow_id == flow_id) {
            lane->marks[--to & tx->slot_mask] = (struct mark){.seq = seq, .handle = NO_HANDLE};
            desc->flags = FB_F_SKIP;
        }
    }
    /* Who can write there may have changed an id since it was counted. */
    skipped -= to - from;
    lane->marks_head += to - from;
    lane->counters[FB_LANE_REMOVED] += skipped;
    return skipped;
}
