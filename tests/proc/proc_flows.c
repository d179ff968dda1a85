/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends of flows over a whole run with default timeouts. The frames are made
 * here and fed through a pipe in two halves: the second when the first is
 * inspected, so that nothing waits and the worker with the smaller share is
 * the least-loaded one.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <pcap/pcap.h>
#include <unistd.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { TCP = 6, UDP = 17 };

#define ETHERNET 14u
#define IP4 20u
#define DATA 10u
#define START_S 1700000000

/* A capture in memory; `from` is what has been fed of it. */
struct capture {
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    char *bytes;
    size_t size, from;
    unsigned frames;
};

static void capture_begin(struct capture *c) {
    memset(c, 0, sizeof *c);
    FILE *file = open_memstream(&c->bytes, &c->size);
    assert_non_null(file);
    c->pcap = pcap_open_dead(DLT_EN10MB, 65535);
    assert_non_null(c->pcap);
    c->dumper = pcap_dump_fopen(c->pcap, file);
    assert_non_null(c->dumper);
}

static void capture_end(struct capture *c) {
    pcap_dump_close(c->dumper);
    pcap_close(c->pcap);
    free(c->bytes);
}

/* One packet of the tuple 10.0.0.1:port <-> 10.0.0.2:80, `second` seconds into the capture. */
static void put(struct capture *c, double second, unsigned proto, unsigned port, bool reverse,
                unsigned flags, unsigned data) {
    uint8_t frame[ETHERNET + IP4 + 20 + DATA] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    uint8_t *ip = frame + ETHERNET, *ports = ip + IP4;
    unsigned header = proto == TCP ? 20 : 8;
    unsigned length = IP4 + header + data;
    ip[0] = 0x45;
    ip[2] = (uint8_t)(length >> 8);
    ip[3] = (uint8_t)length;
    ip[8] = 64;
    ip[9] = (uint8_t)proto;
    ip[12] = ip[16] = 10;
    ip[15] = reverse ? 2 : 1;
    ip[19] = reverse ? 1 : 2;
    ports[reverse ? 2 : 0] = (uint8_t)(port >> 8);
    ports[reverse ? 3 : 1] = (uint8_t)port;
    ports[reverse ? 1 : 3] = 80;
    if (proto == TCP) {
        ports[12] = 5 << 4;
        ports[13] = (uint8_t)flags;
    } else {
        ports[5] = (uint8_t)(8 + data);
    }
    const struct pcap_pkthdr packet = {
        .ts = {.tv_sec = START_S + (time_t)second,
               .tv_usec = (suseconds_t)((second - (double)(time_t)second) * 1e6)},
        .caplen = ETHERNET + length,
        .len = ETHERNET + length,
    };
    pcap_dump((u_char *)c->dumper, &packet, frame);
    c->frames++;
}

/* Handshake and data in both directions, from second 0 on. */
static void put_established(struct capture *c, unsigned port) {
    put(c, 0.0, TCP, port, false, SYN, 0);
    put(c, 0.1, TCP, port, true, SYN | ACK, 0);
    put(c, 0.2, TCP, port, false, ACK, 0);
    for (unsigned i = 0; i < 10; i++)
        put(c, 0.3 + 0.1 * i, TCP, port, i % 2 == 1, ACK, DATA);
}

static struct process *run_start(struct test *t) {
    return process_start_piped(t, "flow-balancer run -n @ -r - -w 2 --inspector record:rec "
                                  "--report out.json");
}

/* Feeds what was made since the last time, and waits until it is inspected. */
static void feed(struct test *t, struct process *run, struct capture *c) {
    assert_int_equal(pcap_dump_flush(c->dumper), 0);
    assert_true(process_feed(run, c->bytes + c->from, c->size - c->from));
    c->from = c->size;
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == c->frames);
}

/* Ends the run; gives its report and records, which stand by frame. */
static const json_t *finish(struct test *t, struct process *run, struct capture *c,
                            struct records *records) {
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, c->frames);
    records_read(records, file_in(t, "rec"));
    expect_flows_in_order(records, false);
    expect_frames_once(records, c->frames);
    capture_end(c);
    return report;
}

/* One tuple in two halves, the first of `half` frames: new flow on the other worker, or the same.
 */
static void expect_halves(const struct records *r, unsigned half, bool new_flow) {
    const struct record *first = &r->rows[0], *second = &r->rows[half];
    for (size_t i = 0; i < r->count; i++) {
        const struct record *wanted = i < half ? first : second;
        assert_int_equal(r->rows[i].flow, wanted->flow);
        assert_int_equal(r->rows[i].worker, wanted->worker);
        assert_int_equal(r->rows[i].id, first->id);
    }
    if (new_flow) {
        assert_int_not_equal(second->flow, first->flow);
        assert_int_not_equal(second->worker, first->worker);
        assert_int_equal(second->seq, 0);
    } else {
        assert_int_equal(second->flow, first->flow);
        assert_int_equal(second->worker, first->worker);
        assert_int_equal(second->seq, half);
    }
}

