/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/eve.c, worker/records/eve_event.c, worker/records/eve_flow.c and
 * shm/common/protocol_name.c: the lines of flows, which a double of the sinks keeps. */
#include "tests/lib/unit.h"
#include "tests/unit/worker/records/eve_lines.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/protocol_name.h"
#include "worker/records/eve.h"

#define BEGIN_S UINT64_C(1700000000) /* 2023-11-14T22:13:20 */

/* ---- flows ----------------------------------------------------------------------------------- */

static const char *const interfaces[] = {"eth0", "up\xe4link"};
static const struct fb_instance files = {.worker = 3, .incarnation = 2};
static const struct fb_instance live = {
    .worker = 3, .incarnation = 2, .interfaces = 2, .interface_names = interfaces};

struct made {
    struct fb_flow flow;
    struct eve_flow state;
    struct fb_flow_end end;
    uint8_t bytes[64];
    uint64_t now_ns; /* of the next packet */
};

static int set_up(void **state) {
    eve_lines_begin();
    assert_int_equal(eve_claimed(&files, 0), 0);
    return new_state(state, sizeof(struct made)) == NULL;
}

static int tear_down(void **state) {
    eve_close();
    free(*state);
    return 0;
}
#define EVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void begin(struct made *m, unsigned proto, const char *src, unsigned src_port,
                  const char *dst, unsigned dst_port) {
    int family = strchr(src, ':') != NULL ? AF_INET6 : AF_INET;
    m->now_ns = BEGIN_S * FB_NS_PER_S + 123456789;
    m->flow = (struct fb_flow){.id = 7,
                               .first_ns = m->now_ns,
                               .src_port = (uint16_t)src_port,
                               .dst_port = (uint16_t)dst_port,
                               .proto = (uint8_t)proto,
                               .layer = family == AF_INET ? FB_LAYER_IP4 : FB_LAYER_IP6};
    assert_int_equal(inet_pton(family, src, m->flow.src), 1);
    assert_int_equal(inet_pton(family, dst, m->flow.dst), 1);
    memset(&m->state, 0, sizeof m->state);
    m->end = (struct fb_flow_end){.flow = &m->flow, .reason = FB_END_TIMED_OUT};
}

static void begin_tcp(struct made *m) {
    begin(m, 6, "128.232.110.120", 34855, "66.35.250.204", 80);
}

/* A packet of 20 bytes of transport header at the front, a second after the one before. */
static struct fb_packet packet_of(struct made *m, unsigned dir, uint32_t bytes) {
    struct fb_packet packet = {.time_ns = m->now_ns,
                               .data = m->bytes,
                               .flow = &m->flow,
                               .caplen = 20,
                               .wirelen = bytes,
                               .l3_off = FB_NO_OFFSET,
                               .l4_off = 0,
                               .payload_off = 20,
                               .proto = m->flow.proto,
                               .dir = (uint8_t)dir};
    m->now_ns += FB_NS_PER_S;
    return packet;
}

static void give(struct made *m, unsigned dir, uint32_t bytes) {
    struct fb_packet packet = packet_of(m, dir, bytes);
    eve_flow_packet(&m->state, &packet);
}

static void give_tcp(struct made *m, unsigned dir, uint8_t flags) {
    m->bytes[13] = flags;
    give(m, dir, 60);
}

static const char *line_of(struct made *m) {
    m->end.time_ns = m->now_ns + 9 * FB_NS_PER_S;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), 0);
    return eve_lines.last;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_tcp_connection_is_one_line(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    give_tcp(m, 0, 0x02);
    give_tcp(m, 1, 0x12);
    give_tcp(m, 0, 0x10);
    give_tcp(m, 0, 0x18);
    give_tcp(m, 1, 0x11);
    give_tcp(m, 0, 0x11);
    m->end.reason = FB_END_CLOSED;
    assert_string_equal(
        line_of(m),
        "{\"timestamp\":\"2023-11-14T22:13:35.123456+0000\",\"flow_id\":5566755282872648,"
        "\"event_type\":\"flow\",\"src_ip\":\"128.232.110.120\",\"src_port\":34855,"
        "\"dest_ip\":\"66.35.250.204\",\"dest_port\":80,\"proto\":\"TCP\","
        "\"flow\":{\"pkts_toserver\":4,\"pkts_toclient\":2,\"bytes_toserver\":240,"
        "\"bytes_toclient\":120,\"start\":\"2023-11-14T22:13:20.123456+0000\","
        "\"end\":\"2023-11-14T22:13:25.123456+0000\",\"age\":5,\"state\":\"closed\","
        "\"reason\":\"timeout\",\"alerted\":false},"
        "\"community_id\":\"1:LQU9qZlK+B5F3KDmev6m5PMibrg=\","
        "\"tcp\":{\"tcp_flags\":\"1b\",\"tcp_flags_ts\":\"1b\",\"tcp_flags_tc\":\"13\","
        "\"fin\":true,\"syn\":true,\"psh\":true,\"ack\":true,\"state\":\"time_wait\"},"
        "\"flow_balancer\":{\"worker\":3,\"incarnation\":2,\"flow\":7,\"layer\":\"ip4\","
        "\"end\":\"closed\"}}");
}

