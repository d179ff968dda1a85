/* SPDX-License-Identifier: BSD-2-Clause */
#include "fleet.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow_balancer/guard.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/log.h"

/* A new up side that could not be made (no room in /dev/shm) is tried again after this. */
#define OFFER_AGAIN_NS UINT64_C(1000000000)
#define PID_MOST 4194304 /* Linux's PID_MAX_LIMIT on 64 bits */
/*
 * Handles beyond one per flow and one per slot: ends of one burst that wait for
 * the next to be staged. A worker with more ends pending has a full ring, so no
 * flow is bound to it, and they are staged before its next packet.
 */
#define HANDLES_SPARE 256u

static void set_state(struct fleet *fleet, unsigned worker, enum fb_state state, uint64_t now_ns) {
    fleet->lanes[worker].state = state;
    fleet->lanes[worker].state_since_ns = now_ns;
    fb_ctl_set_state(fleet->ctl, worker, state);
}

static const struct fb_up *up_of(const struct lane *lane) {
    return lane->up_region.base;
}

/* Offers the number to the next process, at the resume point. */
static int offer(struct fleet *fleet, unsigned worker) {
    struct lane *lane = &fleet->lanes[worker];
    struct fb_region *region = &lane->up_region;
    int error = fb_region_create(region, fleet->ctl->name, FB_KIND_UP, worker, fb_up_footprint(),
                                 FB_HUGEPAGES_NEVER, false);
    if (error != 0) {
        region->base = NULL;
        return error;
    }
    lane->epoch++;
    fb_up_format(region->base, fleet->ctl->header.instance, worker, lane->epoch, lane->tx.consumed);
    mprotect(region->base, region->size, PROT_READ);
    lane->guard = fb_guard_add(region->base, region->size);
    fb_tx_attach(&lane->tx, region->base);
    fb_tx_set_epoch(&lane->tx, lane->epoch);
    fb_ctl_set_epoch(fleet->ctl, worker, lane->epoch);
    return 0;
}

/*
 * Takes the up side away, and its epoch with it: who is about to claim it, or
 * has done so unseen, finds another one and lets go. What it said is in the
 * totals.
 */
static void withdraw(struct fleet *fleet, unsigned worker) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->up_region.base == NULL)
        return;
    fb_tx_set_epoch(&lane->tx, ++lane->epoch);
    fb_worker_totals_add(&fleet->totals[worker], up_of(lane));
    fb_guard_remove(lane->guard);
    lane->guard = -1;
    unlink(lane->up_region.path);
    fb_region_close(&lane->up_region);
    lane->tx.up = NULL;
}

static int lane_init(struct fleet *fleet, unsigned worker, enum fb_hugepages hugepages) {
    struct lane *lane = &fleet->lanes[worker];
    const struct fb_geometry *geometry = &fleet->ctl->geometry;
    struct fb_worker_entry *entry = &fleet->ctl->directory[worker];
    uint64_t handles = geometry->max_flows + geometry->slots + HANDLES_SPARE;
    int error = fb_region_create(&lane->down_region, fleet->ctl->name, FB_KIND_DOWN, worker,
                                 fb_down_footprint(geometry), hugepages, true);
    if (error == 0)
        error = fb_region_private(&lane->handle_region, handles * sizeof(struct handle),
                                  FB_HUGEPAGES_AUTO, false);
    if (error == 0)
        error = fb_region_private(&lane->mark_region, geometry->slots * sizeof(struct mark),
                                  FB_HUGEPAGES_AUTO, false);
    if (error != 0)
        return error;
    fb_down_format(lane->down_region.base, geometry, fleet->ctl->header.instance, worker, 0);
    fb_tx_init(&lane->tx, lane->down_region.base, NULL);
    handles_init(&lane->handles, lane->handle_region.base, (uint32_t)handles);
    lane->marks = lane->mark_region.base;
    memcpy(entry->down_path, lane->down_region.path, sizeof entry->down_path);
    fb_ctl_set_rung(fleet->ctl, worker, lane->down_region.rung);
    return offer(fleet, worker);
}

int fleet_init(struct fleet *fleet, struct fb_ctl *ctl, const struct policy *policy,
               double max_share, enum fb_hugepages hugepages, const struct fleet_timing *timing) {
    memset(fleet, 0, sizeof *fleet);
    fleet->ctl = ctl;
    fleet->count = ctl->geometry.max_workers;
    fleet->timing = *timing;
    fleet->given_up = -1;
    balance_init(&fleet->balance, policy, max_share);
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        lane->down_region.fd = lane->up_region.fd = -1;
        lane->handle_region.fd = lane->mark_region.fd = -1;
        lane->guard = -1;
        fleet->handles[k] = &lane->handles;
        fleet->totals[k].cpu = fleet->totals[k].numa_node = -1;
    }
    for (unsigned k = 0; k < fleet->count; k++) {
        int error = lane_init(fleet, k, hugepages);
        if (error != 0)
            return error;
        set_state(fleet, k, FB_STATE_ABSENT, 0);
    }
    return 0;
}

