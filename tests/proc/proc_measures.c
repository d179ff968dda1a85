/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run measures beside its ledger, in the report of whole runs: delays, the
 * largest flows, and connections by interface. Runs on
 * interfaces are in a network namespace that this program makes for itself; they are skipped
 * where that is not permitted.
 */
#include "tests/lib/interface.h"
#include "tests/lib/netns.h"
#include "tests/lib/packet.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define RUN "flow-balancer run -n @ --report out.json "

static double real_at(const json_t *report, const char *path) {
    assert_true(json_is_real(value_at(report, path)));
    return json_real_value(value_at(report, path));
}

/* Its percentiles ascend, and its buckets have as many samples as it says. */
static void expect_delay(const json_t *delay, json_int_t samples) {
    json_int_t counted = 0, bound = -1;
    double sum_ns = 0;
    size_t i;
    const json_t *bucket;
    expect_number(delay, "samples", samples);
    json_array_foreach(value_at(delay, "buckets"), i, bucket) {
        json_int_t count = json_integer_value(json_array_get(bucket, 1));
        assert_true(json_integer_value(json_array_get(bucket, 0)) > bound && count > 0);
        bound = json_integer_value(json_array_get(bucket, 0));
        counted += count;
        sum_ns += (double)count * (double)bound;
    }
    assert_int_equal(counted, samples);
    assert_true(real_at(delay, "p50_us") <= real_at(delay, "p90_us"));
    assert_true(real_at(delay, "p90_us") <= real_at(delay, "p99_us"));
    assert_true(real_at(delay, "p99_us") <= real_at(delay, "max_us"));
    if (samples != 0)
        assert_true(real_at(delay, "max_us") == (double)bound / 1e3);
    assert_true(real_at(delay, "sum_s") * 1e9 <= sum_ns + (double)samples);
    assert_true(real_at(delay, "sum_s") * 1e9 >= sum_ns / 2 - (double)samples);
}

/* ---- files */

static void of_files_waiting_and_inspection_are_measured_and_not_the_capture(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 300"), EXIT_DONE);
    process_expect(t, process_start(t, RUN "-r t.pcap -w 3 --inspector digest"), EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 20000);
    expect_delay(value_at(report, "delays.capture_to_dispatch"), 0);
    expect_delay(value_at(report, "delays.inspection"), 20000);
    json_int_t bursts = number_at(report, "delays.dispatch_to_inspection.samples");
    assert_in_range(bursts, 1, 20000 + 300 * 4);
    expect_delay(value_at(report, "delays.dispatch_to_inspection"), bursts);
    assert_true(
        json_equal(value_at(report, "latency"), value_at(report, "delays.dispatch_to_inspection")));
    json_int_t inspected = 0;
    for (unsigned k = 0; k < 3; k++) {
        const json_t *worker = json_array_get(value_at(report, "workers"), k);
        expect_delay(value_at(worker, "inspection"), number_at(worker, "self_packets"));
        expect_delay(value_at(worker, "latency"), number_at(worker, "latency.samples"));
        inspected += number_at(worker, "inspection.samples");
    }
    assert_int_equal(inspected, 20000);
    assert_true(real_at(report, "delays.inspection.sum_s") > 0);
}

static const json_t *flow_at(const json_t *report, size_t i) {
    return json_array_get(value_at(report, "largest_flows"), i);
}

/* One flow has three packets in ten; all frames have one size. */
static void the_largest_flow_is_told_with_all_of_its_packets(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 40000 --flows 100 --elephant 0.3"
                                    " --size 200 --summary made.json"),
                     EXIT_DONE);
    json_int_t elephant = number_at(report_of(t, "made.json"), "elephant_packets");
    struct process *run = process_start(t, RUN "-r t.pcap -w 3 --timeout all=never");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json"), *flow = flow_at(report, 0);
    expect_all_inspected(report, 40000);
    expect_number(flow, "packets", elephant);
    expect_number(flow, "bytes", elephant * 200);
    expect_number(flow, "error", 0);
    assert_true(real_at(flow, "share") == (double)elephant / 40000);
    assert_in_range(number_at(flow, "worker"), 0, 2);
    assert_true(json_is_true(value_at(flow, "ended")));
    assert_string_equal(text_at(flow, "layer"), "ip4");
    assert_true(number_at(flow, "packets_per_s") > 0);
    size_t count = json_array_size(value_at(report, "largest_flows"));
    assert_in_range(count, 2, 32);
    for (size_t i = 1; i < count; i++)
        assert_true(number_at(flow_at(report, i), "packets") <=
                    number_at(flow_at(report, i - 1), "packets"));
    assert_true(json_equal(json_array_get(value_at(report, "busiest_flows"), 0), flow));
    char line[128];
    snprintf(line, sizeof line, "  %s %s:%" JSON_INTEGER_FORMAT " > %s:%" JSON_INTEGER_FORMAT "\n",
             text_at(flow, "proto"), text_at(flow, "src_ip"), number_at(flow, "src_port"),
             text_at(flow, "dest_ip"), number_at(flow, "dest_port"));
    if (strstr(process_output(t, run), line) == NULL)
        fail_msg("'%s' is not in:\n%s", line, process_output(t, run));
}

/* ---- interfaces */

static json_int_t received(struct test *t) {
    return stat_number(t, t->name, "ledger.received");
}

