/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/ndpi.c: which packets the library gets of a flow, when it is done with it, and
 * that its memory is freed; worker/inspectors/ndpi_absent.c: what is there without the library.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/directory.h"
#include "tests/unit/worker/records/eve_lines.h"
#include "worker/inspectors/inspectors.h"
#include "worker/records/eve.h"

#define ICMP 1u
#define TCP 6u
#define UDP 17u
#define IP_BYTES 20u
#define TCP_BYTES 20u
#define UDP_BYTES 8u
#define BEGIN_NS UINT64_C(1700000000000000000)
#define FRAME_MOST 70000u

enum { FIN = 1, SYN = 2, ACK = 16 };

/* What stats() tells, in its order. */
struct counters {
    uint64_t flows, detected, guessed, unknown, giveups, packets;
};

struct fixture {
    struct directory directory; /* first: of the files */
    void *self;
    void *state; /* of the flow at hand */
    struct fb_flow flow;
    uint8_t *frame; /* as long as the packet, so that a sanitizer notices who reads beyond it */
    struct fb_packet packet;
    uint64_t sent; /* packets of the flow */
    json_t *record;
};

static const struct fb_inspector *ops = &inspect_ndpi_ops;
static const struct fb_instance instance = {.name = "test", .worker = 1, .incarnation = 1};

static bool is_built_in(void) {
    return ops->stats != NULL;
}

#define NEEDS_LIBRARY()                                                                            \
    do {                                                                                           \
        if (!is_built_in())                                                                        \
            SKIP("built without libndpi");                                                         \
    } while (0)

/* ---- fixture --------------------------------------------------------------------------------- */

static int open_with(struct fixture *f, const char *args) {
    struct fb_setup setup = {.args = args};
    int error = ops->open(&setup);
    f->self = error == 0 ? setup.self : NULL;
    if (error == 0) {
        assert_int_equal(setup.state_kind, FB_STATE_PRIVATE);
        f->state = calloc(1, setup.state_bytes);
        assert_non_null(f->state);
    }
    return error;
}

/* With records. */
static void begin(struct fixture *f, const char *args) {
    eve_lines_begin();
    assert_int_equal(eve_claimed(&instance, 1), 0);
    assert_int_equal(open_with(f, args), 0);
}

static int set_up(void **state) {
    struct fixture *f = new_state(state, sizeof *f);
    directory_make(&f->directory);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    if (f->self != NULL)
        ops->close(f->self);
    eve_close();
    eve_lines.has_sinks = false;
    directory_remove(&f->directory);
    json_decref(f->record);
    free(f->state);
    free(f->frame);
    free(f);
    return 0;
}

static struct counters counters(const struct fixture *f) {
    uint64_t values[FB_STATS_MAX] = {0};
    struct counters c;
    ops->stats(f->self, values);
    memcpy(&c, values, sizeof c);
    return c;
}

/* ---- packets --------------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* A flow from 10.0.0.1 to 10.0.0.2. */
static void begin_flow(struct fixture *f, unsigned proto, uint16_t src_port, uint16_t dst_port) {
    f->flow = (struct fb_flow){.id = f->flow.id + 1,
                               .first_ns = BEGIN_NS,
                               .src = {10, 0, 0, 1},
                               .dst = {10, 0, 0, 2},
                               .src_port = src_port,
                               .dst_port = dst_port,
                               .proto = (uint8_t)proto,
                               .layer = FB_LAYER_IP4};
    f->sent = 0;
}

