/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/fleet_life.h"

#include <assert.h>
#include <inttypes.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/lock.h"

/* A new up side that could not be made (no room in /dev/shm) is tried again after this. */
#define OFFER_AGAIN_NS UINT64_C(1000000000)
#define PID_MOST 4194304 /* Linux's PID_MAX_LIMIT on 64 bits */

static double seconds(uint64_t ns) {
    return (double)ns / 1e9;
}

static const struct fb_up *up_of(const struct lane *lane) {
    return lane->up_region.base;
}

static bool is_empty(const struct lane *lane) {
    return lane->tx.seq == lane->tx.consumed;
}

void fleet_step(struct fleet *fleet, unsigned worker, enum fb_event event, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    enum fb_state state = fb_life_next(lane->state, event);
    assert(state != FB_STATE_NONE);
    lane->state = state;
    lane->state_since_ns = now_ns;
    fb_ctl_set_state(fleet->ctl, worker, state);
}

/* --- revoked ---------------------------------------------------------------------------------- */

void fleet_revoke(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    balance_leave(&fleet->balance, worker);
    lane->revoked = true;
    lane->waited = false;
    lane->revoked_pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tx_set_epoch(&lane->tx, lane->epoch + 1);
    fleet_step(fleet, worker, FB_EVENT_GONE, now_ns);
}

void fleet_violated(struct fleet *fleet, unsigned worker, enum fb_violation violation,
                    uint64_t now_ns) {
    /* What was truncated reads as zeros, which say nothing else of the worker. */
    if (fb_guard_faulted(fleet->lanes[worker].guard))
        violation = FB_VIOLATION_FAULT;
    fleet->violations[violation]++;
    fb_warning("worker %u broke the protocol: %s; it is revoked", worker,
               fb_violation_texts[violation].text);
    fleet_revoke(fleet, worker, now_ns);
}

/* --- a packet that kills ---------------------------------------------------------------------- */

/* One packet more of this flow has killed: at the third the flow goes to no worker any more. */
static void count_quarantined(struct fleet *fleet, struct lane *lane, const struct fb_desc *desc) {
    fleet->quarantined_flows[fleet->quarantined_flow_count++] = desc->flow_id;
    if (++lane->handles.table[desc->handle].quarantined < FLOW_QUARANTINED_MOST)
        return;
    fb_warning("flow %" PRIu64 " had %u packets quarantined: the rest of it is bypassed",
               desc->flow_id, FLOW_QUARANTINED_MOST);
    fleet->bypassed += lane_skip_flow(lane, desc->flow_id);
}

/* Puts the packet that is first in the ring of a worker that is gone into quarantine. */
static void quarantine_first(struct fleet *fleet, unsigned worker) {
    struct lane *lane = &fleet->lanes[worker];
    const struct fb_desc desc = *lane_first_desc(lane);
    if (!lane_desc_plausible(lane, &desc) ||
        lane->handles.table[desc.handle].flow_id != desc.flow_id) {
        fleet->violations[FB_VIOLATION_DOWN_SIDE]++;
        lane_quarantine_first(lane);
        return;
    }
    unsigned link = fb_desc_link(&desc);
    const struct quarantined packet = {
        .time_ns = desc.time_ns,
        .frame = desc.frame,
        .caplen = desc.caplen,
        .wirelen = desc.wirelen,
        .link = link,
        .dlt = fb_ctl_link_type(fleet->ctl, link),
        .bytes = fb_tx_bytes(&lane->tx, desc.arena_pos),
    };
    bool kept = fleet->quarantine != NULL && fleet->quarantine->path != NULL &&
                quarantine_add(fleet->quarantine, &packet) == 0;
    fb_warning("frame %" PRIu64 " (flow %" PRIu64
               ", %u bytes) killed worker %u: it is quarantined%s",
               desc.frame, desc.flow_id, desc.caplen, worker,
               kept ? "" : " and not kept; --quarantine FILE.pcap keeps such packets");
    lane_quarantine_first(lane);
    count_quarantined(fleet, lane, &desc);
}