static void udp_is_established_once_both_have_spoken(void **state) {
    struct made *m = *state;
    begin(m, 17, "2001:db8::1", 5353, "2001:db8::2", 53);
    give(m, 0, 70);
    expect_in_line(line_of(m), "\"pkts_toclient\":0");
    expect_in_line(line_of(m), "\"state\":\"new\",\"reason\":\"timeout\"");
    struct fb_packet error = packet_of(m, 1, 0); /* that it cannot be reached is no answer */
    error.proto = 58;
    error.flags = FB_F_ICMP_ERROR;
    eve_flow_packet(&m->state, &error);
    expect_in_line(line_of(m), "\"pkts_toclient\":1");
    expect_in_line(line_of(m), "\"state\":\"new\"");
    give(m, 1, 200);
    expect_in_line(line_of(m), "\"src_ip\":\"2001:db8::1\",\"src_port\":5353,"
                               "\"dest_ip\":\"2001:db8::2\",\"dest_port\":53,\"proto\":\"UDP\"");
    expect_in_line(line_of(m), "\"bytes_toserver\":70,\"bytes_toclient\":200,");
    expect_in_line(line_of(m), "\"state\":\"established\"");
    expect_not_in_line(line_of(m), "\"tcp\"");
}

static void a_syn_with_ack_first_comes_from_the_server(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    give_tcp(m, 0, 0x12);
    give_tcp(m, 1, 0x10);
    give_tcp(m, 1, 0x10);
    const char *line = line_of(m);
    expect_in_line(line, "\"src_ip\":\"66.35.250.204\",\"src_port\":80,"
                         "\"dest_ip\":\"128.232.110.120\",\"dest_port\":34855,");
    expect_in_line(line, "\"pkts_toserver\":2,\"pkts_toclient\":1,");
    expect_in_line(line, "\"tcp_flags_ts\":\"10\",\"tcp_flags_tc\":\"12\"");
    expect_in_line(line, "\"state\":\"established\",\"reason\"");
    expect_in_line(line, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    begin_tcp(m); /* as the second packet it says nothing new */
    give_tcp(m, 0, 0x10);
    give_tcp(m, 0, 0x12);
    expect_in_line(line_of(m), "\"src_ip\":\"128.232.110.120\"");
}

static void every_end_has_a_reason(void **state) {
    static const char *const parts[] = {
        [FB_END_CLOSED] = "\"state\":\"closed\",\"reason\":\"timeout\"",
        [FB_END_TIMED_OUT] = "\"state\":\"new\",\"reason\":\"timeout\"",
        [FB_END_EVICTED] = "\"state\":\"new\",\"reason\":\"forced\"",
        [FB_END_REUSED] = "\"state\":\"new\",\"reason\":\"tcp_reuse\"",
        [FB_END_VERDICT] = "\"state\":\"bypassed\",\"bypass\":\"local\",\"reason\":\"forced\"",
        [FB_END_SHUTDOWN] = "\"state\":\"new\",\"reason\":\"shutdown\"",
        [FB_END_WORKER_LOST] = "\"state\":\"new\",\"reason\":\"forced\"",
        [FB_END_ORPHANED] = "\"state\":\"new\",\"reason\":\"shutdown\"",
    };
    static const char *const ends[] = {
#define X(id, name, text) [FB_END_##id] = "\"end\":\"" name "\"}}",
        FB_END_REASONS(X)
#undef X
    };
    struct made *m = *state;
    for (unsigned i = 0; i < FB_END_COUNT; i++) {
        begin_tcp(m);
        give_tcp(m, 0, 0x02);
        m->end.reason = i;
        expect_in_line(line_of(m), parts[i]);
        expect_in_line(line_of(m), ends[i]);
    }
}

static void the_end_of_an_orphaned_flow_is_its_last_packet(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    give_tcp(m, 0, 0x02);
    m->end.reason = FB_END_ORPHANED;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), 0);
    expect_in_line(eve_lines.last, "{\"timestamp\":\"2023-11-14T22:13:20.123456+0000\"");
}

