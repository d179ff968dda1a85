/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/ingress.c with fragments: which flow they go with, when, and that
 * none is lost or counted twice.
 */
#include "tests/lib/packets_fixture.h"

/* From A to B, 64 bytes behind the IP header: fragments of 24, 24 and 16 bytes. */
static struct packet datagram(bool six, unsigned port) {
    return ip(six, UDP, A, B, udp(port, 53, payload(56)));
}

static struct packet part(struct packet p, uint32_t id, unsigned which) {
    return fragment(p, id, which * 24, which == 2 ? 64 : which * 24 + 24);
}

/* A whole packet of the flow of datagram(port). */
static struct packet whole(bool six, unsigned port) {
    return ip(six, UDP, A, B, udp(port, 53, payload(20)));
}

static void one_worker(struct packets_fixture *f) {
    make_packet_path(f, 1, 64, true, "backlog");
    start_workers(&f->path);
}

static void later_fragments_go_with_their_first(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned six = 0; six < 2; six++) {
        one_worker(f);
        struct packet d = datagram(six, 1000), other = datagram(six, 2000);
        give_ip(f, whole(six, 1000));
        give_ip(f, part(other, 8, 0));
        for (unsigned i = 0; i < 3; i++)
            give_ip(f, part(d, 7, i));
        give_ip(f, part(other, 8, 2));
        send_given(f);
        expect_order(f, "1 2 3 4 5 6");
        assert_true(same_flow(f, 1, 3) && same_flow(f, 1, 4) && same_flow(f, 1, 5) &&
                    same_flow(f, 2, 6));
        assert_false(same_flow(f, 1, 2));
        assert_int_equal(got_of(f, 4)->flags & (FB_F_FRAGMENT | FB_F_MALFORMED), FB_F_FRAGMENT);
        finish_packets(f);
    }
}

static void fragments_of_the_answer_go_the_other_way(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet d = ip4(UDP, B, A, udp(53, 1000, payload(56)));
    give_ip(f, whole(false, 1000));
    give_ip(f, part(d, 7, 1));
    give_ip(f, part(d, 7, 0));
    give_ip(f, part(d, 7, 2));
    send_given(f);
    for (uint32_t n = 2; n <= 4; n++)
        assert_true(same_flow(f, 1, n) && got_of(f, n)->dir == 1);
    finish_packets(f);
}

static void a_later_fragment_waits_and_comes_right_before_its_first(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned six = 0; six < 2; six++) {
        one_worker(f);
        struct packet d = datagram(six, 1000);
        give_ip(f, whole(six, 1000));
        give_ip(f, part(d, 7, 2));
        give_ip(f, whole(six, 1000));
        give_ip(f, part(d, 7, 1));
        send_given(f);
        expect_order(f, "1 3");
        assert_int_equal(fragments_held(&f->tracker), 2);
        give_ip(f, whole(six, 1000));
        give_ip(f, part(d, 7, 0));
        give_ip(f, whole(six, 1000));
        send_given(f);
        expect_order(f, "5 2 4 6 7");
        for (uint32_t n = 2; n <= 7; n++)
            assert_true(same_flow(f, 1, n));
        finish_packets(f);
    }
}

static void datagrams_in_one_burst_are_released_one_by_one(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet one = datagram(false, 1000), two = datagram(false, 2000);
    give_ip(f, part(one, 1, 2));
    give_ip(f, part(two, 2, 1));
    give_ip(f, part(one, 1, 1));
    give_ip(f, part(two, 2, 0));
    give_ip(f, part(one, 1, 0));
    give_ip(f, part(two, 2, 2));
    send_given(f);
    expect_order(f, "2 4 1 3 5 6");
    assert_true(same_flow(f, 1, 3) && same_flow(f, 1, 5) && same_flow(f, 2, 4) &&
                same_flow(f, 2, 6));
    finish_packets(f);
}

static void what_waits_at_the_end_goes_by_addresses_and_protocol(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, whole(false, 1000));
    give_ip(f, part(datagram(false, 1000), 7, 1));
    give_ip(f, part(datagram(false, 2000), 8, 2));
    send_given(f);
    expect_order(f, "1");
    finish_packets(f);
    expect_order(f, "2 3");
    assert_true(same_flow(f, 2, 3));
    assert_false(same_flow(f, 1, 2));
    assert_int_equal(f->tracker.counters[FB_FRAGMENT_BY_END], 2);
}

