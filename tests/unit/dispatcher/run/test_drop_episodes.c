/* SPDX-License-Identifier: BSD-2-Clause */
/* When packets begin to be dropped and when that is over (drop_episodes.c): which line, and when.
 */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <string.h>

#include "flow_balancer/common/log.h"

#include "dispatcher/run/drop_episodes.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define LOOK (100 * MS)
#define START (1000 * SECOND) /* when it was first looked */

static struct drop_episode episode;
static uint64_t now_ns, drops;

static int begin(void **state) {
    (void)state;
    episode = (struct drop_episode){0};
    now_ns = START;
    drops = 0;
    assert_int_equal(drop_episode_look(&episode, 0, false, now_ns), DROPS_NO_LINE);
    return 0;
}

/* The next look, that much later, finds so many more. */
static enum drop_line look(uint64_t after_ns, uint64_t more) {
    now_ns += after_ns;
    drops += more;
    return drop_episode_look(&episode, drops, false, now_ns);
}

static enum drop_line end_of_run(uint64_t more) {
    drops += more;
    return drop_episode_look(&episode, drops, true, now_ns);
}

static void a_run_that_drops_nothing_has_no_line(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(look(LOOK, 0), DROPS_NO_LINE);
    assert_int_equal(end_of_run(0), DROPS_NO_LINE);
}

static void the_first_drop_has_a_line_immediately_and_those_after_it_none(void **state) {
    (void)state;
    look(5 * LOOK, 0);
    assert_int_equal(look(LOOK, 1), DROPS_BEGIN_LINE);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(look(LOOK, i % 9 == 0), DROPS_NO_LINE); /* never a second without one */
}

static void after_a_second_without_a_drop_it_is_over_and_counted(void **state) {
    (void)state;
    assert_int_equal(look(LOOK, 5000), DROPS_BEGIN_LINE);
    assert_int_equal(look(20 * LOOK, 33), DROPS_NO_LINE);
    assert_int_equal(look(SECOND - 1, 0), DROPS_NO_LINE);
    assert_int_equal(look(1, 0), DROPS_END_LINE);
    assert_int_equal(episode.dropped, 5033);
    assert_int_equal(episode.ended_ns - episode.begun_ns, 21 * LOOK);
    assert_int_equal(look(SECOND, 0), DROPS_NO_LINE);
    assert_int_equal(end_of_run(0), DROPS_NO_LINE);
}

/* Each episode counts its own. */
static void what_was_dropped_before_counts_no_more(void **state) {
    (void)state;
    look(LOOK, 7);
    assert_int_equal(look(SECOND, 0), DROPS_END_LINE);
    look(DROPS_AGAIN_NS, 0);
    assert_int_equal(look(LOOK, 2), DROPS_BEGIN_LINE);
    assert_int_equal(look(SECOND, 0), DROPS_END_LINE);
    assert_int_equal(episode.dropped, 2);
    assert_int_equal(episode.ended_ns - episode.begun_ns, LOOK);
}

static void what_begins_just_after_an_end_waits_for_its_line(void **state) {
    (void)state;
    look(LOOK, 1);
    assert_int_equal(look(SECOND, 0), DROPS_END_LINE);
    assert_int_equal(look(LOOK, 1), DROPS_NO_LINE);
    assert_int_equal(look(8 * LOOK, 1), DROPS_NO_LINE);
    assert_int_equal(look(LOOK, 0), DROPS_BEGIN_LINE);   /* a second after the end */
    assert_int_equal(look(18 * LOOK, 0), DROPS_NO_LINE); /* twice as long as the first time */
    assert_int_equal(look(2 * LOOK, 0), DROPS_END_LINE);
    assert_int_equal(episode.dropped, 2);
}

/* Bursts that come again are one episode before long, and a pause of minutes makes an end. */
static void bursts_that_come_again_are_one_episode(void **state) {
    (void)state;
    unsigned lines = 0;
    for (unsigned i = 0; i < 3600; i++) /* of an hour, a burst each three seconds */
        lines += look(SECOND, i % 3 == 0) != DROPS_NO_LINE;
    assert_in_range(lines, 3, 6);
    for (unsigned i = 0; i < 4000; i++) /* one each 40 s */
        lines += look(SECOND, i % 40 == 0) != DROPS_NO_LINE;
    assert_in_range(lines, 5, 20);
    while (episode.stage != DROPS_QUIET)
        look(SECOND, 0);
    assert_int_equal(episode.quiet_ns, DROPS_QUIET_MOST_NS);
    look(DROPS_AGAIN_NS, 0);
    assert_int_equal(look(LOOK, 1), DROPS_BEGIN_LINE);
    assert_int_equal(look(SECOND, 0), DROPS_END_LINE); /* as the first time */
}

