/* SPDX-License-Identifier: BSD-2-Clause */
/* The flows of a lost worker, on their way to the others. The listener checks each descriptor. */
#include "tests/lib/move_listener.h"

/* A worker dies with nothing under inspection, and no process comes for its number in time. */
static void lose_worker(unsigned k) {
    die(k);
    wait_for_failover();
    assert_int_equal(state_of(k), FB_STATE_MOVING);
}

static void send_udp(unsigned tuple, unsigned packets) {
    while (packets != 0) {
        for (; packets != 0 && frame_count < BURST_MAX; packets--)
            add_udp(tuple);
        send_burst();
    }
}

/* Lets every flow that can time out be overdue; the packet that shows the time is of its own flow.
 */
static void let_time_pass(unsigned tuple) {
    packet_ns += 3601 * SECOND;
    send_udp(tuple, 1);
    datapath_flush(&datapath);
}

/* ---- flows that are alive */

/* Two flows in both directions: some packets finished, some in the ring, some yet to come. */
static void two_flows_move_and_go_on(void) {
    come(0);
    for (unsigned n = 0; n < 12; n++)
        add_frame(n % 2 == 0 ? 0 : 300, n % 3 == 1, ACK, 20 + n, n % 4);
    send_burst();
    work(0, 5);
    come(1);
    lose_worker(0);
    assert_int_equal(fleet.lost_count, 1);
    assert_int_equal(move_all(), EGRESS_DONE);
    assert_int_equal(state_of(0), FB_STATE_LOST);
    for (unsigned n = 0; n < 12; n++)
        add_frame(n % 2 == 0 ? 0 : 300, n % 3 == 1, ACK, 20 + n, n % 4);
    send_burst();
    work_all();
    assert_int_equal(told.packets, 24);
    assert_int_equal(told.starts, 2);
    assert_int_equal(told.gaps, 0);
    assert_int_equal(told.moves, 2);
    assert_int_equal(flows.created, 2);
    assert_int_equal(fleet.failovers, 1);
    assert_int_equal(lane_of(0)->counters[FB_LANE_REMOVED], 7);
    finish_moves();
    assert_int_equal(told.ends, 2);
    assert_int_equal(flows.ended[FB_END_SHUTDOWN], 2);
}

static void live_flows_move_in_order_and_start_once(void **state) {
    (void)state;
    for (unsigned block = 0; block < 2; block++) {
        make_moves_loop(2, 64, block != 0, 64, NULL);
        two_flows_move_and_go_on();
    }
}

static void where_the_packet_clock_stops_they_move_alike(void **state) {
    (void)state;
    for (uint32_t left = 0; left < 3; left++) {
        make_moves_loop(2, 64, true, 64, NULL);
        flows.now = datapath.ingress.clock.packets.now_ticks = PACKET_CLOCK_LAST_TICK - left;
        two_flows_move_and_go_on();
    }
}

static void by_the_clock_of_a_live_capture_they_move_alike(void **state) {
    (void)state;
    make_moves_loop(2, 64, true, 64, NULL);
    datapath.ingress.clock.is_live = true;
    datapath.ingress.clock.live_from_ns = now_ns;
    two_flows_move_and_go_on();
}

static void several_losses_within_one_tick_are_told_apart(void **state) {
    (void)state;
    make_moves_loop(3, 64, true, 64, NULL);
    fleet.timing.failover_ns = 0;
    datapath.ingress.clock.is_live = true;
    datapath.ingress.clock.live_from_ns = now_ns;
    come(0);
    send_udp(0, 4);
    come(1);
    come(2);
    for (unsigned n = 0; n < 6; n++) { /* from one to the next, no time passing */
        unsigned k = n % 3;
        work(k, 1);
        die(k);
        look();
        assert_int_equal(move_all(), EGRESS_DONE);
        send_udp(0, 1);
        come(k);
    }
    work_all();
    assert_int_equal(told.packets, 10);
    assert_int_equal(told.gaps, 0);
    finish_moves();
}

