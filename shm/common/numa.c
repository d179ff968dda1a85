/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/numa.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/cpus.h"

#ifdef FB_HAVE_NUMA
#include <numa.h>
#include <numaif.h>

#define PLACES 64u /* of a mapping that are looked at: each huge page of a ring up to 128 MB */

const char *fb_numa_version(void) {
    return FB_HAVE_NUMA;
}

/* The processors of a node among those allowed. False if there is none. */
static bool read_cpus(int number, const cpu_set_t *allowed, struct bitmask *mask, cpu_set_t *cpus) {
    CPU_ZERO(cpus);
    if (numa_node_to_cpus(number, mask) != 0)
        return false;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && cpu < mask->size; cpu++) {
        if (numa_bitmask_isbitset(mask, cpu) && CPU_ISSET(cpu, allowed))
            CPU_SET(cpu, cpus);
    }
    return CPU_COUNT(cpus) != 0;
}

static void read_distances(struct fb_topology *topology) {
    for (unsigned i = 0; i < topology->count; i++) {
        for (unsigned j = 0; j < topology->count; j++) {
            int distance = numa_distance(topology->nodes[i].number, topology->nodes[j].number);
            topology->nodes[i].distance[j] =
                (uint8_t)(distance > 0 && distance < UINT8_MAX ? distance : UINT8_MAX);
        }
    }
}

int fb_topology_read(struct fb_topology *topology) {
    cpu_set_t allowed;
    topology->count = 0;
    if (numa_available() < 0)
        return errno == EPERM ? -EPERM : -ENOSYS;
    int error = fb_cpus_allowed(&allowed);
    struct bitmask *mask = numa_allocate_cpumask();
    for (int number = 0; error == 0 && number <= numa_max_node(); number++) {
        struct fb_node *node = &topology->nodes[topology->count];
        if (topology->count == FB_NODES_MAX || !read_cpus(number, &allowed, mask, &node->cpus))
            continue;
        node->number = number;
        node->memory = numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned)number);
        topology->count++;
    }
    numa_bitmask_free(mask);
    read_distances(topology);
    return error == 0 && topology->count == 0 ? -ENOSYS : error; /* without /sys it finds none */
}

/* A mask of one node, or NULL if there can be none: an empty mask would mean any node. */
static struct bitmask *mask_of(int node) {
    struct bitmask *mask = numa_allocate_nodemask();
    if ((unsigned)node < mask->size)
        return numa_bitmask_setbit(mask, (unsigned)node);
    numa_bitmask_free(mask);
    return NULL;
}

/* The system calls themselves: the library's own functions print their errors, or exit. */

int fb_numa_prefer(int node) {
    if (node < 0)
        return set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0 ? 0 : -errno;
    struct bitmask *mask = mask_of(node);
    if (mask == NULL)
        return -EINVAL;
    int error = set_mempolicy(MPOL_PREFERRED, mask->maskp, mask->size + 1) == 0 ? 0 : -errno;
    numa_bitmask_free(mask);
    return error;
}

static int bind_to(void *base, size_t size, int node, unsigned flags) {
    struct bitmask *mask = mask_of(node);
    if (mask == NULL)
        return -EINVAL;
    int error =
        mbind(base, size, MPOL_PREFERRED, mask->maskp, mask->size + 1, flags) == 0 ? 0 : -errno;
    numa_bitmask_free(mask);
    return error;
}

int fb_numa_prefer_for(void *base, size_t size, int node) {
    return node < 0 ? 0 : bind_to(base, size, node, 0);
}

int fb_numa_bring(void *base, size_t size, int node) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)base & ~(page - 1);
    uintptr_t end = fb_align_up((uintptr_t)base + size, page);
    return bind_to((void *)begin, end - begin, node, MPOL_MF_MOVE);
}

int fb_numa_where(const void *base, size_t size, int wanted, double *elsewhere) {
    uint16_t found[FB_NODE_NUMBERS] = {0};
    unsigned all = 0, there = 0;
    int most = 0;
    for (size_t i = 0; i < PLACES; i++) {
        char *place = (char *)(uintptr_t)base + size / PLACES * i;
        int node = -1;
        if (get_mempolicy(&node, NULL, 0, place, MPOL_F_NODE | MPOL_F_ADDR) != 0)
            continue;
        all++;
        there += node == wanted;
        if (node >= 0 && node < FB_NODE_NUMBERS && ++found[node] > found[most])
            most = node;
    }
    *elsewhere = all == 0 ? 0 : (double)(all - there) / all;
    return found[most] == 0 ? -1 : most;
}

#else /* without libnuma */

const char *fb_numa_version(void) {
    return NULL;
}

int fb_topology_read(struct fb_topology *topology) {
    topology->count = 0;
    return -ENOSYS;
}

int fb_numa_prefer(int node) {
    return node < 0 ? 0 : -ENOSYS;
}

int fb_numa_prefer_for(void *base, size_t size, int node) {
    (void)base, (void)size;
    return node < 0 ? 0 : -ENOSYS;
}

int fb_numa_bring(void *base, size_t size, int node) {
    (void)base, (void)size, (void)node;
    return -ENOSYS;
}

int fb_numa_where(const void *base, size_t size, int wanted, double *elsewhere) {
    (void)base, (void)size, (void)wanted;
    *elsewhere = 0;
    return -1;
}
#endif

void fb_numa_print_version(const char *program) {
    const char *version = fb_numa_version();
    printf("%s " FB_VERSION "\nnuma: %s%s\n", program, version == NULL ? "" : "libnuma ",
           version == NULL ? "not built in" : version);
}

const struct fb_node *fb_topology_find(const struct fb_topology *topology, int number) {
    for (unsigned i = 0; i < topology->count; i++) {
        if (topology->nodes[i].number == number)
            return &topology->nodes[i];
    }
    return NULL;
}

int fb_topology_node_of(const struct fb_topology *topology, const cpu_set_t *cpus) {
    for (unsigned i = 0; i < topology->count; i++) {
        cpu_set_t both;
        CPU_AND(&both, cpus, &topology->nodes[i].cpus);
        if (CPU_COUNT(&both) != 0)
            return CPU_EQUAL(&both, cpus) ? topology->nodes[i].number : -1;
    }
    return -1;
}
