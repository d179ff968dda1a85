/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/consumer_stats.c: counters that a consumer's owner names, in its up side. */
#include "tests/lib/caught.h"
#include "tests/lib/ring_fixture.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/stats.h"
#include "worker/consumer/consumer_parts.h"

static struct fb_ctl ctl;
static struct fb_ctl_handle handle = {.ctl = &ctl};
static struct fb_consumer consumer;
static struct fb_stats told;

static void open_consumer(struct ring_fixture *r) {
    ring_make(r, 64, 128, 16384);
    const struct consumer_sides sides = {.ctl = &handle, .down = r->down, .up = r->up};
    const struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    assert_int_equal(consumer_init(&consumer, &sides, &config), 0);
}

static void read_stats(const struct ring_fixture *r) {
    memset(&told, 0, sizeof told);
    fb_stats_add(&told, r->up);
}

static void they_are_there_from_the_first_burst_on(void **state) {
    struct ring_fixture *r = *state;
    static const char *const names[] = {"bytes", "alerts_2", NULL};
    open_consumer(r);
    consumer_add_stats(&consumer, "mine", names);
    consumer_add_stats(&consumer, "other", names);
    fb_consumer_set_stat(&consumer, 0, 7);
    read_stats(r);
    assert_int_equal(told.count, 0);
    fb_consumer_burst(&consumer, 0);
    fb_consumer_set_stat(&consumer, 3, UINT64_MAX);
    fb_consumer_set_stat(&consumer, 4, 9); /* there is none */
    read_stats(r);
    assert_int_equal(told.count, 4);
    assert_string_equal(told.names[0], "mine.bytes");
    assert_string_equal(told.names[3], "other.alerts_2");
    assert_int_equal(told.values[0], 7);
    assert_int_equal(told.values[1], 0);
    assert_int_equal(told.values[3], UINT64_MAX);
    consumer_fini(&consumer);
}

static void the_owner_is_made_a_name(void **state) {
    struct ring_fixture *r = *state;
    static const char *const names[] = {"x", NULL};
    static const char *const owners[][2] = {
        {"My.Program", "my_program.x"},
        {"a-b_9", "a-b_9.x"},
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890.x"},
        {"\x1b[2J", "__2j.x"}};
    open_consumer(r);
    for (unsigned i = 0; i < 4; i++)
        consumer_add_stats(&consumer, owners[i][0], names);
    fb_consumer_burst(&consumer, 0);
    read_stats(r);
    assert_int_equal(told.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(told.names[i], owners[i][1]);
    consumer_fini(&consumer);
}

static void those_beyond_the_room_are_one_warning(void **state) {
    struct ring_fixture *r = *state;
    char text[33][8];
    const char *names[34] = {NULL};
    struct caught caught;
    for (unsigned i = 0; i < 33; i++) {
        snprintf(text[i], sizeof text[i], "c%u", i);
        names[i] = text[i];
    }
    open_consumer(r);
    consumer_add_stats(&consumer, "a", names);
    catch_begin(&caught);
    consumer_add_stats(&consumer, "b", names);
    expect_one_line(catch_end(&caught), "b: its counters from 'c31' on are not shown");
    fb_consumer_burst(&consumer, 0);
    read_stats(r);
    assert_int_equal(told.count, FB_UP_STATS);
    consumer_fini(&consumer);
}

static void wrong_names_are_refused(void **state) {
    static const char *const wrong[] = {
        "", "Bytes", "a.b", "a-b", "01234567890123456789012345678901", "a\n"};
    struct caught caught;
    (void)state;
    assert_true(consumer_check_stats(NULL));
    assert_true(
        consumer_check_stats((const char *const[]){"0123456789012345678901234567890", NULL}));
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        catch_begin(&caught);
        assert_false(consumer_check_stats((const char *const[]){"good", wrong[i], NULL}));
        assert_non_null(strstr(catch_end(&caught), "must be 1 to 31 of a-z, 0-9 and _"));
    }
}

static void what_it_has_taken_is_counted(void **state) {
    struct ring_fixture *r = *state;
    const struct fb_event *event;
    struct {
        struct fb_consumer_stats stats;
        uint64_t behind;
    } have = {.behind = 77};
    open_consumer(r);
    for (unsigned i = 0; i < 3; i++)
        assert_true(ring_put(r, 60));
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 1);
    /* A program that was built for a later version, and one for an earlier. */
    fb_consumer_stats(&consumer, &have.stats, sizeof have);
    assert_int_equal(have.stats.packets, 1);
    assert_int_equal(have.stats.bytes, 60);
    assert_int_equal(have.stats.mid_stream, 1);
    assert_int_equal(have.stats.waiting, 2);
    assert_int_equal(have.behind, 77);
    have.stats.bytes = 5;
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 1);
    fb_consumer_stats(&consumer, &have.stats, sizeof have.stats.packets);
    assert_int_equal(have.stats.packets, 2);
    assert_int_equal(have.stats.bytes, 5);
    consumer_fini(&consumer);
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(they_are_there_from_the_first_burst_on), RING_TEST(the_owner_is_made_a_name),
        RING_TEST(those_beyond_the_room_are_one_warning),  RING_TEST(wrong_names_are_refused),
        RING_TEST(what_it_has_taken_is_counted),
    };
    fb_log_init("test_consumer_stats", FB_LOG_WARNING);
    return ring_run_tests(tests, sizeof tests / sizeof *tests);
}
