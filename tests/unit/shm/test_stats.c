/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/stats.c: counters that inspectors name, by workers that tell the truth and by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/stats.h"
#include "tests/lib/memory.h"

#define LONGEST "a234567890123456789012345678901" /* 31 characters */

static struct fb_up *up;
static struct fb_stats stats;

static int set_up(void **state) {
    (void)state;
    up = zeroed_pages(fb_up_footprint());
    stats = (struct fb_stats){0};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(up);
    return 0;
}

/* What a worker that was taken over may write: any bytes. */
static void scribble(unsigned i, const void *bytes, size_t size) {
    char name[FB_STAT_NAME_BYTES] = {0};
    memcpy(name, bytes, size);
    memcpy(&up->stat_names[i], name, sizeof name);
}

static void name_all(unsigned count, const char *inspector) {
    for (unsigned i = 0; i < count; i++) {
        char counter[16];
        snprintf(counter, sizeof counter, "c%u", i);
        assert_true(fb_up_name_stat(up, i, inspector, counter));
        fb_up_set_stat(up, i, 100 + i);
    }
    fb_up_set_stats(up, count);
}

static void expect_stat(const char *name, uint64_t value) {
    for (unsigned i = 0; i < stats.count; i++) {
        if (strcmp(stats.names[i], name) == 0) {
            assert_true(stats.values[i] == value);
            return;
        }
    }
    fail_msg("there is no '%s'", name);
}

/* ---- refusals */

static void a_worker_cannot_give_a_name_that_readers_would_refuse(void **state) {
    (void)state;
    static const char *const words[][2] = {
        {"", "a"},
        {"a", ""},
        {"a", "b-c"},
        {"A", "b"},
        {"a", "B"},
        {"a.b", "c"},
        {"a", "b.c"},
        {"a b", "c"},
        {"a", "b\n"},
        {"\xc3\xa4", "b"},
        {"a", "b\x1b["},
        {LONGEST "x", "b"},
        {"a", LONGEST "xy"},
        {"a\"", "b"},
        {"a", "b/"},
        {"a", "b\\"},
        {"a{", "b"},
        {"a", "b="},
        {LONGEST LONGEST, LONGEST},
    };
    char name[FB_STAT_NAME_BYTES];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_false(fb_up_name_stat(up, 0, words[i][0], words[i][1]));
        assert_false(fb_up_stat_name(up, 0, name));
    }
    assert_false(fb_up_name_stat(up, FB_UP_STATS, "a", "b"));
    assert_true(fb_up_name_stat(up, FB_UP_STATS - 1, "a", "b"));
}

static void what_is_no_name_is_left_out_and_counted(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",       ".",      "a",     "a.",   ".b",          "a.b.c",
        "a.b-c",  "A.b",    "a.b\n", "a.b ", "\x1b[2J.b",   "a.b\x7f",
        "a\tb.c", "a.\xff", "a..b",  " a.b", LONGEST "x.b", "a." LONGEST "x",
    };
    unsigned count = sizeof bad / sizeof *bad;
    for (unsigned i = 0; i < count; i++)
        scribble(i, bad[i], strlen(bad[i]));
    fb_up_name_stat(up, count, "good", "one");
    fb_up_set_stat(up, count, 7);
    fb_up_set_stats(up, count + 1);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 1);
    assert_int_equal(stats.left_out, count);
    expect_stat("good.one", 7);
}

static void a_name_without_an_end_is_left_out(void **state) {
    (void)state;
    char endless[FB_STAT_NAME_BYTES];
    memset(endless, 'a', sizeof endless);
    endless[31] = '.';
    scribble(0, endless, sizeof endless);
    memset(&up->stat_names[1], 0xff, sizeof up->stat_names[1]);
    fb_up_set_stats(up, 2);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 0);
    assert_int_equal(stats.left_out, 2);
    endless[FB_STAT_NAME_BYTES - 1] = '\0'; /* the longest that there is */
    scribble(0, endless, sizeof endless);
    fb_stats_add(&stats, up);
    expect_stat(endless, 0);
}

static void a_count_beyond_the_entries_is_that_of_all_entries(void **state) {
    (void)state;
    static const uint64_t counts[] = {FB_UP_STATS + 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    name_all(FB_UP_STATS, "full");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        atomic_store(&up->stats, counts[i]);
        assert_int_equal(fb_up_stats(up), FB_UP_STATS);
        stats = (struct fb_stats){0};
        fb_stats_add(&stats, up);
        assert_int_equal(stats.count, FB_UP_STATS);
        assert_int_equal(stats.left_out, 0);
    }
}

static void a_name_for_which_there_is_no_room_is_left_out_and_the_others_stay(void **state) {
    (void)state;
    name_all(FB_UP_STATS, "old");
    fb_stats_add(&stats, up);
    name_all(FB_UP_STATS, "new");
    fb_up_name_stat(up, 5, "old", "c5");
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, FB_UP_STATS);
    assert_int_equal(stats.left_out, FB_UP_STATS - 1);
    expect_stat("old.c5", 105 + 105);
    expect_stat("old.c63", 163);
}

static void a_name_that_comes_twice_is_one_sum(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fb_up_name_stat(up, i, "a", "b");
        fb_up_set_stat(up, i, 5);
    }
    fb_up_set_stats(up, 3);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 1);
    expect_stat("a.b", 15);
}

