/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/consumer.c: its functions one by one, as a program calls them. */
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "tests/lib/caught.h"
#include "tests/lib/loop_fixture.h"

#define MS UINT64_C(1000000)

static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};

static struct loop_fixture *interrupted; /* by a signal */
static void (*on_signal)(struct loop_fixture *f);

static void call_on_signal(int signo) {
    (void)signo;
    on_signal(interrupted);
}

/* What is to happen while the consumer waits. */
static void in_ms(struct loop_fixture *f, unsigned ms, void (*act)(struct loop_fixture *f)) {
    const struct sigaction action = {.sa_handler = call_on_signal};
    interrupted = f;
    on_signal = act;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = (int)ms * 1000}, NULL);
}

static void pause_for(unsigned ms) {
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
}

static void do_nothing(struct loop_fixture *f) {
    (void)f;
}

static void give_one(struct loop_fixture *f) {
    give_packet(f, 1, 1, FB_F_START);
}

static const struct fb_event *next_event(struct loop_fixture *f) {
    const struct fb_event *event = NULL;
    assert_int_equal(fb_consumer_next(&f->consumer, 0, &event), 1);
    assert_non_null(event);
    return event;
}

static int next_ended(struct loop_fixture *f, int timeout_ms) {
    const struct fb_event *event;
    return fb_consumer_next(&f->consumer, timeout_ms, &event);
}

/* ---- next */

static void next_finishes_the_event_before(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        make_loop(f, first);
        set_state_bytes(f, 8);
        give_frames(f, 3);
        give_end(f, 1, 0, FB_F_END);
        for (uint64_t n = 0; n < 3; n++) {
            const struct fb_event *event = next_event(f);
            assert_int_equal(event->kind, FB_EVENT_PACKET);
            assert_int_equal(event->packet.frame, n + 1);
            assert_int_equal(event->packet.data[0], n + 1);
            assert_int_equal(event->packet.flow->id, 1001);
            assert_int_equal(event->packet.flags, n == 0 ? FB_F_MID_STREAM : 0);
            assert_int_equal(*(uint64_t *)event->state, n);
            *(uint64_t *)event->state = n + 1;
            is_busy_at(f, first, first + n);
        }
        const struct fb_event *event = next_event(f);
        assert_int_equal(event->kind, FB_EVENT_FLOW_END);
        assert_int_equal(event->end.reason, FB_END_EVICTED);
        assert_int_equal(event->end.flow->id, 1001);
        assert_int_equal(*(uint64_t *)event->state, 3);
        is_busy_at(f, first, first + 3);
        assert_int_equal(next_ended(f, 0), 0);
        is_idle_at(f, first + 4);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 3);
        assert_int_equal(counted(f, FB_WORKER_ENDS), 1);
    }
}

static void without_state_events_carry_none(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 0);
    give_frames(f, 1);
    give_end(f, 1, 0, FB_F_END);
    assert_null(next_event(f)->state);
    assert_null(next_event(f)->state);
}

static void a_timeout_of_0_does_not_wait(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (unsigned spin = 0; spin < 2; spin++) {
        f->consumer.spin = spin != 0;
        assert_int_equal(next_ended(f, 0), 0);
        assert_int_equal(fb_consumer_burst(&f->consumer, 0), 0);
        assert_null(fb_consumer_step(&f->consumer));
    }
    assert_int_equal(f->consumer.counters[FB_WORKER_PARKS], 0);
    fb_tx_set_command(&f->tx, FB_COMMAND_STOP);
    assert_int_equal(next_ended(f, 0), FB_ENDED_STOPPED);
}

static void a_timeout_is_waited_for_and_not_longer(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (unsigned spin = 0; spin < 2; spin++) {
        f->consumer.spin = spin != 0;
        uint64_t begin_ns = fb_now_ns();
        assert_int_equal(next_ended(f, 30), 0);
        uint64_t end_ns = fb_now_ns();
        assert_in_range(end_ns - begin_ns, 30 * MS, 3000 * MS);
        assert_in_range(fb_consumer_now(&f->consumer), begin_ns + 30 * MS, end_ns);
    }
}

static void without_a_timeout_it_waits_until_there_is_something(void **state) {
    struct loop_fixture *f = *state;
    const struct fb_event *event;
    make_loop(f, 0);
    f->consumer.spin = true; /* else the signal ends the wait */
    in_ms(f, 150, give_one);
    assert_int_equal(fb_consumer_next(&f->consumer, -1, &event), 1);
    assert_int_equal(event->packet.frame, 1);
}

