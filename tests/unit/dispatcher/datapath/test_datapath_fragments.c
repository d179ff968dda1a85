/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments in the data path: whom they go with, when, and that none is lost or counted twice. */
#include "tests/lib/loop_packets.h"

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

static void one_worker(void) {
    make_packet_loop(1, 64, true, "backlog");
    start_all();
}

static void later_fragments_go_with_their_first(void **state) {
    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        one_worker();
        struct packet d = datagram(six, 1000), other = datagram(six, 2000);
        give_ip(whole(six, 1000));
        give_ip(part(other, 8, 0));
        for (unsigned i = 0; i < 3; i++)
            give_ip(part(d, 7, i));
        give_ip(part(other, 8, 2));
        send_given();
        expect_order("1 2 3 4 5 6");
        assert_true(same_flow(1, 3) && same_flow(1, 4) && same_flow(1, 5) && same_flow(2, 6));
        assert_false(same_flow(1, 2));
        assert_int_equal(got_of(4)->flags & (FB_F_FRAGMENT | FB_F_MALFORMED), FB_F_FRAGMENT);
        finish_packets();
    }
}

static void fragments_of_the_answer_go_the_other_way(void **state) {
    (void)state;
    one_worker();
    struct packet d = ip4(UDP, B, A, udp(53, 1000, payload(56)));
    give_ip(whole(false, 1000));
    give_ip(part(d, 7, 1));
    give_ip(part(d, 7, 0));
    give_ip(part(d, 7, 2));
    send_given();
    for (uint32_t n = 2; n <= 4; n++)
        assert_true(same_flow(1, n) && got_of(n)->dir == 1);
    finish_packets();
}

static void a_later_fragment_waits_and_comes_right_before_its_first(void **state) {
    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        one_worker();
        struct packet d = datagram(six, 1000);
        give_ip(whole(six, 1000));
        give_ip(part(d, 7, 2));
        give_ip(whole(six, 1000));
        give_ip(part(d, 7, 1));
        send_given();
        expect_order("1 3");
        assert_int_equal(fragments_held(&tracker), 2);
        give_ip(whole(six, 1000));
        give_ip(part(d, 7, 0));
        give_ip(whole(six, 1000));
        send_given();
        expect_order("5 2 4 6 7");
        for (uint32_t n = 2; n <= 7; n++)
            assert_true(same_flow(1, n));
        finish_packets();
    }
}

static void datagrams_in_one_burst_are_released_one_by_one(void **state) {
    (void)state;
    one_worker();
    struct packet one = datagram(false, 1000), two = datagram(false, 2000);
    give_ip(part(one, 1, 2));
    give_ip(part(two, 2, 1));
    give_ip(part(one, 1, 1));
    give_ip(part(two, 2, 0));
    give_ip(part(one, 1, 0));
    give_ip(part(two, 2, 2));
    send_given();
    expect_order("2 4 1 3 5 6");
    assert_true(same_flow(1, 3) && same_flow(1, 5) && same_flow(2, 4) && same_flow(2, 6));
    finish_packets();
}

static void what_waits_at_the_end_goes_by_addresses_and_protocol(void **state) {
    (void)state;
    one_worker();
    give_ip(whole(false, 1000));
    give_ip(part(datagram(false, 1000), 7, 1));
    give_ip(part(datagram(false, 2000), 8, 2));
    send_given();
    expect_order("1");
    finish_packets();
    expect_order("2 3");
    assert_true(same_flow(2, 3));
    assert_false(same_flow(1, 2));
    assert_int_equal(tracker.counters[FB_FRAGMENT_BY_END], 2);
}

/* All that comes meanwhile is held too: the time is that of what was taken, not delivered. */
static void a_datagram_given_up_stays_one_flow_though_nothing_else_comes(void **state) {
    (void)state;
    one_worker();
    struct packet d = datagram(false, 1000);
    give_ip(whole(false, 1000));
    send_given();
    give_ip(part(d, 7, 2));
    send_given();
    for (unsigned i = 0; i < 3; i++) {
        pass_seconds(10);
        give_ip(part(datagram(false, 2000), 100 + i, 1));
        send_given();
    }
    assert_int_equal(tracker.counters[FB_FRAGMENT_BY_TIME], 2);
    give_ip(part(d, 7, 1)); /* 30 s after 2, but 10 s after that was delivered */
    give_ip(part(d, 7, 0));
    send_given();
    assert_true(same_flow(2, 6) && same_flow(2, 7));
    assert_false(same_flow(1, 2));
    finish_packets();
}

