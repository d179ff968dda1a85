/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/consumer/consumer_fd.c: a dispatcher, a consumer that polls, and the thread between
 * them, for ThreadSanitizer. Packets come one at a time, each when the one before is taken: a
 * wake that is lost would be a poll of as long as a park.
 */
#include "tests/lib/ring_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "worker/consumer/consumer_parts.h"

#define PACKETS 3000u
#define LATE_NS UINT64_C(90000000)
#define LATE_MOST 3u /* a machine that is busy may be as late by itself */

static void *dispatch(void *arg) {
    struct ring_fixture *r = arg;
    for (unsigned i = 0; i < PACKETS; i++) {
        bool woken;
        while (fb_tx_refresh(&r->tx) != FB_VIOLATION_NONE || r->tx.consumed != r->tx.seq)
            sched_yield();
        for (unsigned spin = i % 64; spin != 0; spin--)
            sched_yield(); /* to meet the consumer at each of its steps */
        ring_put(r, 0);
        fb_tx_publish(&r->tx, 1);
        fb_tx_fence();
        fb_tx_wake(&r->tx, 1, true, &woken);
    }
    fb_tx_set_command(&r->tx, FB_COMMAND_STOP);
    return NULL;
}

static void no_wake_is_lost(void **state) {
    struct ring_fixture *r = *state;
    struct fb_ctl_handle ctl, seen;
    struct fb_consumer consumer;
    char name[FB_NAME_MAX];
    ring_make(r, 64, 128, 16384);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&ctl, name), 0);
    fb_ctl_format(&ctl);
    assert_int_equal(fb_ctl_join(&seen, name), FB_JOINED);
    const struct consumer_sides sides = {.ctl = &seen, .down = r->down, .up = r->up};
    const struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    assert_int_equal(consumer_init(&consumer, &sides, &config), 0);
    struct pollfd wanted = {.fd = fb_consumer_fd(&consumer), .events = POLLIN};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, dispatch, r), 0);
    const struct fb_event *event;
    unsigned packets = 0, late = 0;
    int taken = 0;
    while (taken >= 0) {
        uint64_t before_ns = fb_now_ns();
        poll(&wanted, 1, 10000);
        late += fb_now_ns() - before_ns > LATE_NS;
        while ((taken = fb_consumer_next(&consumer, 0, &event)) > 0)
            packets++;
    }
    pthread_join(thread, NULL);
    consumer_fini(&consumer);
    fb_ctl_leave(&seen);
    fb_ctl_destroy(&ctl);
    assert_int_equal(taken, FB_ENDED_STOPPED);
    assert_int_equal(packets, PACKETS);
    assert_true(late <= LATE_MOST);
}

int main(void) {
    static const struct ring_test tests[] = {RING_TEST(no_wake_is_lost)};
    return ring_run_tests(tests, 1);
}
