/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/flow_records.h"
#include "tests/lib/ring_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/memory.h"
#include "tests/lib/random.h"

/*
 * shm/ring.c: dispatcher and worker as threads of one process, over the same code
 * as in two processes, for ThreadSanitizer: what one side writes and the other reads
 * without an order between them is reported by it, and what arrives otherwise
 * than it was sent by the tests. Only the main thread may assert, and only
 * when the others have ended; so both sides keep the first error that they see.
 */
#define DEPTH 64u
#define SLOTS 128u
#define ARENA 16384u
#define DESCRIPTORS 12000u
#define INCARNATIONS 40u
#define SPINS 4u
#define SLEEPS 50u /* divides DESCRIPTORS */

enum worker_end { ENDED_STOPPED, ENDED_REVOKED, ENDED_DIED, ENDED_WRONG };

struct race {
    struct ring_fixture ring;
    struct fb_ctl *ctl;
    struct fb_up *ups[INCARNATIONS + 2]; /* by epoch, from 1 */
    uint8_t inspected[DESCRIPTORS];      /* how often, by descriptor; the last worker's word */
    struct fb_flow flows[SLOTS]; /* each of one descriptor, under a handle that comes again */
    const char *error;
    struct random random; /* the main thread's */
};

struct worker {
    struct race *race;
    uint64_t epoch;      /* that it waits for */
    uint64_t dies_after; /* so many inspections */
    pthread_t thread;
    atomic_bool gone; /* stands for its lock */
    enum worker_end end;
    const char *error;
    unsigned parks;
};

static void note(const char **error, const char *text) {
    if (*error == NULL)
        *error = text;
}

/* ---- the worker */

static bool inspect(struct worker *w, const struct fb_rx *rx, uint32_t i) {
    const struct fb_desc *desc = fb_rx_desc(rx, i);
    uint64_t index = desc->frame - w->race->ring.start->seq;
    if (desc->frame != rx->next + i || index >= DESCRIPTORS) {
        note(&w->error, "a descriptor is not the one that was put there");
        return false;
    }
    const uint8_t *bytes = fb_rx_bytes(rx, desc);
    for (uint32_t b = 0; b < desc->caplen; b++) {
        if (bytes[b] != ring_byte(desc->frame, b)) {
            note(&w->error, "a byte is not the one that was put there");
            return false;
        }
    }
    const struct fb_flow *flow = fb_rx_flow(rx, desc);
    if (flow == NULL || flow->first_ns != desc->frame || flow->src_port != (uint16_t)desc->frame) {
        note(&w->error, "the record of a flow is not the one that was written");
        return false;
    }
    w->race->inspected[index]++;
    return true;
}

/* One burst. Returns false if the worker must end. */
static bool work(struct worker *w, struct fb_rx *rx, uint32_t n) {
    fb_rx_stamp(rx);
    for (uint32_t i = 0; i < n; i++) {
        if (!fb_rx_begin(rx, i, &(struct fb_desc){0})) {
            w->end = ENDED_REVOKED;
            return false;
        }
        if (!inspect(w, rx, i)) {
            w->end = ENDED_WRONG;
            return false;
        }
        if (w->dies_after-- == 0) {
            w->end = ENDED_DIED;
            return false;
        }
        fb_rx_end();
    }
    fb_up_set_counter(rx->up, FB_WORKER_PACKETS, rx->next);
    fb_rx_release(rx, n);
    return true;
}

/* An empty ring. Returns false if the worker must end. */
static bool idle(struct worker *w, struct fb_rx *rx) {
    for (unsigned spin = 0; spin < SPINS; spin++) {
        enum fb_command order = fb_rx_command(rx);
        if (fb_rx_peek(rx) != 0)
            return true;
        if (fb_rx_revoked(rx) || order == FB_COMMAND_STOP) {
            w->end = order == FB_COMMAND_STOP ? ENDED_STOPPED : ENDED_REVOKED;
            return false;
        }
        sched_yield();
    }
    w->parks++;
    fb_rx_park(rx, 100);
    return true;
}

