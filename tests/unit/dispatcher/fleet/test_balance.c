/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/balance.c: who is least loaded, and the decayed shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/fleet/balance.h"
#include "tests/lib/random.h"

#define SECOND UINT64_C(1000000000)

static struct balance balance;

static void make(const char *policy, double max_share, unsigned workers) {
    balance_init(&balance, policy_find(policy), max_share);
    balance_decay(&balance, SECOND);
    for (unsigned k = 0; k < workers; k++)
        balance_join(&balance, k);
}

/* Gives the picked worker one flow of so many packets; returns who it was. */
static unsigned give(uint64_t hash, unsigned packets) {
    unsigned worker = balance_pick(&balance, hash);
    balance_flow(&balance, worker);
    for (unsigned i = 0; i < packets; i++)
        balance_packet(&balance, worker);
    return worker;
}

static void none_is_picked_where_there_is_none(void **state) {
    (void)state;
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        make(policy_at(i)->name, 0, 0);
        assert_int_equal(balance_pick(&balance, 7), WORKER_HEAP_NONE);
        balance_join(&balance, 5);
        assert_int_equal(balance_pick(&balance, 7), 5);
        balance_leave(&balance, 5);
        assert_int_equal(balance_pick(&balance, 7), WORKER_HEAP_NONE);
    }
}

static void joining_or_leaving_twice_changes_nothing(void **state) {
    (void)state;
    make("backlog", 0, 2);
    balance_join(&balance, 1);
    assert_int_equal(balance.count, 2);
    balance_leave(&balance, 0);
    balance_leave(&balance, 0);
    assert_int_equal(balance.count, 1);
    assert_int_equal(balance_pick(&balance, 0), 1);
}

static void the_flows_of_one_burst_do_not_herd(void **state) {
    (void)state;
    make("backlog", 0, 8);
    unsigned got[8] = {0};
    for (unsigned i = 0; i < 64; i++)
        got[give(i, 1)]++;
    for (unsigned k = 0; k < 8; k++)
        assert_int_equal(got[k], 8);
}

static void the_least_of_random_loads_is_picked(void **state) {
    (void)state;
    make("backlog", 0, 16);
    struct random random = random_from(1);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned k = random_below(&random, 16);
        balance_update(&balance, k, random_below(&random, 1000), 1, SECOND);
        unsigned picked = balance_pick(&balance, 0);
        for (unsigned i = 0; i < 16; i++)
            assert_true(balance.workers[picked].facts.waiting <= balance.workers[i].facts.waiting);
        balance_packet(&balance, picked);
    }
}

/* Workers 0 and 1 are far; nothing is known of any. */
static void make_two_far(const char *policy) {
    make(policy, 0, 0);
    balance_set_far(&balance, 0, true);
    balance_set_far(&balance, 1, true);
    for (unsigned k = 0; k < 4; k++)
        balance_join(&balance, k);
}

static void with_equal_load_a_near_worker_gets_the_flow(void **state) {
    (void)state;
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        if (policy_at(i)->kind != POLICY_LEAST)
            continue;
        make_two_far(policy_at(i)->name);
        assert_int_equal(balance_pick(&balance, 0), 2);
        balance_leave(&balance, 2);
        assert_int_equal(balance_pick(&balance, 0), 3);
        balance_leave(&balance, 3);
        assert_int_equal(balance_pick(&balance, 0), 0);
        balance_join(&balance, 3); /* its next process: as near as the first */
        assert_int_equal(balance_pick(&balance, 0), 3);
    }
}

static void the_load_counts_before_the_way(void **state) {
    (void)state;
    make_two_far("backlog");
    unsigned got[4] = {0};
    for (unsigned i = 0; i < 4; i++)
        got[give(i, 1)]++;
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(got[k], 1);
    /* Among as many waiting packets the share decides first: a far worker is not left out. */
    make_two_far("backlog-share");
    for (unsigned i = 0; i < 2; i++)
        give(i, 5);
    for (unsigned k = 0; k < 4; k++)
        balance_update(&balance, k, 0, 5, SECOND);
    assert_int_equal(balance_pick(&balance, 0), 0);
}

static void hash_takes_the_same_worker_for_the_same_hash_until_one_leaves(void **state) {
    (void)state;
    make("hash", 0, 4);
    for (uint64_t hash = 0; hash < 100; hash++)
        assert_int_equal(give(hash, 5), hash % 4);
    balance_leave(&balance, 1);
    static const unsigned left[] = {0, 2, 3};
    for (uint64_t hash = 0; hash < 100; hash++)
        assert_int_equal(give(hash, 5), left[hash % 3]);
}