static bool is_running(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && strcmp(text_at(report, "dispatcher.state"), "running") == 0;
}

static void await_run(struct test *t) {
    UNTIL(t, is_running(t));
}

static void what_the_kernel_held_is_the_delay_from_capture_to_dispatch(void **state) {
    struct test *t = *state;
    need_own_network();
    struct process *run = process_start(t, RUN "-w 1 -i lo --bpf udp");
    await_run(t);
    pid_t dispatcher = process_of_dispatcher(t->name);
    send_datagram(4000);
    UNTIL(t, received(t) == 1);
    assert_int_equal(kill(dispatcher, SIGSTOP), 0);
    for (unsigned i = 0; i < 20; i++)
        send_datagram(4000);
    pause_ms(300);
    assert_int_equal(kill(dispatcher, SIGCONT), 0);
    UNTIL(t, received(t) == 21);
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    json_int_t samples = number_at(report, "delays.capture_to_dispatch.samples");
    assert_in_range(samples, 2, 21);
    expect_delay(value_at(report, "delays.capture_to_dispatch"), samples);
    expect_number(report, "run.stamps_unusable", 0);
    assert_true(real_at(report, "delays.capture_to_dispatch.max_us") >= 300e3);
    assert_true(real_at(report, "delays.capture_to_dispatch.sum_s") >= 0.3);
}

/* What a connection has so far. */
enum { SYN = 0x02, ACK = 0x10 };

/* A segment of connection n arrives at a tap: of the client, 10.0.0.1, or the server. */
static void arrive(int tap, unsigned n, bool server, unsigned flags) {
    struct packet f = {.n = 0};
    ADD(&f, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0);
    ADD(&f, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, server ? 2 : 1, 10, 0, 0,
        server ? 1 : 2);
    add16(&f, server ? 80 : 2000 + n);
    add16(&f, server ? 2000 + n : 80);
    ADD(&f, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, (uint8_t)flags, 0, 0, 0, 0, 0, 0);
    assert_int_equal(write(tap, f.bytes, f.n), f.n);
}

/* So many connections from the first on; until they are taken, since two interfaces have no order.
 */
static void arrive_all(struct test *t, int tap, unsigned first, unsigned count, bool server,
                       unsigned flags) {
    json_int_t before = received(t);
    for (unsigned n = first; n < first + count; n++)
        arrive(tap, n, server, flags);
    UNTIL(t, received(t) == before + count);
}

static void connections_of_which_a_tap_shows_one_direction_are_told_by_interface(void **state) {
    struct test *t = *state;
    need_own_network();
    int a = open_tap("tap0"), b = open_tap("tap1");
    struct process *run = process_start(t, RUN "-w 1 -i tap0 -i tap1 --bpf tcp");
    await_run(t);
    arrive_all(t, a, 0, 40, false, SYN);
    arrive_all(t, b, 0, 30, true, SYN | ACK); /* those of the last ten go another way */
    arrive_all(t, a, 0, 40, false, ACK);
    arrive_all(t, b, 100, 5, true, ACK); /* they were there before us */
    arrive_all(t, b, 100, 5, true, ACK);
    arrive_all(t, a, 200, 25, false, SYN); /* no answer */
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_number(report, "flows.created", 70);
    json_t *pairs = json_loads(
        "[{\"forward\": \"tap0\", \"reverse\": \"tap1\", \"flows\": 30, \"one_sided\": 0,"
        " \"guessed\": 0},"
        " {\"forward\": \"tap0\", \"reverse\": null, \"flows\": 10, \"one_sided\": 10,"
        " \"guessed\": 0},"
        " {\"forward\": \"tap1\", \"reverse\": null, \"flows\": 5, \"one_sided\": 5,"
        " \"guessed\": 5}]",
        0, NULL);
    bool equal = json_equal(value_at(report, "capture.pairs"), pairs);
    json_decref(pairs);
    if (!equal)
        fail_msg("%s", json_dumps(value_at(report, "capture.pairs"), 0));
    assert_non_null(strstr(process_output(t, run), "           tap0  nowhere "));
    close(a);
    close(b);
}

static void the_connections_of_files_are_one_pair(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 300 --udp 0.5"),
                     EXIT_DONE);
    struct process *run = process_start(t, RUN "-r t.pcap -w 2");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    assert_int_equal(json_array_size(value_at(report, "capture.pairs")), 1);
    const json_t *pair = json_array_get(value_at(report, "capture.pairs"), 0);
    assert_string_equal(text_at(pair, "forward"), "file");
    assert_string_equal(text_at(pair, "reverse"), "file");
    assert_in_range(number_at(pair, "flows"), 100, number_at(report, "flows.created"));
    expect_number(pair, "one_sided", 0);
    expect_number(pair, "guessed", 0);
    assert_null(strstr(process_output(t, run), "answered from"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_files_waiting_and_inspection_are_measured_and_not_the_capture),
        PROCESS_TEST(the_largest_flow_is_told_with_all_of_its_packets),
        PROCESS_TEST(the_connections_of_files_are_one_pair),
        PROCESS_TEST(what_the_kernel_held_is_the_delay_from_capture_to_dispatch),
        PROCESS_TEST(connections_of_which_a_tap_shows_one_direction_are_told_by_interface),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
