/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ring.c and ring.h: sleeping and being woken. */
#include "tests/lib/ring_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/random.h"

#define ARENA 4096u
/* A sleep that ends by new data ends long before this; it only bounds a failing test. */
#define LONG_MS 20000u
#define T0 UINT64_C(1000000000) /* some time of the dispatcher's clock */

static uint32_t bell(const struct ring_fixture *r) {
    return atomic_load(&r->down->doorbell) - r->start->doorbell;
}

static void publish(struct ring_fixture *r, unsigned count, uint64_t now_ns) {
    for (unsigned i = 0; i < count; i++)
        assert_true(ring_put(r, 0));
    fb_tx_publish(&r->tx, now_ns);
    fb_tx_fence();
}

/* A ring call that must answer so; the doorbell moves by one just when a wake was sent. */
static void expect_ring(struct ring_fixture *r, uint64_t now_ns, bool force, bool again,
                        bool woken) {
    uint32_t before = bell(r);
    bool sent = false;
    assert_int_equal(fb_tx_wake(&r->tx, now_ns, force, &sent), again);
    assert_int_equal(sent, woken);
    assert_int_equal(bell(r) - before, woken);
}

static void make_sleeper(struct ring_fixture *r) {
    ring_make(r, 128, 256, ARENA);
    atomic_store(&r->up->parked, 1);
}

/* ---- when the dispatcher rings */

static void without_new_data_none_is_woken(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    expect_ring(r, T0, false, false, false);
    expect_ring(r, T0, true, false, false);
}

static void a_worker_that_is_awake_is_not_woken_and_the_new_data_is_settled(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    publish(r, 100, T0);
    expect_ring(r, T0 + FB_WAKE_DELAY_NS, true, false, false);
    atomic_store(&r->up->parked, 1); /* it saw them before it lay down */
    expect_ring(r, T0 + FB_WAKE_DELAY_NS, true, false, false);
}

static void few_and_young_packets_wait_for_more(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, FB_WAKE_WAITING - 1, T0);
    expect_ring(r, T0 + 1, false, true, false);
    expect_ring(r, T0 + FB_WAKE_DELAY_NS - 1, false, true, false);
}

static void enough_new_data_wakes(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, FB_WAKE_WAITING - 1, T0);
    expect_ring(r, T0 + 1, false, true, false);
    publish(r, 1, T0 + 2);
    expect_ring(r, T0 + 2, false, false, true);
    expect_ring(r, T0 + 3, true, false, false);
}

static void old_data_wakes_by_the_age_of_the_oldest(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, 1, T0);
    publish(r, 1, T0 + FB_WAKE_DELAY_NS - 1);
    expect_ring(r, T0 + FB_WAKE_DELAY_NS - 1, false, true, false);
    expect_ring(r, T0 + FB_WAKE_DELAY_NS, false, false, true);
}

static void a_sleeper_is_not_woken_again_before_the_pause_is_over_unless_forced(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, FB_WAKE_WAITING, T0);
    expect_ring(r, T0, false, false, true);
    publish(r, FB_WAKE_WAITING, T0 + 1);
    expect_ring(r, T0 + FB_WAKE_PAUSE_NS - 1, false, true, false);
    expect_ring(r, T0 + FB_WAKE_PAUSE_NS, false, false, true);
    ring_pass(r, 2 * FB_WAKE_WAITING);
    publish(r, 1, T0 + FB_WAKE_PAUSE_NS + 1);
    expect_ring(r, T0 + FB_WAKE_PAUSE_NS + 2, false, true, false);
    expect_ring(r, T0 + FB_WAKE_PAUSE_NS + 2, true, false, true);
}

/* The numbers of the protocol, not the names: a slip in one is a sleeper that is late. */
static void a_packet_waits_50_us_at_most_and_wakes_come_20_us_apart(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, 1, T0);
    expect_ring(r, T0 + 49999, false, true, false);
    expect_ring(r, T0 + 50000, false, false, true);
    publish(r, 64, T0 + 50001);
    expect_ring(r, T0 + 69999, false, true, false);
    expect_ring(r, T0 + 70000, false, false, true);
    ring_pass(r, 65);
    publish(r, 63, T0 + 100000);
    expect_ring(r, T0 + 100001, false, true, false);
    publish(r, 1, T0 + 100002);
    expect_ring(r, T0 + 100002, false, false, true);
}

static void every_command_and_every_epoch_wakes_a_sleeper_immediately(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    uint32_t before = bell(r);
    fb_tx_set_command(&r->tx, FB_COMMAND_STOP);
    assert_int_equal(bell(r) - before, 1);
    fb_tx_set_epoch(&r->tx, 2);
    assert_int_equal(bell(r) - before, 2);
    atomic_store(&r->up->parked, 0);
    fb_tx_set_command(&r->tx, FB_COMMAND_RUN);
    fb_tx_set_epoch(&r->tx, 3);
    assert_int_equal(bell(r) - before, 2);
    r->tx.up = NULL; /* between two incarnations there is none to wake */
    fb_tx_set_epoch(&r->tx, 4);
    assert_int_equal(bell(r) - before, 2);
}

