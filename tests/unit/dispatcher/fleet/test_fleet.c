/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/fleet.c, dispatcher/fleet/fleet_life.c: life of a number, balancing,
 * stopping. What goes wrong: test_fleet_faults.c
 */
#include "tests/lib/fleet_fixture.h"

#include <unistd.h>

#include "tests/lib/random.h"

static void with_no_worker_alive_none_is_least_loaded(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 8, "backlog", NEVER);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), WORKER_HEAP_NONE);
    worker_claims(f, 1);
    poll_fleet(f);
    /* Claimed is not ready: its inspector may take a while. */
    assert_int_equal(state_of(f, 1), FB_STATE_STARTING);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), WORKER_HEAP_NONE);
    assert_int_equal(f->fleet.balance.count, 0);
}

static void a_number_that_is_taken_is_refused_to_another(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    struct fb_claim second;
    worker_claims(f, 0);
    assert_int_equal(fb_claim_take(&second, &f->seen, 0), FB_CLAIM_BUSY);
    worker_starts(f, 1);
    assert_int_equal(fb_claim_take(&second, &f->seen, 1), FB_CLAIM_BUSY);
    assert_int_equal(state_of(f, 1), FB_STATE_READY);
}

static void an_up_side_is_claimed_once(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 8, "backlog", NEVER);
    struct fb_claim second;
    worker_starts(f, 0);
    worker_dies(f, 0);
    /* The death is not settled yet: there is nothing to claim. */
    assert_int_equal(fb_claim_take(&second, &f->seen, 0), FB_CLAIM_NOT_YET);
    poll_fleet(f);
    worker_claims(f, 0);
}

static void the_life_of_a_number_is_as_drawn(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    for (unsigned life = 0; life < 3; life++) {
        uint64_t epoch = fb_ctl_epoch(f->seen.ctl, 0);
        worker_claims(f, 0);
        assert_int_equal(f->hands[0].claim.up->epoch, epoch);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_STARTING);
        assert_int_equal(fb_ctl_pid(f->seen.ctl, 0), getpid());
        assert_int_equal(lane_of(f, 0)->counters[FB_LANE_RESTARTS], life);
        fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_READY);
        assert_int_equal(f->fleet.balance.count, 1);
        assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
        worker_dies(f, 0);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
        assert_int_equal(f->fleet.balance.count, 0);
        assert_int_equal(fb_ctl_pid(f->seen.ctl, 0), 0);
        assert_true(fb_ctl_epoch(f->seen.ctl, 0) > epoch);
        assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), WORKER_HEAP_NONE);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    }
    assert_int_equal(state_of(f, 1), FB_STATE_ABSENT);
}

static void a_worker_that_leaves_while_the_run_goes_on_is_awaited_again(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 8, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 3);
    worker_finishes(f, 0, 1);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    worker_starts(f, 0);
    assert_int_equal(f->hands[0].rx.next, 1);
    worker_finishes(f, 0, 2);
    assert_int_equal(f->fleet.redelivered, 0);
}

static void a_dead_workers_ring_keeps_filling_and_is_taken_up_where_it_stood(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 4);
    worker_finishes(f, 0, 2);
    worker_dies(f, 0);
    give_packets(f, 0, 1); /* the dispatcher has not noticed yet */
    poll_fleet(f);
    give_packets(f, 0, 3);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 6);
    lanes_balance(f);
    worker_starts(f, 0);
    worker_finishes(f, 0, 6);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 8);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 0);
    lanes_balance(f);
}

static void what_a_worker_counts_is_summed_over_its_incarnations(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    struct fb_worker_totals totals;
    fleet_totals(&f->fleet, 0, &totals);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 0);
    assert_int_equal(totals.cpu, -1);
    for (uint64_t life = 1; life <= 3; life++) {
        worker_starts(f, 0);
        fb_up_set_counter(f->hands[0].claim.up, FB_WORKER_PACKETS, 10 * life);
        fb_delays_add(&f->hands[0].claim.up->latency, 1000, 1);
        fb_up_set_cpu(f->hands[0].claim.up, (int)life);
        assert_true(
            fb_up_name_stat(f->hands[0].claim.up, 0, life == 2 ? "other" : "ids", "alerts"));
        fb_up_set_stats(f->hands[0].claim.up, 1);
        fb_up_set_stat(f->hands[0].claim.up, 0, 100 * life);
        fleet_totals(&f->fleet, 0, &totals);
        assert_int_equal(totals.counters[FB_WORKER_PACKETS], 5 * life * (life + 1));
        assert_int_equal(totals.latency.buckets[fb_delay_bucket(1000)], life);
        assert_int_equal(totals.cpu, life);
        worker_dies(f, 0);
        poll_fleet(f);
        fleet_totals(&f->fleet, 0, &totals);
        assert_int_equal(totals.counters[FB_WORKER_PACKETS], 5 * life * (life + 1));
        assert_int_equal(totals.cpu, life);
    }
    assert_int_equal(totals.stats.count, 2);
    assert_string_equal(totals.stats.names[0], "ids.alerts");
    assert_int_equal(totals.stats.values[0], 100 + 300);
    assert_string_equal(totals.stats.names[1], "other.alerts");
    assert_int_equal(totals.stats.values[1], 200);
    fleet_totals(&f->fleet, 1, &totals);
    assert_int_equal(totals.counters[FB_WORKER_PACKETS], 0);
    assert_int_equal(totals.stats.count, 0);
}