/* All that comes meanwhile is held too: the time is that of what was taken, not delivered. */
static void a_datagram_given_up_stays_one_flow_though_nothing_else_comes(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet d = datagram(false, 1000);
    give_ip(f, whole(false, 1000));
    send_given(f);
    give_ip(f, part(d, 7, 2));
    send_given(f);
    for (unsigned i = 0; i < 3; i++) {
        pass_seconds(f, 10);
        give_ip(f, part(datagram(false, 2000), 100 + i, 1));
        send_given(f);
    }
    assert_int_equal(f->tracker.counters[FB_FRAGMENT_BY_TIME], 2);
    give_ip(f, part(d, 7, 1)); /* 30 s after 2, but 10 s after that was delivered */
    give_ip(f, part(d, 7, 0));
    send_given(f);
    assert_true(same_flow(f, 2, 6) && same_flow(f, 2, 7));
    assert_false(same_flow(f, 1, 2));
    finish_packets(f);
}

static void a_full_buffer_releases_what_waits_longest(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    f->tracker.config.max_frames = 4;
    for (uint32_t id = 1; id <= 6; id++)
        give_ip(f, part(datagram(false, 1000 + id), id, 1));
    give_ip(f, part(datagram(false, 1006), 6, 0));
    give_ip(f, part(datagram(false, 1001), 1, 0));
    send_given(f);
    expect_order(f, "1 2 6 7 8");
    assert_true(same_flow(f, 1, 2) && same_flow(f, 1, 8) && same_flow(f, 6, 7) &&
                !same_flow(f, 1, 6));
    finish_packets(f);
    expect_order(f, "3 4 5");
}

/* The stamp of the frame refused is two days on: told again, it would confirm itself. */
static void a_refused_frame_is_decoded_counted_and_timed_once(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet d = datagram(false, 1000);
    for (unsigned i = 0; i < 2 * PACKET_CLOCK_CONFIRMATIONS; i++) {
        if (f->path.frame_count == BURST_MAX)
            send_given(f);
        give_ip(f, whole(false, 1000));
    }
    send_given(f);
    give_ip(f, part(d, 7, 2));
    give_ip(f, part(d, 7, 1));
    pass_seconds(f, 2 * 86400);
    give_ip(f, part(d, 7, 0));
    f->path.packet_ns -= 2 * 86400 * SECOND;
    give_burst(&f->path);
    assert_true(ingress_take(&f->path.datapath.ingress));
    ingress_decode(&f->path.datapath.ingress);
    assert_int_equal(f->path.datapath.ingress.burst.count, 2);
    assert_true(f->path.datapath.ingress.clock.is_told);
    assert_int_equal(f->path.datapath.ingress.received, f->path.sent_count - 1);
    assert_int_equal(f->path.datapath.ingress.decode[FB_DECODE_FRAGMENT_FIRST], 0);
    assert_int_equal(f->path.datapath.ingress.clock.packets.held, 1);
    ingress_hash(&f->path.datapath.ingress, &f->path.flows.hash);
    run_to_the_end(f);
    read_rings(f);
    assert_int_equal(f->path.datapath.ingress.decode[FB_DECODE_FRAGMENT_FIRST], 1);
    assert_int_equal(f->path.datapath.ingress.decode[FB_DECODE_FRAGMENT_LATER], 2);
    assert_int_equal(f->path.datapath.ingress.clock.packets.held, 1);
    assert_int_equal(f->path.datapath.ingress.clock.packets.jump_confirmations, 0);
    assert_int_equal(f->path.datapath.ingress.frame, f->path.sent_count);
    assert_true(same_flow(f, 1, f->path.sent_count) && same_flow(f, 1, f->path.sent_count - 1));
    finish_packets(f);
}

/* In pieces of 8 bytes: as many as a burst has frames, and the first one. */
static struct packet long_datagram(void) {
    return ip4(UDP, A, B, udp(1000, 53, payload(8 * BURST_MAX)));
}