static void a_new_up_side_has_no_new_data_to_be_woken_for(void **state) {
    struct ring_fixture *r = *state;
    make_sleeper(r);
    publish(r, 100, T0);
    fb_tx_attach(&r->tx, r->up);
    expect_ring(r, T0 + FB_WAKE_DELAY_NS, true, false, false);
}

/* ---- when the worker sleeps */

static void an_empty_ring_is_slept_on_until_the_timeout(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    assert_int_equal(fb_rx_park(&r->rx, 1), FB_WAKE_TIMEOUT);
    assert_int_equal(atomic_load(&r->up->parked), 0);
}

static void what_was_published_before_is_not_slept_on(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    publish(r, 1, T0);
    assert_int_equal(fb_rx_park(&r->rx, LONG_MS), FB_WAKE_NEW_DATA);
    assert_int_equal(atomic_load(&r->up->parked), 0);
    ring_take(r, 1);
    assert_int_equal(fb_rx_park(&r->rx, 1), FB_WAKE_TIMEOUT);
}

static void a_revoked_worker_does_not_sleep(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    fb_tx_set_epoch(&r->tx, 2);
    assert_int_equal(fb_rx_park(&r->rx, LONG_MS), FB_WAKE_NEW_DATA);
}

/* Between the look and the sleep no one wakes it, since it is not parked yet. */
static void an_order_that_came_after_the_last_look_at_it_is_not_slept_on(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    assert_int_equal(fb_rx_command(&r->rx), FB_COMMAND_RUN);
    fb_tx_set_command(&r->tx, FB_COMMAND_STOP);
    assert_int_equal(fb_rx_park(&r->rx, 1000), FB_WAKE_NEW_DATA);
    assert_int_equal(fb_rx_command(&r->rx), FB_COMMAND_STOP);
    assert_int_equal(fb_rx_park(&r->rx, 1), FB_WAKE_TIMEOUT); /* known: not new any more */
}

struct sleeper {
    struct ring_fixture *ring;
    pthread_t thread;
    enum fb_wake wake;
    atomic_bool woke;
};

static void *sleep_long(void *arg) {
    struct sleeper *s = arg;
    s->wake = fb_rx_park(&s->ring->rx, LONG_MS);
    atomic_store(&s->woke, true);
    return NULL;
}

static void start_sleeper(struct sleeper *s, struct ring_fixture *r) {
    s->ring = r;
    atomic_store(&s->woke, false);
    assert_int_equal(pthread_create(&s->thread, NULL, sleep_long, s), 0);
    while (atomic_load(&r->up->parked) == 0)
        sched_yield();
}

static void expect_woken(struct sleeper *s, enum fb_wake wake) {
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    assert_int_equal(s->wake, wake);
    assert_int_equal(atomic_load(&s->ring->up->parked), 0);
}

/* Wherever the sleeper is between `parked` and the futex, each of these ends its sleep. */
static void a_sleeper_wakes_for_packets_for_an_order_and_for_an_epoch(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    struct sleeper s;
    start_sleeper(&s, r);
    publish(r, 1, T0);
    expect_ring(r, T0, true, false, true);
    expect_woken(&s, FB_WAKE_NEW_DATA);
    ring_take(r, 1);

    start_sleeper(&s, r);
    fb_tx_set_command(&r->tx, FB_COMMAND_STOP);
    expect_woken(&s, FB_WAKE_NEW_DATA);
    assert_int_equal(fb_rx_command(&r->rx), FB_COMMAND_STOP);

    start_sleeper(&s, r);
    fb_tx_set_epoch(&r->tx, 2);
    expect_woken(&s, FB_WAKE_NEW_DATA);
    assert_true(fb_rx_revoked(&r->rx));
}

static void do_nothing(int signo) {
    (void)signo;
}

static void a_signal_ends_the_sleep_and_is_told_apart(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    struct sigaction action = {.sa_handler = do_nothing}, before;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    struct sleeper s;
    start_sleeper(&s, r);
    while (!atomic_load(&s.woke)) {
        pthread_kill(s.thread, SIGUSR1);
        usleep(1000);
    }
    expect_woken(&s, FB_WAKE_SIGNAL);
    sigaction(SIGUSR1, &before, NULL);
}

/* ---- stamps */

static void a_stamp_is_the_time_of_the_publish_that_a_descriptor_came_with(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    assert_int_equal(fb_rx_stamp(&r->rx), 0);
    publish(r, 3, 100);
    publish(r, 1, 200);
    publish(r, 2, 300);
    static const uint64_t expected[] = {100, 100, 100, 200, 300, 300};
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(fb_rx_stamp(&r->rx), expected[i]);
        assert_int_equal(fb_rx_stamp(&r->rx), expected[i]); /* asking does not change it */
        ring_take(r, 1);
    }
    assert_int_equal(fb_rx_stamp(&r->rx), 0);
    publish(r, 1, 400);
    assert_int_equal(fb_rx_stamp(&r->rx), 400);
}

