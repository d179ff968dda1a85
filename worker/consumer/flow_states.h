/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_CONSUMER_FLOW_STATES_H
#define WORKER_CONSUMER_FLOW_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/prefetch.h"

/*
 * The inspector's state per flow, found by the handle: an array, no hash. It
 * grows in steps that leave what is there in place, since handles are dense
 * and their number is not known beforehand. Worker only, one thread.
 */
#define FLOW_STATES_PER_CHUNK 4096u
#define FLOW_STATES_CHUNKS 65536u /* handles up to 2^28: more than the largest flow table */

struct flow_states {
    size_t flow_bytes; /* of the inspector, rounded up to 16 */
    size_t stride;
    char **chunks; /* each of FLOW_STATES_PER_CHUNK states, or NULL */
};

/* Whether the handle is in range: there is a state for it unless memory runs out. */
static inline bool flow_states_may_have(uint32_t handle) {
    return handle / FLOW_STATES_PER_CHUNK < FLOW_STATES_CHUNKS;
}

/* Returns 0, or -ENOMEM after one logged line. */
int flow_states_init(struct flow_states *states, size_t flow_bytes);
void flow_states_fini(struct flow_states *states);

/*
 * The state of a flow: the same memory until its end. *known tells whether it
 * was begun before; if not, it is begun now and all zero. NULL, logged once,
 * if the handle is out of range or memory ran out. With flow_bytes 0 the
 * pointer is not NULL, but nothing may be stored there.
 */
void *flow_states_begin(struct flow_states *states, uint32_t handle, uint16_t generation,
                        uint64_t flow_id, bool *known);

/* Before each flow's state: whose it is. 16 bytes, so that what follows is aligned for anything. */
struct flow_state_tag {
    uint64_t begun;   /* FLOW_STATE_BEGUN() of a flow's generation, or 0 */
    uint64_t flow_id; /* and FLOW_STATE_BARE where the flow has no record */
};
#define FLOW_STATE_BEGUN(generation) ((uint64_t)(generation) << 1 | 1)
#define FLOW_STATE_BARE (UINT64_C(1) << 63) /* ids are below 2^53 */

/* The tag of a state that was returned here: of what is not known of it by the handle. */
static inline struct flow_state_tag *flow_state_tag(void *state) {
    return (struct flow_state_tag *)state - 1;
}

/* Where the tag of a handle is; NULL: out of range, or none of its chunk was begun. */
static inline struct flow_state_tag *flow_states_find(const struct flow_states *states,
                                                      uint32_t handle) {
    uint32_t chunk = handle / FLOW_STATES_PER_CHUNK;
    if (chunk >= FLOW_STATES_CHUNKS || states->chunks[chunk] == NULL)
        return NULL;
    return (struct flow_state_tag *)(void *)(states->chunks[chunk] +
                                             handle % FLOW_STATES_PER_CHUNK * states->stride);
}

/* The state of a flow that was begun, or NULL. */
static inline void *flow_states_known(const struct flow_states *states, uint32_t handle,
                                      uint16_t generation) {
    struct flow_state_tag *tag = flow_states_find(states, handle);
    return tag != NULL && tag->begun == FLOW_STATE_BEGUN(generation) ? tag + 1 : NULL;
}

/* Fetches a flow's state ahead of flow_states_begin(); harmless for any handle. */
static inline void flow_states_prefetch(const struct flow_states *states, uint32_t handle) {
    const struct flow_state_tag *tag = flow_states_find(states, handle);
    if (tag != NULL)
        fb_prefetch(tag);
}

/* Forgets a flow. Returns its state, valid until the next call, or NULL if it was not begun. */
void *flow_states_end(struct flow_states *states, uint32_t handle, uint16_t generation);

/* A flow that was begun. */
struct begun_flow {
    void *state;
    uint64_t flow_id;
    uint32_t handle;
};

/*
 * Forgets the next flow that is begun, from handle *next on, which it moves on; a caller
 * starts with 0. False if there is none any more. flow->state is valid until the next call.
 */
bool flow_states_take(struct flow_states *states, uint32_t *next, struct begun_flow *flow);

#endif