static void an_idle_flow_binds_again_with_its_next_packet(void **state) {
    (void)state;
    make_moves_loop(2, 64, true, 64, NULL);
    come(0);
    send_udp(0, 3);
    send_udp(1, 1);
    work(0, 4);
    come(1);
    lose_worker(0);
    assert_int_equal(move_all(), EGRESS_DONE);
    leave(1);
    come(0); /* the next process of that number, and no other: still no binding holds */
    send_udp(0, 1);
    assert_int_equal(lane_of(0)->handles.bound, 1);
    let_time_pass(0);
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], 1); /* tuple 1 had no worker any more */
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], 1);
    work_all();
    assert_int_equal(told.starts, 3);
    finish_moves();
    assert_int_equal(told.ends, 2);
}

static void a_number_that_was_emptied_starts_afresh(void **state) {
    (void)state;
    make_moves_loop(2, 8, true, 64, NULL);
    come(0);
    for (unsigned n = 0; n < 6; n++)
        send_udp(n, 1);
    work(0, 2);
    come(1);
    lose_worker(0);
    struct fb_claim early;
    assert_int_equal(fb_claim_take(&early, &seen, 0), FB_CLAIM_NOT_YET);
    assert_int_equal(move_all(), EGRESS_DONE);
    come(0);
    assert_int_equal(fb_rx_peek(&hands[0].rx), 0);
    assert_int_equal(lane_of(0)->handles.fresh, 0);
    assert_int_equal(lane_of(0)->counters[FB_LANE_RESTARTS], 1);
    for (unsigned n = 0; n < 4; n++)
        send_udp(20 + n, 1); /* the other has more waiting */
    assert_int_equal(lane_of(0)->handles.bound, 4);
    finish_moves();
    assert_int_equal(told.packets, 10);
}

/* ---- room */

static void in_block_mode_a_full_ring_is_waited_for(void **state) {
    (void)state;
    make_moves_loop(2, 8, true, 64, NULL);
    come(0);
    send_udp(0, 8);
    come(1);
    send_udp(1, 5);
    lose_worker(0);
    for (unsigned n = 0; n < 5; n++) {
        assert_int_equal(move_all(), EGRESS_RING_FULL);
        assert_int_equal(datapath.egress.stopped_worker, 1);
        assert_int_equal(lane_waiting(lane_of(0)), 5 - n);
        assert_int_equal(move_all(), EGRESS_RING_FULL); /* no progress */
        assert_int_equal(lane_waiting(lane_of(0)), 5 - n);
        assert_int_equal(work(1, 1), 1);
    }
    assert_int_equal(move_all(), EGRESS_DONE);
    finish_moves();
    assert_int_equal(told.packets, 13);
    assert_int_equal(told.gaps, 0);
}

static void in_drop_mode_what_finds_no_room_is_counted_and_shows_as_a_gap(void **state) {
    (void)state;
    make_moves_loop(2, 8, false, 64, NULL);
    come(0);
    send_udp(0, 11); /* three find no room immediately */
    come(1);
    send_udp(1, 5);
    lose_worker(0);
    assert_int_equal(move_all(), EGRESS_DONE);
    assert_int_equal(datapath.egress.dropped[FB_DROP_RING_FULL], 3 + 5);
    assert_int_equal(lane_of(0)->counters[FB_LANE_DROPPED], 3);
    assert_int_equal(lane_of(1)->counters[FB_LANE_DROPPED], 5);
    work(1, 8);
    send_udp(0, 1);
    work(1, 8);
    assert_int_equal(told.gaps, 8);
    finish_moves();
    assert_int_equal(told.starts, 2);
}

/* The first packet that a worker gets is the start, whatever was dropped before it. */
static void a_start_that_is_dropped_on_its_way_passes_to_the_next_packet(void **state) {
    (void)state;
    for (unsigned ended = 0; ended < 2; ended++) {
        make_moves_loop(2, 8, false, 64, NULL);
        come(0);
        send_udp(0, 8);
        if (ended != 0) {
            packet_ns += 31 * SECOND;
            send_udp(0, 1); /* finds the old flow overdue; the ring is full */
        }
        come(1);
        send_udp(1, 8 - ended); /* full, but for one */
        lose_worker(0);
        assert_int_equal(move_all(), EGRESS_DONE);
        assert_int_equal(datapath.egress.dropped[FB_DROP_RING_FULL], 8);
        work_all();
        assert_int_equal(told.starts, 1 + ended);
        send_udp(0, 1);
        work_all();
        assert_int_equal(told.starts, 2 + ended);
        assert_int_equal(told.gaps, ended != 0 ? 1 : 8);
        finish_moves();
    }
}

