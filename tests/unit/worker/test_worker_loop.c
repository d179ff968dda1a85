/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/loop.c and worker/consumer/consumer.c: over a ring in one process, with an inspector that
 * only notes what it gets.
 */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/loop_fixture.h"

static struct loop_fixture *interrupted; /* by a signal */

static void packets_and_ends_reach_the_inspector_in_order(void **state) {
    struct loop_fixture *f = *state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_loop(f, firsts[i]);
        give_packet(f, 1, 7, FB_F_START);
        give_packet(f, 2, 8, FB_F_START | 1u << FB_LINK_SHIFT);
        give_packet(f, 3, 7, FB_F_GAP);
        give_end(f, 7, 0, FB_F_END);
        give_packet(f, 4, 8, 0);
        assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
        static const struct call expected[] = {
            {.frame = 1,
             .flags = FB_F_START,
             .first_byte = 1,
             .link_type = 1,
             .packets_of_flow = 1},
            {.frame = 2,
             .flags = FB_F_START,
             .first_byte = 2,
             .link_type = DLT_RAW,
             .packets_of_flow = 1},
            {.frame = 3, .flags = FB_F_GAP, .first_byte = 3, .link_type = 1, .packets_of_flow = 2},
            {.reason = FB_END_EVICTED, .packets_of_flow = 2},
            {.frame = 4, .first_byte = 4, .link_type = 1, .packets_of_flow = 2},
        };
        assert_int_equal(f->call_count, 5);
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(f->calls[n].frame, expected[n].frame);
            assert_int_equal(f->calls[n].flags, expected[n].flags);
            assert_int_equal(f->calls[n].first_byte, expected[n].first_byte);
            assert_int_equal(f->calls[n].link_type, expected[n].link_type);
            assert_int_equal(f->calls[n].reason, expected[n].reason);
            assert_int_equal(f->calls[n].packets_of_flow, expected[n].packets_of_flow);
        }
        is_idle_at(f, firsts[i] + 5);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 4);
        assert_int_equal(counted(f, FB_WORKER_BYTES), 240);
        assert_int_equal(counted(f, FB_WORKER_STARTS), 2);
        assert_int_equal(counted(f, FB_WORKER_ENDS), 1);
        assert_int_equal(counted(f, FB_WORKER_GAP_PACKETS), 3);
        assert_int_equal(counted(f, FB_WORKER_MID_STREAM), 0);
        assert_int_equal(counted(f, FB_WORKER_UNKNOWN_ENDS), 0);
    }
}

static void the_end_of_a_flow_that_is_not_known_is_counted_and_passed_over(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_end(f, 7, 0, FB_F_END);
    give_packet(f, 1, 7, FB_F_START);
    give_end(f, 7, 5, FB_F_END); /* of another generation */
    give_packet(f, 2, 7, 0);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, 2);
    assert_int_equal(f->calls[1].packets_of_flow, 2);
    assert_int_equal(counted(f, FB_WORKER_UNKNOWN_ENDS), 2);
    assert_int_equal(counted(f, FB_WORKER_ENDS), 0);
    is_idle_at(f, 4);
}

static int open_for_all_ends(struct fb_setup *setup) {
    setup->all_ends = 1;
    return note_open(setup);
}

/* To those inspectors that ask for them, and to no other. */
static void ends_of_flows_that_are_not_known_are_told_where_they_are_asked_for(void **state) {
    static const struct fb_inspector asking = {FB_INSPECTOR_HEAD, .name = "asking",
                                               .open = open_for_all_ends, .packet = note_packet,
                                               .flow_end = note_end};
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    add_inspector(f, &asking);
    give_end(f, 7, 0, FB_F_END);
    give_packet(f, 1, 8, FB_F_START);
    give_end(f, 7, 5, FB_F_END | FB_F_REDELIVERED);
    give_end(f, 8, 0, FB_F_END);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    static const unsigned flags[] = {
        FB_F_MID_STREAM, FB_F_START, FB_F_START, FB_F_MID_STREAM | FB_F_REDELIVERED, 0, 0};
    static const unsigned packets[] = {0, 1, 1, 0, 1, 1};
    assert_int_equal(f->call_count, 6);
    for (unsigned n = 0; n < 6; n++) {
        assert_int_equal(f->calls[n].flags, flags[n]);
        assert_int_equal(f->calls[n].packets_of_flow, packets[n]);
    }
    assert_int_equal(counted(f, FB_WORKER_UNKNOWN_ENDS), 2);
    assert_int_equal(counted(f, FB_WORKER_ENDS), 1);
    is_idle_at(f, 4);
}