/* A process died on the descriptor at the resume point: once is redelivered, twice is enough. */
static void quarantine_or_mark(struct fleet *fleet, unsigned worker) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane_first(lane) == LANE_PACKET && fb_desc_deaths(lane_first_desc(lane)) != 0)
        quarantine_first(fleet, worker);
    else if (lane_mark_suspect(lane))
        fleet->redelivered++;
}

/* --- dead, and what then ---------------------------------------------------------------------- */

static int offer(struct fleet *fleet, unsigned worker) {
    struct lane *lane = &fleet->lanes[worker];
    fb_tx_set_command(&lane->tx, fleet->stopping ? FB_COMMAND_STOP : FB_COMMAND_RUN);
    lane->leave_by_ns = UINT64_MAX;
    return lane_offer(lane, fleet->ctl, worker);
}

/* No process is to come for the number: its packets and flows go to the others. */
static void lose(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    lane->losing = false;
    /* A suspect is tried again by the number that it killed, or it would walk through the fleet. */
    if (lane_first(lane) == LANE_PACKET && fb_desc_deaths(lane_first_desc(lane)) != 0) {
        fleet->redelivered--; /* it was to come again, and does not */
        quarantine_first(fleet, worker);
    }
    fb_warning("worker %u is lost: %" PRIu64 " packets and %u flows of it go to the others", worker,
               lane_waiting(lane), lane->handles.bound);
    fleet_step(fleet, worker, FB_EVENT_LOSE, now_ns);
    fleet->lost[fleet->lost_count++] = (uint8_t)worker;
    fleet->failovers++;
}

void fleet_emptied(struct fleet *fleet, uint64_t now_ns) {
    unsigned worker = fleet->lost[--fleet->lost_count];
    struct lane *lane = &fleet->lanes[worker];
    if (fleet->lost_known > fleet->lost_count)
        fleet->lost_known = fleet->lost_count;
    assert(is_empty(lane) && lane->marks_head == lane->marks_tail);
    forwards_reset(&lane->forwards, lane->handles.fresh);
    handles_reset(&lane->handles);
    /* What was staged before the loss was published with its burst, so nothing is between. */
    assert(lane->tx.published == lane->tx.seq);
    lane->draining = false;
    balance_update(&fleet->balance, worker, 0, 0, now_ns);
    fleet_step(fleet, worker, FB_EVENT_EMPTIED, now_ns);
    /* An offer that fails is tried again by poll_offered(). */
    if (!fleet->stopping)
        offer(fleet, worker);
}

/*
 * In a lossless run, while no worker could take them, packets and flows are best
 * off where they are: the next process to come may claim the number.
 */
static bool is_without_takers(const struct fleet *fleet) {
    return fleet->lossless && fleet->balance.count == 0;
}

/*
 * Takes stock of what a dead worker left, and offers its number again where that has a
 * use. left: the process went by itself and cleanly.
 */
static void resolve_dead(struct fleet *fleet, unsigned worker, bool left, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    struct fb_resume_point resume_point = {.suspect = false};
    if (lane->up_region.base != NULL) {
        lane->unclaimed_since_ns = now_ns;
        uint64_t before = lane->tx.consumed;
        resume_point = fb_tx_recover(&lane->tx);
        lane_account(lane, before);
        if (resume_point.violation != FB_VIOLATION_NONE && !lane->revoked)
            fleet->violations[resume_point.violation]++;
        lane_withdraw(lane, &fleet->totals[worker]);
    }
    lane->revoked = false;
    fb_ctl_set_pid(fleet->ctl, worker, 0);
    bool waits = !is_empty(lane);
    bool wanted = !fleet->ending && (!fleet->stopping || waits);
    if (!wanted) {
        fleet_step(fleet, worker, FB_EVENT_FREE, now_ns);
        return;
    }
    if (resume_point.suspect)
        quarantine_or_mark(fleet, worker);
    /* It left cleanly, or never came, and owes nothing to any flow: no process has to claim it. */
    bool owes = waits || lane->handles.bound != 0 || lane->handles.pending != 0;
    bool is_free = !owes && (left || lane->claims == 0 || lane->draining || lane->given_up);
    bool immediately = fleet->timing.failover_ns == 0 && !is_without_takers(fleet);
    if (!is_free && (lane->losing || lane->draining || lane->given_up || immediately)) {
        lose(fleet, worker, now_ns);
        return;
    }
    lane->losing = lane->draining = false;
    /* An offer that fails is tried again by poll_dead(). */
    if (offer(fleet, worker) == 0)
        fleet_step(fleet, worker, is_free ? FB_EVENT_FREE : FB_EVENT_OWES, now_ns);
    else
        lane->state_since_ns = now_ns;
}

