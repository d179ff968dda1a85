/* SPDX-License-Identifier: BSD-2-Clause */
/* The data path. Each descriptor is checked by the listener as it is consumed. */
#include "tests/lib/loop_listener.h"

/* The worker whose ring holds the last frame that was sent, which is consumed by that. */
static unsigned worker_of_the_last_frame(void) {
    consume_all();
    for (unsigned k = 0; k < fleet.count; k++)
        if (heard.last_frame[k] == sent_count)
            return k;
    fail_msg("frame %u is in no ring", sent_count);
    return 0;
}

static void without_a_worker_block_mode_stops_and_nothing_is_lost(void **state) {
    (void)state;
    make_heard_loop(2, 8, true, 64, NULL);
    for (unsigned n = 0; n < 5; n++)
        add_udp(n);
    take_burst();
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(deliver(), EGRESS_NO_WORKER);
        assert_int_equal(ingress_pending(&datapath.ingress), 5);
        assert_int_equal(flows.created, 0);
    }
    start(1);
    assert_int_equal(deliver(), EGRESS_DONE);
    consume_all();
    assert_int_equal(heard.packets, 5);
    finish_run();
    assert_int_equal(dropped_in_all(), 0);
}

static void without_a_worker_drop_mode_counts_and_the_next_packet_carries_the_gap(void **state) {
    (void)state;
    make_heard_loop(2, 8, false, 64, NULL);
    for (unsigned n = 0; n < 5; n++)
        add_udp(n / 3); /* three of flow 0, two of flow 1 */
    send_burst();
    assert_int_equal(datapath.egress.dropped[FB_DROP_NO_WORKER], 5);
    assert_int_equal(flows.created, 2);
    start(0);
    add_udp(0);
    add_udp(1);
    add_udp(0);
    send_burst();
    struct fb_rx *rx = &hands[0].rx;
    static const uint32_t gaps[] = {3, 2, 0}, seqs[] = {3, 2, 4};
    static const unsigned flags[] = {FB_F_START | FB_F_GAP, FB_F_START | FB_F_GAP, 0};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fb_rx_peek(rx) != 0, true);
        const struct fb_desc *desc = fb_rx_desc(rx, 0);
        assert_int_equal(desc->gap, gaps[i]);
        assert_int_equal(desc->flow_seq, seqs[i]);
        assert_int_equal(desc->flags, flags[i]);
        consume(0, 1);
    }
    finish_run();
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], 0);
}

static void flows_that_never_found_a_worker_end_as_worker_lost(void **state) {
    (void)state;
    make_heard_loop(1, 8, false, 4, NULL);
    for (unsigned n = 0; n < 12; n++)
        add_udp(n);
    send_burst();
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], 8);
    packet_ns += 31 * SECOND;
    add_udp(100);
    send_burst();
    packet_ns += 31 * SECOND;
    add_udp(101);
    send_burst();
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], 13);
    assert_int_equal(flows.ended[FB_END_TIMED_OUT] + flows.ended[FB_END_EVICTED], 0);
    assert_int_equal(flows.ends_pending, 0);
}

static void a_full_ring_stops_block_mode_and_loses_and_doubles_nothing(void **state) {
    (void)state;
    static const uint32_t depths[] = {1, 2, 8};
    for (unsigned d = 0; d < 3; d++) {
        make_heard_loop(1, depths[d], true, 64, NULL);
        start(0);
        for (unsigned burst = 0; burst < 4; burst++) {
            for (unsigned n = 0; n < BURST_MAX; n++)
                add_udp(n % 5);
            take_burst();
            unsigned stops = 0;
            while (deliver() == EGRESS_RING_FULL) {
                assert_int_equal(datapath.egress.stopped_worker, 0);
                assert_int_equal(lane_waiting(lane_of(0)), depths[d]);
                assert_int_equal(ingress_pending(&datapath.ingress),
                                 BURST_MAX - datapath.ingress.burst.next);
                unsigned at = datapath.ingress.burst.next;
                assert_int_equal(deliver(), EGRESS_RING_FULL); /* no worker has read: no progress */
                assert_int_equal(datapath.ingress.burst.next, at);
                assert_int_equal(consume(0, 1 + stops++ % depths[d]) != 0, true);
            }
        }
        finish_run();
        assert_int_equal(heard.packets, 4 * BURST_MAX);
        assert_int_equal(heard.starts, 5);
        assert_int_equal(heard.gap_packets, 0);
    }
}

