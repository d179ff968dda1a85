/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors in the data path: with the flow that they quote, and what they must not do to it. */
#include "tests/lib/loop_packets.h"

#include <string.h>
#include <sys/mman.h>

#include "flow_balancer/common/icmp_pairs.h"

#define SCTP 132u
#define QUOTE_ROOM 200u
#define UNREACHABLE(six) ((six) ? 1u : 3u)

/* From the router to A: an error that quotes the first n bytes of a packet. */
static struct packet error_of(unsigned type, unsigned code, struct packet quoted, uint32_t n) {
    bool six = quoted.bytes[0] >> 4 == 6;
    quoted.n = n < quoted.n ? n : quoted.n;
    return ip(six, six ? FB_PROTO_ICMP6 : FB_PROTO_ICMP, ROUTER, A, icmp(type, code, quoted));
}

static struct packet unreachable(struct packet quoted) {
    return error_of(UNREACHABLE(quoted.bytes[0] >> 4 == 6), 1, quoted, QUOTE_ROOM);
}

static struct packet udp_packet(bool six, unsigned port) {
    return ip(six, UDP, A, B, udp(port, 53, payload(20)));
}

static struct packet udp_answer(bool six, unsigned port) {
    return ip(six, UDP, B, A, udp(53, port, payload(20)));
}

static void one_worker(void) {
    make_packet_loop(1, 64, true, "backlog");
    start_all();
}

/* The frame went with the flow of another, in this direction, flagged. */
static bool follows(uint32_t frame, uint32_t other, unsigned dir) {
    return same_flow(frame, other) && got_of(frame)->dir == dir &&
           (got_of(frame)->flags & FB_F_ICMP_ERROR) != 0;
}

static bool goes_alone(uint32_t frame) {
    return (got_of(frame)->flags & FB_F_ICMP_ERROR) == 0 && got_of(frame)->seq == 0;
}

/* What can be quoted, there and back. */
enum { QUOTES = 4 };
static struct packet sample(bool six, unsigned which, bool back) {
    uint8_t from = back ? B : A, to = back ? A : B;
    unsigned sport = back ? 80 : 1000, dport = back ? 1000 : 80;
    struct packet sctp = BEFORE(payload(12), HIGH(sport), LOW(sport), HIGH(dport), LOW(dport), 0, 0,
                                0, 0, 0, 0, 0, 0);
    unsigned echo = six ? 128 + back : back ? 0 : 8;
    switch (which) {
    case 0:
        return ip(six, TCP, from, to, tcp(sport, dport, ACK, payload(20)));
    case 1:
        return ip(six, UDP, from, to, udp(sport, dport, payload(20)));
    case 2:
        return ip(six, SCTP, from, to, sctp);
    default:
        return ip(six, six ? FB_PROTO_ICMP6 : FB_PROTO_ICMP, from, to, icmp(echo, 0, payload(20)));
    }
}

static void every_error_goes_with_what_it_quotes_against_its_direction(void **state) {
    (void)state;
    static const uint8_t types[2][6] = {{3, 4, 5, 11, 12}, {1, 2, 3, 4, 100, 127}};
    for (unsigned i = 0; i < 2 * QUOTES * 6; i++) {
        bool six = i / (QUOTES * 6) != 0;
        unsigned which = i / 6 % QUOTES, type = types[six][i % 6];
        if (type == 0)
            continue;
        one_worker();
        give_ip(sample(six, which, false));
        give_ip(error_of(type, 1, sample(six, which, false), QUOTE_ROOM));
        give_ip(error_of(type, 0, sample(six, which, true), QUOTE_ROOM));
        give_ip(sample(six, which, true));
        send_given();
        expect_order("1 2 3 4");
        assert_true(follows(2, 1, 1) && follows(3, 1, 0) && same_flow(1, 4));
        assert_int_equal(got_of(4)->dir, 1);
        assert_int_equal(got_of(4)->flags & FB_F_ICMP_ERROR, 0);
        assert_int_equal(datapath.ingress.decode[FB_DECODE_ICMP_ERROR], 2);
        finish_packets();
    }
}

