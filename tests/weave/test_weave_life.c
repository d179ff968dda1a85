/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/ring.c, dispatcher/fleet/lane.c and worker/loop.c, in every order of a worker, of
 * the dispatcher that reaps or revokes it, and of the next process of its number: each
 * packet is inspected once, but for the suspect, which comes again with its flag,
 * and no process inspects another frame than the one it has begun. An honest
 * worker is never found to break the protocol.
 */
#include "tests/weave/explore.h"

#include <string.h>

#include "dispatcher/fleet/lane.h"
#include "tests/lib/memory.h"

#define FIRST 0u /* process, and its thread */
#define NEXT 1u

struct life {
    struct world world;
    struct lane lane;
    struct mark marks[16];
    unsigned before, after; /* packets sent before the first process goes, and after */
    bool revoked;           /* else it dies */
    uint64_t no_output_for; /* see struct world */
    bool offered;
    struct fb_resume_point resume_point;
    uint64_t progress;
};

/* The next process comes when the number is on offer; its claim is a lock. */
static void serve_next(void *life) {
    struct life *l = life;
    while (!l->offered) {
        uint64_t before = weave_stores();
        if (!weave_sleep(before) && !l->offered)
            return;
    }
    weave_synchronize();
    serve(&l->world.serving[NEXT]);
}

/* As lane_offer(), without making objects. */
static void offer(struct life *l, uint64_t epoch) {
    struct fb_tx *tx = &l->world.ring.tx;
    struct serving *s = world_serve(&l->world, NEXT, epoch);
    l->world.ring.up = s->up;
    fb_tx_attach(tx, s->up);
    fb_tx_set_epoch(tx, epoch);
    l->offered = true;
}

/* What lies before the resume point has left its effect in memory, once. */
static void expect_finished(const struct life *l) {
    for (uint64_t frame = 0; frame < l->resume_point.resume_seq; frame++)
        weave_expect(l->world.finished[frame] == 1,
                     "a packet before the resume point is not finished");
}

static void replace(struct life *l) {
    struct fb_tx *tx = &l->world.ring.tx;
    if (l->revoked) {
        fb_tx_set_epoch(tx, 2);
        weave_time_passes();
    } else {
        weave_kill(FIRST);
    }
    l->resume_point = fb_tx_recover(tx);
    weave_expect(l->resume_point.violation == FB_VIOLATION_NONE, "its last words are impossible");
    expect_finished(l);
    l->lane.tx = *tx;
    if (l->resume_point.suspect)
        lane_mark_suspect(&l->lane);
    offer(l, 3);
}

static void replace_and_give(void *life) {
    struct life *l = life;
    replace(l);
    weave_quiet(true); /* from here on the two processes meet no more than they do at sleeps */
    for (unsigned i = 0; i < l->after; i++) {
        if (l->world.ring.tx.seq - l->world.ring.tx.consumed >= l->world.ring.tx.depth)
            await_empty(&l->world);
        give(&l->world);
    }
    await_empty(&l->world);
    fb_tx_set_command(&l->world.ring.tx, FB_COMMAND_STOP);
}

static void make(struct life *l, uint32_t depth, uint32_t slots) {
    world_make(&l->world, depth, slots);
    l->world.no_output_for = l->no_output_for;
    l->offered = false;
    memset(&l->lane, 0, sizeof l->lane);
    l->lane.marks = l->marks;
    l->lane.burst = l->world.ring.down->worker_burst;
    for (unsigned i = 0; i < l->before; i++)
        give(&l->world);
    struct fb_up *up = l->world.serving[NEXT].up = zeroed_pages(fb_up_footprint());
    world_watch_up(up);
    weave_thread(serve, &l->world.serving[FIRST]);
    weave_thread(serve_next, l);
}

/* Bursts of two. */
static void begin_burst(void *life) {
    make(life, 8, 16);
    weave_thread(replace_and_give, life);
}

/* Few slots, which are used again while the first process is still there. */
static void begin_lap(void *life) {
    make(life, 2, 2);
    weave_thread(replace_and_give, life);
}

static void expect_inspected_once(const struct life *l, uint64_t frame) {
    unsigned by[2] = {0, 0}, redelivered = 0;
    uint64_t resume = l->resume_point.resume_seq;
    for (unsigned i = 0; i < l->world.inspection_count; i++) {
        const struct inspected *inspection = &l->world.inspections[i];
        if (inspection->frame != frame)
            continue;
        by[inspection->process]++;
        redelivered += inspection->redelivered;
    }
    bool suspect = l->resume_point.suspect && frame == resume;
    weave_expect(by[NEXT] == (frame >= resume), "the next process did not go on where it had to");
    if (suspect)
        weave_expect(by[FIRST] <= 1 && redelivered == 1, "the suspect has no flag");
    else
        weave_expect(by[FIRST] == (frame < resume) && redelivered == 0,
                     "a packet that was no suspect was inspected twice, or never");
}

