/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/loop_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/memory.h"

#define SLOTS 128u
#define FLOW_BYTES 16u

/* ---- the inspector that notes; it is given the fixture in the place of arguments */

int note_packet(void *self, void *flow, const struct fb_packet *packet) {
    struct loop_fixture *f = self;
    assert_true(f->call_count < MOST_CALLS);
    uint32_t *packets = flow;
    f->calls[f->call_count++] = (struct call){.frame = packet->frame,
                                              .flags = packet->flags,
                                              .first_byte = packet->data[0],
                                              .link_type = packet->link_type,
                                              .packets_of_flow = packets != NULL ? ++*packets : 0};
    uint64_t cursor = atomic_load(&f->up->cursor);
    assert_int_equal(cursor & 1, 1); /* it is known to be under inspection */
    assert_int_equal(f->down->epoch, f->up->epoch);
    return packet->frame == f->special_frame ? f->special(f) : 0;
}

int note_end(void *self, void *flow, const struct fb_flow_end *end) {
    struct loop_fixture *f = self;
    assert_true(f->call_count < MOST_CALLS);
    f->calls[f->call_count++] =
        (struct call){.reason = (enum fb_end_reason)end->reason,
                      .flags = (uint16_t)end->flags,
                      .packets_of_flow = flow != NULL ? *(uint32_t *)flow : 0};
    return 0;
}

int note_open(struct fb_setup *setup) {
    setup->self = (void *)(uintptr_t)setup->args;
    setup->state_bytes = FLOW_BYTES;
    return 0;
}

static const struct fb_inspector noting = {FB_INSPECTOR_HEAD, .name = "note", .open = note_open,
                                           .packet = note_packet, .flow_end = note_end};

/* ---- making and ending */

static void no_loop(struct loop_fixture *f) {
    if (f->down == NULL)
        return;
    consumer_fini(&f->consumer);
    free(f->down);
    free(f->up);
    f->down = NULL;
    f->up = NULL;
    fb_ctl_leave(&f->seen);
    fb_ctl_destroy(&f->ctl);
}

int loop_fixture_set_up(void **state) {
    fb_log_set_level(FB_LOG_ERROR);
    new_state(state, sizeof(struct loop_fixture));
    return 0;
}

int loop_fixture_tear_down(void **state) {
    no_loop(*state);
    free(*state);
    return 0;
}

void set_state_bytes(struct loop_fixture *f, size_t state_bytes) {
    const struct consumer_sides sides = {.ctl = &f->seen, .down = f->down, .up = f->up};
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.state_bytes = state_bytes;
    config.all_ends = f->inspection.all_ends;
    config.leave = &f->leave_signals;
    consumer_fini(&f->consumer);
    assert_int_equal(consumer_init(&f->consumer, &sides, &config), 0);
}

void add_inspector(struct loop_fixture *f, const struct fb_inspector *ops) {
    assert_int_equal(inspection_add(&f->inspection, ops, (const char *)f), 0);
    set_state_bytes(f, f->inspection.state_bytes);
}

void set_inspector(struct loop_fixture *f, const struct fb_inspector *ops) {
    memset(&f->inspection, 0, sizeof f->inspection);
    add_inspector(f, ops);
}

void begin_life(struct loop_fixture *f, uint64_t resume_seq) {
    memset(f->up, 0, sizeof *f->up);
    fb_up_format(f->up, f->ctl.ctl->header.instance, 0, f->down->epoch + 1, resume_seq);
    fb_tx_attach(&f->tx, f->up);
    fb_tx_set_epoch(&f->tx, f->up->epoch);
    set_inspector(f, &noting);
    f->call_count = 0;
    f->leave_signals = f->reload_signals = 0;
    f->special_frame = 0;
}

void make_loop(struct loop_fixture *f, uint64_t first_seq) {
    const struct fb_geometry geometry = {
        .depth = DEPTH, .slots = SLOTS, .worker_burst = BURST, .arena_bytes = 65536};
    char name[FB_NAME_MAX];
    no_loop(f);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&f->ctl, name), 0);
    fb_ctl_add_link_type(f->ctl.ctl, 0, 1);
    fb_ctl_add_link_type(f->ctl.ctl, 1, DLT_RAW);
    fb_ctl_format(&f->ctl);
    assert_int_equal(fb_ctl_join(&f->seen, name), FB_JOINED);
    f->down = zeroed_pages(fb_down_footprint(&geometry));
    f->up = zeroed_pages(fb_up_footprint());
    fb_down_format(f->down, &geometry, f->ctl.ctl->header.instance, 0, first_seq);
    fb_tx_init(&f->tx, f->down, f->up);
    memset(&f->consumer, 0, sizeof f->consumer);
    begin_life(f, first_seq);
}