static void an_icmp_message_that_is_no_error_goes_alone(void **state) {
    (void)state;
    static const uint8_t types[2][4] = {{0, 8, 9, 13}, {128, 129, 135, 137}};
    for (unsigned i = 0; i < 8; i++) {
        one_worker();
        give_ip(udp_packet(i / 4, 1000));
        give_ip(error_of(types[i / 4][i % 4], 0, udp_packet(i / 4, 1000), QUOTE_ROOM));
        send_given();
        assert_true(goes_alone(2));
        assert_int_equal(datapath.ingress.decode[FB_DECODE_ICMP_ERROR], 0);
        finish_packets();
    }
}

static void without_such_a_flow_an_error_has_a_flow_of_its_own(void **state) {
    (void)state;
    one_worker();
    give_ip(udp_packet(false, 1000));
    give_ip(unreachable(udp_packet(false, 2000)));
    give_ip(unreachable(udp_packet(false, 3000)));
    give_ip(unreachable(udp_packet(true, 1000)));
    send_given();
    assert_true(goes_alone(2) && same_flow(2, 3) && goes_alone(4));
    assert_false(same_flow(1, 2) || same_flow(2, 4));
    finish_packets();
}

/* Packet Too Big may be about any fragment; only the first one has ports. */
static void a_later_fragment_quoted_leads_to_the_flow_of_its_datagram(void **state) {
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool six = i & 1, back = i & 2, whole = i & 4;
        one_worker();
        uint8_t from = back ? B : A, to = back ? A : B;
        unsigned sport = back ? 53 : 1000, dport = back ? 1000 : 53;
        struct packet d = ip(six, UDP, from, to, udp(sport, dport, payload(56)));
        give_ip(udp_packet(six, 1000));
        give_ip(unreachable(fragment(d, 7, 24, 48))); /* not known yet */
        send_given();
        give_ip(fragment(d, 7, 0, 24));
        if (whole)
            give_ip(fragment(d, 7, 24, 64));
        give_ip(unreachable(fragment(d, 7, 24, 48)));
        give_ip(unreachable(fragment(d, 7, 0, 24)));
        give_ip(unreachable(fragment(d, 8, 24, 48))); /* another datagram */
        send_given();
        uint32_t first = whole ? 5 : 4;
        assert_true(goes_alone(2) && same_flow(2, first + 2));
        assert_true(follows(first, 1, back ? 0 : 1) && follows(first + 1, 1, back ? 0 : 1));
        finish_packets();
    }
}

/* What went by addresses goes so still, and an error about it too. */
static void a_fragment_quoted_whose_first_never_came_is_none_of_the_flow(void **state) {
    (void)state;
    one_worker();
    struct packet d = ip4(UDP, A, B, udp(1000, 53, payload(56)));
    give_ip(udp_packet(false, 1000));
    give_ip(fragment(d, 7, 24, 48));
    give_ip(unreachable(fragment(d, 7, 24, 48)));
    send_given();
    assert_true(goes_alone(3));
    finish_packets();
}

static void a_flow_begun_earlier_in_the_burst_is_found(void **state) {
    (void)state;
    one_worker();
    give_ip(unreachable(udp_packet(false, 1000)));
    give_ip(udp_packet(false, 1000));
    give_ip(unreachable(udp_packet(false, 1000)));
    send_given();
    assert_true(goes_alone(1) && follows(3, 2, 1));
    finish_packets();
}

static void a_flow_evicted_earlier_in_the_burst_is_not_found(void **state) {
    (void)state;
    one_worker();
    for (unsigned n = 0; n < 256; n++) {
        give_ip(udp_packet(false, 1000 + n));
        if (frame_count == BURST_MAX)
            send_given();
    }
    give_ip(unreachable(udp_packet(true, 5))); /* a new flow: evicts that of port 1000 */
    give_ip(unreachable(udp_packet(false, 1000)));
    give_ip(unreachable(udp_packet(false, 1255)));
    send_given();
    assert_int_equal(flows.ended[FB_END_EVICTED], 2);
    assert_true(goes_alone(257) && goes_alone(258) && follows(259, 256, 1));
    finish_packets();
}

static void an_error_of_an_error_goes_alone(void **state) {
    (void)state;
    one_worker();
    give_ip(udp_packet(false, 1000));
    give_ip(unreachable(unreachable(udp_packet(false, 1000))));
    send_given();
    assert_true(goes_alone(2));
    assert_false(same_flow(1, 2));
    finish_packets();
}

