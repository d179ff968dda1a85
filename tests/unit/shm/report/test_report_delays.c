/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_delays.c: histograms of delays as JSON and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/report/report_delays.h"

static json_t *make(const struct fb_delay_counts *counts) {
    json_t *delay = report_delay(counts);
    assert_non_null(delay);
    return delay;
}

static double real_at(const json_t *delay, const char *key) {
    assert_true(json_is_real(json_object_get(delay, key)));
    return json_real_value(json_object_get(delay, key));
}

static json_int_t number_at(const json_t *delay, const char *key) {
    assert_true(json_is_integer(json_object_get(delay, key)));
    return json_integer_value(json_object_get(delay, key));
}

static char *print(const json_t *report) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_print_delays(out, report);
    fclose(out);
    return text;
}

static void counts_that_a_worker_made_up_do_no_harm(void **state) {
    (void)state;
    struct fb_delay_counts counts;
    memset(&counts, 0xff, sizeof counts);
    json_t *delay = make(&counts);
    assert_int_equal(number_at(delay, "samples"), INT64_MAX);
    assert_int_equal(json_array_size(json_object_get(delay, "buckets")), FB_DELAY_BUCKETS);
    const json_t *last = json_array_get(json_object_get(delay, "buckets"), FB_DELAY_BUCKETS - 1);
    assert_int_equal(json_integer_value(json_array_get(last, 0)), INT64_C(1) << 41);
    assert_int_equal(json_integer_value(json_array_get(last, 1)), INT64_MAX);
    assert_true(real_at(delay, "sum_s") > 1.8e10 && real_at(delay, "sum_s") < 1.9e10);
    json_t *report = json_pack("{s:{s:o}}", "delays", "inspection", delay);
    free(print(report));
    json_decref(report);
}

static void without_samples_all_is_zero_and_no_line_is_printed(void **state) {
    (void)state;
    static const struct fb_delay_counts none;
    json_t *delay = make(&none);
    assert_int_equal(number_at(delay, "samples"), 0);
    static const char *const keys[] = {"p50_us", "p90_us", "p99_us", "max_us", "sum_s"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_true(real_at(delay, keys[i]) == 0.0);
    assert_int_equal(json_array_size(json_object_get(delay, "buckets")), 0);
    assert_int_equal(json_object_size(delay), 7);
    json_t *report = json_pack("{s:{s:o}}", "delays", "capture_to_dispatch", delay);
    char *text = print(report);
    assert_string_equal(text, "");
    free(text);
    json_decref(report);
}

static void percentiles_are_the_bounds_of_the_buckets_in_which_they_are_reached(void **state) {
    (void)state;
    struct fb_delay_counts counts = {.sum_ns = 2500000000};
    counts.buckets[fb_delay_bucket(1000)] = 60;
    counts.buckets[fb_delay_bucket(2000)] = 30;
    counts.buckets[fb_delay_bucket(50000)] = 9;
    counts.buckets[fb_delay_bucket(3000000)] = 1;
    json_t *delay = make(&counts);
    assert_int_equal(number_at(delay, "samples"), 100);
    assert_true(real_at(delay, "p50_us") == 1.024);
    assert_true(real_at(delay, "p90_us") == 2.048);
    assert_true(real_at(delay, "p99_us") == 57.344);
    assert_true(real_at(delay, "max_us") == 3145.728);
    assert_true(real_at(delay, "sum_s") == 2.5);
    json_t *buckets =
        json_pack("[[i,i],[i,i],[i,i],[i,i]]", 1024, 60, 2048, 30, 57344, 9, 3145728, 1);
    assert_true(json_equal(json_object_get(delay, "buckets"), buckets));
    json_decref(buckets);
    json_decref(delay);
}

/* Buckets are a quarter of their size wide: more digits would be made up. */
static void bounds_are_shown_with_two_digits_rounded_up(void **state) {
    (void)state;
    static const struct {
        uint64_t ns[4];
        const char *line;
    } cases[] = {
        {{3, 40, 90, 250}, "inspection of a packet      3 ns    48 ns    96 ns   260 ns\n"},
        {{1000, 9000, 50000, 3000000},
         "inspection of a packet    1.1 us    11 us    58 us   3.2 ms\n"},
        {{990, 1000, 1400000, 999000000},
         "inspection of a packet    1.1 us   1.1 us   1.6 ms    1.1 s\n"},
        {{120000, 130000, 900000000, 70000000000},
         "inspection of a packet    140 us   140 us   940 ms     86 s\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_delay_counts counts = {.sum_ns = 0};
        counts.buckets[fb_delay_bucket(cases[i].ns[0])] += 600;
        counts.buckets[fb_delay_bucket(cases[i].ns[1])] += 300;
        counts.buckets[fb_delay_bucket(cases[i].ns[2])] += 98;
        counts.buckets[fb_delay_bucket(cases[i].ns[3])] += 2;
        json_t *report = json_pack("{s:{s:o}}", "delays", "inspection", make(&counts));
        char *text = print(report);
        if (strstr(text, cases[i].line) == NULL)
            fail_msg("'%s' is not in:\n%s", cases[i].line, text);
        free(text);
        json_decref(report);
    }
}

static void the_table_has_the_delays_in_the_order_in_which_a_packet_meets_them(void **state) {
    (void)state;
    struct fb_delay_counts counts = {.buckets = {[2] = 1}};
    json_t *report =
        json_pack("{s:{s:o,s:o,s:o}}", "delays", "inspection", make(&counts),
                  "dispatch_to_inspection", make(&counts), "capture_to_dispatch", make(&counts));
    char *text = print(report);
    assert_string_equal(text, "         takes at most      50 %     90 %     99 %      all\n"
                              "   capture to dispatch      2 ns     2 ns     2 ns     2 ns\n"
                              "dispatch to inspection      2 ns     2 ns     2 ns     2 ns\n"
                              "inspection of a packet      2 ns     2 ns     2 ns     2 ns\n");
    free(text);
    json_decref(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_that_a_worker_made_up_do_no_harm),
        cmocka_unit_test(without_samples_all_is_zero_and_no_line_is_printed),
        cmocka_unit_test(percentiles_are_the_bounds_of_the_buckets_in_which_they_are_reached),
        cmocka_unit_test(bounds_are_shown_with_two_digits_rounded_up),
        cmocka_unit_test(the_table_has_the_delays_in_the_order_in_which_a_packet_meets_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
