/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/loop.c and worker/consumer/consumer.c: an inspector whose output cannot be written. */
#include <signal.h>
#include <sys/time.h>

#include <string.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/loop_fixture.h"
#include "worker/inspectors/inspectors.h"

static unsigned output_fails; /* so many times more */
static uint64_t cursor_in_pause;
static const struct loop_fixture *paused;

/* A look from outside while the worker pauses. */
static void look_at_the_cursor(int signo) {
    (void)signo;
    cursor_in_pause = atomic_load(&paused->up->cursor);
}

static int fail_to_write(struct loop_fixture *f) {
    (void)f;
    return output_fails-- > 0 ? FB_OUTPUT_FAILED : 0;
}

static void what_cannot_be_written_comes_again_and_is_not_suspected_meanwhile(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (uint64_t frame = 1; frame <= 6; frame++)
        give_packet(f, frame, frame == 3 ? 9 : 1, 0);
    f->special_frame = 3;
    f->special = fail_to_write;
    output_fails = 4;
    paused = f;
    signal(SIGALRM, look_at_the_cursor);
    /* The four pauses have 1, 2, 4 and 8 ms. */
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 5000}, NULL);
    cursor_in_pause = 0;
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, 10);
    for (unsigned i = 2; i < 7; i++) {
        assert_int_equal(f->calls[i].frame, 3);
        assert_int_equal(f->calls[i].flags, FB_F_MID_STREAM); /* each time as the first time */
    }
    assert_int_equal(f->calls[7].frame, 4);
    assert_int_equal(counted(f, FB_WORKER_PACKETS), 6);
    assert_int_equal(counted(f, FB_WORKER_MID_STREAM), 2);
    assert_int_equal(counted(f, FB_WORKER_OUTPUT_WAITS), 4);
    is_idle_at(f, 6);
    assert_int_equal(cursor_in_pause, 2 * 2); /* two are finished, none is under inspection */
}

static int fail_to_write_and_be_asked(struct loop_fixture *f) {
    f->leave_signals = 2;
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_commanded(struct loop_fixture *f) {
    command_to_leave(f);
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_revoked(struct loop_fixture *f) {
    be_revoked(f);
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_orphaned(struct loop_fixture *f) {
    vanish(f);
    return FB_OUTPUT_FAILED;
}

/* With what it finished of the burst, and nothing in its hands. */
static void a_worker_that_waits_for_its_output_leaves_for_every_reason(void **state) {
    struct loop_fixture *f = *state;
    static const struct {
        int (*special)(struct loop_fixture *f);
        int end;
    } rows[] = {{fail_to_write_and_be_asked, FB_ENDED_LEFT},
                {fail_to_write_and_be_commanded, FB_ENDED_STOPPED},
                {fail_to_write_and_be_revoked, FB_ENDED_REVOKED},
                {fail_to_write_and_be_orphaned, FB_ENDED_FAILED}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_loop(f, 0);
        for (uint64_t frame = 1; frame <= 6; frame++)
            give_packet(f, frame, 1, 0);
        f->special_frame = 3;
        f->special = rows[i].special;
        assert_int_equal(run_loop(f), rows[i].end);
        assert_int_equal(f->call_count, 3);
        assert_int_equal(atomic_load(&f->up->cursor), 2 * 2); /* two are finished */
        assert_int_equal(atomic_load(&f->up->consumed), 0);
    }
}

/* Frame 3 is in the worker's hands when its output is gone: it comes again, without a mark. */
static int have_its_output_gone(struct loop_fixture *f) {
    (void)f;
    fb_error("inspector note: the output is gone");
    return INSPECTOR_OUTPUT_GONE;
}

static void a_worker_whose_output_is_gone_fails_and_suspects_no_packet(void **state) {
    struct loop_fixture *f = *state;
    struct caught caught;
    make_loop(f, 0);
    give_frames(f, 6);
    f->special_frame = 3;
    f->special = have_its_output_gone;
    catch_begin(&caught);
    int ended = run_loop(f);
    expect_one_line(catch_end(&caught), "the output is gone");
    assert_int_equal(ended, LOOP_FAILED);
    assert_int_equal(f->call_count, 3);
    assert_int_equal(counted(f, FB_WORKER_PACKETS), 2);
    expect_resume(f, 2, false);
}

/* ---- what is said of it */

#define TRIES 18u     /* that fail, of each frame that cannot be written: about a second */
#define TRIES_FEW 10u /* of one that is only slow */

static bool says_so; /* the inspector does, itself */
static unsigned tries, most_tries;

static int late_open(struct fb_setup *setup) {
    (void)setup;
    tries = 0;
    return 0;
}

/* Frames 3 and 20 of two bursts cannot be written at first. */
static int late_packet(void *self, void *flow, const struct fb_packet *packet) {
    (void)self, (void)flow;
    if (packet->frame != 3 && packet->frame != 20)
        return 0;
    if (tries++ % (most_tries + 1) == most_tries)
        return 0;
    if (says_so)
        fb_error("inspector late: /full: no space left");
    return FB_OUTPUT_FAILED;
}

static const struct fb_inspector late = {FB_INSPECTOR_HEAD, .name = "late", .open = late_open,
                                         .packet = late_packet};

static unsigned times_in(const char *text, const char *part) {
    unsigned times = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        times++;
    return times;
}

/* What is logged in a run in which the second of two inspectors cannot write twice. */
static const char *log_of_late(struct loop_fixture *f, bool says, unsigned fails) {
    static struct caught caught;
    most_tries = fails;
    make_loop(f, 0);
    add_inspector(f, &late);
    says_so = says;
    give_frames(f, 30);
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
    int ended = run_to_the_stop_command(f);
    const char *text = catch_end(&caught);
    fb_log_set_level(FB_LOG_ERROR);
    assert_int_equal(ended, FB_ENDED_STOPPED);
    assert_int_equal(tries, 2 * (most_tries + 1));
    assert_int_equal(f->call_count, 30); /* the first sees nothing twice */
    return text;
}

static void each_wait_is_said_once_with_its_end(void **state) {
    const char *text = log_of_late(*state, false, TRIES);
    assert_int_equal(times_in(text, "inspector late: its output cannot be written"), 2);
    assert_int_equal(times_in(text, "inspector late: its output can be written again"), 2);
    assert_int_equal(lines_of(text), 4);
}

static void a_wait_that_is_short_is_not_said(void **state) {
    assert_int_equal(lines_of(log_of_late(*state, false, TRIES_FEW)), 0);
}

static void what_the_inspector_says_itself_is_not_said_again(void **state) {
    const char *text = log_of_late(*state, true, TRIES);
    assert_int_equal(times_in(text, "/full: no space left"), 2 * TRIES);
    assert_int_equal(lines_of(text), 2 * TRIES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(what_cannot_be_written_comes_again_and_is_not_suspected_meanwhile),
        LOOP_TEST(a_worker_that_waits_for_its_output_leaves_for_every_reason),
        LOOP_TEST(a_worker_whose_output_is_gone_fails_and_suspects_no_packet),
        LOOP_TEST(a_wait_that_is_short_is_not_said),
        LOOP_TEST(each_wait_is_said_once_with_its_end),
        LOOP_TEST(what_the_inspector_says_itself_is_not_said_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