void fleet_fini(struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        withdraw(fleet, k);
        fb_region_close(&lane->down_region);
        fb_region_close(&lane->handle_region);
        fb_region_close(&lane->mark_region);
    }
}

static void revoke_worker(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    balance_leave(&fleet->balance, worker);
    lane->revoked = true;
    lane->waited = false;
    fb_tx_set_epoch(&lane->tx, lane->epoch + 1);
    set_state(fleet, worker, FB_STATE_DEAD, now_ns);
}

static void violated(struct fleet *fleet, unsigned worker, enum fb_violation violation,
                     uint64_t now_ns) {
    fleet->violations[violation]++;
    fb_warning("worker %u broke the protocol: %s; it is revoked", worker,
               fb_violation_texts[violation].text);
    revoke_worker(fleet, worker, now_ns);
}

/* Judges what a dead worker left, and offers its number again where that has a use. */
static void settle(struct fleet *fleet, unsigned worker, bool in_order, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    struct fb_verdict verdict = {.suspect = false};
    if (lane->up_region.base != NULL) {
        uint64_t before = lane->tx.consumed;
        verdict = fb_tx_judge(&lane->tx);
        lane_account(lane, before);
        if (verdict.violation != FB_VIOLATION_COUNT && !lane->revoked)
            fleet->violations[verdict.violation]++;
        withdraw(fleet, worker);
    }
    lane->revoked = false;
    fb_ctl_set_pid(fleet->ctl, worker, 0);
    bool waits = lane->tx.seq != lane->tx.consumed;
    bool wanted = !fleet->ending && (!fleet->stopping || waits);
    if (!wanted) {
        set_state(fleet, worker, FB_STATE_ABSENT, now_ns);
        return;
    }
    /* Who left in order, or never came, and owes nothing to any flow: nobody has to claim it. */
    bool owes = waits || lane->handles.bound != 0 || lane->handles.pending != 0;
    bool is_free = !owes && (in_order || lane->claims == 0);
    lane->unclaimed_since_ns = now_ns;
    if (verdict.suspect && lane_mark_suspect(lane, verdict.resume_seq))
        fleet->redelivered++;
    /* An offer that fails is tried again by poll_dead(). */
    bool offered = offer(fleet, worker) == 0;
    enum fb_state unclaimed = is_free ? FB_STATE_ABSENT : FB_STATE_VACANT;
    set_state(fleet, worker, offered ? unclaimed : FB_STATE_DEAD, now_ns);
}

/* Nobody claimed the number in time. */
static void check_failover(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->given_up || now_ns - lane->unclaimed_since_ns < fleet->timing.failover_ns)
        return;
    fb_error("worker %u was not started again within %.1f s", worker,
             (double)fleet->timing.failover_ns / 1e9);
    fleet_give_up(fleet, worker);
}

/* For display only, so what makes no sense is nobody. */
static int64_t plausible_pid(const struct fb_up *up) {
    int64_t pid = fb_up_pid(up);
    return pid > 1 && pid <= PID_MOST ? pid : 0;
}

static void poll_offered(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->up_region.base == NULL)
        return;
    uint32_t wish = fb_up_wish(up_of(lane));
    if (fb_guard_faulted(lane->guard)) {
        /* Whoever truncated it, nobody can claim it any more. */
        violated(fleet, worker, FB_VIOLATION_FAULT, now_ns);
    } else if (wish != FB_WISH_VACANT) {
        fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
        if (lane->claims++ > 0)
            lane->counters[FB_LANE_RESTARTS]++;
        set_state(fleet, worker, FB_STATE_STARTING, now_ns);
    } else if (lane->state == FB_STATE_VACANT) {
        check_failover(fleet, worker, now_ns);
    }
}

static void poll_process(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    /* The lock before the wish: what a process wrote before it was gone is then all there. */
    bool gone = !fb_lock_held(lane->up_region.fd);
    uint32_t wish = fb_up_wish(up_of(lane));
    if (fb_guard_faulted(lane->guard)) {
        violated(fleet, worker, FB_VIOLATION_FAULT, now_ns);
    } else if (wish == FB_WISH_VACANT || wish >= FB_WISH_COUNT) {
        violated(fleet, worker, FB_VIOLATION_STATE_VALUE, now_ns);
    } else if (gone) {
        if (wish != FB_WISH_LEFT)
            fb_warning("worker %u (pid %lld) died; its flows wait for its next process", worker,
                       (long long)fb_ctl_pid(fleet->ctl, worker));
        else if (!fleet->stopping)
            fb_info("worker %u left", worker);
        balance_leave(&fleet->balance, worker);
        set_state(fleet, worker, FB_STATE_DEAD, now_ns);
        settle(fleet, worker, wish == FB_WISH_LEFT, now_ns);
    } else if (lane->state == FB_STATE_STARTING && wish == FB_WISH_READY) {
        fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
        set_state(fleet, worker, fleet->stopping ? FB_STATE_STOPPING : FB_STATE_READY, now_ns);
        if (!fleet->stopping)
            balance_join(&fleet->balance, worker);
    } else if (lane->state == FB_STATE_STARTING &&
               now_ns - lane->state_since_ns >= fleet->timing.start_timeout_ns) {
        fb_warning("worker %u did not become ready within %.1f s; it is revoked", worker,
                   (double)fleet->timing.start_timeout_ns / 1e9);
        revoke_worker(fleet, worker, now_ns);
    }
}

