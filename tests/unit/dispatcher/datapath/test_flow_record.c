/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/flow_record.h, and the records that the data path has made of it: what a
 * worker is told of a flow, from whatever packet it is made.
 */
#include "flow_balancer/common/log.h"
#include "tests/lib/packets_fixture.h"

#include <string.h>

static void one_worker(struct packets_fixture *f) {
    make_packet_path(f, 1, 64, true, "backlog");
    start_workers(&f->path);
}

/* Sends one frame, which the only worker reads. Returns the record of its flow. */
static const struct fb_flow *record_after(struct packets_fixture *f, struct packet frame) {
    uint32_t number = give_frame(f, frame);
    send_given(f);
    return &got_of(f, number)->record;
}

static void address_of(uint8_t to[16], bool six, uint8_t host) {
    static const uint8_t prefix[16] = {0x20, 1, 0xd, 0xb8};
    static const uint8_t ten[16] = {10};
    memcpy(to, six ? prefix : ten, 16);
    to[six ? 15 : 3] = host;
}

static void expect_hosts(const struct fb_flow *record, bool six, uint8_t from, uint8_t to) {
    uint8_t address[16];
    address_of(address, six, from);
    assert_memory_equal(record->src, address, 16);
    address_of(address, six, to);
    assert_memory_equal(record->dst, address, 16);
    assert_int_equal(record->layer, six ? FB_LAYER_IP6 : FB_LAYER_IP4);
}

static void expect_ports(const struct fb_flow *record, unsigned proto, unsigned from, unsigned to) {
    assert_int_equal(record->proto, proto);
    assert_int_equal(record->src_port, from);
    assert_int_equal(record->dst_port, to);
}

static void expect_around(const struct fb_flow *record, unsigned outer_vlan, unsigned inner_vlan,
                          enum fb_tunnel tunnel, uint32_t id) {
    assert_int_equal(record->vlan[0], outer_vlan);
    assert_int_equal(record->vlan[1], inner_vlan);
    assert_int_equal(record->tunnel, tunnel);
    assert_int_equal(record->tunnel_id, id);
}

/* Two tags, the outer one of 802.1ad; six: IPv6 behind them. */
static struct packet tagged(unsigned outer, unsigned inner, bool six, struct packet rest) {
    return BEFORE(rest, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, HIGH(outer), LOW(outer),
                  0x81, 0, HIGH(inner), LOW(inner), six ? 0x86 : 8, six ? 0xdd : 0);
}

/* ---- what is in the key */

static void the_source_is_the_sender_of_the_first_packet(void **state) {
    struct packets_fixture *f = *state;
    static const uint8_t hosts[2] = {A, B};
    for (unsigned way = 0; way < 8; way++) {
        bool six = (way & 1) != 0;
        uint8_t from = hosts[way >> 1 & 1], to = hosts[1 - (way >> 1 & 1)];
        unsigned port = way & 4 ? 9 : 60000;
        one_worker(f);
        const struct fb_flow *record =
            record_after(f, ethernet(ip(six, UDP, from, to, udp(port, 53, payload(20)))));
        expect_hosts(record, six, from, to);
        expect_ports(record, UDP, port, 53);
        expect_around(record, 0, 0, FB_TUNNEL_NONE, 0);
        assert_int_equal(record->id, 0);
        assert_int_equal(record->first_ns, f->path.packet_ns);
        /* The answer changes nothing. */
        pass_seconds(f, 1);
        record = record_after(f, ethernet(ip(six, UDP, to, from, udp(53, port, payload(20)))));
        expect_hosts(record, six, from, to);
        assert_int_equal(record->first_ns, f->path.packet_ns - SECOND);
        finish_packets(f);
    }
}

static void between_ports_of_one_host_the_sender_is_told_too(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned six = 0; six < 2; six++) {
        one_worker(f);
        const struct fb_flow *record =
            record_after(f, ethernet(ip(six, TCP, A, A, tcp(80, 7, SYN, payload(4)))));
        expect_hosts(record, six, A, A);
        expect_ports(record, TCP, 80, 7);
        finish_packets(f);
    }
}