/* The thread is there before its up side is: only the epoch in ctl says that it is whole. */
static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct race *race = w->race;
    while (fb_ctl_epoch(race->ctl, 0) < w->epoch)
        sched_yield();
    struct fb_up *up = race->ups[w->epoch];
    struct fb_rx rx;
    fb_rx_init(&rx, race->ring.down, up);
    fb_rx_set_flows(&rx, race->flows);
    if (up->epoch != w->epoch || fb_up_worker_status(up) != FB_STATUS_VACANT)
        note(&w->error, "the up side is not the one on offer");
    fb_up_set_worker_status(up, FB_STATUS_READY);
    for (;;) {
        uint32_t n = fb_rx_peek(&rx);
        if (n != 0 ? !work(w, &rx, n) : !idle(w, &rx))
            break;
    }
    fb_up_set_worker_status(up, FB_STATUS_LEFT);
    atomic_store_explicit(&w->gone, true, memory_order_relaxed);
    return NULL;
}

static void worker_start(struct worker *w, struct race *race, uint64_t epoch, uint64_t dies_after) {
    *w = (struct worker){.race = race, .epoch = epoch, .dies_after = dies_after};
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        abort();
}

/* ---- the dispatcher */

static void race_open(struct race *race) {
    ring_make(&race->ring, DEPTH, SLOTS, ARENA);
    race->ctl = zeroed_pages(sizeof(struct fb_ctl));
    /* The first up side is made by offer(), as each after it. */
    free(race->ring.up);
    race->ring.up = NULL;
    race->random = random_from(race->ring.start->seq + 1);
}

static void race_close(struct race *race) {
    for (unsigned i = 0; i < INCARNATIONS + 2; i++)
        free(race->ups[i]);
    free(race->ctl);
    assert_null(race->error);
}

static void offer(struct race *race, uint64_t epoch) {
    struct fb_tx *tx = &race->ring.tx;
    struct fb_up *up = race->ups[epoch] = zeroed_pages(fb_up_footprint());
    fb_up_format(up, ring_instance, 0, epoch, tx->consumed);
    fb_tx_attach(tx, up);
    fb_tx_set_epoch(tx, epoch);
    fb_ctl_set_epoch(race->ctl, 0, epoch);
}

static void refresh(struct race *race) {
    struct fb_tx *tx = &race->ring.tx;
    if (fb_tx_refresh(tx) != FB_VIOLATION_NONE)
        note(&race->error, "consumed is out of range");
    /* Loaded after consumed, which was stored after it: it cannot lie before. */
    uint64_t cursor = atomic_load_explicit(&tx->up->cursor, memory_order_relaxed);
    if ((((cursor >> 1) - tx->consumed) & (UINT64_MAX >> 1)) > tx->published - tx->consumed)
        note(&race->error, "cursor is not between consumed and published");
}

static void publish(struct race *race, bool force) {
    static uint64_t now_ns;
    bool woken = false;
    fb_tx_publish(&race->ring.tx, now_ns += 1000);
    fb_tx_fence();
    fb_tx_wake(&race->ring.tx, now_ns, force, &woken);
}

/* A flow for descriptor seq alone, whose handle is free when the slot is. */
static void bind_flow(struct race *race, uint64_t seq) {
    struct fb_tx *tx = &race->ring.tx;
    uint32_t handle = (uint32_t)(seq % SLOTS);
    struct fb_desc *desc = &tx->descs[seq & tx->slot_mask];
    if (fb_down_flow_records(tx->down) <= handle)
        fb_down_set_flow_records(tx->down, handle + 1);
    race->flows[handle] =
        (struct fb_flow){.id = seq, .first_ns = desc->frame, .src_port = (uint16_t)desc->frame};
    desc->handle = handle;
    desc->flow_id = seq;
}

