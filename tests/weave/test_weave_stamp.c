/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/ring.c: what a worker takes for the time of a publish, in every order of it and of a
 * dispatcher that writes over it. There is room for FB_STAMPS, and one more is written.
 */
#include "tests/weave/explore.h"

#define ROUND FB_STAMPS
#define FIRST_NS UINT64_C(1000)

static void publish(struct ring_fixture *r, uint64_t n) {
    weave_expect(ring_put(r, 0), "the ring is full");
    fb_tx_publish(&r->tx, FIRST_NS + n);
}

static void look(void *arg) {
    struct ring_fixture *r = arg;
    weave_expect(fb_rx_peek(&r->rx) != 0, "what was published before is not there");
    uint64_t stamp_ns = fb_rx_stamp(&r->rx);
    weave_expect(stamp_ns == 0 || stamp_ns == FIRST_NS, "the stamp is that of another publish");
}

static void go_round(void *arg) {
    struct ring_fixture *r = arg;
    weave_quiet(true);
    for (unsigned n = 1; n < ROUND; n++)
        publish(r, n);
    weave_quiet(false);
    for (unsigned n = 0; n < 2; n++)
        publish(r, ROUND + n);
}

static void begin(void *world) {
    static const struct ring_start from_zero = {.text = "0"};
    struct ring_fixture *r = world;
    r->start = &from_zero;
    ring_make(r, 2 * ROUND, 4 * ROUND, 4096);
    publish(r, 0);
    WEAVE_WATCH(r->down->published);
    WEAVE_WATCH(r->down->publishes);
    WEAVE_WATCH(r->down->stamps[0].end_seq);
    WEAVE_WATCH(r->down->stamps[0].time_ns);
    weave_thread(look, r);
    weave_thread(go_round, r);
}

static void nothing(void *world) {
    (void)world;
}

static void end(void *world) {
    ring_free(world);
}

static void a_stamp_that_is_written_over_meanwhile_is_unknown(void **state) {
    (void)state;
    static struct ring_fixture r;
    explore(&(struct weave_scenario){.name = "stamps",
                                     .set_up = begin,
                                     .check = nothing,
                                     .tear_down = end,
                                     .preemptions = 3,
                                     .weak = 2},
            &r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_that_is_written_over_meanwhile_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