static void a_full_buffer_releases_what_waits_longest(void **state) {
    (void)state;
    one_worker();
    tracker.config.max_frames = 4;
    for (uint32_t id = 1; id <= 6; id++)
        give_ip(part(datagram(false, 1000 + id), id, 1));
    give_ip(part(datagram(false, 1006), 6, 0));
    give_ip(part(datagram(false, 1001), 1, 0));
    send_given();
    expect_order("1 2 6 7 8");
    assert_true(same_flow(1, 2) && same_flow(1, 8) && same_flow(6, 7) && !same_flow(1, 6));
    finish_packets();
    expect_order("3 4 5");
}

/* The stamp of the frame refused is two days on: told again, it would confirm itself. */
static void a_refused_frame_is_decoded_counted_and_timed_once(void **state) {
    (void)state;
    one_worker();
    struct packet d = datagram(false, 1000);
    for (unsigned i = 0; i < 2 * PACKET_CLOCK_CONFIRMATIONS; i++) {
        if (frame_count == BURST_MAX)
            send_given();
        give_ip(whole(false, 1000));
    }
    send_given();
    give_ip(part(d, 7, 2));
    give_ip(part(d, 7, 1));
    pass_seconds(2 * 86400);
    give_ip(part(d, 7, 0));
    packet_ns -= 2 * 86400 * SECOND;
    take_burst();
    assert_true(ingress_take(&datapath.ingress));
    ingress_decode(&datapath.ingress);
    assert_int_equal(datapath.ingress.burst.count, 2);
    assert_true(datapath.ingress.clock.is_told);
    assert_int_equal(datapath.ingress.received, sent_count - 1);
    assert_int_equal(datapath.ingress.decode[FB_DECODE_FRAGMENT_FIRST], 0);
    assert_int_equal(datapath.ingress.clock.packets.held, 1);
    ingress_hash(&datapath.ingress, &flows.hash);
    deliver_on();
    listen_all();
    assert_int_equal(datapath.ingress.decode[FB_DECODE_FRAGMENT_FIRST], 1);
    assert_int_equal(datapath.ingress.decode[FB_DECODE_FRAGMENT_LATER], 2);
    assert_int_equal(datapath.ingress.clock.packets.held, 1);
    assert_int_equal(datapath.ingress.clock.packets.jump_confirmations, 0);
    assert_int_equal(datapath.ingress.frame, sent_count);
    assert_true(same_flow(1, sent_count) && same_flow(1, sent_count - 1));
    finish_packets();
}

/* In pieces of 8 bytes: as many as a burst has frames, and the first one. */
static struct packet long_datagram(void) {
    return ip4(UDP, A, B, udp(1000, 53, payload(8 * BURST_MAX)));
}

static void hold_a_burst_of(struct packet d) {
    for (uint32_t i = 1; i <= BURST_MAX; i++)
        give_ip(fragment(d, 7, 8 * i, 8 * i + 8));
}

static void a_burst_may_be_held_as_a_whole(void **state) {
    (void)state;
    one_worker();
    struct packet d = long_datagram();
    hold_a_burst_of(d);
    send_given();
    assert_int_equal(got_count, 0);
    assert_int_equal(fragments_held(&tracker), BURST_MAX);
    assert_int_equal(datapath.ingress.frame, BURST_MAX);
    give_ip(fragment(d, 7, 0, 8));
    send_given();
    assert_int_equal(got_count, BURST_MAX + 1);
    for (uint32_t n = 1; n <= BURST_MAX + 1; n++)
        assert_int_equal(got[n - 1].frame, n);
    finish_packets();
}

static void what_is_released_waits_for_a_full_ring(void **state) {
    (void)state;
    make_packet_loop(1, 4, true, "backlog");
    start_all();
    struct packet d = long_datagram();
    hold_a_burst_of(d);
    send_given();
    give_ip(fragment(d, 7, 0, 8));
    take_burst();
    for (unsigned read = 0; read < BURST_MAX - 4; read++) {
        assert_int_equal(deliver(), EGRESS_RING_FULL);
        assert_int_equal(ingress_pending(&datapath.ingress), BURST_MAX - 4 - read);
        listen(0, 1);
    }
    deliver_on();
    listen_all();
    for (uint32_t n = 1; n <= BURST_MAX + 1; n++)
        assert_int_equal(got[n - 1].frame, n);
    finish_packets();
}

