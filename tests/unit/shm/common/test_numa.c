/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/common/numa.c: what is asked of the kernel, on the machine as it is: its nodes, one or
 * more. Skips where there is no libnuma or no NUMA.
 */
#include "tests/lib/child.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/numa.h"

#define BYTES ((size_t)1 << 20)

static struct fb_topology topology;

static void need_nodes(void) {
    if (fb_topology_read(&topology) != 0)
        SKIP("%s", fb_numa_version() == NULL ? "built without libnuma"
                                             : "the kernel or the container has no NUMA");
}

static void without_nodes_there_is_nothing_to_find(void **state) {
    (void)state;
    struct fb_topology none = {0};
    cpu_set_t cpus;
    fb_cpus_allowed(&cpus);
    assert_null(fb_topology_find(&none, 0));
    assert_int_equal(fb_topology_node_of(&none, &cpus), -1);
    if (fb_numa_version() != NULL)
        return;
    double elsewhere;
    assert_int_equal(fb_topology_read(&none), -ENOSYS);
    assert_int_equal(none.count, 0);
    assert_int_equal(fb_numa_prefer(0), -ENOSYS);
    assert_int_equal(fb_numa_prefer(-1), 0);
    assert_int_equal(fb_numa_bring(&none, sizeof none, 0), -ENOSYS);
    assert_int_equal(fb_numa_where(&none, sizeof none, 0, &elsewhere), -1);
}

static void each_allowed_processor_is_on_one_node(void **state) {
    (void)state;
    need_nodes();
    cpu_set_t allowed, all, both;
    assert_int_equal(fb_cpus_allowed(&allowed), 0);
    CPU_ZERO(&all);
    assert_true(topology.count >= 1);
    for (unsigned i = 0; i < topology.count; i++) {
        const struct fb_node *node = &topology.nodes[i];
        assert_ptr_equal(fb_topology_find(&topology, node->number), node);
        assert_true(CPU_COUNT(&node->cpus) > 0);
        CPU_AND(&both, &all, &node->cpus);
        assert_int_equal(CPU_COUNT(&both), 0);
        CPU_OR(&all, &all, &node->cpus);
        assert_int_equal(node->distance[i], 10);
        assert_int_equal(fb_topology_node_of(&topology, &node->cpus), node->number);
        assert_true(i == 0 || node->number > topology.nodes[i - 1].number);
    }
    assert_true(CPU_EQUAL(&all, &allowed));
    assert_int_equal(fb_topology_node_of(&topology, &allowed),
                     topology.count == 1 ? topology.nodes[0].number : -1);
    assert_null(fb_topology_find(&topology, -1));
    assert_null(fb_topology_find(&topology, FB_NODE_NUMBERS - 1));
}

static void *map(void) {
    void *base = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(base != MAP_FAILED);
    return base;
}

static void expect_on(const void *base, int node) {
    double elsewhere = -1;
    EXPECT(fb_numa_where(base, BYTES, node, &elsewhere) == node);
    EXPECT(elsewhere == 0);
    EXPECT(fb_numa_where(base, BYTES, node + 1, &elsewhere) == node && elsewhere == 1);
}

static void take_memory(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < topology.count; i++) {
        int number = topology.nodes[i].number;
        if (!topology.nodes[i].memory)
            continue;
        EXPECT(fb_numa_prefer(number) == 0);
        void *base = map();
        memset(base, 1, BYTES);
        expect_on(base, number);
        EXPECT(fb_numa_prefer(-1) == 0);
        base = map();
        EXPECT(fb_numa_prefer_for(base, BYTES, number) == 0);
        EXPECT(fb_numa_prefer_for(base, BYTES, -1) == 0); /* changes nothing */
        memset(base, 1, BYTES);
        expect_on(base, number);
    }
}

static void memory_comes_from_the_node_that_is_preferred_and_is_found_there(void **state) {
    (void)state;
    need_nodes();
    in_child(take_memory, NULL);
}

/* From each node to each: what was touched before goes along. */
static void move_memory(void *arg) {
    (void)arg;
    char *base = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(base != MAP_FAILED);
    memset(base, 1, BYTES);
    char *middle = base + BYTES / 4 + 8; /* of no page */
    for (unsigned i = 0; i < 2 * topology.count; i++) {
        const struct fb_node *node = &topology.nodes[i % topology.count];
        if (!node->memory)
            continue;
        EXPECT(fb_numa_bring(middle, BYTES / 2, node->number) == 0);
        double elsewhere;
        EXPECT(fb_numa_where(middle, BYTES / 2, node->number, &elsewhere) == node->number);
        EXPECT(elsewhere == 0);
    }
}

static void memory_touched_before_is_brought_along(void **state) {
    (void)state;
    need_nodes();
    in_child(move_memory, NULL);
}

static void ask_for_what_is_not_there(void *arg) {
    (void)arg;
    void *base = map();
    EXPECT(fb_numa_prefer(FB_NODE_NUMBERS - 1) < 0);
    EXPECT(fb_numa_prefer_for(base, BYTES, FB_NODE_NUMBERS - 1) < 0);
    EXPECT(fb_numa_bring(base, BYTES, FB_NODE_NUMBERS - 1) < 0);
    EXPECT(fb_numa_bring(base, BYTES, -1) < 0);
    memset(base, 1, BYTES);
    double elsewhere;
    EXPECT(fb_topology_find(&topology, fb_numa_where(base, BYTES, 0, &elsewhere)) != NULL);
    /* What is not mapped lies nowhere. */
    EXPECT(munmap(base, BYTES) == 0);
    EXPECT(fb_numa_where(base, BYTES, 0, &elsewhere) == -1 && elsewhere == 0);
}

static void a_node_that_is_not_there_is_refused_and_memory_is_had_all_the_same(void **state) {
    (void)state;
    need_nodes();
    in_child(ask_for_what_is_not_there, NULL);
}

static void read_with_one_processor(void *arg) {
    (void)arg;
    cpu_set_t one;
    CPU_ZERO(&one);
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, &topology.nodes[0].cpus))
        cpu++;
    CPU_SET(cpu, &one);
    EXPECT(fb_cpus_run_on(&one) == 0);
    EXPECT(fb_topology_read(&topology) == 0);
    EXPECT(topology.count == 1 && CPU_EQUAL(&topology.nodes[0].cpus, &one));
}

static void processors_that_are_not_allowed_are_left_out(void **state) {
    (void)state;
    need_nodes();
    in_child(read_with_one_processor, NULL);
}

int main(void) {
    fb_log_init("test_numa", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_nodes_there_is_nothing_to_find),
        cmocka_unit_test(each_allowed_processor_is_on_one_node),
        cmocka_unit_test(memory_comes_from_the_node_that_is_preferred_and_is_found_there),
        cmocka_unit_test(memory_touched_before_is_brought_along),
        cmocka_unit_test(a_node_that_is_not_there_is_refused_and_memory_is_had_all_the_same),
        cmocka_unit_test(processors_that_are_not_allowed_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