/*
 * Takes the offer of a number back for good. A process may have claimed it since its
 * worker status was looked at, and be in a packet: so it is revoked as any other
 * before its ring is touched.
 */
static void begin_to_lose(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    fleet->lanes[worker].losing = true;
    fleet_revoke(fleet, worker, now_ns);
}

/* Whether no process claimed the number in time, or none is to come. */
static bool is_overdue(const struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    const struct lane *lane = &fleet->lanes[worker];
    return lane->given_up || (now_ns - lane->unclaimed_since_ns >= fleet->timing.failover_ns &&
                              !is_without_takers(fleet));
}

static void say_overdue(const struct fleet *fleet, unsigned worker) {
    if (!fleet->lanes[worker].given_up)
        fb_warning("worker %u was not started again within %.1f s", worker,
                   seconds(fleet->timing.failover_ns));
}

/* --- looking after each state ----------------------------------------------------------------- */

/* For display only, so what makes no sense is no process. */
static int64_t plausible_pid(const struct fb_up *up) {
    int64_t pid = fb_up_pid(up);
    return pid > 1 && pid <= PID_MOST ? pid : 0;
}

static void poll_offered(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->up_region.base == NULL) {
        if (!fleet->stopping && now_ns - lane->state_since_ns >= OFFER_AGAIN_NS) {
            lane->state_since_ns = now_ns;
            offer(fleet, worker);
        }
        return;
    }
    uint32_t status = fb_up_worker_status(up_of(lane));
    if (fb_guard_faulted(lane->guard)) {
        /* Whatever truncated it, no process can claim it any more. */
        fleet_violated(fleet, worker, FB_VIOLATION_FAULT, now_ns);
    } else if (status != FB_STATUS_VACANT) {
        fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
        if (lane->claims++ > 0)
            lane->counters[FB_LANE_RESTARTS]++;
        lane->given_up = false;
        fleet_step(fleet, worker, FB_EVENT_CLAIM, now_ns);
    } else if (lane->state == FB_STATE_VACANT && is_overdue(fleet, worker, now_ns)) {
        say_overdue(fleet, worker);
        begin_to_lose(fleet, worker, now_ns);
    }
}

/* The process is gone by itself. */
static void reap(struct fleet *fleet, unsigned worker, bool left, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (!left)
        fb_warning("worker %u (pid %" PRId64 ") died; its flows wait for its next process", worker,
                   fb_ctl_pid(fleet->ctl, worker));
    else if (!fleet->stopping)
        fb_info("worker %u left", worker);
    balance_leave(&fleet->balance, worker);
    lane->revoked_pid = 0;
    fleet_step(fleet, worker, FB_EVENT_GONE, now_ns);
    resolve_dead(fleet, worker, left, now_ns);
}

static void become_ready(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
    lane->revoked_pid = 0;
    lane->cursor_since_ns = now_ns;
    fleet_step(fleet, worker, FB_EVENT_READY, now_ns);
    if (fleet->stopping)
        fleet_step(fleet, worker, FB_EVENT_STOP, now_ns);
    else
        balance_join(&fleet->balance, worker);
}

