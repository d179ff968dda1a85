/* SPDX-License-Identifier: BSD-2-Clause */
/* The fleet in order: life of a number, balancing, stopping. What goes wrong: test_fleet_faults.c
 */
#include "tests/lib/fleet_fixture.h"

#include "tests/lib/random.h"

static void none_alive_means_none_is_least_loaded(void **state) {
    (void)state;
    make_fleet(3, 8, "backlog", NEVER);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), WORKER_HEAP_NONE);
    claim(1);
    poll_fleet();
    /* Claimed is not ready: its inspector may take a while. */
    assert_int_equal(state_of(1), FB_STATE_STARTING);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), WORKER_HEAP_NONE);
    assert_int_equal(fleet.balance.count, 0);
}

static void a_number_that_is_taken_is_refused_to_another(void **state) {
    (void)state;
    make_fleet(2, 8, "backlog", NEVER);
    struct fb_claim second;
    claim(0);
    assert_int_equal(fb_claim_take(&second, &seen, 0), FB_CLAIM_BUSY);
    start(1);
    assert_int_equal(fb_claim_take(&second, &seen, 1), FB_CLAIM_BUSY);
    assert_int_equal(state_of(1), FB_STATE_READY);
}

static void an_up_side_is_claimed_once(void **state) {
    (void)state;
    make_fleet(1, 8, "backlog", NEVER);
    struct fb_claim second;
    start(0);
    die(0);
    /* The death is not settled yet: there is nothing to claim. */
    assert_int_equal(fb_claim_take(&second, &seen, 0), FB_CLAIM_NOT_YET);
    poll_fleet();
    claim(0);
}

static void the_life_of_a_number_is_as_drawn(void **state) {
    (void)state;
    make_fleet(2, 8, "backlog", NEVER);
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    for (unsigned life = 0; life < 3; life++) {
        uint64_t epoch = fb_ctl_epoch(seen.ctl, 0);
        claim(0);
        assert_int_equal(hands[0].claim.up->epoch, epoch);
        poll_fleet();
        assert_int_equal(state_of(0), FB_STATE_STARTING);
        assert_int_equal(fb_ctl_pid(seen.ctl, 0), getpid());
        assert_int_equal(lane_of(0)->counters[FB_LANE_RESTARTS], life);
        fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_READY);
        poll_fleet();
        assert_int_equal(state_of(0), FB_STATE_READY);
        assert_int_equal(fleet.balance.count, 1);
        assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
        die(0);
        poll_fleet();
        assert_int_equal(state_of(0), FB_STATE_VACANT);
        assert_int_equal(fleet.balance.count, 0);
        assert_int_equal(fb_ctl_pid(seen.ctl, 0), 0);
        assert_true(fb_ctl_epoch(seen.ctl, 0) > epoch);
        assert_int_equal(fleet_pick(&fleet, 0, now_ns), WORKER_HEAP_NONE);
        poll_fleet();
        assert_int_equal(state_of(0), FB_STATE_VACANT);
    }
    assert_int_equal(state_of(1), FB_STATE_ABSENT);
}

static void a_worker_that_leaves_while_the_run_goes_on_is_awaited_again(void **state) {
    (void)state;
    make_fleet(1, 8, "backlog", NEVER);
    start(0);
    give(0, 3);
    finish(0, 1);
    leave(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    start(0);
    assert_int_equal(hands[0].rx.next, 1);
    finish(0, 2);
    assert_int_equal(fleet.redelivered, 0);
}

static void a_dead_workers_ring_keeps_filling_and_is_taken_up_where_it_stood(void **state) {
    (void)state;
    make_fleet(2, 8, "backlog", NEVER);
    start(0);
    give(0, 4);
    finish(0, 2);
    die(0);
    give(0, 1); /* not noticed yet */
    poll_fleet();
    give(0, 3);
    assert_int_equal(lane_waiting(lane_of(0)), 6);
    lanes_balance();
    start(0);
    finish(0, 6);
    fleet_refresh(&fleet, 0, now_ns);
    assert_int_equal(lane_of(0)->counters[FB_LANE_INSPECTED], 8);
    assert_int_equal(lane_waiting(lane_of(0)), 0);
    lanes_balance();
}

static void what_a_worker_counts_is_summed_over_its_incarnations(void **state) {
    (void)state;
    make_fleet(2, 8, "backlog", NEVER);
    struct fb_worker_totals totals;
    fleet_totals(&fleet, 0, &totals);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 0);
    assert_int_equal(totals.cpu, -1);
    for (uint64_t life = 1; life <= 3; life++) {
        start(0);
        fb_up_set_counter(hands[0].claim.up, FB_WORKER_PACKETS, 10 * life);
        fb_up_add_latency(hands[0].claim.up, 1000);
        fb_up_set_cpu(hands[0].claim.up, (int)life);
        fleet_totals(&fleet, 0, &totals);
        assert_int_equal(totals.counters[FB_WORKER_PACKETS], 5 * life * (life + 1));
        assert_int_equal(totals.latency[fb_latency_bucket(1000)], life);
        assert_int_equal(totals.cpu, life);
        die(0);
        poll_fleet();
        fleet_totals(&fleet, 0, &totals);
        assert_int_equal(totals.counters[FB_WORKER_PACKETS], 5 * life * (life + 1));
        assert_int_equal(totals.cpu, life);
    }
    fleet_totals(&fleet, 1, &totals);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 0);
}

