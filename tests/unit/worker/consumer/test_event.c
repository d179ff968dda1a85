/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/event.c: a packet, and the record of its flow, from a descriptor. */
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <string.h>

#include "flow_balancer/common/event.h"
#include "worker/consumer/event.h"

#define ROOM 256u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define UDP_BYTES 8u
enum { ICMP = 1, TCP = 6, UDP = 17, DCCP = 33, ICMP6 = 58, SCTP = 132, UDP_LITE = 136 };

/* The bytes of a packet, and its descriptor. */
struct sample {
    uint8_t data[ROOM];
    struct fb_desc desc;
};

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Addresses 10, 11, ... and 50, 51, ...; ports 1001 and 2002. length: the field of the header. */
static void make_sample(struct sample *s, bool is_ip6, uint16_t at, unsigned length) {
    uint16_t header = is_ip6 ? IP6_BYTES : IP4_BYTES;
    *s = (struct sample){
        .desc = {.caplen = ROOM,
                 .wirelen = ROOM,
                 .l3_off = at,
                 .l4_off = (uint16_t)(at + header),
                 .payload_off = (uint16_t)(at + header + UDP_BYTES),
                 .proto = UDP,
                 .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, FB_TAIL_LONG)}};
    uint8_t *ip = s->data + at;
    ip[0] = is_ip6 ? 0x60 : 0x45;
    put16(ip + (is_ip6 ? 4 : 2), length);
    for (uint8_t i = 0; i < (is_ip6 ? 16 : 4); i++) {
        ip[(is_ip6 ? 8 : 12) + i] = (uint8_t)(10 + i);
        ip[(is_ip6 ? 24 : 16) + i] = (uint8_t)(50 + i);
    }
    put16(ip + header, 1001);
    put16(ip + header + 2, 2002);
}

static struct fb_packet packet_of(const struct sample *s, unsigned mid_stream) {
    union event_buffer buffer = {.event = {.kind = 0}};
    buffer.raw.desc = s->desc;
    event_make_packet(&buffer, s->data, 147, mid_stream);
    return buffer.event.packet;
}

static uint32_t payload_of(const struct sample *s) {
    return packet_of(s, 0).payload_len;
}

/* ---- a packet */

static void every_member_is_that_of_the_descriptor(void **state) {
    (void)state;
    const struct fb_desc desc = {
        .time_ns = UINT64_C(0x0102030405060708),
        .frame = UINT64_C(0x1112131415161718),
        .arena_pos = UINT64_C(0x2122232425262728),
        .flow_id = UINT64_C(0x31323334353637),
        .caplen = 200,
        .wirelen = 1500,
        .flow_seq = 0x41424344,
        .handle = 0x51525354,
        .gap = 0x61626364,
        .generation = 0x7172,
        .l3_off = 0,
        .l4_off = 20,
        .payload_off = 40,
        .flags = FB_F_GAP | FB_F_TRUNCATED | FB_F_ICMP_ERROR | 9u << FB_LINK_SHIFT,
        .proto = TCP,
        .dir_deaths_reason = fb_pack_dir_deaths_reason(1, 2, 30),
    };
    const struct sample s = {.data = {0x45, 0, 0, 90}, .desc = desc};
    struct fb_packet packet = packet_of(&s, FB_F_MID_STREAM);
    assert_int_equal(packet.time_ns, desc.time_ns);
    assert_int_equal(packet.frame, desc.frame);
    assert_ptr_equal(packet.data, s.data);
    assert_int_equal(packet.caplen, 200);
    assert_int_equal(packet.wirelen, 1500);
    assert_int_equal(packet.flow_seq, 0x41424344);
    assert_int_equal(packet.link_type, 147);
    assert_int_equal(packet.gap, 0x61626364);
    assert_int_equal(packet.deaths, 2);
    assert_int_equal(packet.l3_off, 0);
    assert_int_equal(packet.l4_off, 20);
    assert_int_equal(packet.payload_off, 40);
    /* Without the index of its link, which is the ring's. */
    assert_int_equal(packet.flags, FB_F_GAP | FB_F_TRUNCATED | FB_F_ICMP_ERROR | FB_F_MID_STREAM);
    assert_int_equal(packet.proto, TCP);
    assert_int_equal(packet.dir, 1);
    assert_int_equal(packet.payload_len, 200 - 40 - 30);
    assert_int_equal(packet.decode, 0);
}