/* A burst of its later fragments is held; the first one, which releases them, is given. */
static void hold_a_burst_and_give_its_first(struct packets_fixture *f) {
    struct packet d = long_datagram();
    for (uint32_t i = 1; i <= BURST_MAX; i++)
        give_ip(f, fragment(d, 7, 8 * i, 8 * i + 8));
    send_given(f);
    assert_int_equal(f->got_count, 0);
    assert_int_equal(fragments_held(&f->tracker), BURST_MAX);
    assert_int_equal(f->path.datapath.ingress.frame, BURST_MAX);
    give_ip(f, fragment(d, 7, 0, 8));
}

static void the_whole_datagram_came_in_order(const struct packets_fixture *f) {
    assert_int_equal(f->got_count, BURST_MAX + 1);
    for (uint32_t n = 1; n <= BURST_MAX + 1; n++)
        assert_int_equal(f->got[n - 1].frame, n);
}

static void a_burst_may_be_held_as_a_whole(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    hold_a_burst_and_give_its_first(f);
    send_given(f);
    the_whole_datagram_came_in_order(f);
    finish_packets(f);
}

static void what_is_released_waits_for_a_full_ring(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 1, 4, true, "backlog");
    start_workers(&f->path);
    hold_a_burst_and_give_its_first(f);
    give_burst(&f->path);
    for (unsigned read = 0; read < BURST_MAX - 4; read++) {
        assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
        assert_int_equal(ingress_pending(&f->path.datapath.ingress), BURST_MAX - 4 - read);
        read_ring(f, 0, 1);
    }
    run_to_the_end(f);
    read_rings(f);
    the_whole_datagram_came_in_order(f);
    finish_packets(f);
}

static void what_is_released_into_a_full_ring_is_dropped_in_drop_mode(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 1, 4, false, "backlog");
    start_workers(&f->path);
    hold_a_burst_and_give_its_first(f);
    send_given(f);
    expect_order(f, "1 2 3 4");
    assert_int_equal(f->path.datapath.egress.dropped[FB_DROP_RING_FULL], BURST_MAX - 4 + 1);
    give_ip(f, whole(false, 1000));
    send_given(f);
    assert_int_equal(got_of(f, f->path.sent_count)->gap, BURST_MAX - 4 + 1);
    assert_true(same_flow(f, 1, f->path.sent_count));
    finish_packets(f);
}

static void a_flow_that_ended_between_two_fragments_begins_again(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 3, 64, true, "round-robin");
    f->tracker.config.timeout_ticks = 100 * PACKET_CLOCK_TICKS_PER_SECOND;
    start_workers(&f->path);
    struct packet d = ip4(UDP, B, A, udp(53, 1000, payload(56)));
    give_ip(f, part(d, 7, 0));
    send_given(f);
    pass_seconds(f, 40);
    give_ip(f, part(d, 7, 1));
    give_ip(f, whole(false, 1000));
    give_ip(f, part(d, 7, 2));
    send_given(f);
    assert_int_not_equal(got_of(f, 1)->flow, got_of(f, 2)->flow);
    assert_true(same_flow(f, 2, 3) && same_flow(f, 2, 4));
    assert_true(got_of(f, 2)->dir == 0 && got_of(f, 3)->dir == 1 && got_of(f, 4)->dir == 0);
    finish_packets(f);
}

static const struct flow_entry *entry_of(struct packets_fixture *f, uint32_t frame) {
    uint32_t flow = flows_by_id(&f->path.flows, got_of(f, frame)->flow);
    assert_int_not_equal(flow, NO_FLOW);
    return &f->path.flows.table.entries[flow];
}

