/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/fleet_log.h"

#include <inttypes.h>

#include "flow_balancer/run_events.h"

static double seconds(uint64_t ns) {
    return (double)ns / 1e9;
}

void fleet_log_claimed(const struct fleet *fleet, unsigned worker) {
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(
        FB_WORKER_EVENT(WORKER_CLAIMED, worker, .pid = pid, .epoch = fleet->lanes[worker].epoch),
        "worker %u: a process took the number", worker);
}

void fleet_log_left(const struct fleet *fleet, unsigned worker) {
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(fleet->phase == FLEET_RUNNING ? FB_WORKER_EVENT(WORKER_LEFT, worker, .pid = pid)
                                                : FB_WORKER_EVENT(WORKER_DONE, worker, .pid = pid),
                  "worker %u left", worker);
}

void fleet_log_died(const struct fleet *fleet, unsigned worker) {
    const struct lane *lane = &fleet->lanes[worker];
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    bool waits = lane->disposition == DISPOSITION_WAIT_NEXT;
    fb_tell_event(FB_WORKER_EVENT(WORKER_DIED, worker, .pid = pid, .epoch = lane->epoch),
                  "worker %u (pid %" PRId64 ") died; its flows %s", worker, pid,
                  waits ? "wait for its next process" : "go to the others");
}

void fleet_log_ready(const struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    const struct lane *lane = &fleet->lanes[worker];
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    uint64_t away_ns = lane->away_since_ns != 0 ? now_ns - lane->away_since_ns : 0;
    if (lane->away_since_ns == 0)
        fb_tell_event(FB_WORKER_EVENT(WORKER_READY, worker, .pid = pid, .epoch = lane->epoch),
                      "worker %u (pid %" PRId64 ") is ready", worker, pid);
    else
        fb_tell_event(FB_WORKER_EVENT(WORKER_BACK, worker, .pid = pid, .epoch = lane->epoch,
                                      .duration_ns = away_ns),
                      "worker %u is back (pid %" PRId64 ") after %.0f ms", worker, pid,
                      (double)away_ns / 1e6);
}

void fleet_log_draining(const struct fleet *fleet, unsigned worker) {
    uint32_t flows = fleet->lanes[worker].handles.bound;
    fb_tell_event(FB_WORKER_EVENT(WORKER_DRAINING, worker, .count = flows),
                  "worker %u gets no new flows: it leaves when %" PRIu32 " flows of it are over",
                  worker, flows);
}

void fleet_log_overdue(const struct fleet *fleet, unsigned worker) {
    uint64_t failover_ns = fleet->timing.failover_ns;
    if (fleet->lanes[worker].move_reason != MOVE_REASON_GIVEN_UP)
        fb_tell_event(FB_WORKER_EVENT(WORKER_OVERDUE, worker, .duration_ns = failover_ns),
                      "worker %u was not started again within %.1f s", worker,
                      seconds(failover_ns));
}

void fleet_log_silent(const struct fleet *fleet, unsigned worker) {
    uint64_t timeout_ns = fleet->timing.start_timeout_ns;
    fb_tell_event(FB_WORKER_EVENT(WORKER_SILENT, worker, .duration_ns = timeout_ns),
                  "worker %u: a process took the number and said nothing for %.1f s; it is revoked",
                  worker, seconds(timeout_ns));
}

void fleet_log_not_ready(const struct fleet *fleet, unsigned worker) {
    uint64_t timeout_ns = fleet->timing.start_timeout_ns;
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(FB_WORKER_EVENT(WORKER_UNREADY, worker, .pid = pid, .duration_ns = timeout_ns),
                  "worker %u did not become ready within %.1f s; it is revoked", worker,
                  seconds(timeout_ns));
}

void fleet_log_hangs(const struct fleet *fleet, unsigned worker) {
    uint64_t hang_ns = fleet->timing.hang_ns;
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(FB_WORKER_EVENT(WORKER_HUNG, worker, .pid = pid, .duration_ns = hang_ns),
                  "worker %u (pid %" PRId64 ") hangs: packets wait and it finished nothing for "
                  "%.1f s; it is revoked, and what started it has to kill it",
                  worker, pid, seconds(hang_ns));
}

void fleet_log_stays(const struct fleet *fleet, unsigned worker) {
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(FB_WORKER_EVENT(WORKER_STAYED, worker, .pid = pid),
                  "worker %u (pid %" PRId64 ") was told to leave and did not: it is revoked",
                  worker, pid);
}

void fleet_log_violated(const struct fleet *fleet, unsigned worker, enum fb_violation violation) {
    int64_t pid = fb_ctl_pid(fleet->ctl, worker);
    fb_tell_event(
        FB_WORKER_EVENT(WORKER_VIOLATED, worker, .pid = pid, .count = fleet->violations[violation]),
        "worker %u broke the protocol: %s; it is revoked", worker,
        fb_violation_texts[violation].text);
}

/* A drain was asked for: that is no warning. */
void fleet_log_moving(const struct fleet *fleet, unsigned worker) {
    const struct lane *lane = &fleet->lanes[worker];
    bool drained = lane->move_reason == MOVE_REASON_DRAINED;
    uint64_t waiting = lane_waiting(lane);
    fb_tell_event(drained ? FB_WORKER_EVENT(WORKER_DRAINED, worker, .count = waiting)
                          : FB_WORKER_EVENT(WORKER_LOST, worker, .count = waiting),
                  "worker %u is %s: %" PRIu64 " packets and %u flows of it go to the others",
                  worker, drained ? "drained" : "lost", waiting, lane->handles.bound);
}

void fleet_log_offer(const struct fleet *fleet, unsigned worker, bool failed_before) {
    const struct lane *lane = &fleet->lanes[worker];
    if (lane->offer_failed && !failed_before)
        fb_tell_event(FB_WORKER_EVENT(WORKER_BLOCKED, worker),
                      "worker %u cannot be started until then: it is tried again every %.0f s",
                      worker, seconds(OFFER_AGAIN_NS));
    else if (failed_before && !lane->offer_failed)
        fb_tell_event(FB_WORKER_EVENT(WORKER_UNBLOCKED, worker), "worker %u can be started again",
                      worker);
    if (!lane->offer_failed)
        fb_tell_event(FB_WORKER_EVENT(WORKER_OFFERED, worker, .epoch = lane->epoch),
                      "worker %u: any process may take the number", worker);
}