static void a_new_workers_share_is_the_mean_of_the_others(void **state) {
    (void)state;
    make_fleet(4, 8, "backlog-share", NEVER);
    start(0);
    assert_true(*share_of(0) >= 0 && *share_of(0) <= 0);
    *share_of(0) = 10;
    start(1);
    assert_true(*share_of(1) > 9.9 && *share_of(1) < 10.1);
    *share_of(1) = 30;
    start(2);
    assert_true(*share_of(2) > 19.9 && *share_of(2) < 20.1);
    /* One that comes back does not get every new flow either. */
    die(0);
    poll_fleet();
    *share_of(0) = 0;
    start(0);
    assert_true(*share_of(0) > 24.9 && *share_of(0) < 25.1);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 2);
}

static void a_share_halves_in_ten_seconds(void **state) {
    (void)state;
    make_fleet(2, 8, "backlog-share", NEVER);
    start(0);
    start(1);
    *share_of(0) = 1000;
    *share_of(1) = 100;
    poll_fleet();
    assert_true(*share_of(0) > 999.9);
    for (unsigned i = 0; i < 100; i++) {
        now_ns += 100 * MS;
        poll_fleet();
    }
    assert_true(*share_of(0) > 499 && *share_of(0) < 501);
    assert_true(*share_of(1) > 49 && *share_of(1) < 51);
    now_ns += 10 * SECOND;
    poll_fleet();
    assert_true(*share_of(0) > 249 && *share_of(0) < 251);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 1);
}

static void the_smaller_backlog_wins_and_then_the_smaller_share(void **state) {
    (void)state;
    make_fleet(3, 16, "backlog-share", NEVER);
    for (unsigned k = 0; k < 3; k++)
        start(k);
    give(0, 3);
    give(1, 2);
    give(2, 2);
    *share_of(1) = 50;
    *share_of(2) = 40;
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 2);
    give(2, 1);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 1);
    finish(0, 3);
    fleet_refresh(&fleet, 0, now_ns);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
}

/* Packets that wait by what the dispatcher knows, and in truth. */
static uint64_t truly_waiting(unsigned k) {
    return lane_of(k)->tx.seq - hands[k].rx.next;
}

static void the_least_loaded_is_right_at_every_step_of_a_random_run(void **state) {
    (void)state;
    enum { workers = 7 };
    random_begin(8);
    make_fleet(workers, 200, "backlog", NEVER);
    for (unsigned k = 0; k < workers; k++)
        start(k);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned k = random_below(workers);
        switch (random_below(4)) {
        case 0:
            publish_to(k);
            break;
        case 1:
            publish_to(k);
            finish(k, random_below((uint32_t)truly_waiting(k) + 1));
            break;
        case 2:
            fleet_refresh(&fleet, k, now_ns);
            break;
        default:
            stage_packet(k); /* assigned is load, published or not */
        }
        unsigned least = fleet_pick(&fleet, 0, now_ns);
        assert_int_equal(lane_waiting(lane_of(least)), truly_waiting(least));
        for (unsigned i = 0; i < workers; i++)
            assert_true(truly_waiting(least) <= lane_waiting(lane_of(i)));
        lanes_balance();
    }
}

