/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/eve_anomaly.c, worker/records/eve_stats.c and worker/records/eve_inspector.c: the
 * lines of what is no flow's end, which a double of the sinks keeps. */
#include "tests/lib/unit.h"
#include "tests/unit/worker/records/eve_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/clock.h"
#include "worker/records/eve.h"
#include "worker/records/eve_anomaly.h"

#define BEGIN_NS (UINT64_C(1700000000) * FB_NS_PER_S) /* 2023-11-14T22:13:20 */
#define ID "\"flow_id\":5566755282872648,"            /* of flow 7, in no run */

static const struct fb_instance instance = {.worker = 3, .incarnation = 2};
static const struct eve_counts counts = {
    .packets = 100, .bytes = 6000, .flows = 9, .flows_ended = 4};

struct made {
    struct fb_flow flow;
    struct fb_packet packet;
    struct fb_flow_end end;
    struct eve_flow state;
    uint64_t claimed_ns;
    char refusal[EVE_REFUSAL_SIZE];
};

static int set_up(void **state) {
    struct made *m = new_state(state, sizeof *m);
    eve_lines_begin();
    m->claimed_ns = fb_now_ns();
    m->flow = (struct fb_flow){.id = 7,
                               .src = {10, 0, 0, 1},
                               .dst = {10, 0, 0, 2},
                               .src_port = 1000,
                               .dst_port = 53,
                               .proto = 17,
                               .layer = FB_LAYER_IP4};
    m->packet = (struct fb_packet){.time_ns = BEGIN_NS,
                                   .frame = 12,
                                   .flow = &m->flow,
                                   .l3_off = FB_NO_OFFSET,
                                   .l4_off = FB_NO_OFFSET,
                                   .flags = FB_F_MALFORMED,
                                   .proto = 17,
                                   .decode = FB_DECODE_UDP_SHORT};
    m->end = (struct fb_flow_end){.flow = &m->flow, .time_ns = BEGIN_NS + FB_NS_PER_S};
    return eve_claimed(&instance, 0);
}

static int tear_down(void **state) {
    eve_close();
    free(*state);
    return 0;
}
#define EVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- anomalies ------------------------------------------------------------------------------- */

static void a_malformed_packet_is_an_anomaly(void **state) {
    struct made *m = *state;
    m->packet.dir = 1;
    eve_flow_packet(&m->state, &m->packet);
    assert_string_equal(
        eve_lines.last,
        "{\"timestamp\":\"2023-11-14T22:13:20.000000+0000\"," ID "\"event_type\":\"anomaly\","
        "\"src_ip\":\"10.0.0.2\",\"src_port\":53,\"dest_ip\":\"10.0.0.1\",\"dest_port\":1000,"
        "\"proto\":\"UDP\",\"community_id\":\"1:3dOlp8ntUVx1pST5gnmqaqHNfUY=\","
        "\"anomaly\":{\"type\":\"decode\",\"event\":\"decoder.udp.pkt_too_small\"},"
        "\"flow_balancer\":{\"worker\":3,\"incarnation\":2,\"flow\":7,\"layer\":\"ip4\","
        "\"frame\":12,\"reason\":\"udp_short\"}}");
    m->packet.flags = 0;
    eve_flow_packet(&m->state, &m->packet);
    assert_int_equal(eve_lines.count, 1);
}

static void every_reason_has_a_name(void **state) {
    static const char *const reasons[] = {
#define X(id, name, text) "\"reason\":\"" name "\"",
        FB_DECODE_REASONS(X)
#undef X
    };
    struct made *m = *state;
    for (unsigned i = FB_DECODE_LINK_SHORT; i < FB_DECODE_COUNT; i++) {
        m->packet.decode = i;
        eve_anomaly_refill();
        eve_anomaly_packet(&m->packet);
        expect_in_line(eve_lines.last, reasons[i]);
        if (i != FB_DECODE_TUNNEL_NON_IP) /* which is not malformed */
            expect_not_in_line(eve_lines.last, "decoder.malformed");
    }
    m->packet.decode = FB_DECODE_ICMP_SHORT;
    m->packet.proto = 58;
    eve_anomaly_refill();
    eve_anomaly_packet(&m->packet);
    expect_in_line(eve_lines.last, "\"decoder.icmpv6.pkt_too_small\"");
    m->packet.decode = FB_DECODE_COUNT; /* of a later version */
    eve_anomaly_packet(&m->packet);
    expect_in_line(eve_lines.last, "\"decoder.malformed\"");
}

