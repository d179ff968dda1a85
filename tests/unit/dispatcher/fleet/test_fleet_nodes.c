/* SPDX-License-Identifier: BSD-2-Clause */
/* A fleet on NUMA nodes: the plan is in ctl before the fleet is made. */
#include "tests/lib/fleet_fixture.h"

static int dispatcher_node;

static void plan(struct fb_ctl *plan_of) {
    plan_of->numa_node = dispatcher_node;
    fb_ctl_set_numa_node(plan_of, 0, 1);
    fb_ctl_set_numa_node(plan_of, 1, 0);
    fb_ctl_set_numa_node(plan_of, 2, 0);
}

static void make_planned(int node) {
    dispatcher_node = node;
    before_fleet = plan;
    make_fleet(4, 8, "backlog", NEVER);
    for (unsigned k = 0; k < 3; k++)
        start(k);
}

static void both_sides_are_made_on_the_node_of_the_worker_that_reads_them(void **state) {
    (void)state;
    static const int nodes[] = {1, 0, 0, -1};
    make_planned(0);
    for (unsigned k = 0; k < 4; k++) {
        assert_int_equal(fb_ctl_numa_node(seen.ctl, k), nodes[k]);
        assert_int_equal(lane_of(k)->down_region.node, nodes[k]);
        assert_int_equal(lane_of(k)->up_region.node, nodes[k]);
    }
    die(0);
    poll_fleet();
    assert_int_equal(lane_of(0)->up_region.node, 1);
}

static void a_new_flow_goes_to_a_worker_on_the_dispatchers_node(void **state) {
    (void)state;
    make_planned(0);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 1);
    make_planned(1);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
    /* On no node of its own it is far from all. */
    make_planned(-1);
    assert_int_equal(fleet_pick(&fleet, 0, now_ns), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(both_sides_are_made_on_the_node_of_the_worker_that_reads_them,
                                  free_fleet),
        cmocka_unit_test_teardown(a_new_flow_goes_to_a_worker_on_the_dispatchers_node, free_fleet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
