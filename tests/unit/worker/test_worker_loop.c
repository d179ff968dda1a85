/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/loop.c and worker/consumer/consumer.c: over a ring in one process, with an inspector that
 * only notes what it gets.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ring.h"
#include "tests/lib/memory.h"
#include "worker/consumer/consumer_parts.h"
#include "worker/loop.h"

#define DEPTH 64u
#define SLOTS 128u
#define BURST 8u
#define MOST_CALLS 256u
#define DLT_RAW 101
#define JUST_BELOW_THE_WRAP (UINT64_MAX - 5)
#define FLOW_BYTES 16u

/* One call of the inspector. */
struct call {
    uint64_t frame; /* 0: a flow end */
    uint16_t flags;
    uint8_t first_byte;
    int link_type;
    enum fb_end_reason reason;
    uint32_t packets_of_flow; /* by its state, this one included */
};

static struct fb_ctl_handle ctl, seen;
static struct fb_down *down;
static struct fb_up *up;
static struct fb_tx tx;
static struct fb_consumer consumer;
static struct inspection inspection;
static volatile int leave_signals, reload_signals;
static struct call calls[MOST_CALLS];
static unsigned call_count;

/* What is to happen while the packet of this frame is inspected. */
static uint64_t special_frame;
static int (*special)(void);

static int note_packet(void *self, void *flow, const struct fb_packet *packet) {
    assert_ptr_equal(self, &calls);
    assert_true(call_count < MOST_CALLS);
    uint32_t *packets = flow;
    calls[call_count++] = (struct call){.frame = packet->frame,
                                        .flags = packet->flags,
                                        .first_byte = packet->data[0],
                                        .link_type = packet->link_type,
                                        .packets_of_flow = packets != NULL ? ++*packets : 0};
    uint64_t cursor = atomic_load(&up->cursor);
    assert_int_equal(cursor & 1, 1); /* it is known to be under inspection */
    assert_int_equal(down->epoch, up->epoch);
    return packet->frame == special_frame ? special() : 0;
}

static int note_end(void *self, void *flow, const struct fb_flow_end *end) {
    assert_ptr_equal(self, &calls);
    assert_true(call_count < MOST_CALLS);
    calls[call_count++] = (struct call){.reason = (enum fb_end_reason)end->reason,
                                        .packets_of_flow = flow != NULL ? *(uint32_t *)flow : 0};
    return 0;
}

static int note_open(struct fb_setup *setup) {
    setup->self = &calls;
    setup->state_bytes = FLOW_BYTES;
    return 0;
}

static const struct fb_inspector noting = {FB_INSPECTOR_HEAD, .name = "note", .open = note_open,
                                           .packet = note_packet, .flow_end = note_end};

static void no_loop(void) {
    consumer_fini(&consumer);
    free(down);
    free(up);
    down = NULL;
    up = NULL;
    fb_ctl_leave(&seen);
    fb_ctl_destroy(&ctl);
}

static int free_loop(void **state) {
    (void)state;
    if (down != NULL)
        no_loop();
    return 0;
}

/* A consumer with one inspector, at the resume point. */
static void set_up(const struct fb_inspector *ops) {
    memset(&inspection, 0, sizeof inspection);
    assert_int_equal(inspection_add(&inspection, ops, NULL), 0);
    const struct consumer_sides sides = {.ctl = &seen, .down = down, .up = up};
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.state_bytes = inspection.state_bytes;
    config.leave = &leave_signals;
    assert_int_equal(consumer_init(&consumer, &sides, &config), 0);
}

/* A process that has claimed the number and is at the resume point. */
static void begin_life(uint64_t resume_seq) {
    memset(up, 0, sizeof *up);
    consumer_fini(&consumer);
    fb_up_format(up, ctl.ctl->header.instance, 0, down->epoch + 1, resume_seq);
    fb_tx_attach(&tx, up);
    fb_tx_set_epoch(&tx, up->epoch);
    set_up(&noting);
    call_count = 0;
    leave_signals = 0;
    special_frame = 0;
}