static void a_signal_handler_ends_the_wait(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    for (int timeout_ms = -1; timeout_ms <= 60000; timeout_ms += 60001) {
        uint64_t begin_ns = fb_now_ns();
        in_ms(f, 30, do_nothing);
        assert_int_equal(next_ended(f, timeout_ms), 0);
        assert_in_range(fb_now_ns() - begin_ns, 0, 30000 * MS);
    }
}

static void ask_to_leave(struct loop_fixture *f) {
    f->leave_signals = 1;
}

/* Whichever instruction of the look the signal comes at: often, since that is by chance. */
static void a_request_to_leave_in_the_middle_of_a_look_has_its_grace(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    f->consumer.spin = true;
    for (unsigned i = 0; i < 200; i++) {
        f->leave_signals = 0;
        f->consumer.asked_ns = 0;
        in_ms(f, 1, ask_to_leave);
        assert_int_equal(next_ended(f, 3), 0);
        assert_int_equal(f->leave_signals, 1);
    }
}

static void what_has_ended_has_ended(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, 2);
    next_event(f);
    fb_tx_set_command(&f->tx, FB_COMMAND_LEAVE);
    next_event(f); /* of the same burst */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(next_ended(f, -1), FB_ENDED_STOPPED);
        assert_int_equal(fb_consumer_burst(&f->consumer, -1), FB_ENDED_STOPPED);
        assert_null(fb_consumer_step(&f->consumer));
        assert_int_equal(fb_consumer_retry(&f->consumer, 0), FB_ENDED_STOPPED);
    }
    is_idle_at(f, 2);
}

/* ---- burst and step */

static void a_burst_is_given_back_when_it_is_over(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        make_loop(f, first);
        set_state_bytes(f, 0);
        give_frames(f, BURST + 3);
        assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST);
        is_idle_at(f, first); /* nothing is begun */
        for (unsigned n = 0; n < BURST; n++) {
            assert_int_equal(fb_consumer_step(&f->consumer)->packet.frame, n + 1);
            is_busy_at(f, first, first + n);
        }
        assert_null(fb_consumer_step(&f->consumer));
        is_idle_at(f, first + BURST);
        assert_null(fb_consumer_step(&f->consumer));
        assert_int_equal(fb_consumer_burst(&f->consumer, 0), 3);
    }
}

static void a_burst_in_a_burst_gives_back_what_was_stepped_through(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        make_loop(f, first);
        set_state_bytes(f, 0);
        give_frames(f, BURST);
        assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST);
        for (unsigned n = 0; n < 3; n++)
            fb_consumer_step(&f->consumer);
        assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST - 3);
        is_idle_at(f, first + 3);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 3);
        assert_int_equal(fb_consumer_step(&f->consumer)->packet.frame, 4);
    }
}

static void to_close_in_a_burst_gives_back_what_was_handed_out(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        for (unsigned begun = 0; begun <= 4; begun++) {
            make_loop(f, first);
            give_frames(f, BURST);
            assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST);
            for (unsigned n = 0; n < begun; n++)
                fb_consumer_step(&f->consumer);
            consumer_finish(&f->consumer, false);
            is_idle_at(f, first + begun);
            assert_int_equal(counted(f, FB_WORKER_PACKETS), begun);
            expect_resume(f, first + begun, false);
        }
    }
}

static void an_abandoned_event_is_the_suspect_and_those_before_it_are_finished(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        make_loop(f, first);
        give_frames(f, BURST);
        for (unsigned n = 0; n < 4; n++)
            next_event(f);
        consumer_finish(&f->consumer, true);
        is_busy_at(f, first, first + 3);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 3);
        consumer_finish(&f->consumer, true); /* changes nothing */
        is_busy_at(f, first, first + 3);
        expect_resume(f, first + 3, true);
    }
}

static void to_abandon_where_nothing_is_handed_out_makes_no_suspect(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, BURST);
    assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST);
    consumer_finish(&f->consumer, true);
    expect_resume(f, 0, false);
}

