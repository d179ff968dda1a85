/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>

#include "flow_balancer/common/log.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

/* No inspection: packets, bytes and times of each flow, as a record at its end. What it knows is in
 * the flows' states. */

static int flow_open(struct fb_setup *setup) {
    if (setup->args != NULL) {
        fb_error("--inspector flow:%s: flow takes no arguments: leave out \":%s\"", setup->args,
                 setup->args);
        return -EINVAL;
    }
    if (!sinks_any()) {
        fb_error("--inspector flow: it writes a record a flow, and nothing says where to: give "
                 "--eve, such as --eve file:flows-%%k.json");
        return -EINVAL;
    }
    setup->state_bytes = sizeof(struct eve_flow);
    setup->state_kind = FB_STATE_FLAT;
    setup->all_ends = 1; /* a record a flow, whatever became of the process that had its packets */
    return 0;
}

static int flow_packet(void *self, void *state, const struct fb_packet *packet) {
    (void)self;
    eve_flow_packet(state, packet);
    return 0;
}

static int flow_flow_end(void *self, void *state, const struct fb_flow_end *end) {
    (void)self;
    return eve_flow_write(state, end, NULL, NULL);
}

const struct fb_inspector inspect_flow_ops = {
    FB_INSPECTOR_HEAD,
    .name = "flow",
    .help = "flow: no inspection; a record a flow to where --eve says",
    .open = flow_open,
    .packet = flow_packet,
    .flow_end = flow_flow_end,
};