static void where_no_worker_is_alive_block_mode_waits_and_drop_mode_counts(void **state) {
    (void)state;
    for (unsigned block = 0; block < 2; block++) {
        make_moves_loop(2, 8, block != 0, 64, NULL);
        come(0);
        send_udp(0, 6);
        send_udp(1, 2);
        work(0, 2);
        die(0);
        fleet_give_up(&fleet, 0, now_ns);
        pass_revocation();
        assert_int_equal(state_of(0), FB_STATE_MOVING);
        if (block != 0) {
            assert_int_equal(move_all(), EGRESS_NO_WORKER);
            assert_int_equal(move_all(), EGRESS_NO_WORKER);
            assert_int_equal(lane_waiting(lane_of(0)), 6);
            move_drop_stopped(&datapath, FB_DROP_NO_WORKER);
            observe();
            assert_int_equal(lane_waiting(lane_of(0)), 5);
            come(1);
        }
        assert_int_equal(move_all(), EGRESS_DONE);
        assert_int_equal(datapath.egress.dropped[FB_DROP_NO_WORKER], block != 0 ? 1 : 6);
        if (block == 0)
            come(1);
        send_udp(0, 1);
        send_udp(1, 1);
        work_all();
        assert_int_equal(told.gaps, block != 0 ? 1 : 6);
        finish_moves();
    }
}

/* ---- flows that have ended */

/* Flows end while their packets wait in the ring: `staged` of the ends are in it too. */
static void ended_flows_move_with_their_ends(unsigned depth, unsigned idle) {
    make_moves_loop(2, depth, true, 256, NULL);
    come(0);
    for (unsigned n = 0; n < idle; n++) {
        send_udp(100 + n, 1);
        work(0, 1);
        datapath_flush(&datapath);
    }
    for (unsigned n = 0; n < 6; n++)
        send_udp(n, 1);
    send_udp(0, 2);
    come(1);
    die(0);
    look();
    let_time_pass(50); /* to worker 1 */
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], idle + 6);
    wait_for_failover();
    while (move_all() != EGRESS_DONE)
        assert_int_equal(work(1, 1), 1);
    assert_int_equal(flows.ends_pending, lane_of(1)->handles.pending);
    finish_moves();
    assert_int_equal(told.packets, idle + 9);
    /* Of flows that left no packet behind no worker hears any more. */
    assert_int_equal(told.ends, 6 + 1);
    assert_int_equal(told.unknown_ends, 0);
}

static void flows_that_have_ended_move_with_their_ends(void **state) {
    (void)state;
    ended_flows_move_with_their_ends(64, 0); /* all ends are in the ring */
    ended_flows_move_with_their_ends(8, 30); /* most wait for room there */
}

/* ---- losses within losses */

/*
 * Worker 0 is lost; half of what it had is with worker 1 when that is lost too;
 * worker 2 gets it all.
 */
static void nested_losses(bool ended, unsigned finished) {
    make_moves_loop(3, 8, true, 64, NULL);
    come(0);
    for (unsigned n = 0; n < 8; n++)
        send_udp(n % 3, 1);
    come(1);
    send_udp(9, 3);
    if (ended)
        let_time_pass(8); /* one more in ring 1 */
    lose_worker(0);
    assert_int_equal(move_all(), EGRESS_RING_FULL);
    assert_int_equal(datapath.egress.stopped_worker, 1);
    assert_int_equal(lane_waiting(lane_of(0)), ended ? 5 : 3); /* there is an end in ring 1 */
    assert_int_equal(work(1, finished), finished);
    come(2);
    lose_worker(1);
    assert_int_equal(fleet.lost_count, 2);
    assert_int_equal(fleet.lost[1], 1); /* the last one lost is emptied first */
    uint64_t below = lane_waiting(lane_of(0));
    assert_int_equal(move_some(), EGRESS_DONE);
    assert_int_equal(lane_waiting(lane_of(0)), below);
    while (move_all() != EGRESS_DONE)
        assert_int_equal(work(2, 1), 1);
    assert_int_equal(state_of(0), FB_STATE_LOST);
    assert_int_equal(state_of(1), FB_STATE_LOST);
    assert_int_equal(fleet.failovers, 2);
    finish_moves();
    assert_int_equal(told.packets, sent_count);
    assert_int_equal(told.gaps, 0);
}