static void what_is_released_into_a_full_ring_is_dropped_in_drop_mode(void **state) {
    (void)state;
    make_packet_loop(1, 4, false, "backlog");
    start_all();
    struct packet d = long_datagram();
    hold_a_burst_of(d);
    send_given();
    give_ip(fragment(d, 7, 0, 8));
    send_given();
    expect_order("1 2 3 4");
    assert_int_equal(datapath.egress.dropped[FB_DROP_RING_FULL], BURST_MAX - 4 + 1);
    give_ip(whole(false, 1000));
    send_given();
    assert_int_equal(got_of(sent_count)->gap, BURST_MAX - 4 + 1);
    assert_true(same_flow(1, sent_count));
    finish_packets();
}

static void a_flow_that_ended_between_two_fragments_begins_again(void **state) {
    (void)state;
    make_packet_loop(3, 64, true, "round-robin");
    tracker.config.timeout_ticks = 100 * PACKET_CLOCK_TICKS_PER_SECOND;
    start_all();
    struct packet d = ip4(UDP, B, A, udp(53, 1000, payload(56)));
    give_ip(part(d, 7, 0));
    send_given();
    pass_seconds(40);
    give_ip(part(d, 7, 1));
    give_ip(whole(false, 1000));
    give_ip(part(d, 7, 2));
    send_given();
    assert_int_not_equal(got_of(1)->flow, got_of(2)->flow);
    assert_true(same_flow(2, 3) && same_flow(2, 4));
    assert_true(got_of(2)->dir == 0 && got_of(3)->dir == 1 && got_of(4)->dir == 0);
    finish_packets();
}

static const struct flow_entry *entry_of(uint32_t frame) {
    uint32_t flow = flows_by_id(&flows, got_of(frame)->flow);
    assert_int_not_equal(flow, NO_FLOW);
    return &flows.table.entries[flow];
}

/* The later fragment's own header says IP in IP; as such the flow would be over in a minute. */
static void a_flow_that_a_later_fragment_begins_is_of_its_keys_protocol(void **state) {
    (void)state;
    one_worker();
    tracker.config.timeout_ticks = 5000 * PACKET_CLOCK_TICKS_PER_SECOND;
    struct packet inner = ip4(TCP, A, B, tcp(1000, 80, ACK, payload(40)));
    struct packet outer = ip4(4, C, ROUTER, inner);
    give_ip(fragment(outer, 7, 0, 48));
    send_given();
    pass_seconds(4000);
    give_ip(fragment(outer, 7, 48, 80));
    send_given();
    assert_int_not_equal(got_of(1)->flow, got_of(2)->flow);
    assert_int_equal(entry_of(2)->state & FLOW_FAMILY_MASK, FLOW_FAMILY_TCP);
    give_ip(inner);
    send_given();
    assert_true(same_flow(2, 3));
    finish_packets();
}

static void fragments_held_while_their_worker_is_lost_go_with_the_flow(void **state) {
    (void)state;
    make_packet_loop(2, 64, true, "backlog");
    start_all();
    give_ip(whole(false, 1000));
    give_ip(part(datagram(false, 1000), 7, 1));
    send_given();
    lose_worker(got_of(1)->worker);
    give_ip(part(datagram(false, 1000), 7, 0));
    give_ip(part(datagram(false, 1000), 7, 2));
    send_given();
    assert_true(same_flow(2, 3) && same_flow(2, 4));
    assert_int_equal(got_of(2)->flow, got_of(1)->flow);
    assert_int_not_equal(got_of(2)->worker, got_of(1)->worker);
    finish_packets();
}

static void a_worker_lost_while_fragments_are_released_leaves_their_order(void **state) {
    (void)state;
    make_packet_loop(2, 4, true, "backlog");
    start_all();
    struct packet d = long_datagram();
    hold_a_burst_of(d);
    send_given();
    give_ip(fragment(d, 7, 0, 8));
    take_burst();
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    unsigned first = datapath.egress.stopped_worker;
    lose_worker(first);
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    assert_int_not_equal(datapath.egress.stopped_worker, first);
    deliver_on();
    listen_all();
    for (uint32_t n = 1; n <= BURST_MAX + 1; n++)
        assert_true(got[n - 1].frame == n && got[n - 1].worker != first);
    finish_packets();
}

/* Live: the flow was moved while the burst waited, so it was last used later than the burst came.
 */
static void a_burst_that_waited_is_of_the_time_at_which_it_goes_on(void **state) {
    (void)state;
    make_packet_loop(3, 4, true, "backlog");
    datapath.ingress.clock.is_live = true;
    datapath.ingress.clock.live_from_ns = now_ns - SECOND;
    datapath_set_time(&datapath, now_ns);
    start_all();
    give_ip(whole(false, 1000));
    for (unsigned n = 0; n < 5; n++)
        give_ip(whole(false, 2000));
    give_ip(whole(false, 1000));
    take_burst();
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    assert_int_equal(datapath.egress.stopped_worker, 1);
    lose_worker(0); /* which has packet 1 still */
    deliver_on();
    listen_all();
    assert_true(same_flow(1, 7));
    assert_int_equal(flows.created, 2);
    finish_packets();
}