static void icmp_has_type_and_code_each_way(void **state) {
    struct made *m = *state;
    begin(m, 1, "192.168.0.89", 8, "192.168.0.1", 0);
    m->bytes[0] = 8;
    m->bytes[1] = 0;
    give(m, 0, 98);
    struct fb_packet error = packet_of(m, 1, 70); /* it quotes the flow, and answers nothing */
    error.flags = FB_F_ICMP_ERROR;
    eve_flow_packet(&m->state, &error);
    expect_not_in_line(line_of(m), "response_icmp");
    m->bytes[0] = 0;
    give(m, 1, 98);
    m->bytes[0] = 13; /* not the first one */
    give(m, 0, 98);
    const char *line = line_of(m);
    expect_in_line(line, "\"proto\":\"ICMP\",\"icmp_type\":8,\"icmp_code\":0,"
                         "\"response_icmp_type\":0,\"response_icmp_code\":0,\"flow\"");
    expect_in_line(line, "\"community_id\":\"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=\"");
    expect_not_in_line(line, "_port");
}

/* It quotes the flow, and is counted in it, but its bytes are no TCP. */
static void an_icmp_error_is_counted_only(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    give_tcp(m, 0, 0x02);
    m->bytes[13] = 0xff;
    struct fb_packet error = packet_of(m, 1, 90);
    error.proto = 1;
    error.flags = FB_F_ICMP_ERROR;
    eve_flow_packet(&m->state, &error);
    const char *line = line_of(m);
    expect_in_line(line, "\"pkts_toserver\":1,\"pkts_toclient\":1,\"bytes_toserver\":60,"
                         "\"bytes_toclient\":90,");
    expect_in_line(line, "\"tcp_flags_tc\":\"00\",\"syn\":true,\"state\":\"syn_sent\"}");
    expect_not_in_line(line, "icmp_");
}

static void what_is_not_captured_is_not_read(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    memset(m->bytes, 0xff, sizeof m->bytes);
    struct fb_packet packet = packet_of(m, 0, 60);
    packet.caplen = 13;
    eve_flow_packet(&m->state, &packet);
    expect_in_line(line_of(m), "\"tcp_flags\":\"00\"");
    packet.caplen = 14;
    eve_flow_packet(&m->state, &packet);
    expect_in_line(line_of(m),
                   "\"tcp_flags\":\"ff\",\"tcp_flags_ts\":\"ff\",\"tcp_flags_tc\":\"00\","
                   "\"fin\":true,\"syn\":true,\"rst\":true,\"psh\":true,\"ack\":true,"
                   "\"urg\":true,\"ecn\":true,\"cwr\":true,");
}

/* The ID of later fragments alone is that of the addresses. */
static void later_fragments_alone_have_no_ports(void **state) {
    struct made *m = *state;
    begin(m, 17, "10.0.0.1", 0, "10.0.0.2", 0);
    struct fb_packet packet = packet_of(m, 0, 60);
    packet.l4_off = FB_NO_OFFSET;
    packet.flags = FB_F_FRAGMENT;
    eve_flow_packet(&m->state, &packet);
    expect_not_in_line(line_of(m), "port");
    const char *before = strstr(line_of(m), "community_id");
    assert_non_null(before);
    char id[48];
    snprintf(id, sizeof id, "%.46s", before);
    give(m, 0, 60); /* port 0, which is a port */
    expect_in_line(line_of(m), "\"src_port\":0,");
    expect_not_in_line(line_of(m), id);
}

static void flows_without_ip_say_what_they_are(void **state) {
    struct made *m = *state;
    begin(m, 0, "0.0.0.0", 0x0806, "0.0.0.0", 0);
    m->flow.layer = FB_LAYER_MAC;
    memcpy(m->flow.src, "\x00\x11\x22\x33\x44\x55", 6);
    memset(m->flow.dst, 0xff, 6);
    struct fb_packet packet = packet_of(m, 0, 60);
    packet.l4_off = FB_NO_OFFSET;
    eve_flow_packet(&m->state, &packet);
    const char *line = line_of(m);
    expect_in_line(line, "\"layer\":\"mac\",\"src_mac\":\"00:11:22:33:44:55\","
                         "\"dest_mac\":\"ff:ff:ff:ff:ff:ff\",\"ethertype\":2054,");
    expect_not_in_line(line, "_ip\"");
    expect_not_in_line(line, "proto");
    expect_not_in_line(line, "community_id");
    m->flow.layer = FB_LAYER_NONE;
    expect_in_line(line_of(m), "\"layer\":\"none\",\"end\"");
}

