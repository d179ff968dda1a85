/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What balancing is for, on simulated traffic (tests/sim/balance_sim.h), and that
 * the simulation tells a heap that works from one that does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/balance_sim.h"

#define SHARE_BOUND 1.05
#define TIMES_BETTER 100u

static struct sim_result simulate(const char *policy, unsigned (*pick)(struct balance *, uint64_t),
                                  double load) {
    struct sim_settings settings = {.policy = policy_find(policy),
                                    .pick = pick,
                                    .workers = 8,
                                    .load = load,
                                    .packets = 250000,
                                    .runs = 4,
                                    .seed = 1};
    for (unsigned k = 0; k < settings.workers; k++)
        settings.speed[k] = 1;
    struct sim_result result;
    assert_true(sim_run(&settings, &result));
    printf("%-14s %2.0f %%: lost %.3f %%, ahead p99 %u, largest share %.3f\n",
           pick == NULL ? policy : "(broken heap)", load * 100, result.lost * 100, result.ahead_p99,
           result.share_max);
    return result;
}

/* The heap upside down: the greatest load first. */
static unsigned greatest_first(struct balance *balance, uint64_t hash) {
    (void)hash;
    unsigned worst = balance->in_order[0];
    for (unsigned i = 1; i < balance->count; i++) {
        unsigned k = balance->in_order[i];
        if (balance->policy->load(&balance->workers[k].facts) >
            balance->policy->load(&balance->workers[worst].facts))
            worst = k;
    }
    return worst;
}

/*
 * A heap that is repaired, but each time with the greater of two children: who
 * leads is less than one child, not than both.
 */
static uint8_t wrong_heap[WORKER_HEAP_MAX];
static unsigned wrong_child(struct balance *balance, uint64_t hash) {
    (void)hash;
    const struct balance_worker *w = balance->workers;
    uint64_t (*load)(const struct policy_facts *) = balance->policy->load;
    if (balance->turn == 0)
        memcpy(wrong_heap, balance->in_order, balance->count);
    for (unsigned from = balance->count / 2; from-- > 0;) {
        for (unsigned at = from, child; (child = 2 * at + 1) < balance->count; at = child) {
            if (child + 1 < balance->count &&
                load(&w[wrong_heap[child + 1]].facts) > load(&w[wrong_heap[child]].facts))
                child++;
            if (load(&w[wrong_heap[child]].facts) >= load(&w[wrong_heap[at]].facts))
                break;
            uint8_t sinks = wrong_heap[at];
            wrong_heap[at] = wrong_heap[child];
            wrong_heap[child] = sinks;
        }
    }
    return wrong_heap[0];
}

/* Never repaired: the worker that led when nothing waited anywhere leads for ever. */
static unsigned never_repaired(struct balance *balance, uint64_t hash) {
    (void)hash;
    return balance->in_order[0];
}

static struct sim_result hash_90;

static void hash_loses_and_fills_rings_at_90_percent(void **state) {
    (void)state;
    hash_90 = simulate("hash", NULL, 0.90);
    assert_true(hash_90.lost > 0);
    assert_true(hash_90.ahead_p99 > SIM_RING / 2);
}

static void the_default_loses_nothing_and_waits_a_hundredth_of_hash_at_90_percent(void **state) {
    (void)state;
    struct sim_result result = simulate(POLICY_DEFAULT, NULL, 0.90);
    assert_false(result.lost > 0);
    assert_true(result.ahead_p99 * TIMES_BETTER <= hash_90.ahead_p99);
}

static void the_default_shares_evenly_at_70_percent(void **state) {
    (void)state;
    assert_true(simulate(POLICY_DEFAULT, NULL, 0.70).share_max <= SHARE_BOUND);
}

static void a_broken_heap_misses_each_of_these(void **state) {
    (void)state;
    static unsigned (*const broken[])(struct balance *, uint64_t) = {greatest_first, never_repaired,
                                                                     wrong_child};
    for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct sim_result busy = simulate(POLICY_DEFAULT, broken[i], 0.90);
        assert_true(busy.lost > 0);
        assert_true(busy.ahead_p99 * TIMES_BETTER > hash_90.ahead_p99);
        assert_true(simulate(POLICY_DEFAULT, broken[i], 0.70).share_max > SHARE_BOUND);
    }
}

static void the_same_seed_gives_the_same_run(void **state) {
    (void)state;
    struct sim_settings settings = {
        .policy = policy_find("cost"), .workers = 2, .speed = {1, 0.5}, .load = 0.9};
    settings.elephant = 0.3;
    settings.held = 0.02;
    settings.packets = 20000;
    settings.runs = 1;
    settings.seed = 7;
    struct sim_result first, again, other;
    assert_true(sim_run(&settings, &first));
    assert_true(sim_run(&settings, &again));
    settings.seed = 8;
    assert_true(sim_run(&settings, &other));
    assert_true(first.wait_mean <= again.wait_mean && first.wait_mean >= again.wait_mean);
    assert_true(first.wait_mean < other.wait_mean || first.wait_mean > other.wait_mean);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_loses_and_fills_rings_at_90_percent),
        cmocka_unit_test(the_default_loses_nothing_and_waits_a_hundredth_of_hash_at_90_percent),
        cmocka_unit_test(the_default_shares_evenly_at_70_percent),
        cmocka_unit_test(a_broken_heap_misses_each_of_these),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