/* Makes the next packet: `extra` bytes are behind the end of the IP packet. */
static struct fb_packet *make_packet(struct fixture *f, unsigned dir, unsigned tcp_flags,
                                     const void *payload, uint32_t length, uint32_t extra) {
    uint32_t l4_bytes = f->flow.proto == TCP ? TCP_BYTES : f->flow.proto == UDP ? UDP_BYTES : 0;
    uint32_t ip_bytes = IP_BYTES + l4_bytes + length;
    free(f->frame);
    f->frame = calloc(1, ip_bytes + extra);
    assert_non_null(f->frame);
    uint8_t *ip = f->frame, *l4 = ip + IP_BYTES;
    ip[0] = 0x45;
    put16(ip + 2, ip_bytes);
    ip[8] = 64;
    ip[9] = f->flow.proto;
    memcpy(ip + 12, dir == 0 ? f->flow.src : f->flow.dst, 4);
    memcpy(ip + 16, dir == 0 ? f->flow.dst : f->flow.src, 4);
    if (l4_bytes != 0) {
        put16(l4, dir == 0 ? f->flow.src_port : f->flow.dst_port);
        put16(l4 + 2, dir == 0 ? f->flow.dst_port : f->flow.src_port);
    }
    if (f->flow.proto == TCP) {
        l4[12] = TCP_BYTES / 4 << 4;
        l4[13] = (uint8_t)tcp_flags;
    } else if (f->flow.proto == UDP) {
        put16(l4 + 4, UDP_BYTES + length);
    }
    memcpy(l4 + l4_bytes, payload, length);
    f->packet = (struct fb_packet){.time_ns = BEGIN_NS + f->sent * 1000000,
                                   .frame = f->sent + 1,
                                   .data = ip,
                                   .flow = &f->flow,
                                   .caplen = ip_bytes + extra,
                                   .wirelen = ip_bytes + extra,
                                   .flow_seq = (uint32_t)f->sent,
                                   .link_type = 12,
                                   .l3_off = 0,
                                   .l4_off = IP_BYTES,
                                   .payload_off = (uint16_t)(IP_BYTES + l4_bytes),
                                   .payload_len = length,
                                   .flags = f->sent == 0 ? FB_F_START : 0,
                                   .proto = f->flow.proto,
                                   .dir = (uint8_t)dir};
    f->sent++;
    return &f->packet;
}

static void give(struct fixture *f, const struct fb_packet *packet) {
    assert_int_equal(ops->packet(f->self, f->state, packet), 0);
}

static void send_text(struct fixture *f, unsigned dir, const char *text) {
    give(f, make_packet(f, dir, ACK, text, (uint32_t)strlen(text), 0));
}

static int end_flow(struct fixture *f) {
    const struct fb_flow_end end = {.flow = &f->flow,
                                    .time_ns = f->packet.time_ns + 1,
                                    .frame = f->packet.frame,
                                    .reason = FB_END_SHUTDOWN};
    return ops->flow_end(f->self, f->state, &end);
}

static size_t state_bytes(void) {
    struct fb_setup setup = {.args = NULL};
    assert_int_equal(ops->open(&setup), 0);
    ops->close(setup.self);
    return setup.state_bytes;
}

static void connect_tcp(struct fixture *f) {
    give(f, make_packet(f, 0, SYN, "", 0, 0));
    give(f, make_packet(f, 1, SYN | ACK, "", 0, 0));
    give(f, make_packet(f, 0, ACK, "", 0, 0));
}

static const char request[] = "GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n"
                              "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                               "Content-Length: 2\r\n\r\nok";

static void whole_http_flow(struct fixture *f) {
    begin_flow(f, TCP, 40000, 80);
    connect_tcp(f);
    send_text(f, 0, request);
    send_text(f, 1, response);
}

/* A question for www.example.org, and its answer but for what is not looked at. */
static const uint8_t question[] = {0x12, 0x34, 1,   0,   0,   1,   0,   0,   0,   0,   0,
                                   0,    3,    'w', 'w', 'w', 7,   'e', 'x', 'a', 'm', 'p',
                                   'l',  'e',  3,   'o', 'r', 'g', 0,   0,   1,   0,   1};

/* ---- records --------------------------------------------------------------------------------- */

/* The last record. */
static const json_t *record(struct fixture *f) {
    json_error_t error;
    json_decref(f->record);
    f->record = json_loads(eve_lines.last, 0, &error);
    if (f->record == NULL)
        fail_msg("%s: %s", error.text, eve_lines.last);
    return f->record;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "none" : text;
}

static const json_t *ndpi_of(const json_t *object) {
    return json_object_get(object, "ndpi");
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void without_the_library_it_is_refused_with_the_package_and_what_to_do(void **state) {
    struct fixture *f = *state;
    struct caught caught;
    if (is_built_in())
        SKIP("built with libndpi");
    assert_string_equal(ops->version, "not built in");
    catch_begin(&caught);
    assert_int_equal(open_with(f, NULL), -EINVAL);
    expect_one_line(catch_end(&caught), "install libndpi-dev (Debian 12) and build it again");
}

static void wrong_arguments_are_refused_in_one_line(void **state) {
    static const struct {
        const char *args, *part;
        int error;
    } rows[] = {
        {"x", "'x' is none of protos=FILE and categories=FILE", -EINVAL},
        {"", "'' is none of", -EINVAL},
        {"protos", "'protos' is none of", -EINVAL},
        {"protos=/no/such", "protos=/no/such: cannot read it: No such file", -ENOENT},
        {"categories=/tmp", "categories=/tmp: cannot read it: Is a directory", -EISDIR},
        {"protos=/dev/null,x=1", "'x=1' is none of", -EINVAL},
    };
    struct fixture *f = *state;
    struct caught caught;
    NEEDS_LIBRARY();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        catch_begin(&caught);
        int error = open_with(f, rows[i].args);
        expect_one_line(catch_end(&caught), rows[i].part);
        assert_int_equal(error, rows[i].error);
    }
}