/*
 * Runs two halves: `first` makes the frames of the first, the second is one
 * packet of the same tuple at the given second. Reason: how the first half's
 * flow ends, NULL if it goes on.
 */
static void two_halves(struct test *t, unsigned proto, void (*first)(struct capture *c),
                       double second, unsigned flags, const char *reason) {
    struct capture capture;
    struct records records;
    capture_begin(&capture);
    struct process *run = run_start(t);
    first(&capture);
    unsigned half = capture.frames;
    feed(t, run, &capture);
    put(&capture, second, proto, 1000, false, flags, flags == SYN ? 0 : DATA);
    feed(t, run, &capture);
    const json_t *report = finish(t, run, &capture, &records);
    expect_halves(&records, half, reason != NULL);
    records_free(&records);
    expect_number(report, "flows.created", reason != NULL ? 2 : 1);
    expect_number(report, "flows.ended.shutdown", 1);
    static const char *const reasons[] = {"closed", "timed_out", "reused", "evicted"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        char path[64];
        snprintf(path, sizeof path, "flows.ended.%s", reasons[i]);
        expect_number(report, path, reason != NULL && strcmp(reason, reasons[i]) == 0);
    }
    unlink(file_in(t, "rec/worker-0.tsv"));
    unlink(file_in(t, "rec/worker-1.tsv"));
}

/* ---- first halves; each ends near second 1 */

static void udp_one_way(struct capture *c) {
    for (unsigned i = 0; i < 11; i++)
        put(c, 0.1 * i, UDP, 1000, false, 0, DATA);
}

static void udp_two_way(struct capture *c) {
    for (unsigned i = 0; i < 11; i++)
        put(c, 0.1 * i, UDP, 1000, i % 2 == 1, 0, DATA);
}

static void tcp_syns(struct capture *c) {
    put(c, 0.0, TCP, 1000, false, SYN, 0);
    put(c, 1.0, TCP, 1000, false, SYN, 0);
}

static void tcp_established(struct capture *c) {
    put_established(c, 1000);
}

static void tcp_half_closed(struct capture *c) {
    put_established(c, 1000);
    put(c, 1.4, TCP, 1000, false, FIN | ACK, 0);
    put(c, 1.5, TCP, 1000, true, ACK, 0);
}

static void tcp_closed(struct capture *c) {
    tcp_half_closed(c);
    put(c, 1.6, TCP, 1000, true, FIN | ACK, 0);
    put(c, 1.7, TCP, 1000, false, ACK, 0);
}

static void tcp_reset(struct capture *c) {
    put_established(c, 1000);
    put(c, 1.5, TCP, 1000, true, RST | ACK, 0);
}

/* ---- what returns after the end of its flow */

static void udp_idle_beyond_its_timeout_is_a_new_flow(void **state) {
    two_halves(*state, UDP, udp_one_way, 29.0, 0, NULL);
    two_halves(*state, UDP, udp_one_way, 33.0, 0, "timed_out");
    two_halves(*state, UDP, udp_two_way, 179.0, 0, NULL);
    two_halves(*state, UDP, udp_two_way, 183.0, 0, "timed_out");
}

static void tcp_idle_beyond_its_timeout_is_a_new_flow(void **state) {
    two_halves(*state, TCP, tcp_syns, 29.0, SYN, NULL);
    two_halves(*state, TCP, tcp_syns, 33.0, SYN, "timed_out");
    two_halves(*state, TCP, tcp_established, 3590.0, ACK, NULL);
    two_halves(*state, TCP, tcp_established, 3605.0, ACK, "timed_out");
}

static void fin_both_ways_and_the_linger_end_a_flow(void **state) {
    two_halves(*state, TCP, tcp_closed, 10.0, ACK, NULL);
    two_halves(*state, TCP, tcp_closed, 14.0, ACK, "closed");
    two_halves(*state, TCP, tcp_half_closed, 14.0, ACK, NULL);
}

static void a_reset_and_the_linger_end_a_flow(void **state) {
    two_halves(*state, TCP, tcp_reset, 10.0, ACK, NULL);
    two_halves(*state, TCP, tcp_reset, 14.0, ACK, "closed");
}

static void a_new_syn_on_a_closing_flow_is_a_new_flow(void **state) {
    two_halves(*state, TCP, tcp_closed, 3.0, SYN, "reused");
    two_halves(*state, TCP, tcp_reset, 3.0, SYN, "reused");
}

static void a_syn_on_a_live_flow_is_counted_and_the_flow_stays(void **state) {
    struct test *t = *state;
    two_halves(t, TCP, tcp_established, 3.0, SYN, NULL);
    expect_number(t->report, "run.syn_on_live_flow", 1);
}

