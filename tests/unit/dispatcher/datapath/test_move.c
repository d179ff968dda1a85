/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/move.c: the flows of a lost worker, on their way to the others. The
 * fixture checks each descriptor.
 */
#include "tests/lib/child.h"
#include "tests/lib/moves_fixture.h"

#include <signal.h>
#include <sys/wait.h>

/* A worker dies with nothing under inspection, and no process comes for its number in time. */
static void lose_worker(struct moves_fixture *m, unsigned k) {
    worker_dies(&m->path.base, k);
    wait_for_failover(m);
    assert_int_equal(state_of(&m->path.base, k), FB_STATE_MOVING);
}

static void send_udp(struct moves_fixture *m, unsigned tuple, unsigned packets) {
    while (packets != 0) {
        for (; packets != 0 && m->path.frame_count < BURST_MAX; packets--)
            add_udp_frame(&m->path, tuple);
        send_burst(&m->path);
    }
}

/* Lets every flow that can time out be overdue; the packet that shows the time is of its own flow.
 */
static void let_time_pass(struct moves_fixture *m, unsigned tuple) {
    m->path.packet_ns += 3601 * SECOND;
    send_udp(m, tuple, 1);
    datapath_flush(&m->path.datapath);
}

/* ---- flows that are alive */

/* Two flows in both directions: some packets finished, some in the ring, some yet to come. */
static void two_flows_move_and_go_on(struct moves_fixture *m) {
    worker_comes(m, 0);
    for (unsigned n = 0; n < 12; n++)
        add_frame(&m->path, n % 2 == 0 ? 0 : 300, n % 3 == 1, ACK, 20 + n, n % 4);
    send_burst(&m->path);
    worker_works(m, 0, 5);
    worker_comes(m, 1);
    lose_worker(m, 0);
    assert_int_equal(m->path.base.fleet.lost_count, 1);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(state_of(&m->path.base, 0), FB_STATE_LOST);
    for (unsigned n = 0; n < 12; n++)
        add_frame(&m->path, n % 2 == 0 ? 0 : 300, n % 3 == 1, ACK, 20 + n, n % 4);
    send_burst(&m->path);
    workers_work(m);
    assert_int_equal(m->told.packets, 24);
    assert_int_equal(m->told.starts, 2);
    assert_int_equal(m->told.gaps, 0);
    assert_int_equal(m->told.moves, 2);
    assert_int_equal(m->path.flows.created, 2);
    assert_int_equal(m->path.base.fleet.failovers, 1);
    assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_REMOVED], 7);
    finish_moves(m);
    assert_int_equal(m->told.ends, 2);
    assert_int_equal(m->path.flows.ended[FB_END_SHUTDOWN], 2);
}

static void live_flows_move_in_order_and_start_once(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned block = 0; block < 2; block++) {
        make_moves(m, 2, 64, block != 0, 64, NULL);
        two_flows_move_and_go_on(m);
    }
}

static void where_the_packet_clock_has_stopped_they_move_alike(void **state) {
    struct moves_fixture *m = *state;
    for (uint32_t left = 0; left < 3; left++) {
        make_moves(m, 2, 64, true, 64, NULL);
        m->path.flows.now = m->path.datapath.ingress.clock.packets.now_ticks =
            PACKET_CLOCK_LAST_TICK - left;
        two_flows_move_and_go_on(m);
    }
}

static void by_the_clock_of_a_live_capture_they_move_alike(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 64, true, 64, NULL);
    m->path.datapath.ingress.clock.is_live = true;
    m->path.datapath.ingress.clock.live_from_ns = m->path.base.now_ns;
    two_flows_move_and_go_on(m);
}

/* ---- no flow ends meanwhile: some worker would get its end, and then packets of it */

static uint64_t ended_in_all(const struct moves_fixture *m) {
    uint64_t ended = 0;
    for (unsigned reason = 0; reason < FB_END_COUNT; reason++)
        ended += m->path.flows.ended[reason];
    return ended;
}

static void expire_meanwhile(void *datapath) {
    datapath_expire(datapath);
}

static void flush_meanwhile(void *datapath) {
    datapath_flush(datapath);
}

