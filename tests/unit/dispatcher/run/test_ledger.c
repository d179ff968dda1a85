/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/ledger.c: that nothing is left out; that it adds up is checked at every
 * step of the data path's tests.
 */
#include "tests/lib/datapath_fixture.h"

#include <string.h>

static const struct capture_stats capture = {
    .received = 1000, .kernel_drops = 20, .interface_drops = 3};

static void gather(struct datapath_fixture *f) {
    memset(&f->snapshot, 0xff, sizeof f->snapshot);
    ledger_gather(&f->snapshot, &f->datapath, &capture);
}

static void of_a_run_that_has_not_begun_all_is_zero_but_what_the_source_says(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, true, 64, NULL);
    gather(f);
    static const struct fb_snapshot zero;
    assert_int_equal(f->snapshot.run[FB_RUN_CAPTURE_RECEIVED], 1000);
    assert_int_equal(f->snapshot.run[FB_RUN_KERNEL_DROPS], 20);
    assert_int_equal(f->snapshot.run[FB_RUN_INTERFACE_DROPS], 3);
    assert_int_equal(f->snapshot.run[FB_RUN_WORKERS_WANTED], 2);
    f->snapshot.run[FB_RUN_CAPTURE_RECEIVED] = f->snapshot.run[FB_RUN_WORKERS_WANTED] = 0;
    f->snapshot.run[FB_RUN_KERNEL_DROPS] = f->snapshot.run[FB_RUN_INTERFACE_DROPS] = 0;
    assert_memory_equal(&f->snapshot, &zero, sizeof zero);
}

static void every_counter_is_what_its_owner_has_counted(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, true, 64, NULL);
    f->datapath.ingress.received = 100;
    f->datapath.ingress.burst.count = 9;
    f->datapath.ingress.burst.next = 2;
    f->datapath.ingress.burst.held = 0x15; /* of packet 0, 2 and 4; 0 was passed */
    f->datapath.bypassed = 7;
    f->base.fleet.bypassed = 8;
    for (unsigned i = 0; i < FB_DECODE_COUNT; i++)
        f->datapath.ingress.decode[i] = 200 + i;
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        f->datapath.egress.dropped[i] = 300 + i;
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        f->flows.ended[i] = 400 + i;
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++)
        f->base.fleet.violations[i] = 500 + i;
    for (unsigned i = 0; i < FB_LANE_COUNT; i++)
        lane_of(&f->base, 1)->counters[i] = 600 + i;
    f->base.fleet.redelivered = 1;
    f->flows.created = 2;
    f->flows.peak = 3;
    f->flows.stray_syns = 4;
    f->flows.pairs.counts[3][FB_PAIR_ONE_SIDED][FB_PAIR_GUESSED] = 700;
    f->datapath.ingress.clock.packets.held = 5;
    gather(f);
    assert_int_equal(f->snapshot.run[FB_RUN_RECEIVED], 100);
    assert_int_equal(f->snapshot.run[FB_RUN_PENDING], 5);
    assert_int_equal(f->snapshot.run[FB_RUN_BYPASSED], 15);
    assert_int_equal(f->snapshot.pairs[3][FB_PAIR_ONE_SIDED][FB_PAIR_GUESSED], 700);
    assert_int_equal(f->snapshot.run[FB_RUN_REDELIVERED], 1);
    assert_int_equal(f->snapshot.run[FB_RUN_FLOWS_CREATED], 2);
    assert_int_equal(f->snapshot.run[FB_RUN_FLOWS_PEAK], 3);
    assert_int_equal(f->snapshot.run[FB_RUN_SYN_ON_LIVE_FLOW], 4);
    assert_int_equal(f->snapshot.run[FB_RUN_STAMPS_HELD], 5);
    for (unsigned i = 0; i < FB_DECODE_COUNT; i++)
        assert_int_equal(f->snapshot.decode[i], 200 + i);
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        assert_int_equal(f->snapshot.dropped[i], 300 + i);
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        assert_int_equal(f->snapshot.ended[i], 400 + i);
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++)
        assert_int_equal(f->snapshot.violations[i], 500 + i);
    for (unsigned i = 0; i < FB_LANE_COUNT; i++)
        if (i != FB_LANE_WAITING && i != FB_LANE_FLOWS_BOUND)
            assert_int_equal(f->snapshot.lane[1][i], 600 + i);
}

static void what_waits_and_what_is_bound_is_as_it_is_now(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 2, 8, true, 64, NULL);
    start_workers(f);
    for (unsigned n = 0; n < 6; n++)
        add_udp_frame(f, n);
    send_burst(f);
    gather(f);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(f->snapshot.lane[k][FB_LANE_WAITING], 3);
        assert_int_equal(f->snapshot.lane[k][FB_LANE_FLOWS_BOUND], 3);
        assert_int_equal(f->snapshot.lane[k][FB_LANE_ENTERED], 3);
    }
    assert_int_equal(f->snapshot.run[FB_RUN_FLOWS_ACTIVE], 6);
    consume_all(f);
    f->packet_ns += 31 * SECOND;
    add_udp_frame(f, 0);
    send_burst(f);
    gather(f);
    assert_int_equal(f->snapshot.run[FB_RUN_FLOWS_ACTIVE], 1);
    assert_int_equal(
        f->snapshot.lane[0][FB_LANE_FLOWS_BOUND] + f->snapshot.lane[1][FB_LANE_FLOWS_BOUND], 1);
    assert_int_equal(f->snapshot.lane[0][FB_LANE_FLOWS] + f->snapshot.lane[1][FB_LANE_FLOWS], 7);
    assert_int_equal(f->snapshot.lane[0][FB_LANE_WAITING] + f->snapshot.lane[1][FB_LANE_WAITING],
                     1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DATAPATH_TEST(of_a_run_that_has_not_begun_all_is_zero_but_what_the_source_says),
        DATAPATH_TEST(every_counter_is_what_its_owner_has_counted),
        DATAPATH_TEST(what_waits_and_what_is_bound_is_as_it_is_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