/* Takes down when the cursor last moved, or nothing waited. */
static void note_progress(struct lane *lane, uint64_t now_ns) {
    uint64_t cursor = fb_up_cursor(up_of(lane));
    if (cursor == lane->cursor && !is_empty(lane))
        return;
    lane->cursor = cursor;
    lane->cursor_since_ns = now_ns;
}

/* Whether packets wait and none was finished or begun for --hang. */
static bool is_hung(const struct fleet *fleet, const struct lane *lane, uint64_t now_ns) {
    return now_ns - lane->cursor_since_ns >= fleet->timing.hang_ns;
}

static void command_to_leave(struct fleet *fleet, unsigned worker, enum fb_command command,
                             uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    uint64_t patience_ns = fleet->timing.hang_ns;
    balance_leave(&fleet->balance, worker);
    fleet_step(fleet, worker, FB_EVENT_STOP, now_ns);
    lane->leave_by_ns = fb_deadline_ns(now_ns, patience_ns);
    fb_tx_set_command(&lane->tx, command);
}

/* A draining worker leaves when it owes nothing; at its deadline after its burst. */
static void poll_draining(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    bool owes = !is_empty(lane) || lane->handles.bound != 0 || lane->handles.pending != 0;
    if (!owes)
        command_to_leave(fleet, worker, FB_COMMAND_STOP, now_ns);
    else if (now_ns >= lane->drain_until_ns)
        command_to_leave(fleet, worker, FB_COMMAND_LEAVE, now_ns);
}

/* A process that has its lock and says nothing wrong. */
static void poll_alive(struct fleet *fleet, unsigned worker, uint32_t status, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->state == FB_STATE_STARTING) {
        if (status == FB_STATUS_READY) {
            become_ready(fleet, worker, now_ns);
        } else if (now_ns - lane->state_since_ns >= fleet->timing.start_timeout_ns) {
            fb_warning("worker %u did not become ready within %.1f s; it is revoked", worker,
                       seconds(fleet->timing.start_timeout_ns));
            fleet_revoke(fleet, worker, now_ns);
        }
        return;
    }
    fleet_refresh(fleet, worker, now_ns);
    if (lane->state == FB_STATE_DEAD) /* by what was just read */
        return;
    note_progress(lane, now_ns);
    if (is_hung(fleet, lane, now_ns)) {
        lane->counters[FB_LANE_HANGS]++;
        fb_warning("worker %u (pid %" PRId64 ") hangs: packets wait and it finished nothing for "
                   "%.1f s; it is revoked, and what started it has to kill it",
                   worker, fb_ctl_pid(fleet->ctl, worker), seconds(fleet->timing.hang_ns));
        fleet_revoke(fleet, worker, now_ns);
    } else if (now_ns >= lane->leave_by_ns) {
        fb_warning("worker %u (pid %" PRId64 ") was told to leave and did not: it is revoked",
                   worker, fb_ctl_pid(fleet->ctl, worker));
        fleet_revoke(fleet, worker, now_ns);
    } else if (lane->state == FB_STATE_DRAINING) {
        poll_draining(fleet, worker, now_ns);
    }
}

static void poll_process(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    /* The lock before the status: what a process wrote before it was gone is then all there. */
    bool gone = !fb_lock_held(lane->up_region.fd);
    uint32_t status = fb_up_worker_status(up_of(lane));
    if (fb_guard_faulted(lane->guard))
        fleet_violated(fleet, worker, FB_VIOLATION_FAULT, now_ns);
    else if (status == FB_STATUS_VACANT || status >= FB_STATUS_COUNT)
        fleet_violated(fleet, worker, FB_VIOLATION_STATE_VALUE, now_ns);
    else if (gone)
        reap(fleet, worker, status == FB_STATUS_LEFT, now_ns);
    else
        poll_alive(fleet, worker, status, now_ns);
}