static void icmp_has_its_type_and_the_one_that_answers_it(void **state) {
    struct packets_fixture *f = *state;
    static const struct {
        uint8_t type, code, answer;
    } cases[] = {{8, 0, 0}, {0, 0, 8}, {13, 0, 14}, {3, 1, 1}, {200, 9, 9}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_worker(f);
        const struct fb_flow *record =
            record_after(f, ethernet(ip4(1, B, A, icmp(cases[i].type, cases[i].code, payload(8)))));
        expect_hosts(record, false, B, A);
        expect_ports(record, 1, cases[i].type, cases[i].answer);
        finish_packets(f);
    }
}

static void without_ip_there_are_mac_addresses_and_the_ethertype(void **state) {
    struct packets_fixture *f = *state;
    static const uint8_t low[16] = {2, 0, 0, 0, 0, 1}, high[16] = {2, 0, 0, 0, 0, 2};
    for (unsigned way = 0; way < 2; way++) {
        one_worker(f);
        const uint8_t *to = way ? low : high, *from = way ? high : low;
        struct packet arp = BEFORE(payload(28), 2, 0, 0, 0, 0, to[5], 2, 0, 0, 0, 0, from[5], 8, 6);
        const struct fb_flow *record = record_after(f, arp);
        assert_memory_equal(record->src, from, 16);
        assert_memory_equal(record->dst, to, 16);
        assert_int_equal(record->layer, FB_LAYER_MAC);
        expect_ports(record, 0, 0x0806, 0);
        finish_packets(f);
    }
}

static void of_a_frame_that_is_cut_off_nothing_is_told(void **state) {
    struct packets_fixture *f = *state;
    const uint8_t nothing[16] = {0};
    one_worker(f);
    const struct fb_flow *record = record_after(f, payload(5));
    assert_memory_equal(record->src, nothing, 16);
    assert_memory_equal(record->dst, nothing, 16);
    assert_int_equal(record->layer, FB_LAYER_NONE);
    expect_ports(record, 0, 0, 0);
    finish_packets(f);
}

/* ---- what is around it */

static void vlans_and_tunnels_are_told_with_ids_in_keys_or_without(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned six = 0; six < 2; six++) {
        for (unsigned keyed = 0; keyed < 2; keyed++) {
            f->path.ids_in_keys = keyed != 0;
            one_worker(f);
            struct packet in = ip(six, UDP, B, A, udp(53, 1000, payload(20)));
            const struct fb_flow *record = record_after(f, tagged(100, 0x7ff, six, in));
            expect_hosts(record, six, B, A);
            expect_ports(record, UDP, 53, 1000);
            expect_around(record, 100, 0x7ff, FB_TUNNEL_NONE, 0);
            in = ip(six, UDP, B, A, udp(53, 1001, payload(20)));
            record = record_after(f, ethernet(vxlan(ethernet(in))));
            expect_hosts(record, six, B, A);
            expect_ports(record, UDP, 53, 1001);
            expect_around(record, 0, 0, FB_TUNNEL_VXLAN, 7);
            finish_packets(f);
        }
    }
}

static void the_interface_is_that_of_the_first_packet(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    give_ip(f, ip4(UDP, A, B, udp(1, 2, payload(20))));
    give_ip(f, ip4(UDP, A, B, udp(1, 2, payload(20))));
    f->path.frames[0].interface = 5;
    f->path.frames[1].interface = 6;
    send_given(f);
    assert_int_equal(got_of(f, 2)->record.interface, 5);
    finish_packets(f);
}

/* ---- the flow begins with a packet that is not whole */

static struct packet part(struct packet p, unsigned which) {
    return fragment(p, 7, which * 24, which == 2 ? 64 : which * 24 + 24);
}