static void the_end_of_the_run_ends_what_is_under_way(void **state) {
    (void)state;
    look(LOOK, 3);
    assert_int_equal(end_of_run(2), DROPS_END_LINE);
    assert_int_equal(episode.dropped, 5);
    assert_int_equal(end_of_run(0), DROPS_NO_LINE);
}

static void what_was_dropped_at_the_end_of_the_run_has_one_line(void **state) {
    (void)state;
    look(LOOK, 1);
    assert_int_equal(look(SECOND, 0), DROPS_END_LINE);
    assert_int_equal(end_of_run(4), DROPS_END_LINE); /* too soon for a line of its own at first */
    assert_int_equal(episode.dropped, 4);
}

/* Bursts of all lengths and pauses: each drop is told of once, and the log stays small. */
static void no_two_lines_come_within_a_second_and_every_drop_is_in_one(void **state) {
    (void)state;
    uint64_t told = 0, line_ns = 0, seed = 88172645463325252;
    enum drop_line before = DROPS_END_LINE;
    unsigned lines = 0;
    for (unsigned i = 0; i < 200000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        uint64_t more = seed % 64 < (i / 1000) % 60 ? (seed >> 8) % 5 : 0;
        enum drop_line line = look(LOOK / 2 + (seed >> 16) % LOOK, more);
        if (line == DROPS_NO_LINE)
            continue;
        assert_int_not_equal(line, before); /* one begins, one ends */
        assert_true(line_ns == 0 || now_ns - line_ns >= SECOND);
        line_ns = now_ns;
        before = line;
        told += line == DROPS_END_LINE ? episode.dropped : 0;
        lines++;
    }
    if (end_of_run(1) == DROPS_END_LINE)
        told += episode.dropped;
    assert_int_equal(told, drops);
    assert_in_range(lines, 10, 1000);
}

/* ---- the lines */

static struct drop_episodes episodes;
static struct fb_ctl ctl;
static struct fb_snapshot snapshot;
static struct caught caught;

static int begin_lines(void **state) {
    (void)state;
    fb_log_init("tester", FB_LOG_INFO);
    memset(&ctl, 0, sizeof ctl);
    memset(&snapshot, 0, sizeof snapshot);
    episodes = (struct drop_episodes){0};
    ctl.geometry.max_workers = 3;
    ctl.interfaces = 2;
    strcpy(ctl.interface_names[0], "r0");
    strcpy(ctl.interface_names[1], "r1");
    for (unsigned k = 0; k < 3; k++)
        fb_ctl_set_state(&ctl, k, FB_STATE_READY);
    drop_episodes_log(&episodes, &ctl, &snapshot, false, START);
    return 0;
}

static void expect_lines(double after_s, bool ended, const char *expected) {
    catch_begin(&caught);
    drop_episodes_log(&episodes, &ctl, &snapshot, ended, START + (uint64_t)(after_s * 1e9));
    assert_string_equal(catch_end(&caught), expected);
}

static void a_full_ring_is_told_of_with_its_worker_and_counts(void **state) {
    (void)state;
    snapshot.lane[2][FB_LANE_DROPPED] = 5000;
    snapshot.lane[2][FB_LANE_WAITING] = 10000;
    expect_lines(1.0, false,
                 "tester: warning: worker 2: its ring is full (10,000 packets wait): packets are "
                 "dropped\n");
    snapshot.lane[2][FB_LANE_DROPPED] = 5033;
    expect_lines(2.1, false, "");
    expect_lines(3.1, false,
                 "tester: warning: worker 2: no more drops: 5,033 packets were dropped in 2.1 s\n");
    expect_lines(4.1, true, "");
}