static void what_the_descriptor_does_not_flag_is_not_flagged(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 0, 0);
    struct fb_packet packet = packet_of(&s, 0);
    assert_int_equal(packet.flags, 0);
    assert_int_equal(packet.dir, 0);
    assert_int_equal(packet.deaths, 0);
}

/* ---- the length of the payload */

static void payload_ends_where_the_ip_packet_does(void **state) {
    (void)state;
    static const struct {
        bool is_ip6;
        uint16_t at;
        unsigned length;
        uint32_t payload;
    } rows[] = {
        /* What follows the packet is padding. */
        {false, 0, IP4_BYTES + UDP_BYTES + 5, 5},
        {false, 14, IP4_BYTES + UDP_BYTES + 5, 5},
        {false, 14, IP4_BYTES + UDP_BYTES, 0},
        {true, 0, UDP_BYTES + 5, 5},
        {true, 18, UDP_BYTES + 5, 5},
        {true, 14, UDP_BYTES, 0},
        /* The last captured byte is its last, and the next one is not captured. */
        {false, 14, ROOM - 14, ROOM - 14 - IP4_BYTES - UDP_BYTES},
        {false, 14, ROOM - 13, ROOM - 14 - IP4_BYTES - UDP_BYTES},
        {true, 14, ROOM - 14 - IP6_BYTES, ROOM - 14 - IP6_BYTES - UDP_BYTES},
        {true, 14, ROOM - 13 - IP6_BYTES, ROOM - 14 - IP6_BYTES - UDP_BYTES},
        {false, 14, 65535, ROOM - 14 - IP4_BYTES - UDP_BYTES},
        {true, 14, 65535, ROOM - 14 - IP6_BYTES - UDP_BYTES},
        /* Segmentation offload, a jumbogram. */
        {false, 14, 0, ROOM - 14 - IP4_BYTES - UDP_BYTES},
        {true, 14, 0, ROOM - 14 - IP6_BYTES - UDP_BYTES},
        /* Too short for its own headers. */
        {false, 14, IP4_BYTES + UDP_BYTES - 1, 0},
        {false, 14, 1, 0},
        {true, 14, UDP_BYTES - 1, 0},
        {true, 14, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s;
        make_sample(&s, rows[i].is_ip6, rows[i].at, rows[i].length);
        if (payload_of(&s) != rows[i].payload)
            fail_msg("row %zu: %u bytes, not %u", i, payload_of(&s), rows[i].payload);
    }
}

static void of_a_truncated_packet_only_captured_bytes_count(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, ROOM - 14);
    s.desc.wirelen = ROOM;
    s.desc.caplen = 14 + IP4_BYTES + UDP_BYTES + 3;
    assert_int_equal(payload_of(&s), 3);
    s.desc.caplen = s.desc.payload_off;
    assert_int_equal(payload_of(&s), 0);
}

/* Then the length of its payload is that of the IP header. */
static void what_is_wrong_with_a_malformed_packet_is_told(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 0, 0);
    uint32_t whole = payload_of(&s);
    for (unsigned reason = 0; reason < FB_DECODE_COUNT; reason++) {
        s.desc.flags |= FB_F_MALFORMED;
        s.desc.dir_deaths_reason = fb_pack_dir_deaths_reason(1, 3, reason);
        struct fb_packet packet = packet_of(&s, 0);
        assert_int_equal(packet.decode, reason);
        assert_int_equal(packet.payload_len, whole);
        s.desc.flags &= (uint16_t)~FB_F_MALFORMED;
        packet = packet_of(&s, 0);
        assert_int_equal(packet.decode, 0);
    }
}

