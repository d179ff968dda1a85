/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/why_bursts.c: what would have held the last burst, from a history. */
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/why.h"

#define SAMPLES 6u

/* By sample, a second apart. */
static double kernel[SAMPLES], dropped[2][SAMPLES];
static struct why_burst bursts[WHY_BURSTS];
static char text[WHY_TEXT_MAX];

static json_t *make_history(unsigned count) {
    json_t *samples = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(samples, json_pack("{s:f, s:f, s:f, s:f, s:[{s:i, s:f}, {s:i, s:f}]}",
                                                 "time", 1000.0 + i, "received", 1000.0 * i,
                                                 "bytes", 400000.0 * i, "kernel_drops", kernel[i],
                                                 "workers", "worker", 3, "dropped", dropped[0][i],
                                                 "worker", 7, "dropped", dropped[1][i]));
    return json_pack("{s:o}", "samples", samples);
}

static json_t *make_report(bool is_live, const char *buffer, unsigned max_backlog) {
    json_t *report =
        json_pack("{s:{s:i, s:I}, s:[{s:i, s:i}, {s:i, s:i}], s:{}, s:{}}", "geometry", "depth",
                  10000, "arena_bytes", (json_int_t)16 << 20, "workers", "worker", 3, "max_backlog",
                  max_backlog, "worker", 7, "max_backlog", max_backlog, "capture", "options");
    json_t *interfaces = json_array();
    if (is_live)
        json_array_append_new(interfaces, json_object());
    json_object_set_new(json_object_get(report, "capture"), "interfaces", interfaces);
    if (buffer != NULL)
        json_object_set_new(json_object_get(report, "options"), "buffer-size", json_string(buffer));
    return report;
}

static unsigned find(json_t *report) {
    json_t *history = make_history(SAMPLES);
    unsigned count = why_find_bursts(report, history, bursts);
    json_decref(history);
    json_decref(report);
    if (count != 0)
        why_say_burst(&bursts[0], text);
    return count;
}

static int reset(void **state) {
    (void)state;
    memset(kernel, 0, sizeof kernel);
    memset(dropped, 0, sizeof dropped);
    return 0;
}

static void set(double counts[SAMPLES], double a, double b, double c, double d, double e,
                double f) {
    const double values[SAMPLES] = {a, b, c, d, e, f};
    memcpy(counts, values, sizeof values);
}

static void without_losses_there_is_no_burst(void **state) {
    (void)state;
    assert_int_equal(find(make_report(true, NULL, 10000)), 0);
    set(kernel, 5, 5, 5, 5, 5, 5); /* before the history */
    assert_int_equal(find(make_report(true, NULL, 10000)), 0);
    json_t *empty = json_object(), *report = make_report(true, NULL, 1), *one = make_history(1);
    assert_int_equal(why_find_bursts(report, empty, bursts), 0);
    assert_int_equal(why_find_bursts(report, one, bursts), 0);
    json_decref(empty);
    json_decref(report);
    json_decref(one);
}

/* 5,000 frames of 400 bytes and 96 more are 2,422 KiB. */
static void the_kernels_buffer_is_larger_by_what_the_last_burst_lost(void **state) {
    (void)state;
    set(kernel, 0, 9000, 9000, 12000, 14000, 14000);
    assert_int_equal(find(make_report(true, NULL, 10000)), 1);
    assert_true(bursts[0].lost == 5000 && bursts[0].seconds == 2 && bursts[0].ago_s == 1);
    assert_string_equal(text, "The kernel's buffer last lost 5,000 frames, within 2 s, 1 s ago: -B "
                              "52224 would have held them (now 49152).");
    assert_int_equal(find(make_report(true, "1000", 10000)), 1);
    assert_non_null(strstr(text, "-B 4096 would have held them (now 1000)"));
    assert_int_equal(find(make_report(false, NULL, 10000)), 0); /* files have none */
    set(kernel, 0, 0, 0, 0, 0, 10);
    assert_int_equal(find(make_report(true, NULL, 10000)), 1);
    assert_non_null(strstr(text, "within 1 s, and may still: -B 50176"));
}

static void a_ring_is_larger_by_packets_or_by_bytes(void **state) {
    (void)state;
    set(dropped[0], 0, 100, 100, 100, 100, 100);
    set(dropped[1], 0, 0, 0, 1500, 1500, 1500);
    assert_int_equal(find(make_report(false, NULL, 10000)), 1);
    assert_string_equal(text, "The ring of worker 7 last lost 1,500 packets, within 1 s, 2 s ago: "
                              "--ring-depth 12000 would have held them (now 10000).");
    assert_int_equal(find(make_report(false, NULL, 9999)), 1);
    assert_non_null(strstr(text, "--ring-bytes 33554432 would have held them (now 16777216)."));
    set(kernel, 0, 1, 2, 3, 4, 5);
    assert_int_equal(find(make_report(true, NULL, 10000)), 2);
    assert_true(bursts[0].worker < 0 && bursts[1].worker == 7);
}

/* 11 seconds, in which 100,000 frames of 496 bytes are lost in one: 48,438 KiB. */
static void of_what_lasts_the_worst_second_counts(void **state) {
    (void)state;
    json_t *samples = json_array();
    for (unsigned i = 0; i < 12; i++)
        json_array_append_new(samples, json_pack("{s:f, s:f, s:f, s:f}", "time", 1000.0 + i,
                                                 "received", 1000.0 * i, "bytes", 400000.0 * i,
                                                 "kernel_drops", i + (i > 5 ? 99999.0 : 0)));
    json_t *history = json_pack("{s:o}", "samples", samples);
    json_t *report = make_report(true, "1024", 1);
    assert_int_equal(why_find_bursts(report, history, bursts), 1);
    assert_true(bursts[0].lost == 100010 && bursts[0].worst == 100000 && bursts[0].seconds == 11);
    assert_true(bursts[0].enough == 50176);
    json_decref(history);
    json_decref(report);
}

static void what_lasts_is_no_burst(void **state) {
    (void)state;
    const struct why_burst burst = {
        .worker = -1, .lost = 7, .seconds = 10, .ago_s = 0, .option = "-B", .now = 1, .enough = 2};
    why_say_burst(&burst, text);
    assert_string_equal(text, "The kernel's buffer last lost 7 frames, within 10 s, and may still: "
                              "too long for a buffer, unless it is one burst after the other: then "
                              "-B 2 would hold the worst second (now 1).");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_losses_there_is_no_burst, reset),
        cmocka_unit_test_setup(the_kernels_buffer_is_larger_by_what_the_last_burst_lost, reset),
        cmocka_unit_test_setup(a_ring_is_larger_by_packets_or_by_bytes, reset),
        cmocka_unit_test_setup(of_what_lasts_the_worst_second_counts, reset),
        cmocka_unit_test_setup(what_lasts_is_no_burst, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
