/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/datapath.c, dispatcher/datapath/egress.c: what becomes of a burst
 * with and without room and workers. The fixture checks each descriptor.
 */
#include "tests/lib/datapath_fixture.h"

#include <string.h>

/* The worker whose ring holds the last frame that was sent, which is consumed by that. */
static unsigned worker_of_the_last_frame(struct datapath_fixture *f) {
    consume_all(f);
    for (unsigned k = 0; k < f->base.fleet.count; k++)
        if (f->heard.last_frame[k] == f->sent_count)
            return k;
    fail_msg("frame %u is in no ring", f->sent_count);
    return 0;
}

static void without_a_worker_block_mode_stops_and_nothing_is_lost(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, true, 64, NULL);
    for (unsigned n = 0; n < 5; n++)
        add_udp_frame(f, n);
    give_burst(f);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(run_burst(f), EGRESS_NO_WORKER);
        assert_int_equal(ingress_pending(&f->datapath.ingress), 5);
        assert_int_equal(f->flows.created, 0);
    }
    worker_starts(&f->base, 1);
    assert_int_equal(run_burst(f), EGRESS_DONE);
    consume_all(f);
    assert_int_equal(f->heard.packets, 5);
    finish_run(f);
    assert_int_equal(dropped_in_all(f), 0);
}

static void without_a_worker_drop_mode_counts_and_the_next_packet_carries_the_gap(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, false, 64, NULL);
    for (unsigned n = 0; n < 5; n++)
        add_udp_frame(f, n / 3); /* three of flow 0, two of flow 1 */
    send_burst(f);
    assert_int_equal(f->datapath.egress.dropped[FB_DROP_NO_WORKER], 5);
    assert_int_equal(f->flows.created, 2);
    worker_starts(&f->base, 0);
    add_udp_frame(f, 0);
    add_udp_frame(f, 1);
    add_udp_frame(f, 0);
    send_burst(f);
    struct fb_rx *rx = &f->base.hands[0].rx;
    static const uint32_t gaps[] = {3, 2, 0}, seqs[] = {3, 2, 4};
    static const unsigned flags[] = {FB_F_START | FB_F_GAP, FB_F_START | FB_F_GAP, 0};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fb_rx_peek(rx) != 0, true);
        const struct fb_desc *desc = fb_rx_desc(rx, 0);
        assert_int_equal(desc->gap, gaps[i]);
        assert_int_equal(desc->flow_seq, seqs[i]);
        assert_int_equal(desc->flags, flags[i]);
        consume(f, 0, 1);
    }
    finish_run(f);
    assert_int_equal(f->flows.ended[FB_END_WORKER_LOST], 0);
}

static void a_flow_does_not_start_again_when_its_sequence_comes_round(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 8, true, 4, NULL);
    worker_starts(&f->base, 0);
    add_udp_frame(f, 0);
    send_burst(f);
    f->flows.table.entries[0].seq = UINT32_MAX;
    for (unsigned n = 0; n < 2; n++) {
        add_udp_frame(f, 0);
        send_burst(f);
    }
    const struct lane *lane = lane_of(&f->base, 0);
    assert_int_equal(lane->tx.descs[0].flags & FB_F_START, FB_F_START);
    assert_int_equal(lane->tx.descs[1].flow_seq, UINT32_MAX);
    assert_int_equal(lane->tx.descs[2].flow_seq, 0);
    assert_int_equal(lane->tx.descs[2].flags & FB_F_START, 0);
}

static void flows_that_never_found_a_worker_end_as_worker_lost(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 8, false, 4, NULL);
    for (unsigned n = 0; n < 12; n++)
        add_udp_frame(f, n);
    send_burst(f);
    assert_int_equal(f->flows.ended[FB_END_WORKER_LOST], 8);
    f->packet_ns += 31 * SECOND;
    add_udp_frame(f, 100);
    send_burst(f);
    f->packet_ns += 31 * SECOND;
    add_udp_frame(f, 101);
    send_burst(f);
    assert_int_equal(f->flows.ended[FB_END_WORKER_LOST], 13);
    assert_int_equal(f->flows.ended[FB_END_TIMED_OUT] + f->flows.ended[FB_END_EVICTED], 0);
    assert_int_equal(f->flows.ends_pending, 0);
}

