/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/placement.c: which node each worker gets, of a plan made without a machine. */
#include "tests/lib/caught.h"
#include "tests/lib/directory.h"
#include "tests/lib/unit.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatcher/run/placement.h"
#include "flow_balancer/common/log.h"

#define HERE 10u
#define NEAR 16u
#define FAR 22u

static struct fb_topology machine;
static struct placement_request request;
static struct placement plan;

static int no_node(void **state) {
    (void)state;
    memset(&machine, 0, sizeof machine);
    memset(&request, 0, sizeof request);
    return 0;
}

/* One more node, with its processors behind those of the others; all are near each other. */
static void add_node(int number, unsigned cpus) {
    static unsigned next;
    if (machine.count == 0)
        next = 0;
    struct fb_node *node = &machine.nodes[machine.count++];
    node->number = number;
    node->memory = true;
    for (unsigned i = 0; i < cpus; i++)
        CPU_SET(next++, &node->cpus);
    for (unsigned i = 0; i < machine.count; i++)
        for (unsigned j = 0; j < machine.count; j++)
            machine.nodes[i].distance[j] = i == j ? HERE : NEAR;
}

static void set_distance(unsigned i, unsigned j, unsigned distance) {
    machine.nodes[i].distance[j] = machine.nodes[j].distance[i] = (uint8_t)distance;
}

static void expect_plan(int home, unsigned workers, const int *nodes) {
    memset(&plan, 0x55, sizeof plan);
    placement_plan(&plan, &machine, &request, home, workers);
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        int node = k < workers ? nodes[k] : -1;
        if (plan.workers[k] != node)
            fail_msg("worker %u is on %d, not %d", k, plan.workers[k], node);
    }
}
#define EXPECT_PLAN(home, ...)                                                                     \
    expect_plan(home, sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

static void with_one_node_or_none_nothing_is_placed(void **state) {
    (void)state;
    EXPECT_PLAN(-1, -1, -1, -1);
    assert_int_equal(plan.home, -1);
    add_node(0, 8);
    EXPECT_PLAN(0, -1, -1, -1);
    assert_int_equal(plan.home, -1);
}

static void off_places_nothing_on_two_nodes(void **state) {
    (void)state;
    add_node(0, 2);
    add_node(1, 2);
    request.mode = PLACEMENT_OFF;
    EXPECT_PLAN(0, -1, -1, -1);
    assert_int_equal(plan.home, -1);
}

static void workers_fill_home_but_for_the_dispatchers_processor_then_the_other_node(void **state) {
    (void)state;
    add_node(0, 3);
    add_node(1, 3);
    EXPECT_PLAN(0, 0, 0, 1, 1, 1);
    assert_int_equal(plan.home, 0);
    EXPECT_PLAN(1, 1, 1, 0, 0, 0);
    assert_int_equal(plan.home, 1);
}

static void a_home_of_one_processor_takes_a_worker_too(void **state) {
    (void)state;
    add_node(0, 1);
    add_node(1, 1);
    EXPECT_PLAN(1, 1, 0, 1, 0);
}

static void nearer_nodes_come_first_and_of_equal_ones_the_lower_number(void **state) {
    (void)state;
    add_node(2, 2);
    add_node(4, 1);
    add_node(5, 1);
    add_node(7, 1);
    set_distance(0, 1, FAR);
    EXPECT_PLAN(2, 2, 5, 7, 4);
    EXPECT_PLAN(7, 7, 2, 2, 4, 5);
}

static void further_rounds_go_by_the_number_of_processors(void **state) {
    (void)state;
    add_node(0, 3); /* 2 for workers */
    add_node(1, 4);
    unsigned on[2] = {0};
    placement_plan(&plan, &machine, &request, 0, 60);
    for (unsigned k = 0; k < 60; k++)
        on[plan.workers[k]]++;
    assert_int_equal(on[0], 20);
    assert_int_equal(on[1], 40);
    /* Not home again until it is full: the next one after the first six evens out. */
    unsigned seventh_to_ninth = 0;
    for (unsigned k = 6; k < 9; k++)
        seventh_to_ninth += plan.workers[k] == 1;
    assert_int_equal(seventh_to_ninth, 2);
}

static void all_numbers_are_planned_for_on_every_machine(void **state) {
    (void)state;
    for (unsigned count = 2; count <= FB_NODES_MAX; count *= 2) {
        no_node(NULL);
        for (unsigned i = 0; i < count; i++)
            add_node((int)i, 1 + i % 3);
        placement_plan(&plan, &machine, &request, (int)count - 1, FB_MAX_WORKERS);
        for (unsigned k = 0; k < FB_MAX_WORKERS; k++)
            assert_non_null(fb_topology_find(&machine, plan.workers[k]));
    }
}

static void a_list_is_taken_in_its_order_and_begins_again(void **state) {
    (void)state;
    add_node(0, 2);
    add_node(1, 2);
    add_node(3, 2);
    assert_true(placement_parse("1,1,3,0-1", &request));
    assert_int_equal(placement_missing(&request, &machine), -1);
    EXPECT_PLAN(1, 1, 1, 3, 0, 1, 1, 1, 3);
    assert_int_equal(plan.home, 1);
}

static void a_list_is_followed_with_one_node_too(void **state) {
    (void)state;
    add_node(0, 2);
    assert_true(placement_parse("0", &request));
    EXPECT_PLAN(0, 0, 0, 0);
    assert_int_equal(plan.home, 0);
}

static void a_node_that_is_not_there_is_found(void **state) {
    (void)state;
    add_node(0, 2);
    add_node(2, 2);
    assert_true(placement_parse("0-2", &request));
    assert_int_equal(placement_missing(&request, &machine), 1);
    assert_true(placement_parse("auto", &request));
    assert_int_equal(placement_missing(&request, &machine), -1);
}

static void what_is_no_mode_and_no_list_is_refused(void **state) {
    (void)state;
    static const char *const good[] = {"auto", "off", "0", "0,0,1,1", "3-3", "0-255", "1023"};
    static const char *const bad[] = {"",      "x",
                                      "AUTO",  "-1",
                                      "1-",    "1-0",
                                      "0,",    ",0",
                                      "0,,1",  " 0",
                                      "0 ",    "+0",
                                      "1024",  "0.5",
                                      "off,",  "auto,0",
                                      "0-256", "0-1023",
                                      "0-1-2", "0;1",
                                      "0x1",   "9999999999999999999999"};
    static struct caught caught;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        catch_begin(&caught);
        bool taken = placement_parse(bad[i], &request);
        const char *said = catch_end(&caught);
        if (taken)
            fail_msg("'%s' was taken", bad[i]);
        expect_one_line(said, "give auto, off, or a list");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!placement_parse(good[i], &request))
            fail_msg("'%s' was refused", good[i]);
}