static void protocols_of_a_file_are_found(void **state) {
    struct fixture *f = *state;
    char args[256];
    NEEDS_LIBRARY();
    snprintf(args, sizeof args, "protos=%s", path_in(&f->directory, "protos"));
    FILE *file = fopen(args + strlen("protos="), "we");
    assert_non_null(file);
    fputs("host:\"www.example.org\"@Exemplary\n", file);
    fclose(file);
    begin(f, args);
    whole_http_flow(f);
    assert_int_equal(end_flow(f), 0);
    assert_string_equal(text_of(ndpi_of(record(f)), "proto"), "HTTP.Exemplary");
}

static void a_flow_is_complete_when_all_is_known_of_it(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    whole_http_flow(f);
    struct counters c = counters(f);
    assert_int_equal(c.flows, 1);
    assert_int_equal(c.detected, 1);
    assert_int_equal(c.packets, 5);
    send_text(f, 0, request);
    assert_int_equal(counters(f).packets, 5); /* nothing is to be found out any more */
    assert_int_equal(end_flow(f), 0);
    const json_t *json = record(f);
    assert_string_equal(text_of(json, "app_proto"), "http");
    assert_string_equal(text_of(ndpi_of(json), "proto"), "HTTP");
    assert_string_equal(text_of(ndpi_of(json), "hostname"), "www.example.org");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "flow"), "pkts_toserver")), 4);
    c = counters(f);
    assert_int_equal(c.flows, 1);
    assert_int_equal(c.giveups, 0);
}

/* The end is all that comes: what is known by then is told. */
static void a_flow_that_ends_early_is_told_as_far_as_it_is_known(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, TCP, 40000, 80);
    connect_tcp(f);
    send_text(f, 0, request);
    assert_int_equal(counters(f).flows, 0);
    assert_int_equal(end_flow(f), 0);
    assert_string_equal(text_of(ndpi_of(record(f)), "proto"), "HTTP");
    struct counters c = counters(f);
    assert_int_equal(c.flows, 1);
    assert_int_equal(c.detected, 1);
    assert_int_equal(c.giveups, 0);
}

/* By its port alone, which Suricata would not. */
static void a_connection_without_data_is_guessed(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, TCP, 40000, 22);
    connect_tcp(f);
    assert_int_equal(end_flow(f), 0);
    const json_t *json = record(f);
    assert_string_equal(text_of(ndpi_of(json), "proto"), "SSH");
    assert_string_equal(text_of(json_object_get(ndpi_of(json), "confidence"), "1"),
                        "Match by port");
    assert_string_equal(text_of(json, "app_proto"), "none");
    struct counters c = counters(f);
    assert_int_equal(c.guessed, 1);
    assert_int_equal(c.detected, 0);
    assert_int_equal(c.giveups, 1);
}

/* Sends packets that are of no protocol; returns after how many of them the flow was complete. */
static unsigned packets_until_complete(struct fixture *f, unsigned proto) {
    begin_flow(f, proto, 50001, 50002);
    if (proto == TCP)
        connect_tcp(f);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t nothing[40];
        memset(nothing, (int)(0xe1 + i % 7), sizeof nothing);
        if (counters(f).flows != 0)
            return (unsigned)f->sent;
        give(f, make_packet(f, i % 2, ACK, nothing, sizeof nothing, 0));
    }
    return 0;
}

static void
a_flow_that_is_not_found_is_given_up_after_as_many_packets_as_ndpireader_has(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    assert_int_equal(packets_until_complete(f, UDP), 25); /* 24, and the one that is too many */
    struct counters c = counters(f);
    assert_int_equal(c.giveups, 1);
    assert_int_equal(c.unknown, 1);
    assert_int_equal(c.packets, 25);
    assert_int_equal(end_flow(f), 0);
    const json_t *json = record(f);
    assert_string_equal(text_of(ndpi_of(json), "proto"), "Unknown");
    assert_string_equal(text_of(json, "app_proto"), "failed");
}