/* The later fragment's own header says IP in IP; as such the flow would be over in a minute. */
static void a_flow_that_a_later_fragment_begins_is_of_its_keys_protocol(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    f->tracker.config.timeout_ticks = 5000 * PACKET_CLOCK_TICKS_PER_SECOND;
    struct packet inner = ip4(TCP, A, B, tcp(1000, 80, ACK, payload(40)));
    struct packet outer = ip4(4, C, ROUTER, inner);
    give_ip(f, fragment(outer, 7, 0, 48));
    send_given(f);
    pass_seconds(f, 4000);
    give_ip(f, fragment(outer, 7, 48, 80));
    send_given(f);
    assert_int_not_equal(got_of(f, 1)->flow, got_of(f, 2)->flow);
    assert_int_equal(entry_of(f, 2)->state & FLOW_FAMILY_MASK, FLOW_FAMILY_TCP);
    give_ip(f, inner);
    send_given(f);
    assert_true(same_flow(f, 2, 3));
    finish_packets(f);
}

static void fragments_held_while_their_worker_is_lost_go_with_the_flow(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 2, 64, true, "backlog");
    start_workers(&f->path);
    give_ip(f, whole(false, 1000));
    give_ip(f, part(datagram(false, 1000), 7, 1));
    send_given(f);
    lose_worker(f, got_of(f, 1)->worker);
    give_ip(f, part(datagram(false, 1000), 7, 0));
    give_ip(f, part(datagram(false, 1000), 7, 2));
    send_given(f);
    assert_true(same_flow(f, 2, 3) && same_flow(f, 2, 4));
    assert_int_equal(got_of(f, 2)->flow, got_of(f, 1)->flow);
    assert_int_not_equal(got_of(f, 2)->worker, got_of(f, 1)->worker);
    finish_packets(f);
}

static void a_worker_lost_while_fragments_are_released_leaves_their_order(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 2, 4, true, "backlog");
    start_workers(&f->path);
    hold_a_burst_and_give_its_first(f);
    give_burst(&f->path);
    assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
    unsigned first = f->path.datapath.egress.stopped_worker;
    lose_worker(f, first);
    assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
    assert_int_not_equal(f->path.datapath.egress.stopped_worker, first);
    run_to_the_end(f);
    read_rings(f);
    for (uint32_t n = 1; n <= BURST_MAX + 1; n++)
        assert_true(f->got[n - 1].frame == n && f->got[n - 1].worker != first);
    finish_packets(f);
}

/* Live: the flow was moved while the burst waited, so it was last used later than the burst came.
 */
static void a_burst_that_waited_is_of_the_time_at_which_it_goes_on(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 3, 4, true, "backlog");
    f->path.datapath.ingress.clock.is_live = true;
    f->path.datapath.ingress.clock.live_from_ns = f->path.base.now_ns - SECOND;
    datapath_set_time(&f->path.datapath, f->path.base.now_ns);
    start_workers(&f->path);
    give_ip(f, whole(false, 1000));
    for (unsigned n = 0; n < 5; n++)
        give_ip(f, whole(false, 2000));
    give_ip(f, whole(false, 1000));
    give_burst(&f->path);
    assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
    assert_int_equal(f->path.datapath.egress.stopped_worker, 1);
    lose_worker(f, 0); /* which has packet 1 still */
    run_to_the_end(f);
    read_rings(f);
    assert_true(same_flow(f, 1, 7));
    assert_int_equal(f->path.flows.created, 2);
    finish_packets(f);
}

/* The clock steps on at the loss: what the frame was told before it is past. */
static void a_frame_refused_before_a_loss_is_of_the_time_after_it(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 2, 64, true, "backlog");
    start_workers(&f->path);
    struct packet d = datagram(false, 1000);
    give_ip(f, whole(false, 2000));
    give_ip(f, part(d, 7, 1));
    send_given(f);
    give_ip(f, part(d, 7, 0));
    give_burst(&f->path);
    assert_true(ingress_take(&f->path.datapath.ingress));
    ingress_decode(&f->path.datapath.ingress);
    assert_int_equal(f->path.datapath.ingress.burst.count, 0);
    lose_worker(f, got_of(f, 1)->worker);
    run_to_the_end(f);
    read_rings(f);
    expect_order(f, "1 2 3");
    give_ip(f, part(d, 7, 2));
    send_given(f);
    expect_order(f, "4");
    assert_true(same_flow(f, 2, 3) && same_flow(f, 2, 4));
    assert_int_equal(f->path.flows.created, 2);
    finish_packets(f);
}

