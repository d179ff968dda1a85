/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures as traffic of the simulation: what is read of a file, and what the
 * simulation makes of it, on traces so small that the right numbers are known.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow_balancer/common/log.h"
#include "tests/sim/balance_sim.h"

#define TRACE_PACKETS 3200u /* of those made here: whole bursts */

static char path[] = "/tmp/fb-balance-trace.XXXXXX";
static FILE *file;

static void put32(uint32_t value) {
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
}

/* A capture file in this machine's byte order, Ethernet, microseconds. */
static void begin_file(void) {
    file = fopen(path, "wb");
    assert_non_null(file);
    const uint32_t header[] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
    assert_int_equal(fwrite(header, sizeof header, 1, file), 1);
}

/* A UDP datagram between 10.0.0.FROM and 10.0.0.TO, 100 bytes on the wire. */
static void add_packet(uint32_t us, unsigned from, unsigned to) {
    uint8_t frame[42] = {[12] = 8,  [14] = 0x45, [17] = 86, [22] = 64, [23] = 17,
                         [26] = 10, [30] = 10,   [34] = 1,  [36] = 1,  [39] = 66};
    frame[29] = (uint8_t)from;
    frame[33] = (uint8_t)to;
    put32(1700000000 + us / 1000000);
    put32(us % 1000000);
    put32(sizeof frame);
    put32(100);
    assert_int_equal(fwrite(frame, sizeof frame, 1, file), 1);
}

static int load(struct balance_trace *trace) {
    assert_int_equal(fclose(file), 0);
    return trace_load(trace, path);
}

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > 1e-6)
        fail_msg("%.9f is not %.9f", value, expected);
}

static void missing_broken_and_timeless_captures_are_refused(void **state) {
    (void)state;
    struct balance_trace trace;
    assert_int_equal(trace_load(&trace, "/nonexistent/capture.pcap"), -ENOENT);
    begin_file();
    assert_int_equal(load(&trace), -EINVAL);
    begin_file();
    add_packet(5, 1, 2);
    add_packet(5, 3, 4);
    assert_int_equal(load(&trace), -EINVAL);
    begin_file();
    add_packet(5, 1, 2);
    add_packet(6, 1, 2);
    put32(7); /* the rest of a record is missing */
    assert_int_equal(load(&trace), -EINVAL);
    assert_null(trace.packet);
}

static void both_directions_are_a_flow_and_time_does_not_go_back(void **state) {
    (void)state;
    struct balance_trace trace;
    begin_file();
    add_packet(0, 1, 2);
    add_packet(1000000, 2, 1);
    add_packet(500000, 3, 4);
    add_packet(3000000, 1, 2);
    add_packet(8000000, 5, 4);
    assert_int_equal(load(&trace), 0);
    static const uint32_t flows[] = {0, 0, 1, 0, 2};
    static const double at[] = {0, 0.5, 0.5, 1.5, 4};
    assert_int_equal(trace.packets, 5);
    assert_int_equal(trace.flows, 3);
    assert_int_equal(trace.largest, 3);
    assert_near(trace.mean_bytes, 100);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(trace.packet[i].flow, flows[i]);
        assert_int_equal(trace.packet[i].bytes, 100);
        assert_near(trace.packet[i].at, at[i]);
    }
    assert_false(fb_flow_key_equal(&trace.key[0], &trace.key[1]));
    trace_free(&trace);
}

/* ---- The simulation, over traces made here ---- */

static struct trace_packet packets[TRACE_PACKETS];
static struct fb_flow_key keys[] = {{{1}}, {{2}}};
static struct balance_trace made = {
    .packets = TRACE_PACKETS, .flows = 1, .mean_bytes = 100, .packet = packets, .key = keys};

/* Packets at these times, again and again; all of one flow, all of the mean length. */
static void make_trace(const double *at, unsigned count, double period) {
    made.flows = 1;
    for (unsigned i = 0; i < TRACE_PACKETS; i++)
        packets[i] = (struct trace_packet){.at = at[i % count] + i / count * period, .bytes = 100};
}

static struct sim_result simulate(const char *policy, unsigned workers, double load_of_all) {
    struct sim_settings settings = {.policy = policy_find(policy),
                                    .trace = &made,
                                    .by_bytes = true,
                                    .workers = workers,
                                    .speed = {1, 1, 1, 1},
                                    .load = load_of_all,
                                    .runs = 2};
    struct sim_result result;
    assert_true(sim_run(&settings, &result));
    return result;
}