static void expect_abort(child_body body, struct moves_fixture *m) {
    int status = child_wait(child_start(body, &m->path.datapath));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* A live capture: its flows are overdue while the packets of worker 0 wait for room at 1. */
static void no_flow_ends_while_a_lost_ring_is_moved(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 8, true, 64, NULL);
    m->path.datapath.ingress.clock.is_live = true;
    m->path.datapath.ingress.clock.live_from_ns = m->path.base.now_ns;
    worker_comes(m, 0);
    send_udp(m, 0, 3);
    send_udp(m, 1, 3);
    worker_comes(m, 1);
    send_udp(m, 2, 6);
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_RING_FULL);
    m->path.base.now_ns += 3601 * SECOND;
    datapath_set_time(&m->path.datapath, m->path.base.now_ns);
    look(m);
    assert_int_equal(move_all(m), EGRESS_RING_FULL);
    expect_abort(expire_meanwhile, m);
    expect_abort(flush_meanwhile, m);
    assert_int_equal(ended_in_all(m), 0);
    assert_int_equal(m->path.flows.ends_pending, 0);
    workers_work(m);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(ended_in_all(m), 0);
    workers_work(m);
    assert_int_equal(m->told.packets, 12);
    assert_int_equal(m->told.ends, 0);
    datapath_set_time(&m->path.datapath, m->path.base.now_ns + 3601 * SECOND);
    datapath_flush(&m->path.datapath);
    workers_work(m);
    assert_int_equal(m->told.ends, 3);
    finish_moves(m);
}

static void several_losses_within_one_tick_are_told_apart(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 3, 64, true, 64, NULL);
    m->path.base.fleet.timing.failover_ns = 0;
    m->path.datapath.ingress.clock.is_live = true;
    m->path.datapath.ingress.clock.live_from_ns = m->path.base.now_ns;
    worker_comes(m, 0);
    send_udp(m, 0, 4);
    worker_comes(m, 1);
    worker_comes(m, 2);
    for (unsigned n = 0; n < 6; n++) { /* from one to the next, no time passing */
        unsigned k = n % 3;
        worker_works(m, k, 1);
        worker_dies(&m->path.base, k);
        look(m);
        assert_int_equal(move_all(m), EGRESS_DONE);
        send_udp(m, 0, 1);
        worker_comes(m, k);
    }
    workers_work(m);
    assert_int_equal(m->told.packets, 10);
    assert_int_equal(m->told.gaps, 0);
    finish_moves(m);
}

static void an_idle_flow_is_bound_again_with_its_next_packet(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 64, true, 64, NULL);
    worker_comes(m, 0);
    send_udp(m, 0, 3);
    send_udp(m, 1, 1);
    worker_works(m, 0, 4);
    worker_comes(m, 1);
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_DONE);
    worker_leaves(&m->path.base, 1);
    worker_comes(m, 0); /* the next process of that number, and no other: still no binding holds */
    send_udp(m, 0, 1);
    assert_int_equal(lane_of(&m->path.base, 0)->handles.bound, 1);
    let_time_pass(m, 0);
    assert_int_equal(m->path.flows.ended[FB_END_WORKER_LOST],
                     1); /* tuple 1 had no worker any more */
    assert_int_equal(m->path.flows.ended[FB_END_TIMED_OUT], 1);
    workers_work(m);
    assert_int_equal(m->told.starts, 3);
    finish_moves(m);
    assert_int_equal(m->told.ends, 2);
}

static void a_number_that_was_emptied_starts_afresh(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 8, true, 64, NULL);
    worker_comes(m, 0);
    for (unsigned n = 0; n < 6; n++)
        send_udp(m, n, 1);
    worker_works(m, 0, 2);
    worker_comes(m, 1);
    lose_worker(m, 0);
    struct fb_claim early;
    assert_int_equal(fb_claim_take(&early, &m->path.base.seen, 0), FB_CLAIM_NOT_YET);
    assert_int_equal(move_all(m), EGRESS_DONE);
    worker_comes(m, 0);
    assert_int_equal(fb_rx_peek(&m->path.base.hands[0].rx), 0);
    assert_int_equal(lane_of(&m->path.base, 0)->handles.fresh, 0);
    assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_RESTARTS], 1);
    for (unsigned n = 0; n < 4; n++)
        send_udp(m, 20 + n, 1); /* the other has more waiting */
    assert_int_equal(lane_of(&m->path.base, 0)->handles.bound, 4);
    finish_moves(m);
    assert_int_equal(m->told.packets, 10);
}

