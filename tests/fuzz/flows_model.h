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
#include "tests/fuzz/fuzz.h"
#include "tests/lib/frames.h"

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

static struct flows flows;
static struct handle handle_tables[WORKERS][HANDLES];
static struct handles handles[WORKERS];
static struct handles *const by_worker[WORKERS] = {&handles[0], &handles[1]};
static struct model_flow model[MOST_FLOWS];
static struct model_handle model_handles[WORKERS][HANDLES];
static uint64_t batch; /* of ends */
static uint64_t model_created, model_ended[FB_END_COUNT];

static inline enum flow_class model_class(const struct model_flow *m) {
    return flow_state_class(&flows.rules, m->state);
}

static inline uint32_t model_timeout(const struct model_flow *m) {
    return flows.rules.timeout_ticks[model_class(m)];
}

static inline unsigned model_alive(void) {
    unsigned n = 0;
    for (unsigned i = 0; i < MOST_FLOWS; i++)
        n += model[i].alive;
    return n;
}

static inline struct model_flow *model_find(struct talk talk) {
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (model[i].alive && memcmp(&model[i].talk, &talk, sizeof talk) == 0)
            return &model[i];
    }
    return NULL;
}

static inline struct model_flow *model_add(void) {
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!model[i].alive)
            return &model[i];
    }
    fail_msg("more flows than the table has room for");
    return NULL;
}

/* The flow has ended for that reason, or for another one if it was never delivered. */
static inline void model_end(struct model_flow *m, enum fb_end_reason reason) {
    m->alive = false;
    if (!m->bound) {
        model_ended[FB_END_WORKER_LOST]++;
        return;
    }
    struct model_handle *h = &model_handles[m->worker][m->handle];
    assert_int_equal(h->use, HANDLE_BOUND);
    *h = (struct model_handle){HANDLE_PENDING, m->id, m->generation, reason, batch};
    model_ended[reason]++;
}

static inline void model_bind(struct model_flow *m, const struct flow_entry *entry) {
    assert_in_range(entry->worker, 0, WORKERS - 1);
    assert_in_range(entry->handle, 0, HANDLES - 1);
    struct model_handle *h = &model_handles[entry->worker][entry->handle];
    assert_int_equal(h->use, HANDLE_FREE);
    *h = (struct model_handle){.use = HANDLE_BOUND, .id = m->id, .generation = entry->generation};
    m->bound = true;
    m->worker = entry->worker;
    m->handle = entry->handle;
    m->generation = entry->generation;
}

static inline unsigned model_uses(unsigned worker, enum handle_use use) {
    unsigned n = 0;
    for (unsigned i = 0; i < HANDLES; i++)
        n += model_handles[worker][i].use == use;
    return n;
}

/* A pending end came out: it is one of those that have waited longest. */
static inline void model_pop(unsigned worker, const struct pending_end *end) {
    assert_in_range(end->handle, 0, HANDLES - 1);
    struct model_handle *h = &model_handles[worker][end->handle];
    assert_int_equal(h->use, HANDLE_PENDING);
    assert_true(h->id == end->flow_id && h->generation == end->generation);
    assert_int_equal(h->reason, end->reason);
    for (unsigned i = 0; i < HANDLES; i++) {
        const struct model_handle *other = &model_handles[worker][i];
        assert_true(other->use != HANDLE_PENDING || other->batch >= h->batch);
    }
    h->use = HANDLE_ENDING;
}

static inline void model_lose(unsigned worker) {
    memset(model_handles[worker], 0, sizeof model_handles[worker]);
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (model[i].alive && model[i].worker == worker)
            model[i].bound = false;
    }
}

/* Entry by entry, both are the same. */
static inline void compare_flows(void) {
    uint64_t pending = 0;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        const struct model_flow *m = &model[i];
        if (!m->alive)
            continue;
        uint32_t flow = flows_by_id(&flows, m->id);
        assert_int_not_equal(flow, NO_FLOW);
        const struct flow_entry *entry = &flows.table.entries[flow];
        assert_int_equal(entry->last, m->last);
        assert_int_equal(entry->state, m->state);
        assert_int_equal(flows_has_worker(&flows, entry), m->bound);
        if (m->bound)
            assert_true(entry->handle == m->handle && entry->worker == m->worker);
    }
    assert_int_equal(flow_table_live(&flows.table), model_alive());
    for (unsigned reason = 0; reason < FB_END_COUNT; reason++)
        assert_int_equal(flows.ended[reason], model_ended[reason]);
    for (unsigned k = 0; k < WORKERS; k++) {
        assert_int_equal(handles[k].pending, model_uses(k, HANDLE_PENDING));
        assert_int_equal(handles[k].bound, model_uses(k, HANDLE_BOUND));
        pending += handles[k].pending;
    }
    assert_int_equal(flows.ends_pending, pending);
    assert_int_equal(flows.created, model_created);
}

#endif