static void values_stay_at_the_limit_and_may_go_back(void **state) {
    (void)state;
    name_all(1, "a");
    fb_up_set_stat(up, 0, UINT64_MAX - 1);
    fb_stats_add(&stats, up);
    fb_up_set_stat(up, 0, 1);
    fb_stats_add(&stats, up);
    expect_stat("a.c0", UINT64_MAX);
    fb_stats_add(&stats, up);
    expect_stat("a.c0", UINT64_MAX);
    stats = (struct fb_stats){0};
    fb_up_set_stat(up, 0, 0);
    fb_stats_add(&stats, up);
    expect_stat("a.c0", 0);
}

#define TURNS 200000u

/* Relaxed would do: the order is of no matter to a liar. */
static void *change_names(void *arg) {
    static const char *const texts[] = {"aaaaaaaaaaaaaaa.bbbbbbbbbbbbbbb", "\x1b[2J\n",
                                        "cc-cc-cc-cc-cc-cc-cc-cc-cc.ddddddd"};
    for (unsigned turn = 0; turn < TURNS; turn++) {
        char name[FB_STAT_NAME_BYTES];
        memset(name, turn % 5 == 0 ? 0xff : 0, sizeof name);
        memcpy(name, texts[turn % 3], strlen(texts[turn % 3]));
        for (size_t w = 0; w < sizeof name / sizeof(uint64_t); w++) {
            uint64_t word;
            memcpy(&word, name + w * sizeof word, sizeof word);
            atomic_store(&up->stat_names[0].words[w], word);
        }
        atomic_store(&up->stats, turn % 2 == 0 ? UINT64_MAX : 1);
    }
    atomic_store((_Atomic unsigned *)arg, 1);
    return NULL;
}

static void a_name_that_changes_while_it_is_read_is_a_valid_one_or_none(void **state) {
    (void)state;
    _Atomic unsigned done = 0;
    pthread_t liar;
    char name[FB_STAT_NAME_BYTES];
    assert_int_equal(pthread_create(&liar, NULL, change_names, &done), 0);
    while (atomic_load(&done) == 0) {
        stats.left_out = 0;
        fb_stats_add(&stats, up);
        assert_in_range(stats.left_out, 0, FB_UP_STATS);
    }
    pthread_join(liar, NULL);
    for (unsigned i = 0; i < stats.count; i++) { /* as a worker that may give valid names only */
        scribble(0, stats.names[i], sizeof stats.names[i]);
        assert_true(fb_up_stat_name(up, 0, name));
        assert_string_equal(name, stats.names[i]);
    }
}

/* ---- what is read */

static void a_worker_that_names_nothing_has_nothing(void **state) {
    (void)state;
    fb_up_format(up, (const uint8_t[16]){1}, 0, 1, 0);
    assert_int_equal(fb_up_stats(up), 0);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 0);
    assert_int_equal(stats.left_out, 0);
}

static void names_and_values_come_out_as_they_were_given(void **state) {
    (void)state;
    assert_true(fb_up_name_stat(up, 0, LONGEST, LONGEST));
    assert_true(fb_up_name_stat(up, 1, "my-ids_2", "bytes_to_port_443"));
    assert_true(fb_up_name_stat(up, 2, "a", "b"));
    fb_up_set_stat(up, 1, UINT64_MAX);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 0); /* until it says how many */
    fb_up_set_stats(up, 2);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 2);
    expect_stat(LONGEST "." LONGEST, 0);
    expect_stat("my-ids_2.bytes_to_port_443", UINT64_MAX);
}

static void an_entry_is_named_again_without_a_rest_of_its_old_name(void **state) {
    (void)state;
    char name[FB_STAT_NAME_BYTES];
    fb_up_name_stat(up, 0, LONGEST, LONGEST);
    fb_up_name_stat(up, 0, "a", "b");
    assert_true(fb_up_stat_name(up, 0, name));
    assert_string_equal(name, "a.b");
}

static void sums_are_by_name_wherever_the_next_process_has_it(void **state) {
    (void)state;
    name_all(3, "x");
    fb_stats_add(&stats, up);
    fb_up_name_stat(up, 0, "y", "c0");
    fb_up_name_stat(up, 1, "x", "c2");
    fb_up_set_stats(up, 2);
    fb_stats_add(&stats, up);
    assert_int_equal(stats.count, 4);
    expect_stat("x.c0", 100);
    expect_stat("x.c1", 101);
    expect_stat("x.c2", 102 + 101);
    expect_stat("y.c0", 100);
}

#define STATS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STATS_TEST(a_worker_cannot_give_a_name_that_readers_would_refuse),
        STATS_TEST(what_is_no_name_is_left_out_and_counted),
        STATS_TEST(a_name_without_an_end_is_left_out),
        STATS_TEST(a_count_beyond_the_entries_is_that_of_all_entries),
        STATS_TEST(a_name_for_which_there_is_no_room_is_left_out_and_the_others_stay),
        STATS_TEST(a_name_that_comes_twice_is_one_sum),
        STATS_TEST(values_stay_at_the_limit_and_may_go_back),
        STATS_TEST(a_name_that_changes_while_it_is_read_is_a_valid_one_or_none),
        STATS_TEST(a_worker_that_names_nothing_has_nothing),
        STATS_TEST(names_and_values_come_out_as_they_were_given),
        STATS_TEST(an_entry_is_named_again_without_a_rest_of_its_old_name),
        STATS_TEST(sums_are_by_name_wherever_the_next_process_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