/* ---- room */

static void in_block_mode_a_full_ring_is_waited_for(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 8, true, 64, NULL);
    worker_comes(m, 0);
    send_udp(m, 0, 8);
    worker_comes(m, 1);
    send_udp(m, 1, 5);
    lose_worker(m, 0);
    for (unsigned n = 0; n < 5; n++) {
        assert_int_equal(move_all(m), EGRESS_RING_FULL);
        assert_int_equal(m->path.datapath.egress.stopped_worker, 1);
        assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)), 5 - n);
        assert_int_equal(move_all(m), EGRESS_RING_FULL); /* no progress */
        assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)), 5 - n);
        assert_int_equal(worker_works(m, 1, 1), 1);
    }
    assert_int_equal(move_all(m), EGRESS_DONE);
    finish_moves(m);
    assert_int_equal(m->told.packets, 13);
    assert_int_equal(m->told.gaps, 0);
}

static void in_drop_mode_what_finds_no_room_is_counted_and_shows_as_a_gap(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 8, false, 64, NULL);
    worker_comes(m, 0);
    send_udp(m, 0, 11); /* three find no room at first */
    worker_comes(m, 1);
    send_udp(m, 1, 5);
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(m->path.datapath.egress.dropped[FB_DROP_RING_FULL], 3 + 5);
    assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_DROPPED], 3);
    assert_int_equal(lane_of(&m->path.base, 1)->counters[FB_LANE_DROPPED], 5);
    worker_works(m, 1, 8);
    send_udp(m, 0, 1);
    worker_works(m, 1, 8);
    assert_int_equal(m->told.gaps, 8);
    finish_moves(m);
    assert_int_equal(m->told.starts, 2);
}

/* The first packet that a worker gets is the start, whatever was dropped before it. */
static void a_start_that_is_dropped_on_its_way_passes_to_the_next_packet(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned ended = 0; ended < 2; ended++) {
        make_moves(m, 2, 8, false, 64, NULL);
        worker_comes(m, 0);
        send_udp(m, 0, 8);
        if (ended != 0) {
            m->path.packet_ns += 31 * SECOND;
            send_udp(m, 0, 1); /* finds the old flow overdue; the ring is full */
        }
        worker_comes(m, 1);
        send_udp(m, 1, 8 - ended); /* full, but for one */
        lose_worker(m, 0);
        assert_int_equal(move_all(m), EGRESS_DONE);
        assert_int_equal(m->path.datapath.egress.dropped[FB_DROP_RING_FULL], 8);
        workers_work(m);
        assert_int_equal(m->told.starts, 1 + ended);
        send_udp(m, 0, 1);
        workers_work(m);
        assert_int_equal(m->told.starts, 2 + ended);
        assert_int_equal(m->told.gaps, ended != 0 ? 1 : 8);
        finish_moves(m);
    }
}

static void where_no_worker_is_alive_block_mode_waits_and_drop_mode_counts(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned block = 0; block < 2; block++) {
        make_moves(m, 2, 8, block != 0, 64, NULL);
        worker_comes(m, 0);
        send_udp(m, 0, 6);
        send_udp(m, 1, 2);
        worker_works(m, 0, 2);
        worker_dies(&m->path.base, 0);
        fleet_give_up(&m->path.base.fleet, 0, m->path.base.now_ns);
        pass_revocation(m);
        assert_int_equal(state_of(&m->path.base, 0), FB_STATE_MOVING);
        if (block != 0) {
            assert_int_equal(move_all(m), EGRESS_NO_WORKER);
            assert_int_equal(move_all(m), EGRESS_NO_WORKER);
            assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)), 6);
            move_drop_stopped(&m->path.datapath, FB_DROP_NO_WORKER);
            observe(m);
            assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)), 5);
            worker_comes(m, 1);
        }
        assert_int_equal(move_all(m), EGRESS_DONE);
        assert_int_equal(m->path.datapath.egress.dropped[FB_DROP_NO_WORKER], block != 0 ? 1 : 6);
        if (block == 0)
            worker_comes(m, 1);
        send_udp(m, 0, 1);
        send_udp(m, 1, 1);
        workers_work(m);
        assert_int_equal(m->told.gaps, block != 0 ? 1 : 6);
        finish_moves(m);
    }
}

/* ---- flows that have ended */

