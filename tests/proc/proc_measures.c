/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run measures beside its ledger, in the report of whole runs: delays and the
 * largest flows. Runs on
 * interfaces are in a network namespace that this program makes for itself; they are skipped
 * where that is not permitted.
 */
#include "tests/lib/interface.h"
#include "tests/lib/netns.h"
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

static void what_the_kernel_held_is_the_delay_from_capture_to_dispatch(void **state) {
    struct test *t = *state;
    need_own_network();
    struct process *run = process_start(t, RUN "-w 1 -i lo --bpf udp");
    UNTIL(t, stat_of(t, t->name) != NULL &&
                 strcmp(text_at(stat_of(t, t->name), "dispatcher.state"), "running") == 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_files_waiting_and_inspection_are_measured_and_not_the_capture),
        PROCESS_TEST(the_largest_flow_is_told_with_all_of_its_packets),
        PROCESS_TEST(what_the_kernel_held_is_the_delay_from_capture_to_dispatch),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
