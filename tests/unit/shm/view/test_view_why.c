/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/why.c: each cause, beside its nearest neighbour. */
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/why.h"

static struct why_facts facts;
static struct why_answer answer;

/* An instance whose workers have nothing to do. */
static void rest(bool is_live, unsigned workers) {
    facts = (struct why_facts){.seconds = 2,
                               .is_live = is_live,
                               .received_per_s = 1000,
                               .idle = 0.8,
                               .reading = 0.1,
                               .dispatching = 0.1,
                               .running = 0.2,
                               .workers_wanted = workers,
                               .count = workers};
    for (unsigned k = 0; k < workers; k++)
        facts.workers[k] = (struct why_worker){
            .number = k, .packets_per_s = 1000.0 / workers, .backlog = 0.01, .running = 0.2};
}

static void spend(double idle, double reading, double dispatching, double blocked) {
    facts.idle = idle;
    facts.reading = reading;
    facts.dispatching = dispatching;
    facts.blocked = blocked;
}

static void expect(enum why_limit limit, unsigned workers, const char *part) {
    why_judge(&facts, &answer);
    assert_string_equal(why_limit_names[answer.limit], why_limit_names[limit]);
    assert_int_equal(answer.count, workers);
    if (strstr(answer.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, answer.text);
    assert_null(strstr(answer.text, "nan"));
}

/* ---- nothing */

static void a_run_with_time_left_is_limited_by_nothing(void **state) {
    (void)state;
    rest(true, 4);
    expect(WHY_NOTHING, 0, "all 1,000 frames/s");
    facts.workers[2].backlog = 0.24;
    expect(WHY_NOTHING, 0, "of worker 2, was 24.0 % full");
    spend(0.11, 0.4, 0.4, 0.09);
    expect(WHY_NOTHING, 0, "waited for frames 11 %");
    rest(false, 1); /* paced by --speed */
    expect(WHY_NOTHING, 0, "Nothing limits");
}

/* ---- workers */

static void a_full_ring_is_its_workers_and_not_the_dispatchers(void **state) {
    (void)state;
    rest(false, 4);
    spend(0, 0.2, 0.2, 0.6); /* no idle time either */
    facts.workers[3].full = 0.6;
    facts.workers[3].backlog = 0.99;
    facts.workers[3].running = 0; /* it sleeps, for its inspector waits for something */
    expect(WHY_WORKER, 1, "Worker 3 is the limit:");
    assert_int_equal(answer.workers[0], 3);
    assert_non_null(strstr(answer.text, "The others of 4 have time left"));
    for (unsigned k = 0; k < 3; k++)
        facts.workers[k].backlog = 0.8;
    expect(WHY_WORKERS, 4, "Workers 0, 1, 2, 3 are the limit, all that are ready. The");
    facts.workers[0].backlog = 0; /* one with few flows */
    expect(WHY_WORKERS, 3, "-w");
    facts.workers[1].backlog = 0;
    expect(WHY_WORKER, 2, "Workers 2, 3 are the limit. The");
}

static void a_worker_that_sleeps_beside_a_short_ring_is_not_waited_for(void **state) {
    (void)state;
    rest(false, 2);
    spend(0.05, 0.2, 0.35, 0.4);
    facts.workers[1].full = 0.4;
    facts.workers[1].backlog = 0.1;
    facts.workers[1].running = 0.3;
    expect(WHY_DISPATCHER, 0, "waited for workers 40 %");
    facts.workers[1].queued = 0.2;
    expect(WHY_WORKER, 1, "Worker 1 is the limit:");
    facts.workers[1].running = facts.workers[1].queued = WHY_UNKNOWN;
    expect(WHY_WORKER, 1, "Worker 1 is the limit:");
    facts.workers[1].backlog = 0.01;
    expect(WHY_DISPATCHER, 0, "waited for workers 40 %");
}

static void of_many_workers_none_needs_to_be_waited_for_much(void **state) {
    (void)state;
    rest(false, 64);
    spend(0, 0.3, 0.3, 0.4);
    for (unsigned k = 0; k < 64; k++) {
        facts.workers[k].full = 0.4 / 64;
        facts.workers[k].backlog = 0.2;
        facts.workers[k].running = 0.9;
    }
    expect(WHY_WORKERS, 64, "and 56 more");
    spend(0, 0.4, 0.4, 0.2); /* not for all of them together either */
    expect(WHY_DISPATCHER, 0, "The dispatcher is the limit");
}

static void what_a_ring_drops_counts_whatever_the_time(void **state) {
    (void)state;
    rest(true, 2);
    facts.workers[1].drops_per_s = 5;
    expect(WHY_WORKER, 1, "5 packets/s are dropped because its ring is full");
    facts.kernel_drops_per_s = 100; /* more than one thing is lost: the workers come first */
    expect(WHY_WORKER, 1, "Worker 1 is the limit:");
    rest(true, 1);
    facts.workers[0].drops_per_s = 5;
    expect(WHY_WORKERS, 1, "all that are ready");
}

static void who_is_told_of_is_the_slowest(void **state) {
    (void)state;
    rest(true, 8);
    facts.workers[2].backlog = 0.9;
    facts.workers[5].drops_per_s = 1;
    expect(WHY_WORKER, 2, "The slowest is worker 5: 1 packets/s");
    facts.workers[5].drops_per_s = 0;
    facts.workers[5].full = 0.2;
    facts.workers[5].backlog = 0.1;
    facts.workers[5].running = 1;
    expect(WHY_WORKER, 2, "The slowest is worker 5: the dispatcher waited");
    facts.workers[2].full = 0.3;
    expect(WHY_WORKER, 2, "The slowest is worker 2: the dispatcher waited");
}

static void a_worker_that_waits_for_its_output_is_limited_by_that(void **state) {
    (void)state;
    rest(true, 2);
    facts.workers[0].drops_per_s = facts.workers[1].drops_per_s = 5;
    facts.workers[0].output = facts.workers[1].output = 0.29;
    expect(WHY_WORKERS, 2, "waited for its output 29 %");
    facts.workers[0].output = 0.3;
    expect(WHY_WORKERS, 2, "all that are ready"); /* half of them are no majority */
    facts.workers[1].output = 0.9;
    expect(WHY_SINK, 2, "by the output");
    rest(true, 2);
    facts.workers[0].output = 0.9; /* and its ring has room */
    expect(WHY_NOTHING, 0, "Nothing limits");
}

static void a_remote_ring_is_placement_only_where_its_worker_is_the_limit(void **state) {
    (void)state;
    rest(true, 2);
    facts.workers[0].is_remote = true;
    expect(WHY_NOTHING, 0, "Nothing limits");
    facts.workers[1].drops_per_s = 5;
    expect(WHY_WORKER, 1, "Worker 1 is the limit:");
    facts.workers[1].is_remote = true;
    expect(WHY_PLACEMENT, 1, "on another NUMA node: see --numa and --worker-cpu");
}

static void who_waits_for_a_processor_is_told(void **state) {
    (void)state;
    rest(true, 2);
    facts.workers[1].drops_per_s = 5;
    expect(WHY_WORKER, 1, "It had a processor 20 % of the time");
    facts.workers[1].queued = 0.5;
    expect(WHY_WORKER, 1, "It had to wait for a processor 50 %");
    facts.workers[1].running = facts.workers[1].queued = WHY_UNKNOWN;
    expect(WHY_WORKER, 1, "Worker 1");
    assert_null(strstr(answer.text, "processor 5"));
    assert_null(strstr(answer.text, "It had"));
}

/* ---- dispatcher and capture */

static void a_dispatcher_without_time_is_the_limit(void **state) {
    (void)state;
    rest(true, 2);
    spend(0.05, 0.3, 0.6, 0.05);
    expect(WHY_DISPATCHER, 0, "dispatched 60 %");
    facts.kernel_drops_per_s = 12345;
    expect(WHY_DISPATCHER, 0, "the kernel drops 12,345 frames/s because");
    spend(0.5, 0.3, 0.2, 0); /* it counts as idle while it waits for a processor */
    facts.running = 0.2;
    facts.queued = 0.68;
    expect(WHY_CAPTURE, 0, "time left");
    facts.queued = 0.72;
    expect(WHY_DISPATCHER, 0, "It had to wait for a processor 72 %");
    facts.queued = 0.1;
    facts.running = 0.9; /* it spins */
    expect(WHY_CAPTURE, 0, "time left");
    facts.running = facts.queued = WHY_UNKNOWN;
    expect(WHY_CAPTURE, 0, "time left");
    spend(0.05, 0.8, 0.1, 0.05); /* what it reads of interfaces is in memory */
    expect(WHY_DISPATCHER, 0, "The dispatcher is the limit");
    facts.is_remote = true;
    expect(WHY_PLACEMENT, 0, "flow table is on another NUMA node");
    facts.heartbeat_age_s = 3;
    expect(WHY_DISPATCHER, 0, "has not run for 3.0 s");
}

static void a_file_that_is_slow_to_read_is_the_limit(void **state) {
    (void)state;
    rest(false, 2);
    spend(0, 0.61, 0.39, 0);
    expect(WHY_CAPTURE, 0, "Reading the input is the limit");
    spend(0, 0.59, 0.41, 0);
    expect(WHY_DISPATCHER, 0, "The dispatcher is the limit");
}

static void what_the_kernel_drops_beside_an_idle_dispatcher_came_in_bursts(void **state) {
    (void)state;
    rest(true, 2);
    facts.kernel_drops_per_s = 7;
    expect(WHY_CAPTURE, 0, "a larger buffer (-B)");
    facts.kernel_drops_per_s = 0;
    facts.interface_drops_per_s = 7;
    expect(WHY_CAPTURE, 0, "ethtool");
}

static void without_a_worker_that_is_what_is_missing(void **state) {
    (void)state;
    rest(true, 2);
    facts.count = 0;
    expect(WHY_NOTHING, 0, "Nothing limits"); /* as long as none is needed */
    facts.no_worker_per_s = 9;
    expect(WHY_NO_WORKER, 0, "No worker is ready, of 2: 9 packets/s are dropped");
    rest(false, 2);
    facts.count = 0;
    spend(0, 0, 0.1, 0.9);
    expect(WHY_NO_WORKER, 0, "No worker is ready, of 2.");
}

/* Texts have an end. */
static void the_most_workers_and_the_largest_figures_fit(void **state) {
    (void)state;
    rest(true, FB_MAX_WORKERS);
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        facts.workers[k] = (struct why_worker){
            .number = k, .packets_per_s = 1e30, .drops_per_s = 1e30, .full = 1e6, .backlog = 1e6};
        facts.workers[k].output = facts.workers[k].running = facts.workers[k].queued = 1e6;
    }
    expect(WHY_SINK, FB_MAX_WORKERS, "Workers 0, 1");
    assert_true(strlen(answer.text) < WHY_TEXT_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_with_time_left_is_limited_by_nothing),
        cmocka_unit_test(a_full_ring_is_its_workers_and_not_the_dispatchers),
        cmocka_unit_test(a_worker_that_sleeps_beside_a_short_ring_is_not_waited_for),
        cmocka_unit_test(of_many_workers_none_needs_to_be_waited_for_much),
        cmocka_unit_test(what_a_ring_drops_counts_whatever_the_time),
        cmocka_unit_test(who_is_told_of_is_the_slowest),
        cmocka_unit_test(a_worker_that_waits_for_its_output_is_limited_by_that),
        cmocka_unit_test(a_remote_ring_is_placement_only_where_its_worker_is_the_limit),
        cmocka_unit_test(who_waits_for_a_processor_is_told),
        cmocka_unit_test(a_dispatcher_without_time_is_the_limit),
        cmocka_unit_test(a_file_that_is_slow_to_read_is_the_limit),
        cmocka_unit_test(what_the_kernel_drops_beside_an_idle_dispatcher_came_in_bursts),
        cmocka_unit_test(without_a_worker_that_is_what_is_missing),
        cmocka_unit_test(the_most_workers_and_the_largest_figures_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