/* The clock steps on at the loss: what the frame was told before it is past. */
static void a_frame_refused_before_a_loss_is_of_the_time_after_it(void **state) {
    (void)state;
    make_packet_loop(2, 64, true, "backlog");
    start_all();
    struct packet d = datagram(false, 1000);
    give_ip(whole(false, 2000));
    give_ip(part(d, 7, 1));
    send_given();
    give_ip(part(d, 7, 0));
    take_burst();
    assert_true(ingress_take(&datapath.ingress));
    ingress_decode(&datapath.ingress);
    assert_int_equal(datapath.ingress.burst.count, 0);
    lose_worker(got_of(1)->worker);
    deliver_on();
    listen_all();
    expect_order("1 2 3");
    give_ip(part(d, 7, 2));
    send_given();
    expect_order("4");
    assert_true(same_flow(2, 3) && same_flow(2, 4));
    assert_int_equal(flows.created, 2);
    finish_packets();
}

static void one_id_in_two_vlans_is_two_datagrams_where_vlans_are_in_keys(void **state) {
    (void)state;
    struct packet d = datagram(false, 1000);
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        one_worker();
        ingress_set_decoding(&datapath.ingress, &(struct decode_options){.key_vlan = keyed},
                             &flows.hash);
        give_frame(vlan(5, part(d, 7, 1)));
        give_frame(vlan(6, part(d, 7, 0)));
        send_given();
        expect_order(keyed ? "2" : "1 2");
        give_frame(vlan(5, part(d, 7, 0)));
        send_given();
        expect_order(keyed ? "1 3" : "3");
        assert_true(same_flow(1, 3));
        assert_int_equal(same_flow(1, 2), !keyed);
        finish_packets();
    }
}

static void extension_headers_before_the_fragment_header_are_passed(void **state) {
    (void)state;
    one_worker();
    struct packet routed = BEFORE(udp(1000, 53, payload(56)), UDP, 0, 4, 0, 0, 0, 0, 0);
    struct packet d = ip6(0, A, B, BEFORE(routed, 43, 0, 1, 4, 0, 0, 0, 0));
    give_ip(whole(true, 1000));
    give_ip(fragment_after(d, 16, 7, 24, 48));
    give_ip(fragment_after(d, 16, 8, 24, 48));
    give_ip(fragment_after(d, 16, 7, 0, 24));
    give_ip(fragment_after(d, 16, 7, 48, 64));
    send_given();
    expect_order("1 2 4 5");
    assert_true(same_flow(1, 2) && same_flow(1, 4) && same_flow(1, 5));
    finish_packets();
}

static void fragments_inside_a_tunnel_are_tracked_there(void **state) {
    (void)state;
    struct packet d = datagram(false, 1000);
    for (unsigned kind = 0; kind < 2; kind++) {
        one_worker();
        give_ip(whole(false, 1000));
        for (unsigned i = 3; i-- != 0;) {
            struct packet inner = part(d, 7, i);
            give_ip(kind == 0 ? ip4(4, C, ROUTER, inner) : vxlan(ethernet(inner)));
        }
        send_given();
        expect_order("1 2 3 4");
        for (uint32_t n = 2; n <= 4; n++) {
            assert_true(same_flow(1, n));
            assert_int_equal(got_of(n)->flags, FB_F_FRAGMENT | FB_F_TUNNEL);
        }
        finish_packets();
    }
}

/* The first fragment shows the inner headers; the other one, of the outer datagram, follows. */
static void a_fragmented_tunnel_goes_with_the_flow_inside(void **state) {
    (void)state;
    const struct packet tunnels[] = {
        ip4(4, C, ROUTER, datagram(false, 1000)),
        ip4(4, C, ROUTER, ip4(UDP, B, A, udp(53, 1000, payload(56)))), /* the answer */
        ip6(4, C, ROUTER, datagram(false, 1000)),
        vxlan(ethernet(datagram(false, 1000))),
        vxlan_between(4789, 50000, ethernet(datagram(false, 1000))),
    };
    for (unsigned i = 0; i < 2 * sizeof tunnels / sizeof *tunnels; i++) {
        one_worker();
        struct packet d = tunnels[i / 2];
        uint32_t end = d.n - (d.bytes[0] >> 4 == 6 ? 40 : 20);
        struct packet halves[2] = {fragment(d, 7, 0, 64), fragment(d, 7, 64, end)};
        give_ip(whole(false, 1000));
        give_ip(halves[i % 2]);
        give_ip(halves[1 - i % 2]);
        send_given();
        expect_order("1 2 3");
        assert_true(same_flow(1, 2) && same_flow(1, 3));
        assert_true(got_of(2)->dir == (i / 2 == 1) && got_of(3)->dir == (i / 2 == 1));
        finish_packets();
    }
}