/* RFC 792 asks for 8 bytes behind the IP header; the ports are in the first 4. */
static void a_quote_that_ends_behind_the_ports_is_enough(void **state) {
    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        uint32_t header = six ? 40 : 20;
        for (uint32_t n = 0; n <= header + 8; n++) {
            one_worker();
            give_ip(sample(six, 0, false));
            give_ip(error_of(UNREACHABLE(six), 1, sample(six, 0, false), n));
            send_given();
            assert_true(n < header + 4 ? goes_alone(2) && !same_flow(1, 2) : follows(2, 1, 1));
            finish_packets();
        }
    }
}

static const struct flow_entry *entry_of(uint32_t frame) {
    uint32_t flow = flows_by_id(&flows, got_of(frame)->flow);
    assert_int_not_equal(flow, NO_FLOW);
    return &flows.table.entries[flow];
}

/* Whatever a quote says of the connection: it may be forged, and it is not a packet of it. */
static void an_error_changes_nothing_but_the_age_of_a_flow(void **state) {
    (void)state;
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK};
    one_worker();
    give_ip(ip4(TCP, A, B, tcp(1000, 80, SYN, payload(0))));
    send_given();
    uint8_t opening = entry_of(1)->state;
    for (unsigned i = 0; i < 6; i++) {
        pass_seconds(20);
        give_ip(unreachable(ip4(TCP, A, B, tcp(1000, 80, flags[i], payload(20)))));
        give_ip(unreachable(ip4(TCP, B, A, tcp(80, 1000, flags[i], payload(20)))));
        send_given();
        assert_true(follows(sent_count - 1, 1, 1) && follows(sent_count, 1, 0));
        assert_int_equal(entry_of(1)->state, opening);
    }
    assert_int_equal(got_of(sent_count)->seq, 12);
    assert_int_equal(flows.stray_syns, 0);
    assert_int_equal(flows.created, 1);
    finish_packets();
}

static void a_flow_that_is_over_is_not_revived(void **state) {
    (void)state;
    one_worker();
    give_ip(udp_packet(false, 1000));
    send_given();
    pass_seconds(31);
    give_ip(unreachable(udp_packet(false, 1000)));
    give_ip(udp_packet(false, 1000));
    give_ip(unreachable(udp_packet(false, 1000)));
    send_given();
    assert_true(goes_alone(2) && follows(4, 3, 1));
    assert_false(same_flow(1, 3));
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], 1);
    finish_packets();
}

/* Fills the ring of the one worker, and sends the answer's error at it. */
static void an_error_waits(uint32_t depth) {
    make_packet_loop(1, depth, true, "backlog");
    start_all();
    for (unsigned n = 0; n < depth; n++)
        give_ip(udp_packet(false, 1000));
    give_ip(unreachable(udp_packet(false, 1000)));
    take_burst();
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    assert_int_equal(datapath.ingress.burst.next, depth);
}

static void an_error_that_waited_for_room_goes_with_the_flow(void **state) {
    (void)state;
    an_error_waits(4);
    assert_int_equal(deliver(), EGRESS_RING_FULL);
    deliver_on();
    listen_all();
    assert_true(follows(5, 1, 1));
    finish_packets();
}

static void a_flow_that_ends_while_its_error_waits_is_not_found(void **state) {
    (void)state;
    an_error_waits(4);
    uint32_t flow = 0;
    while ((flows.table.entries[flow].key.word[4] & FLOW_LIVE) == 0)
        flow++;
    flows_end(&flows, flow, FB_END_TIMED_OUT);
    deliver_on();
    listen_all();
    assert_true(goes_alone(5));
    assert_int_equal(got_of(5)->dir, 0);
    give_ip(ip4(FB_PROTO_ICMP, ROUTER, A, icmp(3, 1, payload(0)))); /* that flow, without a quote */
    send_given();
    assert_true(same_flow(5, 6));
    assert_int_equal(got_of(6)->dir, 0);
    finish_packets();
}

static void an_error_waits_and_is_dropped_for_its_flow(void **state) {
    (void)state;
    make_packet_loop(1, 4, false, "backlog");
    start_all();
    for (unsigned n = 0; n < 4; n++)
        give_ip(udp_packet(false, 1000));
    give_ip(unreachable(udp_packet(false, 1000)));
    send_given();
    assert_int_equal(datapath.egress.dropped[FB_DROP_RING_FULL], 1);
    give_ip(udp_answer(false, 1000));
    send_given();
    assert_true(same_flow(1, 6) && got_of(6)->gap == 1);
    finish_packets();
}