static void poll_dead(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->revoked && !lane->waited) {
        /* The data path revokes by the time of its last look at the clock: the wait begins here. */
        lane->waited = true;
        lane->state_since_ns = now_ns;
        return;
    }
    uint64_t wait = lane->up_region.base != NULL ? REVOKE_WAIT_NS : OFFER_AGAIN_NS;
    if (lane->up_region.base == NULL)
        check_failover(fleet, worker, now_ns);
    if (now_ns - lane->state_since_ns >= wait)
        settle(fleet, worker, false, now_ns);
}

void fleet_poll(struct fleet *fleet, uint64_t now_ns) {
    for (unsigned k = 0; k < fleet->count; k++) {
        switch (fleet->lanes[k].state) {
        case FB_STATE_ABSENT:
        case FB_STATE_VACANT:
            poll_offered(fleet, k, now_ns);
            break;
        case FB_STATE_STARTING:
        case FB_STATE_READY:
        case FB_STATE_STOPPING:
            poll_process(fleet, k, now_ns);
            break;
        case FB_STATE_DEAD:
            poll_dead(fleet, k, now_ns);
            break;
        default:
            break;
        }
    }
    balance_decay(&fleet->balance, now_ns);
}

void fleet_refresh(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->tx.up == NULL)
        return;
    lane->round = fleet->round;
    uint64_t before = lane->counters[FB_LANE_INSPECTED];
    enum fb_violation violation = lane_refresh(lane);
    if (__builtin_expect(violation == FB_VIOLATION_COUNT, 1))
        balance_update(&fleet->balance, worker, lane_waiting(lane),
                       lane->counters[FB_LANE_INSPECTED] - before, now_ns);
    else if (lane->state != FB_STATE_DEAD)
        violated(fleet, worker, violation, now_ns);
}

unsigned fleet_pick(struct fleet *fleet, uint64_t hash, uint64_t now_ns) {
    struct balance *balance = &fleet->balance;
    /* Who leads may have finished more than is known: look, until one leads that is known. */
    unsigned last = WORKER_HEAP_NONE;
    unsigned top = worker_heap_top(&balance->heap);
    while (balance->policy->kind == POLICY_LEAST && top != WORKER_HEAP_NONE && top != last &&
           !fleet_is_fresh(fleet, top)) {
        fleet_refresh(fleet, top, now_ns);
        last = top;
        top = worker_heap_top(&balance->heap);
    }
    return balance_pick(balance, hash);
}

void fleet_give_up(struct fleet *fleet, unsigned worker) {
    fleet->lanes[worker].given_up = true;
    if (fleet->given_up < 0)
        fleet->given_up = (int)worker;
}

void fleet_stop(struct fleet *fleet, bool now, uint64_t now_ns) {
    fleet->stopping = true;
    fleet->ending = now;
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        balance_leave(&fleet->balance, k);
        if (lane->tx.up == NULL)
            continue;
        fleet_refresh(fleet, k, now_ns);
        bool empty = lane->tx.seq == lane->tx.consumed;
        bool unclaimed = (lane->state == FB_STATE_ABSENT || lane->state == FB_STATE_VACANT) &&
                         fb_up_wish(up_of(lane)) == FB_WISH_VACANT;
        if (unclaimed && (empty || now || lane->given_up))
            withdraw(fleet, k);
        else if (now && !empty && lane->state != FB_STATE_DEAD)
            revoke_worker(fleet, k, now_ns);
        else if (lane->state == FB_STATE_READY)
            set_state(fleet, k, FB_STATE_STOPPING, now_ns);
        fb_tx_set_order(&lane->tx, FB_ORDER_STOP);
    }
}

/* Nobody will read its ring any more. */
static bool is_hopeless(const struct lane *lane) {
    return lane->given_up && (lane->state == FB_STATE_VACANT || lane->state == FB_STATE_DEAD);
}

bool fleet_drained(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->tx.seq != lane->tx.consumed && !is_hopeless(lane))
            return false;
    }
    return true;
}

bool fleet_owes_ends(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->handles.pending != 0 && !is_hopeless(lane))
            return true;
    }
    return false;
}

bool fleet_gone(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        if (lane->up_region.base != NULL && !is_hopeless(lane))
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
        lane->counters[FB_LANE_MOVED] += waiting;
        abandoned += waiting;
        /* The ring is given up as it stands: nothing in it waits any more. */
        lane->tx.consumed = lane->tx.seq;
        lane->marks_head = lane->marks_tail;
        withdraw(fleet, k);
    }
    return abandoned;
}

void fleet_totals(const struct fleet *fleet, unsigned worker, struct fb_worker_totals *totals) {
    *totals = fleet->totals[worker];
    if (up_of(&fleet->lanes[worker]) != NULL)
        fb_worker_totals_add(totals, up_of(&fleet->lanes[worker]));
}
