/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_MOVE_LISTENER_H
#define TESTS_LIB_MOVE_LISTENER_H

/*
 * Workers that die, and whose flows move: every descriptor is checked against
 * what all workers together have had of its flow. Flows are known by their ids,
 * which stay; a handle is known to one process only.
 */

#include "tests/lib/loop_listener.h"

#include "dispatcher/datapath/move.h"

#define FLOW_SLOTS (1u << 16)
#define HANDLE_SLOTS 8192u

/* A flow, over all workers. */
struct journey {
    uint64_t id_plus_1; /* 0: free */
    uint32_t next_seq;  /* after the last packet that a worker had, or that was quarantined */
    uint32_t losses;    /* of its worker, at that packet */
    uint16_t tuple;
    uint8_t first_reverse, worker;
    bool started, known, ended; /* known: its tuple and direction */
};

/* A handle, as the present process of a number knows it. */
struct held {
    bool begun;
    uint16_t generation;
    uint64_t flow_id;
};

/* A number as the test sees it. */
struct number {
    struct held held[HANDLE_SLOTS];
    struct fb_desc suspect; /* under inspection when its last process died */
    uint64_t quarantined;   /* of the lane, as last seen */
    uint32_t losses;
    bool moving;
};

static struct journey journeys[FLOW_SLOTS];
static struct number numbers[MOST_WORKERS];
static struct { uint64_t packets, starts, gaps, ends, unknown_ends, moves, redelivered; } told;

static inline void make_moves_loop(unsigned workers, uint32_t depth, bool block, uint32_t max_flows,
                                   const char *timeouts) {
    assert_true(workers <= MOST_WORKERS);
    make_loop(workers, depth, block, max_flows, timeouts);
    fleet.timing.failover_ns = SECOND;
    memset(journeys, 0, sizeof journeys);
    memset(numbers, 0, sizeof numbers);
    memset(&told, 0, sizeof told);
}

static inline struct journey *journey_of(uint64_t id) {
    uint64_t at = id * UINT64_C(0x9e3779b97f4a7c15) >> 48;
    while (journeys[at % FLOW_SLOTS].id_plus_1 != 0 &&
           journeys[at % FLOW_SLOTS].id_plus_1 != id + 1)
        at++;
    journeys[at % FLOW_SLOTS].id_plus_1 = id + 1;
    return &journeys[at % FLOW_SLOTS];
}

/* ---- the dispatcher's side */

/* After anything that may lose a worker or quarantine a packet. */
static inline void observe(void) {
    for (unsigned k = 0; k < fleet.count; k++) {
        struct number *n = &numbers[k];
        if (lane_of(k)->counters[FB_LANE_QUARANTINED] != n->quarantined) {
            assert_int_equal(lane_of(k)->counters[FB_LANE_QUARANTINED], ++n->quarantined);
            struct journey *flow = journey_of(n->suspect.flow_id);
            flow->next_seq = n->suspect.flow_seq + 1;
            flow->started = true;
            flow->worker = (uint8_t)k;
            flow->losses = n->losses;
        }
        bool moving = state_of(k) == FB_STATE_MOVING;
        n->losses += moving && !n->moving;
        n->moving = moving;
    }
    datapath_apply_losses(&datapath);
    ledger_balances();
}

static inline void look(void) {
    datapath_set_time(&datapath, now_ns);
    poll_fleet();
    observe();
}

/* A number that was revoked has its time, and is judged. */
static inline void pass_revocation(void) {
    look();
    now_ns += REVOKE_WAIT_NS;
    look();
}

/* Nobody comes for a number that waits. */
static inline void wait_for_failover(void) {
    look();
    now_ns += SECOND;
    look();
    pass_revocation();
}

static inline enum egress_result move_some(void) {
    enum egress_result stop = move_burst(&datapath);
    observe();
    return stop;
}

/* Moves until no ring is lost any more, or until a packet has to wait. */
static inline enum egress_result move_all(void) {
    enum egress_result stop = EGRESS_DONE;
    while (fleet.lost_count != 0 && stop == EGRESS_DONE)
        stop = move_some();
    return stop;
}

/* ---- the workers' side */

/* A process comes; it knows nothing of what others had. */
static inline void come(unsigned k) {
    memset(numbers[k].held, 0, sizeof numbers[k].held);
    claim(k);
    fb_up_set_worker_status(hands[k].claim.up, FB_STATUS_READY);
    look();
    look();
    assert_int_equal(state_of(k), FB_STATE_READY);
}

static inline void come_all(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        come(k);
}

static inline void have_end(unsigned k, const struct fb_desc *desc) {
    struct held *held = &numbers[k].held[desc->handle];
    struct journey *flow = journey_of(desc->flow_id);
    assert_false(flow->ended);
    flow->ended = true;
    told.ends++;
    told.unknown_ends += !held->begun;
    if (!held->begun)
        return;
    assert_int_equal(desc->flow_id, held->flow_id);
    assert_int_equal(desc->generation, held->generation);
    held->begun = false;
}