static void without_a_tracker_later_fragments_go_by_addresses(void **state) {
    (void)state;
    one_worker();
    datapath.ingress.fragments = NULL;
    for (unsigned i = 3; i-- != 0;)
        give_ip(part(datagram(false, 1000), 7, i));
    send_given();
    expect_order("1 2 3");
    assert_true(same_flow(1, 2) && !same_flow(1, 3));
    finish_packets();
}

/* Deals out the fragments of many datagrams at random; no two of one in the same order. */
static void every_datagram_stays_whole_in_any_order(void **state) {
    (void)state;
    enum { DATAGRAMS = 60, PIECES = 3 };
    uint32_t frame_of[DATAGRAMS][PIECES];
    unsigned cards[DATAGRAMS * PIECES];
    for (unsigned seed = 1; seed <= 20; seed++) {
        make_packet_loop(4, 8 + seed, true, "round-robin");
        start_all();
        random_begin(seed);
        for (unsigned i = 0; i < DATAGRAMS * PIECES; i++) {
            unsigned at = random_below(i + 1);
            cards[i] = cards[at];
            cards[at] = i;
        }
        for (unsigned i = 0; i < DATAGRAMS * PIECES; i++) {
            unsigned n = cards[i] / PIECES, which = cards[i] % PIECES;
            frame_of[n][which] = give_ip(part(datagram(n % 2, 1000 + n / 4), n, which));
            if (frame_count == BURST_MAX || random_below(8) == 0)
                send_given();
        }
        send_given();
        assert_int_equal(tracker.counters[FB_FRAGMENT_BY_FULL], 0);
        assert_int_equal(tracker.counters[FB_FRAGMENT_COMPLETE], DATAGRAMS);
        assert_int_equal(flows.created, DATAGRAMS / 2);
        for (unsigned n = 0; n < DATAGRAMS; n++)
            for (unsigned which = 1; which < PIECES; which++)
                assert_true(same_flow(frame_of[n][0], frame_of[n][which]));
        finish_packets();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_fragments_go_with_their_first),
        cmocka_unit_test(fragments_of_the_answer_go_the_other_way),
        cmocka_unit_test(a_later_fragment_waits_and_comes_right_before_its_first),
        cmocka_unit_test(datagrams_in_one_burst_are_released_one_by_one),
        cmocka_unit_test(what_waits_at_the_end_goes_by_addresses_and_protocol),
        cmocka_unit_test(a_datagram_given_up_stays_one_flow_though_nothing_else_comes),
        cmocka_unit_test(a_full_buffer_releases_what_waits_longest),
        cmocka_unit_test(a_refused_frame_is_decoded_counted_and_timed_once),
        cmocka_unit_test(a_burst_may_be_held_as_a_whole),
        cmocka_unit_test(what_is_released_waits_for_a_full_ring),
        cmocka_unit_test(what_is_released_into_a_full_ring_is_dropped_in_drop_mode),
        cmocka_unit_test(a_flow_that_ended_between_two_fragments_begins_again),
        cmocka_unit_test(a_flow_that_a_later_fragment_begins_is_of_its_keys_protocol),
        cmocka_unit_test(fragments_held_while_their_worker_is_lost_go_with_the_flow),
        cmocka_unit_test(a_worker_lost_while_fragments_are_released_leaves_their_order),
        cmocka_unit_test(a_burst_that_waited_is_of_the_time_at_which_it_goes_on),
        cmocka_unit_test(a_frame_refused_before_a_loss_is_of_the_time_after_it),
        cmocka_unit_test(one_id_in_two_vlans_is_two_datagrams_where_vlans_are_in_keys),
        cmocka_unit_test(extension_headers_before_the_fragment_header_are_passed),
        cmocka_unit_test(fragments_inside_a_tunnel_are_tracked_there),
        cmocka_unit_test(a_fragmented_tunnel_goes_with_the_flow_inside),
        cmocka_unit_test(without_a_tracker_later_fragments_go_by_addresses),
        cmocka_unit_test(every_datagram_stays_whole_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, free_packet_loop);
}
