/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/fleet_life.h"

#include <assert.h>
#include <inttypes.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/run_events.h"

#include "dispatcher/fleet/fleet_log.h"

#define PID_MOST 4194304 /* Linux's PID_MAX_LIMIT on 64 bits */

static const struct fb_up *up_of(const struct lane *lane) {
    return lane->up_region.base;
}

static bool is_empty(const struct lane *lane) {
    return lane->tx.seq == lane->tx.consumed;
}

/* Whether a process is there that has been ready. */
static bool is_serving(const struct lane *lane) {
    return fb_life_has_process(lane->state) && lane->state != FB_STATE_STARTING;
}

void fleet_step(struct fleet *fleet, unsigned worker, enum fb_life_event event, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    enum fb_state state = fb_life_next(lane->state, event);
    assert(state != FB_STATE_NONE);
    if (event == FB_EVENT_GONE && is_serving(lane) && lane->move_reason != MOVE_REASON_DRAINED)
        lane->away_since_ns = now_ns;
    lane->state = state;
    lane->state_since_ns = now_ns;
    fb_ctl_set_state(fleet->ctl, worker, state);
}

/* --- revoked ---------------------------------------------------------------------------------- */

void fleet_revoke(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    balance_leave(&fleet->balance, worker);
    lane->death = DEATH_REVOKED;
    lane->revocations += fb_life_has_process(lane->state);
    fb_tx_set_epoch(&lane->tx, lane->epoch + 1);
    fleet_step(fleet, worker, FB_EVENT_GONE, now_ns);
}

void fleet_violated(struct fleet *fleet, unsigned worker, enum fb_violation violation,
                    uint64_t now_ns) {
    /* What was truncated reads as zeros, which say nothing else of the worker. */
    if (fb_guard_faulted(fleet->lanes[worker].guard))
        violation = FB_VIOLATION_FAULT;
    fleet->violations[violation]++;
    fleet_log_violated(fleet, worker, violation);
    fleet_revoke(fleet, worker, now_ns);
}

/* --- a packet that kills ---------------------------------------------------------------------- */

/* One packet more of this flow has killed: at the third the flow goes to no worker any more. */
static void count_quarantined(struct fleet *fleet, struct lane *lane, const struct fb_desc *desc) {
    fleet->quarantined_flows[fleet->quarantined_flow_count++] = desc->flow_id;
    if (++lane->handles.table[desc->handle].quarantined < FLOW_QUARANTINED_MOST)
        return;
    fb_tell_event(FB_RUN_EVENT(FLOW_BYPASSED, .count = desc->flow_id),
                  "flow %" PRIu64 " had %u packets quarantined: the rest of it is bypassed",
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
        const char *kept = quarantine_keep(fleet->quarantine, NULL);
        fb_tell_event(
            FB_WORKER_EVENT(PACKET_QUARANTINED, worker),
            "a packet killed worker %u, its descriptor is written over: it is quarantined%s",
            worker, kept);
        lane_quarantine_first(lane);
        return;
    }
    const struct quarantined packet = {
        .time_ns = desc.time_ns,
        .frame = desc.frame,
        .caplen = desc.caplen,
        .wirelen = desc.wirelen,
        .dlt = fb_ctl_link_type(fleet->ctl, fb_desc_link(&desc)),
        .bytes = fb_tx_bytes(&lane->tx, desc.arena_pos),
    };
    const char *kept = quarantine_keep(fleet->quarantine, &packet);
    fb_tell_event(FB_WORKER_EVENT(PACKET_QUARANTINED, worker, .count = desc.frame),
                  "frame %" PRIu64 " (flow %" PRIu64
                  ", %u bytes) killed worker %u: it is quarantined%s",
                  desc.frame, desc.flow_id, desc.caplen, worker, kept);
    lane_quarantine_first(lane);
    count_quarantined(fleet, lane, &desc);
}