static void the_error_binds_a_flow_whose_worker_is_lost(void **state) {
    (void)state;
    make_packet_loop(3, 64, true, "round-robin");
    start_all();
    give_ip(udp_packet(false, 1000));
    send_given();
    lose_worker(got_of(1)->worker);
    give_ip(unreachable(udp_packet(false, 1000)));
    give_ip(udp_answer(false, 1000));
    give_ip(udp_packet(false, 1000));
    send_given();
    assert_int_not_equal(got_of(2)->worker, got_of(1)->worker);
    assert_int_equal(got_of(2)->flow, got_of(1)->flow);
    assert_true(follows(2, 3, 1) && same_flow(2, 4));
    finish_packets();
}

static void an_error_inside_a_tunnel_goes_with_the_flow_inside(void **state) {
    (void)state;
    one_worker();
    struct packet inner = udp_packet(false, 1000);
    give_ip(vxlan(ethernet(inner)));
    give_ip(vxlan(ethernet(unreachable(inner))));
    give_ip(ip4(4, C, ROUTER, unreachable(inner)));
    send_given();
    assert_true(follows(2, 1, 1) && follows(3, 1, 1));
    assert_int_not_equal(got_of(2)->flags & FB_F_TUNNEL, 0);
    finish_packets();
}

/* What is quoted goes where it went itself: with what was inside, or, if that was no IP, around. */
static void a_quote_of_a_tunnel_is_opened_as_the_tunnel_was(void **state) {
    (void)state;
    struct packet arp = BEFORE(payload(28), 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6);
    const struct packet tunnels[] = {
        vxlan(ethernet(udp_packet(false, 1000))),
        vxlan(ethernet(udp_packet(true, 1000))),
        ip4(4, C, ROUTER, udp_packet(false, 1000)),
        ip6(41, C, ROUTER, udp_packet(true, 1000)),
        vxlan(arp),
    };
    for (unsigned i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
        one_worker();
        give_ip(tunnels[i]);
        give_ip(unreachable(tunnels[i]));
        send_given();
        assert_true(follows(2, 1, 1));
        finish_packets();
    }
}

static void by_outermost_header_a_quote_is_of_that_too(void **state) {
    (void)state;
    one_worker();
    ingress_set_decoding(&datapath.ingress, &(struct decode_options){.outer = true}, &flows.hash);
    struct packet tunnel = vxlan(ethernet(udp_packet(false, 1000)));
    give_ip(tunnel);
    give_ip(udp_packet(false, 1000));
    give_ip(unreachable(tunnel));
    send_given();
    assert_true(follows(3, 1, 1));
    assert_false(same_flow(1, 2));
    finish_packets();
}

static void a_quote_is_of_the_vlan_of_its_error(void **state) {
    (void)state;
    one_worker();
    ingress_set_decoding(&datapath.ingress,
                         &(struct decode_options){.key_vlan = true, .secret = {1, 2}}, &flows.hash);
    give_frame(vlan(5, udp_packet(false, 1000)));
    give_frame(vlan(6, unreachable(udp_packet(false, 1000))));
    give_frame(vlan(5, unreachable(udp_packet(false, 1000))));
    send_given();
    assert_true(goes_alone(2) && follows(3, 1, 1));
    finish_packets();
}

/* ---- hostile quotes */

static void expect_sane(const struct decoded *d, uint32_t caplen, bool outer) {
    unsigned kind = (unsigned)d->key.word[4] & 0xff & ~(unsigned)FLOW_BITS;
    assert_true(kind == FB_KEY_IP4 || kind == FB_KEY_IP6);
    assert_true(d->swapped <= 1 && d->l3_off + 20u <= caplen);
    assert_int_equal(d->proto, fb_flow_key_proto(&d->key));
    assert_false(outer && (d->flags & FB_F_TUNNEL) != 0);
}