static void make_loop(uint64_t first_seq) {
    const struct fb_geometry geometry = {
        .depth = DEPTH, .slots = SLOTS, .worker_burst = BURST, .arena_bytes = 65536};
    char name[FB_NAME_MAX];
    free_loop(NULL);
    fb_log_set_level(FB_LOG_ERROR);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&ctl, name), 0);
    fb_ctl_add_link_type(ctl.ctl, 0, 1);
    fb_ctl_add_link_type(ctl.ctl, 1, DLT_RAW);
    fb_ctl_format(&ctl);
    assert_int_equal(fb_ctl_join(&seen, name), FB_JOINED);
    down = zeroed_pages(fb_down_footprint(&geometry));
    up = zeroed_pages(fb_up_footprint());
    fb_down_format(down, &geometry, ctl.ctl->header.instance, 0, first_seq);
    fb_tx_init(&tx, down, up);
    memset(&consumer, 0, sizeof consumer);
    begin_life(first_seq);
}

static void give_packet(uint64_t frame, uint32_t handle, unsigned flags) {
    uint64_t position;
    assert_true(fb_tx_reserve(&tx, 60, &position));
    memset(fb_tx_bytes(&tx, position), (int)(frame & 0xff), 60);
    *fb_tx_stage(&tx, position, 60) = (struct fb_desc){.arena_pos = position,
                                                       .frame = frame,
                                                       .caplen = 60,
                                                       .handle = handle,
                                                       .gap = (flags & FB_F_GAP) != 0 ? 3 : 0,
                                                       .flags = (uint16_t)flags};
    fb_tx_publish(&tx, 1);
}

static void give_end(uint32_t handle, uint16_t generation, unsigned flags) {
    struct fb_desc *desc = fb_tx_stage_end(&tx);
    *desc = (struct fb_desc){.arena_pos = desc->arena_pos,
                             .handle = handle,
                             .generation = generation,
                             .flags = (uint16_t)flags,
                             .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, FB_END_EVICTED)};
    fb_tx_publish(&tx, 1);
}

/* Returns why it ended; an inspector that failed abandons its packet. */
static int run(void) {
    struct worker_loop loop = {
        .consumer = &consumer, .inspection = &inspection, .reload_asked = &reload_signals};
    int ended = worker_loop_run(&loop);
    if (ended == LOOP_FAILED)
        consumer_finish(&consumer, true);
    return ended;
}

static int run_to_the_stop_command(void) {
    fb_tx_set_command(&tx, FB_COMMAND_STOP);
    return run();
}

static uint64_t counted(enum fb_worker_counter counter) {
    assert_int_equal(fb_up_counter(up, counter), consumer.counters[counter]);
    return consumer.counters[counter];
}

static void is_idle_at(uint64_t seq) {
    assert_int_equal(atomic_load(&up->consumed), seq);
    assert_int_equal(atomic_load(&up->cursor), seq * 2);
}

static void packets_and_ends_reach_the_inspector_in_order(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_loop(firsts[i]);
        give_packet(1, 7, FB_F_START);
        give_packet(2, 8, FB_F_START | 1u << FB_LINK_SHIFT);
        give_packet(3, 7, FB_F_GAP);
        give_end(7, 0, FB_F_END);
        give_packet(4, 8, 0);
        assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
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
        assert_int_equal(call_count, 5);
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(calls[n].frame, expected[n].frame);
            assert_int_equal(calls[n].flags, expected[n].flags);
            assert_int_equal(calls[n].first_byte, expected[n].first_byte);
            assert_int_equal(calls[n].link_type, expected[n].link_type);
            assert_int_equal(calls[n].reason, expected[n].reason);
            assert_int_equal(calls[n].packets_of_flow, expected[n].packets_of_flow);
        }
        is_idle_at(firsts[i] + 5);
        assert_int_equal(counted(FB_WORKER_PACKETS), 4);
        assert_int_equal(counted(FB_WORKER_BYTES), 240);
        assert_int_equal(counted(FB_WORKER_STARTS), 2);
        assert_int_equal(counted(FB_WORKER_ENDS), 1);
        assert_int_equal(counted(FB_WORKER_GAP_PACKETS), 3);
        assert_int_equal(counted(FB_WORKER_MID_STREAM), 0);
        assert_int_equal(counted(FB_WORKER_UNKNOWN_ENDS), 0);
    }
}