static void what_is_to_be_skipped_is_passed_over_unseen(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_packet(f, 1, 7, FB_F_START);
    give_packet(f, 2, 7, FB_F_SKIP);
    give_end(f, 7, 0, FB_F_SKIP);
    give_end(f, 7, 0, FB_F_SKIP | FB_F_END);
    give_packet(f, 3, 7, 0);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, 2);
    assert_int_equal(f->calls[1].frame, 3);
    assert_int_equal(f->calls[1].packets_of_flow, 2);
    assert_int_equal(counted(f, FB_WORKER_PACKETS), 2);
    assert_int_equal(counted(f, FB_WORKER_ENDS) + counted(f, FB_WORKER_UNKNOWN_ENDS), 0);
    is_idle_at(f, 5);
}

static void after_a_restart_flows_are_in_mid_stream_once(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (uint64_t frame = 1; frame <= 6; frame++)
        give_packet(f, frame, (uint32_t)(frame % 2), frame == 1 ? FB_F_START : 0);
    begin_life(f, 1); /* the process that saw frame 1 is gone */
    give_packet(f, 7, 3, FB_F_START | FB_F_REDELIVERED);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, 6);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(f->calls[i].frame, i + 2);
        assert_int_equal(f->calls[i].flags, i < 2 ? FB_F_MID_STREAM : 0);
        assert_int_equal(f->calls[i].packets_of_flow, i / 2 + 1);
    }
    assert_int_equal(f->calls[5].flags, FB_F_START | FB_F_REDELIVERED);
    assert_int_equal(counted(f, FB_WORKER_MID_STREAM), 2);
    is_idle_at(f, 7);
}

static int fail_to_inspect(struct loop_fixture *f) {
    (void)f;
    return -5;
}

static void an_inspector_that_fails_leaves_the_cursor_on_that_packet(void **state) {
    struct loop_fixture *f = *state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_loop(f, firsts[i]);
        give_frames(f, 20);
        f->special_frame = 12;
        f->special = fail_to_inspect;
        assert_int_equal(run_to_the_stop_command(f), LOOP_FAILED);
        assert_int_equal(f->call_count, 12);
        /* A burst is given back, and in the next the twelfth packet is named. */
        assert_int_equal(atomic_load(&f->up->consumed), firsts[i] + BURST);
        assert_int_equal(atomic_load(&f->up->cursor), (firsts[i] + 11) * 2 + 1);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 11);
        struct fb_resume_point resume_point = fb_tx_recover(&f->tx);
        assert_int_equal(resume_point.violation, FB_VIOLATION_NONE);
        assert_true(resume_point.suspect);
        assert_int_equal(resume_point.resume_seq, firsts[i] + 11);
    }
}

/* The epoch differs from then on, which the packet under inspection may not check. */
static int note_nothing(void *self, void *flow, const struct fb_packet *packet) {
    struct loop_fixture *f = self;
    (void)flow;
    f->call_count++;
    return packet->frame == f->special_frame ? f->special(f) : 0;
}

static void a_revoked_worker_finishes_its_packet_and_touches_no_other(void **state) {
    struct loop_fixture *f = *state;
    static const struct fb_inspector plain = {FB_INSPECTOR_HEAD, .name = "plain", .open = note_open,
                                              .packet = note_nothing};
    make_loop(f, 0);
    set_inspector(f, &plain);
    give_frames(f, 20);
    f->special_frame = 12;
    f->special = be_revoked;
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_REVOKED);
    assert_int_equal(f->call_count, 12);
    assert_int_equal(atomic_load(&f->up->consumed), BURST);
    /* It had begun the next when it saw it: that is the suspect, and none before. */
    assert_int_equal(atomic_load(&f->up->cursor), 12 * 2 + 1);
}

/* ---- between bursts */

static unsigned ticks, reloads, ticks_when_revoked;

static int count_tick(void *self, uint64_t now_ns) {
    (void)self, (void)now_ns;
    ticks++;
    return 0;
}

static int count_reload(void *self) {
    (void)self;
    reloads++;
    return 0;
}

static int open_ticking(struct fb_setup *setup) {
    setup->tick_ms = 1;
    return note_open(setup);
}

static const struct fb_inspector ticking = {FB_INSPECTOR_HEAD,    .name = "tick",
                                            .open = open_ticking, .packet = note_nothing,
                                            .tick = count_tick,   .reload = count_reload};

static int wait_and_be_revoked(struct loop_fixture *f) {
    usleep(5000);
    ticks_when_revoked = ticks;
    return be_revoked(f);
}

/* What it writes then would be beside what the next process writes. */
static void a_revoked_worker_ticks_no_more(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_inspector(f, &ticking);
    ticks = 0;
    give_frames(f, 20);
    f->special_frame = 12;
    f->special = wait_and_be_revoked;
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_REVOKED);
    assert_int_equal(ticks, ticks_when_revoked);
}

