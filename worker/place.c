/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/place.h"

#include <errno.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"

static int go_to(const struct place *place, int number) {
    const struct fb_node *node = fb_topology_find(&place->topology, number);
    int error = node == NULL ? -ENODEV : 0;
    if (error == 0 && !place->asked.cpus_given)
        error = fb_cpus_run_on(&node->cpus);
    return error != 0 ? error : fb_numa_prefer(number);
}

static void refuse_node(const struct place *place, int error) {
    if (fb_numa_version() == NULL)
        fb_error("--numa-node '%d': this build has no libnuma: leave it out, or install "
                 "libnuma-dev and build again",
                 place->asked.node);
    else if (error == -ENODEV)
        fb_error("--numa-node '%d': there is no such node with processors that this process may "
                 "use: leave it out, or give one that 'ls -d /sys/devices/system/node/node*' shows",
                 place->asked.node);
    else
        fb_error("--numa-node '%d': the kernel or the container forbids it: %s: leave it out, or "
                 "give CAP_SYS_NICE",
                 place->asked.node, strerror(-error));
}

int place_init(struct place *place, const struct place_request *asked) {
    place->asked = *asked;
    place->planned = -1;
    (void)fb_cpus_allowed(&place->before);
    (void)fb_topology_read(&place->topology); /* it has no node if that fails */
    int error = place->asked.cpus_given ? fb_cpus_restrict("--cpu", &place->asked.cpus) : 0;
    if (error != 0 || place->asked.node < 0)
        return error;
    error = go_to(place, place->asked.node);
    if (error != 0)
        refuse_node(place, error);
    return error;
}

/* To where the process was started. */
static void go_back(const struct place *place) {
    (void)fb_cpus_run_on(&place->before);
    (void)fb_numa_prefer(-1);
}

void place_planned(struct place *place, const struct fb_ctl *ctl, unsigned worker) {
    int planned = fb_ctl_numa_node(ctl, worker);
    if (planned < 0)
        planned = -1;
    if (place->asked.node != PLACE_PLAN || place->asked.cpus_given || planned == place->planned)
        return;
    bool moved = place->planned >= 0;
    place->planned = planned;
    int error = planned < 0 ? 0 : go_to(place, planned);
    /* A node that is not there has changed nothing; what forbids one half may have let the other
     * be. */
    if (planned < 0 || (error != 0 && (moved || error != -ENODEV)))
        go_back(place);
    if (error == -ENODEV)
        fb_warning("worker %u is to run on NUMA node %d, which has no processor that it may use: "
                   "it runs where it was started; --numa-node off says so",
                   worker, planned);
    else if (error != 0)
        fb_warning("worker %u cannot move to NUMA node %d: %s: it runs where it was started; "
                   "--numa-node off says so",
                   worker, planned, strerror(-error));
}

void place_claimed(struct place *place, const struct fb_ctl *ctl, unsigned worker,
                   struct fb_up *up) {
    place_planned(place, ctl, worker);
    cpu_set_t cpus;
    if (fb_cpus_allowed(&cpus) != 0)
        return;
    int own = fb_topology_node_of(&place->topology, &cpus);
    int ring = fb_ctl_ring_numa_node(ctl, worker);
    fb_up_set_cpu(up, fb_cpus_single(&cpus));
    fb_up_set_numa_node(up, own);
    /* Of a ring that found no room where both were to be the dispatcher has warned. */
    bool as_planned = own == fb_ctl_numa_node(ctl, worker);
    if (own >= 0 && !as_planned && fb_topology_find(&place->topology, ring) != NULL && own != ring)
        fb_warning("worker %u runs on NUMA node %d, its ring lies on node %d: leave --cpu and "
                   "--numa-node out, or give the dispatcher --numa LIST",
                   worker, own, ring);
}
