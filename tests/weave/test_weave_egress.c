/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/egress.c, in every order of it and of two workers that lie down: one
 * fence behind the publishes of a burst is enough for all of them, and no less is.
 */
#include "tests/weave/weave_atomic.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/datapath/egress.h"
#include "tests/lib/ring_fixture.h"
#include "tests/weave/weave.h"

#define RINGS 2u
#define BURSTS 2u
#define WORKER(k) (1u + (k))

struct burst {
    struct ring_fixture rings[RINGS];
    struct fleet *fleet;
    struct egress egress;
    struct worker {
        struct ring_fixture *ring;
        uint64_t seen;
    } workers[RINGS];
};

/* What worker/loop.c does where it has nothing, without its looks before. */
static void take_or_park(void *arg) {
    struct worker *worker = arg;
    struct fb_rx *rx = &worker->ring->rx;
    while (worker->seen < BURSTS) {
        uint32_t n = fb_rx_peek(rx);
        if (n != 0)
            rx->next += n;
        else
            fb_rx_park(rx, 100);
        worker->seen = rx->next;
    }
}

static void put_bursts(void *arg) {
    struct burst *b = arg;
    for (unsigned i = 0; i < BURSTS; i++) {
        for (unsigned k = 0; k < RINGS; k++) {
            weave_expect(ring_put(&b->rings[k], 0), "the ring is full");
            egress_touch(&b->egress, k)->tx = b->rings[k].tx;
        }
        egress_publish(&b->egress, true);
        for (unsigned k = 0; k < RINGS; k++)
            b->rings[k].tx = b->fleet->lanes[k].tx;
    }
}

static void begin(void *world) {
    static const struct ring_start from_zero = {.text = "0"};
    struct burst *b = world;
    memset(b->fleet, 0, sizeof *b->fleet);
    b->fleet->count = RINGS;
    b->fleet->round = 1; /* consumed has been read in it: nothing of the balance is asked for */
    egress_init(&b->egress, b->fleet, NULL, true);
    b->egress.now_ns = UINT64_C(1000000000);
    weave_thread(put_bursts, b);
    for (unsigned k = 0; k < RINGS; k++) {
        struct ring_fixture *r = &b->rings[k];
        r->start = &from_zero;
        ring_make(r, 8, 16, 4096);
        b->fleet->lanes[k].round = 1;
        b->workers[k] = (struct worker){.ring = r};
        WEAVE_WATCH(r->down->published);
        WEAVE_WATCH(r->down->doorbell);
        WEAVE_WATCH(r->up->parked);
        weave_thread(take_or_park, &b->workers[k]);
    }
}

static void none_sleeps(void *world) {
    (void)world;
    for (unsigned k = 0; k < RINGS; k++)
        weave_expect(weave_ended(WORKER(k)), "packets wait and the worker sleeps: a wake is lost");
}

static void free_rings(void *world) {
    struct burst *b = world;
    for (unsigned k = 0; k < RINGS; k++)
        ring_free(&b->rings[k]);
}

static void no_worker_of_a_burst_sleeps_on_its_packets(void **state) {
    (void)state;
    static struct burst b;
    const char *error;
    b.fleet = calloc(1, sizeof *b.fleet);
    assert_non_null(b.fleet);
    uint64_t runs = weave_explore(&(struct weave_scenario){.name = "bursts",
                                                           .set_up = begin,
                                                           .check = none_sleeps,
                                                           .tear_down = free_rings,
                                                           .preemptions = 1,
                                                           .weak = 1},
                                  &b, &error);
    free(b.fleet);
    if (runs == 0)
        fail_msg("%s (FB_WEAVE_TRACE=1 shows the run)", error);
    print_message("bursts: %llu runs\n", (unsigned long long)runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_worker_of_a_burst_sleeps_on_its_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