static bool put_anything(struct race *race) {
    if (random_below(&race->random, 16) == 0)
        return ring_put_end(&race->ring);
    return ring_put(&race->ring, random_below(&race->random, 4) == 0
                                     ? random_below(&race->random, ARENA / 4)
                                     : random_below(&race->random, 64));
}

static bool put_something(struct race *race) {
    uint64_t seq = race->ring.tx.seq;
    if (!put_anything(race))
        return false;
    bind_flow(race, seq);
    return true;
}

/* Puts descriptors in until the number is reached or the worker is gone. */
static void feed(struct race *race, const struct worker *w, uint64_t count) {
    struct fb_tx *tx = &race->ring.tx;
    while (tx->seq - race->ring.start->seq < count &&
           !atomic_load_explicit(&w->gone, memory_order_relaxed)) {
        if (put_something(race)) {
            if (random_below(&race->random, 8) == 0)
                publish(race, false);
            if (random_below(&race->random, 256) == 0) {
                publish(race, true);
                sched_yield();
            }
        } else {
            publish(race, true);
            refresh(race);
            sched_yield();
        }
    }
    publish(race, true);
}

/* The worker finishes all and lies down, so that the next packet has to wake it. */
static void let_sleep(struct race *race, const struct worker *w) {
    publish(race, true);
    while (!atomic_load_explicit(&w->gone, memory_order_relaxed)) {
        refresh(race);
        if (race->ring.tx.consumed == race->ring.tx.seq &&
            atomic_load_explicit(&race->ring.tx.up->parked, memory_order_relaxed) != 0)
            break;
        sched_yield();
    }
}

/* Waits for its end and takes over what it said. */
static void join(struct race *race, struct worker *w) {
    if (pthread_join(w->thread, NULL) != 0)
        abort();
    if (w->error != NULL)
        note(&race->error, w->error);
}

static void stop(struct race *race, struct worker *w) {
    fb_tx_set_command(&race->ring.tx, FB_COMMAND_STOP);
    join(race, w);
    if (race->error != NULL)
        return;
    refresh(race);
    if (w->end != ENDED_STOPPED || race->ring.tx.consumed != race->ring.tx.seq)
        note(&race->error, "a stopped worker has left something in its ring");
}

/* ---- tests */

static void everything_arrives_once_in_order_and_whole(void **state) {
    struct ring_fixture *r = *state;
    struct race *race = calloc(1, sizeof *race);
    assert_non_null(race);
    race->ring.start = r->start;
    race_open(race);
    struct worker w;
    worker_start(&w, race, 1, UINT64_MAX);
    offer(race, 1);
    for (unsigned i = 1; i <= SLEEPS; i++) {
        feed(race, &w, DESCRIPTORS / SLEEPS * i);
        let_sleep(race, &w);
    }
    stop(race, &w);
    ring_free(&race->ring);
    race_close(race);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        assert_int_equal(race->inspected[i], 1);
    assert_true(w.parks >= SLEEPS);
    free(race);
}

/*
 * Workers die under a packet, or are revoked at some moment; the next process
 * goes on. All is inspected once, but for the packet under which one died.
 */