static void one_id_in_two_vlans_is_two_datagrams_where_vlans_are_in_keys(void **state) {
    struct packets_fixture *f = *state;
    struct packet d = datagram(false, 1000);
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        one_worker(f);
        ingress_set_decoding(
            &f->path.datapath.ingress,
            &(struct decode_options){.ports = &decode_usual_ports, .key_vlan = keyed},
            &f->path.flows.hash);
        give_frame(f, vlan(5, part(d, 7, 1)));
        give_frame(f, vlan(6, part(d, 7, 0)));
        send_given(f);
        expect_order(f, keyed ? "2" : "1 2");
        give_frame(f, vlan(5, part(d, 7, 0)));
        send_given(f);
        expect_order(f, keyed ? "1 3" : "3");
        assert_true(same_flow(f, 1, 3));
        assert_int_equal(same_flow(f, 1, 2), !keyed);
        finish_packets(f);
    }
}

static void extension_headers_before_the_fragment_header_are_passed(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet routed = BEFORE(udp(1000, 53, payload(56)), UDP, 0, 4, 0, 0, 0, 0, 0);
    struct packet d = ip6(0, A, B, BEFORE(routed, 43, 0, 1, 4, 0, 0, 0, 0));
    give_ip(f, whole(true, 1000));
    give_ip(f, fragment_after(d, 16, 7, 24, 48));
    give_ip(f, fragment_after(d, 16, 8, 24, 48));
    give_ip(f, fragment_after(d, 16, 7, 0, 24));
    give_ip(f, fragment_after(d, 16, 7, 48, 64));
    send_given(f);
    expect_order(f, "1 2 4 5");
    assert_true(same_flow(f, 1, 2) && same_flow(f, 1, 4) && same_flow(f, 1, 5));
    finish_packets(f);
}

static void fragments_inside_a_tunnel_are_tracked_there(void **state) {
    struct packets_fixture *f = *state;
    struct packet d = datagram(false, 1000);
    for (unsigned kind = 0; kind < 2; kind++) {
        one_worker(f);
        give_ip(f, whole(false, 1000));
        for (unsigned i = 3; i-- != 0;) {
            struct packet inner = part(d, 7, i);
            give_ip(f, kind == 0 ? ip4(4, C, ROUTER, inner) : vxlan(ethernet(inner)));
        }
        send_given(f);
        expect_order(f, "1 2 3 4");
        for (uint32_t n = 2; n <= 4; n++) {
            assert_true(same_flow(f, 1, n));
            assert_int_equal(got_of(f, n)->flags, FB_F_FRAGMENT | FB_F_TUNNEL);
        }
        finish_packets(f);
    }
}

/* The first fragment shows the inner headers; the other one, of the outer datagram, follows. */
static void a_fragmented_tunnel_goes_with_the_flow_inside(void **state) {
    struct packets_fixture *f = *state;
    const struct packet tunnels[] = {
        ip4(4, C, ROUTER, datagram(false, 1000)),
        ip4(4, C, ROUTER, ip4(UDP, B, A, udp(53, 1000, payload(56)))), /* the answer */
        ip6(4, C, ROUTER, datagram(false, 1000)),
        vxlan(ethernet(datagram(false, 1000))),
        vxlan_between(4789, 50000, ethernet(datagram(false, 1000))),
    };
    for (unsigned i = 0; i < 2 * sizeof tunnels / sizeof *tunnels; i++) {
        one_worker(f);
        struct packet d = tunnels[i / 2];
        uint32_t end = d.n - (d.bytes[0] >> 4 == 6 ? 40 : 20);
        struct packet halves[2] = {fragment(d, 7, 0, 64), fragment(d, 7, 64, end)};
        give_ip(f, whole(false, 1000));
        give_ip(f, halves[i % 2]);
        give_ip(f, halves[1 - i % 2]);
        send_given(f);
        expect_order(f, "1 2 3");
        assert_true(same_flow(f, 1, 2) && same_flow(f, 1, 3));
        assert_true(got_of(f, 2)->dir == (i / 2 == 1) && got_of(f, 3)->dir == (i / 2 == 1));
        finish_packets(f);
    }
}