static void a_connection_that_is_not_found_has_more_packets(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    assert_int_equal(open_with(f, NULL), 0);
    assert_int_equal(packets_until_complete(f, TCP), 81);
    assert_int_equal(end_flow(f), 0);
}

/* 66,000 bytes are 464 in the library's 16 bits, less than the IP packet says that it has. */
static void a_packet_longer_than_the_library_takes_is_inspected(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, TCP, 40000, 80);
    connect_tcp(f);
    char long_request[600];
    snprintf(long_request, sizeof long_request, "%.*s%0400d\r\n\r\n", (int)strlen(request) - 4,
             request, 7);
    uint32_t length = (uint32_t)strlen(long_request);
    uint32_t extra = 66000 - IP_BYTES - TCP_BYTES - length;
    give(f, make_packet(f, 0, ACK, long_request, length, extra));
    assert_int_equal(f->packet.caplen, 66000);
    assert_int_equal(end_flow(f), 0);
    assert_string_equal(text_of(ndpi_of(record(f)), "hostname"), "www.example.org");
}

/* Each is left out: the library is asked of none. */
static void what_the_library_could_not_use_is_left_out(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, UDP, 40000, 53);
    struct fb_packet *packet = make_packet(f, 0, 0, question, sizeof question, 0);
    packet->caplen--; /* cut short */
    packet->flags |= FB_F_TRUNCATED;
    give(f, packet);
    packet = make_packet(f, 0, 0, question, sizeof question, 0);
    packet->flags = FB_F_FRAGMENT; /* a later one */
    packet->l4_off = packet->payload_off = FB_NO_OFFSET;
    give(f, packet);
    packet = make_packet(f, 0, 0, question, sizeof question, 0);
    packet->flags = FB_F_MALFORMED; /* as one of invalid options */
    packet->l4_off = packet->payload_off = FB_NO_OFFSET;
    give(f, packet);
    packet = make_packet(f, 1, 0, question, sizeof question, 0);
    packet->flags = FB_F_ICMP_ERROR; /* of another protocol */
    give(f, packet);
    packet = make_packet(f, 1, 0, question, sizeof question, 0);
    packet->l3_off = packet->l4_off = packet->payload_off = FB_NO_OFFSET; /* no IP */
    give(f, packet);
    assert_int_equal(counters(f).packets, 0);
    assert_int_equal(end_flow(f), 0);
    assert_null(ndpi_of(record(f)));
    assert_int_equal(counters(f).flows, 0);
}

/* The first one has the ports. */
static void a_first_fragment_is_inspected(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    assert_int_equal(open_with(f, NULL), 0);
    begin_flow(f, UDP, 40000, 53);
    struct fb_packet *packet = make_packet(f, 0, 0, question, sizeof question, 0);
    packet->flags |= FB_F_FRAGMENT;
    give(f, packet);
    assert_int_equal(counters(f).packets, 1);
    assert_int_equal(end_flow(f), 0);
}

/* Frames of Ethernet are padded, and others have a trailer. */
static void what_is_behind_the_packet_does_no_harm(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, UDP, 40000, 53);
    give(f, make_packet(f, 0, 0, question, sizeof question, 18));
    assert_int_equal(end_flow(f), 0);
    const json_t *json = record(f);
    assert_string_equal(text_of(ndpi_of(json), "proto"), "DNS");
    assert_string_equal(text_of(ndpi_of(json), "hostname"), "www.example.org");
    assert_string_equal(text_of(json, "app_proto"), "dns");
}

/* Suricata looks for no protocol in it. */
static void icmp_has_no_protocol_behind_it(void **state) {
    static const uint8_t echo[64] = {8, 0};
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, ICMP, 8, 0);
    give(f, make_packet(f, 0, 0, echo, sizeof echo, 0));
    assert_int_equal(counters(f).detected, 1); /* and complete */
    assert_int_equal(end_flow(f), 0);
    assert_string_equal(text_of(ndpi_of(record(f)), "proto"), "ICMP");
    assert_string_equal(text_of(record(f), "app_proto"), "none");
}