static void the_end_of_a_flow_that_is_not_known_is_counted_and_passed_over(void **state) {
    (void)state;
    make_loop(0);
    give_end(7, 0, FB_F_END);
    give_packet(1, 7, FB_F_START);
    give_end(7, 5, FB_F_END); /* of another generation */
    give_packet(2, 7, 0);
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, 2);
    assert_int_equal(calls[1].packets_of_flow, 2);
    assert_int_equal(counted(FB_WORKER_UNKNOWN_ENDS), 2);
    assert_int_equal(counted(FB_WORKER_ENDS), 0);
    is_idle_at(4);
}

static void what_is_to_be_skipped_is_passed_over_unseen(void **state) {
    (void)state;
    make_loop(0);
    give_packet(1, 7, FB_F_START);
    give_packet(2, 7, FB_F_SKIP);
    give_end(7, 0, FB_F_SKIP);
    give_end(7, 0, FB_F_SKIP | FB_F_END);
    give_packet(3, 7, 0);
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, 2);
    assert_int_equal(calls[1].frame, 3);
    assert_int_equal(calls[1].packets_of_flow, 2);
    assert_int_equal(counted(FB_WORKER_PACKETS), 2);
    assert_int_equal(counted(FB_WORKER_ENDS) + counted(FB_WORKER_UNKNOWN_ENDS), 0);
    is_idle_at(5);
}

static void after_a_restart_flows_are_in_mid_stream_once(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 6; frame++)
        give_packet(frame, (uint32_t)(frame % 2), frame == 1 ? FB_F_START : 0);
    begin_life(1); /* the process that saw frame 1 is gone */
    give_packet(7, 3, FB_F_START | FB_F_REDELIVERED);
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, 6);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(calls[i].frame, i + 2);
        assert_int_equal(calls[i].flags, i < 2 ? FB_F_MID_STREAM : 0);
        assert_int_equal(calls[i].packets_of_flow, i / 2 + 1);
    }
    assert_int_equal(calls[5].flags, FB_F_START | FB_F_REDELIVERED);
    assert_int_equal(counted(FB_WORKER_MID_STREAM), 2);
    is_idle_at(7);
}

static int fail_to_inspect(void) {
    return -5;
}

static void an_inspector_that_fails_leaves_the_cursor_on_that_packet(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_loop(firsts[i]);
        for (uint64_t frame = 1; frame <= 20; frame++)
            give_packet(frame, 1, 0);
        special_frame = 12;
        special = fail_to_inspect;
        assert_int_equal(run_to_the_stop_command(), LOOP_FAILED);
        assert_int_equal(call_count, 12);
        /* A burst is given back, and in the next the twelfth packet is named. */
        assert_int_equal(atomic_load(&up->consumed), firsts[i] + BURST);
        assert_int_equal(atomic_load(&up->cursor), (firsts[i] + 11) * 2 + 1);
        assert_int_equal(counted(FB_WORKER_PACKETS), 11);
        struct fb_resume_point resume_point = fb_tx_recover(&tx);
        assert_int_equal(resume_point.violation, FB_VIOLATION_NONE);
        assert_true(resume_point.suspect);
        assert_int_equal(resume_point.resume_seq, firsts[i] + 11);
    }
}

static int be_revoked(void) {
    fb_tx_set_epoch(&tx, down->epoch + 1);
    return 0;
}

