/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_FLOWS_MODEL_H
#define TESTS_FUZZ_FLOWS_MODEL_H

/*
 * A model of the flows that are alive, of their handles and of their ends: arrays
 * that are searched from end to end, without a hash, a wheel or a list. Which of
 * two flows that end in one call does so first is not modelled: their ends are a
 * batch, out of which they may come in any order.
 */

#include "dispatcher/flows/flows.h"

#define WORKERS 2u
#define MOST_FLOWS 40u
#define HANDLES 64u   /* of a worker: more than flows, fewer than flows and ends may ever be */
#define CANDIDATES 8u /* flows that an eviction compares */

/* Who speaks to whom, as the input says it, in the order of the numbers. */
struct talk {
    uint8_t low, high, proto; /* host * 4 + port */
};

struct model_flow {
    bool alive;
    struct talk talk;
    bool first_from_high;
    uint8_t state;
    uint32_t last;
    uint64_t id;
    bool bound;
    uint8_t worker;
    uint32_t handle;
    uint16_t generation;
};

enum handle_use { HANDLE_FREE, HANDLE_BOUND, HANDLE_PENDING, HANDLE_ENDING };

struct model_handle {
    enum handle_use use;
    uint64_t id;
    uint16_t generation;
    enum fb_end_reason reason;
    uint64_t batch; /* while it is pending */
};

struct flows_model {
    struct flows flows;
    struct handle handle_tables[WORKERS][HANDLES];
    struct handles handles[WORKERS];
    struct handles *by_worker[WORKERS];
    struct model_flow model_flows[MOST_FLOWS];
    struct model_handle model_handles[WORKERS][HANDLES];
    uint64_t batch; /* of ends */
    uint64_t created, ended[FB_END_COUNT];
};

/* Real flows and the model of them, both without any; flows_fini() of the former ends both. */
void flows_model_make(struct flows_model *m, uint32_t max_flows,
                      const struct flow_timeouts *timeouts);

enum flow_class flows_model_class(const struct flows_model *m, const struct model_flow *mf);
uint32_t flows_model_timeout(const struct flows_model *m, const struct model_flow *mf);
unsigned flows_model_alive(const struct flows_model *m);
/* The flow that is alive, or NULL. */
struct model_flow *flows_model_find(struct flows_model *m, struct talk talk);
/* A place for a flow; there must be one. */
struct model_flow *flows_model_add(struct flows_model *m);

/* The flow has ended for that reason, or for another one if it was never delivered. */
void flows_model_end(struct flows_model *m, struct model_flow *mf, enum fb_end_reason reason);
/* The flow is bound as the entry says. */
void flows_model_bind(struct flows_model *m, struct model_flow *mf, const struct flow_entry *entry);
/* A worker's handles that are in this use. */
unsigned flows_model_uses(const struct flows_model *m, unsigned worker, enum handle_use use);
/* A pending end came out: it is one of those that have waited longest. */
void flows_model_pop(struct flows_model *m, unsigned worker, const struct pending_end *end);
void flows_model_lose(struct flows_model *m, unsigned worker);

/* Entry by entry, both are the same. */
void flows_model_compare(const struct flows_model *m);

#endif