static void a_record_that_cannot_be_written_is_written_later(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, UDP, 40000, 53);
    give(f, make_packet(f, 0, 0, question, sizeof question, 0));
    eve_lines.answer = FB_OUTPUT_FAILED;
    assert_int_equal(end_flow(f), FB_OUTPUT_FAILED);
    assert_int_equal(end_flow(f), FB_OUTPUT_FAILED);
    eve_lines.answer = 0;
    assert_int_equal(end_flow(f), 0);
    assert_int_equal(eve_lines.count, 3);
    assert_string_equal(text_of(ndpi_of(record(f)), "hostname"), "www.example.org");
    struct counters c = counters(f);
    assert_int_equal(c.flows, 1);
    assert_int_equal(c.detected, 1);
}

/* It is not told again: a sanitizer finds what is left. */
static void an_orphaned_flow_is_forgotten_all_the_same(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    begin(f, NULL);
    begin_flow(f, UDP, 40000, 53);
    give(f, make_packet(f, 0, 0, question, sizeof question, 0));
    eve_lines.answer = FB_OUTPUT_FAILED;
    const struct fb_flow_end end = {.flow = &f->flow, .reason = FB_END_ORPHANED};
    assert_int_equal(ops->flow_end(f->self, f->state, &end), FB_OUTPUT_FAILED);
}

static void without_a_sink_flows_are_counted(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    assert_int_equal(open_with(f, NULL), 0);
    eve_lines.count = 0;
    whole_http_flow(f);
    assert_int_equal(end_flow(f), 0);
    assert_int_equal(eve_lines.count, 0);
    assert_int_equal(counters(f).detected, 1);
}

/* Bytes of the heap in use; nothing is measured under AddressSanitizer, which looks itself. */
static size_t heap_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void what_a_flow_took_is_freed_at_its_end(void **state) {
    struct fixture *f = *state;
    size_t used = 0;
    NEEDS_LIBRARY();
    size_t bytes = state_bytes();
    assert_int_equal(open_with(f, NULL), 0);
    for (unsigned i = 0; i < 2000; i++) {
        if (i == 1000)
            used = heap_in_use();
        whole_http_flow(f);
        assert_int_equal(end_flow(f), 0);
        memset(f->state, 0, bytes);
        begin_flow(f, TCP, 40001, 80); /* one that is not complete */
        connect_tcp(f);
        send_text(f, 0, request);
        assert_int_equal(end_flow(f), 0);
        memset(f->state, 0, bytes);
    }
    assert_true(heap_in_use() < used + 10000);
}

/* They had no end, as when the worker is stopped and another follows: a sanitizer finds what is
 * left. */
static void what_flows_took_is_freed_when_it_is_closed(void **state) {
    struct fixture *f = *state;
    NEEDS_LIBRARY();
    static uint8_t kept[1024];
    size_t bytes = state_bytes(), used = heap_in_use();
    assert_true(bytes <= sizeof kept);
    assert_int_equal(open_with(f, NULL), 0);
    for (unsigned i = 0; i < 100; i++) {
        begin_flow(f, TCP, (uint16_t)(40000 + i), 80);
        connect_tcp(f);
        send_text(f, 0, request);
        if (i == 50)
            memcpy(kept, f->state, bytes);
        memset(f->state, 0, bytes);
    }
    memcpy(f->state, kept, bytes);
    assert_int_equal(end_flow(f), 0); /* from the middle of the others */
    ops->close(f->self);
    f->self = NULL;
    assert_true(heap_in_use() < used + 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_the_library_it_is_refused_with_the_package_and_what_to_do),
        TEST(wrong_arguments_are_refused_in_one_line),
        TEST(protocols_of_a_file_are_found),
        TEST(a_flow_is_complete_when_all_is_known_of_it),
        TEST(a_flow_that_ends_early_is_told_as_far_as_it_is_known),
        TEST(a_connection_without_data_is_guessed),
        TEST(a_flow_that_is_not_found_is_given_up_after_as_many_packets_as_ndpireader_has),
        TEST(a_connection_that_is_not_found_has_more_packets),
        TEST(a_packet_longer_than_the_library_takes_is_inspected),
        TEST(what_the_library_could_not_use_is_left_out),
        TEST(a_first_fragment_is_inspected),
        TEST(what_is_behind_the_packet_does_no_harm),
        TEST(icmp_has_no_protocol_behind_it),
        TEST(a_record_that_cannot_be_written_is_written_later),
        TEST(an_orphaned_flow_is_forgotten_all_the_same),
        TEST(without_a_sink_flows_are_counted),
        TEST(what_a_flow_took_is_freed_at_its_end),
        TEST(what_flows_took_is_freed_when_it_is_closed),
    };
    fb_log_init("test_ndpi", FB_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
