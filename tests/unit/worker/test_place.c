/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/place.c: where a worker goes: its command line, else the dispatcher's plan, over
 * claims of several numbers. Each case in a child, whose processors change.
 * The nodes are those of the machine, or made up from its processors.
 */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <sched.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"
#include "worker/place.h"

static struct fb_ctl ctl;
static struct fb_up up;
static struct place place;
static struct caught caught;

static int begin(void) {
    const struct place_request asked = place.asked;
    return place_init(&place, &asked);
}

static int place_nothing(void **state) {
    (void)state;
    memset(&ctl, 0, sizeof ctl);
    memset(&up, 0, sizeof up);
    memset(&place, 0, sizeof place);
    place.asked.node = PLACE_PLAN;
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        fb_ctl_set_numa_node(&ctl, k, -1);
        fb_ctl_set_ring_numa_node(&ctl, k, -1);
    }
    return 0;
}

static unsigned first_of(const cpu_set_t *set) {
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, set))
        cpu++;
    return cpu;
}

/* Claims a number; returns what was said. */
static const char *claim(unsigned worker) {
    catch_begin(&caught);
    place_claimed(&place, &ctl, worker, &up);
    return catch_end(&caught);
}

static struct fb_worker_totals said(void) {
    struct fb_worker_totals totals = {0};
    fb_up_set_worker_status(&up, FB_STATUS_STARTING);
    fb_worker_totals_add(&totals, &up);
    return totals;
}

static bool runs_on(const cpu_set_t *cpus) {
    cpu_set_t now;
    return fb_cpus_allowed(&now) == 0 && CPU_EQUAL(&now, cpus);
}

static void need_nodes(void) {
    if (begin() != 0 || place.topology.count == 0)
        SKIP("%s", fb_numa_version() == NULL ? "built without libnuma"
                                             : "the kernel or the container has no NUMA");
}

/* The first node is to have its first processor only. */
static void shrink_first_node(void) {
    struct fb_node *node = &place.topology.nodes[0];
    unsigned cpu = first_of(&node->cpus);
    CPU_ZERO(&node->cpus);
    CPU_SET(cpu, &node->cpus);
}

static void go_without_a_plan(void *arg) {
    (void)arg;
    EXPECT(begin() == 0);
    EXPECT(claim(0)[0] == '\0' && runs_on(&place.before));
    EXPECT(said().cpu == fb_cpus_single(&place.before));
    EXPECT(said().numa_node == fb_topology_node_of(&place.topology, &place.before));
}

static void without_a_plan_nothing_changes(void **state) {
    (void)state;
    in_child(go_without_a_plan, NULL);
}

static void follow_the_plan_and_back(void *arg) {
    (void)arg;
    shrink_first_node();
    const struct fb_node *node = &place.topology.nodes[0];
    fb_ctl_set_numa_node(&ctl, 2, node->number);
    fb_ctl_set_ring_numa_node(&ctl, 2, node->number);
    EXPECT(claim(2)[0] == '\0' && runs_on(&node->cpus));
    EXPECT(said().cpu == (int)first_of(&node->cpus) && said().numa_node == node->number);
    EXPECT(claim(2)[0] == '\0' && runs_on(&node->cpus));
    /* The next dispatcher of the name plans nothing. */
    EXPECT(claim(3)[0] == '\0' && runs_on(&place.before));
}

static void the_plan_of_the_number_is_followed_and_undone_where_there_is_none(void **state) {
    (void)state;
    need_nodes();
    in_child(follow_the_plan_and_back, NULL);
}

/* Of a node above all that the kernel has its processors are to be had, but no memory. */
static void follow_plans_that_cannot_be(void *arg) {
    (void)arg;
    enum { NO_MEMORY = FB_NODE_NUMBERS - 1, NO_NODE = FB_NODE_NUMBERS - 2 };
    static const int plans[] = {NO_NODE, NO_MEMORY};
    shrink_first_node();
    struct fb_topology *topology = &place.topology;
    int number = topology->nodes[0].number;
    topology->nodes[1] = (struct fb_node){.number = NO_MEMORY, .cpus = topology->nodes[0].cpus};
    topology->count = 2;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        fb_ctl_set_numa_node(&ctl, 0, number);
        EXPECT(claim(0)[0] == '\0' && runs_on(&topology->nodes[0].cpus));
        fb_ctl_set_numa_node(&ctl, 0, plans[i]);
        EXPECT(lines_of(claim(0)) == 1 && runs_on(&place.before));
    }
}

static void a_plan_that_cannot_be_followed_leaves_nothing_of_the_one_before(void **state) {
    (void)state;
    need_nodes();
    in_child(follow_plans_that_cannot_be, NULL);
}

static void overrule_the_plan(void *arg) {
    (void)arg;
    int number = place.topology.nodes[0].number;
    shrink_first_node();
    fb_ctl_set_numa_node(&ctl, 0, number);
    place.asked.node = PLACE_OFF;
    EXPECT(claim(0)[0] == '\0' && runs_on(&place.before));
    place.asked.node = PLACE_PLAN;
    place.asked.cpus_given = true;
    place.asked.cpus = place.before;
    EXPECT(claim(0)[0] == '\0' && runs_on(&place.before));
}