static void a_loss_within_a_loss_keeps_the_order(void **state) {
    (void)state;
    for (unsigned finished = 0; finished <= 8; finished++) {
        nested_losses(false, finished);
        nested_losses(true, finished);
    }
}

/* ---- suspects, and descriptors that were written by somebody else */

static void a_suspect_of_a_lost_worker_is_quarantined_and_not_moved(void **state) {
    (void)state;
    for (unsigned immediate = 0; immediate < 2; immediate++) {
        make_moves_loop(2, 16, true, 64, NULL);
        if (immediate != 0)
            fleet.timing.failover_ns = 0;
        come(0);
        send_udp(0, 8);
        come(1);
        die_at(0, 2);
        look();
        assert_int_equal(state_of(0), immediate != 0 ? FB_STATE_MOVING : FB_STATE_VACANT);
        if (immediate == 0)
            wait_for_failover();
        assert_int_equal(lane_of(0)->counters[FB_LANE_QUARANTINED], 1);
        assert_int_equal(move_all(), EGRESS_DONE);
        work(1, 16);
        assert_int_equal(told.packets, 7);
        assert_int_equal(told.redelivered, 0);
        assert_int_equal(sent[3].delivered, 0);
        finish_moves();
    }
}

static void a_flow_that_kills_three_times_is_bypassed(void **state) {
    (void)state;
    make_moves_loop(1, 32, true, 64, NULL);
    fleet.timing.failover_ns = NEVER;
    come(0);
    for (unsigned n = 0; n < 10; n++)
        add_udp(n == 1 || n == 6 ? 1 : 0);
    send_burst();
    for (unsigned deaths = 0; deaths < 6; deaths++) {
        uint32_t ahead = 0; /* to the next packet of flow 0 */
        fb_rx_peek(&hands[0].rx);
        while ((fb_rx_desc(&hands[0].rx, ahead)->flags & FB_F_SKIP) != 0 ||
               fb_rx_desc(&hands[0].rx, ahead)->flow_id != 0)
            ahead++;
        die_at(0, ahead);
        look();
        come(0);
        assert_int_equal(lane_of(0)->counters[FB_LANE_QUARANTINED], (deaths + 1) / 2);
    }
    assert_int_equal(fleet.bypassed, 5);
    work(0, 32);
    assert_int_equal(told.packets, 2); /* of the other flow */
    send_udp(0, 7);
    send_udp(1, 1);
    assert_int_equal(datapath.bypassed, 7);
    assert_int_equal(flows.created, 2);
    finish_moves();
    assert_int_equal(told.packets, 3);
    assert_int_equal(told.ends, 2); /* that flow's end is told as any */
}

/* One packet at a time, each in the hands of another worker: the count goes with the flow. */
static void a_flow_that_kills_one_worker_after_another_is_bypassed_too(void **state) {
    (void)state;
    for (unsigned more = 0; more < 2; more++) { /* packets behind the one that kills */
        make_moves_loop(2, 32, true, 64, NULL);
        fleet.timing.failover_ns = 0;
        come_all();
        for (unsigned killed = 0; killed < 3; killed++) {
            send_udp(0, 1 + more);
            unsigned k = flows.table.entries[0].worker;
            die_at(k, 0);
            look();
            assert_int_equal(move_all(), EGRESS_DONE);
            come(k);
            if (killed < 2)
                work_all();
        }
        assert_int_equal(datapath.bypassed + fleet.bypassed, more);
        send_udp(0, 5);
        assert_int_equal(datapath.bypassed + fleet.bypassed, 5 + more);
        finish_moves();
    }
}

