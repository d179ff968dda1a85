/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/ledger.h"

#include <string.h>

void ledger_gather(struct fb_snapshot *snapshot, const struct datapath *d,
                   const struct capture_stats *capture) {
    const struct ingress *in = &d->ingress;
    const struct fleet *fleet = d->egress.fleet;
    struct flows *flows = d->flows;
    memset(snapshot, 0, sizeof *snapshot);
    memcpy(snapshot->decode, in->decode, sizeof snapshot->decode);
    memcpy(snapshot->dropped, d->egress.dropped, sizeof snapshot->dropped);
    memcpy(snapshot->ended, flows->ended, sizeof snapshot->ended);
    memcpy(snapshot->violations, fleet->violations, sizeof snapshot->violations);
    if (in->fragments != NULL) {
        snapshot->run[FB_RUN_HELD] = fragments_held(in->fragments);
        memcpy(snapshot->fragments, in->fragments->counters, sizeof snapshot->fragments);
    }
    snapshot->run[FB_RUN_RECEIVED] = in->received;
    snapshot->run[FB_RUN_PENDING] = ingress_pending(in);
    snapshot->run[FB_RUN_CAPTURE_RECEIVED] = capture->received;
    snapshot->run[FB_RUN_KERNEL_DROPS] = capture->kernel_drops;
    snapshot->run[FB_RUN_INTERFACE_DROPS] = capture->interface_drops;
    snapshot->run[FB_RUN_MERGED_LATE] = capture->merged_late;
    for (unsigned i = 0; i < capture->interface_count; i++) {
        memcpy(snapshot->interface[i], capture->interfaces[i].counters,
               sizeof snapshot->interface[i]);
        snapshot->interface_state[i] = capture->interfaces[i].state;
    }
    snapshot->run[FB_RUN_REDELIVERED] = fleet->redelivered;
    snapshot->run[FB_RUN_FAILOVERS] = fleet->failovers;
    snapshot->run[FB_RUN_WORKERS_WANTED] = fleet_wanted(fleet);
    if (fleet->quarantine != NULL)
        snapshot->run[FB_RUN_QUARANTINE_LOST] = fleet->quarantine->lost;
    snapshot->run[FB_RUN_BYPASSED] = d->bypassed + fleet->bypassed;
    snapshot->run[FB_RUN_FLOWS_CREATED] = flows->created;
    snapshot->run[FB_RUN_FLOWS_ACTIVE] = flow_table_live(&flows->table);
    snapshot->run[FB_RUN_FLOWS_PEAK] = flows->peak;
    snapshot->run[FB_RUN_FLOW_RECORDS_MISSING] = fleet->flow_records_missing;
    snapshot->run[FB_RUN_SYN_ON_LIVE_FLOW] = flows->stray_syns;
    snapshot->run[FB_RUN_STAMPS_HELD] = in->clock.packets.held;
    snapshot->run[FB_RUN_CLOCK_STEPS_BACK] = in->clock.packets.steps_back;
    top_of_run(&flows->top, &flows->table, snapshot->largest);
    top_now(&flows->top, &flows->table, snapshot->busiest);
    memcpy(snapshot->pairs, flows->pairs.counts, sizeof snapshot->pairs);
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        memcpy(snapshot->lane[k], lane->counters, sizeof snapshot->lane[k]);
        snapshot->lane[k][FB_LANE_WAITING] = lane_waiting(lane);
        snapshot->lane[k][FB_LANE_FLOWS_BOUND] = lane->handles.bound;
    }
}
