/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FLEET_GLOBALS_H
#define TESTS_LIB_FLEET_GLOBALS_H

/*
 * fleet_fixture.h with variables instead of a struct, for loop_fixture.h, until
 * that is a struct too.
 *
 * A fleet over real shared memory, and its workers in the same process: a lock
 * belongs to an open file description, so one process can be both ends. Time
 * is a number that the test sets.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dispatcher/fleet/fleet.h"
#include "flow_balancer/claim.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define NEVER UINT64_MAX

/* What one worker process would hold. */
struct hand {
    struct fb_claim claim;
    struct fb_rx rx;
    bool holds;
};

static struct fb_ctl_handle ctl;  /* the dispatcher's */
static struct fb_ctl_handle seen; /* as the workers map it */
static struct fleet fleet;
static struct hand hands[FB_MAX_WORKERS];
static uint64_t now_ns;
static bool fleet_is_there;
static uint64_t max_flows_of_fleet = 1024; /* what the handles of each worker are made for */
static uint64_t hang_of_fleet = NEVER;
static void (*before_fleet)(struct fb_ctl *ctl); /* called before it is made, or NULL */

static inline void no_fleet(void) {
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        if (hands[k].holds)
            fb_claim_release(&hands[k].claim);
        hands[k].holds = false;
    }
    if (!fleet_is_there)
        return;
    fleet_is_there = false;
    fleet_fini(&fleet);
    fb_ctl_leave(&seen);
    fb_ctl_destroy(&ctl);
}

static inline int free_fleet(void **state) {
    (void)state;
    no_fleet();
    return 0;
}

static inline void make_fleet(unsigned workers, uint32_t depth, const char *policy,
                              uint64_t failover_ns) {
    char name[FB_NAME_MAX];
    no_fleet();
    now_ns = 1000 * SECOND;
    fb_log_set_level(FB_LOG_ERROR);
    assert_int_equal(fb_guard_init(), 0);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&ctl, name), 0);
    struct fb_geometry *geometry = &ctl.ctl->geometry;
    geometry->workers = geometry->max_workers = workers;
    geometry->depth = depth;
    geometry->slots = 1;
    while (geometry->slots <= depth + depth / 8)
        geometry->slots *= 2;
    geometry->worker_burst = depth / 4 < 1 ? 1 : depth / 4 > 32 ? 32 : depth / 4;
    geometry->arena_bytes = 65536;
    geometry->max_flows = max_flows_of_fleet;
    if (before_fleet != NULL)
        before_fleet(ctl.ctl);
    const struct fleet_timing timing = {.failover_ns = failover_ns,
                                        .start_timeout_ns = 30 * SECOND,
                                        .hang_ns = hang_of_fleet,
                                        .drain_ns = 30 * SECOND};
    fleet_is_there = true;
    assert_int_equal(fleet_init(&fleet, &(struct fleet_config){.ctl = ctl.ctl,
                                                               .policy = policy_find(policy),
                                                               .hugepages = FB_HUGEPAGES_NEVER,
                                                               .timing = timing}),
                     0);
    fleet.lossless = true;
    fb_ctl_format(&ctl);
    assert_int_equal(fb_ctl_join(&seen, name), FB_JOINED);
}

static inline struct lane *lane_of(unsigned k) {
    return &fleet.lanes[k];
}

static inline void poll_fleet(void) {
    fleet_poll(&fleet, now_ns);
}

/* A revoked worker has its time to see it, and is judged. */
static inline void revocation_passes(void) {
    poll_fleet();
    now_ns += REVOKE_WAIT_NS;
    poll_fleet();
}

/* The dispatcher's view, which is also what ctl tells everybody. */
static inline enum fb_state state_of(unsigned k) {
    assert_int_equal(fb_ctl_state(seen.ctl, k), lane_of(k)->state);
    return lane_of(k)->state;
}

static inline void claim(unsigned k) {
    assert_false(hands[k].holds);
    assert_int_equal(fb_claim_take(&hands[k].claim, &seen, k), FB_CLAIMED);
    hands[k].holds = true;
    fb_rx_init(&hands[k].rx, hands[k].claim.down, hands[k].claim.up);
}

/* A worker comes and is ready. */
static inline void start(unsigned k) {
    claim(k);
    poll_fleet();
    assert_int_equal(state_of(k), FB_STATE_STARTING);
    fb_up_set_worker_status(hands[k].claim.up, FB_STATUS_READY);
    poll_fleet();
    assert_int_equal(state_of(k), FB_STATE_READY);
}

/* The process is gone, as the kernel leaves it: its mapping and with it the lock. */
static inline void die(unsigned k) {
    assert_true(hands[k].holds);
    fb_claim_release(&hands[k].claim);
    hands[k].holds = false;
}

static inline void leave(unsigned k) {
    fb_up_set_worker_status(hands[k].claim.up, FB_STATUS_LEFT);
    die(k);
}

static inline double *share_of(unsigned k) {
    return &fleet.balance.workers[k].facts.share;
}

static inline bool stage_packet(unsigned k) {
    struct lane *lane = lane_of(k);
    uint64_t position;
    if (!fb_tx_reserve(&lane->tx, 60, &position))
        return false;
    struct fb_desc *desc = fb_tx_stage(&lane->tx, position, 60);
    *desc =
        (struct fb_desc){.arena_pos = position, .caplen = 60, .wirelen = 60, .frame = lane->tx.seq};
    lane->counters[FB_LANE_ENTERED]++;
    balance_packet(&fleet.balance, k);
    return true;
}

static inline void stage_flow_end(unsigned k) {
    struct lane *lane = lane_of(k);
    uint16_t generation;
    handles_end(&lane->handles, handles_take(&lane->handles, 1, &generation), FB_END_CLOSED);
    assert_int_equal(lane_stage_ends(lane, 0, 0), 1);
}

static inline void publish_to(unsigned k) {
    fb_tx_publish(&lane_of(k)->tx, now_ns);
    fb_tx_fence();
}

static inline void give(unsigned k, unsigned packets) {
    for (unsigned i = 0; i < packets; i++)
        assert_true(stage_packet(k));
    publish_to(k);
}

/* The worker finishes n descriptors; the dispatcher has not looked yet. */
static inline void finish(unsigned k, uint32_t n) {
    struct fb_rx *rx = &hands[k].rx;
    while (n != 0) {
        uint32_t there = fb_rx_peek(rx);
        assert_int_not_equal(there, 0);
        there = there < n ? there : n;
        fb_rx_release(rx, there);
        n -= there;
    }
}

/* Each ring's side of the ledger. */
static inline void lanes_balance(void) {
    for (unsigned k = 0; k < fleet.count; k++) {
        const uint64_t *c = lane_of(k)->counters;
        assert_int_equal(c[FB_LANE_ENTERED], c[FB_LANE_INSPECTED] + c[FB_LANE_QUARANTINED] +
                                                 c[FB_LANE_REMOVED] + lane_waiting(lane_of(k)));
    }
}

#endif