/* A process died on the descriptor at the resume point: once is redelivered, twice is enough. A
 * flow end too: it may have been in the middle of what it says of the flow. */
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
    fb_tx_set_command(&lane->tx, fleet->phase == FLEET_RUNNING ? FB_COMMAND_RUN : FB_COMMAND_STOP);
    lane->leave_by_ns = UINT64_MAX;
    lane->locked_since_ns = 0;
    lane_set_disposition(lane, DISPOSITION_WAIT_NEXT, MOVE_REASON_NONE);
    bool failed_before = lane->offer_failed;
    int error = lane_offer(lane, fleet->ctl, worker);
    fleet_log_offer(fleet, worker, failed_before);
    return error;
}

/* No process is to come for the number: its packets and flows go to the others. */
static void lose(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    /* A suspect is tried again by the number that it killed, or it would walk through the fleet. */
    if (lane_first(lane) == LANE_PACKET && fb_desc_deaths(lane_first_desc(lane)) != 0) {
        fleet->redelivered--; /* it was to come again, and does not */
        quarantine_first(fleet, worker);
    }
    fleet_log_moving(fleet, worker);
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
    balance_update(&fleet->balance, worker, 0, 0, now_ns);
    fleet_step(fleet, worker, FB_EVENT_EMPTIED, now_ns);
    /* An offer that fails is tried again by poll_offered(). */
    if (fleet->phase == FLEET_RUNNING)
        offer(fleet, worker);
}

/*
 * In a lossless run, while no worker could take them, packets and flows are best
 * off where they are: the next process to come may claim the number.
 */
static bool is_without_takers(const struct fleet *fleet) {
    return fleet->lossless && fleet->balance.count == 0;
}

/* Whether packets, flows or their ends wait for a process of the number. */
static bool owes(const struct lane *lane) {
    return !is_empty(lane) || lane->handles.bound != 0 || lane->handles.pending != 0;
}

/* What decides about a number that is gone. One that died, and was not told to go, comes back. */
static struct remains remains_of(const struct fleet *fleet, const struct lane *lane) {
    bool immediately = fleet->timing.failover_ns == 0 && !is_without_takers(fleet);
    bool comes_back = lane->death != DEATH_LEFT && lane->claims != 0 &&
                      lane->move_reason != MOVE_REASON_DRAINED &&
                      lane->move_reason != MOVE_REASON_GIVEN_UP;
    return (struct remains){
        .phase = fleet->phase,
        .disposition = immediately ? DISPOSITION_MOVE_GONE : lane->disposition,
        .has_packets = !is_empty(lane),
        .is_awaited = owes(lane) || comes_back,
    };
}

/* Takes over what a dead worker finished. Returns whether a packet was under inspection. */
static bool take_stock(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    struct fb_resume_point resume_point = {.suspect = false};
    if (lane->up_region.base != NULL) {
        lane->unclaimed_since_ns = now_ns;
        uint64_t before = lane->tx.consumed;
        resume_point = fb_tx_recover(&lane->tx);
        lane_account(lane, before);
        bool revoked = lane->death == DEATH_REVOKED_WAITED;
        if (resume_point.violation != FB_VIOLATION_NONE && !revoked)
            fleet->violations[resume_point.violation]++;
        lane_withdraw(lane, &fleet->totals[worker]);
    }
    fb_ctl_set_pid(fleet->ctl, worker, 0);
    return resume_point.suspect;
}

/* Decides about a number whose process is gone, by the table of disposition.c. */
static void resolve_dead(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    bool suspect = take_stock(fleet, worker, now_ns);
    struct remains remains = remains_of(fleet, lane);
    if (suspect && resolve(&remains) != RESOLVE_RETIRE) {
        quarantine_or_mark(fleet, worker);
        remains = remains_of(fleet, lane);
    }
    enum resolution resolution = resolve(&remains);
    switch (resolution) {
    case RESOLVE_RETIRE:
        fleet_step(fleet, worker, FB_EVENT_FREE, now_ns);
        break;
    case RESOLVE_LOSE:
        lose(fleet, worker, now_ns);
        break;
    default:
        /* An offer that fails is tried again by poll_dead(). */
        if (offer(fleet, worker) == 0)
            fleet_step(fleet, worker, resolution == RESOLVE_FREE ? FB_EVENT_FREE : FB_EVENT_OWES,
                       now_ns);
        else
            lane->state_since_ns = now_ns;
    }
}

