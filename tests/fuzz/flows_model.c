/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/flows_model.h"

#include <string.h>

#include "tests/lib/unit.h"

void flows_model_make(struct flows_model *m, uint32_t max_flows,
                      const struct flow_timeouts *timeouts) {
    memset(m, 0, sizeof *m);
    for (unsigned k = 0; k < WORKERS; k++) {
        m->by_worker[k] = &m->handles[k];
        handles_init(&m->handles[k], m->handle_tables[k], HANDLES);
    }
    assert_int_equal(flows_init(&m->flows, &(struct flows_config){.max_flows = max_flows,
                                                                  .timeouts = timeouts,
                                                                  .ticks_per_second = 1,
                                                                  .hugepages = FB_HUGEPAGES_NEVER,
                                                                  .handles = m->by_worker}),
                     0);
}

enum flow_class flows_model_class(const struct flows_model *m, const struct model_flow *mf) {
    return flow_state_class(&m->flows.rules, mf->state);
}

uint32_t flows_model_timeout(const struct flows_model *m, const struct model_flow *mf) {
    return m->flows.rules.timeout_ticks[flows_model_class(m, mf)];
}

unsigned flows_model_alive(const struct flows_model *m) {
    unsigned n = 0;
    for (unsigned i = 0; i < MOST_FLOWS; i++)
        n += m->model_flows[i].alive;
    return n;
}

struct model_flow *flows_model_find(struct flows_model *m, struct talk talk) {
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (m->model_flows[i].alive && memcmp(&m->model_flows[i].talk, &talk, sizeof talk) == 0)
            return &m->model_flows[i];
    }
    return NULL;
}

struct model_flow *flows_model_add(struct flows_model *m) {
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!m->model_flows[i].alive)
            return &m->model_flows[i];
    }
    fail_msg("more flows than the table has room for");
    return NULL;
}

void flows_model_end(struct flows_model *m, struct model_flow *mf, enum fb_end_reason reason) {
    mf->alive = false;
    if (!mf->bound) {
        m->ended[FB_END_WORKER_LOST]++;
        return;
    }
    struct model_handle *h = &m->model_handles[mf->worker][mf->handle];
    assert_int_equal(h->use, HANDLE_BOUND);
    *h = (struct model_handle){HANDLE_PENDING, mf->id, mf->generation, reason, m->batch};
    m->ended[reason]++;
}

void flows_model_bind(struct flows_model *m, struct model_flow *mf,
                      const struct flow_entry *entry) {
    assert_in_range(entry->worker, 0, WORKERS - 1);
    assert_in_range(entry->handle, 0, HANDLES - 1);
    struct model_handle *h = &m->model_handles[entry->worker][entry->handle];
    assert_int_equal(h->use, HANDLE_FREE);
    *h = (struct model_handle){.use = HANDLE_BOUND, .id = mf->id, .generation = entry->generation};
    mf->bound = true;
    mf->worker = entry->worker;
    mf->handle = entry->handle;
    mf->generation = entry->generation;
}

unsigned flows_model_uses(const struct flows_model *m, unsigned worker, enum handle_use use) {
    unsigned n = 0;
    for (unsigned i = 0; i < HANDLES; i++)
        n += m->model_handles[worker][i].use == use;
    return n;
}

void flows_model_pop(struct flows_model *m, unsigned worker, const struct pending_end *end) {
    assert_in_range(end->handle, 0, HANDLES - 1);
    struct model_handle *h = &m->model_handles[worker][end->handle];
    assert_int_equal(h->use, HANDLE_PENDING);
    assert_true(h->id == end->flow_id && h->generation == end->generation);
    assert_int_equal(h->reason, end->reason);
    for (unsigned i = 0; i < HANDLES; i++) {
        const struct model_handle *other = &m->model_handles[worker][i];
        assert_true(other->use != HANDLE_PENDING || other->batch >= h->batch);
    }
    h->use = HANDLE_ENDING;
}

void flows_model_lose(struct flows_model *m, unsigned worker) {
    memset(m->model_handles[worker], 0, sizeof m->model_handles[worker]);
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (m->model_flows[i].alive && m->model_flows[i].worker == worker)
            m->model_flows[i].bound = false;
    }
}

void flows_model_compare(const struct flows_model *m) {
    uint64_t pending = 0;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        const struct model_flow *mf = &m->model_flows[i];
        if (!mf->alive)
            continue;
        uint32_t flow = flows_by_id(&m->flows, mf->id);
        assert_int_not_equal(flow, NO_FLOW);
        const struct flow_entry *entry = &m->flows.table.entries[flow];
        assert_int_equal(entry->last, mf->last);
        assert_int_equal(entry->state, mf->state);
        assert_int_equal(flows_has_worker(&m->flows, entry), mf->bound);
        if (mf->bound)
            assert_true(entry->handle == mf->handle && entry->worker == mf->worker);
    }
    assert_int_equal(flow_table_live(&m->flows.table), flows_model_alive(m));
    for (unsigned reason = 0; reason < FB_END_COUNT; reason++)
        assert_int_equal(m->flows.ended[reason], m->ended[reason]);
    for (unsigned k = 0; k < WORKERS; k++) {
        assert_int_equal(m->handles[k].pending, flows_model_uses(m, k, HANDLE_PENDING));
        assert_int_equal(m->handles[k].bound, flows_model_uses(m, k, HANDLE_BOUND));
        pending += m->handles[k].pending;
    }
    assert_int_equal(m->flows.ends_pending, pending);
    assert_int_equal(m->flows.created, m->created);
}
