/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/fleet.h"

#include <string.h>

#include "flow_balancer/common/log.h"

#include "dispatcher/fleet/fleet_life.h"
#include "dispatcher/fleet/fleet_log.h"

/* Makes the ring of the next number and offers it. Returns 0, or -errno after one logged line;
 * nothing has changed then. */
static int lay_out(struct fleet *fleet) {
    struct fb_ctl *ctl = fleet->ctl;
    unsigned k = fleet->count;
    struct lane *lane = &fleet->lanes[k];
    int node = fb_ctl_numa_node(ctl, k);
    balance_set_far(&fleet->balance, k, node >= 0 && node != ctl->numa_node);
    int error = lane_init(lane, ctl, k, fleet->hugepages);
    if (error == 0)
        error = lane_offer(lane, ctl, k);
    if (error != 0) {
        lane_discard(lane);
        return error;
    }
    fleet_log_offer(fleet, k, false);
    lane->wanted = k < ctl->geometry.workers;
    lane->leave_by_ns = UINT64_MAX;
    fb_ctl_set_state(ctl, k, lane->state);
    fleet->count++;
    return 0;
}

/* Behind all rings: what they need comes first. */
static void get_flow_slots_ready(struct fleet *fleet, uint32_t records) {
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        flow_slots_get_ready(&lane->slots, records / fleet->count);
        fb_down_set_flow_records(lane->tx.down, lane->slots.populated);
    }
}

void fleet_touch_flow_slots(struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++)
        flow_slots_touch(&fleet->lanes[k].slots);
}

int fleet_init(struct fleet *fleet, const struct fleet_config *config) {
    struct fb_ctl *ctl = config->ctl;
    memset(fleet, 0, sizeof *fleet);
    fleet->ctl = ctl;
    fleet->hugepages = config->hugepages;
    fleet->timing = config->timing;
    fleet->lossless = config->lossless;
    fleet->quarantine = config->quarantine;
    balance_init(&fleet->balance, config->policy, config->max_share);
    for (unsigned k = 0; k < ctl->geometry.max_workers; k++) {
        struct lane *lane = &fleet->lanes[k];
        lane->down_region.fd = lane->up_region.fd = -1;
        lane->handle_region.fd = lane->mark_region.fd = lane->forwards.region.fd = -1;
        lane->slots.region.fd = -1;
        lane->guard = -1;
        fleet->handles[k] = &lane->handles;
        fleet->totals[k].cpu = fleet->totals[k].numa_node = -1;
    }
    int error = 0;
    while (fleet->count < config->rings && error == 0)
        error = lay_out(fleet);
    if (error == 0)
        get_flow_slots_ready(fleet, config->flow_records);
    return error;
}

void fleet_fini(struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        lane_withdraw(lane, &fleet->totals[k]);
        lane_fini(lane);
    }
}

void fleet_refresh(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->tx.up == NULL)
        return;
    lane->round = fleet->round;
    uint64_t before = lane->counters[FB_LANE_INSPECTED];
    enum fb_violation violation = lane_refresh(lane);
    if (__builtin_expect(violation == FB_VIOLATION_NONE, 1))
        balance_update(&fleet->balance, worker, lane_waiting(lane),
                       lane->counters[FB_LANE_INSPECTED] - before, now_ns);
    else if (lane->state != FB_STATE_DEAD)
        fleet_violated(fleet, worker, violation, now_ns);
}

unsigned fleet_pick(struct fleet *fleet, uint64_t hash, uint64_t now_ns) {
    struct balance *balance = &fleet->balance;
    /* Who leads may have finished more than is known: look, until one leads that is known. */
    unsigned last = WORKER_HEAP_NONE;
    unsigned top = balance_lead(balance);
    while (balance->policy->kind == POLICY_LEAST && top != WORKER_HEAP_NONE && top != last &&
           !fleet_is_fresh(fleet, top)) {
        fleet_refresh(fleet, top, now_ns);
        last = top;
        top = balance_lead(balance);
    }
    return balance_pick(balance, hash);
}

