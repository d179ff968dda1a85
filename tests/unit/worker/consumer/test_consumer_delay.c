/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/consumer.c: how long packets waited and took, in the up side. */
#include <time.h>

#include "flow_balancer/delay.h"
#include "tests/lib/loop_fixture.h"

#define PAUSE_NS UINT64_C(2000000)

static void pause_inside(void) {
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static uint64_t samples_of(const struct fb_delays *delays) {
    struct fb_delay_counts counts = {.sum_ns = 0};
    uint64_t samples = 0;
    fb_delay_counts_read(&counts, delays);
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++)
        samples += counts.buckets[i];
    return samples;
}

/* All events of a burst, with a pause in each. */
static void take_slowly(struct loop_fixture *f) {
    assert_true(fb_consumer_burst(&f->consumer, 0) > 0);
    while (fb_consumer_step(&f->consumer) != NULL)
        pause_inside();
}

static void a_burst_that_is_given_up_is_no_sample(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    give_frames(f, 3);
    assert_true(fb_consumer_burst(&f->consumer, 0) > 0);
    assert_non_null(fb_consumer_step(&f->consumer));
    be_revoked(f);
    assert_null(fb_consumer_step(&f->consumer));
    assert_int_equal(fb_consumer_burst(&f->consumer, 0), FB_ENDED_REVOKED);
    assert_int_equal(samples_of(&f->up->inspection), 0);
    assert_int_equal(fb_delays_sum_ns(&f->up->inspection), 0);
}

static void a_burst_without_packets_is_no_sample(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    give_end(f, 1, 0, FB_F_END);
    f->consumer.all_ends = true;
    take_slowly(f);
    assert_int_equal(fb_consumer_burst(&f->consumer, 0), 0);
    assert_int_equal(samples_of(&f->up->inspection), 0);
}

/* Who steps may wait between two bursts: that is no inspection. */
static void
the_time_of_a_burst_is_noted_at_its_end_and_is_that_of_each_of_its_packets(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    give_frames(f, 3);
    take_slowly(f);
    assert_int_equal(samples_of(&f->up->inspection), 3);
    uint64_t sum_ns = fb_delays_sum_ns(&f->up->inspection);
    assert_true(sum_ns >= 3 * PAUSE_NS);
    assert_int_equal(fb_delays_bucket(&f->up->inspection, fb_delay_bucket(sum_ns / 3)), 3);
    pause_inside();
    give_frames(f, 2);
    assert_true(fb_consumer_burst(&f->consumer, 0) > 0);
    assert_int_equal(fb_delays_sum_ns(&f->up->inspection), sum_ns);
    while (fb_consumer_step(&f->consumer) != NULL)
        ;
    assert_int_equal(samples_of(&f->up->inspection), 5);
    assert_int_equal(samples_of(&f->up->latency), 2);
}

static void where_the_next_burst_follows_its_look_at_the_clock_ends_the_one_before(void **state) {
    struct loop_fixture *f = *state;
    const struct fb_event *event;
    make_loop(f, 0);
    set_state_bytes(f, 8);
    give_frames(f, 2);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(fb_consumer_next(&f->consumer, 0, &event), 1);
        assert_int_equal(samples_of(&f->up->inspection), 0);
        pause_inside();
    }
    give_frames(f, 1);
    assert_int_equal(fb_consumer_next(&f->consumer, 0, &event), 1); /* of the next burst */
    assert_int_equal(samples_of(&f->up->inspection), 2);
    assert_true(fb_delays_sum_ns(&f->up->inspection) >= 2 * PAUSE_NS);
    pause_inside();
    assert_int_equal(fb_consumer_next(&f->consumer, 0, &event), 0); /* an empty ring */
    assert_int_equal(samples_of(&f->up->inspection), 3);
    assert_true(fb_delays_sum_ns(&f->up->inspection) >= 3 * PAUSE_NS);
}

static void the_loop_of_a_worker_notes_every_packet(void **state) {
    struct loop_fixture *f = *state;
    make_loop(f, JUST_BELOW_THE_WRAP);
    give_frames(f, 40);
    assert_int_equal(run_to_the_stop_command(f), FB_ENDED_STOPPED);
    assert_int_equal(samples_of(&f->up->inspection), counted(f, FB_WORKER_PACKETS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_burst_that_is_given_up_is_no_sample),
        LOOP_TEST(a_burst_without_packets_is_no_sample),
        LOOP_TEST(the_time_of_a_burst_is_noted_at_its_end_and_is_that_of_each_of_its_packets),
        LOOP_TEST(where_the_next_burst_follows_its_look_at_the_clock_ends_the_one_before),
        LOOP_TEST(the_loop_of_a_worker_notes_every_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