static void round_robin_takes_each_in_turn_and_does_not_skip_who_was_only_asked_for(void **state) {
    (void)state;
    make("round-robin", 0, 3);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(balance_pick(&balance, 0), i % 3);
        assert_int_equal(give(0, 100), i % 3);
    }
}

static void cost_weighs_what_waits_with_the_measured_time(void **state) {
    (void)state;
    make("cost", 0, 2);
    /* Worker 0 finishes ten packets in each stretch, worker 1 a hundred; packets wait throughout.
     */
    uint64_t now = SECOND;
    for (unsigned i = 0; i < 1000; i++, now += 1000000) {
        balance_update(&balance, 0, 50, 10, now);
        balance_update(&balance, 1, 50, 100, now);
    }
    assert_true(balance.workers[0].facts.ns_per_packet > 99000);
    assert_true(balance.workers[0].facts.ns_per_packet < 101000);
    assert_true(balance.workers[1].facts.ns_per_packet < 10100);
    assert_int_equal(balance_pick(&balance, 0), 1);
    balance_update(&balance, 1, 400, 0, now);
    assert_int_equal(balance_pick(&balance, 0), 1);
    balance_update(&balance, 1, 600, 0, now);
    assert_int_equal(balance_pick(&balance, 0), 0);
}

static void a_stretch_in_which_a_worker_was_idle_is_not_measured(void **state) {
    (void)state;
    make("cost", 0, 1);
    balance_update(&balance, 0, 5, 0, SECOND);
    balance_update(&balance, 0, 0, 5, 2 * SECOND);
    balance_update(&balance, 0, 5, 0, 3 * SECOND);
    assert_true(balance.workers[0].facts.ns_per_packet <= 0);
    balance_update(&balance, 0, 5, 1000, 4 * SECOND);
    assert_true(balance.workers[0].facts.ns_per_packet > 999999);
    assert_true(balance.workers[0].facts.ns_per_packet < 1000001);
}

static void no_worker_gets_more_than_the_greatest_share_of_new_flows(void **state) {
    (void)state;
    /* One worker always says that nothing waits: it would draw every flow. */
    for (unsigned bounded = 0; bounded < 2; bounded++) {
        make("backlog", bounded ? 0.4 : 0, 4);
        unsigned got[4] = {0};
        for (unsigned i = 0; i < 1000; i++) {
            balance_update(&balance, 2, 0, 1, SECOND);
            got[give(i, 1)]++;
        }
        if (bounded)
            assert_true(got[2] <= 402);
        else
            assert_true(got[2] > 900);
        assert_true(got[2] >= 390);
    }
}

static void a_share_over_the_bound_is_better_than_no_worker(void **state) {
    (void)state;
    make("backlog", 0.5, 1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(give(i, 1), 0);
}

static void shares_halve_in_the_half_life_however_often_it_is_asked(void **state) {
    (void)state;
    for (unsigned steps = 1; steps <= 1000; steps *= 10) {
        make("backlog-share", 0, 2);
        balance.workers[0].facts.share = 800;
        for (unsigned i = 1; i <= steps; i++)
            balance_decay(&balance, SECOND + (uint64_t)(POLICY_HALF_LIFE_S * 1e9) * i / steps);
        assert_true(balance.workers[0].facts.share > 395);
        assert_true(balance.workers[0].facts.share < 406);
    }
}

static void who_joins_begins_at_the_mean(void **state) {
    (void)state;
    make("backlog-share", 0, 2);
    balance.workers[0].facts.share = 10;
    balance.workers[1].facts.share = 30;
    balance_join(&balance, 2);
    assert_true(balance.workers[2].facts.share > 19.9 && balance.workers[2].facts.share < 20.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_picked_where_there_is_none),
        cmocka_unit_test(joining_or_leaving_twice_changes_nothing),
        cmocka_unit_test(the_flows_of_one_burst_do_not_herd),
        cmocka_unit_test(the_least_of_random_loads_is_picked),
        cmocka_unit_test(with_equal_load_a_near_worker_gets_the_flow),
        cmocka_unit_test(the_load_counts_before_the_way),
        cmocka_unit_test(hash_takes_the_same_worker_for_the_same_hash_until_one_leaves),
        cmocka_unit_test(round_robin_takes_each_in_turn_and_does_not_skip_who_was_only_asked_for),
        cmocka_unit_test(cost_weighs_what_waits_with_the_measured_time),
        cmocka_unit_test(a_stretch_in_which_a_worker_was_idle_is_not_measured),
        cmocka_unit_test(no_worker_gets_more_than_the_greatest_share_of_new_flows),
        cmocka_unit_test(a_share_over_the_bound_is_better_than_no_worker),
        cmocka_unit_test(shares_halve_in_the_half_life_however_often_it_is_asked),
        cmocka_unit_test(who_joins_begins_at_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