static void a_full_ring_stops_block_mode_and_loses_and_doubles_nothing(void **state) {
    struct datapath_fixture *f = *state;
    static const uint32_t depths[] = {1, 2, 8};
    for (unsigned d = 0; d < 3; d++) {
        make_datapath(f, 1, depths[d], true, 64, NULL);
        worker_starts(&f->base, 0);
        for (unsigned burst = 0; burst < 4; burst++) {
            for (unsigned n = 0; n < BURST_MAX; n++)
                add_udp_frame(f, n % 5);
            give_burst(f);
            unsigned stops = 0;
            while (run_burst(f) == EGRESS_RING_FULL) {
                assert_int_equal(f->datapath.egress.stopped_worker, 0);
                assert_int_equal(lane_waiting(lane_of(&f->base, 0)), depths[d]);
                assert_int_equal(ingress_pending(&f->datapath.ingress),
                                 BURST_MAX - f->datapath.ingress.burst.next);
                unsigned at = f->datapath.ingress.burst.next;
                assert_int_equal(run_burst(f), EGRESS_RING_FULL); /* none has read: no progress */
                assert_int_equal(f->datapath.ingress.burst.next, at);
                assert_int_equal(consume(f, 0, 1 + stops++ % depths[d]) != 0, true);
            }
        }
        finish_run(f);
        assert_int_equal(f->heard.packets, 4 * BURST_MAX);
        assert_int_equal(f->heard.starts, 5);
        assert_int_equal(f->heard.gap_packets, 0);
    }
}

static void a_ring_full_of_bytes_stops_block_mode_too(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 1024, true, 64, NULL);
    worker_starts(&f->base, 0);
    unsigned stops = 0;
    for (unsigned burst = 0; burst < 20; burst++) {
        for (unsigned n = 0; n < BURST_MAX; n++)
            add_frame(f, n % 7, false, 0, 300 + 37 * n, 0);
        give_burst(f);
        while (run_burst(f) == EGRESS_RING_FULL) {
            assert_true(lane_waiting(lane_of(&f->base, 0)) < 200); /* 64 KB */
            consume(f, 0, 5);
            stops++;
        }
    }
    assert_true(stops > 10);
    finish_run(f);
    assert_int_equal(f->heard.packets, 20 * BURST_MAX);
}

static void a_full_ring_in_drop_mode_counts_and_the_next_packet_carries_the_gap(void **state) {
    struct datapath_fixture *f = *state;
    static const uint32_t depths[] = {1, 2, 8};
    for (unsigned d = 0; d < 3; d++) {
        uint32_t depth = depths[d];
        make_datapath(f, 1, depth, false, 64, NULL);
        worker_starts(&f->base, 0);
        for (unsigned n = 0; n < depth + 3; n++)
            add_udp_frame(f, 0);
        add_udp_frame(f, 1);
        send_burst(f);
        assert_int_equal(f->datapath.egress.dropped[FB_DROP_RING_FULL], 4);
        assert_int_equal(lane_of(&f->base, 0)->counters[FB_LANE_DROPPED], 4);
        consume_all(f);
        assert_int_equal(f->heard.packets, depth);
        add_udp_frame(f, 0);
        send_burst(f);
        consume_all(f);
        assert_int_equal(f->heard.gap_packets, 3);
        assert_int_equal(f->heard.starts, 1);
        add_udp_frame(f, 1); /* begins with its loss */
        send_burst(f);
        consume_all(f);
        assert_int_equal(f->heard.gap_packets, 4);
        assert_int_equal(f->heard.starts, 2);
        finish_run(f);
    }
}

