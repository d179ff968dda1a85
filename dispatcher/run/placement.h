/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_PLACEMENT_H
#define DISPATCHER_RUN_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/common/numa.h"
#include "flow_balancer/names.h"

/*
 * Which NUMA node each process is to run on. A pure function of the machine
 * and of --numa: what carries it out is in run_place.c, and in the worker.
 */
enum placement_mode {
    PLACEMENT_AUTO, /* near the dispatcher first; nothing where there is one node */
    PLACEMENT_OFF,
    PLACEMENT_LIST, /* as the user says, with one node too */
};

struct placement_request {
    enum placement_mode mode;
    unsigned count; /* PLACEMENT_LIST: nodes of the workers by number, then from the first again */
    int16_t nodes[FB_MAX_WORKERS]; /* as given: they need not be there */
};

struct placement {
    int home;                    /* the dispatcher's node, or -1: nothing is placed */
    int workers[FB_MAX_WORKERS]; /* by number; -1: anywhere */
};

/*
 * A value of --numa: auto, off, or node numbers and ascending ranges parted by
 * commas, where the order counts and a node may come again: 0,0,1-3. Returns
 * false after one logged line.
 */
bool placement_parse(const char *text, struct placement_request *request);

/* A node of the list that the topology lacks, or -1. */
int placement_missing(const struct placement_request *request, const struct fb_topology *topology);

/*
 * Plans for worker numbers below `workers`; no node of the list is missing.
 * home: a node of the topology, or -1 if it has none.
 *
 * auto: the home node's processors are filled first, one of them left to the
 * dispatcher where there are more, then those of the other nodes, nearest
 * first. Who comes then goes where the fewest workers are for the processors.
 */
void placement_plan(struct placement *placement, const struct fb_topology *topology,
                    const struct placement_request *request, int home, unsigned workers);

/*
 * The node of a network interface as the kernel says of its device, or of the
 * nearest one above it that has a node (virtio's own has none). -1 if there is
 * none: veth, lo, any. net: the folder of interfaces, /sys/class/net but in tests.
 */
int placement_interface_node(const char *net, const char *interface);

#endif