/*
 * Takes the offer of a number back for good. A process may have claimed it since its
 * worker status was looked at, and be in a packet: so it is revoked as any other
 * before its ring is touched.
 */
static void begin_to_lose(struct fleet *fleet, unsigned worker, enum move_reason reason,
                          uint64_t now_ns) {
    lane_set_disposition(&fleet->lanes[worker], DISPOSITION_MOVE_NOW, reason);
    fleet_revoke(fleet, worker, now_ns);
}

/* Whether no process claimed the number in time, or none is to come. */
static bool is_overdue(const struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    const struct lane *lane = &fleet->lanes[worker];
    return lane->move_reason == MOVE_REASON_GIVEN_UP ||
           (now_ns - lane->unclaimed_since_ns >= fleet->timing.failover_ns &&
            !is_without_takers(fleet));
}

/* --- looking after each state ----------------------------------------------------------------- */

/* For display only, so what makes no sense is no process. */
static int64_t plausible_pid(const struct fb_up *up) {
    int64_t pid = fb_up_pid(up);
    return pid > 1 && pid <= PID_MOST ? pid : 0;
}

/*
 * A process that has the lock of a number on offer and says nothing: stopped between the
 * two, it would block the number for ever.
 */
static bool is_blocked(const struct fleet *fleet, const struct lane *lane, uint64_t now_ns) {
    return lane->locked_since_ns != 0 &&
           now_ns - lane->locked_since_ns >= fleet->timing.start_timeout_ns;
}

static void note_lock(struct lane *lane, uint64_t now_ns) {
    if (!fb_lock_held(lane->up_region.fd))
        lane->locked_since_ns = 0;
    else if (lane->locked_since_ns == 0)
        lane->locked_since_ns = now_ns;
}

static void poll_offered(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->up_region.base == NULL) {
        if (fleet->phase == FLEET_RUNNING && now_ns - lane->state_since_ns >= OFFER_AGAIN_NS) {
            lane->state_since_ns = now_ns;
            offer(fleet, worker);
        }
        return;
    }
    uint32_t status = fb_up_worker_status(up_of(lane));
    note_lock(lane, now_ns);
    if (fb_guard_faulted(lane->guard)) {
        /* Whatever truncated it, no process can claim it any more. */
        fleet_violated(fleet, worker, FB_VIOLATION_FAULT, now_ns);
    } else if (status != FB_STATUS_VACANT) {
        fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
        if (lane->claims++ > 0)
            lane->counters[FB_LANE_RESTARTS]++;
        if (lane->move_reason == MOVE_REASON_GIVEN_UP)
            lane_set_disposition(lane, DISPOSITION_WAIT_NEXT, MOVE_REASON_NONE);
        fleet_step(fleet, worker, FB_EVENT_CLAIM, now_ns);
        fleet_log_claimed(fleet, worker);
    } else if (is_blocked(fleet, lane, now_ns)) {
        fleet_log_silent(fleet, worker);
        fleet_revoke(fleet, worker, now_ns);
    } else if (lane->state == FB_STATE_VACANT && is_overdue(fleet, worker, now_ns)) {
        fleet_log_overdue(fleet, worker);
        begin_to_lose(fleet, worker,
                      lane->move_reason == MOVE_REASON_GIVEN_UP ? MOVE_REASON_GIVEN_UP
                                                                : MOVE_REASON_OVERDUE,
                      now_ns);
    }
}

/* The process is gone by itself. */
static void reap(struct fleet *fleet, unsigned worker, bool left, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (!left)
        fleet_log_died(fleet, worker);
    else
        fleet_log_left(fleet, worker);
    balance_leave(&fleet->balance, worker);
    lane->death = left ? DEATH_LEFT : DEATH_CRASHED;
    fleet_step(fleet, worker, FB_EVENT_GONE, now_ns);
    resolve_dead(fleet, worker, now_ns);
}