static void the_command_line_wins_over_the_plan(void **state) {
    (void)state;
    need_nodes();
    in_child(overrule_the_plan, NULL);
}

static void find_nonsense(void *arg) {
    (void)arg;
    static const int nodes[] = {INT32_MAX, FB_NODE_NUMBERS - 1, 999};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        fb_ctl_set_numa_node(&ctl, 0, nodes[i]);
        fb_ctl_set_ring_numa_node(&ctl, 0, INT32_MIN);
        const char *text = claim(0);
        EXPECT(lines_of(text) == 1 && strstr(text, "warning: worker 0 is to run on") != NULL);
        EXPECT(runs_on(&place.before));
        EXPECT(claim(0)[0] == '\0'); /* of the same plan it is said once */
    }
    fb_ctl_set_numa_node(&ctl, 0, INT32_MIN);
    EXPECT(claim(0)[0] == '\0' && runs_on(&place.before));
}

static void a_node_that_is_not_there_is_one_warning_and_the_worker_goes_on(void **state) {
    (void)state;
    EXPECT(begin() == 0);
    in_child(find_nonsense, NULL);
}

static void find_the_ring_elsewhere(void *arg) {
    (void)arg;
    int number = place.topology.nodes[0].number;
    /* A second node, without processors of ours, to which no memory policy is asked to go. */
    place.topology.nodes[1] = (struct fb_node){.number = number + 1};
    place.topology.count = 2;
    place.asked.node = number;
    EXPECT(claim(1)[0] == '\0');
    fb_ctl_set_ring_numa_node(&ctl, 1, number + 1);
    const char *text = claim(1);
    EXPECT(lines_of(text) == 1 && strstr(text, "its ring lies on node") != NULL);
    fb_ctl_set_numa_node(&ctl, 1, number);
    EXPECT(claim(1)[0] == '\0'); /* as planned: that the ring is not is the dispatcher's to say */
}

static void a_ring_on_another_node_is_one_warning(void **state) {
    (void)state;
    need_nodes();
    if (place.topology.count > 1)
        SKIP("the machine has several nodes: its own are not to be replaced");
    in_child(find_the_ring_elsewhere, NULL);
}

static void begin_wrongly(void *arg) {
    (void)arg;
    place.asked.node = FB_NODE_NUMBERS - 1;
    catch_begin(&caught);
    EXPECT(begin() != 0);
    const char *text = catch_end(&caught);
    EXPECT(lines_of(text) == 1 && strstr(text, "error: --numa-node '1023': ") != NULL);
    place.asked.node = PLACE_PLAN;
    place.asked.cpus_given = true;
    CPU_ZERO(&place.asked.cpus);
    CPU_SET(CPU_SETSIZE - 1, &place.asked.cpus);
    catch_begin(&caught);
    EXPECT(begin() != 0);
    text = catch_end(&caught);
    EXPECT(lines_of(text) == 1 && strstr(text, "error: --cpu '1023': ") != NULL);
}

static void what_the_command_line_asks_for_and_is_not_there_is_an_error(void **state) {
    (void)state;
    in_child(begin_wrongly, NULL);
}

static void begin_on_a_node(void *arg) {
    (void)arg;
    int number = place.topology.nodes[0].number;
    cpu_set_t one = place.topology.nodes[0].cpus, cpus = one;
    place.asked.node = number;
    EXPECT(begin() == 0 && runs_on(&cpus));
    unsigned cpu = first_of(&one);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    place.asked.cpus_given = true;
    place.asked.cpus = one;
    EXPECT(begin() == 0 && runs_on(&one));
    EXPECT(claim(0)[0] == '\0' && runs_on(&one));
    EXPECT(said().cpu == (int)cpu && said().numa_node == number);
}

static void a_node_and_processors_can_be_asked_for_together(void **state) {
    (void)state;
    need_nodes();
    in_child(begin_on_a_node, NULL);
}

int main(void) {
    fb_log_init("test_place", FB_LOG_WARNING);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_plan_nothing_changes, place_nothing),
        cmocka_unit_test_setup(the_plan_of_the_number_is_followed_and_undone_where_there_is_none,
                               place_nothing),
        cmocka_unit_test_setup(a_plan_that_cannot_be_followed_leaves_nothing_of_the_one_before,
                               place_nothing),
        cmocka_unit_test_setup(the_command_line_wins_over_the_plan, place_nothing),
        cmocka_unit_test_setup(a_node_that_is_not_there_is_one_warning_and_the_worker_goes_on,
                               place_nothing),
        cmocka_unit_test_setup(a_ring_on_another_node_is_one_warning, place_nothing),
        cmocka_unit_test_setup(what_the_command_line_asks_for_and_is_not_there_is_an_error,
                               place_nothing),
        cmocka_unit_test_setup(a_node_and_processors_can_be_asked_for_together, place_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
