/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/fleet_life.c: numbers that no process claims, when they are lost, and
 * what is judged first.
 */
#include "tests/lib/fleet_fixture.h"

static void a_number_that_is_not_claimed_in_time_is_lost(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 16, "backlog", SECOND);
    /* One that never came is not missed. */
    f->now_ns += 3600 * SECOND;
    poll_fleet(f);
    assert_int_equal(f->fleet.lost_count, 0);
    worker_starts(f, 0);
    worker_starts(f, 2);
    worker_dies(f, 2);
    poll_fleet(f);
    f->now_ns += SECOND - 1;
    poll_fleet(f);
    assert_int_equal(state_of(f, 2), FB_STATE_VACANT);
    f->now_ns += 1;
    poll_fleet(f);
    revocation_passes(f);
    assert_int_equal(state_of(f, 2), FB_STATE_MOVING);
    assert_int_equal(f->fleet.lost_count, 1);
    assert_int_equal(f->fleet.lost[0], 2);
    assert_int_equal(f->fleet.failovers, 1);
    struct fb_claim late;
    assert_int_equal(fb_claim_take(&late, &f->seen, 2), FB_CLAIM_NOT_YET);
}

static void who_claims_a_number_just_before_it_is_lost_is_judged_first(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", SECOND);
    uint16_t generation; /* of handle 0, which is that of all packets here */
    handles_take(&lane_of(f, 0)->handles, 1, &generation);
    worker_starts(f, 0);
    give_packets(f, 0, 5);
    worker_dies(f, 0);
    poll_fleet(f);
    /* Claimed since the dispatcher looked at its worker status, and in the third packet. */
    worker_claims(f, 0);
    struct fb_rx *rx = &f->hands[0].rx;
    assert_int_equal(fb_rx_peek(rx), 4);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(fb_rx_begin(rx, i, &(struct fb_desc){0}));
    fleet_give_up(&f->fleet, 0, f->now_ns);
    assert_false(fb_rx_begin(rx, 2, &(struct fb_desc){0}));
    revocation_passes(f);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 2);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_QUARANTINED], 1);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 2);
    lanes_balance(f);
}

/* Its flows would have nowhere to go, and a number that is lost cannot be claimed until they did.
 */
static void the_last_one_is_awaited_until_another_is_ready(void **state) {
    struct fleet_fixture *f = *state;
    for (unsigned immediately = 0; immediately < 2; immediately++) {
        make_fleet(f, 2, 16, "backlog", immediately != 0 ? 0 : SECOND);
        worker_starts(f, 1);
        give_packets(f, 1, 3);
        worker_dies(f, 1);
        poll_fleet(f);
        f->now_ns += 60 * SECOND;
        poll_fleet(f);
        assert_int_equal(state_of(f, 1), FB_STATE_VACANT);
        worker_claims(f, 0);
        poll_fleet(f);
        assert_int_equal(state_of(f, 1), FB_STATE_VACANT); /* starting is not ready */
        fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY);
        poll_fleet(f);
        revocation_passes(f);
        revocation_passes(f);
        assert_int_equal(state_of(f, 1), FB_STATE_MOVING);
    }
    make_fleet(f, 2, 16, "backlog", SECOND);
    worker_starts(f, 0);
    give_packets(f, 0, 3);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 60 * SECOND;
    poll_fleet(f);
    worker_starts(f, 0);
    assert_int_equal(fb_rx_peek(&f->hands[0].rx), 3);
    assert_int_equal(f->fleet.failovers, 0);
}

/* What it finished before it learns that it is too late must not be given to anybody else. */
static void one_that_came_unseen_is_judged_before_its_number_is_lost(void **state) {
    struct fleet_fixture *f = *state;
    for (unsigned drained = 0; drained < 2; drained++) {
        make_fleet(f, 2, 16, "backlog", NEVER);
        worker_starts(f, 0);
        worker_starts(f, 1);
        give_packets(f, 0, 8);
        worker_dies(f, 0);
        poll_fleet(f);
        worker_claims(f, 0); /* between two looks of the dispatcher */
        worker_finishes(f, 0, 3);
        if (drained != 0)
            assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
        else
            fleet_give_up(&f->fleet, 0, f->now_ns);
        assert_true(fb_rx_revoked(&f->hands[0].rx));
        assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
        poll_fleet(f);
        worker_finishes(f, 0, 1); /* what it had at hand */
        f->now_ns += REVOKE_WAIT_NS;
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
        assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 4);
        assert_int_equal(lane_waiting(lane_of(f, 0)), 4);
        lanes_balance(f);
    }
}

