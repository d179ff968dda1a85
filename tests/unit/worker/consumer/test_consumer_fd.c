/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/consumer/consumer_fd.c: a descriptor that is readable when the ring has something.
 * With the producer in another thread: tests/race/race_consumer_fd.c.
 */
#include "tests/lib/ring_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "tests/lib/caught.h"
#include "worker/consumer/consumer_fd.h"
#include "worker/consumer/consumer_parts.h"

#define SOON_MS 5000 /* for what must come */
#define NEVER_MS 150 /* for what must not: longer than a park */

static struct fb_ctl_handle ctl, seen;
static struct fb_consumer consumer;
static const struct fb_event *event;
static volatile int leave_signals;
static int fd;

static void open_consumer(struct ring_fixture *r) {
    char name[FB_NAME_MAX];
    if (r->down == NULL)
        ring_make(r, 64, 128, 16384);
    snprintf(name, sizeof name, "fb-test-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&ctl, name), 0);
    fb_ctl_format(&ctl);
    assert_int_equal(fb_ctl_join(&seen, name), FB_JOINED);
    const struct consumer_sides sides = {.ctl = &seen, .down = r->down, .up = r->up};
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.leave = &leave_signals;
    leave_signals = 0;
    assert_int_equal(consumer_init(&consumer, &sides, &config), 0);
    fd = fb_consumer_fd(&consumer);
    assert_true(fd >= 0);
}

static void close_consumer(void) {
    consumer_fini(&consumer);
    fb_ctl_leave(&seen);
    if (ctl.ctl != NULL)
        fb_ctl_destroy(&ctl);
}

static bool readable(int timeout_ms) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, timeout_ms) == 1;
}

static void give(struct ring_fixture *r) {
    bool woken = false;
    assert_true(ring_put(r, 60));
    fb_tx_publish(&r->tx, 1);
    fb_tx_fence();
    fb_tx_wake(&r->tx, 1, true, &woken);
}

static void take(void) {
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 1);
    assert_int_equal(event->kind, FB_EVENT_PACKET);
}

static void it_is_readable_while_there_is_something(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    assert_int_equal(fb_consumer_fd(&consumer), fd);
    assert_false(readable(NEVER_MS));
    give(r);
    give(r);
    assert_true(readable(SOON_MS));
    take();
    assert_true(readable(0)); /* not all is taken */
    take();
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 0);
    assert_false(readable(NEVER_MS));
    give(r);
    assert_true(readable(SOON_MS));
    take();
    close_consumer();
}

/* A program may wait first, and would wait for ever if it got nothing before it takes something. */
static void who_waits_for_it_has_asked_for_packets(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    assert_int_equal(fb_up_worker_status(r->up), FB_STATUS_READY);
    close_consumer();
}

static void what_comes_between_the_last_look_and_the_arming_is_found(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    give(r);
    assert_true(readable(SOON_MS));
    take();
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 0);
    /* As if it had been published before that: no doorbell rings for it. */
    assert_true(ring_put(r, 60));
    fb_tx_publish(&r->tx, 1);
    fb_consumer_fd(&consumer);
    assert_true(readable(SOON_MS));
    take();
    close_consumer();
}

static void the_end_makes_it_readable_too(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    fb_tx_set_command(&r->tx, FB_COMMAND_STOP);
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), FB_ENDED_STOPPED);
    assert_true(readable(0));
    close_consumer();

    fb_tx_set_command(&r->tx, FB_COMMAND_RUN);
    open_consumer(r);
    fb_tx_set_epoch(&r->tx, r->down->epoch + 1);
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), FB_ENDED_REVOKED);
    close_consumer();
}

static void that_the_dispatcher_is_gone_makes_it_readable_too(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    fb_ctl_destroy(&ctl);
    ctl.ctl = NULL;
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 1000, &event), FB_ENDED_ORPHANED);
    close_consumer();
}

/* Who only polls would not look again when the half second is over. */
static void a_request_to_leave_makes_it_readable_to_be_noted_and_followed(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 0);
    leave_signals = 1;
    uint64_t begin_ns = fb_now_ns();
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 0);
    assert_false(readable(NEVER_MS));
    assert_true(readable(SOON_MS));
    assert_true(fb_now_ns() - begin_ns >= LEAVE_GRACE_NS);
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), FB_ENDED_LEFT);
    close_consumer();
}

/* It is not followed then: not readable all the time. */
static void a_request_to_leave_while_the_run_stops_is_noted_only(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    fb_ctl_set_run_state(ctl.ctl, FB_RUN_STOPPING);
    leave_signals = 1;
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), 0);
    assert_false(readable(800));
    leave_signals = 2;
    assert_true(readable(SOON_MS));
    assert_int_equal(fb_consumer_next(&consumer, 0, &event), FB_ENDED_LEFT);
    close_consumer();
}

static void without_room_for_a_descriptor_there_is_one_line_and_the_reason(void **state) {
    struct ring_fixture *r = *state;
    struct rlimit limit;
    struct caught caught;
    open_consumer(r);
    consumer_fd_stop(consumer.fd);
    consumer.fd = NULL;
    catch_begin(&caught);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max});
    int result = fb_consumer_fd(&consumer);
    setrlimit(RLIMIT_NOFILE, &limit);
    catch_end(&caught);
    assert_int_equal(result, -EMFILE);
    assert_int_equal(lines_of(caught.text), 1);
    close_consumer();
}

static void note(int signo) {
    (void)signo;
}

/* The consumer's own wait is over the descriptor as well, and signals are the program's. */
static void a_wait_with_it_ends_by_packet_time_and_signal(void **state) {
    struct ring_fixture *r = *state;
    open_consumer(r);
    assert_int_equal(fb_consumer_next(&consumer, 20, &event), 0);
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 20000}, NULL);
    assert_int_equal(fb_consumer_next(&consumer, SOON_MS, &event), 0);
    signal(SIGALRM, SIG_DFL);
    give(r);
    assert_int_equal(fb_consumer_next(&consumer, -1, &event), 1);
    close_consumer();
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(it_is_readable_while_there_is_something),
        RING_TEST(who_waits_for_it_has_asked_for_packets),
        RING_TEST(what_comes_between_the_last_look_and_the_arming_is_found),
        RING_TEST(the_end_makes_it_readable_too),
        RING_TEST(that_the_dispatcher_is_gone_makes_it_readable_too),
        RING_TEST(a_request_to_leave_makes_it_readable_to_be_noted_and_followed),
        RING_TEST(a_request_to_leave_while_the_run_stops_is_noted_only),
        RING_TEST(without_room_for_a_descriptor_there_is_one_line_and_the_reason),
        RING_TEST(a_wait_with_it_ends_by_packet_time_and_signal),
    };
    return ring_run_tests(tests, sizeof tests / sizeof *tests);
}