/* Flows end while their packets wait in the ring: `staged` of the ends are in it too. */
static void ended_flows_move_with_their_ends(struct moves_fixture *m, unsigned depth,
                                             unsigned idle) {
    make_moves(m, 2, depth, true, 256, NULL);
    worker_comes(m, 0);
    for (unsigned n = 0; n < idle; n++) {
        send_udp(m, 100 + n, 1);
        worker_works(m, 0, 1);
        datapath_flush(&m->path.datapath);
    }
    for (unsigned n = 0; n < 6; n++)
        send_udp(m, n, 1);
    send_udp(m, 0, 2);
    worker_comes(m, 1);
    worker_dies(&m->path.base, 0);
    look(m);
    let_time_pass(m, 50); /* to worker 1 */
    assert_int_equal(m->path.flows.ended[FB_END_TIMED_OUT], idle + 6);
    wait_for_failover(m);
    while (move_all(m) != EGRESS_DONE)
        assert_int_equal(worker_works(m, 1, 1), 1);
    assert_int_equal(m->path.flows.ends_pending, lane_of(&m->path.base, 1)->handles.pending);
    finish_moves(m);
    assert_int_equal(m->told.packets, idle + 9);
    /* Of flows that left no packet behind no worker hears any more. */
    assert_int_equal(m->told.ends, 6 + 1);
    assert_int_equal(m->told.unknown_ends, 0);
}

static void flows_that_have_ended_move_with_their_ends(void **state) {
    struct moves_fixture *m = *state;
    ended_flows_move_with_their_ends(m, 64, 0); /* all ends are in the ring */
    ended_flows_move_with_their_ends(m, 8, 30); /* most wait for room there */
}

/* ---- losses within losses */

/*
 * Worker 0 is lost; half of what it had is with worker 1 when that is lost too;
 * worker 2 gets it all.
 */
static void nested_losses(struct moves_fixture *m, bool ended, unsigned finished) {
    make_moves(m, 3, 8, true, 64, NULL);
    worker_comes(m, 0);
    for (unsigned n = 0; n < 8; n++)
        send_udp(m, n % 3, 1);
    worker_comes(m, 1);
    send_udp(m, 9, 3);
    if (ended)
        let_time_pass(m, 8); /* one more in ring 1 */
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_RING_FULL);
    assert_int_equal(m->path.datapath.egress.stopped_worker, 1);
    assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)),
                     ended ? 5 : 3); /* there is an end in ring 1 */
    assert_int_equal(worker_works(m, 1, finished), finished);
    worker_comes(m, 2);
    lose_worker(m, 1);
    assert_int_equal(m->path.base.fleet.lost_count, 2);
    assert_int_equal(m->path.base.fleet.lost[1], 1); /* the last one lost is emptied first */
    uint64_t below = lane_waiting(lane_of(&m->path.base, 0));
    assert_int_equal(move_some(m), EGRESS_DONE);
    assert_int_equal(lane_waiting(lane_of(&m->path.base, 0)), below);
    while (move_all(m) != EGRESS_DONE)
        assert_int_equal(worker_works(m, 2, 1), 1);
    assert_int_equal(state_of(&m->path.base, 0), FB_STATE_LOST);
    assert_int_equal(state_of(&m->path.base, 1), FB_STATE_LOST);
    assert_int_equal(m->path.base.fleet.failovers, 2);
    finish_moves(m);
    assert_int_equal(m->told.packets, m->path.sent_count);
    assert_int_equal(m->told.gaps, 0);
}

static void a_loss_within_a_loss_keeps_the_order(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned finished = 0; finished <= 8; finished++) {
        nested_losses(m, false, finished);
        nested_losses(m, true, finished);
    }
}

/* ---- suspects, and descriptors that another process wrote */

static void a_suspect_of_a_lost_worker_is_quarantined_and_not_moved(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned immediately = 0; immediately < 2; immediately++) {
        make_moves(m, 2, 16, true, 64, NULL);
        if (immediately != 0)
            m->path.base.fleet.timing.failover_ns = 0;
        worker_comes(m, 0);
        send_udp(m, 0, 8);
        worker_comes(m, 1);
        worker_dies_at(m, 0, 2);
        look(m);
        assert_int_equal(state_of(&m->path.base, 0),
                         immediately != 0 ? FB_STATE_MOVING : FB_STATE_VACANT);
        if (immediately == 0)
            wait_for_failover(m);
        assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_QUARANTINED], 1);
        assert_int_equal(move_all(m), EGRESS_DONE);
        worker_works(m, 1, 16);
        assert_int_equal(m->told.packets, 7);
        assert_int_equal(m->told.redelivered, 0);
        assert_int_equal(m->path.sent[3].delivered, 0);
        finish_moves(m);
    }
}

