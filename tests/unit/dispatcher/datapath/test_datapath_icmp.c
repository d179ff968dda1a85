/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/quoted.c: ICMP errors go with the flow that they quote; and what
 * they must not do to it.
 */
#include "tests/lib/packets_fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

static void one_worker(struct packets_fixture *f) {
    make_packet_path(f, 1, 64, true, "backlog");
    start_workers(&f->path);
}

/* The frame went with the flow of another, in this direction, flagged. */
static bool follows(struct packets_fixture *f, uint32_t frame, uint32_t other, unsigned dir) {
    return same_flow(f, frame, other) && got_of(f, frame)->dir == dir &&
           (got_of(f, frame)->flags & FB_F_ICMP_ERROR) != 0;
}

static bool goes_alone(struct packets_fixture *f, uint32_t frame) {
    return (got_of(f, frame)->flags & FB_F_ICMP_ERROR) == 0 && got_of(f, frame)->seq == 0;
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
    struct packets_fixture *f = *state;
    static const uint8_t types[2][6] = {{3, 4, 5, 11, 12}, {1, 2, 3, 4, 100, 127}};
    for (unsigned i = 0; i < 2 * QUOTES * 6; i++) {
        bool six = i / (QUOTES * 6) != 0;
        unsigned which = i / 6 % QUOTES, type = types[six][i % 6];
        if (type == 0)
            continue;
        one_worker(f);
        give_ip(f, sample(six, which, false));
        give_ip(f, error_of(type, 1, sample(six, which, false), QUOTE_ROOM));
        give_ip(f, error_of(type, 0, sample(six, which, true), QUOTE_ROOM));
        give_ip(f, sample(six, which, true));
        send_given(f);
        expect_order(f, "1 2 3 4");
        assert_true(follows(f, 2, 1, 1) && follows(f, 3, 1, 0) && same_flow(f, 1, 4));
        assert_int_equal(got_of(f, 4)->dir, 1);
        assert_int_equal(got_of(f, 4)->flags & FB_F_ICMP_ERROR, 0);
        assert_int_equal(f->path.datapath.ingress.decode[FB_DECODE_ICMP_ERROR], 2);
        finish_packets(f);
    }
}

static void an_icmp_message_that_is_no_error_goes_alone(void **state) {
    struct packets_fixture *f = *state;
    static const uint8_t types[2][4] = {{0, 8, 9, 13}, {128, 129, 135, 137}};
    for (unsigned i = 0; i < 8; i++) {
        one_worker(f);
        give_ip(f, udp_packet(i / 4, 1000));
        give_ip(f, error_of(types[i / 4][i % 4], 0, udp_packet(i / 4, 1000), QUOTE_ROOM));
        send_given(f);
        assert_true(goes_alone(f, 2));
        assert_int_equal(f->path.datapath.ingress.decode[FB_DECODE_ICMP_ERROR], 0);
        finish_packets(f);
    }
}

static void without_such_a_flow_an_error_has_a_flow_of_its_own(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(udp_packet(false, 2000)));
    give_ip(f, unreachable(udp_packet(false, 3000)));
    give_ip(f, unreachable(udp_packet(true, 1000)));
    send_given(f);
    assert_true(goes_alone(f, 2) && same_flow(f, 2, 3) && goes_alone(f, 4));
    assert_false(same_flow(f, 1, 2) || same_flow(f, 2, 4));
    finish_packets(f);
}

/* Packet Too Big may be about any fragment; only the first one has ports. */
static void a_later_fragment_quoted_leads_to_the_flow_of_its_datagram(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned i = 0; i < 8; i++) {
        bool six = i & 1, back = i & 2, whole = i & 4;
        one_worker(f);
        uint8_t from = back ? B : A, to = back ? A : B;
        unsigned sport = back ? 53 : 1000, dport = back ? 1000 : 53;
        struct packet d = ip(six, UDP, from, to, udp(sport, dport, payload(56)));
        give_ip(f, udp_packet(six, 1000));
        give_ip(f, unreachable(fragment(d, 7, 24, 48))); /* it is not known yet */
        send_given(f);
        give_ip(f, fragment(d, 7, 0, 24));
        if (whole)
            give_ip(f, fragment(d, 7, 24, 64));
        give_ip(f, unreachable(fragment(d, 7, 24, 48)));
        give_ip(f, unreachable(fragment(d, 7, 0, 24)));
        give_ip(f, unreachable(fragment(d, 8, 24, 48))); /* another datagram */
        send_given(f);
        uint32_t first = whole ? 5 : 4;
        assert_true(goes_alone(f, 2) && same_flow(f, 2, first + 2));
        assert_true(follows(f, first, 1, back ? 0 : 1) && follows(f, first + 1, 1, back ? 0 : 1));
        finish_packets(f);
    }
}