static void poll_dead(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->revoked && !lane->waited) {
        /* The data path revokes by the time of its last look at the clock: the wait begins here. */
        lane->waited = true;
        lane->state_since_ns = now_ns;
        return;
    }
    if (lane->up_region.base == NULL && is_overdue(fleet, worker, now_ns)) {
        say_overdue(fleet, worker);
        lose(fleet, worker, now_ns);
        return;
    }
    uint64_t wait = lane->up_region.base != NULL ? REVOKE_WAIT_NS : OFFER_AGAIN_NS;
    if (now_ns - lane->state_since_ns >= wait)
        resolve_dead(fleet, worker, false, now_ns);
}

void fleet_poll(struct fleet *fleet, uint64_t now_ns) {
    for (unsigned k = 0; k < fleet->count; k++) {
        switch (fleet->lanes[k].state) {
        case FB_STATE_ABSENT:
        case FB_STATE_VACANT:
        case FB_STATE_LOST:
            poll_offered(fleet, k, now_ns);
            break;
        case FB_STATE_STARTING:
        case FB_STATE_READY:
        case FB_STATE_DRAINING:
        case FB_STATE_STOPPING:
            poll_process(fleet, k, now_ns);
            break;
        case FB_STATE_DEAD:
            poll_dead(fleet, k, now_ns);
            break;
        default: /* moving: move.c is at it */
            break;
        }
    }
    balance_decay(&fleet->balance, now_ns);
}

/* --- requests --------------------------------------------------------------------------------- */

void fleet_give_up(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    lane->wanted = false;
    lane->given_up = true;
    if (lane->state == FB_STATE_VACANT)
        begin_to_lose(fleet, worker, now_ns);
}

void fleet_give_up_all(struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count && !fleet->stopping; k++) {
        struct lane *lane = &fleet->lanes[k];
        if (lane->state == FB_STATE_VACANT || lane->state == FB_STATE_DEAD)
            lane->given_up = true;
    }
}

unsigned fleet_wanted(const struct fleet *fleet) {
    unsigned wanted = 0;
    for (unsigned k = 0; k < fleet->count; k++)
        wanted += fleet->lanes[k].wanted;
    return wanted;
}

const char *fleet_add(struct fleet *fleet, unsigned *worker) {
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        if (lane->wanted || (lane->state != FB_STATE_ABSENT && lane->state != FB_STATE_LOST))
            continue;
        lane->wanted = true;
        lane->given_up = false;
        *worker = k;
        return NULL;
    }
    return "every worker number is in use: --max-workers at the start gives more";
}

const char *fleet_drain(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    uint64_t drain_ns = fleet->timing.drain_ns;
    switch (lane->state) {
    case FB_STATE_ABSENT:
    case FB_STATE_LOST:
        return "it has no worker";
    case FB_STATE_STARTING:
        return "it is not ready yet: try again in a moment";
    case FB_STATE_READY:
        if (fleet->balance.count == 1)
            return "it is the only one that is ready: add another first";
        balance_leave(&fleet->balance, worker);
        lane->drain_until_ns = fb_deadline_ns(now_ns, drain_ns);
        fleet_step(fleet, worker, FB_EVENT_DRAIN, now_ns);
        break;
    case FB_STATE_VACANT:
        if (fleet->balance.count == 0)
            return "no other worker is ready to take its flows";
        begin_to_lose(fleet, worker, now_ns);
        break;
    default: /* it is leaving already, or dead and about to be resolved */
        break;
    }
    lane->draining = true;
    lane->wanted = false;
    return NULL;
}

const char *fleet_restart(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    switch (lane->state) {
    case FB_STATE_READY:
        lane->restarts_asked++;
        command_to_leave(fleet, worker, FB_COMMAND_LEAVE, now_ns);
        return NULL;
    case FB_STATE_STARTING:
        lane->restarts_asked++;
        fleet_revoke(fleet, worker, now_ns);
        return NULL;
    case FB_STATE_DRAINING:
    case FB_STATE_STOPPING:
        return "it is about to leave";
    case FB_STATE_ABSENT:
    case FB_STATE_LOST:
        return "it has no worker: add starts one";
    default: /* its next process is awaited anyway */
        return NULL;
    }
}
