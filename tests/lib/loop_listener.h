/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LOOP_LISTENER_H
#define TESTS_LIB_LOOP_LISTENER_H

/*
 * The workers' side of the data path: every descriptor is checked against what
 * was sent and against what its worker knows of the flow.
 */

#include "tests/lib/loop_fixture.h"

#define MOST_HANDLES 1280u
#define MOST_WORKERS 20u

/* A flow as its worker knows it, by handle. */
struct known {
    bool begun;
    uint16_t generation, tuple;
    uint8_t first_reverse;
    uint64_t flow_id;
    uint32_t next_seq;
};

/* What the descriptors told, over all workers. */
struct heard {
    uint64_t packets, starts, gap_packets;
    uint64_t ends[FB_END_COUNT];
    uint64_t last_frame[FB_MAX_WORKERS];
};

static struct known known[MOST_WORKERS][MOST_HANDLES];
static struct heard heard;

/* Makes a loop, and forgets what was heard of the one before. */
static inline void make_heard_loop(unsigned workers, uint32_t depth, bool block, uint32_t max_flows,
                                   const char *timeout_text) {
    assert_true(workers <= MOST_WORKERS);
    make_loop(workers, depth, block, max_flows, timeout_text);
    memset(known, 0, sizeof known);
    memset(&heard, 0, sizeof heard);
}

static inline void hear_end(unsigned k, const struct fb_desc *desc) {
    struct known *flow = &known[k][desc->handle];
    assert_true(flow->begun);
    assert_int_equal(desc->generation, flow->generation);
    assert_int_equal(desc->flow_id, flow->flow_id);
    assert_int_equal(desc->flags, FB_F_END);
    flow->begun = false;
    heard.ends[fb_desc_reason(desc)]++;
}

static inline void bytes_are_those_sent(const struct fb_desc *desc, const uint8_t *bytes) {
    const struct sent *s = &sent[desc->frame];
    uint8_t headers[54];
    uint32_t n = header_bytes(s->tuple);
    write_headers(headers, s->tuple, s->reverse, s->tcp_flags, s->wirelen - n);
    assert_memory_equal(bytes, headers, n < s->caplen ? n : s->caplen);
    for (uint32_t i = n; i < s->caplen; i++)
        assert_int_equal(bytes[i], byte_of((uint32_t)desc->frame, i));
}

static inline void hear_packet(unsigned k, const struct fb_desc *desc, const uint8_t *bytes) {
    assert_in_range(desc->frame, heard.last_frame[k] + 1, sent_count);
    heard.last_frame[k] = desc->frame;
    struct sent *s = &sent[desc->frame];
    assert_int_equal(s->delivered++, 0);
    assert_int_equal(desc->time_ns, s->time_ns);
    assert_int_equal(desc->caplen, s->caplen);
    assert_int_equal(desc->wirelen, s->wirelen);
    assert_int_equal(desc->proto, tuple_is_tcp(s->tuple) ? 6 : 17);
    assert_int_equal(desc->l3_off, 14);
    assert_int_equal((desc->flags & FB_F_TRUNCATED) != 0, s->caplen < s->wirelen);
    assert_int_equal((desc->flags & FB_F_GAP) != 0, desc->gap != 0);
    bytes_are_those_sent(desc, bytes);

    struct known *flow = &known[k][desc->handle];
    if ((desc->flags & FB_F_START) != 0) {
        assert_false(flow->begun);
        *flow = (struct known){.begun = true,
                               .generation = desc->generation,
                               .tuple = s->tuple,
                               .first_reverse = s->reverse ^ (uint8_t)fb_desc_dir(desc),
                               .flow_id = desc->flow_id};
        heard.starts++;
    }
    assert_true(flow->begun);
    assert_int_equal(desc->generation, flow->generation);
    assert_int_equal(desc->flow_id, flow->flow_id);
    assert_int_equal(s->tuple, flow->tuple);
    assert_int_equal(fb_desc_dir(desc), s->reverse ^ flow->first_reverse);
    assert_int_equal(desc->flow_seq, flow->next_seq + desc->gap);
    flow->next_seq = desc->flow_seq + 1;
    heard.packets++;
    heard.gap_packets += desc->gap;
}

/* Worker k takes up to n descriptors and checks each. Returns how many it took. */
static inline uint32_t consume(unsigned k, uint32_t n) {
    struct fb_rx *rx = &hands[k].rx;
    uint32_t taken = 0;
    while (taken < n) {
        uint32_t there = fb_rx_peek(rx);
        if (there == 0)
            break;
        there = there < n - taken ? there : n - taken;
        for (uint32_t i = 0; i < there; i++) {
            const struct fb_desc *desc = fb_rx_desc(rx, i);
            assert_true(desc->handle < MOST_HANDLES);
            if ((desc->flags & FB_F_END) != 0)
                hear_end(k, desc);
            else
                hear_packet(k, desc, fb_rx_bytes(rx, desc));
        }
        fb_rx_release(rx, there);
        taken += there;
    }
    return taken;
}

static inline void consume_all(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        if (hands[k].holds)
            consume(k, UINT32_MAX);
}

static inline uint64_t dropped_in_all(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        sum += datapath.egress.dropped[i];
    return sum;
}

/* Ends every flow, lets the workers read all, and balances the books to the last packet. */
static inline void finish_run(void) {
    uint32_t from = 0;
    while (flows_end_all(&flows, &from, 100) || flows.ends_pending != 0) {
        datapath_flush(&datapath);
        consume_all();
        ledger_balances();
    }
    consume_all();
    for (unsigned k = 0; k < fleet.count; k++)
        fleet_refresh(&fleet, k, now_ns);
    ledger_balances();
    uint64_t ends = 0, inspected = 0, delivered = 0;
    for (unsigned i = 0; i < FB_END_COUNT; i++) {
        ends += heard.ends[i];
        assert_true(i == FB_END_WORKER_LOST || heard.ends[i] == flows.ended[i]);
    }
    for (unsigned k = 0; k < fleet.count; k++) {
        assert_int_equal(lane_waiting(lane_of(k)), 0);
        inspected += lane_of(k)->counters[FB_LANE_INSPECTED];
        for (uint32_t handle = 0; handle < MOST_HANDLES; handle++)
            assert_false(known[k][handle].begun);
    }
    for (uint32_t n = 1; n <= sent_count; n++)
        delivered += sent[n].delivered;
    assert_int_equal(flows.table.used, 0);
    assert_int_equal(ends, heard.starts);
    assert_int_equal(inspected, heard.packets);
    assert_int_equal(delivered, heard.packets);
    assert_int_equal(heard.packets + dropped_in_all(), sent_count);
}

#endif