/* What went by addresses goes so still, and an error about it too. */
static void a_fragment_quoted_whose_first_never_came_is_none_of_the_flow(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet d = ip4(UDP, A, B, udp(1000, 53, payload(56)));
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, fragment(d, 7, 24, 48));
    give_ip(f, unreachable(fragment(d, 7, 24, 48)));
    send_given(f);
    assert_true(goes_alone(f, 3));
    finish_packets(f);
}

static void a_flow_begun_earlier_in_the_burst_is_found(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, unreachable(udp_packet(false, 1000)));
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(udp_packet(false, 1000)));
    send_given(f);
    assert_true(goes_alone(f, 1) && follows(f, 3, 2, 1));
    finish_packets(f);
}

static void a_flow_evicted_earlier_in_the_burst_is_not_found(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    for (unsigned n = 0; n < 256; n++) {
        give_ip(f, udp_packet(false, 1000 + n));
        if (f->path.frame_count == BURST_MAX)
            send_given(f);
    }
    give_ip(f, unreachable(udp_packet(true, 5))); /* a new flow: evicts that of port 1000 */
    give_ip(f, unreachable(udp_packet(false, 1000)));
    give_ip(f, unreachable(udp_packet(false, 1255)));
    send_given(f);
    assert_int_equal(f->path.flows.ended[FB_END_EVICTED], 2);
    assert_true(goes_alone(f, 257) && goes_alone(f, 258) && follows(f, 259, 256, 1));
    finish_packets(f);
}

static void an_error_of_an_error_goes_alone(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(unreachable(udp_packet(false, 1000))));
    send_given(f);
    assert_true(goes_alone(f, 2));
    assert_false(same_flow(f, 1, 2));
    finish_packets(f);
}

/* RFC 792 asks for 8 bytes behind the IP header; the ports are in the first 4. */
static void a_quote_that_ends_behind_the_ports_is_enough(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned six = 0; six < 2; six++) {
        uint32_t header = six ? 40 : 20;
        for (uint32_t n = 0; n <= header + 8; n++) {
            one_worker(f);
            give_ip(f, sample(six, 0, false));
            give_ip(f, error_of(UNREACHABLE(six), 1, sample(six, 0, false), n));
            send_given(f);
            assert_true(n < header + 4 ? goes_alone(f, 2) && !same_flow(f, 1, 2)
                                       : follows(f, 2, 1, 1));
            finish_packets(f);
        }
    }
}

static const struct flow_entry *entry_of(struct packets_fixture *f, uint32_t frame) {
    uint32_t flow = flows_by_id(&f->path.flows, got_of(f, frame)->flow);
    assert_int_not_equal(flow, NO_FLOW);
    return &f->path.flows.table.entries[flow];
}

/* Whatever a quote says of the connection: it may be forged, and it is not a packet of it. */
static void an_error_changes_nothing_but_the_age_of_a_flow(void **state) {
    struct packets_fixture *f = *state;
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK};
    one_worker(f);
    give_ip(f, ip4(TCP, A, B, tcp(1000, 80, SYN, payload(0))));
    send_given(f);
    uint8_t opening = entry_of(f, 1)->state;
    for (unsigned i = 0; i < 6; i++) {
        pass_seconds(f, 20);
        give_ip(f, unreachable(ip4(TCP, A, B, tcp(1000, 80, flags[i], payload(20)))));
        give_ip(f, unreachable(ip4(TCP, B, A, tcp(80, 1000, flags[i], payload(20)))));
        send_given(f);
        assert_true(follows(f, f->path.sent_count - 1, 1, 1) &&
                    follows(f, f->path.sent_count, 1, 0));
        assert_int_equal(entry_of(f, 1)->state, opening);
    }
    assert_int_equal(got_of(f, f->path.sent_count)->seq, 12);
    assert_int_equal(f->path.flows.stray_syns, 0);
    assert_int_equal(f->path.flows.created, 1);
    finish_packets(f);
}

static void a_flow_that_is_over_is_not_revived(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, udp_packet(false, 1000));
    send_given(f);
    pass_seconds(f, 31);
    give_ip(f, unreachable(udp_packet(false, 1000)));
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(udp_packet(false, 1000)));
    send_given(f);
    assert_true(goes_alone(f, 2) && follows(f, 4, 3, 1));
    assert_false(same_flow(f, 1, 3));
    assert_int_equal(f->path.flows.ended[FB_END_TIMED_OUT], 1);
    finish_packets(f);
}