static void become_ready(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane)));
    lane->progress = lane->tx.consumed * 2;
    lane->progress_since_ns = now_ns;
    fleet_log_ready(fleet, worker, now_ns);
    lane->away_since_ns = 0;
    fleet_step(fleet, worker, FB_EVENT_READY, now_ns);
    if (fleet->phase != FLEET_RUNNING)
        fleet_step(fleet, worker, FB_EVENT_STOP, now_ns);
    else
        balance_join(&fleet->balance, worker);
}

/* Takes what a living worker finished, and when it last got on, or nothing waited. */
static enum fb_violation note_progress(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    uint64_t before = lane->counters[FB_LANE_INSPECTED], progress;
    enum fb_violation violation = lane_watch(lane, &progress);
    if (violation != FB_VIOLATION_NONE)
        return violation;
    balance_update(&fleet->balance, worker, lane_waiting(lane),
                   lane->counters[FB_LANE_INSPECTED] - before, now_ns);
    /* No growth, but it says that it waits: for room on a disk, say, and not for itself. */
    uint64_t waits = fb_up_counter(up_of(lane), FB_WORKER_OUTPUT_WAITS);
    bool waits_for_output = waits != lane->output_waits;
    lane->output_waits = waits;
    if (waits_for_output)
        lane->waits_until_ns = fb_deadline_ns(now_ns, fleet->timing.hang_ns);
    if ((int64_t)(progress - lane->progress) > 0 || is_empty(lane) || waits_for_output) {
        lane->progress = progress;
        lane->progress_since_ns = now_ns;
    }
    return FB_VIOLATION_NONE;
}

/* Whether packets wait, and for --hang none was finished or begun, nor did it say why not. */
static bool is_hung(const struct fleet *fleet, const struct lane *lane, uint64_t now_ns) {
    return now_ns - lane->progress_since_ns >= fleet->timing.hang_ns;
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

/*
 * Whether one that was told to leave should be gone. It stays for a packet of which a part is out,
 * and says then that it waits for its output: for as long as draining may take.
 */
static bool overstays(const struct fleet *fleet, const struct lane *lane, uint64_t now_ns) {
    uint64_t more_ns = now_ns < lane->waits_until_ns ? fleet->timing.drain_ns : 0;
    return now_ns >= fb_deadline_ns(lane->leave_by_ns, more_ns);
}

/* A draining worker leaves when it owes nothing; at its deadline after its burst. */
static void poll_draining(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (!owes(lane))
        command_to_leave(fleet, worker, FB_COMMAND_STOP, now_ns);
    else if (now_ns >= lane->drain_until_ns)
        command_to_leave(fleet, worker, FB_COMMAND_LEAVE, now_ns);
}

/* A process that has its lock and says nothing wrong. */
static void poll_alive(struct fleet *fleet, unsigned worker, uint32_t status, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    if (lane->state == FB_STATE_STARTING) {
        fb_ctl_set_pid(fleet->ctl, worker, plausible_pid(up_of(lane))); /* said after the claim */
        if (status == FB_STATUS_READY) {
            become_ready(fleet, worker, now_ns);
        } else if (now_ns - lane->state_since_ns >= fleet->timing.start_timeout_ns) {
            fleet_log_not_ready(fleet, worker);
            fleet_revoke(fleet, worker, now_ns);
        }
        return;
    }
    enum fb_violation violation = note_progress(fleet, worker, now_ns);
    if (violation != FB_VIOLATION_NONE) {
        fleet_violated(fleet, worker, violation, now_ns);
    } else if (is_hung(fleet, lane, now_ns)) {
        lane->counters[FB_LANE_HANGS]++;
        fleet_log_hangs(fleet, worker);
        fleet_revoke(fleet, worker, now_ns);
    } else if (overstays(fleet, lane, now_ns)) {
        fleet_log_stays(fleet, worker);
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
    if (lane->death == DEATH_REVOKED) {
        /* The data path revokes by the time of its last look at the clock: the wait begins here. */
        lane->death = DEATH_REVOKED_WAITED;
        lane->state_since_ns = now_ns;
        return;
    }
    if (lane->up_region.base == NULL && is_overdue(fleet, worker, now_ns)) {
        fleet_log_overdue(fleet, worker);
        lose(fleet, worker, now_ns);
        return;
    }
    uint64_t wait = lane->up_region.base != NULL ? REVOKE_WAIT_NS : OFFER_AGAIN_NS;
    if (now_ns - lane->state_since_ns >= wait)
        resolve_dead(fleet, worker, now_ns);
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
    if (lane->state == FB_STATE_VACANT)
        begin_to_lose(fleet, worker, MOVE_REASON_GIVEN_UP, now_ns);
    else
        lane_set_disposition(lane, DISPOSITION_MOVE_GONE, MOVE_REASON_GIVEN_UP);
}

void fleet_give_up_all(struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count && fleet->phase == FLEET_RUNNING; k++) {
        struct lane *lane = &fleet->lanes[k];
        if (lane->state == FB_STATE_VACANT || lane->state == FB_STATE_DEAD)
            lane_set_disposition(lane, DISPOSITION_MOVE_GONE, MOVE_REASON_GIVEN_UP);
    }
}

unsigned fleet_wanted(const struct fleet *fleet) {
    unsigned wanted = 0;
    for (unsigned k = 0; k < fleet->count; k++)
        wanted += fleet->lanes[k].wanted;
    return wanted;
}

bool fleet_may_come(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        bool is_gone = lane->state == FB_STATE_VACANT || lane->state == FB_STATE_DEAD;
        if (lane->wanted || fb_life_has_process(lane->state) ||
            (is_gone && lane->move_reason != MOVE_REASON_GIVEN_UP))
            return true;
    }
    return false;
}

