/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fleet_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"

void fleet_fixture_init(struct fleet_fixture *f) {
    f->max_flows = 1024;
    f->hang_ns = NEVER;
    f->node = -1;
}

void fleet_fixture_fini(struct fleet_fixture *f) {
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        if (f->hands[k].holds)
            fb_claim_release(&f->hands[k].claim);
        f->hands[k].holds = false;
    }
    if (!f->made)
        return;
    f->made = false;
    fleet_fini(&f->fleet);
    fb_ctl_leave(&f->seen);
    fb_ctl_destroy(&f->ctl);
}

int fleet_fixture_set_up(void **state) {
    struct fleet_fixture *f = new_state(state, sizeof *f);
    fleet_fixture_init(f);
    return 0;
}

int fleet_fixture_tear_down(void **state) {
    struct fleet_fixture *f = *state;
    fleet_fixture_fini(f);
    free(f);
    return 0;
}

static void set_geometry(const struct fleet_fixture *f, unsigned workers, uint32_t depth) {
    struct fb_geometry *geometry = &f->ctl.ctl->geometry;
    geometry->workers = geometry->max_workers = workers;
    geometry->depth = depth;
    geometry->slots = 1;
    while (geometry->slots <= depth + depth / 8)
        geometry->slots *= 2;
    geometry->worker_burst = depth / 4 < 1 ? 1 : depth / 4 > 32 ? 32 : depth / 4;
    geometry->arena_bytes = 65536;
    geometry->max_flows = f->max_flows;
}

/* They are in ctl before the fleet is made. */
static void set_nodes(const struct fleet_fixture *f, unsigned workers) {
    f->ctl.ctl->numa_node = f->node;
    for (unsigned k = 0; k < workers && f->worker_nodes != NULL; k++)
        fb_ctl_set_numa_node(f->ctl.ctl, k, f->worker_nodes[k]);
}

void make_fleet(struct fleet_fixture *f, unsigned workers, uint32_t depth, const char *policy,
                uint64_t failover_ns) {
    char name[FB_NAME_MAX];
    fleet_fixture_fini(f);
    f->now_ns = 1000 * SECOND;
    fb_log_set_level(FB_LOG_ERROR);
    assert_int_equal(fb_guard_init(), 0);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&f->ctl, name), 0);
    set_geometry(f, workers, depth);
    set_nodes(f, workers);
    const struct fleet_timing timing = {.failover_ns = failover_ns,
                                        .start_timeout_ns = 30 * SECOND,
                                        .hang_ns = f->hang_ns,
                                        .drain_ns = 30 * SECOND};
    f->made = true;
    assert_int_equal(fleet_init(&f->fleet, &(struct fleet_config){.ctl = f->ctl.ctl,
                                                                  .flow_records = f->flow_records,
                                                                  .rings = workers - f->unmade,
                                                                  .policy = policy_find(policy),
                                                                  .hugepages = FB_HUGEPAGES_NEVER,
                                                                  .timing = timing}),
                     0);
    f->fleet.lossless = true;
    fb_ctl_format(&f->ctl);
    assert_int_equal(fb_ctl_join(&f->seen, name), FB_JOINED);
}

struct lane *lane_of(struct fleet_fixture *f, unsigned k) {
    return &f->fleet.lanes[k];
}

void poll_fleet(struct fleet_fixture *f) {
    fleet_poll(&f->fleet, f->now_ns);
}

void revocation_passes(struct fleet_fixture *f) {
    poll_fleet(f);
    f->now_ns += REVOKE_WAIT_NS;
    poll_fleet(f);
}

enum fb_state state_of(struct fleet_fixture *f, unsigned k) {
    assert_int_equal(fb_ctl_state(f->seen.ctl, k), lane_of(f, k)->state);
    return lane_of(f, k)->state;
}

void worker_claims(struct fleet_fixture *f, unsigned k) {
    assert_false(f->hands[k].holds);
    assert_int_equal(fb_claim_take(&f->hands[k].claim, &f->seen, k), FB_CLAIMED);
    f->hands[k].holds = true;
    fb_rx_init(&f->hands[k].rx, f->hands[k].claim.down, f->hands[k].claim.up);
    fb_rx_set_flows(&f->hands[k].rx, f->hands[k].claim.flows);
}

void worker_starts(struct fleet_fixture *f, unsigned k) {
    worker_claims(f, k);
    poll_fleet(f);
    assert_int_equal(state_of(f, k), FB_STATE_STARTING);
    fb_up_set_worker_status(f->hands[k].claim.up, FB_STATUS_READY);
    poll_fleet(f);
    assert_int_equal(state_of(f, k), FB_STATE_READY);
}

void worker_dies(struct fleet_fixture *f, unsigned k) {
    assert_true(f->hands[k].holds);
    fb_claim_release(&f->hands[k].claim);
    f->hands[k].holds = false;
}

void worker_leaves(struct fleet_fixture *f, unsigned k) {
    fb_up_set_worker_status(f->hands[k].claim.up, FB_STATUS_LEFT);
    worker_dies(f, k);
}

double *share_of(struct fleet_fixture *f, unsigned k) {
    return &f->fleet.balance.workers[k].facts.share;
}

bool stage_packet(struct fleet_fixture *f, unsigned k) {
    struct lane *lane = lane_of(f, k);
    uint64_t position;
    if (!fb_tx_reserve(&lane->tx, 60, &position))
        return false;
    struct fb_desc *desc = fb_tx_stage(&lane->tx, position, 60);
    *desc =
        (struct fb_desc){.arena_pos = position, .caplen = 60, .wirelen = 60, .frame = lane->tx.seq};
    lane->counters[FB_LANE_ENTERED]++;
    balance_packet(&f->fleet.balance, k);
    return true;
}

void stage_flow_end(struct fleet_fixture *f, unsigned k) {
    struct lane *lane = lane_of(f, k);
    uint16_t generation;
    handles_end(&lane->handles, handles_take(&lane->handles, 1, &generation), FB_END_CLOSED);
    assert_int_equal(lane_stage_ends(lane, 0, 0), 1);
}

void publish_to(struct fleet_fixture *f, unsigned k) {
    fb_tx_publish(&lane_of(f, k)->tx, f->now_ns);
    fb_tx_fence();
}

void give_packets(struct fleet_fixture *f, unsigned k, unsigned packets) {
    for (unsigned i = 0; i < packets; i++)
        assert_true(stage_packet(f, k));
    publish_to(f, k);
}

void worker_finishes(struct fleet_fixture *f, unsigned k, uint32_t n) {
    struct fb_rx *rx = &f->hands[k].rx;
    while (n != 0) {
        uint32_t there = fb_rx_peek(rx);
        assert_int_not_equal(there, 0);
        there = there < n ? there : n;
        fb_rx_release(rx, there);
        n -= there;
    }
}

void lanes_balance(struct fleet_fixture *f) {
    for (unsigned k = 0; k < f->fleet.count; k++) {
        const uint64_t *c = lane_of(f, k)->counters;
        assert_int_equal(c[FB_LANE_ENTERED], c[FB_LANE_INSPECTED] + c[FB_LANE_QUARANTINED] +
                                                 c[FB_LANE_REMOVED] + lane_waiting(lane_of(f, k)));
    }
}