/* Fills the ring of the one worker, and sends the answer's error at it. */
static void an_error_waits(struct packets_fixture *f, uint32_t depth) {
    make_packet_path(f, 1, depth, true, "backlog");
    start_workers(&f->path);
    for (unsigned n = 0; n < depth; n++)
        give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(udp_packet(false, 1000)));
    give_burst(&f->path);
    assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
    assert_int_equal(f->path.datapath.ingress.burst.next, depth);
}

static void an_error_that_waited_for_room_goes_with_the_flow(void **state) {
    struct packets_fixture *f = *state;
    an_error_waits(f, 4);
    assert_int_equal(run_burst(&f->path), EGRESS_RING_FULL);
    run_to_the_end(f);
    read_rings(f);
    assert_true(follows(f, 5, 1, 1));
    finish_packets(f);
}

static void a_flow_that_ends_while_its_error_waits_is_not_found(void **state) {
    struct packets_fixture *f = *state;
    an_error_waits(f, 4);
    uint32_t flow = 0;
    while ((f->path.flows.table.entries[flow].key.word[4] & FLOW_LIVE) == 0)
        flow++;
    flows_end(&f->path.flows, flow, FB_END_TIMED_OUT);
    run_to_the_end(f);
    read_rings(f);
    assert_true(goes_alone(f, 5));
    assert_int_equal(got_of(f, 5)->dir, 0);
    give_ip(f,
            ip4(FB_PROTO_ICMP, ROUTER, A, icmp(3, 1, payload(0)))); /* that flow, without a quote */
    send_given(f);
    assert_true(same_flow(f, 5, 6));
    assert_int_equal(got_of(f, 6)->dir, 0);
    finish_packets(f);
}

static void an_error_waits_and_is_dropped_for_its_flow(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 1, 4, false, "backlog");
    start_workers(&f->path);
    for (unsigned n = 0; n < 4; n++)
        give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(udp_packet(false, 1000)));
    send_given(f);
    assert_int_equal(f->path.datapath.egress.dropped[FB_DROP_RING_FULL], 1);
    give_ip(f, udp_answer(false, 1000));
    send_given(f);
    assert_true(same_flow(f, 1, 6) && got_of(f, 6)->gap == 1);
    finish_packets(f);
}

static void the_error_binds_a_flow_whose_worker_is_lost(void **state) {
    struct packets_fixture *f = *state;
    make_packet_path(f, 3, 64, true, "round-robin");
    start_workers(&f->path);
    give_ip(f, udp_packet(false, 1000));
    send_given(f);
    lose_worker(f, got_of(f, 1)->worker);
    give_ip(f, unreachable(udp_packet(false, 1000)));
    give_ip(f, udp_answer(false, 1000));
    give_ip(f, udp_packet(false, 1000));
    send_given(f);
    assert_int_not_equal(got_of(f, 2)->worker, got_of(f, 1)->worker);
    assert_int_equal(got_of(f, 2)->flow, got_of(f, 1)->flow);
    assert_true(follows(f, 2, 3, 1) && same_flow(f, 2, 4));
    finish_packets(f);
}

static void an_error_inside_a_tunnel_goes_with_the_flow_inside(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    struct packet inner = udp_packet(false, 1000);
    give_ip(f, vxlan(ethernet(inner)));
    give_ip(f, vxlan(ethernet(unreachable(inner))));
    give_ip(f, ip4(4, C, ROUTER, unreachable(inner)));
    send_given(f);
    assert_true(follows(f, 2, 1, 1) && follows(f, 3, 1, 1));
    assert_int_not_equal(got_of(f, 2)->flags & FB_F_TUNNEL, 0);
    finish_packets(f);
}

/* What is quoted goes where it went itself: with what was inside, or, if that was no IP, outside.
 */
static void a_quote_of_a_tunnel_is_opened_as_the_tunnel_was(void **state) {
    struct packets_fixture *f = *state;
    struct packet arp = BEFORE(payload(28), 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6);
    const struct packet tunnels[] = {
        vxlan(ethernet(udp_packet(false, 1000))),
        vxlan(ethernet(udp_packet(true, 1000))),
        ip4(4, C, ROUTER, udp_packet(false, 1000)),
        ip6(41, C, ROUTER, udp_packet(true, 1000)),
        vxlan(arp),
    };
    for (unsigned i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
        one_worker(f);
        give_ip(f, tunnels[i]);
        give_ip(f, unreachable(tunnels[i]));
        send_given(f);
        assert_true(follows(f, 2, 1, 1));
        finish_packets(f);
    }
}

