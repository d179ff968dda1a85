/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's buffer of a live run holds: nothing is lost while the dispatcher
 * has no core for a second, nor between the opening of the interface and the first
 * packet that a worker takes. With the default options. Where the machine was too busy
 * for that to be judged, the test is skipped and says so.
 */
#include "tests/lib/live.h"

#include <signal.h>

#define STALL_MS 1000
#define HELD_S 1.4 /* the buffer lasts 1.5: from here on it may be full */

/* Sends until so many more frames have arrived. */
static void await_arrived(struct test *t, json_int_t more) {
    json_int_t before = arrived_at("tap");
    UNTIL(t, arrived_at("tap") >= before + more);
}

/* Stops the dispatcher for a second. Returns after how many it was seen to run again. */
static double stall(struct test *t, const struct live *live) {
    double begun = seconds_now();
    process_signal(live->dispatcher, SIGSTOP);
    pause_ms(STALL_MS);
    process_signal(live->dispatcher, SIGCONT);
    await_snapshots(t, 1);
    return seconds_now() - begun;
}

static void need_pace(bool kept) {
    if (!kept)
        SKIP("the sender did not keep its pace: nothing to be judged");
}

static void expect_stall_held(struct test *t, unsigned per_second, size_t size,
                              const char *options) {
    struct live live;
    make_line();
    start_live(t, &live, WORKERS, "count", options);
    await_running(t);
    pid_t sender = netns_pace("sender", per_second, size);
    await_arrived(t, per_second / 4);
    double held_s = stall(t, &live);
    await_arrived(t, per_second / 4);
    bool kept = netns_stop_pace(sender);
    await_accounted(t, arrived_at("tap"));
    const json_t *report = end_live(t, &live);
    need_pace(kept);
    if (held_s > HELD_S)
        SKIP("the dispatcher had no core for %.1f s: nothing to be judged", held_s);
    expect_none_lost(report, arrived_at("tap"));
}

static void stall_of_a_second_under_20000_large_frames_loses_none(void **state) {
    expect_stall_held(*state, 20000, 650, "-i tap");
}

static void stall_of_a_second_under_1000_small_frames_loses_none(void **state) {
    expect_stall_held(*state, 1000, 254, "-i tap");
}

/* All of them come into the rings together, which is not what is tested. */
static void stall_of_a_second_under_80000_small_frames_loses_none(void **state) {
    expect_stall_held(*state, 80000, 60, "-i tap --ring-depth 100000");
}

/* ---- the start */

#define STARTS 6u

/* One run under way while frames come; returns whether it could be judged. */
static bool expect_start_loses_none(struct test *t) {
    json_int_t first = arrived_at("tap");
    pid_t sender = netns_pace("sender", 20000, 650);
    double opened;
    struct process *run = process_start(t, "flow-balancer run -n @ -w 4 -i tap --inspector count "
                                           "--report out.json");
    UNTIL(t, (opened = seconds_now(), strstr(process_errors(t, run), "capturing on tap") != NULL));
    json_int_t seen = arrived_at("tap");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") > 0);
    double started_s = seconds_now() - opened;
    await_arrived(t, 4000);
    bool kept = netns_stop_pace(sender);
    json_int_t last = arrived_at("tap");
    await_snapshots(t, 2); /* then the kernel's count is known */
    await_accounted(t, stat_number(t, t->name, "capture.received"));
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    processes_forget(t);
    const json_t *report = report_of(t, "out.json");
    json_int_t received = number_at(report, "capture.received");
    if (!kept || started_s > HELD_S) {
        print_message("a start of %.1f s, the sender %s its pace: not judged\n", started_s,
                      kept ? "kept" : "did not keep");
        return false;
    }
    /* Without a hole: of all from the line on, and of those from the opening to the line. */
    assert_in_range(received, last - seen, last - first);
    expect_none_lost(report, received);
    return true;
}

static void starts_under_20000_frames_lose_none_from_the_line_on(void **state) {
    struct test *t = *state;
    unsigned judged = 0;
    make_line();
    for (unsigned i = 0; i < STARTS; i++)
        judged += expect_start_loses_none(t);
    if (judged == 0)
        SKIP("the machine was too busy in all %u starts: nothing to be judged", STARTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(stall_of_a_second_under_20000_large_frames_loses_none),
        PROCESS_TEST(stall_of_a_second_under_1000_small_frames_loses_none),
        PROCESS_TEST(stall_of_a_second_under_80000_small_frames_loses_none),
        PROCESS_TEST(starts_under_20000_frames_lose_none_from_the_line_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
