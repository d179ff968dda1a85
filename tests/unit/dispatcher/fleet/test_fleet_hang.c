/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/fleet_life.c: workers that hang, drain, are restarted, or do not leave
 * though they were asked to.
 */
#include "tests/lib/fleet_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/names.h"

#define HANG (5 * SECOND)

static void make_two(struct fleet_fixture *f, uint64_t failover_ns) {
    f->hang_ns = HANG;
    make_fleet(f, 2, 16, "backlog", failover_ns);
    worker_starts(f, 0);
    worker_starts(f, 1);
}

static void after(struct fleet_fixture *f, uint64_t ns) {
    f->now_ns += ns;
    poll_fleet(f);
}

/* From its revocation on: its process has time to look, then it is judged. */
static void is_revoked_and_judged(struct fleet_fixture *f, unsigned k, enum fb_state next) {
    assert_int_equal(state_of(f, k), FB_STATE_DEAD);
    assert_true(fb_rx_revoked(&f->hands[k].rx));
    assert_false(worker_heap_contains(&f->fleet.balance.heap, k));
    poll_fleet(f);
    after(f, REVOKE_WAIT_NS - 1);
    assert_int_equal(state_of(f, k), FB_STATE_DEAD);
    after(f, 1);
    assert_int_equal(state_of(f, k), next);
}

static enum fb_command command_of(struct fleet_fixture *f, unsigned k) {
    return fb_rx_command(&f->hands[k].rx);
}

/* A flow of worker k that is not over. */
static uint32_t bind_flow(struct fleet_fixture *f, unsigned k) {
    uint16_t generation;
    return handles_take(&lane_of(f, k)->handles, 1, &generation);
}

/* ---- hang */

static void packets_that_wait_and_a_cursor_that_does_not_move_are_a_hang(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 3);
    fb_rx_peek(&f->hands[0].rx);
    fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0});
    poll_fleet(f);
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 0);
    after(f, 1);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 1);
    assert_int_equal(lane_of(f, 0)->revocations, 1); /* for what has to kill it */
    is_revoked_and_judged(f, 0, FB_STATE_VACANT);
    assert_int_equal(f->fleet.redelivered, 1);
    assert_int_equal(state_of(f, 1), FB_STATE_READY);
    /* The next process is not judged by the time of this one. */
    worker_dies(f, 0);
    worker_starts(f, 0);
    assert_int_equal(lane_of(f, 0)->revocations, 1);
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    lanes_balance(f);
}

static void one_that_has_not_even_begun_hangs_too(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 1, 1);
    poll_fleet(f);
    after(f, HANG);
    assert_int_equal(lane_of(f, 1)->counters[FB_LANE_HANGS], 1);
    is_revoked_and_judged(f, 1, FB_STATE_VACANT);
    assert_int_equal(f->fleet.redelivered, 0);
}

static void a_cursor_that_moves_now_and_then_is_no_hang(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 16);
    poll_fleet(f);
    fb_rx_peek(&f->hands[0].rx);
    for (uint32_t i = 0; i < 4; i++) { /* nothing of the burst is given back meanwhile */
        after(f, HANG - 1);
        assert_int_equal(state_of(f, 0), FB_STATE_READY);
        fb_rx_begin(&f->hands[0].rx, i, &(struct fb_desc){0});
        after(f, 1);
    }
    after(f, HANG - 2);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    after(f, 2);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