static void without_a_tracker_later_fragments_go_by_addresses(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    f->path.datapath.ingress.fragments = NULL;
    for (unsigned i = 3; i-- != 0;)
        give_ip(f, part(datagram(false, 1000), 7, i));
    send_given(f);
    expect_order(f, "1 2 3");
    assert_true(same_flow(f, 1, 2) && !same_flow(f, 1, 3));
    finish_packets(f);
}

/* Deals out the fragments of many datagrams at random; no two of one in the same order. */
static void every_datagram_stays_whole_in_any_order(void **state) {
    struct packets_fixture *f = *state;
    enum { DATAGRAMS = 60, PIECES = 3 };
    uint32_t frame_of[DATAGRAMS][PIECES];
    unsigned cards[DATAGRAMS * PIECES];
    for (unsigned seed = 1; seed <= 20; seed++) {
        make_packet_path(f, 4, 8 + seed, true, "round-robin");
        start_workers(&f->path);
        struct random random = random_from(seed);
        for (unsigned i = 0; i < DATAGRAMS * PIECES; i++) {
            unsigned at = random_below(&random, i + 1);
            cards[i] = cards[at];
            cards[at] = i;
        }
        for (unsigned i = 0; i < DATAGRAMS * PIECES; i++) {
            unsigned n = cards[i] / PIECES, which = cards[i] % PIECES;
            frame_of[n][which] = give_ip(f, part(datagram(n % 2, 1000 + n / 4), n, which));
            if (f->path.frame_count == BURST_MAX || random_below(&random, 8) == 0)
                send_given(f);
        }
        send_given(f);
        assert_int_equal(f->tracker.counters[FB_FRAGMENT_BY_FULL], 0);
        assert_int_equal(f->tracker.counters[FB_FRAGMENT_COMPLETE], DATAGRAMS);
        assert_int_equal(f->path.flows.created, DATAGRAMS / 2);
        for (unsigned n = 0; n < DATAGRAMS; n++)
            for (unsigned which = 1; which < PIECES; which++)
                assert_true(same_flow(f, frame_of[n][0], frame_of[n][which]));
        finish_packets(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PACKETS_TEST(later_fragments_go_with_their_first),
        PACKETS_TEST(fragments_of_the_answer_go_the_other_way),
        PACKETS_TEST(a_later_fragment_waits_and_comes_right_before_its_first),
        PACKETS_TEST(datagrams_in_one_burst_are_released_one_by_one),
        PACKETS_TEST(what_waits_at_the_end_goes_by_addresses_and_protocol),
        PACKETS_TEST(a_datagram_given_up_stays_one_flow_though_nothing_else_comes),
        PACKETS_TEST(a_full_buffer_releases_what_waits_longest),
        PACKETS_TEST(a_refused_frame_is_decoded_counted_and_timed_once),
        PACKETS_TEST(a_burst_may_be_held_as_a_whole),
        PACKETS_TEST(what_is_released_waits_for_a_full_ring),
        PACKETS_TEST(what_is_released_into_a_full_ring_is_dropped_in_drop_mode),
        PACKETS_TEST(a_flow_that_ended_between_two_fragments_begins_again),
        PACKETS_TEST(a_flow_that_a_later_fragment_begins_is_of_its_keys_protocol),
        PACKETS_TEST(fragments_held_while_their_worker_is_lost_go_with_the_flow),
        PACKETS_TEST(a_worker_lost_while_fragments_are_released_leaves_their_order),
        PACKETS_TEST(a_burst_that_waited_is_of_the_time_at_which_it_goes_on),
        PACKETS_TEST(a_frame_refused_before_a_loss_is_of_the_time_after_it),
        PACKETS_TEST(one_id_in_two_vlans_is_two_datagrams_where_vlans_are_in_keys),
        PACKETS_TEST(extension_headers_before_the_fragment_header_are_passed),
        PACKETS_TEST(fragments_inside_a_tunnel_are_tracked_there),
        PACKETS_TEST(a_fragmented_tunnel_goes_with_the_flow_inside),
        PACKETS_TEST(without_a_tracker_later_fragments_go_by_addresses),
        PACKETS_TEST(every_datagram_stays_whole_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
