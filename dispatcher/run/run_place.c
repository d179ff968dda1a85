/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"

#include "dispatcher/run/run_parts.h"

#define NET "/sys/class/net"
#define NODES "/sys/devices/system/node"

/* The nodes that the machine has, as the kernel lists them: "0" where there is one. */
static bool has_several_nodes(void) {
    char line[64] = "0";
    FILE *file = fopen(NODES "/online", "re");
    if (file == NULL)
        return false;
    bool several = fgets(line, sizeof line, file) != NULL && strpbrk(line, ",-") != NULL;
    fclose(file);
    return several;
}

/* The node of the first interface that has one; a line if the others are elsewhere. */
static int interface_node(const struct options *o) {
    int home = -1;
    for (unsigned i = 0; i < o->interface_count; i++) {
        int node = placement_interface_node(NET, o->interfaces[i]);
        if (home < 0)
            home = node;
        else if (node >= 0 && node != home)
            fb_info("'%s' is on NUMA node %d: the dispatcher stays on node %d, that of the first",
                    o->interfaces[i], node, home);
    }
    return home;
}

/* The dispatcher's node: that of --cpu, of the interface, the first of --numa LIST, or where it
 * runs. */
static int choose_home(const struct options *o, const struct fb_topology *topology) {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET((unsigned)sched_getcpu(), &here);
    const int requests[] = {
        o->cpu_given ? fb_topology_node_of(topology, &o->cpus) : -1,
        interface_node(o),
        o->numa.mode == PLACEMENT_LIST ? o->numa.nodes[0] : -1,
        fb_topology_node_of(topology, &here),
    };
    for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (fb_topology_find(topology, requests[i]) != NULL)
            return requests[i];
    }
    return topology->count != 0 ? topology->nodes[0].number : -1;
}

/* Whether a process may be placed at all: a list is asked for, so it is an error if not. */
static int check_allowed(const struct options *o) {
    cpu_set_t own;
    int error = fb_cpus_allowed(&own);
    if (error == 0)
        error = fb_cpus_run_on(&own);
    if (error == 0)
        error = fb_numa_prefer(o->numa.nodes[0]);
    if (error != 0)
        fb_error("--numa: the kernel or the container forbids it: %s: leave it out, or give "
                 "CAP_SYS_NICE",
                 strerror(-error));
    return error;
}

static int check_list(const struct options *o, const struct fb_topology *topology) {
    int missing = placement_missing(&o->numa, topology);
    if (missing < 0)
        return o->numa.mode == PLACEMENT_LIST ? check_allowed(o) : 0;
    if (fb_numa_version() == NULL)
        fb_error("--numa: this build has no libnuma: leave it out, or install libnuma-dev and "
                 "build again");
    else if (topology->count == 0)
        fb_error("--numa: the kernel, or the container, has no NUMA: leave it out");
    else
        fb_error("--numa: there is no node %d with processors that the dispatcher may use: leave "
                 "it out, or give some of what 'ls -d " NODES "/node*' shows",
                 missing);
    return -EINVAL;
}

/* Runs on the home node's processors and takes memory there; where that is forbidden, nothing is
 * placed. */
static void go_home(struct run *run, const struct fb_topology *topology) {
    struct placement *plan = &run->placement;
    int error = fb_numa_prefer(plan->home);
    if (error == 0 && !run->options->cpu_given)
        error = fb_cpus_run_on(&fb_topology_find(topology, plan->home)->cpus);
    if (error == 0) {
        /* It has been touched: where huge pages are always on, 2 MB of it together. */
        (void)fb_numa_bring(run, sizeof *run, plan->home);
        return;
    }
    fb_warning("nothing is placed on NUMA nodes: the kernel or the container forbids it: %s: give "
               "CAP_SYS_NICE, or say so with --numa off",
               strerror(-error));
    placement_plan(plan, topology, &run->options->numa, -1, 0);
    (void)fb_numa_prefer(-1);
}

/* For the report: what the kernel says. */
static void note_own(struct run *run, const struct fb_topology *topology) {
    cpu_set_t cpus;
    run->own_cpu = run->own_node = -1;
    run->nodes = topology->count;
    if (fb_cpus_allowed(&cpus) != 0)
        return;
    run->own_cpu = fb_cpus_single(&cpus);
    run->own_node = fb_topology_node_of(topology, &cpus);
}

int run_place(struct run *run) {
    const struct options *o = run->options;
    struct fb_topology topology;
    int error = fb_topology_read(&topology);
    if (error == -EPERM && o->numa.mode == PLACEMENT_AUTO && has_several_nodes())
        fb_warning("the container forbids to ask for NUMA nodes: nothing is placed on them: give "
                   "CAP_SYS_NICE, or say so with --numa off");
    error = check_list(o, &topology);
    if (error == 0 && o->cpu_given)
        error = fb_cpus_restrict("--cpu", &o->cpus);
    if (error != 0)
        return error;
    int home = o->numa.mode == PLACEMENT_OFF ? -1 : choose_home(o, &topology);
    placement_plan(&run->placement, &topology, &o->numa, home, o->max_workers);
    if (run->placement.home >= 0)
        go_home(run, &topology);
    note_own(run, &topology);
    return 0;
}