/* All packets of its flow that were in the ring are finished: there is none that it would follow.
 */
static void a_suspect_flow_end_of_a_lost_worker_goes_nowhere(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 16, true, 64, NULL);
    worker_comes(m, 0);
    send_udp(m, 0, 1);
    let_time_pass(m, 50);
    worker_comes(m, 1);
    assert_int_equal(fb_rx_desc(&m->path.base.hands[0].rx, 2)->flags, FB_F_END);
    worker_dies_at(m, 0, 2);
    wait_for_failover(m);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(worker_works(m, 1, 16), 0);
    send_udp(m, 50, 1); /* its flow goes on there */
    assert_int_equal(worker_works(m, 1, 16), 1);
    assert_int_equal(m->told.packets, 3);
    finish_moves(m);
    assert_int_equal(m->told.ends, 1); /* of that one */
}

static void a_flow_that_kills_three_times_is_bypassed(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 1, 32, true, 64, NULL);
    m->path.base.fleet.timing.failover_ns = NEVER;
    worker_comes(m, 0);
    for (unsigned n = 0; n < 10; n++)
        add_udp_frame(&m->path, n == 1 || n == 6 ? 1 : 0);
    send_burst(&m->path);
    for (unsigned deaths = 0; deaths < 6; deaths++) {
        uint32_t ahead = 0; /* to the next packet of flow 0 */
        fb_rx_peek(&m->path.base.hands[0].rx);
        while ((fb_rx_desc(&m->path.base.hands[0].rx, ahead)->flags & FB_F_SKIP) != 0 ||
               fb_rx_desc(&m->path.base.hands[0].rx, ahead)->flow_id != 0)
            ahead++;
        worker_dies_at(m, 0, ahead);
        look(m);
        worker_comes(m, 0);
        assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_QUARANTINED],
                         (deaths + 1) / 2);
    }
    assert_int_equal(m->path.base.fleet.bypassed, 5);
    worker_works(m, 0, 32);
    assert_int_equal(m->told.packets, 2); /* of the other flow */
    send_udp(m, 0, 7);
    send_udp(m, 1, 1);
    assert_int_equal(m->path.datapath.bypassed, 7);
    assert_int_equal(m->path.flows.created, 2);
    finish_moves(m);
    assert_int_equal(m->told.packets, 3);
    assert_int_equal(m->told.ends, 2); /* that flow's end is told as any */
}

/* One packet at a time, each in the hands of another worker: the count goes with the flow. */
static void a_flow_that_kills_one_worker_after_another_is_bypassed_too(void **state) {
    struct moves_fixture *m = *state;
    for (unsigned more = 0; more < 2; more++) { /* packets behind the one that kills */
        make_moves(m, 2, 32, true, 64, NULL);
        m->path.base.fleet.timing.failover_ns = 0;
        workers_come(m);
        for (unsigned killed = 0; killed < 3; killed++) {
            send_udp(m, 0, 1 + more);
            unsigned k = m->path.flows.table.entries[0].worker;
            worker_dies_at(m, k, 0);
            look(m);
            assert_int_equal(move_all(m), EGRESS_DONE);
            worker_comes(m, k);
            if (killed < 2)
                workers_work(m);
        }
        assert_int_equal(m->path.datapath.bypassed + m->path.base.fleet.bypassed, more);
        send_udp(m, 0, 5);
        assert_int_equal(m->path.datapath.bypassed + m->path.base.fleet.bypassed, 5 + more);
        finish_moves(m);
    }
}

static void what_is_in_a_lost_ring_of_a_bypassed_flow_is_counted_so(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 32, true, 64, NULL);
    worker_comes(m, 0);
    send_udp(m, 0, 4);
    send_udp(m, 1, 1);
    m->path.flows.table.entries[0].key.word[4] |= FLOW_BYPASSED;
    worker_comes(m, 1);
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(m->path.datapath.bypassed, 4);
    finish_moves(m);
    assert_int_equal(m->told.packets, 1);
}