/* A full disk, say: it says so, as long as that lasts. */
static void a_worker_that_waits_for_its_output_does_not_hang(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 16);
    poll_fleet(f);
    fb_rx_peek(&f->hands[0].rx);
    for (uint64_t waits = 1; waits < 10; waits++) {
        fb_rx_begin(&f->hands[0].rx, 3, &(struct fb_desc){0});
        fb_rx_pause(&f->hands[0].rx, 3);
        fb_up_set_counter(f->hands[0].claim.up, FB_WORKER_OUTPUT_WAITS, waits);
        after(f, HANG - 1);
        assert_int_equal(state_of(f, 0), FB_STATE_READY);
    }
    after(f, HANG + 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

/* To and fro: what it has begun it begins again, and gets on with nothing. */
static void a_cursor_that_only_moves_is_no_progress(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 16);
    poll_fleet(f);
    fb_rx_peek(&f->hands[0].rx);
    fb_rx_begin(&f->hands[0].rx, 3, &(struct fb_desc){0});
    after(f, 1);
    for (uint64_t passed = 0; passed < HANG - SECOND; passed += SECOND) {
        fb_rx_begin(&f->hands[0].rx, (uint32_t)(passed / SECOND) % 4, &(struct fb_desc){0});
        after(f, SECOND);
        assert_int_equal(state_of(f, 0), FB_STATE_READY);
    }
    fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0});
    after(f, SECOND);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 1);
    is_revoked_and_judged(f, 0, FB_STATE_VACANT);
}

/* Within a burst of consumed, and before published where it is busy: all else is a lie. */
static void a_living_cursor_out_of_range_is_a_violation(void **state) {
    struct fleet_fixture *f = *state;
    static const struct {
        uint64_t cursor;
        bool is_right;
    } cases[] = {
        {0 * 2 + 1, true}, {4 * 2, true},      {4 * 2 + 1, true},
        {5 * 2, false},    {5 * 2 + 1, false}, {UINT64_MAX, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_two(f, NEVER);
        give_packets(f, 0, 16); /* the burst of this fleet is 4 */
        poll_fleet(f);
        atomic_store(&f->hands[0].claim.up->cursor, cases[i].cursor);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), cases[i].is_right ? FB_STATE_READY : FB_STATE_DEAD);
        assert_int_equal(f->fleet.violations[FB_VIOLATION_CURSOR_RANGE], !cases[i].is_right);
    }
    make_two(f, NEVER);
    give_packets(f, 0, 2);
    poll_fleet(f);
    atomic_store(&f->hands[0].claim.up->cursor, 2 * 2);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    atomic_store(&f->hands[0].claim.up->cursor, 2 * 2 + 1); /* nothing is published there */
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

/* Stopped for a week with everything else, no worker has had time to do anything. */
static void time_in_which_the_dispatcher_did_not_run_is_no_hang(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 1);
    poll_fleet(f);
    fleet_skip_time(&f->fleet, 604800 * SECOND);
    after(f, 604800 * SECOND + HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

static void given_up_counts_no_more_once_a_process_has_claimed_the_number(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    fleet_give_up(&f->fleet, 0, f->now_ns);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    fleet_give_up(&f->fleet, 0, f->now_ns);
    worker_starts(f, 0);
    give_packets(f, 0, 1);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
}

static void where_nothing_waits_no_worker_hangs(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    after(f, 1000 * SECOND);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    give_packets(f, 0, 1); /* the time counts from here, not from its last packet */
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    worker_finishes(f, 0, 1);
    for (unsigned n = 0; n < 3; n++)
        after(f, 1000 * SECOND);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 0);
}

static void with_no_limit_no_worker_hangs(void **state) {
    struct fleet_fixture *f = *state;
    f->hang_ns = NEVER;
    make_fleet(f, 1, 16, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 1);
    poll_fleet(f);
    after(f, 365 * 86400 * SECOND);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
}

/* ---- drain */

