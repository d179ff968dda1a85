/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for which no process comes: when they are lost, and what is judged first. */
#include "tests/lib/fleet_fixture.h"

static void a_number_that_no_process_claims_in_time_is_lost(void **state) {
    (void)state;
    make_fleet(3, 16, "backlog", SECOND);
    /* One that never came is not missed. */
    now_ns += 3600 * SECOND;
    poll_fleet();
    assert_int_equal(fleet.lost_count, 0);
    start(0);
    start(2);
    die(2);
    poll_fleet();
    now_ns += SECOND - 1;
    poll_fleet();
    assert_int_equal(state_of(2), FB_STATE_VACANT);
    now_ns += 1;
    poll_fleet();
    revocation_passes();
    assert_int_equal(state_of(2), FB_STATE_MOVING);
    assert_int_equal(fleet.lost_count, 1);
    assert_int_equal(fleet.lost[0], 2);
    assert_int_equal(fleet.failovers, 1);
    struct fb_claim late;
    assert_int_equal(fb_claim_take(&late, &seen, 2), FB_CLAIM_NOT_YET);
}

static void who_claims_a_number_just_before_it_is_lost_is_judged_first(void **state) {
    (void)state;
    make_fleet(1, 16, "backlog", SECOND);
    uint16_t generation; /* of handle 0, which is that of all packets here */
    handles_take(&lane_of(0)->handles, 1, &generation);
    start(0);
    give(0, 5);
    die(0);
    poll_fleet();
    /* Claimed since the dispatcher looked at its worker status, and in the third packet. */
    claim(0);
    struct fb_rx *rx = &hands[0].rx;
    assert_int_equal(fb_rx_peek(rx), 4);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(fb_rx_begin(rx, i));
    fleet_give_up(&fleet, 0, now_ns);
    assert_false(fb_rx_begin(rx, 2));
    revocation_passes();
    assert_int_equal(state_of(0), FB_STATE_MOVING);
    assert_int_equal(lane_of(0)->counters[FB_LANE_INSPECTED], 2);
    assert_int_equal(lane_of(0)->counters[FB_LANE_QUARANTINED], 1);
    assert_int_equal(lane_waiting(lane_of(0)), 2);
    lanes_balance();
}

/* Its flows would have nowhere to go, and a number that is lost cannot be claimed until they did.
 */
static void the_last_one_is_awaited_until_somebody_else_is_ready(void **state) {
    (void)state;
    for (unsigned immediate = 0; immediate < 2; immediate++) {
        make_fleet(2, 16, "backlog", immediate != 0 ? 0 : SECOND);
        start(1);
        give(1, 3);
        die(1);
        poll_fleet();
        now_ns += 60 * SECOND;
        poll_fleet();
        assert_int_equal(state_of(1), FB_STATE_VACANT);
        claim(0);
        poll_fleet();
        assert_int_equal(state_of(1), FB_STATE_VACANT); /* starting is not ready */
        fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_READY);
        poll_fleet();
        revocation_passes();
        revocation_passes();
        assert_int_equal(state_of(1), FB_STATE_MOVING);
    }
    make_fleet(2, 16, "backlog", SECOND);
    start(0);
    give(0, 3);
    die(0);
    poll_fleet();
    now_ns += 60 * SECOND;
    poll_fleet();
    start(0);
    assert_int_equal(fb_rx_peek(&hands[0].rx), 3);
    assert_int_equal(fleet.failovers, 0);
}

/* What it finished before it learns that it is too late must not be given to anybody else. */
static void one_that_came_unseen_is_judged_before_its_number_is_lost(void **state) {
    (void)state;
    for (unsigned drained = 0; drained < 2; drained++) {
        make_fleet(2, 16, "backlog", NEVER);
        start(0);
        start(1);
        give(0, 8);
        die(0);
        poll_fleet();
        claim(0); /* between two looks of the dispatcher */
        finish(0, 3);
        if (drained != 0)
            assert_null(fleet_drain(&fleet, 0, now_ns));
        else
            fleet_give_up(&fleet, 0, now_ns);
        assert_true(fb_rx_revoked(&hands[0].rx));
        assert_int_equal(state_of(0), FB_STATE_DEAD);
        poll_fleet();
        finish(0, 1); /* what it had at hand */
        now_ns += REVOKE_WAIT_NS;
        poll_fleet();
        assert_int_equal(state_of(0), FB_STATE_MOVING);
        assert_int_equal(lane_of(0)->counters[FB_LANE_INSPECTED], 4);
        assert_int_equal(lane_waiting(lane_of(0)), 4);
        lanes_balance();
    }
}