static void each_is_inspected_once_but_for_the_suspect(void *life) {
    const struct life *l = life;
    weave_expect(weave_ended(NEXT), "the next process sleeps: a wake is lost");
    weave_expect(!l->revoked || weave_ended(FIRST), "the revoked process sleeps: a wake is lost");
    for (uint64_t frame = 0; frame < l->before + l->after; frame++)
        expect_inspected_once(l, frame);
}

static void replace_in_every_order(struct life *l, const char *name, void (*begin)(void *),
                                   unsigned preemptions, unsigned weak) {
    explore(&(struct weave_scenario){.name = name,
                                     .set_up = begin,
                                     .check = each_is_inspected_once_but_for_the_suspect,
                                     .tear_down = world_free,
                                     .preemptions = preemptions,
                                     .weak = weak},
            l);
}

static void a_death_doubles_at_most_the_packet_under_inspection(void **state) {
    (void)state;
    static struct life l = {.before = 3, .after = 1};
    replace_in_every_order(&l, "death", begin_burst, 2, 1);
}

static void a_revocation_doubles_at_most_the_packet_under_inspection(void **state) {
    (void)state;
    static struct life l = {.before = 3, .after = 0, .revoked = true};
    replace_in_every_order(&l, "revocation", begin_burst, 2, 1);
}

/* While it waits for its output nothing is under inspection, and what waited begins again. */
static void a_packet_that_waits_for_output_is_no_suspect(void **state) {
    (void)state;
    static struct life dies = {.before = 2, .no_output_for = 1};
    static struct life revoked = {.before = 2, .no_output_for = 1, .revoked = true};
    replace_in_every_order(&dies, "death while output is waited for", begin_burst, 1, 1);
    replace_in_every_order(&revoked, "revocation while output is waited for", begin_burst, 2, 1);
}

static void a_revoked_process_that_wakes_up_late_inspects_no_other_frame(void **state) {
    (void)state;
    static struct life l = {.before = 2, .after = 2, .revoked = true};
    replace_in_every_order(&l, "slots used again", begin_lap, 1, 0);
}

/* ---- watched while it lives */

static void watch(void *life) {
    struct life *l = life;
    uint64_t progress;
    l->lane.tx = l->world.ring.tx;
    for (unsigned i = 0; i < 2; i++) {
        weave_expect(lane_watch(&l->lane, &progress) == FB_VIOLATION_NONE,
                     "an honest worker is found to break the protocol");
        weave_expect((int64_t)(progress - l->progress) >= 0, "an honest worker went back");
        l->progress = progress;
    }
    l->world.ring.tx = l->lane.tx;
    fb_tx_set_command(&l->world.ring.tx, FB_COMMAND_STOP);
}

static void begin_watch(void *life) {
    struct life *l = life;
    world_make(&l->world, 8, 16);
    memset(&l->lane, 0, sizeof l->lane);
    l->lane.marks = l->marks;
    l->lane.burst = l->world.ring.down->worker_burst;
    l->progress = 0;
    for (unsigned i = 0; i < l->before; i++)
        give(&l->world);
    weave_thread(serve, &l->world.serving[FIRST]);
    weave_thread(watch, l);
}

static void all_is_inspected(void *life) {
    const struct life *l = life;
    weave_expect(weave_ended(FIRST), "the worker sleeps: a wake is lost");
    weave_expect(l->world.inspection_count == l->before, "not all packets were inspected");
}

static void an_honest_worker_never_breaks_the_protocol(void **state) {
    (void)state;
    static struct life l = {.before = 5};
    explore(&(struct weave_scenario){.name = "watched",
                                     .set_up = begin_watch,
                                     .check = all_is_inspected,
                                     .tear_down = world_free,
                                     .preemptions = 2,
                                     .weak = 2},
            &l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* The cheapest first: tests/mutants waits for the first that fails. */
        cmocka_unit_test(an_honest_worker_never_breaks_the_protocol),
        cmocka_unit_test(a_death_doubles_at_most_the_packet_under_inspection),
        cmocka_unit_test(a_revocation_doubles_at_most_the_packet_under_inspection),
        cmocka_unit_test(a_packet_that_waits_for_output_is_no_suspect),
        cmocka_unit_test(a_revoked_process_that_wakes_up_late_inspects_no_other_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