static void what_is_in_a_lost_ring_of_a_bypassed_flow_is_counted_so(void **state) {
    (void)state;
    make_moves_loop(2, 32, true, 64, NULL);
    come(0);
    send_udp(0, 4);
    send_udp(1, 1);
    flows.table.entries[0].key.word[4] |= FLOW_BYPASSED;
    come(1);
    lose_worker(0);
    assert_int_equal(move_all(), EGRESS_DONE);
    assert_int_equal(datapath.bypassed, 4);
    finish_moves();
    assert_int_equal(told.packets, 1);
}

static void a_scribbled_descriptor_is_a_violation_and_goes_nowhere(void **state) {
    (void)state;
    make_moves_loop(2, 16, true, 64, NULL);
    come(0);
    for (unsigned n = 0; n < 8; n++)
        send_udp(n, 1);
    come(1);
    send_udp(20, 1); /* of another worker, which must not notice anything */
    assert_int_equal(lane_of(1)->handles.bound, 1);
    struct fb_desc *descs = lane_of(0)->tx.descs;
    descs[0].handle = 8;
    descs[1].caplen = descs[1].wirelen = 65536;
    descs[2].flow_id = 12345; /* of no flow */
    descs[3].flow_id = 8;     /* of the other worker */
    descs[4].flow_id = 6;     /* of this one */
    descs[5].l4_off = 500;
    lose_worker(0);
    assert_int_equal(move_all(), EGRESS_DONE);
    assert_int_equal(fleet.violations[FB_VIOLATION_DOWN_SIDE], 6);
    assert_int_equal(datapath.egress.dropped[FB_DROP_ABANDONED], 6);
    send_udp(20, 1);
    work_all();
    assert_int_equal(told.packets, 4);
    assert_int_equal(told.gaps, 0);
    finish_moves();
}

static void a_scribbled_suspect_is_charged_to_no_flow(void **state) {
    (void)state;
    make_moves_loop(1, 32, true, 64, NULL);
    fleet.timing.failover_ns = NEVER;
    come(0);
    send_udp(0, 8);
    send_udp(1, 1);
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned deaths = 0; deaths < 2; deaths++) {
            die_at(0, n != 0 && deaths == 0); /* past the one before */
            lane_first_desc(lane_of(0))[n != 0 && deaths == 0].flow_id = 1;
            look();
            come(0);
        }
    }
    assert_int_equal(lane_of(0)->counters[FB_LANE_QUARANTINED], 3);
    assert_int_equal(fleet.violations[FB_VIOLATION_DOWN_SIDE], 3);
    assert_int_equal(fleet.bypassed, 0);
    send_udp(1, 1);
    assert_int_equal(datapath.bypassed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_flows_move_in_order_and_start_once),
        cmocka_unit_test(where_the_packet_clock_stops_they_move_alike),
        cmocka_unit_test(by_the_clock_of_a_live_capture_they_move_alike),
        cmocka_unit_test(several_losses_within_one_tick_are_told_apart),
        cmocka_unit_test(an_idle_flow_binds_again_with_its_next_packet),
        cmocka_unit_test(a_number_that_was_emptied_starts_afresh),
        cmocka_unit_test(in_block_mode_a_full_ring_is_waited_for),
        cmocka_unit_test(in_drop_mode_what_finds_no_room_is_counted_and_shows_as_a_gap),
        cmocka_unit_test(a_start_that_is_dropped_on_its_way_passes_to_the_next_packet),
        cmocka_unit_test(where_no_worker_is_alive_block_mode_waits_and_drop_mode_counts),
        cmocka_unit_test(flows_that_have_ended_move_with_their_ends),
        cmocka_unit_test(a_loss_within_a_loss_keeps_the_order),
        cmocka_unit_test(a_suspect_of_a_lost_worker_is_quarantined_and_not_moved),
        cmocka_unit_test(a_flow_that_kills_three_times_is_bypassed),
        cmocka_unit_test(a_flow_that_kills_one_worker_after_another_is_bypassed_too),
        cmocka_unit_test(what_is_in_a_lost_ring_of_a_bypassed_flow_is_counted_so),
        cmocka_unit_test(a_scribbled_descriptor_is_a_violation_and_goes_nowhere),
        cmocka_unit_test(a_scribbled_suspect_is_charged_to_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, free_loop);
}