static void more_than_a_few_a_second_are_counted(void **state) {
    struct made *m = *state;
    for (unsigned i = 0; i < EVE_ANOMALIES_PER_S + 5; i++)
        eve_flow_packet(&m->state, &m->packet);
    assert_int_equal(eve_lines.count, EVE_ANOMALIES_PER_S);
    expect_not_in_line(eve_lines.last, "suppressed");
    eve_tick(m->claimed_ns + FB_NS_PER_S / 2, NULL);
    eve_flow_packet(&m->state, &m->packet);
    assert_int_equal(eve_lines.count, EVE_ANOMALIES_PER_S);
    eve_tick(m->claimed_ns + 3 * FB_NS_PER_S, NULL);
    eve_flow_packet(&m->state, &m->packet);
    assert_int_equal(eve_lines.count, EVE_ANOMALIES_PER_S + 1);
    expect_in_line(eve_lines.last, "\"suppressed\":6}}");
    eve_flow_packet(&m->state, &m->packet);
    expect_not_in_line(eve_lines.last, "suppressed");
    assert_int_equal(eve_anomaly_counts().malformed, EVE_ANOMALIES_PER_S + 8);
    assert_int_equal(eve_anomaly_counts().suppressed, 6);
    assert_int_equal(m->state.malformed, EVE_ANOMALIES_PER_S + 8);
}

/* It waits, goes before the next line, and one more that cannot be written is counted. */
static void an_anomaly_holds_no_packet(void **state) {
    struct made *m = *state;
    eve_lines.answer = FB_OUTPUT_FAILED;
    eve_flow_packet(&m->state, &m->packet);
    m->packet.frame = 13;
    eve_flow_packet(&m->state, &m->packet);
    assert_int_equal(eve_anomaly_counts().suppressed, 1);
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), FB_OUTPUT_FAILED);
    expect_in_line(eve_lines.last, "\"frame\":12,");
    eve_lines.answer = 0;
    unsigned before = eve_lines.count;
    assert_int_equal(eve_flow_write(&m->state, &m->end, NULL, NULL), 0);
    assert_int_equal(eve_lines.count, before + 2);
    expect_in_line(eve_lines.last, "\"event_type\":\"flow\"");
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void statistics_come_every_8_seconds_and_at_the_end(void **state) {
    struct made *m = *state;
    eve_flow_packet(&m->state, &m->packet);
    eve_lines.count = 0;
    for (unsigned ms = 0; ms <= 16500; ms += 100)
        eve_tick(m->claimed_ns + ms * UINT64_C(1000000), &counts);
    assert_int_equal(eve_lines.count, 2);
    expect_in_line(eve_lines.last,
                   "\"event_type\":\"stats\",\"stats\":{\"uptime\":16,\"decoder\":{\"pkts\":100,"
                   "\"bytes\":6000,\"invalid\":1},\"flow\":{\"total\":9,\"active\":5}},"
                   "\"flow_balancer\":{\"worker\":3,\"incarnation\":2,"
                   "\"anomalies_suppressed\":0,\"sinks\":["
                   "{\"name\":\"eve-file\",\"written\":1,\"dropped\":2,\"retried\":3}]}}");
    expect_not_in_line(eve_lines.last, "flow_id");
    eve_tick(m->claimed_ns + 100 * FB_NS_PER_S, &counts); /* those that were missed do not come */
    eve_tick(m->claimed_ns + 102 * FB_NS_PER_S, &counts);
    assert_int_equal(eve_lines.count, 3);
    eve_finish(&counts, 0);
    assert_int_equal(eve_lines.count, 4);
    expect_in_line(eve_lines.last, "\"uptime\":0,");
    eve_finish(NULL, 0);
    assert_int_equal(eve_lines.count, 4);
}