static void a_revoked_consumer_touches_nothing_more(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, BURST);
    assert_int_equal(fb_consumer_burst(&f->consumer, 0), BURST);
    fb_consumer_step(&f->consumer);
    be_revoked(f);
    assert_null(fb_consumer_step(&f->consumer));
    is_busy_at(f, 0, 1);
    assert_null(fb_consumer_step(&f->consumer));
    assert_int_equal(fb_consumer_burst(&f->consumer, -1), FB_ENDED_REVOKED);
    consumer_finish(&f->consumer, false);
    is_busy_at(f, 0, 1);
}

/* ---- retry */

static uint64_t cursor_seen;

static void look_at_the_cursor(struct loop_fixture *f) {
    cursor_seen = atomic_load(&f->up->cursor);
}

static void a_retry_pauses_the_cursor_and_keeps_the_event(void **state) {
    struct loop_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t first = firsts[i];
        make_loop(f, first);
        set_state_bytes(f, 8);
        give_frames(f, 3);
        next_event(f);
        const struct fb_event *event = next_event(f);
        const struct fb_event before = *event;
        in_ms(f, 10, look_at_the_cursor);
        uint64_t begin_ns = fb_now_ns();
        assert_int_equal(fb_consumer_retry(&f->consumer, 500), 0);
        assert_true(fb_now_ns() - begin_ns >= 9 * MS);
        assert_int_equal(cursor_seen, (first + 1) * 2); /* one is finished */
        is_busy_at(f, first, first + 1);
        assert_memory_equal(event, &before, sizeof before);
        assert_int_equal(counted(f, FB_WORKER_OUTPUT_WAITS), 1);
        assert_int_equal(fb_up_counter(f->up, FB_WORKER_PACKETS), 1);
        assert_int_equal(fb_up_counter(f->up, FB_WORKER_BYTES), PACKET_BYTES);
        assert_int_equal(next_event(f)->packet.frame, 3);
        is_busy_at(f, first, first + 2);
    }
}

static void a_retry_of_nothing_does_not_wait(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    assert_int_equal(fb_consumer_retry(&f->consumer, 1000), 0);
    assert_int_equal(f->consumer.counters[FB_WORKER_OUTPUT_WAITS], 0);
    is_idle_at(f, 0);
}

static int ask_once(struct loop_fixture *f) {
    f->leave_signals = 1;
    return 0;
}

static int ask_twice(struct loop_fixture *f) {
    f->leave_signals = 2;
    return 0;
}

/* Until it ends; returns with what, and counts the tries that it gave. */
static int retry_to_the_end(struct loop_fixture *f, uint64_t stay_ns, unsigned *tries) {
    int ended;
    for (*tries = 0; (ended = consumer_retry(&f->consumer, 1, stay_ns)) == 0; ++*tries)
        is_busy_at(f, 0, 1);
    return ended;
}

/* But for a revocation, and a second request. */
static void an_event_that_is_partly_out_puts_off_the_end(void **state) {
    static const struct {
        int (*end)(struct loop_fixture *f);
        int ended;
        bool is_put_off;
    } rows[] = {{command_to_leave, FB_ENDED_STOPPED, true},
                {ask_once, FB_ENDED_LEFT, true},
                {ask_twice, FB_ENDED_LEFT, false},
                {vanish, FB_ENDED_FAILED, true},
                {be_revoked, FB_ENDED_REVOKED, false}};
    struct loop_fixture *f = *state;
    struct caught caught;
    unsigned tries;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_loop(f, 0);
        give_frames(f, 4);
        next_event(f);
        next_event(f);
        rows[i].end(f);
        uint64_t begin_ns = fb_now_ns();
        catch_begin(&caught);
        assert_int_equal(retry_to_the_end(f, 50 * MS, &tries), rows[i].ended);
        catch_end(&caught);
        assert_int_equal(lines_of(caught.text), rows[i].ended == FB_ENDED_FAILED);
        if (rows[i].is_put_off)
            assert_true(tries >= 2 && fb_now_ns() - begin_ns >= 50 * MS);
        else
            assert_int_equal(tries, 0);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 1);
    }
}

static void it_puts_off_once_for_all_that_is_left_of_the_burst(void **state) {
    struct loop_fixture *f = *state;
    unsigned tries;
    make_loop(f, 0);
    give_frames(f, 4);
    next_event(f);
    command_to_leave(f);
    assert_int_equal(consumer_retry(&f->consumer, 1, 50 * MS), 0);
    pause_for(60);
    next_event(f);
    assert_int_equal(retry_to_the_end(f, 50 * MS, &tries), FB_ENDED_STOPPED);
    assert_int_equal(tries, 0);
    assert_int_equal(counted(f, FB_WORKER_PACKETS),
                     1); /* of the first it is told that it is done */
}