static void what_the_dispatcher_says_of_the_tail_counts(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, 0); /* of whose length the header says nothing */
    for (unsigned tail = 0; tail < FB_TAIL_LONG; tail++) {
        s.desc.dir_deaths_reason = fb_pack_dir_deaths_reason(1, 3, tail);
        assert_int_equal(payload_of(&s), s.desc.caplen - s.desc.payload_off - tail);
        assert_int_equal(packet_of(&s, 0).dir, 1);
        assert_int_equal(packet_of(&s, 0).deaths, 3);
    }
    s.desc.caplen = s.desc.payload_off;
    s.desc.dir_deaths_reason = 0;
    assert_int_equal(payload_of(&s), 0);
    s.desc.payload_off = FB_NO_OFFSET;
    assert_int_equal(payload_of(&s), 0);
}

static void without_an_offset_there_is_no_payload(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, 100);
    s.desc.payload_off = FB_NO_OFFSET;
    assert_int_equal(payload_of(&s), 0);
    make_sample(&s, false, 14, 100);
    s.desc.l3_off = FB_NO_OFFSET;
    assert_int_equal(payload_of(&s), 0);
}

/* ---- the record of a flow of which the dispatcher has none */

static struct fb_flow record_of(const struct sample *s) {
    struct fb_packet packet = packet_of(s, 0);
    struct fb_flow flow;
    memset(&flow, 0xff, sizeof flow); /* every member is written */
    event_partial_flow(&flow, 77, &packet);
    return flow;
}

/* Nothing is known but the id, and so much of the rest. */
static void expect_record(const struct fb_flow *flow, const struct fb_flow *wanted) {
    assert_int_equal(flow->id, 77);
    assert_int_equal(flow->first_ns, 0);
    assert_memory_equal(flow->src, wanted->src, sizeof flow->src);
    assert_memory_equal(flow->dst, wanted->dst, sizeof flow->dst);
    assert_int_equal(flow->src_port, wanted->src_port);
    assert_int_equal(flow->dst_port, wanted->dst_port);
    assert_int_equal(flow->proto, wanted->proto);
    assert_int_equal(flow->layer, wanted->layer);
    assert_int_equal(flow->vlan[0] | flow->vlan[1], 0);
    assert_int_equal(flow->tunnel, FB_TUNNEL_NONE);
    assert_int_equal(flow->interface, 0);
    assert_int_equal(flow->tunnel_id, 0);
}

static void source_is_who_sent_the_first_packet_in_both_directions(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool is_ip6 = i / 2 != 0, reverse = i % 2 != 0;
        struct fb_flow wanted = {.src_port = reverse ? 2002 : 1001,
                                 .dst_port = reverse ? 1001 : 2002,
                                 .proto = UDP,
                                 .layer = is_ip6 ? FB_LAYER_IP6 : FB_LAYER_IP4};
        for (uint8_t n = 0; n < (is_ip6 ? 16 : 4); n++) {
            wanted.src[n] = (uint8_t)((reverse ? 50 : 10) + n);
            wanted.dst[n] = (uint8_t)((reverse ? 10 : 50) + n);
        }
        struct sample s;
        make_sample(&s, is_ip6, 14, 100);
        s.desc.dir_deaths_reason = fb_pack_dir_deaths_reason(reverse, 0, 0);
        struct fb_flow flow = record_of(&s);
        expect_record(&flow, &wanted);
    }
}