static void a_new_workers_share_is_the_mean_of_the_others(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 4, 8, "backlog-share", NEVER);
    worker_starts(f, 0);
    assert_true(*share_of(f, 0) >= 0 && *share_of(f, 0) <= 0);
    *share_of(f, 0) = 10;
    worker_starts(f, 1);
    assert_true(*share_of(f, 1) > 9.9 && *share_of(f, 1) < 10.1);
    *share_of(f, 1) = 30;
    worker_starts(f, 2);
    assert_true(*share_of(f, 2) > 19.9 && *share_of(f, 2) < 20.1);
    /* One that comes back does not get every new flow either. */
    worker_dies(f, 0);
    poll_fleet(f);
    *share_of(f, 0) = 0;
    worker_starts(f, 0);
    assert_true(*share_of(f, 0) > 24.9 && *share_of(f, 0) < 25.1);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 2);
}

static void a_share_halves_in_ten_seconds(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog-share", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    *share_of(f, 0) = 1000;
    *share_of(f, 1) = 100;
    poll_fleet(f);
    assert_true(*share_of(f, 0) > 999.9);
    for (unsigned i = 0; i < 100; i++) {
        f->now_ns += 100 * MS;
        poll_fleet(f);
    }
    assert_true(*share_of(f, 0) > 499 && *share_of(f, 0) < 501);
    assert_true(*share_of(f, 1) > 49 && *share_of(f, 1) < 51);
    f->now_ns += 10 * SECOND;
    poll_fleet(f);
    assert_true(*share_of(f, 0) > 249 && *share_of(f, 0) < 251);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
}

static void the_smaller_backlog_wins_and_then_the_smaller_share(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 16, "backlog-share", NEVER);
    for (unsigned k = 0; k < 3; k++)
        worker_starts(f, k);
    give_packets(f, 0, 3);
    give_packets(f, 1, 2);
    give_packets(f, 2, 2);
    *share_of(f, 1) = 50;
    *share_of(f, 2) = 40;
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 2);
    give_packets(f, 2, 1);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
    worker_finishes(f, 0, 3);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
}

/* Packets that wait by what the dispatcher knows, and in truth. */
static uint64_t truly_waiting(struct fleet_fixture *f, unsigned k) {
    return lane_of(f, k)->tx.seq - f->hands[k].rx.next;
}

static void the_least_loaded_is_right_at_every_step_of_a_random_run(void **state) {
    struct fleet_fixture *f = *state;
    enum { workers = 7 };
    struct random random = random_from(8);
    make_fleet(f, workers, 200, "backlog", NEVER);
    for (unsigned k = 0; k < workers; k++)
        worker_starts(f, k);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned k = random_below(&random, workers);
        switch (random_below(&random, 4)) {
        case 0:
            publish_to(f, k);
            break;
        case 1:
            publish_to(f, k);
            worker_finishes(f, k, random_below(&random, (uint32_t)truly_waiting(f, k) + 1));
            break;
        case 2:
            fleet_refresh(&f->fleet, k, f->now_ns);
            break;
        default:
            stage_packet(f, k); /* assigned is load, published or not */
        }
        unsigned least = fleet_pick(&f->fleet, 0, f->now_ns);
        assert_int_equal(lane_waiting(lane_of(f, least)), truly_waiting(f, least));
        for (unsigned i = 0; i < workers; i++)
            assert_true(truly_waiting(f, least) <= lane_waiting(lane_of(f, i)));
        lanes_balance(f);
    }
}