struct fb_flow *fleet_grow_flow_slots(struct fleet *fleet, unsigned worker, uint32_t handle) {
    struct lane *lane = &fleet->lanes[worker];
    if (flow_slots_grow(&lane->slots, handle)) {
        fb_down_set_flow_records(lane->tx.down, lane->slots.populated);
        return &lane->slots.records[handle];
    }
    if (fleet->flow_records_missing++ == 0)
        fb_warning(FB_SHM_DIR " is full: inspectors get flows without their record from now on "
                              "(flow_records_missing counts them): give it more room (mount -o "
                              "remount,size=... " FB_SHM_DIR "), or use a smaller --max-flows");
    return NULL;
}

void fleet_stop(struct fleet *fleet, bool now, uint64_t now_ns) {
    fleet->phase = now ? FLEET_ENDING : FLEET_STOPPING;
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        balance_leave(&fleet->balance, k);
        if (lane->tx.up == NULL)
            continue;
        fleet_refresh(fleet, k, now_ns);
        bool empty = lane->tx.seq == lane->tx.consumed;
        bool unclaimed = fb_up_worker_status(lane->up_region.base) == FB_STATUS_VACANT &&
                         (lane->state == FB_STATE_ABSENT || lane->state == FB_STATE_VACANT ||
                          lane->state == FB_STATE_LOST);
        if (unclaimed && empty)
            lane_withdraw(lane, &fleet->totals[k]);
        else if (now && !empty && lane->state != FB_STATE_DEAD)
            fleet_revoke(fleet, k, now_ns);
        else if (lane->state == FB_STATE_READY || lane->state == FB_STATE_DRAINING)
            fleet_step(fleet, k, FB_EVENT_STOP, now_ns);
        fb_tx_set_command(&lane->tx, FB_COMMAND_STOP);
    }
}

bool fleet_drained(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->tx.seq != lane->tx.consumed)
            return false;
    }
    return true;
}

bool fleet_owes_ends(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->handles.pending != 0)
            return true;
    }
    return false;
}

bool fleet_gone(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->up_region.base != NULL)
            return false;
    }
    return true;
}

uint64_t fleet_abandon(struct fleet *fleet) {
    uint64_t abandoned = 0;
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        if (lane->tx.up != NULL)
            lane_refresh(lane);
        uint64_t waiting = lane_waiting(lane);
        lane->counters[FB_LANE_REMOVED] += waiting;
        abandoned += waiting;
        /* The ring is given up as it is: nothing in it waits any more. */
        lane->tx.consumed = lane->tx.seq;
        lane->marks_head = lane->marks_tail;
        lane_withdraw(lane, &fleet->totals[k]);
    }
    return abandoned;
}

void fleet_totals(const struct fleet *fleet, unsigned worker, struct fb_worker_totals *totals) {
    const struct fb_region *up = &fleet->lanes[worker].up_region;
    *totals = fleet->totals[worker];
    if (up->base != NULL)
        fb_worker_totals_add(totals, up->base);
}

uint64_t fleet_self_count(const struct fleet *fleet, unsigned worker,
                          enum fb_worker_counter counter) {
    const struct fb_region *up = &fleet->lanes[worker].up_region;
    uint64_t gone = fleet->totals[worker].counters[counter];
    return up->base == NULL ? gone : gone + fb_up_counter(up->base, counter);
}

int fleet_self_cpu(const struct fleet *fleet, unsigned worker) {
    const struct fb_region *up = &fleet->lanes[worker].up_region;
    return up->base == NULL ? -1 : fb_up_cpu(up->base);
}

static bool may_be_added(const struct lane *lane) {
    return !lane->wanted && (lane->state == FB_STATE_ABSENT || lane->state == FB_STATE_LOST);
}

const char *fleet_add(struct fleet *fleet, unsigned *worker) {
    unsigned k = 0;
    while (k < fleet->count && !may_be_added(&fleet->lanes[k]))
        k++;
    if (k == fleet->ctl->geometry.max_workers)
        return "every worker number is in use: --max-workers at the start gives more";
    if (k == fleet->count && lay_out(fleet) != 0)
        return "its ring cannot be made: the dispatcher's log says why";
    fleet->lanes[k].wanted = true;
    lane_set_disposition(&fleet->lanes[k], DISPOSITION_WAIT_NEXT, MOVE_REASON_NONE);
    *worker = k;
    return NULL;
}