static void one_workers_full_ring_does_not_stop_the_flows_of_another(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, false, 64, NULL);
    start_workers(f);
    add_udp_frame(f, 0);
    add_udp_frame(f, 1);
    send_burst(f);
    for (unsigned burst = 0; burst < 10; burst++) {
        for (unsigned n = 0; n < 8; n++)
            add_udp_frame(f, n % 2);
        send_burst(f);
        consume(f, 1, UINT32_MAX);
    }
    assert_int_equal(lane_of(&f->base, 0)->counters[FB_LANE_DROPPED], 41 - 8);
    assert_int_equal(lane_of(&f->base, 1)->counters[FB_LANE_DROPPED], 0);
    finish_run(f);
}

static void a_packet_dropped_at_the_end_is_counted_and_stepped_over(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 2, true, 64, NULL);
    worker_starts(&f->base, 0);
    for (unsigned n = 0; n < 6; n++)
        add_udp_frame(f, 0);
    give_burst(f);
    assert_int_equal(run_burst(f), EGRESS_RING_FULL);
    for (unsigned n = 1; n <= 4; n++) {
        assert_int_equal(ingress_pending(&f->datapath.ingress), 5 - n);
        datapath_drop_stopped(&f->datapath, FB_DROP_ABANDONED);
        ledger_balances(f);
        assert_int_equal(f->datapath.egress.dropped[FB_DROP_ABANDONED], n);
        assert_int_equal(run_burst(f), n < 4 ? EGRESS_RING_FULL : EGRESS_DONE);
    }
    add_udp_frame(f, 0);
    give_burst(f);
    consume_all(f);
    assert_int_equal(run_burst(f), EGRESS_DONE);
    assert_int_equal(f->heard.packets, 2);
    assert_int_equal(f->datapath.ingress.frame, 7); /* frame numbers count what was dropped */
}

static void both_directions_of_a_flow_go_to_one_worker(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 4, 64, true, 64, NULL);
    start_workers(f);
    unsigned worker[8];
    for (unsigned tuple = 0; tuple < 8; tuple++) {
        unsigned t = tuple % 2 == 0 ? tuple : 300 + tuple;
        /* Every second flow begins at the endpoint whose address is higher. */
        add_frame(f, t, tuple >= 4, ACK, 20, 0);
        send_burst(f);
        worker[tuple] = worker_of_the_last_frame(f);
    }
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned tuple = 0; tuple < 8; tuple++) {
            add_frame(f, tuple % 2 == 0 ? tuple : 300 + tuple, (round + tuple) % 3 == 0, ACK, 20,
                      0);
            send_burst(f);
            assert_int_equal(worker_of_the_last_frame(f), worker[tuple]);
        }
    }
    assert_int_equal(f->heard.starts, 8);
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned handle = 0; handle < MOST_HANDLES; handle++) {
            const struct known *flow = &f->known[k][handle];
            if (flow->begun)
                assert_int_equal(flow->first_reverse, flow->tuple % 100 >= 4);
        }
    }
    finish_run(f);
}

static void new_flows_of_one_burst_are_spread(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 4, 64, true, 256, NULL);
    start_workers(f);
    for (unsigned burst = 1; burst <= 4; burst++) {
        for (unsigned n = 0; n < BURST_MAX; n++)
            add_udp_frame(f, (burst - 1) * BURST_MAX + n);
        send_burst(f);
        for (unsigned k = 0; k < 4; k++) {
            assert_int_equal(lane_waiting(lane_of(&f->base, k)), 8 * burst);
            assert_int_equal(lane_of(&f->base, k)->counters[FB_LANE_FLOWS], 8 * burst);
        }
    }
    /* The one that has read gets the next ones, although nothing was sent to it meanwhile. */
    consume(f, 2, 16);
    for (unsigned n = 0; n < 16; n++)
        add_udp_frame(f, 200 + n);
    send_burst(f);
    assert_int_equal(lane_of(&f->base, 2)->counters[FB_LANE_FLOWS], 32 + 16);
    finish_run(f);
}

