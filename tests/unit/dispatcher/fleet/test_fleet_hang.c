/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that hang, drain, are restarted, or do not leave though they were asked to. */
#include "tests/lib/fleet_fixture.h"

#include <sys/stat.h>

#include "flow_balancer/names.h"

#define HANG (5 * SECOND)

static void make_two(uint64_t failover_ns) {
    hang_of_fleet = HANG;
    make_fleet(2, 16, "backlog", failover_ns);
    start(0);
    start(1);
}

static void after(uint64_t ns) {
    now_ns += ns;
    poll_fleet();
}

/* From its revocation on: its process has time to look, then it is judged. */
static void is_revoked_and_judged(unsigned k, enum fb_state next) {
    assert_int_equal(state_of(k), FB_STATE_DEAD);
    assert_true(fb_rx_revoked(&hands[k].rx));
    assert_false(worker_heap_contains(&fleet.balance.heap, k));
    poll_fleet();
    after(REVOKE_WAIT_NS - 1);
    assert_int_equal(state_of(k), FB_STATE_DEAD);
    after(1);
    assert_int_equal(state_of(k), next);
}

static enum fb_command order_of(unsigned k) {
    return fb_rx_command(&hands[k].rx);
}

/* A flow of worker k that is not over. */
static uint32_t bind_flow(unsigned k) {
    uint16_t generation;
    return handles_take(&lane_of(k)->handles, 1, &generation);
}

/* ---- hang */

static void packets_that_wait_and_a_cursor_that_stays_are_a_hang(void **state) {
    (void)state;
    make_two(NEVER);
    give(0, 3);
    fb_rx_peek(&hands[0].rx);
    fb_rx_begin(&hands[0].rx, 0);
    poll_fleet();
    after(HANG - 1);
    assert_int_equal(state_of(0), FB_STATE_READY);
    assert_int_equal(lane_of(0)->counters[FB_LANE_HANGS], 0);
    fb_ctl_set_pid(ctl.ctl, 0, 4711);
    after(1);
    assert_int_equal(lane_of(0)->counters[FB_LANE_HANGS], 1);
    assert_int_equal(lane_of(0)->revoked_pid, 4711); /* for its supervisor, which has to kill it */
    is_revoked_and_judged(0, FB_STATE_VACANT);
    assert_int_equal(fleet.redelivered, 1);
    assert_int_equal(state_of(1), FB_STATE_READY);
    /* The next process is not judged by the time of this one. */
    die(0);
    start(0);
    assert_int_equal(lane_of(0)->revoked_pid, 0);
    after(HANG - 1);
    assert_int_equal(state_of(0), FB_STATE_READY);
    lanes_balance();
}

static void one_that_has_not_even_begun_hangs_too(void **state) {
    (void)state;
    make_two(NEVER);
    give(1, 1);
    poll_fleet();
    after(HANG);
    assert_int_equal(lane_of(1)->counters[FB_LANE_HANGS], 1);
    is_revoked_and_judged(1, FB_STATE_VACANT);
    assert_int_equal(fleet.redelivered, 0);
}

static void a_cursor_that_moves_now_and_then_is_no_hang(void **state) {
    (void)state;
    make_two(NEVER);
    give(0, 16);
    poll_fleet();
    fb_rx_peek(&hands[0].rx);
    for (uint32_t i = 0; i < 4; i++) { /* nothing of the burst is given back meanwhile */
        after(HANG - 1);
        assert_int_equal(state_of(0), FB_STATE_READY);
        fb_rx_begin(&hands[0].rx, i);
        after(1);
    }
    after(HANG - 2);
    assert_int_equal(state_of(0), FB_STATE_READY);
    after(2);
    assert_int_equal(state_of(0), FB_STATE_DEAD);
}

static void where_nothing_waits_no_worker_hangs(void **state) {
    (void)state;
    make_two(NEVER);
    after(1000 * SECOND);
    assert_int_equal(state_of(0), FB_STATE_READY);
    give(0, 1); /* the time counts from here, not from its last packet */
    after(HANG - 1);
    assert_int_equal(state_of(0), FB_STATE_READY);
    finish(0, 1);
    for (unsigned n = 0; n < 3; n++)
        after(1000 * SECOND);
    assert_int_equal(state_of(0), FB_STATE_READY);
    assert_int_equal(lane_of(0)->counters[FB_LANE_HANGS], 0);
}

static void with_no_limit_no_worker_hangs(void **state) {
    (void)state;
    hang_of_fleet = NEVER;
    make_fleet(1, 16, "backlog", NEVER);
    start(0);
    give(0, 1);
    poll_fleet();
    after(365 * 86400 * SECOND);
    assert_int_equal(state_of(0), FB_STATE_READY);
}

/* ---- drain */

static void a_draining_worker_gets_no_new_flow_and_leaves_when_it_owes_nothing(void **state) {
    (void)state;
    make_two(SECOND);
    uint32_t handle = bind_flow(0);
    give(0, 2);
    assert_null(fleet_drain(&fleet, 0, now_ns));
    assert_int_equal(state_of(0), FB_STATE_DRAINING);
    assert_int_equal(fleet_wanted(&fleet), 1);
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(fleet_pick(&fleet, n, now_ns), 1);
    finish(0, 2);
    after(SECOND);
    assert_int_equal(state_of(0), FB_STATE_DRAINING); /* the flow may go on */
    assert_int_equal(order_of(0), FB_COMMAND_RUN);
    handles_end(&lane_of(0)->handles, handle, FB_END_CLOSED);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_DRAINING);
    lane_stage_ends(lane_of(0), 0, 0);
    publish_to(0);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_DRAINING);
    finish(0, 1);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_STOPPING);
    assert_int_equal(order_of(0), FB_COMMAND_STOP);
    leave(0);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_ABSENT);
    assert_int_equal(fleet.failovers, 0);
    assert_false(lane_of(0)->draining);
    start(0);
    assert_int_equal(order_of(0), FB_COMMAND_RUN);
}

