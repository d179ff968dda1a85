/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_NUMA_H
#define FLOW_BALANCER_COMMON_NUMA_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * NUMA nodes: what the machine has, where memory is to be, and where it is.
 * All that knows libnuma is behind this header; built without it, or on a
 * kernel that has no NUMA, the topology has no node and nothing is placed.
 * Node numbers are the kernel's; -1 means none. Any process.
 */
#define FB_NODES_MAX 64u /* nodes that are looked at: large machines have 16 or so */
#define FB_NODE_NUMBERS                                                                            \
    1024 /* numbers are below: the kernel's CONFIG_NODES_SHIFT is 10 at most                       \
          */

struct fb_node {
    int number;
    bool memory;                    /* it has some, and the caller may use it */
    cpu_set_t cpus;                 /* on which the caller may run; never empty */
    uint8_t distance[FB_NODES_MAX]; /* to the nodes by index, as the firmware says; 10: itself */
};

/* The nodes on whose processors the caller may run, by number. */
struct fb_topology {
    unsigned count; /* 0: not known */
    struct fb_node nodes[FB_NODES_MAX];
};

/* The version of libnuma that was built in, or NULL. */
const char *fb_numa_version(void);

/* Prints what --version prints: "PROGRAM VERSION", and a line on libnuma. */
void fb_numa_print_version(const char *program);

/*
 * Reads the topology, with the processors that the caller may run on now.
 * Returns 0; -ENOSYS if it is not built in, or neither the kernel nor /sys has
 * one; -EPERM if a container forbids to ask. It has no node then. No log.
 */
int fb_topology_read(struct fb_topology *topology);

/* The node of that number, or NULL. */
const struct fb_node *fb_topology_find(const struct fb_topology *topology, int number);

/* The node on which all these processors are, or -1: on several, or not known. */
int fb_topology_node_of(const struct fb_topology *topology, const cpu_set_t *cpus);

/*
 * Takes memory that the calling thread touches first from that node while it
 * has some, else from the nearest; -1: from where it runs, the kernel's
 * default. Returns 0 or -errno, no log.
 */
int fb_numa_prefer(int node);

/* The same for the pages of a mapping that are not there yet. -1 changes nothing. */
int fb_numa_prefer_for(void *base, size_t size, int node);

/*
 * The same for memory that is partly there already: what of it no other process
 * maps is moved. Whole pages, so other data on the first and the last of them
 * may be moved too. Takes tens of milliseconds on a busy machine: only where
 * nothing waits. Returns 0 or -errno, no log.
 */
int fb_numa_bring(void *base, size_t size, int node);

/*
 * Asks the kernel where the pages of a populated mapping lie, at up to 64
 * places. Returns the node of most of them, or -1 if it does not say;
 * *elsewhere is the part, from 0 to 1, that is not on `wanted`. System calls:
 * not for the data path.
 */
int fb_numa_where(const void *base, size_t size, int wanted, double *elsewhere);

#endif
