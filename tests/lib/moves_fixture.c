/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/moves_fixture.h"

#include <stdlib.h>
#include <string.h>

int moves_fixture_set_up(void **state) {
    struct moves_fixture *m = new_state(state, sizeof *m);
    datapath_fixture_init(&m->path);
    return 0;
}

int moves_fixture_tear_down(void **state) {
    struct moves_fixture *m = *state;
    datapath_fixture_fini(&m->path);
    free(m);
    return 0;
}

void make_moves(struct moves_fixture *m, unsigned workers, uint32_t depth, bool block,
                uint32_t max_flows, const char *timeouts) {
    make_datapath(&m->path, workers, depth, block, max_flows, timeouts);
    m->path.base.fleet.timing.failover_ns = SECOND;
    memset(m->journeys, 0, sizeof m->journeys);
    memset(m->numbers, 0, sizeof m->numbers);
    memset(&m->told, 0, sizeof m->told);
}

static struct journey *journey_of(struct moves_fixture *m, uint64_t id) {
    uint64_t at = id * UINT64_C(0x9e3779b97f4a7c15) >> 48;
    while (m->journeys[at % FLOW_SLOTS].id_plus_1 != 0 &&
           m->journeys[at % FLOW_SLOTS].id_plus_1 != id + 1)
        at++;
    m->journeys[at % FLOW_SLOTS].id_plus_1 = id + 1;
    return &m->journeys[at % FLOW_SLOTS];
}

/* ---- the dispatcher's side */

void observe(struct moves_fixture *m) {
    for (unsigned k = 0; k < m->path.base.fleet.count; k++) {
        struct number *n = &m->numbers[k];
        if (lane_of(&m->path.base, k)->counters[FB_LANE_QUARANTINED] != n->quarantined) {
            assert_int_equal(lane_of(&m->path.base, k)->counters[FB_LANE_QUARANTINED],
                             ++n->quarantined);
            struct journey *flow = journey_of(m, n->suspect.flow_id);
            flow->next_seq = n->suspect.flow_seq + 1;
            flow->started = true;
            flow->worker = (uint8_t)k;
            flow->losses = n->losses;
        }
        bool moving = state_of(&m->path.base, k) == FB_STATE_MOVING;
        n->losses += moving && !n->moving;
        n->moving = moving;
    }
    datapath_apply_losses(&m->path.datapath);
    ledger_balances(&m->path);
}

void look(struct moves_fixture *m) {
    datapath_set_time(&m->path.datapath, m->path.base.now_ns);
    poll_fleet(&m->path.base);
    observe(m);
}

void pass_revocation(struct moves_fixture *m) {
    look(m);
    m->path.base.now_ns += REVOKE_WAIT_NS;
    look(m);
}

void wait_for_failover(struct moves_fixture *m) {
    look(m);
    m->path.base.now_ns += SECOND;
    look(m);
    pass_revocation(m);
}

enum egress_result move_some(struct moves_fixture *m) {
    enum egress_result stop = move_burst(&m->path.datapath);
    observe(m);
    return stop;
}

enum egress_result move_all(struct moves_fixture *m) {
    enum egress_result stop = EGRESS_DONE;
    while (m->path.base.fleet.lost_count != 0 && stop == EGRESS_DONE)
        stop = move_some(m);
    return stop;
}

/* ---- the workers' side */

void worker_comes(struct moves_fixture *m, unsigned k) {
    memset(m->numbers[k].held, 0, sizeof m->numbers[k].held);
    worker_claims(&m->path.base, k);
    fb_up_set_worker_status(m->path.base.hands[k].claim.up, FB_STATUS_READY);
    look(m);
    look(m);
    assert_int_equal(state_of(&m->path.base, k), FB_STATE_READY);
}

void workers_come(struct moves_fixture *m) {
    for (unsigned k = 0; k < m->path.base.fleet.count; k++)
        worker_comes(m, k);
}

/* Its record is the same at every worker; but when it began is forgotten if its worker was lost,
 * and others have its handle there, before it is bound again. */
static void has_its_record(struct moves_fixture *m, unsigned k, const struct fb_desc *desc,
                           struct journey *flow) {
    const struct fb_flow *record = record_of(&m->path, k, desc);
    if (flow->known)
        expect_record_of(record, flow->tuple, flow->first_reverse != 0);
    if (!flow->started && m->path.datapath.egress.block)
        assert_int_equal(record->first_ns, desc->time_ns);
    else if (!flow->started)
        assert_in_range(record->first_ns, 1, desc->time_ns);
    else if (flow->first_ns != 0 &&
             (record->first_ns != 0 || m->numbers[flow->worker].losses == flow->losses))
        assert_int_equal(record->first_ns, flow->first_ns);
    flow->first_ns = record->first_ns;
}

static void have_end(struct moves_fixture *m, unsigned k, const struct fb_desc *desc) {
    struct held *held = &m->numbers[k].held[desc->handle];
    struct journey *flow = journey_of(m, desc->flow_id);
    assert_false(flow->ended);
    flow->ended = true;
    has_its_record(m, k, desc, flow);
    m->told.ends++;
    m->told.unknown_ends += !held->begun;
    if (!held->begun)
        return;
    assert_int_equal(desc->flow_id, held->flow_id);
    assert_int_equal(desc->generation, held->generation);
    held->begun = false;
}

