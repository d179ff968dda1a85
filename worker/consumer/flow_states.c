/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/consumer/flow_states.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/log.h"

int flow_states_init(struct flow_states *states, size_t flow_bytes) {
    states->flow_bytes = fb_align_up(flow_bytes, sizeof(struct flow_state_tag));
    states->stride = sizeof(struct flow_state_tag) + states->flow_bytes;
    states->chunks = calloc(FLOW_STATES_CHUNKS, sizeof *states->chunks);
    if (states->chunks != NULL)
        return 0;
    fb_error("no memory for the table of flow states");
    return -ENOMEM;
}

void flow_states_fini(struct flow_states *states) {
    for (size_t i = 0; states->chunks != NULL && i < FLOW_STATES_CHUNKS; i++)
        free(states->chunks[i]);
    free(states->chunks);
    states->chunks = NULL;
}

void *flow_states_begin(struct flow_states *states, uint32_t handle, uint16_t generation,
                        uint64_t flow_id, bool *known) {
    struct flow_state_tag *tag = flow_states_find(states, handle);
    if (tag == NULL) {
        uint32_t chunk = handle / FLOW_STATES_PER_CHUNK;
        if (chunk < FLOW_STATES_CHUNKS)
            states->chunks[chunk] = calloc(FLOW_STATES_PER_CHUNK, states->stride);
        tag = flow_states_find(states, handle);
        if (tag == NULL) {
            fb_error("no state for flow handle %u: %s", handle,
                     chunk < FLOW_STATES_CHUNKS ? "no memory" : "out of range");
            return NULL;
        }
    }
    *known = tag->begun == FLOW_STATE_BEGUN(generation);
    if (!*known) {
        memset(tag, 0, states->stride);
        tag->begun = FLOW_STATE_BEGUN(generation);
        tag->flow_id = flow_id;
    }
    return tag + 1;
}

void *flow_states_end(struct flow_states *states, uint32_t handle, uint16_t generation) {
    struct flow_state_tag *tag = flow_states_find(states, handle);
    if (tag == NULL || tag->begun != FLOW_STATE_BEGUN(generation))
        return NULL;
    tag->begun = 0;
    return tag + 1;
}

bool flow_states_take(struct flow_states *states, uint32_t *next, struct begun_flow *flow) {
    while (*next / FLOW_STATES_PER_CHUNK < FLOW_STATES_CHUNKS) {
        uint32_t handle = *next;
        struct flow_state_tag *tag = flow_states_find(states, handle);
        if (tag == NULL) {
            *next = (handle / FLOW_STATES_PER_CHUNK + 1) * FLOW_STATES_PER_CHUNK;
            continue;
        }
        *next = handle + 1;
        if (tag->begun == 0)
            continue;
        tag->begun = 0;
        *flow = (struct begun_flow){
            .state = tag + 1, .flow_id = tag->flow_id & ~FLOW_STATE_BARE, .handle = handle};
        return true;
    }
    return false;
}