void run_place_workers(struct run *run) {
    struct fb_ctl *ctl = run->ctl.ctl;
    ctl->cpu = run->own_cpu;
    ctl->numa_node = run->own_node;
    ctl->numa_nodes = run->nodes;
    for (unsigned k = 0; k < ctl->geometry.max_workers; k++)
        fb_ctl_set_numa_node(ctl, k, run->placement.workers[k]);
}

/* ---- what became of it */

/* Regions that were to lie on one node. */
struct tally {
    unsigned rings; /* not there, or not whole */
    bool table;     /* the same of the flow table and the fragments' */
    uint64_t huge;  /* huge pages, of hugetlbfs, that lie elsewhere */
};

static int look(struct tally *tally, const struct fb_region *region, int wanted, bool *missed) {
    double elsewhere = 0;
    int node =
        region->base == NULL ? -1 : fb_numa_where(region->base, region->size, wanted, &elsewhere);
    *missed = wanted >= 0 && node >= 0 && elsewhere > 0;
    if (*missed && region->page_kind == FB_PAGES_HUGETLBFS)
        tally->huge += (uint64_t)((double)(region->size / FB_HUGEPAGE_BYTES) * elsewhere + 0.999);
    return node;
}

static uint64_t huge_pages_of(int node, char *path, size_t size) {
    uint64_t pages = 0;
    snprintf(path, size, NODES "/node%d/hugepages/hugepages-2048kB/nr_hugepages", node);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages;
}

static void warn(int node, const struct tally *tally) {
    char what[64], path[128], fix[256];
    snprintf(what, sizeof what, "%u ring%s%s", tally->rings, tally->rings == 1 ? "" : "s",
             tally->table ? " and the flow table" : "");
    uint64_t have = huge_pages_of(node, path, sizeof path);
    if (tally->huge != 0)
        snprintf(fix, sizeof fix, "give it huge pages: 'echo %" PRIu64 " > %s'", have + tally->huge,
                 path);
    else
        snprintf(fix, sizeof fix,
                 "free memory there (" NODES "/node%d/meminfo), or choose with --numa LIST", node);
    fb_warning("%s not whole on NUMA node %d: %s", tally->rings != 0 ? what : "the flow table",
               node, fix);
}

static void log_nodes(const struct run *run) {
    const struct placement *plan = &run->placement;
    for (int node = 0; node < FB_NODE_NUMBERS && plan->home >= 0; node++) {
        cpu_set_t workers; /* a set of numbers like any other */
        char text[FB_CPUS_TEXT];
        CPU_ZERO(&workers);
        for (unsigned k = 0; k < run->fleet.count; k++) {
            if (plan->workers[k] == node)
                CPU_SET(k, &workers);
        }
        fb_cpus_format(&workers, text);
        if (node == plan->home || CPU_COUNT(&workers) != 0)
            fb_info("NUMA node %d: %sworkers %s", node,
                    node == plan->home ? "dispatcher, flow table, " : "", text);
    }
}

const char *run_place_note(const struct run *run) {
    if (run->options->numa.mode == PLACEMENT_OFF || run->placement.home >= 0)
        return "";
    if (fb_numa_version() == NULL)
        return "; built without libnuma";
    return run->nodes == 1 ? "; one NUMA node" : run->nodes == 0 ? "; no NUMA" : "";
}

void run_place_check(struct run *run) {
    struct fb_ctl *ctl = run->ctl.ctl;
    const struct placement *plan = &run->placement;
    struct tally tallies[FB_NODE_NUMBERS] = {{0}}, none = {0};
    bool missed;
    for (unsigned k = 0; k < run->fleet.count; k++) {
        int wanted = plan->workers[k];
        struct tally *tally = wanted < 0 ? &none : &tallies[wanted];
        int node = look(tally, &run->fleet.lanes[k].down_region, wanted, &missed);
        fb_ctl_set_ring_numa_node(ctl, k, node);
        tally->rings += missed;
    }
    struct tally *home = plan->home < 0 ? &none : &tallies[plan->home];
    ctl->flow_table_numa_node = look(home, &run->flows.region, plan->home, &missed);
    home->table = missed;
    (void)look(home, &run->fragments.region, plan->home, &missed);
    home->table |= missed;
    for (int node = 0; node < FB_NODE_NUMBERS; node++) {
        if (tallies[node].rings != 0 || tallies[node].table)
            warn(node, &tallies[node]);
    }
    log_nodes(run);
}