static void a_ring_full_of_bytes_stops_block_mode_too(void **state) {
    (void)state;
    make_heard_loop(1, 1024, true, 64, NULL);
    start(0);
    unsigned stops = 0;
    for (unsigned burst = 0; burst < 20; burst++) {
        for (unsigned n = 0; n < BURST_MAX; n++)
            add_frame(n % 7, false, 0, 300 + 37 * n, 0);
        take_burst();
        while (deliver() == EGRESS_RING_FULL) {
            assert_true(lane_waiting(lane_of(0)) < 200); /* 64 KB */
            consume(0, 5);
            stops++;
        }
    }
    assert_true(stops > 10);
    finish_run();
    assert_int_equal(heard.packets, 20 * BURST_MAX);
}

static void a_full_ring_in_drop_mode_counts_and_the_next_packet_carries_the_gap(void **state) {
    (void)state;
    static const uint32_t depths[] = {1, 2, 8};
    for (unsigned d = 0; d < 3; d++) {
        uint32_t depth = depths[d];
        make_heard_loop(1, depth, false, 64, NULL);
        start(0);
        for (unsigned n = 0; n < depth + 3; n++)
            add_udp(0);
        add_udp(1);
        send_burst();
        assert_int_equal(datapath.egress.dropped[FB_DROP_RING_FULL], 4);
        assert_int_equal(lane_of(0)->counters[FB_LANE_DROPPED], 4);
        consume_all();
        assert_int_equal(heard.packets, depth);
        add_udp(0);
        send_burst();
        consume_all();
        assert_int_equal(heard.gap_packets, 3);
        assert_int_equal(heard.starts, 1);
        add_udp(1); /* begins with its loss */
        send_burst();
        consume_all();
        assert_int_equal(heard.gap_packets, 4);
        assert_int_equal(heard.starts, 2);
        finish_run();
    }
}

static void one_workers_full_ring_does_not_stop_the_flows_of_another(void **state) {
    (void)state;
    make_heard_loop(2, 8, false, 64, NULL);
    start_all();
    add_udp(0);
    add_udp(1);
    send_burst();
    for (unsigned burst = 0; burst < 10; burst++) {
        for (unsigned n = 0; n < 8; n++)
            add_udp(n % 2);
        send_burst();
        consume(1, UINT32_MAX);
    }
    assert_int_equal(lane_of(0)->counters[FB_LANE_DROPPED], 41 - 8);
    assert_int_equal(lane_of(1)->counters[FB_LANE_DROPPED], 0);
    finish_run();
}

static void a_packet_dropped_at_the_end_is_counted_and_stepped_over(void **state) {
    (void)state;
    make_heard_loop(1, 2, true, 64, NULL);
    start(0);
    for (unsigned n = 0; n < 6; n++)
        add_udp(0);
    take_burst();
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    for (unsigned n = 1; n <= 4; n++) {
        assert_int_equal(ingress_pending(&datapath.ingress), 5 - n);
        datapath_drop_stopped(&datapath, FB_DROP_ABANDONED);
        ledger_balances();
        assert_int_equal(datapath.egress.dropped[FB_DROP_ABANDONED], n);
        assert_int_equal(deliver(), n < 4 ? EGRESS_RING_FULL : EGRESS_DONE);
    }
    add_udp(0);
    take_burst();
    consume_all();
    assert_int_equal(deliver(), EGRESS_DONE);
    assert_int_equal(heard.packets, 2);
    assert_int_equal(datapath.ingress.frame, 7); /* frame numbers count what was dropped */
}

static void both_directions_of_a_flow_go_to_one_worker(void **state) {
    (void)state;
    make_heard_loop(4, 64, true, 64, NULL);
    start_all();
    unsigned worker[8];
    for (unsigned tuple = 0; tuple < 8; tuple++) {
        unsigned t = tuple % 2 == 0 ? tuple : 300 + tuple;
        /* Every second flow begins at the endpoint whose address is higher. */
        add_frame(t, tuple >= 4, ACK, 20, 0);
        send_burst();
        worker[tuple] = worker_of_the_last_frame();
    }
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned tuple = 0; tuple < 8; tuple++) {
            add_frame(tuple % 2 == 0 ? tuple : 300 + tuple, (round + tuple) % 3 == 0, ACK, 20, 0);
            send_burst();
            assert_int_equal(worker_of_the_last_frame(), worker[tuple]);
        }
    }
    assert_int_equal(heard.starts, 8);
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned handle = 0; handle < MOST_HANDLES; handle++) {
            const struct known *flow = &known[k][handle];
            if (flow->begun)
                assert_int_equal(flow->first_reverse, flow->tuple % 100 >= 4);
        }
    }
    finish_run();
}