static void a_retry_that_ends_leaves_the_event_uninspected(void **state) {
    static const struct {
        int (*end)(struct loop_fixture *f);
        int ended;
    } rows[] = {{command_to_leave, FB_ENDED_STOPPED},
                {be_revoked, FB_ENDED_REVOKED},
                {vanish, FB_ENDED_FAILED}};
    struct loop_fixture *f = *state;
    struct caught caught;
    for (unsigned i = 0; i < 3; i++) {
        make_loop(f, 0);
        give_frames(f, 3);
        next_event(f);
        next_event(f);
        rows[i].end(f);
        catch_begin(&caught);
        assert_int_equal(fb_consumer_retry(&f->consumer, 1), rows[i].ended);
        catch_end(&caught);
        assert_int_equal(lines_of(caught.text), rows[i].ended == FB_ENDED_FAILED);
        consumer_finish(&f->consumer, false);
        assert_int_equal(atomic_load(&f->up->cursor), 1 * 2);
        assert_int_equal(counted(f, FB_WORKER_PACKETS), 1);
        assert_int_equal(next_ended(f, 0), rows[i].ended);
    }
}

/* AddressSanitizer: calloc() may say no, as it does without it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

/* Else one packet after the other would be kept from all processes. */
static void a_packet_for_whose_flow_there_is_no_memory_is_not_suspected(void **state) {
    struct loop_fixture *f = *state;
    struct caught caught;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    give_packet(f, 1, 1, FB_F_START);
    give_packet(f, 2, FLOW_STATES_PER_CHUNK, FB_F_START);
    next_event(f);
    f->consumer.states.stride = (size_t)1 << 47; /* of all that is allocated from now on */
    catch_begin(&caught);
    assert_int_equal(next_ended(f, 0), FB_ENDED_FAILED);
    catch_end(&caught);
    assert_non_null(strstr(caught.text, "no state for flow handle 4096: no memory"));
    assert_int_equal(counted(f, FB_WORKER_PACKETS), 1);
    expect_resume(f, 1, false);
}

/* ---- without a dispatcher */

static void orphaned_flows_end_one_by_one(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    for (uint32_t handle = 0; handle < 3; handle++)
        give_packet(f, handle + 1, handle * 5000, FB_F_START);
    for (uint64_t n = 0; n < 3; n++)
        *(uint64_t *)next_event(f)->state = n + 1;
    vanish(f);
    for (uint64_t n = 0; n < 3; n++) {
        const struct fb_event *event;
        assert_int_equal(fb_consumer_next(&f->consumer, n == 0 ? -1 : 0, &event), 1);
        assert_int_equal(event->kind, FB_EVENT_FLOW_END);
        assert_int_equal(event->end.reason, FB_END_ORPHANED);
        assert_int_equal(event->end.flow->id, n * 5000 + 1000);
        assert_int_equal(event->end.time_ns + event->end.frame + event->end.flags, 0);
        assert_int_equal(*(uint64_t *)event->state, n + 1);
    }
    assert_int_equal(next_ended(f, -1), FB_ENDED_ORPHANED);
    assert_int_equal(next_ended(f, -1), FB_ENDED_ORPHANED);
    assert_int_equal(counted(f, FB_WORKER_ENDS), 3);
    is_idle_at(f, 3);
}

static void bursts_of_orphaned_flows_go_on_where_they_were(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    for (uint32_t handle = 0; handle < 3; handle++)
        give_packet(f, handle + 1, handle, FB_F_START);
    assert_int_equal(fb_consumer_burst(&f->consumer, 0), 3);
    while (fb_consumer_step(&f->consumer) != NULL)
        continue;
    vanish(f);
    for (uint64_t n = 0; n < 3; n++) {
        assert_true(fb_consumer_burst(&f->consumer, -1) > 0);
        assert_int_equal(fb_consumer_step(&f->consumer)->end.flow->id, n + 1000);
    }
    assert_int_equal(fb_consumer_burst(&f->consumer, -1), 1);
    assert_null(fb_consumer_step(&f->consumer));
    assert_int_equal(fb_consumer_burst(&f->consumer, -1), FB_ENDED_ORPHANED);
    assert_int_equal(counted(f, FB_WORKER_ENDS), 3);
}

