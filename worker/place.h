/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_PLACE_H
#define WORKER_PLACE_H

#include <sched.h>
#include <stdbool.h>

#include "flow_balancer/common/numa.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/sides.h"

/*
 * Where a worker process runs, and from which NUMA node it takes memory: as it
 * was told on its command line, else as the dispatcher planned for the number
 * that it has claimed, else anywhere.
 */
#define PLACE_PLAN (-1) /* for node: what the dispatcher planned */
#define PLACE_OFF (-2)  /* for node: whatever it planned, anywhere */

/* What the command line says. */
struct place_request {
    bool cpus_given;
    cpu_set_t cpus; /* if given */
    int node;       /* PLACE_PLAN, PLACE_OFF, or the number of one */
};

struct place {
    struct place_request asked;
    cpu_set_t before; /* what the process was started with */
    int planned;      /* the node whose plan it followed last, or -1: none, or undone */
    struct fb_topology topology;
};

/*
 * Reads the topology and follows the command line, before anything large is
 * allocated. Returns 0, or -errno after one logged line if what was asked for
 * cannot be had.
 */
int place_init(struct place *place, const struct place_request *asked);

/*
 * Follows the plan for a number that is about to be claimed: what is allocated
 * from now on, by an inspector say, is on its node. A plan that cannot be
 * followed is one warning. Nothing if the command line said where to be.
 */
void place_planned(struct place *place, const struct fb_ctl *ctl, unsigned worker);

/*
 * Follows the plan for the number just claimed, says in the up side where the
 * process is, and warns if it is not as planned and its ring lies on another
 * node. Where the plan cannot be followed, one warning is logged and the worker
 * goes on.
 */
void place_claimed(struct place *place, const struct fb_ctl *ctl, unsigned worker,
                   struct fb_up *up);

#endif