static void is_of_its_flow(struct moves_fixture *m, const struct fb_desc *desc,
                           struct journey *flow) {
    const struct sent *s = &m->path.sent[desc->frame];
    bool start = (desc->flags & FB_F_START) != 0;
    assert_false(flow->ended);
    assert_int_equal(start, !flow->started);
    if (start) {
        flow->known = true;
        flow->tuple = s->tuple;
        flow->first_reverse = s->reverse ^ (uint8_t)fb_desc_dir(desc);
    } else if (flow->known) {
        assert_int_equal(fb_desc_dir(desc), s->reverse ^ flow->first_reverse);
        assert_int_equal(s->tuple, flow->tuple);
    }
    assert_int_equal(desc->flow_seq, flow->next_seq + desc->gap);
    assert_int_equal((desc->flags & FB_F_GAP) != 0, desc->gap != 0);
}

static void have_packet(struct moves_fixture *m, unsigned k, const struct fb_desc *desc,
                        const uint8_t *bytes) {
    struct sent *s = &m->path.sent[desc->frame];
    struct held *held = &m->numbers[k].held[desc->handle];
    struct journey *flow = journey_of(m, desc->flow_id);
    assert_in_range(desc->frame, 1, m->path.sent_count);
    assert_int_equal(s->delivered++, 0);
    assert_int_equal(desc->time_ns, s->time_ns);
    assert_int_equal(desc->caplen, s->caplen);
    assert_int_equal(desc->wirelen, s->wirelen);
    expect_bytes_sent(&m->path, desc, bytes);
    is_of_its_flow(m, desc, flow);
    if (flow->started && flow->worker != k) {
        /* It left its worker only because that was lost. */
        assert_true(m->numbers[flow->worker].losses > flow->losses);
        m->told.moves++;
    }
    has_its_record(m, k, desc, flow);
    if (held->begun) {
        assert_int_equal(desc->flow_id, held->flow_id);
        assert_int_equal(desc->generation, held->generation);
    }
    *held = (struct held){true, desc->generation, desc->flow_id};
    m->told.starts += !flow->started;
    m->told.redelivered += (desc->flags & FB_F_REDELIVERED) != 0;
    flow->started = true;
    flow->worker = (uint8_t)k;
    flow->losses = m->numbers[k].losses;
    flow->next_seq = desc->flow_seq + 1;
    m->told.packets++;
    m->told.gaps += desc->gap;
}

void worker_has(struct moves_fixture *m, unsigned k, uint32_t i) {
    const struct fb_rx *rx = &m->path.base.hands[k].rx;
    const struct fb_desc *desc = fb_rx_desc(rx, i);
    assert_true(fb_rx_begin(rx, i, &(struct fb_desc){0}));
    if ((desc->flags & FB_F_SKIP) != 0)
        return;
    assert_true(desc->handle < HANDLE_SLOTS);
    if ((desc->flags & FB_F_END) != 0)
        have_end(m, k, desc);
    else
        have_packet(m, k, desc, fb_rx_bytes(rx, desc));
}

uint32_t worker_works(struct moves_fixture *m, unsigned k, uint32_t n) {
    uint32_t done = 0, there;
    while (done < n && (there = fb_rx_peek(&m->path.base.hands[k].rx)) != 0) {
        there = there < n - done ? there : n - done;
        for (uint32_t i = 0; i < there; i++)
            worker_has(m, k, i);
        fb_rx_release(&m->path.base.hands[k].rx, there);
        done += there;
    }
    return done;
}

void workers_work(struct moves_fixture *m) {
    for (unsigned k = 0; k < m->path.base.fleet.count; k++)
        if (m->path.base.hands[k].holds)
            worker_works(m, k, UINT32_MAX);
}

void worker_dies_at(struct moves_fixture *m, unsigned k, uint32_t n) {
    struct fb_rx *rx = &m->path.base.hands[k].rx;
    uint32_t there = fb_rx_peek(rx);
    for (uint32_t i = 0; i < there && i < n; i++)
        worker_has(m, k, i);
    if (n < there) {
        assert_true(fb_rx_begin(rx, n, &(struct fb_desc){0}));
        m->numbers[k].suspect = *fb_rx_desc(rx, n);
    } else {
        fb_rx_release(rx, there);
    }
    worker_dies(&m->path.base, k);
}

/* ---- the end */

void finish_moves(struct moves_fixture *m) {
    uint32_t from = 0;
    while (end_flows(&m->path, &from)) {
        workers_work(m);
        observe(m);
    }
    workers_work(m);
    datapath_flush(&m->path.datapath);
    ledger_balances(&m->path);
    uint64_t inspected = 0, quarantined = 0;
    for (unsigned k = 0; k < m->path.base.fleet.count; k++) {
        const struct lane *lane = lane_of(&m->path.base, k);
        assert_int_equal(lane_waiting(lane), 0);
        assert_int_equal(lane->handles.bound, 0);
        assert_int_equal(lane->handles.pending, 0);
        assert_true(lane->handles.fresh <= lane->handles.capacity);
        inspected += lane->counters[FB_LANE_INSPECTED];
        quarantined += lane->counters[FB_LANE_QUARANTINED];
    }
    assert_int_equal(delivered_in_all(&m->path), m->told.packets);
    assert_int_equal(inspected, m->told.packets);
    assert_int_equal(flow_table_live(&m->path.flows.table), 0);
    assert_int_equal(m->told.packets + quarantined + dropped_in_all(&m->path) +
                         m->path.datapath.bypassed + m->path.base.fleet.bypassed,
                     m->path.sent_count);
}