static void who_gets_a_new_flow_was_looked_at_in_the_same_burst(void **state) {
    struct datapath_fixture *f = *state;
    /* More workers than are looked at in turn. */
    make_datapath(f, 20, 64, true, 1024, NULL);
    start_workers(f);
    struct random random = random_from(12);
    datapath_flush(&f->datapath);
    uint64_t given[20] = {0};
    for (unsigned burst = 0; burst < 500; burst++) {
        add_udp_frame(f, burst % 256);
        f->packet_ns += 31 * SECOND; /* every packet is a new flow */
        send_burst(f);
        for (unsigned k = 0; k < 20; k++) {
            const struct lane *lane = lane_of(&f->base, k);
            if (lane->counters[FB_LANE_FLOWS] != given[k])
                assert_int_equal(lane->tx.consumed, f->base.hands[k].rx.next);
            given[k] = lane->counters[FB_LANE_FLOWS];
        }
        unsigned k = random_below(&random, 20);
        consume(f, k, random_below(&random, 4));
    }
    finish_run(f);
}

static void a_burst_is_published_once_and_whole(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 64, true, 64, NULL);
    start_workers(f);
    for (unsigned n = 0; n < BURST_MAX; n++)
        add_udp_frame(f, n);
    send_burst(f);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(lane_of(&f->base, k)->tx.publishes, 1);
        assert_int_equal(lane_of(&f->base, k)->tx.published, BURST_MAX / 2);
        assert_int_equal(lane_of(&f->base, k)->counters[FB_LANE_MAX_WAITING], BURST_MAX / 2);
    }
}

static void a_cut_frame_is_flagged_and_keeps_its_wire_length(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 8, true, 64, NULL);
    worker_starts(&f->base, 0);
    add_frame(f, 0, false, 0, 1000, 900);
    send_burst(f);
    consume_all(f);
    assert_int_equal(f->heard.packets, 1);
    assert_int_equal(lane_of(&f->base, 0)->counters[FB_LANE_BYTES], 42 + 100);
    finish_run(f);
}

static void a_flow_end_comes_after_the_flows_last_packet(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 8, true, 64, NULL);
    worker_starts(&f->base, 0);
    add_frame(f, 300, false, SYN, 0, 0);
    add_frame(f, 300, true, SYN | ACK, 0, 0);
    add_frame(f, 300, false, ACK, 10, 0);
    add_frame(f, 300, true, RST, 0, 0);
    send_burst(f);
    f->packet_ns += 11 * SECOND;
    add_udp_frame(f, 0);
    send_burst(f);
    datapath_flush(&f->datapath);
    assert_int_equal(consume(f, 0, 4), 4);
    assert_int_equal(f->heard.packets, 4);
    assert_int_equal(consume(f, 0, 2), 2);
    assert_int_equal(f->heard.packets, 5);
    assert_int_equal(f->heard.ends[FB_END_CLOSED], 1);
    finish_run(f);
}

static void a_tuple_that_returns_after_its_end_is_a_new_flow_for_the_least_loaded(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 64, true, 64, NULL);
    start_workers(f);
    add_udp_frame(f, 0);
    send_burst(f);
    unsigned first = worker_of_the_last_frame(f);
    for (unsigned n = 0; n < 10; n++)
        add_udp_frame(f, 0);
    send_burst(f); /* what waits there makes the other the least loaded */
    f->packet_ns += 30 * SECOND;
    add_udp_frame(f, 0);
    send_burst(f);
    assert_int_equal(f->flows.ended[FB_END_TIMED_OUT], 1);
    assert_int_equal(f->flows.created, 2);
    assert_int_equal(worker_of_the_last_frame(f), 1 - first);
    assert_int_equal(f->heard.starts, 2);
    finish_run(f);
}

