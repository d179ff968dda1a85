/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/region.c: shared objects on a NUMA node, on each kind of pages that can be had here:
 * the policy and the pages as /proc/self/numa_maps has them.
 */
#include "tests/lib/child.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/numa.h"
#include "flow_balancer/region.h"

#define MB ((size_t)1 << 20)

struct fixture {
    char name[FB_NAME_MAX + 1];
    struct fb_topology topology;
    int node; /* the last of the machine that has memory */
    struct fb_region region;
};

static int set_up(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    f.node = -1;
    snprintf(f.name, sizeof f.name, "test-region-node-%ld", (long)getpid());
    (void)fb_topology_read(&f.topology);
    for (unsigned i = 0; i < f.topology.count; i++)
        if (f.topology.nodes[i].memory)
            f.node = f.topology.nodes[i].number;
    *state = &f;
    return 0;
}

static void need_node_and_root(const struct fixture *f) {
    if (f->node < 0)
        SKIP("%s", fb_numa_version() == NULL ? "built without libnuma"
                                             : "the kernel or the container has no NUMA");
    if (geteuid() != 0)
        SKIP("only root can mount a /dev/shm of its own");
}

/* The line of numa_maps on the mapping that begins there. */
static void find_line(const void *base, char *line, int size) {
    FILE *maps = fopen("/proc/self/numa_maps", "re");
    EXPECT(maps != NULL);
    uintptr_t start = 0;
    while (fgets(line, size, maps) != NULL)
        if (sscanf(line, "%" SCNxPTR, &start) == 1 && start == (uintptr_t)base)
            break;
    fclose(maps);
    EXPECT(start == (uintptr_t)base);
}

static void create(struct fixture *f, enum fb_hugepages mode, int node) {
    const struct fb_region_config config = {
        .instance = f->name, .kind = FB_KIND_DOWN, .size = 4 * MB, .hugepages = mode, .node = node};
    EXPECT(fb_region_create(&f->region, &config) == 0);
}

static void discard(struct fixture *f) {
    fb_region_discard(&f->region);
}

static void expect_there(struct fixture *f) {
    char line[1024], policy[32], pages[32];
    double elsewhere;
    find_line(f->region.base, line, sizeof line);
    snprintf(policy, sizeof policy, " prefer:%d ", f->node);
    snprintf(pages, sizeof pages, " N%d=", f->node);
    EXPECT(strstr(line, policy) != NULL && strstr(line, pages) != NULL);
    EXPECT(fb_numa_where(f->region.base, f->region.size, f->node, &elsewhere) == f->node);
    EXPECT(elsewhere == 0);
}

static void try_ordinary_pages(void *arg) {
    struct fixture *f = arg;
    private_shm("size=32M,huge=never");
    create(f, FB_HUGEPAGES_NEVER, f->node);
    EXPECT(f->region.page_kind == FB_PAGES_4K && f->region.node == f->node);
    expect_there(f);
    discard(f);
    create(f, FB_HUGEPAGES_NEVER, -1);
    char line[1024];
    find_line(f->region.base, line, sizeof line);
    EXPECT(strstr(line, " default ") != NULL && f->region.node == -1);
    discard(f);
}

static void ordinary_pages_are_on_the_node(void **state) {
    need_node_and_root(*state);
    in_child(try_ordinary_pages, *state);
}

static void try_huge_advise(void *arg) {
    struct fixture *f = arg;
    private_shm("size=32M,huge=advise");
    create(f, FB_HUGEPAGES_AUTO, f->node);
    if (f->region.page_kind != FB_PAGES_THP) {
        discard(f);
        child_skip("the kernel gave no transparent huge page");
    }
    expect_there(f);
    discard(f);
}

static void transparent_huge_pages_are_on_the_node(void **state) {
    need_node_and_root(*state);
    in_child(try_huge_advise, *state);
}

static void try_hugetlbfs(void *arg) {
    struct fixture *f = arg;
    private_shm("size=32M,huge=never");
    EXPECT(mkdir(FB_SHM_DIR "/huge", 0700) == 0);
    EXPECT(mount("hugetlbfs", FB_SHM_DIR "/huge", "hugetlbfs", 0, "pagesize=2M") == 0);
    create(f, FB_HUGEPAGES_AUTO, f->node);
    bool free_pages = f->region.page_kind == FB_PAGES_HUGETLBFS;
    if (free_pages)
        expect_there(f);
    discard(f);
    if (!free_pages)
        child_skip("two huge pages are not free: 'sysctl vm.nr_hugepages=2' reserves them");
}

static void pages_of_a_hugetlbfs_mount_are_on_the_node(void **state) {
    need_node_and_root(*state);
    in_child(try_hugetlbfs, *state);
}

static void ask_for_a_node_that_is_not_there(void *arg) {
    struct fixture *f = arg;
    private_shm("size=32M");
    create(f, FB_HUGEPAGES_NEVER, FB_NODE_NUMBERS - 1);
    memset(f->region.base, 1, f->region.size);
    discard(f);
}

static void a_node_that_is_not_there_does_not_keep_an_object_from_being_made(void **state) {
    if (geteuid() != 0)
        SKIP("only root can mount a /dev/shm of its own");
    in_child(ask_for_a_node_that_is_not_there, *state);
}

int main(void) {
    fb_log_init("test_region_node", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_pages_are_on_the_node),
        cmocka_unit_test(transparent_huge_pages_are_on_the_node),
        cmocka_unit_test(pages_of_a_hugetlbfs_mount_are_on_the_node),
        cmocka_unit_test(a_node_that_is_not_there_does_not_keep_an_object_from_being_made),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