static int wait_a_while(struct loop_fixture *f) {
    f->special_frame += BURST;
    usleep(2000);
    return 0;
}

static void a_busy_worker_ticks_between_bursts(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_inspector(f, &ticking);
    ticks = 0;
    give_frames(f, 5 * BURST);
    f->special_frame = 1;
    f->special = wait_a_while;
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_in_range(ticks, 4, 5); /* a burst takes longer than a tick */
}

static void on_alarm_leave(int signo) {
    (void)signo;
    interrupted->leave_signals = 2;
}

static void a_worker_ticks_on_a_quiet_line(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_inspector(f, &ticking);
    ticks = 0;
    interrupted = f;
    f->leave_signals = 0;
    signal(SIGALRM, on_alarm_leave);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 100000}, NULL);
    assert_int_equal(run_loop(f), FB_ENDED_LEFT);
    signal(SIGALRM, SIG_DFL);
    assert_in_range(ticks, 2, 101);
}

static int ask_for_reload(struct loop_fixture *f) {
    f->special_frame = 20;
    f->reload_signals = f->reload_signals + 2;
    return 0;
}

static void reloads_come_between_bursts_and_several_signals_are_one(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_inspector(f, &ticking);
    reloads = 0;
    give_frames(f, 40);
    f->special_frame = 3;
    f->special = ask_for_reload;
    f->reload_signals = 1; /* before it was ready */
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->reload_signals, 5);
    assert_int_equal(reloads, 3);
}

static void a_worker_revoked_on_an_empty_ring_leaves(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    be_revoked(f);
    assert_int_equal(run_loop(f), FB_ENDED_REVOKED);
    assert_int_equal(f->call_count, 0);
    is_idle_at(f, 0);
}

static void the_order_to_stop_is_followed_when_the_ring_is_finished(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, DEPTH);
    f->leave_signals = 1; /* and so is a signal */
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, DEPTH);
    is_idle_at(f, DEPTH);
}

static int signal_once_more(struct loop_fixture *f) {
    f->leave_signals = f->leave_signals + 1;
    return 0;
}

static void a_second_signal_is_followed_at_the_end_of_the_burst(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, 20);
    f->leave_signals = 1;
    f->special_frame = 3;
    f->special = signal_once_more;
    assert_int_equal(run_loop(f), FB_ENDED_LEFT);
    assert_int_equal(f->call_count, BURST);
    is_idle_at(f, BURST);
    assert_int_equal(counted(f, FB_WORKER_PACKETS), BURST);
}

static void the_order_to_leave_is_followed_at_the_end_of_the_burst(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, 20);
    f->special_frame = 3;
    f->special = command_to_leave;
    assert_int_equal(run_loop(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, BURST);
    is_idle_at(f, BURST);
    assert_int_equal(counted(f, FB_WORKER_PACKETS), BURST);
}

static void one_signal_is_followed_when_the_dispatcher_had_its_time(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, 20);
    f->leave_signals = 1;
    f->consumer.asked_ns = 1; /* noticed at the start of the machine */
    assert_int_equal(run_loop(f), FB_ENDED_LEFT);
    assert_int_equal(f->call_count, 20);
    is_idle_at(f, 20);
}

static void the_dispatcher_gone_the_ring_is_finished_and_flows_end_orphaned(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(f, frame, (uint32_t)(frame % 3), frame <= 3 ? FB_F_START : 0);
    give_end(f, 0, 0, FB_F_END);
    vanish(f); /* its lock is free; what was published is there */
    assert_false(fb_ctl_alive(&f->seen));
    f->consumer.spin = true;
    assert_int_equal(run_loop(f), FB_ENDED_ORPHANED);
    assert_int_equal(f->call_count, 20 + 1 + 2);
    assert_int_equal(f->calls[20].reason, FB_END_EVICTED);
    assert_int_equal(f->calls[21].reason, FB_END_ORPHANED);
    assert_int_equal(f->calls[22].reason, FB_END_ORPHANED);
    assert_int_equal(f->calls[21].packets_of_flow + f->calls[22].packets_of_flow, 14);
    assert_int_equal(counted(f, FB_WORKER_ENDS), 3);
    is_idle_at(f, 21);
}

static void a_signal_waits_for_the_order_of_a_dispatcher_that_is_stopping(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_packet(f, 1, 1, FB_F_START);
    fb_ctl_set_run_state(f->ctl.ctl, FB_RUN_STOPPING);
    vanish(f);
    f->leave_signals = 1;
    f->consumer.asked_ns = 1;
    f->consumer.spin = true;
    /* The order never comes; only that no dispatcher is left to give it ends the wait. */
    assert_int_equal(run_loop(f), FB_ENDED_ORPHANED);
}