static void a_syn_on_a_closing_flow_ends_it_and_begins_another(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, 64, true, 64, NULL);
    worker_starts(&f->base, 0);
    for (unsigned n = 0; n < 3; n++) {
        add_frame(f, 300, false, SYN, 0, 0);
        add_frame(f, 300, false, ACK, 10, 0);
        add_frame(f, 300, true, RST, 0, 0);
    }
    send_burst(f); /* all of it within one burst */
    consume_all(f);
    assert_int_equal(f->heard.starts, 3);
    assert_int_equal(f->flows.ended[FB_END_REUSED], 2);
    finish_run(f);
    assert_int_equal(f->heard.ends[FB_END_REUSED], 2);
    assert_int_equal(f->heard.ends[FB_END_SHUTDOWN], 1);
}

static void a_full_table_evicts_and_the_worker_hears_of_it(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 64, true, 4, NULL);
    start_workers(f);
    for (unsigned n = 0; n < 30; n++)
        add_udp_frame(f, n);
    send_burst(f);
    datapath_flush(&f->datapath);
    consume_all(f);
    assert_int_equal(f->heard.ends[FB_END_EVICTED], 26);
    assert_int_equal(f->flows.peak, 4);
    finish_run(f);
}

/* One tuple in two VLANs. */
static void a_flow_is_what_the_options_say(void **state) {
    struct datapath_fixture *f = *state;
    static const struct decode_options by_vlan = {.ports = &decode_usual_ports, .key_vlan = true};
    for (unsigned told = 0; told < 2; told++) {
        make_datapath(f, 1, 8, false, 64, NULL);
        if (told)
            ingress_set_decoding(&f->datapath.ingress, &by_vlan, &f->flows.hash);
        for (unsigned n = 0; n < 4; n++) {
            add_udp_frame(f, 1);
            uint8_t *bytes = f->frame_bytes[n];
            const uint8_t tag[4] = {0x81, 0, 0, (uint8_t)(7 + n % 2)};
            memmove(bytes + 16, bytes + 12, f->frames[n].caplen - 12);
            memcpy(bytes + 12, tag, sizeof tag);
            f->frames[n].caplen += 4;
            f->frames[n].wirelen += 4;
        }
        send_burst(f);
        assert_int_equal(f->datapath.ingress.decode[FB_DECODE_OK], 4);
        assert_int_equal(f->flows.created, told ? 2 : 1);
    }
    assert_memory_equal(f->datapath.ingress.decoding.secret, f->flows.hash.secret,
                        sizeof f->flows.hash.secret);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DATAPATH_TEST(without_a_worker_block_mode_stops_and_nothing_is_lost),
        DATAPATH_TEST(without_a_worker_drop_mode_counts_and_the_next_packet_carries_the_gap),
        DATAPATH_TEST(a_flow_does_not_start_again_when_its_sequence_comes_round),
        DATAPATH_TEST(flows_that_never_found_a_worker_end_as_worker_lost),
        DATAPATH_TEST(a_full_ring_stops_block_mode_and_loses_and_doubles_nothing),
        DATAPATH_TEST(a_ring_full_of_bytes_stops_block_mode_too),
        DATAPATH_TEST(a_full_ring_in_drop_mode_counts_and_the_next_packet_carries_the_gap),
        DATAPATH_TEST(one_workers_full_ring_does_not_stop_the_flows_of_another),
        DATAPATH_TEST(a_packet_dropped_at_the_end_is_counted_and_stepped_over),
        DATAPATH_TEST(both_directions_of_a_flow_go_to_one_worker),
        DATAPATH_TEST(new_flows_of_one_burst_are_spread),
        DATAPATH_TEST(who_gets_a_new_flow_was_looked_at_in_the_same_burst),
        DATAPATH_TEST(a_burst_is_published_once_and_whole),
        DATAPATH_TEST(a_cut_frame_is_flagged_and_keeps_its_wire_length),
        DATAPATH_TEST(a_flow_end_comes_after_the_flows_last_packet),
        DATAPATH_TEST(a_tuple_that_returns_after_its_end_is_a_new_flow_for_the_least_loaded),
        DATAPATH_TEST(a_syn_on_a_closing_flow_ends_it_and_begins_another),
        DATAPATH_TEST(a_full_table_evicts_and_the_worker_hears_of_it),
        DATAPATH_TEST(a_flow_is_what_the_options_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