/* ---- the dispatcher's side */

void give_packet(struct loop_fixture *f, uint64_t frame, uint32_t handle, unsigned flags) {
    uint64_t position;
    assert_true(fb_tx_reserve(&f->tx, PACKET_BYTES, &position));
    memset(fb_tx_bytes(&f->tx, position), (int)(frame & 0xff), PACKET_BYTES);
    *fb_tx_stage(&f->tx, position, PACKET_BYTES) =
        (struct fb_desc){.arena_pos = position,
                         .frame = frame,
                         .flow_id = handle + UINT64_C(1000),
                         .caplen = PACKET_BYTES,
                         .wirelen = PACKET_BYTES,
                         .handle = handle,
                         .gap = (flags & FB_F_GAP) != 0 ? 3 : 0,
                         .l3_off = FB_NO_OFFSET,
                         .l4_off = FB_NO_OFFSET,
                         .payload_off = FB_NO_OFFSET,
                         .flags = (uint16_t)flags};
    fb_tx_publish(&f->tx, 1);
}

void give_end(struct loop_fixture *f, uint32_t handle, uint16_t generation, unsigned flags) {
    struct fb_desc *desc = fb_tx_stage_end(&f->tx);
    *desc = (struct fb_desc){.arena_pos = desc->arena_pos,
                             .flow_id = handle + UINT64_C(1000),
                             .handle = handle,
                             .generation = generation,
                             .flags = (uint16_t)flags,
                             .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, FB_END_EVICTED)};
    fb_tx_publish(&f->tx, 1);
}

void give_frames(struct loop_fixture *f, uint64_t frames) {
    for (uint64_t frame = 1; frame <= frames; frame++)
        give_packet(f, frame, 1, 0);
}

int command_to_leave(struct loop_fixture *f) {
    fb_tx_set_command(&f->tx, FB_COMMAND_LEAVE);
    return 0;
}

int be_revoked(struct loop_fixture *f) {
    fb_tx_set_epoch(&f->tx, f->down->epoch + 1);
    return 0;
}

int vanish(struct loop_fixture *f) {
    fb_ctl_destroy(&f->ctl); /* its lock is free; what was published is there */
    return 0;
}

/* ---- the worker's side */

int run_loop(struct loop_fixture *f) {
    struct worker_loop loop = {
        .consumer = &f->consumer, .inspection = &f->inspection, .reload_asked = &f->reload_signals};
    int ended = worker_loop_run(&loop);
    if (ended == LOOP_FAILED)
        consumer_finish(&f->consumer, true);
    return ended;
}

int run_to_the_stop_command(struct loop_fixture *f) {
    fb_tx_set_command(&f->tx, FB_COMMAND_STOP);
    return run_loop(f);
}

uint64_t counted(struct loop_fixture *f, enum fb_worker_counter counter) {
    assert_int_equal(fb_up_counter(f->up, counter), f->consumer.counters[counter]);
    return f->consumer.counters[counter];
}

void is_idle_at(const struct loop_fixture *f, uint64_t seq) {
    assert_int_equal(atomic_load(&f->up->consumed), seq);
    assert_int_equal(atomic_load(&f->up->cursor), seq * 2);
}

void is_busy_at(const struct loop_fixture *f, uint64_t consumed, uint64_t seq) {
    assert_int_equal(atomic_load(&f->up->consumed), consumed);
    assert_int_equal(atomic_load(&f->up->cursor), seq * 2 + 1);
}

void expect_resume(struct loop_fixture *f, uint64_t seq, bool suspect) {
    struct fb_resume_point point = fb_tx_recover(&f->tx);
    assert_int_equal(point.violation, FB_VIOLATION_NONE);
    assert_int_equal(point.suspect, suspect);
    assert_int_equal(point.resume_seq, seq);
}