static void new_flows_of_one_burst_are_spread(void **state) {
    (void)state;
    make_heard_loop(4, 64, true, 256, NULL);
    start_all();
    for (unsigned burst = 1; burst <= 4; burst++) {
        for (unsigned n = 0; n < BURST_MAX; n++)
            add_udp((burst - 1) * BURST_MAX + n);
        send_burst();
        for (unsigned k = 0; k < 4; k++) {
            assert_int_equal(lane_waiting(lane_of(k)), 8 * burst);
            assert_int_equal(lane_of(k)->counters[FB_LANE_FLOWS], 8 * burst);
        }
    }
    /* The one that has read gets the next ones, although nothing was sent to it meanwhile. */
    consume(2, 16);
    for (unsigned n = 0; n < 16; n++)
        add_udp(200 + n);
    send_burst();
    assert_int_equal(lane_of(2)->counters[FB_LANE_FLOWS], 32 + 16);
    finish_run();
}

static void who_gets_a_new_flow_was_looked_at_in_the_same_burst(void **state) {
    (void)state;
    /* More workers than are looked at in turn. */
    make_heard_loop(20, 64, true, 1024, NULL);
    start_all();
    random_begin(12);
    datapath_flush(&datapath);
    uint64_t given[20] = {0};
    for (unsigned burst = 0; burst < 500; burst++) {
        add_udp(burst % 256);
        packet_ns += 31 * SECOND; /* every packet is a new flow */
        send_burst();
        for (unsigned k = 0; k < 20; k++) {
            const struct lane *lane = lane_of(k);
            if (lane->counters[FB_LANE_FLOWS] != given[k])
                assert_int_equal(lane->tx.consumed, hands[k].rx.next);
            given[k] = lane->counters[FB_LANE_FLOWS];
        }
        unsigned k = random_below(20);
        consume(k, random_below(4));
    }
    finish_run();
}

static void a_burst_is_published_once_and_whole(void **state) {
    (void)state;
    make_heard_loop(2, 64, true, 64, NULL);
    start_all();
    for (unsigned n = 0; n < BURST_MAX; n++)
        add_udp(n);
    send_burst();
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(lane_of(k)->tx.publishes, 1);
        assert_int_equal(lane_of(k)->tx.published, BURST_MAX / 2);
        assert_int_equal(lane_of(k)->counters[FB_LANE_MAX_WAITING], BURST_MAX / 2);
    }
}

static void a_cut_frame_is_flagged_and_keeps_its_wire_length(void **state) {
    (void)state;
    make_heard_loop(1, 8, true, 64, NULL);
    start(0);
    add_frame(0, false, 0, 1000, 900);
    send_burst();
    consume_all();
    assert_int_equal(heard.packets, 1);
    assert_int_equal(lane_of(0)->counters[FB_LANE_BYTES], 42 + 100);
    finish_run();
}

static void a_flow_end_comes_after_the_flows_last_packet(void **state) {
    (void)state;
    make_heard_loop(1, 8, true, 64, NULL);
    start(0);
    add_frame(300, false, SYN, 0, 0);
    add_frame(300, true, SYN | ACK, 0, 0);
    add_frame(300, false, ACK, 10, 0);
    add_frame(300, true, RST, 0, 0);
    send_burst();
    packet_ns += 11 * SECOND;
    add_udp(0);
    send_burst();
    datapath_flush(&datapath);
    assert_int_equal(consume(0, 4), 4);
    assert_int_equal(heard.packets, 4);
    assert_int_equal(consume(0, 2), 2);
    assert_int_equal(heard.packets, 5);
    assert_int_equal(heard.ends[FB_END_CLOSED], 1);
    finish_run();
}

static void a_tuple_that_returns_after_its_end_is_a_new_flow_for_the_least_loaded(void **state) {
    (void)state;
    make_heard_loop(2, 64, true, 64, NULL);
    start_all();
    add_udp(0);
    send_burst();
    unsigned first = worker_of_the_last_frame();
    for (unsigned n = 0; n < 10; n++)
        add_udp(0);
    send_burst(); /* what waits there makes the other the least loaded */
    packet_ns += 30 * SECOND;
    add_udp(0);
    send_burst();
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], 1);
    assert_int_equal(flows.created, 2);
    assert_int_equal(worker_of_the_last_frame(), 1 - first);
    assert_int_equal(heard.starts, 2);
    finish_run();
}

