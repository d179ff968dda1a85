/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/progress.c: the lines of progress, and when they are due. */
#include "dispatcher/run/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define HOUR 3600.0

/* In the middle of a file: nothing about it is special. */
static const struct progress_view usual = {
    .capture = {.done_bytes = 419, .total_bytes = 1000},
    .packets = 3214000,
    .packets_per_s = 1234567,
    .bytes_per_s = 90,
    .busy = 4,
    .alive = 4,
};

static const char *line_of(const struct progress_view *view, unsigned width) {
    static char text[FB_LOG_STATUS_MAX];
    memset(text, 'x', sizeof text);
    progress_format(view, width, text);
    return text;
}

static void expect_line(const struct progress_view *view, const char *expected) {
    assert_string_equal(line_of(view, 80), expected);
}

static void expect_part(const struct progress_view *view, const char *part) {
    if (strstr(line_of(view, 200), part) == NULL)
        fail_msg("'%s' is not in '%s'", part, line_of(view, 200));
}

static void line_says_share_packets_rate_time_left_and_workers(void **state) {
    (void)state;
    expect_line(&usual, "  41 %  3,214,000 packets  1.2 M/s  0:07 left  4 of 4 workers busy");
}

static void share_is_rounded_down_and_never_above_100(void **state) {
    (void)state;
    static const struct {
        uint64_t done, total;
        const char *share;
    } cases[] = {
        {0, 1, "   0 %  "},
        {0, UINT64_MAX, "   0 %  "},
        {99, 10000, "   0 %  "},
        {999, 1000, "  99 %  "},
        {1000, 1000, "  100 %  "},
        {1001, 1000, "  100 %  "}, /* a file that grew after it was measured */
        {UINT64_MAX, 1, "  100 %  "},
        {UINT64_MAX / 2, UINT64_MAX, "  50 %  "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct progress_view view = usual;
        view.capture.done_bytes = cases[i].done;
        view.capture.total_bytes = cases[i].total;
        assert_memory_equal(line_of(&view, 80), cases[i].share, strlen(cases[i].share));
    }
}

static void unknown_total_leaves_out_share_and_time_left(void **state) {
    (void)state;
    struct progress_view view = usual;
    view.capture = (struct capture_progress){0};
    expect_line(&view, "  3,214,000 packets  1.2 M/s  4 of 4 workers busy");
}

static void time_left_goes_from_seconds_to_99_hours(void **state) {
    (void)state;
    static const struct {
        double bytes_per_s; /* 581 bytes are left */
        const char *left;
    } cases[] = {
        {1e9, "  0:01 left"},
        {581, "  0:01 left"},
        {580, "  0:02 left"},
        {581 / 59.5, "  1:00 left"},
        {581 / (HOUR - 0.5), "  1:00:00 left"},
        {581 / (HOUR - 1.5), "  59:59 left"},
        {581 / (98.9 * HOUR - 0.5), "  98:54:00 left"},
        {581 / (99.1 * HOUR), "  over 99 h left"},
        {1e-300, "  over 99 h left"},
        {0, "  -:-- left"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct progress_view view = usual;
        view.bytes_per_s = cases[i].bytes_per_s;
        expect_part(&view, cases[i].left);
    }
    struct progress_view done = usual;
    done.capture.done_bytes = 1000;
    done.bytes_per_s = 0;
    expect_part(&done, "  0:00 left");
}

static void rate_has_two_digits_or_more_and_a_unit(void **state) {
    (void)state;
    static const struct {
        double rate;
        const char *text;
    } cases[] = {
        {0, "  0 /s  "},         {7.4, "  7 /s  "},         {999.4, "  999 /s  "},
        {999.6, "  1.0 k/s  "},  {9940, "  9.9 k/s  "},     {9960, "  10 k/s  "},
        {325000, "  325 k/s  "}, {999600, "  1.0 M/s  "},   {12345678, "  12 M/s  "},
        {2.5e9, "  2.5 G/s  "},  {1e15, "  1000000 G/s  "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct progress_view view = usual;
        view.packets_per_s = cases[i].rate;
        expect_part(&view, cases[i].text);
    }
}

static void thousands_are_parted_by_commas(void **state) {
    (void)state;
    static const struct {
        uint64_t packets;
        const char *text;
    } cases[] = {
        {0, "  0 packets"},
        {999, "  999 packets"},
        {1000, "  1,000 packets"},
        {1234567, "  1,234,567 packets"},
        {UINT64_MAX, "  18,446,744,073,709,551,615 packets"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct progress_view view = usual;
        view.packets = cases[i].packets;
        expect_part(&view, cases[i].text);
    }
}

static void narrow_terminal_gets_whole_fields_and_a_column_stays_free(void **state) {
    (void)state;
    const char *whole = line_of(&usual, 80);
    char all[FB_LOG_STATUS_MAX];
    strcpy(all, whole);
    size_t longest = 0;
    for (unsigned width = 0; width < 300; width++) {
        const char *line = line_of(&usual, width);
        size_t length = strlen(line);
        assert_true(length == 0 || length < width);
        assert_memory_equal(line, all, length);
        /* Cut where a field ends, and not before the last that fits. */
        assert_true(all[length] == '\0' || memcmp(all + length, "  ", 2) == 0);
        const char *next = all[length] == '\0' ? NULL : strstr(all + length + 2, "  ");
        size_t with_next = next == NULL ? strlen(all) : (size_t)(next - all);
        assert_true(length == strlen(all) || with_next >= width);
        longest = length > longest ? length : longest;
    }
    assert_int_equal(longest, strlen(all));
}

static void preloading_says_so_and_no_packets(void **state) {
    (void)state;
    struct progress_view view = usual;
    view.capture.preloading = true;
    expect_line(&view, "  preloading  41 %  0:07 left");
    view.capture.total_bytes = view.capture.done_bytes = 0;
    expect_line(&view, "  preloading");
}

static void draining_says_what_waits_if_anything_does(void **state) {
    (void)state;
    struct progress_view view = usual;
    view.draining = true;
    view.waiting = 12345;
    expect_line(&view, "  draining: 12,345 packets wait");
    assert_string_equal(line_of(&view, 20), "");
    view.waiting = 0;
    expect_line(&view, "");
}

static void idle_workers_are_not_busy(void **state) {
    (void)state;
    struct progress_view view = usual;
    view.busy = 0;
    view.alive = 256;
    expect_part(&view, "  0 of 256 workers busy");
}

/* ---- interfaces */

static const struct progress_view live = {
    .live = true,
    .packets = 3214000,
    .packets_per_s = 1234567,
    .busy = 1,
    .alive = 3,
    .wanted = 4,
    .backlog = 12,
};

static void live_line_says_packets_losses_and_workers(void **state) {
    (void)state;
    expect_line(&live,
                "  3,214,000 packets  1.2 M/s  none lost  3 of 4 workers ready  backlog 12 %");
    struct progress_view view = live;
    view.draining = true;
    view.waiting = 7;
    expect_line(&view, "  draining: 7 packets wait");
}

/* What was lost stays; its rate is there while it goes on. */
static void live_line_says_where_packets_are_lost(void **state) {
    (void)state;
    struct progress_view view = live;
    view.lost[PROGRESS_RINGS] = 1234;
    expect_part(&view, "  1.2 M/s  rings lost 1,234  3 of 4");
    view.lost_per_s[PROGRESS_RINGS] = 2300;
    expect_part(&view, "  1.2 M/s  rings lost 1,234 (2.3 k/s)  3 of 4");
    view.lost[PROGRESS_CAPTURE] = 5;
    view.lost_per_s[PROGRESS_CAPTURE] = 0.25;
    expect_part(&view, "  1.2 M/s  capture lost 5 (1 /s)  rings lost 1,234 (2.3 k/s)  3 of 4");
}

/* ---- rates */

static struct progress_rates rates;
static struct progress_view sample;

static int no_samples(void **state) {
    (void)state;
    memset(&rates, 0, sizeof rates);
    sample = (struct progress_view){0};
    return 0;
}

/* A quarter of a second later, with so many more of both. */
static bool later(uint64_t packets, uint64_t bytes) {
    static uint64_t now_ns = 7 * SECOND;
    sample.packets += packets;
    sample.capture.done_bytes += bytes;
    now_ns += SECOND / 4;
    return progress_rate(&rates, now_ns, &sample);
}

static void expect_rates(double packets_per_s, double bytes_per_s) {
    assert_true(sample.packets_per_s > 0.999 * packets_per_s - 1e-9 &&
                sample.packets_per_s < 1.001 * packets_per_s + 1e-9);
    assert_true(sample.bytes_per_s > 0.999 * bytes_per_s - 1e-9 &&
                sample.bytes_per_s < 1.001 * bytes_per_s + 1e-9);
}

static void steady_rates_are_right_from_the_second_sample_on(void **state) {
    (void)state;
    assert_false(later(1000000, 5000000)); /* since when is not known */
    for (unsigned i = 0; i < 5 * PROGRESS_SAMPLES; i++) {
        assert_true(later(100, 6000));
        expect_rates(400, 24000);
    }
}

static void rates_forget_what_is_longer_ago_than_the_samples(void **state) {
    (void)state;
    later(0, 0);
    for (unsigned i = 0; i < 40; i++)
        later(1000, 1000);
    for (unsigned i = 1; i < PROGRESS_SAMPLES; i++) {
        double before = sample.packets_per_s;
        assert_true(later(0, 0));
        assert_true(sample.packets_per_s < before); /* soon, but not in one step */
    }
    expect_rates(0, 0);
}

static void rates_of_loss_are_of_the_same_time(void **state) {
    (void)state;
    later(0, 0);
    sample.lost[PROGRESS_RINGS] += 5;
    later(100, 0);
    assert_true(sample.lost_per_s[PROGRESS_RINGS] == 20);
    assert_true(sample.lost_per_s[PROGRESS_CAPTURE] == 0);
    for (unsigned i = 0; i < PROGRESS_SAMPLES; i++)
        later(100, 0);
    assert_true(sample.lost_per_s[PROGRESS_RINGS] == 0);
}

static void delivery_begins_again_after_preloading(void **state) {
    (void)state;
    sample.capture.preloading = true;
    later(0, 0);
    later(0, 100000);
    expect_rates(0, 400000);
    sample.capture = (struct capture_progress){0};
    assert_false(later(0, 0));
    assert_true(later(50, 1000));
    expect_rates(200, 4000);
}

static void no_time_between_samples_is_no_rate(void **state) {
    (void)state;
    assert_false(progress_rate(&rates, SECOND, &sample));
    sample.packets = 5;
    assert_false(progress_rate(&rates, SECOND, &sample));
}

#define RATE_TEST(f) cmocka_unit_test_setup(f, no_samples)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_says_share_packets_rate_time_left_and_workers),
        cmocka_unit_test(share_is_rounded_down_and_never_above_100),
        cmocka_unit_test(unknown_total_leaves_out_share_and_time_left),
        cmocka_unit_test(time_left_goes_from_seconds_to_99_hours),
        cmocka_unit_test(rate_has_two_digits_or_more_and_a_unit),
        cmocka_unit_test(thousands_are_parted_by_commas),
        cmocka_unit_test(narrow_terminal_gets_whole_fields_and_a_column_stays_free),
        cmocka_unit_test(preloading_says_so_and_no_packets),
        cmocka_unit_test(draining_says_what_waits_if_anything_does),
        cmocka_unit_test(idle_workers_are_not_busy),
        RATE_TEST(steady_rates_are_right_from_the_second_sample_on),
        RATE_TEST(rates_forget_what_is_longer_ago_than_the_samples),
        cmocka_unit_test(live_line_says_packets_losses_and_workers),
        cmocka_unit_test(live_line_says_where_packets_are_lost),
        RATE_TEST(rates_of_loss_are_of_the_same_time),
        RATE_TEST(delivery_begins_again_after_preloading),
        RATE_TEST(no_time_between_samples_is_no_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