static void a_scribbled_descriptor_is_a_violation_and_goes_to_no_worker(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 2, 16, true, 64, NULL);
    worker_comes(m, 0);
    for (unsigned n = 0; n < 8; n++)
        send_udp(m, n, 1);
    worker_comes(m, 1);
    send_udp(m, 20, 1); /* of another worker, which must not notice anything */
    assert_int_equal(lane_of(&m->path.base, 1)->handles.bound, 1);
    struct fb_desc *descs = lane_of(&m->path.base, 0)->tx.descs;
    descs[0].handle = 8;
    descs[1].caplen = descs[1].wirelen = 65536;
    descs[2].flow_id = 12345; /* of no flow */
    descs[3].flow_id = 8;     /* of the other worker */
    descs[4].flow_id = 6;     /* of this one */
    descs[5].l4_off = 500;
    lose_worker(m, 0);
    assert_int_equal(move_all(m), EGRESS_DONE);
    assert_int_equal(m->path.base.fleet.violations[FB_VIOLATION_DOWN_SIDE], 6);
    assert_int_equal(m->path.datapath.egress.dropped[FB_DROP_ABANDONED], 6);
    send_udp(m, 20, 1);
    workers_work(m);
    assert_int_equal(m->told.packets, 4);
    assert_int_equal(m->told.gaps, 0);
    finish_moves(m);
}

static void a_scribbled_suspect_is_charged_to_no_flow(void **state) {
    struct moves_fixture *m = *state;
    make_moves(m, 1, 32, true, 64, NULL);
    m->path.base.fleet.timing.failover_ns = NEVER;
    worker_comes(m, 0);
    send_udp(m, 0, 8);
    send_udp(m, 1, 1);
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned deaths = 0; deaths < 2; deaths++) {
            worker_dies_at(m, 0, n != 0 && deaths == 0); /* past the one before */
            lane_first_desc(lane_of(&m->path.base, 0))[n != 0 && deaths == 0].flow_id = 1;
            look(m);
            worker_comes(m, 0);
        }
    }
    assert_int_equal(lane_of(&m->path.base, 0)->counters[FB_LANE_QUARANTINED], 3);
    assert_int_equal(m->path.base.fleet.violations[FB_VIOLATION_DOWN_SIDE], 3);
    assert_int_equal(m->path.base.fleet.bypassed, 0);
    send_udp(m, 1, 1);
    assert_int_equal(m->path.datapath.bypassed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MOVES_TEST(live_flows_move_in_order_and_start_once),
        MOVES_TEST(where_the_packet_clock_has_stopped_they_move_alike),
        MOVES_TEST(by_the_clock_of_a_live_capture_they_move_alike),
        MOVES_TEST(no_flow_ends_while_a_lost_ring_is_moved),
        MOVES_TEST(several_losses_within_one_tick_are_told_apart),
        MOVES_TEST(an_idle_flow_is_bound_again_with_its_next_packet),
        MOVES_TEST(a_number_that_was_emptied_starts_afresh),
        MOVES_TEST(in_block_mode_a_full_ring_is_waited_for),
        MOVES_TEST(in_drop_mode_what_finds_no_room_is_counted_and_shows_as_a_gap),
        MOVES_TEST(a_start_that_is_dropped_on_its_way_passes_to_the_next_packet),
        MOVES_TEST(where_no_worker_is_alive_block_mode_waits_and_drop_mode_counts),
        MOVES_TEST(flows_that_have_ended_move_with_their_ends),
        MOVES_TEST(a_loss_within_a_loss_keeps_the_order),
        MOVES_TEST(a_suspect_of_a_lost_worker_is_quarantined_and_not_moved),
        MOVES_TEST(a_suspect_flow_end_of_a_lost_worker_goes_nowhere),
        MOVES_TEST(a_flow_that_kills_three_times_is_bypassed),
        MOVES_TEST(a_flow_that_kills_one_worker_after_another_is_bypassed_too),
        MOVES_TEST(what_is_in_a_lost_ring_of_a_bypassed_flow_is_counted_so),
        MOVES_TEST(a_scribbled_descriptor_is_a_violation_and_goes_to_no_worker),
        MOVES_TEST(a_scribbled_suspect_is_charged_to_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