static void consumed_is_read_once_in_a_round(void **state) {
    (void)state;
    make_fleet(2, 16, "backlog", NEVER);
    start(0);
    start(1);
    give(0, 3);
    give(1, 2);
    fleet.round = 1;
    fleet_refresh(&fleet, 0, now_ns);
    assert_true(fleet_is_fresh(&fleet, 0));
    assert_false(fleet_is_fresh(&fleet, 1));
    finish(0, 3);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 1);
    /* What is assigned within the round counts all the same. */
    give(1, 2);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
    assert_int_equal(lane_waiting(lane_of(0)), 3);
    fleet.round++;
    give(0, 2);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
    assert_int_equal(lane_waiting(lane_of(0)), 2);
}

static void a_burst_of_new_flows_is_spread_immediately(void **state) {
    (void)state;
    make_fleet(8, 64, "backlog-share", NEVER);
    for (unsigned k = 0; k < 8; k++)
        start(k);
    for (unsigned n = 0; n < 256; n++)
        stage_packet(fleet_pick(&fleet, 0, now_ns));
    for (unsigned k = 0; k < 8; k++)
        assert_int_equal(lane_waiting(lane_of(k)), 32);
}

static void stopping_lets_every_worker_finish_and_leave(void **state) {
    (void)state;
    make_fleet(3, 8, "backlog", NEVER);
    start(0);
    start(1);
    give(0, 4);
    assert_false(fleet_drained(&fleet));
    fleet_stop(&fleet, false, now_ns);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), WORKER_HEAP_NONE);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(state_of(k), FB_STATE_STOPPING);
        assert_int_equal(fb_rx_command(&hands[k].rx), FB_COMMAND_STOP);
        assert_false(fb_rx_revoked(&hands[k].rx));
    }
    /* No process has claimed number 2, and none may now. */
    struct fb_claim late;
    assert_int_equal(fb_claim_take(&late, &seen, 2), FB_CLAIM_NOT_YET);
    leave(1);
    poll_fleet();
    assert_int_equal(state_of(1), FB_STATE_ABSENT);
    assert_int_equal(fb_claim_take(&late, &seen, 1), FB_CLAIM_NOT_YET);
    assert_false(fleet_gone(&fleet));
    finish(0, 4);
    leave(0);
    poll_fleet();
    assert_true(fleet_drained(&fleet));
    assert_true(fleet_gone(&fleet));
    assert_int_equal(fleet_abandon(&fleet), 0);
    lanes_balance();
}

static void a_ring_that_is_not_empty_is_offered_while_stopping_too(void **state) {
    (void)state;
    make_fleet(1, 8, "backlog", NEVER);
    start(0);
    give(0, 4);
    fleet_stop(&fleet, false, now_ns);
    finish(0, 1);
    die(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    assert_false(fleet_gone(&fleet));
    claim(0);
    poll_fleet();
    fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_READY);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_STOPPING);
    assert_int_equal(fleet.balance.count, 0);
    assert_int_equal(fb_rx_command(&hands[0].rx), FB_COMMAND_STOP);
    finish(0, 3);
    leave(0);
    poll_fleet();
    assert_true(fleet_drained(&fleet) && fleet_gone(&fleet));
}

static void a_ring_that_waits_for_a_process_stays_claimable_while_stopping(void **state) {
    (void)state;
    make_fleet(3, 8, "backlog", NEVER);
    for (unsigned k = 0; k < 3; k++) {
        start(k);
        if (k < 2)
            give(k, 4);
        die(k);
    }
    poll_fleet();
    fleet_give_up(&fleet, 1, now_ns);
    revocation_passes();
    assert_int_equal(state_of(1), FB_STATE_MOVING);
    fleet_stop(&fleet, false, now_ns);
    struct fb_claim late;
    /* Number 1 was given up, and in the ring of number 2 nothing waits. */
    assert_int_equal(fb_claim_take(&late, &seen, 1), FB_CLAIM_NOT_YET);
    assert_int_equal(fb_claim_take(&late, &seen, 2), FB_CLAIM_NOT_YET);
    claim(0);
    assert_int_equal(fb_rx_peek(&hands[0].rx), 2);
    finish(0, 4);
    poll_fleet();
    fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_READY);
    poll_fleet();
    leave(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    assert_int_equal(fleet_abandon(&fleet), 4);
    lanes_balance();
}