/* The epoch differs from then on, which the packet under inspection may not check. */
static int note_nothing(void *self, void *flow, const struct fb_packet *packet) {
    (void)self;
    (void)flow;
    call_count++;
    return packet->frame == special_frame ? special() : 0;
}

static void a_revoked_worker_finishes_its_packet_and_touches_no_other(void **state) {
    (void)state;
    static const struct fb_inspector plain = {FB_INSPECTOR_HEAD, .name = "plain", .open = note_open,
                                              .packet = note_nothing};
    make_loop(0);
    consumer_fini(&consumer);
    set_up(&plain);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(frame, 1, 0);
    special_frame = 12;
    special = be_revoked;
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_REVOKED);
    assert_int_equal(call_count, 12);
    assert_int_equal(atomic_load(&up->consumed), BURST);
    /* It had begun the next when it saw it: that is the suspect, and none before. */
    assert_int_equal(atomic_load(&up->cursor), 12 * 2 + 1);
}

static void a_worker_revoked_on_an_empty_ring_leaves(void **state) {
    (void)state;
    make_loop(0);
    be_revoked();
    assert_int_equal(run(), FB_ENDED_REVOKED);
    assert_int_equal(call_count, 0);
    is_idle_at(0);
}

static int command_to_leave(void) {
    fb_tx_set_command(&tx, FB_COMMAND_LEAVE);
    return 0;
}

/* ---- an output that cannot be written */

static unsigned output_fails; /* so many times more */
static uint64_t cursor_in_pause;

/* A look from outside while the worker pauses. */
static void look_at_the_cursor(int signo) {
    (void)signo;
    cursor_in_pause = atomic_load(&up->cursor);
}

static int fail_to_write(void) {
    return output_fails-- > 0 ? FB_OUTPUT_FAILED : 0;
}

static void what_cannot_be_written_comes_again_and_is_not_suspected_meanwhile(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 6; frame++)
        give_packet(frame, frame == 3 ? 9 : 1, 0);
    special_frame = 3;
    special = fail_to_write;
    output_fails = 4;
    signal(SIGALRM, look_at_the_cursor);
    /* The four pauses have 1, 2, 4 and 8 ms. */
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 5000}, NULL);
    cursor_in_pause = 0;
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, 10);
    for (unsigned i = 2; i < 7; i++) {
        assert_int_equal(calls[i].frame, 3);
        assert_int_equal(calls[i].flags, FB_F_MID_STREAM); /* each time as the first time */
    }
    assert_int_equal(calls[7].frame, 4);
    assert_int_equal(counted(FB_WORKER_PACKETS), 6);
    assert_int_equal(counted(FB_WORKER_MID_STREAM), 2);
    assert_int_equal(counted(FB_WORKER_OUTPUT_WAITS), 4);
    is_idle_at(6);
    assert_int_equal(cursor_in_pause, 2 * 2); /* two are finished, none is under inspection */
}

static int fail_to_write_and_be_asked(void) {
    leave_signals = 2;
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_commanded(void) {
    command_to_leave();
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_revoked(void) {
    fb_tx_set_epoch(&tx, down->epoch + 1);
    return FB_OUTPUT_FAILED;
}

static int fail_to_write_and_be_orphaned(void) {
    fb_ctl_destroy(&ctl);
    return FB_OUTPUT_FAILED;
}

/* With what it finished of the burst, and nothing in its hands. */
static void a_worker_that_waits_for_its_output_leaves_for_every_reason(void **state) {
    (void)state;
    static const struct {
        int (*special)(void);
        int end;
    } rows[] = {{fail_to_write_and_be_asked, FB_ENDED_LEFT},
                {fail_to_write_and_be_commanded, FB_ENDED_STOPPED},
                {fail_to_write_and_be_revoked, FB_ENDED_REVOKED},
                {fail_to_write_and_be_orphaned, FB_ENDED_FAILED}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_loop(0);
        for (uint64_t frame = 1; frame <= 6; frame++)
            give_packet(frame, 1, 0);
        special_frame = 3;
        special = rows[i].special;
        assert_int_equal(run(), rows[i].end);
        assert_int_equal(call_count, 3);
        assert_int_equal(atomic_load(&up->cursor), 2 * 2); /* two are finished */
        assert_int_equal(atomic_load(&up->consumed), 0);
    }
}

static void the_order_to_stop_is_followed_when_the_ring_is_finished(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= DEPTH; frame++)
        give_packet(frame, 1, 0);
    leave_signals = 1; /* and so is a signal */
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, DEPTH);
    is_idle_at(DEPTH);
}