static void deaths_and_revocations_double_at_most_the_packet_under_inspection(void **state) {
    struct ring_fixture *r = *state;
    struct race *race = calloc(1, sizeof *race);
    assert_non_null(race);
    race->ring.start = r->start;
    race_open(race);
    struct fb_tx *tx = &race->ring.tx;
    static uint8_t expected[DESCRIPTORS];
    memset(expected, 1, sizeof expected);
    static struct worker workers[INCARNATIONS + 1];
    struct worker *w = &workers[0];
    worker_start(w, race, 1, random_below(&race->random, 300));
    offer(race, 1);
    unsigned died = 0, revoked = 0;
    for (unsigned i = 1; i <= INCARNATIONS && race->error == NULL; i++) {
        struct worker *next = &workers[i];
        bool last = i == INCARNATIONS;
        worker_start(next, race, i + 1,
                     last || i % 2 == 0 ? UINT64_MAX : random_below(&race->random, 300));
        /* Dies by itself in it, or is revoked at the end of it. */
        feed(race, w, tx->seq - race->ring.start->seq + 100 + random_below(&race->random, 150));
        if (!atomic_load_explicit(&w->gone, memory_order_relaxed))
            fb_tx_set_epoch(tx, i * 1000); /* of no worker */
        join(race, w);
        struct fb_resume_point resume_point = fb_tx_recover(tx);
        if (resume_point.violation != FB_VIOLATION_NONE)
            note(&race->error, "the last words of a worker are impossible");
        if (w->end == ENDED_DIED && !resume_point.suspect)
            note(&race->error, "nobody is suspected of a death");
        if (w->end == ENDED_DIED)
            expected[resume_point.resume_seq - race->ring.start->seq]++;
        died += w->end == ENDED_DIED;
        revoked += w->end == ENDED_REVOKED;
        offer(race, i + 1);
        w = next;
    }
    feed(race, w, DESCRIPTORS);
    stop(race, w);
    ring_free(&race->ring);
    race_close(race);
    assert_memory_equal(race->inspected, expected, sizeof expected);
    assert_true(died > 0 && revoked > 0);
    free(race);
}

struct observer {
    const struct fb_ctl *ctl;
    const atomic_bool *done;
    pthread_t thread;
    const char *error;
    uint64_t last;
};

#define LANES 8u
#define SNAPSHOTS 1500u

static void *observe(void *arg) {
    struct observer *o = arg;
    static _Thread_local struct fb_snapshot snapshot;
    const uint64_t *words = (const uint64_t *)&snapshot;
    size_t n = offsetof(struct fb_snapshot, lane) / sizeof *words + LANES * FB_LANE_COUNT;
    while (!atomic_load_explicit(o->done, memory_order_relaxed)) {
        if (!fb_ctl_read_snapshot(o->ctl, &snapshot, LANES)) {
            note(&o->error, "no snapshot though its writer lives");
            break;
        }
        for (size_t i = 0; i < n; i++)
            if (words[i] != words[0])
                note(&o->error, "a snapshot is of two moments");
        if (words[0] < o->last)
            note(&o->error, "a snapshot is older than the one before");
        o->last = words[0];
    }
    return NULL;
}

static void a_snapshot_of_the_counters_is_of_one_moment(void **state) {
    (void)state;
    struct fb_ctl *ctl = zeroed_pages(sizeof(struct fb_ctl));
    static struct fb_snapshot snapshot;
    uint64_t *words = (uint64_t *)&snapshot;
    atomic_bool done;
    atomic_init(&done, false);
    struct observer observers[2];
    for (unsigned i = 0; i < 2; i++) {
        observers[i] = (struct observer){.ctl = ctl, .done = &done};
        assert_int_equal(pthread_create(&observers[i].thread, NULL, observe, &observers[i]), 0);
    }
    for (uint64_t v = 1; v <= SNAPSHOTS; v++) {
        for (size_t i = 0; i < FB_SNAPSHOT_WORDS; i++)
            words[i] = v;
        fb_ctl_write_snapshot(ctl, &snapshot, LANES);
        usleep(50);
    }
    atomic_store_explicit(&done, true, memory_order_relaxed);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(observers[i].thread, NULL);
        assert_null(observers[i].error);
        assert_true(observers[i].last > 0);
    }
    free(ctl);
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(everything_arrives_once_in_order_and_whole),
        RING_TEST(deaths_and_revocations_double_at_most_the_packet_under_inspection),
    };
    const struct CMUnitTest snapshot[] = {
        cmocka_unit_test(a_snapshot_of_the_counters_is_of_one_moment),
    };
    return ring_run_tests(tests, sizeof tests / sizeof *tests) +
           cmocka_run_group_tests(snapshot, NULL, NULL);
}