static void a_parked_worker_notices_too_that_the_dispatcher_is_gone(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_packet(f, 1, 1, FB_F_START);
    vanish(f);
    assert_int_equal(run_loop(f), FB_ENDED_ORPHANED);
    assert_int_equal(f->call_count, 2);
    assert_int_equal(f->calls[1].reason, FB_END_ORPHANED);
    assert_int_equal(counted(f, FB_WORKER_PARKS), 1);
    assert_int_equal(atomic_load(&f->up->parked), 0);
}

static void publish_and_vanish(int signo) {
    struct loop_fixture *f = interrupted;
    (void)signo;
    give_packet(f, 2, 1, 0);
    vanish(f);
}

static void the_last_words_of_a_dispatcher_are_heard(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_packet(f, 1, 1, FB_F_START);
    /* While the worker sleeps; should it still spin by then, it must hear them as well. */
    const struct sigaction action = {.sa_handler = publish_and_vanish};
    const struct itimerval soon = {.it_value = {.tv_usec = 10000}};
    interrupted = f;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(run_loop(f), FB_ENDED_ORPHANED);
    signal(SIGALRM, SIG_DFL);
    assert_int_equal(f->call_count, 3);
    assert_int_equal(f->calls[1].frame, 2);
    assert_int_equal(f->calls[2].reason, FB_END_ORPHANED);
    is_idle_at(f, 2);
}

static int open_without_state(struct fb_setup *setup) {
    setup->self = (void *)(uintptr_t)setup->args;
    return 0;
}

static void an_inspector_without_state_or_flow_end_is_called_with_none(void **state) {
    struct loop_fixture *f = *state;
    static const struct fb_inspector bare = {FB_INSPECTOR_HEAD, .name = "bare",
                                             .open = open_without_state, .packet = note_packet};
    make_loop(f, 0);
    set_inspector(f, &bare);
    give_packet(f, 1, 1, FB_F_START);
    give_end(f, 1, 0, FB_F_END);
    give_packet(f, 2, 1, 0);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(f->call_count, 2);
    assert_int_equal(f->calls[0].packets_of_flow, 0);
    assert_int_equal(f->calls[1].flags, FB_F_MID_STREAM); /* its flow has ended */
    assert_int_equal(counted(f, FB_WORKER_ENDS), 1);
}

static void a_handle_out_of_range_fails_and_kills_no_process(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_packet(f, 1, 1, FB_F_START);
    give_packet(f, 2, UINT32_MAX, FB_F_START);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_FAILED);
    assert_int_equal(f->call_count, 1);
    assert_int_equal(atomic_load(&f->up->cursor), 1 * 2 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(packets_and_ends_reach_the_inspector_in_order),
        LOOP_TEST(the_end_of_a_flow_that_is_not_known_is_counted_and_passed_over),
        LOOP_TEST(ends_of_flows_that_are_not_known_are_told_where_they_are_asked_for),
        LOOP_TEST(what_is_to_be_skipped_is_passed_over_unseen),
        LOOP_TEST(after_a_restart_flows_are_in_mid_stream_once),
        LOOP_TEST(an_inspector_that_fails_leaves_the_cursor_on_that_packet),
        LOOP_TEST(a_revoked_worker_finishes_its_packet_and_touches_no_other),
        LOOP_TEST(a_revoked_worker_ticks_no_more),
        LOOP_TEST(a_busy_worker_ticks_between_bursts),
        LOOP_TEST(a_worker_ticks_on_a_quiet_line),
        LOOP_TEST(reloads_come_between_bursts_and_several_signals_are_one),
        LOOP_TEST(a_worker_revoked_on_an_empty_ring_leaves),
        LOOP_TEST(the_order_to_stop_is_followed_when_the_ring_is_finished),
        LOOP_TEST(a_second_signal_is_followed_at_the_end_of_the_burst),
        LOOP_TEST(the_order_to_leave_is_followed_at_the_end_of_the_burst),
        LOOP_TEST(one_signal_is_followed_when_the_dispatcher_had_its_time),
        LOOP_TEST(the_dispatcher_gone_the_ring_is_finished_and_flows_end_orphaned),
        LOOP_TEST(a_signal_waits_for_the_order_of_a_dispatcher_that_is_stopping),
        LOOP_TEST(a_parked_worker_notices_too_that_the_dispatcher_is_gone),
        LOOP_TEST(the_last_words_of_a_dispatcher_are_heard),
        LOOP_TEST(an_inspector_without_state_or_flow_end_is_called_with_none),
        LOOP_TEST(a_handle_out_of_range_fails_and_kills_no_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