static void a_claim_stops_the_clock_of_failover(void **state) {
    (void)state;
    make_fleet(1, 16, "backlog", SECOND);
    start(0);
    die(0);
    poll_fleet();
    now_ns += SECOND - 1;
    claim(0);
    now_ns += SECOND;
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_STARTING);
    assert_int_equal(fleet.lost_count, 0);
}

static void with_no_deadline_a_number_is_awaited_for_ever(void **state) {
    (void)state;
    make_fleet(1, 16, "backlog", NEVER);
    start(0);
    die(0);
    poll_fleet();
    now_ns += 365 * 86400 * SECOND;
    poll_fleet();
    assert_int_equal(fleet.lost_count, 0);
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    start(0);
}

static void a_number_given_up_is_lost_even_where_it_would_be_awaited_for_ever(void **state) {
    (void)state;
    make_fleet(2, 16, "backlog", NEVER);
    start(0);
    start(1);
    give(0, 5);
    /* While its process lives nothing moves; when it is gone none is waited for. */
    fleet_give_up(&fleet, 0, now_ns);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_READY);
    finish(0, 2);
    die(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_MOVING);
    assert_int_equal(lane_waiting(lane_of(0)), 3);
    assert_int_equal(fleet_wanted(&fleet), 1);
    fleet_give_up(&fleet, 1, now_ns);
    assert_int_equal(fleet_wanted(&fleet), 0);
}

/* The only two workers die with packets waiting, and --failover passes. */
static void lose_sight_of_both(bool lossless) {
    make_fleet(2, 16, "backlog", SECOND);
    fleet.lossless = lossless;
    for (unsigned k = 0; k < 2; k++) {
        start(k);
        give(k, 3);
        die(k);
    }
    poll_fleet();
    now_ns += 2 * SECOND;
    poll_fleet();
    revocation_passes();
}

static void a_lossless_run_loses_no_number_while_none_could_take_its_packets(void **state) {
    (void)state;
    lose_sight_of_both(true);
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(state_of(k), FB_STATE_VACANT);
    /* A process that comes serves its own number, and can take what waits for the other. */
    start(1);
    poll_fleet();
    revocation_passes();
    assert_int_equal(state_of(0), FB_STATE_MOVING);
    assert_int_equal(state_of(1), FB_STATE_READY);
    assert_int_equal(lane_waiting(lane_of(1)), 3);
}

static void a_run_that_drops_loses_its_last_number_too(void **state) {
    (void)state;
    lose_sight_of_both(false);
    assert_int_equal(fleet.lost_count, 2);
}

static void who_is_given_up_is_lost_though_none_could_take_its_packets(void **state) {
    (void)state;
    lose_sight_of_both(true);
    fleet_give_up_all(&fleet);
    poll_fleet();
    revocation_passes();
    assert_int_equal(fleet.lost_count, 2);
}

static void what_waits_in_a_lost_ring_at_the_end_is_abandoned(void **state) {
    (void)state;
    make_fleet(2, 16, "backlog", NEVER);
    start(0);
    start(1);
    give(0, 5);
    finish(0, 2);
    die(0);
    poll_fleet();
    fleet_give_up(&fleet, 0, now_ns);
    revocation_passes();
    assert_false(fleet_drained(&fleet));
    fleet_stop(&fleet, true, now_ns);
    leave(1);
    poll_fleet();
    assert_true(fleet_gone(&fleet));
    assert_int_equal(fleet_abandon(&fleet), 3);
    lanes_balance();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_that_no_process_claims_in_time_is_lost),
        cmocka_unit_test(who_claims_a_number_just_before_it_is_lost_is_judged_first),
        cmocka_unit_test(the_last_one_is_awaited_until_somebody_else_is_ready),
        cmocka_unit_test(one_that_came_unseen_is_judged_before_its_number_is_lost),
        cmocka_unit_test(a_claim_stops_the_clock_of_failover),
        cmocka_unit_test(with_no_deadline_a_number_is_awaited_for_ever),
        cmocka_unit_test(a_number_given_up_is_lost_even_where_it_would_be_awaited_for_ever),
        cmocka_unit_test(a_lossless_run_loses_no_number_while_none_could_take_its_packets),
        cmocka_unit_test(a_run_that_drops_loses_its_last_number_too),
        cmocka_unit_test(who_is_given_up_is_lost_though_none_could_take_its_packets),
        cmocka_unit_test(what_waits_in_a_lost_ring_at_the_end_is_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, free_fleet);
}