/* Nothing is read behind a frame, however its quote is changed and wherever it ends. */
static void whatever_is_quoted_nothing_is_read_beyond_it(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    const struct packet quotes[] = {
        udp_packet(false, 1000),
        udp_packet(true, 1000),
        vxlan(ethernet(udp_packet(true, 1000))),
        ip6(0, A, B,
            BEFORE(udp(1, 2, payload(20)), 44, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 0, 1, 0, 0, 0, 7)),
        unreachable(udp_packet(false, 1000)),
        ip4(47, A, B, BEFORE(udp_packet(false, 1000), 0x20, 0, 8, 0, 0, 0, 0, 5)),
    };
    const struct decode_options options[] = {
        {.outer = false},
        {.outer = true},
        {.key_vlan = true, .key_tunnel = true, .secret = {3, 4}}};
    unsigned found = 0;
    random_begin(31);
    for (unsigned run = 0; run < 60000; run++) {
        struct packet p = ethernet(unreachable(quotes[random_below(6)]));
        uint32_t quote = p.bytes[12] == 8 ? 14 + 28 : 14 + 48;
        for (unsigned changes = random_below(8); changes != 0; changes--)
            p.bytes[quote + random_below(p.n - quote)] = (uint8_t)random_word();
        uint32_t n = random_below(4) == 0 ? p.n : random_below(p.n + 1);
        uint8_t *at = pages + page - n;
        struct decoded d;
        const struct decode_options *how = &options[run % 3];
        memcpy(at, p.bytes, n);
        decode(at, n, LINK_ETHERNET, how, &d);
        if (d.reason != FB_DECODE_ICMP_ERROR || !decode_quoted(at, n, LINK_ETHERNET, how, &d))
            continue;
        expect_sane(&d, n, how->outer);
        found++;
    }
    assert_in_range(found, 20000, 50000);
    munmap(pages, 2 * page);
}

/* The same through the loop: all is delivered, and the ledger stays right. */
static void hostile_errors_are_delivered_like_all_else(void **state) {
    (void)state;
    make_packet_loop(3, 32, true, "round-robin");
    start_all();
    random_begin(32);
    while (sent_count < 1500) {
        struct packet p = random_below(3) == 0
                              ? udp_packet(random_below(2), 1000 + random_below(8))
                              : unreachable(udp_packet(random_below(2), 1000 + random_below(8)));
        if (random_below(2) == 0)
            p.bytes[28 + random_below(p.n - 28)] = (uint8_t)random_word();
        give_ip(p);
        if (frame_count == BURST_MAX)
            send_given();
    }
    send_given();
    unsigned errors = 0;
    for (unsigned i = 0; i < got_count; i++)
        errors += (got[i].flags & FB_F_ICMP_ERROR) != 0;
    assert_in_range(errors, 500, 1000);
    finish_packets();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_goes_with_what_it_quotes_against_its_direction),
        cmocka_unit_test(an_icmp_message_that_is_no_error_goes_alone),
        cmocka_unit_test(without_such_a_flow_an_error_has_a_flow_of_its_own),
        cmocka_unit_test(a_later_fragment_quoted_leads_to_the_flow_of_its_datagram),
        cmocka_unit_test(a_fragment_quoted_whose_first_never_came_is_none_of_the_flow),
        cmocka_unit_test(a_flow_begun_earlier_in_the_burst_is_found),
        cmocka_unit_test(a_flow_evicted_earlier_in_the_burst_is_not_found),
        cmocka_unit_test(an_error_of_an_error_goes_alone),
        cmocka_unit_test(a_quote_that_ends_behind_the_ports_is_enough),
        cmocka_unit_test(an_error_changes_nothing_but_the_age_of_a_flow),
        cmocka_unit_test(a_flow_that_is_over_is_not_revived),
        cmocka_unit_test(an_error_that_waited_for_room_goes_with_the_flow),
        cmocka_unit_test(a_flow_that_ends_while_its_error_waits_is_not_found),
        cmocka_unit_test(an_error_waits_and_is_dropped_for_its_flow),
        cmocka_unit_test(the_error_binds_a_flow_whose_worker_is_lost),
        cmocka_unit_test(an_error_inside_a_tunnel_goes_with_the_flow_inside),
        cmocka_unit_test(a_quote_of_a_tunnel_is_opened_as_the_tunnel_was),
        cmocka_unit_test(by_outermost_header_a_quote_is_of_that_too),
        cmocka_unit_test(a_quote_is_of_the_vlan_of_its_error),
        cmocka_unit_test(whatever_is_quoted_nothing_is_read_beyond_it),
        cmocka_unit_test(hostile_errors_are_delivered_like_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, free_packet_loop);
}