static void by_outermost_header_a_quote_is_of_that_too(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    ingress_set_decoding(&f->path.datapath.ingress,
                         &(struct decode_options){.ports = &decode_usual_ports, .outer = true},
                         &f->path.flows.hash);
    struct packet tunnel = vxlan(ethernet(udp_packet(false, 1000)));
    give_ip(f, tunnel);
    give_ip(f, udp_packet(false, 1000));
    give_ip(f, unreachable(tunnel));
    send_given(f);
    assert_true(follows(f, 3, 1, 1));
    assert_false(same_flow(f, 1, 2));
    finish_packets(f);
}

static void a_quote_is_of_the_vlan_of_its_error(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    ingress_set_decoding(
        &f->path.datapath.ingress,
        &(struct decode_options){.ports = &decode_usual_ports, .key_vlan = true, .secret = {1, 2}},
        &f->path.flows.hash);
    give_frame(f, vlan(5, udp_packet(false, 1000)));
    give_frame(f, vlan(6, unreachable(udp_packet(false, 1000))));
    give_frame(f, vlan(5, unreachable(udp_packet(false, 1000))));
    send_given(f);
    assert_true(goes_alone(f, 2) && follows(f, 3, 1, 1));
    finish_packets(f);
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
        {.ports = &decode_usual_ports, .outer = false},
        {.ports = &decode_usual_ports, .outer = true},
        {.ports = &decode_usual_ports, .key_vlan = true, .key_tunnel = true, .secret = {3, 4}}};
    unsigned found = 0;
    struct random random = random_from(31);
    for (unsigned run = 0; run < 60000; run++) {
        struct packet p = ethernet(unreachable(quotes[random_below(&random, 6)]));
        uint32_t quote = p.bytes[12] == 8 ? 14 + 28 : 14 + 48;
        for (unsigned changes = random_below(&random, 8); changes != 0; changes--)
            p.bytes[quote + random_below(&random, p.n - quote)] = (uint8_t)random_word(&random);
        uint32_t n = random_below(&random, 4) == 0 ? p.n : random_below(&random, p.n + 1);
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
    struct packets_fixture *f = *state;
    make_packet_path(f, 3, 32, true, "round-robin");
    start_workers(&f->path);
    struct random random = random_from(32);
    while (f->path.sent_count < 1500) {
        struct packet p =
            random_below(&random, 3) == 0
                ? udp_packet(random_below(&random, 2), 1000 + random_below(&random, 8))
                : unreachable(
                      udp_packet(random_below(&random, 2), 1000 + random_below(&random, 8)));
        if (random_below(&random, 2) == 0)
            p.bytes[28 + random_below(&random, p.n - 28)] = (uint8_t)random_word(&random);
        give_ip(f, p);
        if (f->path.frame_count == BURST_MAX)
            send_given(f);
    }
    send_given(f);
    unsigned errors = 0;
    for (unsigned i = 0; i < f->got_count; i++)
        errors += (f->got[i].flags & FB_F_ICMP_ERROR) != 0;
    assert_in_range(errors, 500, 1000);
    finish_packets(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PACKETS_TEST(every_error_goes_with_what_it_quotes_against_its_direction),
        PACKETS_TEST(an_icmp_message_that_is_no_error_goes_alone),
        PACKETS_TEST(without_such_a_flow_an_error_has_a_flow_of_its_own),
        PACKETS_TEST(a_later_fragment_quoted_leads_to_the_flow_of_its_datagram),
        PACKETS_TEST(a_fragment_quoted_whose_first_never_came_is_none_of_the_flow),
        PACKETS_TEST(a_flow_begun_earlier_in_the_burst_is_found),
        PACKETS_TEST(a_flow_evicted_earlier_in_the_burst_is_not_found),
        PACKETS_TEST(an_error_of_an_error_goes_alone),
        PACKETS_TEST(a_quote_that_ends_behind_the_ports_is_enough),
        PACKETS_TEST(an_error_changes_nothing_but_the_age_of_a_flow),
        PACKETS_TEST(a_flow_that_is_over_is_not_revived),
        PACKETS_TEST(an_error_that_waited_for_room_goes_with_the_flow),
        PACKETS_TEST(a_flow_that_ends_while_its_error_waits_is_not_found),
        PACKETS_TEST(an_error_waits_and_is_dropped_for_its_flow),
        PACKETS_TEST(the_error_binds_a_flow_whose_worker_is_lost),
        PACKETS_TEST(an_error_inside_a_tunnel_goes_with_the_flow_inside),
        PACKETS_TEST(a_quote_of_a_tunnel_is_opened_as_the_tunnel_was),
        PACKETS_TEST(by_outermost_header_a_quote_is_of_that_too),
        PACKETS_TEST(a_quote_is_of_the_vlan_of_its_error),
        PACKETS_TEST(whatever_is_quoted_nothing_is_read_beyond_it),
        PACKETS_TEST(hostile_errors_are_delivered_like_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