static void a_syn_on_a_closing_flow_ends_it_and_begins_another(void **state) {
    (void)state;
    make_heard_loop(1, 64, true, 64, NULL);
    start(0);
    for (unsigned n = 0; n < 3; n++) {
        add_frame(300, false, SYN, 0, 0);
        add_frame(300, false, ACK, 10, 0);
        add_frame(300, true, RST, 0, 0);
    }
    send_burst(); /* all of it within one burst */
    consume_all();
    assert_int_equal(heard.starts, 3);
    assert_int_equal(flows.ended[FB_END_REUSED], 2);
    finish_run();
    assert_int_equal(heard.ends[FB_END_REUSED], 2);
    assert_int_equal(heard.ends[FB_END_SHUTDOWN], 1);
}

static void a_full_table_evicts_and_the_worker_hears_of_it(void **state) {
    (void)state;
    make_heard_loop(2, 64, true, 4, NULL);
    start_all();
    for (unsigned n = 0; n < 30; n++)
        add_udp(n);
    send_burst();
    datapath_flush(&datapath);
    consume_all();
    assert_int_equal(heard.ends[FB_END_EVICTED], 26);
    assert_int_equal(flows.peak, 4);
    finish_run();
}

/* One tuple in two VLANs. */
static void a_flow_is_what_the_options_say(void **state) {
    static const struct decode_options by_vlan = {.key_vlan = true};
    (void)state;
    for (unsigned told = 0; told < 2; told++) {
        make_heard_loop(1, 8, false, 64, NULL);
        if (told)
            ingress_set_decoding(&datapath.ingress, &by_vlan, &flows.hash);
        for (unsigned n = 0; n < 4; n++) {
            add_udp(1);
            uint8_t *f = frame_bytes[n];
            const uint8_t tag[4] = {0x81, 0, 0, (uint8_t)(7 + n % 2)};
            memmove(f + 16, f + 12, frames[n].caplen - 12);
            memcpy(f + 12, tag, sizeof tag);
            frames[n].caplen += 4;
            frames[n].wirelen += 4;
        }
        send_burst();
        assert_int_equal(datapath.ingress.decode[FB_DECODE_OK], 4);
        assert_int_equal(flows.created, told ? 2 : 1);
    }
    assert_memory_equal(datapath.ingress.decoding.secret, flows.hash.secret,
                        sizeof flows.hash.secret);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_worker_block_mode_stops_and_nothing_is_lost),
        cmocka_unit_test(without_a_worker_drop_mode_counts_and_the_next_packet_carries_the_gap),
        cmocka_unit_test(flows_that_never_found_a_worker_end_as_worker_lost),
        cmocka_unit_test(a_full_ring_stops_block_mode_and_loses_and_doubles_nothing),
        cmocka_unit_test(a_ring_full_of_bytes_stops_block_mode_too),
        cmocka_unit_test(a_full_ring_in_drop_mode_counts_and_the_next_packet_carries_the_gap),
        cmocka_unit_test(one_workers_full_ring_does_not_stop_the_flows_of_another),
        cmocka_unit_test(a_packet_dropped_at_the_end_is_counted_and_stepped_over),
        cmocka_unit_test(both_directions_of_a_flow_go_to_one_worker),
        cmocka_unit_test(new_flows_of_one_burst_are_spread),
        cmocka_unit_test(who_gets_a_new_flow_was_looked_at_in_the_same_burst),
        cmocka_unit_test(a_burst_is_published_once_and_whole),
        cmocka_unit_test(a_cut_frame_is_flagged_and_keeps_its_wire_length),
        cmocka_unit_test(a_flow_end_comes_after_the_flows_last_packet),
        cmocka_unit_test(a_tuple_that_returns_after_its_end_is_a_new_flow_for_the_least_loaded),
        cmocka_unit_test(a_syn_on_a_closing_flow_ends_it_and_begins_another),
        cmocka_unit_test(a_full_table_evicts_and_the_worker_hears_of_it),
        cmocka_unit_test(a_flow_is_what_the_options_say),
    };
    return cmocka_run_group_tests(tests, NULL, free_loop);
}