static inline void is_of_its_flow(const struct fb_desc *desc, struct journey *flow) {
    const struct sent *s = &sent[desc->frame];
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

static inline void have_packet(unsigned k, const struct fb_desc *desc, const uint8_t *bytes) {
    struct sent *s = &sent[desc->frame];
    struct held *held = &numbers[k].held[desc->handle];
    struct journey *flow = journey_of(desc->flow_id);
    assert_in_range(desc->frame, 1, sent_count);
    assert_int_equal(s->delivered++, 0);
    assert_int_equal(desc->time_ns, s->time_ns);
    assert_int_equal(desc->caplen, s->caplen);
    assert_int_equal(desc->wirelen, s->wirelen);
    bytes_are_those_sent(desc, bytes);
    is_of_its_flow(desc, flow);
    if (flow->started && flow->worker != k) {
        /* It left its worker only because that was lost. */
        assert_true(numbers[flow->worker].losses > flow->losses);
        told.moves++;
    }
    if (held->begun) {
        assert_int_equal(desc->flow_id, held->flow_id);
        assert_int_equal(desc->generation, held->generation);
    }
    *held = (struct held){true, desc->generation, desc->flow_id};
    told.starts += !flow->started;
    told.redelivered += (desc->flags & FB_F_REDELIVERED) != 0;
    flow->started = true;
    flow->worker = (uint8_t)k;
    flow->losses = numbers[k].losses;
    flow->next_seq = desc->flow_seq + 1;
    told.packets++;
    told.gaps += desc->gap;
}

/* Worker k has descriptor i after the last that it gave back. */
static inline void have(unsigned k, uint32_t i) {
    const struct fb_rx *rx = &hands[k].rx;
    const struct fb_desc *desc = fb_rx_desc(rx, i);
    assert_true(fb_rx_begin(rx, i));
    if ((desc->flags & FB_F_SKIP) != 0)
        return;
    assert_true(desc->handle < HANDLE_SLOTS);
    if ((desc->flags & FB_F_END) != 0)
        have_end(k, desc);
    else
        have_packet(k, desc, fb_rx_bytes(rx, desc));
}

/* Worker k finishes up to n descriptors. Returns how many. */
static inline uint32_t work(unsigned k, uint32_t n) {
    uint32_t done = 0, there;
    while (done < n && (there = fb_rx_peek(&hands[k].rx)) != 0) {
        there = there < n - done ? there : n - done;
        for (uint32_t i = 0; i < there; i++)
            have(k, i);
        fb_rx_release(&hands[k].rx, there);
        done += there;
    }
    return done;
}

static inline void work_all(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        if (hands[k].holds)
            work(k, UINT32_MAX);
}

/* Worker k dies in the n-th descriptor of a burst, or with all done if there are not so many. */
static inline void die_at(unsigned k, uint32_t n) {
    struct fb_rx *rx = &hands[k].rx;
    uint32_t there = fb_rx_peek(rx);
    for (uint32_t i = 0; i < there && i < n; i++)
        have(k, i);
    if (n < there) {
        assert_true(fb_rx_begin(rx, n));
        numbers[k].suspect = *fb_rx_desc(rx, n);
    } else {
        fb_rx_release(rx, there);
    }
    die(k);
}

/* ---- the end */

/* Every flow ends, everything is read, all handles are back, and each frame is somewhere once. */
static inline void finish_moves(void) {
    uint32_t from = 0;
    while (flows_end_all(&flows, &from, 100) || flows.ends_pending != 0) {
        datapath_flush(&datapath);
        work_all();
        observe();
    }
    work_all();
    datapath_flush(&datapath);
    ledger_balances();
    uint64_t inspected = 0, quarantined = 0, delivered = 0;
    for (unsigned k = 0; k < fleet.count; k++) {
        const struct lane *lane = lane_of(k);
        assert_int_equal(lane_waiting(lane), 0);
        assert_int_equal(lane->handles.bound, 0);
        assert_int_equal(lane->handles.pending, 0);
        assert_true(lane->handles.fresh <= lane->handles.capacity);
        inspected += lane->counters[FB_LANE_INSPECTED];
        quarantined += lane->counters[FB_LANE_QUARANTINED];
    }
    for (uint32_t n = 1; n <= sent_count; n++)
        delivered += sent[n].delivered;
    assert_int_equal(delivered, told.packets);
    assert_int_equal(inspected, told.packets);
    assert_int_equal(flow_table_live(&flows.table), 0);
    assert_int_equal(told.packets + quarantined + dropped_in_all() + datapath.bypassed +
                         fleet.bypassed,
                     sent_count);
}

#endif