static void each_worker_has_its_own_lines(void **state) {
    (void)state;
    snapshot.lane[0][FB_LANE_DROPPED] = 1;
    snapshot.lane[0][FB_LANE_WAITING] = 4;
    expect_lines(0.5, false,
                 "tester: warning: worker 0: its ring is full (4 packets wait): packets are "
                 "dropped\n");
    snapshot.lane[1][FB_LANE_DROPPED] = 1;
    snapshot.lane[1][FB_LANE_WAITING] = 5;
    fb_ctl_set_state(&ctl, 1, FB_STATE_VACANT); /* no process empties it */
    expect_lines(1.0, false,
                 "tester: warning: worker 1 (vacant): its ring is full (5 packets wait): packets "
                 "are dropped\n");
    expect_lines(1.5, true,
                 "tester: warning: worker 0: no more drops: 1 packet was dropped in 0.5 s\n"
                 "tester: warning: worker 1: no more drops: 1 packet was dropped in 0.5 s\n");
}

static void drops_of_an_interface_are_told_of_with_its_name(void **state) {
    (void)state;
    snapshot.interface[1][FB_INTERFACE_KERNEL_DROPS] = 12345;
    expect_lines(
        0.1, false,
        "tester: warning: interface r1: the kernel's buffer is full: frames are dropped: "
        "give it more with -B, or the dispatcher less to do with --bpf or a faster core\n");
    expect_lines(1.1, false,
                 "tester: warning: interface r1: no more drops: 12,345 frames were dropped in 0.1 "
                 "s\n");
}

static void so_are_those_of_the_interface_itself(void **state) {
    (void)state;
    snapshot.interface[0][FB_INTERFACE_INTERFACE_DROPS] = 700;
    expect_lines(0.1, false,
                 "tester: warning: interface r0 itself, or its driver, drops frames: give it "
                 "longer queues with 'ethtool -G r0 rx N', or more of them with 'ethtool -L'\n");
    snapshot.interface[0][FB_INTERFACE_INTERFACE_DROPS] = 701;
    expect_lines(0.6, false, "");
    expect_lines(1.6, false,
                 "tester: warning: interface r0 itself: no more drops: 701 frames were dropped in "
                 "0.6 s\n");
    expect_lines(2.6, true, "");
}

static void drops_for_want_of_a_worker_are_told_of(void **state) {
    (void)state;
    snapshot.dropped[FB_DROP_NO_WORKER] = 99;
    expect_lines(0.1, false, "tester: warning: no worker is ready: packets are dropped\n");
    expect_lines(1.1, false,
                 "tester: warning: no worker was ready: no more drops: 99 packets were dropped in "
                 "0.1 s\n");
}

/* Such a run ends with an error that counts them. */
static void a_run_that_waits_for_workers_has_no_such_lines(void **state) {
    (void)state;
    episodes.lossless = true;
    snapshot.dropped[FB_DROP_NO_WORKER] = 99;
    expect_lines(0.1, false, "");
    expect_lines(9.0, true, "");
}

#define EPISODE_TEST(f) cmocka_unit_test_setup(f, begin)
#define LINES_TEST(f) cmocka_unit_test_setup(f, begin_lines)

int main(void) {
    const struct CMUnitTest tests[] = {
        EPISODE_TEST(a_run_that_drops_nothing_has_no_line),
        EPISODE_TEST(the_first_drop_has_a_line_immediately_and_those_after_it_none),
        EPISODE_TEST(after_a_second_without_a_drop_it_is_over_and_counted),
        EPISODE_TEST(what_was_dropped_before_counts_no_more),
        EPISODE_TEST(what_begins_just_after_an_end_waits_for_its_line),
        EPISODE_TEST(bursts_that_come_again_are_one_episode),
        EPISODE_TEST(the_end_of_the_run_ends_what_is_under_way),
        EPISODE_TEST(what_was_dropped_at_the_end_of_the_run_has_one_line),
        EPISODE_TEST(no_two_lines_come_within_a_second_and_every_drop_is_in_one),
        LINES_TEST(a_full_ring_is_told_of_with_its_worker_and_counts),
        LINES_TEST(each_worker_has_its_own_lines),
        LINES_TEST(drops_of_an_interface_are_told_of_with_its_name),
        LINES_TEST(so_are_those_of_the_interface_itself),
        LINES_TEST(drops_for_want_of_a_worker_are_told_of),
        LINES_TEST(a_run_that_waits_for_workers_has_no_such_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
