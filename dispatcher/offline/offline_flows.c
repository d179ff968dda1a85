/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/offline/offline_flows.h"

#include <errno.h>
#include <stdlib.h>

#include "flow_balancer/common/log.h"

int offline_flows_init(struct offline_flows *flows, uint32_t max_flows, size_t state_bytes) {
    flows->state_bytes = state_bytes;
    flows->capacity = max_flows + 1;
    flows->handle_region.fd = flows->known_region.fd = -1;
    int error = fb_region_private(&flows->handle_region, flows->capacity * sizeof(struct handle),
                                  FB_HUGEPAGES_NEVER, false);
    if (error == 0)
        error = fb_region_private(&flows->known_region, flows->capacity * sizeof *flows->known,
                                  FB_HUGEPAGES_NEVER, false);
    if (error != 0)
        return error;
    handles_init(&flows->handles, flows->handle_region.base, flows->capacity);
    flows->known = flows->known_region.base;
    return 0;
}

static void free_flow(struct offline_flows *flows, uint32_t handle) {
    struct offline_flow *flow = flows->known[handle];
    if (flow == NULL)
        return;
    free(flow->state);
    free(flow);
    flows->known[handle] = NULL;
}

void offline_flows_fini(struct offline_flows *flows) {
    for (uint32_t handle = 0; handle < flows->handles.fresh; handle++)
        free_flow(flows, handle);
    fb_region_close(&flows->known_region);
    fb_region_close(&flows->handle_region);
}

struct offline_flow *offline_flows_begin(struct offline_flows *flows, uint32_t handle) {
    struct offline_flow *flow = calloc(1, sizeof *flow);
    if (flow != NULL && flows->state_bytes != 0) {
        flow->state = calloc(1, flows->state_bytes);
        if (flow->state == NULL) {
            free(flow);
            flow = NULL;
        }
    }
    if (flow == NULL)
        fb_error("no memory for the state of a flow, %zu bytes", flows->state_bytes);
    flows->known[handle] = flow;
    return flow;
}

void offline_flows_end(struct offline_flows *flows, uint32_t handle) {
    free_flow(flows, handle);
    handles_give_back(&flows->handles, handle);
}