static void the_end_waits_for_a_slow_sink_as_long_as_it_may(void **state) {
    struct made *m = *state;
    eve_lines.answer = FB_OUTPUT_FAILED;
    uint64_t begin_ns = fb_now_ns();
    eve_finish(&counts, begin_ns + FB_NS_PER_S / 10);
    assert_true(fb_now_ns() - begin_ns >= FB_NS_PER_S / 10);
    assert_true(eve_lines.ticks > 0);
    eve_lines_begin(); /* what waited is not forgotten */
    eve_tick(m->claimed_ns + 2 * FB_NS_PER_S, NULL);
    expect_in_line(eve_lines.last, "\"event_type\":\"stats\"");
    assert_int_equal(eve_lines.count, 1);
}

static void nothing_is_told_without_a_sink(void **state) {
    struct made *m = *state;
    eve_lines.has_sinks = false;
    eve_flow_packet(&m->state, &m->packet);
    eve_tick(m->claimed_ns + 100 * FB_NS_PER_S, &counts);
    eve_finish(&counts, 0);
    const struct fb_host_event event = {.type = "mine"};
    assert_int_equal(eve_inspector_event("me", &event, m->refusal), 0);
    assert_int_equal(eve_lines.count, 0);
}

/* ---- events of inspectors -------------------------------------------------------------------- */

static void an_alert_is_completed(void **state) {
    struct made *m = *state;
    const struct fb_host_event event = {
        .type = "alert",
        .packet = &m->packet,
        .members = "{\"signature\":\"too \\u00fc\", \"signature_id\": 1000001, \"severity\": 1}"};
    assert_int_equal(eve_inspector_event("heavy", &event, m->refusal), 0);
    assert_string_equal(
        eve_lines.last,
        "{\"timestamp\":\"2023-11-14T22:13:20.000000+0000\"," ID "\"event_type\":\"alert\","
        "\"src_ip\":\"10.0.0.1\",\"src_port\":1000,\"dest_ip\":\"10.0.0.2\",\"dest_port\":53,"
        "\"proto\":\"UDP\",\"community_id\":\"1:3dOlp8ntUVx1pST5gnmqaqHNfUY=\","
        "\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":1000001,\"rev\":1,"
        "\"signature\":\"too \xc3\xbc\",\"category\":\"\",\"severity\":1},"
        "\"flow_balancer\":{\"worker\":3,\"incarnation\":2,\"flow\":7,\"layer\":\"ip4\","
        "\"frame\":12,\"inspector\":\"heavy\"}}");
}

/* As its file has it, and the same if the event is written again. */
static void a_packet_of_1970_has_its_time(void **state) {
    struct made *m = *state;
    m->packet.time_ns = 0;
    const struct fb_host_event event = {.type = "mine", .packet = &m->packet};
    assert_int_equal(eve_inspector_event("me", &event, m->refusal), 0);
    expect_in_line(eve_lines.last, "{\"timestamp\":\"1970-01-01T00:00:00.000000+0000\",");
}

static void a_flow_with_an_alert_says_so_until_it_ends(void **state) {
    struct made *m = *state;
    struct fb_host_event event = {.type = "mine", .packet = &m->packet};
    const struct fb_host_event alert = {.type = "alert",
                                        .packet = &m->packet,
                                        .members = "{\"signature\":\"\",\"signature_id\":1}"};
    eve_inspector_event("me", &event, m->refusal);
    eve_flow_write(&m->state, &m->end, NULL, NULL);
    expect_in_line(eve_lines.last, "\"alerted\":false");
    eve_lines.answer = FB_OUTPUT_FAILED;
    assert_int_equal(eve_inspector_event("me", &alert, m->refusal), FB_OUTPUT_FAILED);
    eve_lines.answer = 0;
    eve_flow_write(&m->state, &m->end, NULL, NULL);
    expect_in_line(eve_lines.last, "\"alerted\":false");
    assert_int_equal(eve_inspector_event("me", &alert, m->refusal), 0);
    eve_flow_write(&m->state, &m->end, NULL, NULL);
    expect_in_line(eve_lines.last, "\"alerted\":true");
    eve_forget_flow(&(struct fb_flow){.id = 8});
    eve_flow_write(&m->state, &m->end, NULL, NULL);
    expect_in_line(eve_lines.last, "\"alerted\":true");
    eve_forget_flow(&m->flow);
    eve_flow_write(&m->state, &m->end, NULL, NULL);
    expect_in_line(eve_lines.last, "\"alerted\":false");
}