static void a_draining_worker_gets_no_new_flow_and_leaves_when_it_owes_nothing(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, SECOND);
    uint32_t handle = bind_flow(f, 0);
    give_packets(f, 0, 2);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    assert_int_equal(state_of(f, 0), FB_STATE_DRAINING);
    assert_int_equal(fleet_wanted(&f->fleet), 1);
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(fleet_pick(&f->fleet, n, f->now_ns), 1);
    worker_finishes(f, 0, 2);
    after(f, SECOND);
    assert_int_equal(state_of(f, 0), FB_STATE_DRAINING); /* the flow may go on */
    assert_int_equal(command_of(f, 0), FB_COMMAND_RUN);
    handles_end(&lane_of(f, 0)->handles, handle, FB_END_CLOSED);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DRAINING);
    lane_stage_ends(lane_of(f, 0), 0, 0);
    publish_to(f, 0);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DRAINING);
    worker_finishes(f, 0, 1);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    assert_int_equal(command_of(f, 0), FB_COMMAND_STOP);
    worker_leaves(f, 0);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    assert_int_equal(f->fleet.failovers, 0);
    assert_int_equal(lane_of(f, 0)->disposition, DISPOSITION_WAIT_NEXT);
    worker_starts(f, 0);
    assert_int_equal(command_of(f, 0), FB_COMMAND_RUN);
}

static void at_its_deadline_a_draining_worker_leaves_and_is_lost(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER); /* no process is waited for, all the same */
    bind_flow(f, 0);
    give_packets(f, 0, 8);
    worker_finishes(f, 0, 1);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    for (unsigned n = 0; n < 6; n++) { /* it goes on, so that it does not hang */
        after(f, 5 * SECOND - 1);
        assert_int_equal(state_of(f, 0), FB_STATE_DRAINING);
        worker_finishes(f, 0, 1);
    }
    after(f, 6);
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    assert_int_equal(command_of(f, 0), FB_COMMAND_LEAVE);
    worker_leaves(f, 0);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    assert_int_equal(lane_waiting(lane_of(f, 0)), 1);
    assert_int_equal(f->fleet.failovers, 1);
    assert_int_equal(f->fleet.redelivered, 0);
    assert_int_equal(fleet_wanted(&f->fleet), 1);
}

static void a_draining_worker_that_dies_is_lost_immediately(void **state) {
    struct fleet_fixture *f = *state;
    for (unsigned owes = 0; owes < 2; owes++) {
        make_two(f, NEVER);
        if (owes != 0)
            give_packets(f, 0, 3);
        else
            bind_flow(f, 0);
        assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
        worker_dies(f, 0);
        after(f, 1);
        assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    }
}

static void one_that_is_asked_to_leave_and_does_not_is_revoked(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    bind_flow(f, 0);
    assert_null(fleet_restart(&f->fleet, 0, f->now_ns));
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    after(f, 1);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 0);
    is_revoked_and_judged(f, 0, FB_STATE_VACANT);
    worker_dies(f, 0);
    worker_starts(f, 0);
    assert_int_equal(command_of(f, 0), FB_COMMAND_RUN);
    after(f, 100 * SECOND); /* the order of the one before does not hold for this one */
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
}

static void wait_for_output(struct fleet_fixture *f, unsigned k, uint64_t waits) {
    fb_rx_begin(&f->hands[k].rx, 0, &(struct fb_desc){0});
    fb_rx_pause(&f->hands[k].rx, 0);
    fb_up_set_counter(f->hands[k].claim.up, FB_WORKER_OUTPUT_WAITS, waits);
}

/* It finishes a packet of which a part is out: that takes as long as draining may. */
static void one_that_waits_for_its_output_may_leave_later(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 4);
    fb_rx_peek(&f->hands[0].rx);
    assert_null(fleet_restart(&f->fleet, 0, f->now_ns));
    for (uint64_t s = 1; s < 5 + 30; s++) { /* --hang, --drain-timeout */
        wait_for_output(f, 0, s);
        after(f, SECOND);
        assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    }
    wait_for_output(f, 0, 100);
    after(f, SECOND);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_HANGS], 0);
}

/* What it waited for before is no reason. */
static void one_that_waits_no_more_has_to_leave_in_time(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, NEVER);
    give_packets(f, 0, 4);
    fb_rx_peek(&f->hands[0].rx);
    wait_for_output(f, 0, 1);
    after(f, SECOND);
    worker_finishes(f, 0, 4);
    assert_null(fleet_restart(&f->fleet, 0, f->now_ns));
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_STOPPING);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