static void a_flow_that_begins_with_a_later_fragment_has_ports_and_interface(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned way = 0; way < 8; way++) {
        bool six = (way & 1) != 0;
        uint8_t from = way & 2 ? B : A, to = way & 2 ? A : B;
        f->path.ids_in_keys = (way & 4) != 0;
        one_worker(f);
        struct packet d = ip(six, UDP, from, to, udp(1000, 53, payload(56)));
        give_frame(f, tagged(100, 20, six, part(d, 1)));
        f->path.frames[0].interface = 9;
        send_given(f);
        assert_int_equal(fragments_held(&f->tracker), 1);
        pass_seconds(f, 1);
        give_frame(f, tagged(100, 20, six, part(d, 0)));
        give_frame(f, tagged(100, 20, six, part(d, 2)));
        send_given(f);
        expect_order(f, "1 2 3");
        const struct fb_flow *record = &got_of(f, 3)->record;
        expect_hosts(record, six, from, to);
        expect_ports(record, UDP, 1000, 53);
        expect_around(record, 100, 20, FB_TUNNEL_NONE, 0);
        assert_int_equal(record->interface, 9);
        assert_int_equal(record->first_ns, f->path.packet_ns - SECOND);
        finish_packets(f);
    }
}

/* The tunnel's datagram is in pieces: only the first names the flow inside, and has the ids there.
 */
static void so_has_one_in_a_tunnel_that_is_in_pieces(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        for (unsigned first = 0; first < 2; first++) {
            f->path.ids_in_keys = keyed != 0;
            one_worker(f);
            struct packet inner = ip6(UDP, B, A, udp(53, 1000, payload(56)));
            struct packet outer = vxlan(ethernet(inner));
            struct packet head = fragment(outer, 7, 0, 96);
            struct packet tail = fragment(outer, 7, 96, outer.n - 20);
            give_ip(f, first ? head : tail);
            send_given(f);
            give_ip(f, first ? tail : head);
            send_given(f);
            const struct fb_flow *record = &got_of(f, 1)->record;
            expect_hosts(record, true, B, A);
            expect_ports(record, UDP, 53, 1000);
            assert_int_equal(record->tunnel, first ? FB_TUNNEL_VXLAN : FB_TUNNEL_NONE);
            assert_true(same_flow(f, 1, 2));
            finish_packets(f);
        }
    }
}

/* The flow is made when a packet of it is dropped, and bound with the next one. */
static void what_a_dropped_packet_has_begun_is_told_whole(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        f->path.ids_in_keys = keyed != 0;
        make_packet_path(f, 1, 64, false, "backlog");
        struct packet p = tagged(100, 20, true, ip6(UDP, B, A, udp(53, 9, payload(20))));
        struct packet answer = tagged(100, 20, true, ip6(UDP, A, B, udp(9, 53, payload(20))));
        give_frame(f, p);
        give_burst(&f->path);
        assert_int_equal(run_burst(&f->path), EGRESS_DONE);
        assert_int_equal(f->path.datapath.egress.dropped[FB_DROP_NO_WORKER], 1);
        start_workers(&f->path);
        pass_seconds(f, 1);
        struct fb_desc desc;
        give_frame(f, answer);
        give_burst(&f->path);
        assert_int_equal(run_burst(&f->path), EGRESS_DONE);
        struct fb_rx *rx = &f->path.base.hands[0].rx;
        assert_int_equal(fb_rx_peek(rx), 1);
        assert_true(fb_rx_begin(rx, 0, &desc));
        const struct fb_flow *record = record_of(&f->path, 0, &desc);
        expect_hosts(record, true, B, A);
        expect_ports(record, UDP, 53, 9);
        assert_int_equal(record->first_ns, f->path.packet_ns);
        fb_rx_release(rx, 1);
    }
}

/* ---- after its worker is lost */

/* Worker 0 is lost with nothing in its ring; the flow of frame 1 goes on at worker 1. */
static const struct fb_flow *lose_its_worker(struct packets_fixture *f, bool six, bool reuse,
                                             struct packet next) {
    make_packet_path(f, 2, 64, true, "backlog");
    worker_starts(&f->path.base, 0);
    give_frame(f, tagged(100, 20, six, ip(six, UDP, B, A, udp(53, 1000, payload(20)))));
    send_given(f);
    worker_starts(&f->path.base, 1);
    lose_worker(f, 0);
    if (reuse) { /* its handle is another's by then */
        worker_starts(&f->path.base, 0);
        worker_dies(&f->path.base, 1);
        give_ip(f, ip4(UDP, A, B, udp(1, 2, payload(20))));
        send_given(f);
    }
    pass_seconds(f, 1);
    uint32_t number = give_frame(f, next);
    send_given(f);
    const struct fb_flow *record = &got_of(f, number)->record;
    assert_int_equal(record->id, got_of(f, 1)->record.id);
    return record;
}

