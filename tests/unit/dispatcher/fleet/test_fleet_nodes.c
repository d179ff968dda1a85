/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/fleet.c on NUMA nodes: the plan is in ctl before the fleet is made. */
#include "tests/lib/fleet_fixture.h"

static const int nodes[] = {1, 0, 0, -1};

/* Three of four workers are there. */
static void make_planned(struct fleet_fixture *f, int node) {
    f->node = node;
    f->worker_nodes = nodes;
    make_fleet(f, 4, 8, "backlog", NEVER);
    for (unsigned k = 0; k < 3; k++)
        worker_starts(f, k);
}

static void both_sides_are_made_on_the_node_of_the_worker_that_reads_them(void **state) {
    struct fleet_fixture *f = *state;
    make_planned(f, 0);
    for (unsigned k = 0; k < 4; k++) {
        assert_int_equal(fb_ctl_numa_node(f->seen.ctl, k), nodes[k]);
        assert_int_equal(lane_of(f, k)->down_region.node, nodes[k]);
        assert_int_equal(lane_of(f, k)->up_region.node, nodes[k]);
    }
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(lane_of(f, 0)->up_region.node, 1);
}

static void a_new_flow_goes_to_a_worker_on_the_dispatchers_node(void **state) {
    struct fleet_fixture *f = *state;
    make_planned(f, 0);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
    make_planned(f, 1);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
    /* On no node of its own it is far from all. */
    make_planned(f, -1);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
}

static void a_worker_that_is_planned_nowhere_is_not_far(void **state) {
    struct fleet_fixture *f = *state;
    static const int nowhere_and_here[] = {-1, 0};
    f->node = 0;
    f->worker_nodes = nowhere_and_here;
    make_fleet(f, 2, 8, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(both_sides_are_made_on_the_node_of_the_worker_that_reads_them),
        FLEET_TEST(a_worker_that_is_planned_nowhere_is_not_far),
        FLEET_TEST(a_new_flow_goes_to_a_worker_on_the_dispatchers_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