bool fleet_has_process(const struct fleet *fleet) {
    for (unsigned k = 0; k < fleet->count; k++) {
        enum fb_state state = fleet->lanes[k].state;
        if (fb_life_has_process(state) || state == FB_STATE_DEAD)
            return true;
    }
    return false;
}

void fleet_skip_time(struct fleet *fleet, uint64_t gap_ns) {
    for (unsigned k = 0; k < fleet->count; k++) {
        struct lane *lane = &fleet->lanes[k];
        lane->state_since_ns = fb_deadline_ns(lane->state_since_ns, gap_ns);
        lane->unclaimed_since_ns = fb_deadline_ns(lane->unclaimed_since_ns, gap_ns);
        lane->drain_until_ns = fb_deadline_ns(lane->drain_until_ns, gap_ns);
        lane->waits_until_ns = fb_deadline_ns(lane->waits_until_ns, gap_ns);
        lane->leave_by_ns = fb_deadline_ns(lane->leave_by_ns, gap_ns);
        lane->progress_since_ns = fb_deadline_ns(lane->progress_since_ns, gap_ns);
        if (lane->locked_since_ns != 0)
            lane->locked_since_ns = fb_deadline_ns(lane->locked_since_ns, gap_ns);
    }
}

const char *fleet_drain(struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    struct lane *lane = &fleet->lanes[worker];
    switch (lane->state) {
    case FB_STATE_ABSENT:
    case FB_STATE_LOST:
        if (!lane->wanted)
            return "it has no worker";
        if (fleet_wanted(fleet) == 1)
            return "it is the only one that is wanted: add another first";
        lane->wanted = false;
        return NULL;
    case FB_STATE_STARTING:
        return "it is not ready yet: try again in a moment";
    case FB_STATE_READY:
        if (fleet->balance.count == 1)
            return "it is the only one that is ready: add another first";
        balance_leave(&fleet->balance, worker);
        lane->drain_until_ns = fb_deadline_ns(now_ns, fleet->timing.drain_ns);
        fleet_step(fleet, worker, FB_EVENT_DRAIN, now_ns);
        fleet_log_draining(fleet, worker);
        break;
    case FB_STATE_VACANT:
        if (fleet->balance.count == 0)
            return "no other worker is ready to take its flows";
        lane->wanted = false;
        begin_to_lose(fleet, worker, MOVE_REASON_DRAINED, now_ns);
        return NULL;
    default: /* it is leaving already, or dead and about to be resolved */
        break;
    }
    lane_set_disposition(lane, DISPOSITION_MOVE_GONE, MOVE_REASON_DRAINED);
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