static void only_protocols_that_have_ports_give_ports(void **state) {
    (void)state;
    static const struct {
        uint8_t proto;
        bool has_ports;
    } rows[] = {{TCP, true},   {UDP, true},    {DCCP, true}, {SCTP, true}, {UDP_LITE, true},
                {ICMP, false}, {ICMP6, false}, {47, false},  {50, false},  {0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s;
        make_sample(&s, false, 0, 100);
        s.desc.proto = rows[i].proto;
        struct fb_flow flow = record_of(&s);
        assert_int_equal(flow.proto, rows[i].proto);
        assert_int_equal(flow.src_port, rows[i].has_ports ? 1001 : 0);
        assert_int_equal(flow.dst_port, rows[i].has_ports ? 2002 : 0);
    }
}

/* What promises more than there is was written over on its way through a lost ring. */
static void what_lies_beyond_the_captured_bytes_is_not_read(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        bool is_ip6 = i != 0;
        struct sample s;
        make_sample(&s, is_ip6, 14, 100);
        s.desc.caplen = 14u + (is_ip6 ? IP6_BYTES : IP4_BYTES) - 1u;
        s.desc.payload_off = 20;
        struct fb_flow flow = record_of(&s);
        expect_record(&flow, &(struct fb_flow){.layer = FB_LAYER_NONE});
        assert_int_equal(payload_of(&s), 0);
        make_sample(&s, is_ip6, 14, 100);
        s.desc.caplen = s.desc.l4_off + 3u;
        flow = record_of(&s);
        assert_int_equal(flow.layer, is_ip6 ? FB_LAYER_IP6 : FB_LAYER_IP4);
        assert_int_equal(flow.src_port | flow.dst_port, 0);
    }
}

static void a_later_fragment_has_addresses_and_no_ports(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, 100);
    s.desc.l4_off = s.desc.payload_off = FB_NO_OFFSET;
    s.desc.flags = FB_F_FRAGMENT;
    struct fb_flow flow = record_of(&s);
    expect_record(&flow, &(struct fb_flow){.src = {10, 11, 12, 13},
                                           .dst = {50, 51, 52, 53},
                                           .proto = UDP,
                                           .layer = FB_LAYER_IP4});
}

/* Its addresses are those of the message, not of the flow that it quotes. */
static void an_icmp_error_says_nothing_of_its_flow(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, 100);
    s.desc.proto = ICMP;
    s.desc.flags = FB_F_ICMP_ERROR;
    struct fb_flow flow = record_of(&s);
    expect_record(&flow, &(struct fb_flow){.layer = FB_LAYER_NONE});
}

static void without_ip_or_a_packet_only_the_id_is_known(void **state) {
    (void)state;
    struct sample s;
    make_sample(&s, false, 14, 100);
    s.desc.l3_off = s.desc.l4_off = s.desc.payload_off = FB_NO_OFFSET;
    struct fb_flow flow = record_of(&s);
    expect_record(&flow, &(struct fb_flow){.layer = FB_LAYER_NONE});
    memset(&flow, 0xff, sizeof flow);
    event_partial_flow(&flow, 77, NULL);
    expect_record(&flow, &(struct fb_flow){.layer = FB_LAYER_NONE});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_that_of_the_descriptor),
        cmocka_unit_test(what_the_descriptor_does_not_flag_is_not_flagged),
        cmocka_unit_test(what_lies_beyond_the_captured_bytes_is_not_read),
        cmocka_unit_test(payload_ends_where_the_ip_packet_does),
        cmocka_unit_test(of_a_truncated_packet_only_captured_bytes_count),
        cmocka_unit_test(what_is_wrong_with_a_malformed_packet_is_told),
        cmocka_unit_test(what_the_dispatcher_says_of_the_tail_counts),
        cmocka_unit_test(without_an_offset_there_is_no_payload),
        cmocka_unit_test(source_is_who_sent_the_first_packet_in_both_directions),
        cmocka_unit_test(only_protocols_that_have_ports_give_ports),
        cmocka_unit_test(a_later_fragment_has_addresses_and_no_ports),
        cmocka_unit_test(an_icmp_error_says_nothing_of_its_flow),
        cmocka_unit_test(without_ip_or_a_packet_only_the_id_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