static void stopping_now_revokes_who_has_not_finished_and_counts_the_rest(void **state) {
    (void)state;
    make_fleet(3, 8, "backlog", NEVER);
    start(0);
    start(1);
    give(0, 6);
    stage_flow_end(0);
    publish_to(0);
    give(1, 2);
    give(2, 3); /* no process has come for these */
    finish(0, 2);
    finish(1, 2);
    fleet_stop(&fleet, true, now_ns);
    assert_true(fb_rx_revoked(&hands[0].rx));
    assert_false(fb_rx_revoked(&hands[1].rx));
    /* Until its cursor is judged it may finish one more. */
    fb_rx_release(&hands[0].rx, 1);
    poll_fleet();
    now_ns += REVOKE_WAIT_NS;
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    leave(1);
    poll_fleet();
    assert_true(fleet_gone(&fleet));
    assert_int_equal(fleet_abandon(&fleet), 3 + 3);
    assert_int_equal(lane_of(0)->counters[FB_LANE_INSPECTED], 3);
    assert_int_equal(lane_of(0)->counters[FB_LANE_REMOVED], 3);
    assert_int_equal(lane_of(1)->counters[FB_LANE_INSPECTED], 2);
    assert_int_equal(lane_of(2)->counters[FB_LANE_REMOVED], 3);
    lanes_balance();
    assert_int_equal(fleet_abandon(&fleet), 0);
}

static void who_leaves_cleanly_and_owes_nothing_leaves_a_free_number(void **state) {
    (void)state;
    make_fleet(3, 8, "backlog", SECOND);
    start(0);
    start(1);
    start(2);
    give(1, 1);
    leave(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    /* The other has a packet waiting: somebody has to come for it. */
    leave(1);
    poll_fleet();
    assert_int_equal(state_of(1), FB_STATE_VACANT);
    now_ns += SECOND;
    poll_fleet();
    revocation_passes();
    assert_int_equal(state_of(1), FB_STATE_MOVING);
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    start(0);
    poll_fleet();
    assert_int_equal(state_of(1), FB_STATE_MOVING);
}

static void a_pid_that_cannot_be_is_not_shown(void **state) {
    (void)state;
    static const int64_t pids[] = {-1, 0, 1, 4194305, INT64_C(1) << 40, INT64_MIN, INT64_MAX};
    make_fleet(1, 8, "backlog", NEVER);
    for (unsigned i = 0; i < sizeof pids / sizeof *pids; i++) {
        claim(0);
        fb_up_set_pid(hands[0].claim.up, pids[i]);
        poll_fleet();
        assert_int_equal(fb_ctl_pid(seen.ctl, 0), 0);
        /* One that comes to its senses by the time that it is ready is shown then. */
        fb_up_set_pid(hands[0].claim.up, 4194304);
        fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_READY);
        poll_fleet();
        assert_int_equal(fb_ctl_pid(seen.ctl, 0), 4194304);
        leave(0);
        poll_fleet();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_alive_means_none_is_least_loaded),
        cmocka_unit_test(a_number_that_is_taken_is_refused_to_another),
        cmocka_unit_test(an_up_side_is_claimed_once),
        cmocka_unit_test(the_life_of_a_number_is_as_drawn),
        cmocka_unit_test(a_worker_that_leaves_while_the_run_goes_on_is_awaited_again),
        cmocka_unit_test(a_dead_workers_ring_keeps_filling_and_is_taken_up_where_it_stood),
        cmocka_unit_test(what_a_worker_counts_is_summed_over_its_incarnations),
        cmocka_unit_test(a_new_workers_share_is_the_mean_of_the_others),
        cmocka_unit_test(a_share_halves_in_ten_seconds),
        cmocka_unit_test(the_smaller_backlog_wins_and_then_the_smaller_share),
        cmocka_unit_test(the_least_loaded_is_right_at_every_step_of_a_random_run),
        cmocka_unit_test(consumed_is_read_once_in_a_round),
        cmocka_unit_test(a_burst_of_new_flows_is_spread_immediately),
        cmocka_unit_test(stopping_lets_every_worker_finish_and_leave),
        cmocka_unit_test(a_ring_that_is_not_empty_is_offered_while_stopping_too),
        cmocka_unit_test(a_ring_that_waits_for_a_process_stays_claimable_while_stopping),
        cmocka_unit_test(stopping_now_revokes_who_has_not_finished_and_counts_the_rest),
        cmocka_unit_test(who_leaves_cleanly_and_owes_nothing_leaves_a_free_number),
        cmocka_unit_test(a_pid_that_cannot_be_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, free_fleet);
}