static void tags_tunnels_and_interfaces_are_told(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    m->flow.vlan[0] = 100;
    m->flow.tunnel = FB_TUNNEL_VXLAN;
    m->flow.tunnel_id = 42;
    give_tcp(m, 0, 0x02);
    expect_in_line(line_of(m), "\"event_type\":\"flow\",\"vlan\":[100],\"src_ip\"");
    expect_in_line(line_of(m), "\"tunnel\":{\"type\":\"vxlan\",\"id\":42}");
    expect_not_in_line(line_of(m), "in_iface");
    m->flow.vlan[1] = 7;
    assert_int_equal(eve_claimed(&live, 0), 0);
    expect_in_line(line_of(m), ",\"in_iface\":\"eth0\",\"event_type\":\"flow\",\"vlan\":[100,7],");
    m->flow.interface = 1; /* a name that is no UTF-8 */
    expect_in_line(line_of(m), "\"in_iface\":\"up?link\"");
}

static void what_went_wrong_is_told(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    m->flow.first_ns = 0; /* its record was made from a later packet */
    struct fb_packet packet = packet_of(m, 0, 60);
    packet.flags = FB_F_MID_STREAM | FB_F_REDELIVERED | FB_F_GAP;
    packet.gap = 5;
    eve_flow_packet(&m->state, &packet);
    packet.flags = FB_F_MALFORMED;
    packet.gap = 0;
    eve_flow_packet(&m->state, &packet);
    expect_in_line(line_of(m), "\"end\":\"timed_out\",\"lost\":5,\"redelivered\":1,\"malformed\":1,"
                               "\"mid_stream\":true}}");
    expect_in_line(line_of(m), "\"start\":\"2023-11-14T22:13:20.123456+0000\"");
}

/* Its addresses and when it began are known, though another process had its packets. */
static void a_flow_of_a_process_that_is_gone_is_told_without_numbers(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    m->end.time_ns = m->flow.first_ns + 9 * FB_NS_PER_S;
    m->end.flags = FB_F_MID_STREAM;
    assert_int_equal(eve_flow_write(NULL, &m->end, NULL, NULL), 0);
    expect_in_line(eve_lines.last, "\"src_ip\":\"128.232.110.120\",\"src_port\":34855,");
    expect_in_line(eve_lines.last,
                   "\"pkts_toserver\":0,\"pkts_toclient\":0,\"bytes_toserver\":0,"
                   "\"bytes_toclient\":0,\"start\":\"2023-11-14T22:13:20.123456+0000\","
                   "\"end\":\"2023-11-14T22:13:29.123456+0000\",\"age\":9,");
    expect_in_line(eve_lines.last, "\"end\":\"timed_out\",\"mid_stream\":true}}");
    m->end.flags |= FB_F_REDELIVERED;
    assert_int_equal(eve_flow_write(NULL, &m->end, NULL, NULL), 0);
    expect_in_line(eve_lines.last, "\"mid_stream\":true,\"end_redelivered\":true}}");
}

static json_int_t id_in(const char *line) {
    json_t *event = json_loads(line, 0, NULL);
    json_int_t id = json_integer_value(json_object_get(event, "flow_id"));
    json_decref(event);
    return id;
}

static void ids_differ_between_runs_and_stay_numbers(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    json_int_t before = id_in(line_of(m));
    for (uint64_t run = 1; run < 1000; run++) {
        assert_int_equal(eve_claimed(&files, run * UINT64_C(0x123456789abcdef1)), 0);
        m->flow.id = 7;
        json_int_t id = id_in(line_of(m));
        assert_int_equal(id_in(line_of(m)), id);
        assert_int_not_equal(id, before);
        m->flow.id = (UINT64_C(1) << 53) - 1 - run;
        assert_in_range(id_in(line_of(m)), 0, (UINT64_C(1) << 53) - 1);
        before = id;
    }
}

