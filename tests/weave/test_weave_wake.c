/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/ring.c and worker/loop.c, in every order of both sides: no worker sleeps while
 * there is something for it, and what was published before a command is inspected.
 */
#include "tests/weave/explore.h"

#define DISPATCHER 0u
#define WORKER 1u
#define PARK_NS UINT64_C(100000000)

static void make(void *world, void (*dispatcher)(void *)) {
    struct world *w = world;
    world_make(w, 8, 16);
    weave_thread(dispatcher, w);
    weave_thread(serve, &w->serving[0]);
}

static void expect_sleep_bounded(void) {
    weave_expect(weave_sleeps(WORKER) == 0 || weave_sleep_ns(WORKER) == PARK_NS,
                 "the worker does not sleep for 100 ms at most");
}

/* ---- packets, then the command to stop */

static void give_await_stop(void *world) {
    struct world *w = world;
    for (unsigned i = 0; i < 2; i++)
        give(w);
    await_empty(w);
    expect_sleep_bounded();
    fb_tx_set_command(&w->ring.tx, FB_COMMAND_STOP);
}

static void begin_packets(void *world) {
    make(world, give_await_stop);
}

static void all_is_inspected_once(void *world) {
    struct world *w = world;
    weave_expect(weave_ended(WORKER), "the worker sleeps and was told to stop: a wake is lost");
    weave_expect(w->serving[0].ended == FB_ENDED_STOPPED, "the worker did not stop");
    weave_expect(w->inspection_count == w->ring.tx.seq, "not all packets were inspected");
    for (unsigned i = 0; i < w->inspection_count; i++)
        weave_expect(w->inspections[i].frame == i, "packets were not inspected in order");
}

static void no_packet_is_slept_on(void **state) {
    (void)state;
    static struct world w;
    explore(&(struct weave_scenario){.name = "packets",
                                     .set_up = begin_packets,
                                     .check = all_is_inspected_once,
                                     .tear_down = world_free,
                                     .preemptions = 2,
                                     .weak = 2},
            &w);
}

/* ---- a command right behind packets */

static void give_and_stop(void *world) {
    struct world *w = world;
    weave_expect(ring_put(&w->ring, 0), "the ring is full");
    fb_tx_publish(&w->ring.tx, 1);
    fb_tx_set_command(&w->ring.tx, FB_COMMAND_STOP);
}

static void begin_stop(void *world) {
    make(world, give_and_stop);
}

static void what_was_published_before_a_command_is_inspected(void **state) {
    (void)state;
    static struct world w;
    explore(&(struct weave_scenario){.name = "stop",
                                     .set_up = begin_stop,
                                     .check = all_is_inspected_once,
                                     .tear_down = world_free,
                                     .preemptions = 2,
                                     .weak = 2},
            &w);
}

/* ---- revoked */

static void raise_epoch(void *world) {
    struct world *w = world;
    fb_tx_set_epoch(&w->ring.tx, 2);
}

static void begin_epoch(void *world) {
    make(world, raise_epoch);
}

static void it_left(void *world) {
    struct world *w = world;
    weave_expect(weave_ended(WORKER), "the worker sleeps and is revoked: a wake is lost");
    weave_expect(w->serving[0].ended == FB_ENDED_REVOKED, "the worker does not know it is revoked");
}

static void no_revocation_is_slept_on(void **state) {
    (void)state;
    static struct world w;
    explore(&(struct weave_scenario){.name = "epoch",
                                     .set_up = begin_epoch,
                                     .check = it_left,
                                     .tear_down = world_free,
                                     .preemptions = 2,
                                     .weak = 2},
            &w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_packet_is_slept_on),
        cmocka_unit_test(what_was_published_before_a_command_is_inspected),
        cmocka_unit_test(no_revocation_is_slept_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