static void a_tuple_that_returns_again_and_again_has_a_flow_each_time(void **state) {
    struct test *t = *state;
    struct capture capture;
    struct records records;
    enum { LIVES = 20 };
    capture_begin(&capture);
    for (unsigned life = 0; life < LIVES; life++)
        for (unsigned i = 0; i < 5; i++)
            put(&capture, 200.0 * life + i, UDP, 1000, i % 2 == 1, 0, DATA);
    struct process *run = run_start(t);
    feed(t, run, &capture);
    const json_t *report = finish(t, run, &capture, &records);
    expect_number(report, "flows.created", LIVES);
    expect_number(report, "flows.ended.timed_out", LIVES - 1);
    expect_number(report, "flows.peak", 1);
    assert_int_equal(sum_of_workers(report, "self_flow_ends"), LIVES);
    for (size_t i = 0; i < records.count; i++) {
        assert_int_equal(records.rows[i].seq, i % 5);
        assert_int_equal(records.rows[i].flow, records.rows[i / 5 * 5].flow);
        assert_true(i < 5 || records.rows[i].flow != records.rows[i - 5].flow);
    }
    records_free(&records);
}

/* An hour back in mid-file: what is idle from there on ends as it would have. */
static void flows_time_out_after_the_clock_was_set_back(void **state) {
    struct test *t = *state;
    struct capture capture;
    struct records records;
    capture_begin(&capture);
    for (unsigned i = 0; i < 40; i++)
        put(&capture, 3600 + 0.1 * i, UDP, 1000, i % 2 == 1, 0, DATA);
    for (unsigned i = 0; i < 40; i++)
        put(&capture, 0.1 * i, UDP, 2000, i % 2 == 1, 0, DATA);
    put(&capture, 400, UDP, 2000, false, 0, DATA);
    struct process *run = run_start(t);
    feed(t, run, &capture);
    const json_t *report = finish(t, run, &capture, &records);
    expect_number(report, "flows.created", 3);
    expect_number(report, "flows.ended.timed_out", 2);
    expect_number(report, "run.clock_steps_back", 1);
    records_free(&records);
}

/* As where the other direction of an old connection passes elsewhere. */
static void acks_of_one_direction_45_s_apart_are_one_flow(void **state) {
    struct test *t = *state;
    struct capture capture;
    struct records records;
    capture_begin(&capture);
    for (unsigned i = 0; i < 10; i++)
        put(&capture, 45.0 * i, TCP, 1000, false, ACK, 0);
    struct process *run = run_start(t);
    feed(t, run, &capture);
    expect_number(finish(t, run, &capture, &records), "flows.created", 1);
    records_free(&records);
}

/* Nor does it expire anything: it is disbelieved. */
static void a_bad_stamp_does_not_stop_a_paced_run(void **state) {
    struct test *t = *state;
    struct capture capture;
    capture_begin(&capture);
    for (unsigned i = 0; i < 20; i++)
        put(&capture, (i == 10 ? 86400 : 0) + 0.01 * i, UDP, 1000, false, 0, DATA);
    assert_int_equal(pcap_dump_flush(capture.dumper), 0);
    struct process *run =
        process_start_piped(t, "flow-balancer run -n @ -r - -w 2 --inspector count "
                               "--speed 1 --report out.json");
    assert_true(process_feed(run, capture.bytes, capture.size));
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), capture.frames);
    capture_end(&capture);
}

static void a_trace_read_again_starts_its_closed_connections_again(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 100 --udp 0"),
                     EXIT_DONE);
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap --loop 3 -w 3 --inspector "
                                    "record:rec --report out.json"),
                   EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    expect_all_inspected(report, 60000);
    expect_flows_in_order(&records, false);
    expect_frames_once(&records, 60000);
    assert_true(number_at(report, "flows.ended.reused") > 0);
    assert_in_range(number_at(report, "flows.created"), trace.tuple_count + 1,
                    3 * trace.tuple_count);
    trace_free(&trace);
    records_free(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(udp_idle_beyond_its_timeout_is_a_new_flow),
        PROCESS_TEST(tcp_idle_beyond_its_timeout_is_a_new_flow),
        PROCESS_TEST(fin_both_ways_and_the_linger_end_a_flow),
        PROCESS_TEST(a_reset_and_the_linger_end_a_flow),
        PROCESS_TEST(a_new_syn_on_a_closing_flow_is_a_new_flow),
        PROCESS_TEST(a_syn_on_a_live_flow_is_counted_and_the_flow_stays),
        PROCESS_TEST(flows_time_out_after_the_clock_was_set_back),
        PROCESS_TEST(acks_of_one_direction_45_s_apart_are_one_flow),
        PROCESS_TEST(a_bad_stamp_does_not_stop_a_paced_run),
        PROCESS_TEST(a_tuple_that_returns_again_and_again_has_a_flow_each_time),
        PROCESS_TEST(a_trace_read_again_starts_its_closed_connections_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