static void an_event_of_its_own_is_under_its_name(void **state) {
    struct made *m = *state;
    struct fb_host_event event = {
        .type = "heavy", .end = &m->end, .members = "{\"flow_id\":1,\"bytes\":2.5}"};
    assert_int_equal(eve_inspector_event("me", &event, m->refusal), 0);
    expect_in_line(eve_lines.last, "{\"timestamp\":\"2023-11-14T22:13:21.000000+0000\"," ID);
    expect_in_line(eve_lines.last, "\"heavy\":{\"flow_id\":1,\"bytes\":2.5},\"flow_balancer\":{");
    event = (struct fb_host_event){.type = "heavy"};
    assert_int_equal(eve_inspector_event("me", &event, m->refusal), 0);
    expect_not_in_line(eve_lines.last, "flow_id");
    expect_in_line(eve_lines.last, "\"heavy\":{},\"flow_balancer\":{\"worker\":3,"
                                   "\"incarnation\":2,\"inspector\":\"me\"}}");
}

static void what_is_wrong_is_refused_with_its_reason(void **state) {
    static const struct {
        const char *type, *members, *part;
    } rows[] = {
        {NULL, NULL, "its type must be 1 to 31"},
        {"", NULL, "its type must be 1 to 31"},
        {"Mine", NULL, "event 'Mine': its type must be"},
        {"9mine", NULL, "the first one a letter"},
        {"a23456789012345678901234567890123", NULL, "1 to 31"},
        {"flow", "{}", "event 'flow': that name is the worker's own"},
        {"flow_id", "{}", "that name is the worker's own"},
        {"stats", "{}", "that name is the worker's own"},
        {"community_id", "{}", "that name is the worker's own"},
        {"flow_balancer", "{}", "that name is the worker's own"},
        {"mine", "{", "event 'mine': its members are no JSON object"},
        {"mine", "[]", "its members are no JSON object: something else"},
        {"mine", "{\"a\":1,\"a\":2}", "no JSON object: duplicate"},
        {"mine", "{\"a\":\"\xff\"}", "no JSON object: unable to decode"},
        {"mine", "{} {}", "no JSON object: end of file expected"},
        {"alert", NULL, "its member 'signature_id' is missing"},
        {"alert", "{\"signature_id\":1}", "its member 'signature' is missing"},
        {"alert", "{\"signature_id\":\"1\",\"signature\":\"\"}", "'signature_id' has a value"},
        {"alert", "{\"signature_id\":-1,\"signature\":\"\"}", "'signature_id' has a value"},
        {"alert", "{\"signature_id\":1,\"signature\":1}", "'signature' has a value"},
        {"alert", "{\"signature_id\":1,\"signature\":\"\",\"action\":\"drop\"}", "'action' has"},
        {"alert", "{\"signature_id\":1,\"signature\":\"\",\"sid\":1}", "members that Suricata's"},
    };
    struct made *m = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fb_host_event event = {
            .type = rows[i].type, .members = rows[i].members, .packet = &m->packet};
        assert_int_equal(eve_inspector_event("me", &event, m->refusal), -EINVAL);
        expect_in_line(m->refusal, rows[i].part);
    }
    assert_int_equal(eve_lines.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVE_TEST(a_malformed_packet_is_an_anomaly),
        EVE_TEST(every_reason_has_a_name),
        EVE_TEST(more_than_a_few_a_second_are_counted),
        EVE_TEST(an_anomaly_holds_no_packet),
        EVE_TEST(statistics_come_every_8_seconds_and_at_the_end),
        EVE_TEST(the_end_waits_for_a_slow_sink_as_long_as_it_may),
        EVE_TEST(nothing_is_told_without_a_sink),
        EVE_TEST(an_alert_is_completed),
        EVE_TEST(a_packet_of_1970_has_its_time),
        EVE_TEST(a_flow_with_an_alert_says_so_until_it_ends),
        EVE_TEST(an_event_of_its_own_is_under_its_name),
        EVE_TEST(what_is_wrong_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
