/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/fleet_life.c: what is known of a process must not outlive it. Each of
 * these would be held against the next process of the number.
 */
#include "tests/lib/fleet_fixture.h"

#include "flow_balancer/lock.h"

#include "dispatcher/fleet/fleet_life.h"

#define HANG (5 * SECOND)
#define START_TIMEOUT (30 * SECOND) /* of the fixture */

static void after(struct fleet_fixture *f, uint64_t ns) {
    f->now_ns += ns;
    poll_fleet(f);
}

/* The data path revokes by the time of its last look at the clock, which may be long ago. */
static void every_revocation_is_waited_for_by_a_fresh_clock(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", NEVER);
    for (unsigned life = 0; life < 3; life++) {
        worker_starts(f, 0);
        give_packets(f, 0, 1);
        f->now_ns += SECOND;
        fleet_violated(&f->fleet, 0, FB_VIOLATION_CONSUMED_BACK, f->now_ns - SECOND);
        poll_fleet(f);
        after(f, REVOKE_WAIT_NS - 1);
        assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
        after(f, 1);
        assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
        worker_dies(f, 0);
    }
}

static void an_emptied_number_has_no_backlog_for_its_next_process(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 2, 8, "backlog", SECOND);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 5);
    poll_fleet(f);
    assert_int_equal(f->fleet.balance.workers[0].facts.waiting, 5);
    worker_dies(f, 0);
    poll_fleet(f);
    after(f, SECOND);
    revocation_passes(f);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    while (lane_first(lane_of(f, 0)) != LANE_EMPTY)
        lane_take_out(lane_of(f, 0));
    fleet_emptied(&f->fleet, f->now_ns);
    assert_int_equal(f->fleet.balance.workers[0].facts.waiting, 0);
}

/* A process that has the lock and says nothing, as one that was stopped between the two. */
static void lock_silently(struct fleet_fixture *f, struct fb_region *up) {
    assert_int_equal(fb_region_open(up, lane_of(f, 0)->up_region.path, true, 1, 0), 0);
    assert_int_equal(fb_lock_take(up->fd), 0);
}

static void the_next_that_says_nothing_has_its_own_time(void **state) {
    struct fleet_fixture *f = *state;
    struct fb_region first, second;
    make_fleet(f, 1, 8, "backlog", NEVER);
    lock_silently(f, &first);
    poll_fleet(f);
    after(f, START_TIMEOUT);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
    revocation_passes(f);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    lock_silently(f, &second); /* before the dispatcher has seen it free */
    poll_fleet(f);
    after(f, START_TIMEOUT - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_ABSENT);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
    fb_region_close(&first);
    fb_region_close(&second);
}

/* It begins where the one before stood: that is progress of its own. */
static void the_next_process_gets_on_with_the_packet_of_the_last(void **state) {
    struct fleet_fixture *f = *state;
    f->hang_ns = HANG;
    make_fleet(f, 1, 8, "backlog", NEVER);
    worker_starts(f, 0);
    give_packets(f, 0, 3);
    fb_rx_peek(&f->hands[0].rx);
    fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0});
    poll_fleet(f);
    worker_dies(f, 0);
    poll_fleet(f);
    worker_starts(f, 0);
    after(f, HANG - 1);
    fb_rx_peek(&f->hands[0].rx);
    fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0});
    poll_fleet(f);
    after(f, HANG - 1);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    after(f, 1);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(every_revocation_is_waited_for_by_a_fresh_clock),
        FLEET_TEST(an_emptied_number_has_no_backlog_for_its_next_process),
        FLEET_TEST(the_next_that_says_nothing_has_its_own_time),
        FLEET_TEST(the_next_process_gets_on_with_the_packet_of_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
