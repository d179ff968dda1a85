/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/placement.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

/* virtio and USB stand between an interface and its PCI device: one and up to six levels. */
#define DEVICES_UP "/../../../../../.."

/* Returns -1 if there is no such number. */
static int take_node(const char **text) {
    uint64_t node;
    return fb_parse_digits(text, FB_NODE_NUMBERS - 1, &node) ? (int)node : -1;
}

static bool take_range(const char **text, struct placement_request *request) {
    int first = take_node(text), last = first;
    if (**text == '-') {
        ++*text;
        last = take_node(text);
    }
    if (first < 0 || last < first)
        return false;
    for (int node = first; node <= last; node++) {
        if (request->count == FB_MAX_WORKERS)
            return false;
        request->nodes[request->count++] = (int16_t)node;
    }
    return true;
}

static bool take_list(const char *text, struct placement_request *request) {
    request->mode = PLACEMENT_LIST;
    while (take_range(&text, request)) {
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
    return false;
}

bool placement_parse(const char *text, struct placement_request *request) {
    *request = (struct placement_request){.mode = PLACEMENT_AUTO};
    if (strcmp(text, "auto") == 0)
        return true;
    request->mode = PLACEMENT_OFF;
    if (strcmp(text, "off") == 0 || take_list(text, request))
        return true;
    fb_error("--numa '%s': give auto, off, or a list of at most %u nodes such as 0,0,1-3", text,
             FB_MAX_WORKERS);
    return false;
}

int placement_missing(const struct placement_request *request, const struct fb_topology *topology) {
    for (unsigned i = 0; i < request->count; i++) {
        if (fb_topology_find(topology, request->nodes[i]) == NULL)
            return request->nodes[i];
    }
    return -1;
}

/* ---- auto */

struct site {
    int node;
    unsigned distance; /* from home */
    unsigned room;     /* processors for workers */
    unsigned workers;
};

static int by_distance(const void *a, const void *b) {
    const struct site *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* The nodes, home first, then by distance. */
static unsigned list_sites(struct site *sites, const struct fb_topology *topology, int home) {
    const struct fb_node *center = fb_topology_find(topology, home);
    for (unsigned i = 0; i < topology->count; i++) {
        const struct fb_node *node = &topology->nodes[i];
        unsigned cpus = (unsigned)CPU_COUNT(&node->cpus);
        bool is_home = node == center;
        sites[i] = (struct site){.node = node->number,
                                 .distance = is_home ? 0 : center->distance[i],
                                 .room = is_home && cpus > 1 ? cpus - 1 : cpus};
    }
    qsort(sites, topology->count, sizeof *sites, by_distance);
    return topology->count;
}

/* The first with a free processor; if there is none, the one with the fewest workers a processor.
 */
static struct site *next_site(struct site *sites, unsigned count) {
    struct site *best = &sites[0];
    for (unsigned i = 0; i < count; i++) {
        struct site *site = &sites[i];
        if (site->workers < site->room)
            return site;
        if (site->workers * best->room < best->workers * site->room)
            best = site;
    }
    return best;
}

static void plan_auto(struct placement *placement, const struct fb_topology *topology, int home,
                      unsigned workers) {
    struct site sites[FB_NODES_MAX];
    unsigned count = list_sites(sites, topology, home);
    placement->home = home;
    for (unsigned k = 0; k < workers; k++) {
        struct site *site = next_site(sites, count);
        site->workers++;
        placement->workers[k] = site->node;
    }
}

void placement_plan(struct placement *placement, const struct fb_topology *topology,
                    const struct placement_request *request, int home, unsigned workers) {
    placement->home = -1;
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++)
        placement->workers[k] = -1;
    if (home < 0 || request->mode == PLACEMENT_OFF)
        return;
    if (request->mode == PLACEMENT_LIST) {
        placement->home = home;
        for (unsigned k = 0; k < workers; k++)
            placement->workers[k] = request->nodes[k % request->count];
    } else if (topology->count > 1) {
        plan_auto(placement, topology, home, workers);
    }
}

/* What is in device/numa_node, or `up` folders above that; false if there is no such file. */
static bool read_node(const char *net, const char *interface, unsigned up, int *node) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s/device%.*s/numa_node", net, interface, (int)up * 3,
                     DEVICES_UP);
    FILE *file = n < 0 || n >= (int)sizeof path ? NULL : fopen(path, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%d", node) != 1 || *node < 0 || *node >= FB_NODE_NUMBERS)
        *node = -1;
    fclose(file);
    return true;
}

int placement_interface_node(const char *net, const char *interface) {
    int node = -1;
    for (unsigned up = 0; up <= strlen(DEVICES_UP) / 3; up++) {
        if (read_node(net, interface, up, &node))
            break;
    }
    return node;
}