/* Two units from packet to packet: the first of 32 waits 62 for the last, then one in each unit. */
static void a_steady_trace_waits_for_its_bursts(void **state) {
    (void)state;
    make_trace((double[]){0}, 1, 1);
    struct sim_result result = simulate("backlog-share", 1, 0.5);
    assert_near(result.wait_mean, 62 - 31.0 / 2);
    assert_false(result.lost > 0);
}

/* The first of two waits two units for the second, which waits one for the first. */
static void a_burst_does_not_wait_for_what_comes_after_a_pause(void **state) {
    (void)state;
    make_trace((double[]){0, 1}, 2, 100);
    assert_near(simulate("backlog-share", 1, 0.5).wait_mean, 1.5);
}

/* Half as many units between packets at twice the load. */
static void the_load_stretches_the_times(void **state) {
    (void)state;
    make_trace((double[]){0, 1}, 2, 100);
    assert_near(simulate("backlog-share", 1, 1).wait_mean, 1);
}

static void work_by_bytes_is_in_proportion_to_them(void **state) {
    (void)state;
    make_trace((double[]){0, 0}, 2, 100);
    assert_near(simulate("backlog-share", 1, 0.5).wait_mean, 0.5);
    for (unsigned i = 0; i < TRACE_PACKETS; i += 2)
        packets[i].bytes = 300;
    assert_near(simulate("backlog-share", 1, 0.5).wait_mean, 1.5);
}

static void a_flow_stays_with_its_worker(void **state) {
    (void)state;
    make_trace((double[]){0}, 1, 1);
    assert_near(simulate("round-robin", 4, 0.2).share_max, 4);
    made.flows = 2;
    for (unsigned i = 0; i < TRACE_PACKETS; i++)
        packets[i].flow = i % 2;
    assert_near(simulate("round-robin", 2, 0.5).share_max, 1);
}

/* Two flows on two workers: together under one secret, apart under another. */
static void each_seed_hashes_otherwise(void **state) {
    (void)state;
    make_trace((double[]){0}, 1, 1);
    made.flows = 2;
    for (unsigned i = 0; i < TRACE_PACKETS; i++)
        packets[i].flow = i % 2;
    unsigned together = 0, seeds = 16;
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct sim_settings settings = {.policy = policy_find("hash"),
                                        .trace = &made,
                                        .workers = 2,
                                        .speed = {1, 1},
                                        .load = 0.5,
                                        .runs = 1,
                                        .seed = seed};
        struct sim_result result;
        assert_true(sim_run(&settings, &result));
        together += result.share_max > 1.5;
    }
    assert_in_range(together, 1, seeds - 1);
}

static void pooled_wait_is_that_of_one_queue(void **state) {
    (void)state;
    make_trace((double[]){0, 0}, 2, 100);
    struct sim_settings settings = {.trace = &made, .workers = 1, .speed = {1, 1}, .load = 0.5};
    assert_near(sim_pooled_wait(&settings), 0.5);
    settings.workers = 2;
    assert_near(sim_pooled_wait(&settings), 0.25);
    make_trace((double[]){0, 0.25}, 2, 100); /* half a unit later: half of the wait is over */
    settings.workers = 1;
    assert_near(sim_pooled_wait(&settings), 0.25);
    settings.load = 1;
    assert_near(sim_pooled_wait(&settings), 0.375);
}

static int set_up(void **state) {
    (void)state;
    fb_log_init("test_balance_trace", FB_LOG_ERROR);
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int clear_up(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_broken_and_timeless_captures_are_refused),
        cmocka_unit_test(both_directions_are_a_flow_and_time_does_not_go_back),
        cmocka_unit_test(a_steady_trace_waits_for_its_bursts),
        cmocka_unit_test(a_burst_does_not_wait_for_what_comes_after_a_pause),
        cmocka_unit_test(the_load_stretches_the_times),
        cmocka_unit_test(work_by_bytes_is_in_proportion_to_them),
        cmocka_unit_test(a_flow_stays_with_its_worker),
        cmocka_unit_test(each_seed_hashes_otherwise),
        cmocka_unit_test(pooled_wait_is_that_of_one_queue),
    };
    return cmocka_run_group_tests(tests, set_up, clear_up);
}