static void consumed_is_read_once_in_a_round(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 16, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 3);
    give_packets(f, 1, 2);
    f->fleet.round = 1;
    fleet_refresh(&f->fleet, 0, f->now_ns);
    assert_true(fleet_is_fresh(&f->fleet, 0));
    assert_false(fleet_is_fresh(&f->fleet, 1));
    worker_finishes(f, 0, 3);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
    /* What is assigned within the round counts all the same. */
    give_packets(f, 1, 2);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 3);
    f->fleet.round++;
    give_packets(f, 0, 2);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 2);
}

static void a_burst_of_new_flows_is_spread_within_it(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 8, 64, "backlog-share", NEVER);
    for (unsigned k = 0; k < 8; k++)
        worker_starts(f, k);
    for (unsigned n = 0; n < 256; n++)
        stage_packet(f, fleet_pick(&f->fleet, 0, f->now_ns));
    for (unsigned k = 0; k < 8; k++)
        assert_int_equal(lane_waiting(lane_of(f, k)), 32);
}

static void stopping_lets_every_worker_finish_and_leave(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 8, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 4);
    assert_false(fleet_drained(&f->fleet));
    fleet_stop(&f->fleet, false, f->now_ns);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), WORKER_HEAP_NONE);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(state_of(f, k), FB_STATE_STOPPING);
        assert_int_equal(fb_rx_command(&f->hands[k].rx), FB_COMMAND_STOP);
        assert_false(fb_rx_revoked(&f->hands[k].rx));
    }
    /* No process has claimed number 2, and none may now. */
    struct fb_claim late;
    assert_int_equal(fb_claim_take(&late, &f->seen, 2), FB_CLAIM_NOT_YET);
    worker_leaves(f, 1);
    poll_fleet(f);
    assert_int_equal(state_of(f, 1), FB_STATE_ABSENT);
    assert_int_equal(fb_claim_take(&late, &f->seen, 1), FB_CLAIM_NOT_YET);
    assert_false(fleet_gone(&f->fleet));
    worker_finishes(f, 0, 4);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_true(fleet_drained(&f->fleet));
    assert_true(fleet_gone(&f->fleet));
    assert_int_equal(fleet_abandon(&f->fleet), 0);
    lanes_balance(f);
}

static void a_ring_that_is_not_empty_is_offered_while_stopping_too(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 8, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 4);
    fleet_stop(&f->fleet, false, f->now_ns);
    worker_finishes(f, 0, 1);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    assert_false(fleet_gone(&f->fleet));
    worker_claims(f, 0);
    poll_fleet(f);
    fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    assert_int_equal(f->fleet.balance.count, 0);
    assert_int_equal(fb_rx_command(&f->hands[0].rx), FB_COMMAND_STOP);
    worker_finishes(f, 0, 3);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_true(fleet_drained(&f->fleet) && fleet_gone(&f->fleet));
}

static void a_ring_that_waits_for_a_process_stays_claimable_while_stopping(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 8, "backlog", NEVER);
    for (unsigned k = 0; k < 3; k++) {
        worker_starts(f, k);
        if (k < 2)
            give_packets(f, k, 4);
        worker_dies(f, k);
    }
    poll_fleet(f);
    fleet_give_up(&f->fleet, 1, f->now_ns);
    revocation_passes(f);
    assert_int_equal(state_of(f, 1), FB_STATE_MOVING);
    fleet_stop(&f->fleet, false, f->now_ns);
    struct fb_claim late;
    /* Number 1 was given up, and in the ring of number 2 nothing waits. */
    assert_int_equal(fb_claim_take(&late, &f->seen, 1), FB_CLAIM_NOT_YET);
    assert_int_equal(fb_claim_take(&late, &f->seen, 2), FB_CLAIM_NOT_YET);
    worker_claims(f, 0);
    assert_int_equal(fb_rx_peek(&f->hands[0].rx), 2);
    worker_finishes(f, 0, 4);
    poll_fleet(f);
    fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY);
    poll_fleet(f);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    assert_int_equal(fleet_abandon(&f->fleet), 4);
    lanes_balance(f);
}

static void stopping_now_revokes_who_has_not_finished_and_counts_the_rest(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 8, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 6);
    stage_flow_end(f, 0);
    publish_to(f, 0);
    give_packets(f, 1, 2);
    give_packets(f, 2, 3); /* no process has come for these */
    worker_finishes(f, 0, 2);
    worker_finishes(f, 1, 2);
    fleet_stop(&f->fleet, true, f->now_ns);
    assert_true(fb_rx_revoked(&f->hands[0].rx));
    assert_false(fb_rx_revoked(&f->hands[1].rx));
    /* Until its cursor is judged it may finish one more. */
    fb_rx_release(&f->hands[0].rx, 1);
    poll_fleet(f);
    f->now_ns += REVOKE_WAIT_NS;
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    worker_leaves(f, 1);
    poll_fleet(f);
    assert_true(fleet_gone(&f->fleet));
    assert_int_equal(fleet_abandon(&f->fleet), 3 + 3);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 3);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_REMOVED], 3);
    assert_int_equal(lane_of(f, 1)->counters[FB_LANE_INSPECTED], 2);
    assert_int_equal(lane_of(f, 2)->counters[FB_LANE_REMOVED], 3);
    lanes_balance(f);
    assert_int_equal(fleet_abandon(&f->fleet), 0);
}

