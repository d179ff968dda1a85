/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LOOP_FIXTURE_H
#define TESTS_LIB_LOOP_FIXTURE_H

/*
 * A worker over a ring in one process: the test is the dispatcher, and the consumer, its
 * inspectors and the loop are those of worker/. Unless a test brings its own, one inspector
 * notes what it gets.
 */

#include "flow_balancer/ring.h"
#include "tests/lib/unit.h"
#include "worker/consumer/consumer_parts.h"
#include "worker/loop.h"

#define DEPTH 64u
#define BURST 8u
#define PACKET_BYTES 60u
#define MOST_CALLS 256u
#define DLT_RAW 101
#define JUST_BELOW_THE_WRAP (UINT64_MAX - 5)

/* One call of the inspector. */
struct call {
    uint64_t frame; /* 0: a flow end */
    uint16_t flags;
    uint8_t first_byte;
    int link_type;
    enum fb_end_reason reason;
    uint32_t packets_of_flow; /* by its state, this one included */
};

struct loop_fixture {
    struct fb_ctl_handle ctl, seen;
    struct fb_down *down; /* NULL: there is no loop */
    struct fb_up *up;
    struct fb_tx tx;
    struct fb_consumer consumer;
    struct inspection inspection;
    volatile int leave_signals, reload_signals;
    struct call calls[MOST_CALLS];
    unsigned call_count;
    /* What is to happen while the packet of this frame is inspected. */
    uint64_t special_frame;
    int (*special)(struct loop_fixture *f);
};

/* For cmocka: the fixture, without a loop yet. */
int loop_fixture_set_up(void **state);
int loop_fixture_tear_down(void **state);
#define LOOP_TEST(name)                                                                            \
    cmocka_unit_test_setup_teardown(name, loop_fixture_set_up, loop_fixture_tear_down)

/* A ring whose first descriptor is first_seq, and a process at it, in the place of those before. */
void make_loop(struct loop_fixture *f, uint64_t first_seq);
/* Another process that has claimed the number and is at this point. */
void begin_life(struct loop_fixture *f, uint64_t resume_seq);
/* This inspector, or none but so much state of a flow, in the place of those before. */
void set_inspector(struct loop_fixture *f, const struct fb_inspector *ops);
void set_state_bytes(struct loop_fixture *f, size_t state_bytes);
/* One more inspector; the flows begin again. */
void add_inspector(struct loop_fixture *f, const struct fb_inspector *ops);

/* ---- the dispatcher's side; all is published */

/* PACKET_BYTES bytes, each the frame number; link index by flags. */
void give_packet(struct loop_fixture *f, uint64_t frame, uint32_t handle, unsigned flags);
void give_end(struct loop_fixture *f, uint32_t handle, uint16_t generation, unsigned flags);
/* So many packets of one flow, from frame 1 on. */
void give_frames(struct loop_fixture *f, uint64_t frames);
int command_to_leave(struct loop_fixture *f);
int be_revoked(struct loop_fixture *f);
int vanish(struct loop_fixture *f);

/* ---- the worker's side */

/* Returns why it ended; an inspector that failed abandons its packet. */
int run_loop(struct loop_fixture *f);
int run_to_the_stop_command(struct loop_fixture *f);
/* A counter, as the process has it and as it told. */
uint64_t counted(struct loop_fixture *f, enum fb_worker_counter counter);
/* All before seq is given back, and nothing is under inspection. */
void is_idle_at(const struct loop_fixture *f, uint64_t seq);
/* The descriptor seq is under inspection; all before `consumed` is given back. */
void is_busy_at(const struct loop_fixture *f, uint64_t consumed, uint64_t seq);
/* The resume point that the dispatcher finds when the process is gone. */
void expect_resume(struct loop_fixture *f, uint64_t seq, bool suspect);

/* The functions of the inspector that notes, for one with others. */
int note_open(struct fb_setup *setup);
int note_packet(void *self, void *flow, const struct fb_packet *packet);
int note_end(void *self, void *flow, const struct fb_flow_end *end);

#endif