static int signal_once_more(void) {
    leave_signals = leave_signals + 1;
    return 0;
}

static void a_second_signal_is_followed_at_the_end_of_the_burst(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(frame, 1, 0);
    leave_signals = 1;
    special_frame = 3;
    special = signal_once_more;
    assert_int_equal(run(), FB_ENDED_LEFT);
    assert_int_equal(call_count, BURST);
    is_idle_at(BURST);
    assert_int_equal(counted(FB_WORKER_PACKETS), BURST);
}

static void the_order_to_leave_is_followed_at_the_end_of_the_burst(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(frame, 1, 0);
    special_frame = 3;
    special = command_to_leave;
    assert_int_equal(run(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, BURST);
    is_idle_at(BURST);
    assert_int_equal(counted(FB_WORKER_PACKETS), BURST);
}

static void one_signal_is_followed_when_the_dispatcher_had_its_time(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(frame, 1, 0);
    leave_signals = 1;
    consumer.asked_ns = 1; /* noticed at the start of the machine */
    assert_int_equal(run(), FB_ENDED_LEFT);
    assert_int_equal(call_count, 20);
    is_idle_at(20);
}

static void the_dispatcher_gone_the_ring_is_finished_and_flows_end_orphaned(void **state) {
    (void)state;
    make_loop(0);
    for (uint64_t frame = 1; frame <= 20; frame++)
        give_packet(frame, (uint32_t)(frame % 3), frame <= 3 ? FB_F_START : 0);
    give_end(0, 0, FB_F_END);
    fb_ctl_destroy(&ctl); /* its lock is free; what was published is there */
    assert_false(fb_ctl_alive(&seen));
    consumer.spin = true;
    assert_int_equal(run(), FB_ENDED_ORPHANED);
    assert_int_equal(call_count, 20 + 1 + 2);
    assert_int_equal(calls[20].reason, FB_END_EVICTED);
    assert_int_equal(calls[21].reason, FB_END_ORPHANED);
    assert_int_equal(calls[22].reason, FB_END_ORPHANED);
    assert_int_equal(calls[21].packets_of_flow + calls[22].packets_of_flow, 14);
    assert_int_equal(counted(FB_WORKER_ENDS), 3);
    is_idle_at(21);
}

static void a_signal_waits_for_the_order_of_a_dispatcher_that_is_stopping(void **state) {
    (void)state;
    make_loop(0);
    give_packet(1, 1, FB_F_START);
    fb_ctl_set_run_state(ctl.ctl, FB_RUN_STOPPING);
    fb_ctl_destroy(&ctl);
    leave_signals = 1;
    consumer.asked_ns = 1;
    consumer.spin = true;
    /* The order never comes; only that no dispatcher is left to give it ends the wait. */
    assert_int_equal(run(), FB_ENDED_ORPHANED);
}

static void a_parked_worker_notices_too_that_the_dispatcher_is_gone(void **state) {
    (void)state;
    make_loop(0);
    give_packet(1, 1, FB_F_START);
    fb_ctl_destroy(&ctl);
    assert_int_equal(run(), FB_ENDED_ORPHANED);
    assert_int_equal(call_count, 2);
    assert_int_equal(calls[1].reason, FB_END_ORPHANED);
    assert_int_equal(counted(FB_WORKER_PARKS), 1);
    assert_int_equal(atomic_load(&up->parked), 0);
}

static void publish_and_vanish(int signo) {
    (void)signo;
    give_packet(2, 1, 0);
    fb_ctl_destroy(&ctl);
}

static void the_last_words_of_a_dispatcher_are_heard(void **state) {
    (void)state;
    make_loop(0);
    give_packet(1, 1, FB_F_START);
    /* While the worker sleeps; should it still spin by then, it must hear them as well. */
    const struct sigaction action = {.sa_handler = publish_and_vanish};
    const struct itimerval soon = {.it_value = {.tv_usec = 10000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(run(), FB_ENDED_ORPHANED);
    signal(SIGALRM, SIG_DFL);
    assert_int_equal(call_count, 3);
    assert_int_equal(calls[1].frame, 2);
    assert_int_equal(calls[2].reason, FB_END_ORPHANED);
    is_idle_at(2);
}

static int open_without_state(struct fb_setup *setup) {
    setup->self = &calls;
    return 0;
}

static void an_inspector_without_state_or_flow_end_is_called_with_none(void **state) {
    (void)state;
    static const struct fb_inspector bare = {FB_INSPECTOR_HEAD, .name = "bare",
                                             .open = open_without_state, .packet = note_packet};
    make_loop(0);
    consumer_fini(&consumer);
    set_up(&bare);
    give_packet(1, 1, FB_F_START);
    give_end(1, 0, FB_F_END);
    give_packet(2, 1, 0);
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_STOPPED);
    assert_int_equal(call_count, 2);
    assert_int_equal(calls[0].packets_of_flow, 0);
    assert_int_equal(calls[1].flags, FB_F_MID_STREAM); /* its flow has ended */
    assert_int_equal(counted(FB_WORKER_ENDS), 1);
}

static void a_handle_out_of_range_fails_and_kills_no_process(void **state) {
    (void)state;
    make_loop(0);
    give_packet(1, 1, FB_F_START);
    give_packet(2, UINT32_MAX, FB_F_START);
    assert_int_equal(run_to_the_stop_command(), FB_ENDED_FAILED);
    assert_int_equal(call_count, 1);
    assert_int_equal(atomic_load(&up->cursor), 1 * 2 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_out_of_range_fails_and_kills_no_process),
        cmocka_unit_test(an_inspector_that_fails_leaves_the_cursor_on_that_packet),
        cmocka_unit_test_teardown(what_cannot_be_written_comes_again_and_is_not_suspected_meanwhile,
                                  free_loop),
        cmocka_unit_test_teardown(a_worker_that_waits_for_its_output_leaves_for_every_reason,
                                  free_loop),
        cmocka_unit_test(a_revoked_worker_finishes_its_packet_and_touches_no_other),
        cmocka_unit_test(a_worker_revoked_on_an_empty_ring_leaves),
        cmocka_unit_test(the_end_of_a_flow_that_is_not_known_is_counted_and_passed_over),
        cmocka_unit_test(what_is_to_be_skipped_is_passed_over_unseen),
        cmocka_unit_test(packets_and_ends_reach_the_inspector_in_order),
        cmocka_unit_test(an_inspector_without_state_or_flow_end_is_called_with_none),
        cmocka_unit_test(after_a_restart_flows_are_in_mid_stream_once),
        cmocka_unit_test(the_order_to_stop_is_followed_when_the_ring_is_finished),
        cmocka_unit_test(a_second_signal_is_followed_at_the_end_of_the_burst),
        cmocka_unit_test(the_order_to_leave_is_followed_at_the_end_of_the_burst),
        cmocka_unit_test(one_signal_is_followed_when_the_dispatcher_had_its_time),
        cmocka_unit_test(a_signal_waits_for_the_order_of_a_dispatcher_that_is_stopping),
        cmocka_unit_test(the_dispatcher_gone_the_ring_is_finished_and_flows_end_orphaned),
        cmocka_unit_test(the_last_words_of_a_dispatcher_are_heard),
        cmocka_unit_test(a_parked_worker_notices_too_that_the_dispatcher_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, free_loop);
}