/* ---- restart */

static void a_restart_makes_room_for_the_next_process_which_goes_on(void **state) {
    struct fleet_fixture *f = *state;
    make_two(f, SECOND);
    bind_flow(f, 0);
    give_packets(f, 0, 8);
    assert_null(fleet_restart(&f->fleet, 0, f->now_ns));
    assert_int_equal(command_of(f, 0), FB_COMMAND_LEAVE);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
    assert_int_equal(lane_of(f, 0)->restarts_asked, 1);
    give_packets(f, 0, 2); /* its flows stay with it */
    worker_finishes(f, 0, 4);
    worker_leaves(f, 0);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    assert_int_equal(fleet_wanted(&f->fleet), 2);
    worker_starts(f, 0);
    assert_int_equal(command_of(f, 0), FB_COMMAND_RUN);
    assert_int_equal(f->hands[0].rx.next, 4);
    worker_finishes(f, 0, 6);
    after(f, 1);
    assert_int_equal(f->fleet.redelivered, 0);
    assert_int_equal(f->fleet.failovers, 0);
    assert_int_equal(lane_of(f, 0)->handles.bound, 1);
    lanes_balance(f);
}

/* ---- an up side that cannot be made */

static void take_the_folder_away(struct fleet_fixture *f, unsigned k, bool away) {
    /* The name is taken by something that cannot be an up side. */
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->ctl.ctl->name, FB_KIND_UP, k);
    if (away)
        assert_int_equal(mkdir(path, 0700), 0);
    else
        assert_int_equal(rmdir(path), 0);
}

static void where_no_up_side_can_be_made_the_number_is_lost_in_time(void **state) {
    struct fleet_fixture *f = *state;
    static const uint64_t failovers[] = {SECOND / 2, 3 * SECOND};
    for (unsigned i = 0; i < 2; i++) {
        make_two(f, failovers[i]);
        give_packets(f, 0, 3);
        unlink(lane_of(f, 0)->up_region.path);
        take_the_folder_away(f, 0, true);
        worker_dies(f, 0);
        poll_fleet(f);
        uint64_t since = f->now_ns;
        assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
        while (f->now_ns - since < failovers[i] - 5 * MS) {
            after(f, 5 * MS);
            assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
        }
        after(f, 5 * MS);
        assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
        take_the_folder_away(f, 0, false);
        lanes_balance(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(packets_that_wait_and_a_cursor_that_does_not_move_are_a_hang),
        FLEET_TEST(one_that_has_not_even_begun_hangs_too),
        FLEET_TEST(a_cursor_that_moves_now_and_then_is_no_hang),
        FLEET_TEST(a_worker_that_waits_for_its_output_does_not_hang),
        FLEET_TEST(a_cursor_that_only_moves_is_no_progress),
        FLEET_TEST(a_living_cursor_out_of_range_is_a_violation),
        FLEET_TEST(time_in_which_the_dispatcher_did_not_run_is_no_hang),
        FLEET_TEST(given_up_counts_no_more_once_a_process_has_claimed_the_number),
        FLEET_TEST(where_nothing_waits_no_worker_hangs),
        FLEET_TEST(with_no_limit_no_worker_hangs),
        FLEET_TEST(a_draining_worker_gets_no_new_flow_and_leaves_when_it_owes_nothing),
        FLEET_TEST(at_its_deadline_a_draining_worker_leaves_and_is_lost),
        FLEET_TEST(a_draining_worker_that_dies_is_lost_immediately),
        FLEET_TEST(one_that_is_asked_to_leave_and_does_not_is_revoked),
        FLEET_TEST(one_that_waits_for_its_output_may_leave_later),
        FLEET_TEST(one_that_waits_no_more_has_to_leave_in_time),
        FLEET_TEST(a_restart_makes_room_for_the_next_process_which_goes_on),
        FLEET_TEST(where_no_up_side_can_be_made_the_number_is_lost_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
