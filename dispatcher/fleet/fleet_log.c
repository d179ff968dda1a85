/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/fleet_log.h"

#include <inttypes.h>

#include "flow_balancer/common/log.h"

static double seconds(uint64_t ns) {
    return (double)ns / 1e9;
}

void fleet_log_died(const struct fleet *fleet, unsigned worker) {
    bool waits = fleet->lanes[worker].disposition == DISPOSITION_WAIT_NEXT;
    fb_warning("worker %u (pid %" PRId64 ") died; its flows %s", worker,
               fb_ctl_pid(fleet->ctl, worker),
               waits ? "wait for its next process" : "go to the others");
}

void fleet_log_back(const struct fleet *fleet, unsigned worker, uint64_t now_ns) {
    uint64_t since_ns = fleet->lanes[worker].away_since_ns;
    if (since_ns != 0)
        fb_info("worker %u is back (pid %" PRId64 ") after %.0f ms", worker,
                fb_ctl_pid(fleet->ctl, worker), (double)(now_ns - since_ns) / 1e6);
}

void fleet_log_overdue(const struct fleet *fleet, unsigned worker) {
    if (fleet->lanes[worker].move_reason != MOVE_REASON_GIVEN_UP)
        fb_warning("worker %u was not started again within %.1f s", worker,
                   seconds(fleet->timing.failover_ns));
}

void fleet_log_silent(const struct fleet *fleet, unsigned worker) {
    fb_warning("worker %u: a process took the number and said nothing for %.1f s; it is revoked",
               worker, seconds(fleet->timing.start_timeout_ns));
}

void fleet_log_not_ready(const struct fleet *fleet, unsigned worker) {
    fb_warning("worker %u did not become ready within %.1f s; it is revoked", worker,
               seconds(fleet->timing.start_timeout_ns));
}

void fleet_log_hangs(const struct fleet *fleet, unsigned worker) {
    fb_warning("worker %u (pid %" PRId64 ") hangs: packets wait and it finished nothing for %.1f "
               "s; it is revoked, and what started it has to kill it",
               worker, fb_ctl_pid(fleet->ctl, worker), seconds(fleet->timing.hang_ns));
}

void fleet_log_stays(const struct fleet *fleet, unsigned worker) {
    fb_warning("worker %u (pid %" PRId64 ") was told to leave and did not: it is revoked", worker,
               fb_ctl_pid(fleet->ctl, worker));
}

/* A drain was asked for: that is no warning. */
void fleet_log_moving(const struct fleet *fleet, unsigned worker) {
    const struct lane *lane = &fleet->lanes[worker];
    bool drained = lane->move_reason == MOVE_REASON_DRAINED;
    fb_log(drained ? FB_LOG_INFO : FB_LOG_WARNING,
           "worker %u is %s: %" PRIu64 " packets and %u flows of it go to the others", worker,
           drained ? "drained" : "lost", lane_waiting(lane), lane->handles.bound);
}

void fleet_log_offer(const struct fleet *fleet, unsigned worker, bool failed_before) {
    bool failed = fleet->lanes[worker].offer_failed;
    if (failed && !failed_before)
        fb_warning("worker %u cannot be started until then: it is tried again every %.0f s", worker,
                   seconds(OFFER_AGAIN_NS));
    else if (failed_before && !failed)
        fb_info("worker %u can be started again", worker);
}