static void a_claim_stops_the_clock_of_failover(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", SECOND);
    worker_starts(f, 0);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += SECOND - 1;
    worker_claims(f, 0);
    f->now_ns += SECOND;
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_STARTING);
    assert_int_equal(f->fleet.lost_count, 0);
}

static void with_no_deadline_a_number_is_awaited_for_ever(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", NEVER);
    worker_starts(f, 0);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 365 * 86400 * SECOND;
    poll_fleet(f);
    assert_int_equal(f->fleet.lost_count, 0);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    worker_starts(f, 0);
}

static void a_number_given_up_is_lost_even_where_it_would_be_awaited_for_ever(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 16, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 5);
    /* While its process lives nothing moves; when it is gone none is waited for. */
    fleet_give_up(&f->fleet, 0, f->now_ns);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    worker_finishes(f, 0, 2);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 3);
    assert_int_equal(fleet_wanted(&f->fleet), 1);
    fleet_give_up(&f->fleet, 1, f->now_ns);
    assert_int_equal(fleet_wanted(&f->fleet), 0);
}

/* The only two workers die with packets waiting, and --failover passes. */
static void lose_sight_of_both(struct fleet_fixture *f, bool lossless) {
    make_fleet(f, 2, 16, "backlog", SECOND);
    f->fleet.lossless = lossless;
    for (unsigned k = 0; k < 2; k++) {
        worker_starts(f, k);
        give_packets(f, k, 3);
        worker_dies(f, k);
    }
    poll_fleet(f);
    f->now_ns += 2 * SECOND;
    poll_fleet(f);
    revocation_passes(f);
}

static void a_lossless_run_loses_no_number_while_no_worker_could_take_its_packets(void **state) {
    struct fleet_fixture *f = *state;
    lose_sight_of_both(f, true);
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(state_of(f, k), FB_STATE_VACANT);
    /* A process that comes serves its own number, and can take what waits for the other. */
    worker_starts(f, 1);
    poll_fleet(f);
    revocation_passes(f);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    assert_int_equal(state_of(f, 1), FB_STATE_READY);
    assert_int_equal(lane_waiting(lane_of(f, 1)), 3);
}

static void a_run_that_drops_loses_its_last_number_too(void **state) {
    struct fleet_fixture *f = *state;
    lose_sight_of_both(f, false);
    assert_int_equal(f->fleet.lost_count, 2);
}

static void a_number_given_up_is_lost_though_no_worker_could_take_its_packets(void **state) {
    struct fleet_fixture *f = *state;
    lose_sight_of_both(f, true);
    fleet_give_up_all(&f->fleet);
    poll_fleet(f);
    revocation_passes(f);
    assert_int_equal(f->fleet.lost_count, 2);
}

static void what_waits_in_a_lost_ring_at_the_end_is_abandoned(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 16, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 5);
    worker_finishes(f, 0, 2);
    worker_dies(f, 0);
    poll_fleet(f);
    fleet_give_up(&f->fleet, 0, f->now_ns);
    revocation_passes(f);
    assert_false(fleet_drained(&f->fleet));
    fleet_stop(&f->fleet, true, f->now_ns);
    worker_leaves(f, 1);
    poll_fleet(f);
    assert_true(fleet_gone(&f->fleet));
    assert_int_equal(fleet_abandon(&f->fleet), 3);
    lanes_balance(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(a_number_that_is_not_claimed_in_time_is_lost),
        FLEET_TEST(who_claims_a_number_just_before_it_is_lost_is_judged_first),
        FLEET_TEST(the_last_one_is_awaited_until_another_is_ready),
        FLEET_TEST(one_that_came_unseen_is_judged_before_its_number_is_lost),
        FLEET_TEST(a_claim_stops_the_clock_of_failover),
        FLEET_TEST(with_no_deadline_a_number_is_awaited_for_ever),
        FLEET_TEST(a_number_given_up_is_lost_even_where_it_would_be_awaited_for_ever),
        FLEET_TEST(a_lossless_run_loses_no_number_while_no_worker_could_take_its_packets),
        FLEET_TEST(a_run_that_drops_loses_its_last_number_too),
        FLEET_TEST(a_number_given_up_is_lost_though_no_worker_could_take_its_packets),
        FLEET_TEST(what_waits_in_a_lost_ring_at_the_end_is_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