/* A process may claim its number just before the run ends. */
static void a_worker_that_is_starting_is_told_to_stop_too(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    worker_claims(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_STARTING);
    fleet_stop(&f->fleet, false, f->now_ns);
    assert_int_equal(fb_rx_command(&f->hands[0].rx), FB_COMMAND_STOP);
}

static void what_was_inspected_last_is_not_abandoned(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 8, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 5);
    fleet_stop(&f->fleet, false, f->now_ns);
    worker_finishes(f, 0, 2); /* since the dispatcher last looked */
    assert_int_equal(fleet_abandon(&f->fleet), 3);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 2);
    lanes_balance(f);
}

static void who_leaves_cleanly_and_owes_nothing_leaves_a_free_number(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 3, 8, "backlog", SECOND);
    worker_starts(f, 0);
    worker_starts(f, 1);
    worker_starts(f, 2);
    give_packets(f, 1, 1);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    /* The other has a packet waiting: a process has to come for it. */
    worker_leaves(f, 1);
    poll_fleet(f);
    assert_int_equal(state_of(f, 1), FB_STATE_VACANT);
    f->now_ns += SECOND;
    poll_fleet(f);
    revocation_passes(f);
    assert_int_equal(state_of(f, 1), FB_STATE_MOVING);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    worker_starts(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 1), FB_STATE_MOVING);
}

static void a_pid_that_cannot_be_is_not_shown(void **state) {
    struct fleet_fixture *f = *state;
    static const int64_t pids[] = {-1, 0, 1, 4194305, INT64_C(1) << 40, INT64_MIN, INT64_MAX};
    make_fleet(f, 1, 8, "backlog", NEVER);
    for (unsigned i = 0; i < sizeof pids / sizeof *pids; i++) {
        worker_claims(f, 0);
        fb_up_set_pid(f->hands[0].claim.up, pids[i]);
        poll_fleet(f);
        assert_int_equal(fb_ctl_pid(f->seen.ctl, 0), 0);
        /* One that comes to its senses by the time that it is ready is shown then. */
        fb_up_set_pid(f->hands[0].claim.up, 4194304);
        fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY);
        poll_fleet(f);
        assert_int_equal(fb_ctl_pid(f->seen.ctl, 0), 4194304);
        worker_leaves(f, 0);
        poll_fleet(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(with_no_worker_alive_none_is_least_loaded),
        FLEET_TEST(a_number_that_is_taken_is_refused_to_another),
        FLEET_TEST(an_up_side_is_claimed_once),
        FLEET_TEST(the_life_of_a_number_is_as_drawn),
        FLEET_TEST(a_worker_that_leaves_while_the_run_goes_on_is_awaited_again),
        FLEET_TEST(a_dead_workers_ring_keeps_filling_and_is_taken_up_where_it_stood),
        FLEET_TEST(what_a_worker_counts_is_summed_over_its_incarnations),
        FLEET_TEST(a_new_workers_share_is_the_mean_of_the_others),
        FLEET_TEST(a_share_halves_in_ten_seconds),
        FLEET_TEST(the_smaller_backlog_wins_and_then_the_smaller_share),
        FLEET_TEST(the_least_loaded_is_right_at_every_step_of_a_random_run),
        FLEET_TEST(consumed_is_read_once_in_a_round),
        FLEET_TEST(a_burst_of_new_flows_is_spread_within_it),
        FLEET_TEST(stopping_lets_every_worker_finish_and_leave),
        FLEET_TEST(a_ring_that_is_not_empty_is_offered_while_stopping_too),
        FLEET_TEST(a_ring_that_waits_for_a_process_stays_claimable_while_stopping),
        FLEET_TEST(stopping_now_revokes_who_has_not_finished_and_counts_the_rest),
        FLEET_TEST(a_worker_that_is_starting_is_told_to_stop_too),
        FLEET_TEST(what_was_inspected_last_is_not_abandoned),
        FLEET_TEST(who_leaves_cleanly_and_owes_nothing_leaves_a_free_number),
        FLEET_TEST(a_pid_that_cannot_be_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
