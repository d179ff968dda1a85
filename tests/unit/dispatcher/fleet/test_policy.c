/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/policy.c: the load that each policy gives to the facts of a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/fleet/policy.h"

static uint64_t load(const char *name, uint64_t waiting, double share) {
    const struct policy_facts facts = {.waiting = waiting, .share = share};
    return policy_find(name)->load(&facts);
}

static void a_policy_that_is_not_there_is_not_found(void **state) {
    (void)state;
    static const char *const names[] = {"", "backlo", "backlogs", "BACKLOG", "least", " backlog"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(policy_find(names[i]));
}

static void the_list_ends(void **state) {
    (void)state;
    unsigned n = 0;
    while (policy_at(n) != NULL)
        n++;
    assert_true(n >= 2);
    assert_null(policy_at(n + 1));
    assert_null(policy_at(UINT32_MAX));
}

static void every_policy_is_found_by_its_name_and_explains_itself(void **state) {
    (void)state;
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        assert_ptr_equal(policy_find(policy_at(i)->name), policy_at(i));
        assert_true(strlen(policy_at(i)->help) > 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(policy_at(i)->name, policy_at(j)->name);
    }
}

static void the_default_is_backlog_share(void **state) {
    (void)state;
    assert_string_equal(POLICY_DEFAULT, "backlog-share");
    assert_non_null(policy_find(POLICY_DEFAULT));
}

static void backlog_looks_at_what_waits_and_nothing_else(void **state) {
    (void)state;
    assert_true(load("backlog", 3, 1e9) < load("backlog", 4, 0));
    assert_int_equal(load("backlog", 3, 1e9), load("backlog", 3, 0));
}

static void backlog_share_breaks_ties_by_the_share(void **state) {
    (void)state;
    static const double shares[] = {0, 0.999, 1, 2, 1e3, 4294967294.0};
    for (size_t i = 2; i < sizeof shares / sizeof *shares; i++)
        assert_true(load("backlog-share", 7, shares[i - 1]) < load("backlog-share", 7, shares[i]));
    assert_int_equal(load("backlog-share", 7, shares[0]), load("backlog-share", 7, shares[1]));
}

static void no_share_outweighs_a_packet_that_waits(void **state) {
    (void)state;
    static const double shares[] = {0, 1e9, 4294967295.0, 4294967296.0, 1e30};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        assert_true(load("backlog-share", 0, shares[i]) < load("backlog-share", 1, 0));
    assert_true(load("backlog-share", (1u << 24) - 1, 1e30) < load("backlog-share", 1u << 24, 0));
}

/* The highest bit belongs to balance.c, which puts the workers over their share behind it. */
static void more_work_is_never_less_load(void **state) {
    (void)state;
    const struct policy *cost = policy_find("cost");
    struct policy_facts facts = {.waiting = 10000, .share = 1e30};
    uint64_t before = 0;
    for (facts.ns_per_packet = 1; facts.ns_per_packet < 1e12; facts.ns_per_packet *= 2) {
        uint64_t load = cost->load(&facts);
        assert_true(load >= before);
        assert_int_equal(load >> 63, 0);
        before = load;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_that_is_not_there_is_not_found),
        cmocka_unit_test(the_list_ends),
        cmocka_unit_test(every_policy_is_found_by_its_name_and_explains_itself),
        cmocka_unit_test(the_default_is_backlog_share),
        cmocka_unit_test(backlog_looks_at_what_waits_and_nothing_else),
        cmocka_unit_test(backlog_share_breaks_ties_by_the_share),
        cmocka_unit_test(no_share_outweighs_a_packet_that_waits),
        cmocka_unit_test(more_work_is_never_less_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