static void at_its_deadline_a_draining_worker_leaves_and_is_lost(void **state) {
    (void)state;
    make_two(NEVER); /* none is waited for, all the same */
    bind_flow(0);
    give(0, 8);
    finish(0, 1);
    assert_null(fleet_drain(&fleet, 0, now_ns));
    for (unsigned n = 0; n < 6; n++) { /* it goes on, so that it does not hang */
        after(5 * SECOND - 1);
        assert_int_equal(state_of(0), FB_STATE_DRAINING);
        finish(0, 1);
    }
    after(6);
    assert_int_equal(state_of(0), FB_STATE_STOPPING);
    assert_int_equal(order_of(0), FB_COMMAND_LEAVE);
    leave(0);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_MOVING);
    assert_int_equal(lane_waiting(lane_of(0)), 1);
    assert_int_equal(fleet.failovers, 1);
    assert_int_equal(fleet.redelivered, 0);
    assert_int_equal(fleet_wanted(&fleet), 1);
}

static void a_draining_worker_that_dies_is_lost_immediately(void **state) {
    (void)state;
    for (unsigned owes = 0; owes < 2; owes++) {
        make_two(NEVER);
        if (owes != 0)
            give(0, 3);
        else
            bind_flow(0);
        assert_null(fleet_drain(&fleet, 0, now_ns));
        die(0);
        after(1);
        assert_int_equal(state_of(0), FB_STATE_MOVING);
    }
}

static void one_that_is_asked_to_leave_and_does_not_is_revoked(void **state) {
    (void)state;
    make_two(NEVER);
    bind_flow(0);
    assert_null(fleet_restart(&fleet, 0, now_ns));
    assert_int_equal(state_of(0), FB_STATE_STOPPING);
    after(HANG - 1);
    assert_int_equal(state_of(0), FB_STATE_STOPPING);
    after(1);
    assert_int_equal(lane_of(0)->counters[FB_LANE_HANGS], 0);
    is_revoked_and_judged(0, FB_STATE_VACANT);
    die(0);
    start(0);
    assert_int_equal(order_of(0), FB_COMMAND_RUN);
    after(100 * SECOND); /* the order of the one before does not hold for this one */
    assert_int_equal(state_of(0), FB_STATE_READY);
}

/* ---- restart */

static void a_restart_makes_room_for_the_next_process_which_goes_on(void **state) {
    (void)state;
    make_two(SECOND);
    bind_flow(0);
    give(0, 8);
    assert_null(fleet_restart(&fleet, 0, now_ns));
    assert_int_equal(order_of(0), FB_COMMAND_LEAVE);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 1);
    assert_int_equal(lane_of(0)->restarts_asked, 1);
    give(0, 2); /* its flows stay with it */
    finish(0, 4);
    leave(0);
    after(1);
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    assert_int_equal(fleet_wanted(&fleet), 2);
    start(0);
    assert_int_equal(order_of(0), FB_COMMAND_RUN);
    assert_int_equal(hands[0].rx.next, 4);
    finish(0, 6);
    after(1);
    assert_int_equal(fleet.redelivered, 0);
    assert_int_equal(fleet.failovers, 0);
    assert_int_equal(lane_of(0)->handles.bound, 1);
    lanes_balance();
}

/* ---- an up side that cannot be made */

static void take_the_folder_away(unsigned k, bool away) {
    /* The name is taken by something that cannot be an up side. */
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, ctl.ctl->name, FB_KIND_UP, k);
    if (away)
        assert_int_equal(mkdir(path, 0700), 0);
    else
        assert_int_equal(rmdir(path), 0);
}

static void where_no_up_side_can_be_made_the_number_is_lost_in_time(void **state) {
    (void)state;
    static const uint64_t failovers[] = {SECOND / 2, 3 * SECOND};
    for (unsigned i = 0; i < 2; i++) {
        make_two(failovers[i]);
        give(0, 3);
        unlink(lane_of(0)->up_region.path);
        take_the_folder_away(0, true);
        die(0);
        poll_fleet();
        uint64_t since = now_ns;
        assert_int_equal(state_of(0), FB_STATE_DEAD);
        while (now_ns - since < failovers[i] - 5 * MS) {
            after(5 * MS);
            assert_int_equal(state_of(0), FB_STATE_DEAD);
        }
        after(5 * MS);
        assert_int_equal(state_of(0), FB_STATE_MOVING);
        take_the_folder_away(0, false);
        lanes_balance();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_that_wait_and_a_cursor_that_stays_are_a_hang),
        cmocka_unit_test(one_that_has_not_even_begun_hangs_too),
        cmocka_unit_test(a_cursor_that_moves_now_and_then_is_no_hang),
        cmocka_unit_test(where_nothing_waits_no_worker_hangs),
        cmocka_unit_test(with_no_limit_no_worker_hangs),
        cmocka_unit_test(a_draining_worker_gets_no_new_flow_and_leaves_when_it_owes_nothing),
        cmocka_unit_test(at_its_deadline_a_draining_worker_leaves_and_is_lost),
        cmocka_unit_test(a_draining_worker_that_dies_is_lost_immediately),
        cmocka_unit_test(one_that_is_asked_to_leave_and_does_not_is_revoked),
        cmocka_unit_test(a_restart_makes_room_for_the_next_process_which_goes_on),
        cmocka_unit_test(where_no_up_side_can_be_made_the_number_is_lost_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, free_fleet);
}