static struct packet answer_of(bool six) {
    return tagged(100, 20, six, ip(six, UDP, A, B, udp(1000, 53, payload(20))));
}

static void the_record_goes_with_the_flow(void **state) {
    struct packets_fixture *f = *state;
    const struct fb_flow *record = lose_its_worker(f, false, false, answer_of(false));
    assert_int_equal(got_of(f, 2)->worker, 1);
    assert_memory_equal(record, &got_of(f, 1)->record, sizeof *record);
    assert_int_not_equal(record->first_ns, 0);
    finish_packets(f);
}

static void where_it_is_gone_one_is_made_that_does_not_know_when_it_began(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned way = 0; way < 4; way++) {
        bool six = (way & 1) != 0;
        f->path.ids_in_keys = (way & 2) != 0;
        const struct fb_flow *record = lose_its_worker(f, six, true, answer_of(six));
        expect_hosts(record, six, B, A);
        expect_ports(record, UDP, 53, 1000);
        expect_around(record, 100, 20, FB_TUNNEL_NONE, 0);
        assert_int_equal(record->first_ns, 0);
    }
}

/* The error is another sender's, in no VLAN that its flow is in; what it quotes was sent in one. */
static void an_icmp_error_tells_of_the_flow_that_it_quotes(void **state) {
    struct packets_fixture *f = *state;
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        f->path.ids_in_keys = keyed != 0;
        struct packet quoted = ip6(UDP, B, A, udp(53, 1000, payload(20)));
        struct packet error = tagged(100, 20, true, ip6(58, ROUTER, B, icmp(1, 0, quoted)));
        const struct fb_flow *record = lose_its_worker(f, true, true, error);
        expect_hosts(record, true, B, A);
        expect_ports(record, UDP, 53, 1000);
        assert_int_equal(record->first_ns, 0);
    }
}

/* ---- no memory */

static void without_memory_a_flow_has_none_and_is_counted(void **state) {
    struct packets_fixture *f = *state;
    one_worker(f);
    lane_of(&f->path.base, 0)->slots.spared = UINT64_MAX / 2;
    struct fb_desc desc;
    give_ip(f, ip4(UDP, A, B, udp(1, 2, payload(20))));
    give_burst(&f->path);
    assert_int_equal(run_burst(&f->path), EGRESS_DONE);
    struct fb_rx *rx = &f->path.base.hands[0].rx;
    assert_int_equal(fb_rx_peek(rx), 1);
    assert_true(fb_rx_begin(rx, 0, &desc));
    assert_null(fb_rx_flow(rx, &desc));
    fb_rx_release(rx, 1);
    ledger_balances(&f->path);
    assert_int_equal(f->path.snapshot.run[FB_RUN_FLOW_RECORDS_MISSING], 1);
}

int main(void) {
    fb_log_init("test_flow_record", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        PACKETS_TEST(the_source_is_the_sender_of_the_first_packet),
        PACKETS_TEST(between_ports_of_one_host_the_sender_is_told_too),
        PACKETS_TEST(icmp_has_its_type_and_the_one_that_answers_it),
        PACKETS_TEST(without_ip_there_are_mac_addresses_and_the_ethertype),
        PACKETS_TEST(of_a_frame_that_is_cut_off_nothing_is_told),
        PACKETS_TEST(vlans_and_tunnels_are_told_with_ids_in_keys_or_without),
        PACKETS_TEST(the_interface_is_that_of_the_first_packet),
        PACKETS_TEST(a_flow_that_begins_with_a_later_fragment_has_ports_and_interface),
        PACKETS_TEST(so_has_one_in_a_tunnel_that_is_in_pieces),
        PACKETS_TEST(what_a_dropped_packet_has_begun_is_told_whole),
        PACKETS_TEST(the_record_goes_with_the_flow),
        PACKETS_TEST(where_it_is_gone_one_is_made_that_does_not_know_when_it_began),
        PACKETS_TEST(an_icmp_error_tells_of_the_flow_that_it_quotes),
        PACKETS_TEST(without_memory_a_flow_has_none_and_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