static void more_members_are_added_and_none_is_replaced(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    give_tcp(m, 0, 0x02);
    json_t *more = json_pack("{s:{s:s},s:i}", "ndpi", "proto", "TLS", "flow_id", 1);
    assert_int_equal(eve_flow_write(&m->state, &m->end, "tls", more), 0);
    json_decref(more);
    expect_in_line(eve_lines.last, "\"proto\":\"TCP\",\"app_proto\":\"tls\",\"flow\":{");
    expect_in_line(eve_lines.last, "\"ndpi\":{\"proto\":\"TLS\"}");
    expect_in_line(eve_lines.last, "\"flow_id\":5566755282872648,");
}

static void a_long_line_is_whole(void **state) {
    static char name[20000];
    struct made *m = *state;
    begin_tcp(m);
    memset(name, '\n', sizeof name - 1); /* two bytes each in the line */
    json_t *more = json_pack("{s:o}", "name", eve_text(name, sizeof name - 1));
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, more), 0);
    json_t *event = json_loads(eve_lines.last, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(event, "name")), name);
    json_decref(event);
    json_decref(more);
}

static void text_is_valid_whatever_it_comes_from(void **state) {
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"plain", "plain"},
                {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
                {"gr\xfc\xdf", "gr??"},
                {"\xff\xfe", "??"},
                {"", ""}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *text = eve_text(rows[i].bytes, strlen(rows[i].bytes));
        assert_string_equal(json_string_value(text), rows[i].text);
        json_decref(text);
    }
}

static void a_sink_that_is_full_gets_the_same_line_again(void **state) {
    struct made *m = *state;
    char before[sizeof eve_lines.last];
    begin_tcp(m);
    give_tcp(m, 0, 0x02);
    eve_lines.answer = FB_OUTPUT_FAILED;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), FB_OUTPUT_FAILED);
    memcpy(before, eve_lines.last, sizeof before);
    eve_lines.answer = 0;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), 0);
    assert_string_equal(before, eve_lines.last);
}

static void without_a_sink_nothing_is_made(void **state) {
    struct made *m = *state;
    begin_tcp(m);
    eve_lines.has_sinks = false;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), 0);
    assert_int_equal(eve_lines.count, 0);
    eve_close();
    assert_int_equal(eve_claimed(&files, 0), 0);
}

static void protocols_have_the_names_that_suricata_gives_them(void **state) {
    static const struct {
        uint8_t number;
        const char *name;
    } rows[] = {{0, "HOPOPT"}, {1, "ICMP"},       {2, "IGMP"},       {4, "IP-in-IP"}, {6, "TCP"},
                {17, "UDP"},   {33, "DCCP"},      {41, "IPv6"},      {46, "RSVP"},    {47, "GRE"},
                {50, "ESP"},   {58, "IPv6-ICMP"}, {89, "OSPF"},      {103, "PIM"},    {112, "VRRP"},
                {132, "SCTP"}, {136, "UDPLite"},  {143, "Ethernet"}, {144, "144"},    {255, "255"}};
    char name[FB_PROTOCOL_NAME_SIZE];
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        fb_protocol_name(rows[i].number, name);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVE_TEST(a_tcp_connection_is_one_line),
        EVE_TEST(udp_is_established_once_both_have_spoken),
        EVE_TEST(a_syn_with_ack_first_comes_from_the_server),
        EVE_TEST(every_end_has_a_reason),
        EVE_TEST(the_end_of_an_orphaned_flow_is_its_last_packet),
        EVE_TEST(icmp_has_type_and_code_each_way),
        EVE_TEST(an_icmp_error_is_counted_only),
        EVE_TEST(what_is_not_captured_is_not_read),
        EVE_TEST(later_fragments_alone_have_no_ports),
        EVE_TEST(flows_without_ip_say_what_they_are),
        EVE_TEST(tags_tunnels_and_interfaces_are_told),
        EVE_TEST(what_went_wrong_is_told),
        EVE_TEST(a_flow_of_a_process_that_is_gone_is_told_without_numbers),
        EVE_TEST(ids_differ_between_runs_and_stay_numbers),
        EVE_TEST(more_members_are_added_and_none_is_replaced),
        EVE_TEST(a_long_line_is_whole),
        EVE_TEST(text_is_valid_whatever_it_comes_from),
        EVE_TEST(a_sink_that_is_full_gets_the_same_line_again),
        EVE_TEST(without_a_sink_nothing_is_made),
        EVE_TEST(protocols_have_the_names_that_suricata_gives_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