static void write_node(const char *net, const char *interface, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", net, interface);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/device", net, interface);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/device/numa_node", net, interface);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void an_interface_has_the_node_of_its_driver_or_none(void **state) {
    const char *net = *state;
    static const struct {
        const char *name, *text;
        int node;
    } all[] = {{"eth0", "1\n", 1},     {"eth1", "-1\n", -1}, {"eth2", "", -1},
               {"eth3", "1024\n", -1}, {"eth4", "x\n", -1},  {"eth5", "0\n", 0}};
    assert_int_equal(placement_interface_node(net, "veth0"), -1);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        write_node(net, all[i].name, all[i].text);
        assert_int_equal(placement_interface_node(net, all[i].name), all[i].node);
    }
}

/* As with virtio: what device leads to has no node, the PCI device above it has. */
static void an_interface_has_the_node_of_a_device_above_its_own(void **state) {
    struct directory *net = *state;
    static const char *const folders[] = {"pci", "pci/virtio0", "eth0"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(path_in(net, folders[i]), 0700), 0);
    assert_int_equal(symlink("../pci/virtio0", path_in(net, "eth0/device")), 0);
    assert_int_equal(placement_interface_node(net->path, "eth0"), -1);
    FILE *file = fopen(path_in(net, "pci/numa_node"), "we");
    assert_non_null(file);
    fputs("1\n", file);
    fclose(file);
    assert_int_equal(placement_interface_node(net->path, "eth0"), 1);
}

int main(void) {
    fb_log_init("test_placement", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_one_node_or_none_nothing_is_placed, no_node),
        cmocka_unit_test_setup(off_places_nothing_on_two_nodes, no_node),
        cmocka_unit_test_setup(
            workers_fill_home_but_for_the_dispatchers_processor_then_the_other_node, no_node),
        cmocka_unit_test_setup(a_home_of_one_processor_takes_a_worker_too, no_node),
        cmocka_unit_test_setup(nearer_nodes_come_first_and_of_equal_ones_the_lower_number, no_node),
        cmocka_unit_test_setup(further_rounds_go_by_the_number_of_processors, no_node),
        cmocka_unit_test_setup(all_numbers_are_planned_for_on_every_machine, no_node),
        cmocka_unit_test_setup(a_list_is_taken_in_its_order_and_begins_again, no_node),
        cmocka_unit_test_setup(a_list_is_followed_with_one_node_too, no_node),
        cmocka_unit_test_setup(a_node_that_is_not_there_is_found, no_node),
        cmocka_unit_test_setup(what_is_no_mode_and_no_list_is_refused, no_node),
        cmocka_unit_test_setup_teardown(an_interface_has_the_node_of_its_driver_or_none,
                                        directory_set_up, directory_tear_down),
        cmocka_unit_test_setup_teardown(an_interface_has_the_node_of_a_device_above_its_own,
                                        directory_set_up, directory_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