static void the_end_of_an_orphaned_flow_may_be_tried_until_it_is_to_leave(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    give_frames(f, 1);
    next_event(f);
    vanish(f);
    const struct fb_event *event;
    assert_int_equal(fb_consumer_next(&f->consumer, -1, &event), 1);
    uint64_t begin_ns = fb_now_ns();
    assert_int_equal(fb_consumer_retry(&f->consumer, 20), 0);
    assert_true(fb_now_ns() - begin_ns >= 20 * MS);
    assert_int_equal(event->end.reason, FB_END_ORPHANED);
    f->leave_signals = 1;
    assert_int_equal(fb_consumer_retry(&f->consumer, 20), FB_ENDED_LEFT);
    assert_int_equal(next_ended(f, -1), FB_ENDED_LEFT);
    is_idle_at(f, 1);
}

/* ---- what it says */

static void stats_are_of_this_process_and_of_the_ring(void **state) {
    struct loop_fixture *f = *state;
    struct fb_consumer_stats stats;
    for (unsigned i = 0; i < 2; i++) {
        make_loop(f, firsts[i]);
        give_packet(f, 1, 1, FB_F_START);
        give_packet(f, 2, 2, FB_F_GAP);
        give_end(f, 1, 0, FB_F_END);
        for (unsigned n = 0; n < 3; n++)
            next_event(f);
        give_frames(f, BURST + 2); /* more than a burst waits */
        memset(&stats, 0xff, sizeof stats);
        fb_consumer_stats(&f->consumer, &stats, sizeof stats);
        assert_int_equal(stats.packets, 2);
        assert_int_equal(stats.bytes, 2 * PACKET_BYTES);
        assert_int_equal(stats.flows_started, 1);
        assert_int_equal(stats.flows_ended, 1);
        assert_int_equal(stats.mid_stream, 1);
        assert_int_equal(stats.gap_packets, 3);
        assert_int_equal(stats.waiting, BURST + 2);
        assert_int_equal(stats.worker, 0);
        assert_int_equal(stats.incarnation, f->up->epoch);
        /* To look takes nothing. */
        assert_int_equal(next_event(f)->packet.frame, 1);
        /* An older program knows less of it. */
        memset(&stats, 0xff, sizeof stats);
        fb_consumer_stats(&f->consumer, &stats, sizeof stats.packets + sizeof stats.bytes);
        assert_int_equal(stats.packets, 3);
        assert_int_equal(stats.flows_started, UINT64_MAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(next_finishes_the_event_before),
        LOOP_TEST(without_state_events_carry_none),
        LOOP_TEST(a_timeout_of_0_does_not_wait),
        LOOP_TEST(a_timeout_is_waited_for_and_not_longer),
        LOOP_TEST(without_a_timeout_it_waits_until_there_is_something),
        LOOP_TEST(a_signal_handler_ends_the_wait),
        LOOP_TEST(a_request_to_leave_in_the_middle_of_a_look_has_its_grace),
        LOOP_TEST(what_has_ended_has_ended),
        LOOP_TEST(a_burst_is_given_back_when_it_is_over),
        LOOP_TEST(a_burst_in_a_burst_gives_back_what_was_stepped_through),
        LOOP_TEST(to_close_in_a_burst_gives_back_what_was_handed_out),
        LOOP_TEST(an_abandoned_event_is_the_suspect_and_those_before_it_are_finished),
        LOOP_TEST(to_abandon_where_nothing_is_handed_out_makes_no_suspect),
        LOOP_TEST(a_revoked_consumer_touches_nothing_more),
        LOOP_TEST(a_retry_pauses_the_cursor_and_keeps_the_event),
        LOOP_TEST(a_retry_of_nothing_does_not_wait),
        LOOP_TEST(an_event_that_is_partly_out_puts_off_the_end),
        LOOP_TEST(it_puts_off_once_for_all_that_is_left_of_the_burst),
        LOOP_TEST(a_retry_that_ends_leaves_the_event_uninspected),
        LOOP_TEST(a_packet_for_whose_flow_there_is_no_memory_is_not_suspected),
        LOOP_TEST(orphaned_flows_end_one_by_one),
        LOOP_TEST(bursts_of_orphaned_flows_go_on_where_they_were),
        LOOP_TEST(the_end_of_an_orphaned_flow_may_be_tried_until_it_is_to_leave),
        LOOP_TEST(stats_are_of_this_process_and_of_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