static void of_what_is_far_behind_a_bound_is_known(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 4096, 8192, ARENA);
    for (unsigned i = 1; i <= 600; i++)
        publish(r, 1, i);
    assert_int_equal(fb_rx_stamp(&r->rx), 0);
    assert_int_equal(fb_rx_stamp_bound(&r->rx), 600 - FB_STAMPS / 2 + 1);
    for (unsigned i = 0; i < 600 - FB_STAMPS / 2; i++)
        ring_take(r, 1);
    assert_int_equal(fb_rx_stamp(&r->rx), 600 - FB_STAMPS / 2 + 1); /* exact from here on */
    ring_take(r, 1);
    assert_int_equal(fb_rx_stamp_bound(&r->rx), 0); /* that one is older than the descriptor */
}

static void a_consumer_that_resumes_does_not_take_later_stamps_for_earlier_packets(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    publish(r, 2, 100);
    publish(r, 2, 200);
    fb_rx_init(&r->rx, r->down, r->up); /* the next incarnation, at the same packet */
    assert_int_equal(fb_rx_stamp(&r->rx), 0);
    publish(r, 1, 300);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fb_rx_stamp(&r->rx), 0);
        ring_take(r, 1);
    }
    assert_int_equal(fb_rx_stamp(&r->rx), 300);
}

/* Up to 1,500 publishes of one or two descriptors behind; time tells the publish. */
static void a_stamp_is_exact_or_unknown_however_far_the_worker_is_behind(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 4096, 8192, ARENA);
    struct random random = random_from(6);
    uint64_t *published_at = calloc(20000, sizeof *published_at); /* by descriptor */
    assert_non_null(published_at);
    uint64_t first = r->start->seq, time_ns = 0;
    unsigned known = 0, unknown = 0;
    while (r->tx.seq - first < 15000) {
        unsigned publishes = random_below(&random, 4) == 0 ? random_below(&random, 1500)
                                                           : random_below(&random, 300);
        for (unsigned i = 0; i < publishes && r->tx.seq - first < 15000; i++) {
            time_ns++;
            unsigned count = 1 + random_below(&random, 2);
            for (unsigned d = 0; d < count; d++)
                published_at[r->tx.seq + d - first] = time_ns;
            publish(r, count, time_ns);
        }
        unsigned behind = random_below(&random, 2) == 0 ? 0 : random_below(&random, 600);
        while (r->tx.seq - r->rx.next > behind) {
            uint64_t stamp = fb_rx_stamp(&r->rx);
            if (stamp != 0 && stamp != published_at[r->rx.next - first])
                fail_msg("descriptor %u: stamp %u instead of %u", (unsigned)(r->rx.next - first),
                         (unsigned)stamp, (unsigned)published_at[r->rx.next - first]);
            known += stamp != 0;
            unknown += stamp == 0;
            ring_take(r, 1);
        }
        ring_refresh(r);
    }
    free(published_at);
    assert_true(known > 1000 && unknown > 100);
}

static void a_worker_half_the_stamps_behind_still_knows_each(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 4096, 8192, ARENA);
    for (unsigned i = 1; i <= FB_STAMPS / 2; i++)
        publish(r, 1, i);
    for (unsigned i = 1; i <= FB_STAMPS / 2; i++) {
        assert_int_equal(fb_rx_stamp(&r->rx), i);
        ring_take(r, 1);
    }
    ring_refresh(r);
    for (unsigned i = 1; i <= FB_STAMPS / 2 + 1; i++)
        publish(r, 1, i);
    assert_int_equal(fb_rx_stamp(&r->rx), 0);
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(without_new_data_none_is_woken),
        RING_TEST(a_worker_that_is_awake_is_not_woken_and_the_new_data_is_settled),
        RING_TEST(few_and_young_packets_wait_for_more),
        RING_TEST(enough_new_data_wakes),
        RING_TEST(old_data_wakes_by_the_age_of_the_oldest),
        RING_TEST(a_sleeper_is_not_woken_again_before_the_pause_is_over_unless_forced),
        RING_TEST(a_packet_waits_50_us_at_most_and_wakes_come_20_us_apart),
        RING_TEST(every_command_and_every_epoch_wakes_a_sleeper_immediately),
        RING_TEST(a_new_up_side_has_no_new_data_to_be_woken_for),
        RING_TEST(an_empty_ring_is_slept_on_until_the_timeout),
        RING_TEST(what_was_published_before_is_not_slept_on),
        RING_TEST(a_revoked_worker_does_not_sleep),
        RING_TEST(an_order_that_came_after_the_last_look_at_it_is_not_slept_on),
        RING_TEST(a_sleeper_wakes_for_packets_for_an_order_and_for_an_epoch),
        RING_TEST(a_signal_ends_the_sleep_and_is_told_apart),
        RING_TEST(a_stamp_is_the_time_of_the_publish_that_a_descriptor_came_with),
        RING_TEST(of_what_is_far_behind_a_bound_is_known),
        RING_TEST(a_consumer_that_resumes_does_not_take_later_stamps_for_earlier_packets),
        RING_TEST(a_stamp_is_exact_or_unknown_however_far_the_worker_is_behind),
        RING_TEST(a_worker_half_the_stamps_behind_still_knows_each),
    };
    return ring_run_tests(tests, sizeof tests / sizeof *tests);
}
