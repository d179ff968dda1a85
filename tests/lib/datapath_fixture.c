/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/datapath_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/event.h"
#include "tests/lib/packet.h"

#define MOST_TRAILER 6u

#define TIME_BASE (UINT64_C(1700000000) * SECOND)

void datapath_fixture_init(struct datapath_fixture *f) {
    fleet_fixture_init(&f->base);
}

/* The handles of the flows are the fleet's, which goes last. */
void datapath_fixture_fini(struct datapath_fixture *f) {
    if (f->made)
        flows_fini(&f->flows);
    f->made = false;
    fleet_fixture_fini(&f->base);
}

int datapath_fixture_set_up(void **state) {
    struct datapath_fixture *f = new_state(state, sizeof *f);
    datapath_fixture_init(f);
    return 0;
}

int datapath_fixture_tear_down(void **state) {
    struct datapath_fixture *f = *state;
    datapath_fixture_fini(f);
    free(f);
    return 0;
}

/* What was sent and heard of the data path before. */
static void forget(struct datapath_fixture *f) {
    memset(f->sent, 0, (f->sent_count + 1) * sizeof *f->sent);
    f->sent_count = f->frame_count = 0;
    f->packet_ns = TIME_BASE;
    memset(f->known, 0, sizeof f->known);
    memset(&f->heard, 0, sizeof f->heard);
}

void make_datapath(struct datapath_fixture *f, unsigned workers, uint32_t depth, bool block,
                   uint32_t max_flows, const char *timeouts) {
    struct flow_timeouts parsed;
    char error[200];
    assert_true(workers <= MOST_WORKERS);
    datapath_fixture_fini(f);
    f->base.max_flows = max_flows;
    make_fleet(&f->base, workers, depth, "backlog", NEVER);
    f->base.fleet.lossless = block;
    flow_timeouts_init(&parsed);
    if (timeouts != NULL)
        assert_int_equal(flow_timeouts_parse(&parsed, timeouts, error, sizeof error), 0);
    assert_int_equal(
        flows_init(&f->flows,
                   &(struct flows_config){.max_flows = max_flows,
                                          .timeouts = &parsed,
                                          .ticks_per_second = PACKET_CLOCK_TICKS_PER_SECOND,
                                          .hugepages = FB_HUGEPAGES_AUTO,
                                          .digests = f->ids_in_keys,
                                          .handles = f->base.fleet.handles}),
        0);
    f->made = true;
    datapath_init(&f->datapath,
                  &(struct datapath_config){
                      .fleet = &f->base.fleet,
                      .flows = &f->flows,
                      .decoding = &(struct decode_options){.ports = &decode_usual_ports,
                                                           .key_vlan = f->ids_in_keys,
                                                           .key_tunnel = f->ids_in_keys},
                      .block = block,
                      .now_ns = f->base.now_ns,
                      .longest_timeout_ns = (uint64_t)flow_timeouts_longest_s(&parsed) * SECOND,
                  });
    forget(f);
}

void start_workers(struct datapath_fixture *f) {
    for (unsigned k = 0; k < f->base.fleet.count; k++)
        worker_starts(&f->base, k);
}

/* The bytes of a frame follow from its number, so that any mix-up shows. */
static uint8_t byte_of(uint32_t number, uint32_t at) {
    return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

/* ---- frames */

bool tuple_is_tcp(unsigned tuple) {
    return tuple >= 256;
}

static uint32_t header_bytes(unsigned tuple) {
    return tuple_is_tcp(tuple) ? 54 : 42;
}

/* Bytes of a frame behind its IP packet, as a trailer of Ethernet: some, where it has payload. */
static uint32_t trailer_bytes(const struct sent *s) {
    return s->wirelen - header_bytes(s->tuple) > MOST_TRAILER ? s->tuple % (MOST_TRAILER + 1) : 0;
}

static void add_headers(struct packet *p, const struct sent *s) {
    bool tcp = tuple_is_tcp(s->tuple);
    unsigned port = 10000u + s->tuple, host = s->reverse ? 2 : 1;
    uint32_t total = s->wirelen - 14 - trailer_bytes(s), udp = total - 20;
    ADD(p, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0);
    ADD(p, 0x45, 0, HIGH(total), LOW(total), 0, 0, 0, 0, 64, tcp ? 6 : 17, 0, 0);
    ADD(p, 10, 0, 0, (uint8_t)host, 10, 0, 0, (uint8_t)(3 - host));
    add16(p, s->reverse ? 53 : port);
    add16(p, s->reverse ? port : 53);
    if (tcp)
        ADD(p, 0, 0, 0, 0, 0, 0, 0, 0, 5 << 4, s->tcp_flags, 0, 0, 0, 0, 0, 0);
    else
        ADD(p, HIGH(udp), LOW(udp), 0, 0);
}

void add_frame(struct datapath_fixture *f, unsigned tuple, bool reverse, unsigned tcp_flags,
               uint32_t payload, uint32_t cut) {
    assert_true(f->frame_count < BURST_MAX && f->sent_count < MOST_FRAMES && tuple < MOST_TUPLES);
    uint8_t *bytes = f->frame_bytes[f->frame_count];
    uint32_t headers = header_bytes(tuple), length = headers + payload, number = ++f->sent_count;
    struct packet p = {.n = 0};
    f->sent[number] = (struct sent){.time_ns = f->packet_ns,
                                    .caplen = length - cut,
                                    .wirelen = length,
                                    .tuple = (uint16_t)tuple,
                                    .reverse = reverse,
                                    .tcp_flags = (uint8_t)tcp_flags};
    add_headers(&p, &f->sent[number]);
    memcpy(bytes, p.bytes, headers);
    for (uint32_t i = headers; i < length - cut; i++)
        bytes[i] = byte_of(number, i);
    f->frames[f->frame_count++] = (struct frame){.data = bytes,
                                                 .time_ns = f->packet_ns,
                                                 .caplen = length - cut,
                                                 .wirelen = length,
                                                 .dlt = DLT_ETHERNET,
                                                 .new_source = number == 1};
}

void add_udp_frame(struct datapath_fixture *f, unsigned tuple) {
    add_frame(f, tuple, false, 0, 20, 0);
}

void ledger_balances(struct datapath_fixture *f) {
    const struct capture_stats capture = {.received = f->sent_count};
    ledger_gather(&f->snapshot, &f->datapath, &capture);
    uint64_t ended = 0;
    const uint64_t *run = f->snapshot.run;
    uint64_t accounted = run[FB_RUN_BYPASSED] + run[FB_RUN_HELD] + run[FB_RUN_PENDING];
    for (unsigned k = 0; k < f->base.fleet.count; k++)
        accounted += f->snapshot.lane[k][FB_LANE_ENTERED] - f->snapshot.lane[k][FB_LANE_REMOVED];
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        accounted += f->snapshot.dropped[i];
    assert_int_equal(run[FB_RUN_RECEIVED], accounted);
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        ended += f->snapshot.ended[i];
    assert_int_equal(run[FB_RUN_FLOWS_CREATED], ended + run[FB_RUN_FLOWS_ACTIVE]);
    lanes_balance(&f->base);
}

void give_burst(struct datapath_fixture *f) {
    datapath_give(&f->datapath, f->frames, f->frame_count);
    f->frame_count = 0;
    ledger_balances(f);
}

enum egress_result run_burst(struct datapath_fixture *f) {
    enum egress_result stop = datapath_run(&f->datapath);
    ledger_balances(f);
    return stop;
}

void send_burst(struct datapath_fixture *f) {
    give_burst(f);
    assert_int_equal(run_burst(f), EGRESS_DONE);
}

/* ---- the workers' side */

const struct fb_flow *record_of(struct datapath_fixture *f, unsigned k,
                                const struct fb_desc *desc) {
    const struct fb_flow *record = fb_rx_flow(&f->base.hands[k].rx, desc);
    assert_non_null(record);
    assert_int_equal(record->id, desc->flow_id);
    return record;
}

void expect_record_of(const struct fb_flow *record, unsigned tuple, bool first_reverse) {
    const uint8_t hosts[2][16] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    unsigned port = 10000u + tuple;
    assert_memory_equal(record->src, hosts[first_reverse], 16);
    assert_memory_equal(record->dst, hosts[!first_reverse], 16);
    assert_int_equal(record->src_port, first_reverse ? 53 : port);
    assert_int_equal(record->dst_port, first_reverse ? port : 53);
    assert_int_equal(record->proto, tuple_is_tcp(tuple) ? 6 : 17);
    assert_int_equal(record->layer, FB_LAYER_IP4);
    assert_int_equal(record->vlan[0] | record->vlan[1] | record->tunnel | record->tunnel_id, 0);
    assert_int_equal(record->interface, 0);
}

static void hear_end(struct datapath_fixture *f, unsigned k, const struct fb_desc *desc) {
    struct known *flow = &f->known[k][desc->handle];
    assert_true(flow->begun);
    assert_int_equal(desc->generation, flow->generation);
    assert_int_equal(desc->flow_id, flow->flow_id);
    assert_int_equal(desc->flags, FB_F_END);
    const struct fb_flow *record = record_of(f, k, desc);
    expect_record_of(record, flow->tuple, flow->first_reverse != 0);
    assert_int_equal(record->first_ns, flow->first_ns);
    flow->begun = false;
    f->heard.ends[fb_desc_reason(desc)]++;
}

void expect_bytes_sent(const struct datapath_fixture *f, const struct fb_desc *desc,
                       const uint8_t *bytes) {
    const struct sent *s = &f->sent[desc->frame];
    struct packet headers = {.n = 0};
    add_headers(&headers, s);
    assert_memory_equal(bytes, headers.bytes, headers.n < s->caplen ? headers.n : s->caplen);
    for (uint32_t i = headers.n; i < s->caplen; i++)
        assert_int_equal(bytes[i], byte_of((uint32_t)desc->frame, i));
    /* The length that a worker gets: as the descriptor has it, and by the headers. */
    assert_int_equal(event_payload_len(desc, bytes), event_find_payload_len(desc, bytes));
}

static void hear_packet(struct datapath_fixture *f, unsigned k, const struct fb_desc *desc,
                        const uint8_t *bytes) {
    assert_in_range(desc->frame, f->heard.last_frame[k] + 1, f->sent_count);
    f->heard.last_frame[k] = desc->frame;
    struct sent *s = &f->sent[desc->frame];
    assert_int_equal(s->delivered++, 0);
    assert_int_equal(desc->time_ns, s->time_ns);
    assert_int_equal(desc->caplen, s->caplen);
    assert_int_equal(desc->wirelen, s->wirelen);
    assert_int_equal(desc->proto, tuple_is_tcp(s->tuple) ? 6 : 17);
    assert_int_equal(desc->l3_off, 14);
    assert_int_equal((desc->flags & FB_F_TRUNCATED) != 0, s->caplen < s->wirelen);
    assert_int_equal((desc->flags & FB_F_GAP) != 0, desc->gap != 0);
    expect_bytes_sent(f, desc, bytes);

    struct known *flow = &f->known[k][desc->handle];
    if ((desc->flags & FB_F_START) != 0) {
        assert_false(flow->begun);
        *flow = (struct known){.begun = true,
                               .generation = desc->generation,
                               .tuple = s->tuple,
                               .first_reverse = s->reverse ^ (uint8_t)fb_desc_dir(desc),
                               .flow_id = desc->flow_id,
                               .first_ns = s->time_ns};
        f->heard.starts++;
    }
    assert_true(flow->begun);
    assert_int_equal(desc->generation, flow->generation);
    assert_int_equal(desc->flow_id, flow->flow_id);
    assert_int_equal(s->tuple, flow->tuple);
    assert_int_equal(fb_desc_dir(desc), s->reverse ^ flow->first_reverse);
    assert_int_equal(desc->flow_seq, flow->next_seq + desc->gap);
    const struct fb_flow *record = record_of(f, k, desc);
    expect_record_of(record, flow->tuple, flow->first_reverse != 0);
    assert_int_equal(record->first_ns, flow->first_ns);
    flow->next_seq = desc->flow_seq + 1;
    f->heard.packets++;
    f->heard.gap_packets += desc->gap;
}

uint32_t consume(struct datapath_fixture *f, unsigned k, uint32_t n) {
    struct fb_rx *rx = &f->base.hands[k].rx;
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
                hear_end(f, k, desc);
            else
                hear_packet(f, k, desc, fb_rx_bytes(rx, desc));
        }
        fb_rx_release(rx, there);
        taken += there;
    }
    return taken;
}

void consume_all(struct datapath_fixture *f) {
    for (unsigned k = 0; k < f->base.fleet.count; k++)
        if (f->base.hands[k].holds)
            consume(f, k, UINT32_MAX);
}

uint64_t dropped_in_all(const struct datapath_fixture *f) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        sum += f->datapath.egress.dropped[i];
    return sum;
}

bool end_flows(struct datapath_fixture *f, uint32_t *from) {
    if (!flows_end_all(&f->flows, from, 100) && f->flows.ends_pending == 0)
        return false;
    datapath_flush(&f->datapath);
    ledger_balances(f);
    return true;
}

void refresh_lanes(struct datapath_fixture *f) {
    for (unsigned k = 0; k < f->base.fleet.count; k++)
        fleet_refresh(&f->base.fleet, k, f->base.now_ns);
    ledger_balances(f);
}

uint64_t delivered_in_all(const struct datapath_fixture *f) {
    uint64_t sum = 0;
    for (uint32_t n = 1; n <= f->sent_count; n++)
        sum += f->sent[n].delivered;
    return sum;
}

void finish_run(struct datapath_fixture *f) {
    uint32_t from = 0;
    while (end_flows(f, &from))
        consume_all(f);
    consume_all(f);
    refresh_lanes(f);
    uint64_t ends = 0, inspected = 0;
    for (unsigned i = 0; i < FB_END_COUNT; i++) {
        ends += f->heard.ends[i];
        assert_true(i == FB_END_WORKER_LOST || f->heard.ends[i] == f->flows.ended[i]);
    }
    for (unsigned k = 0; k < f->base.fleet.count; k++) {
        assert_int_equal(lane_waiting(lane_of(&f->base, k)), 0);
        inspected += lane_of(&f->base, k)->counters[FB_LANE_INSPECTED];
        for (uint32_t handle = 0; handle < MOST_HANDLES; handle++)
            assert_false(f->known[k][handle].begun);
    }
    assert_int_equal(f->flows.table.used, 0);
    assert_int_equal(ends, f->heard.starts);
    assert_int_equal(inspected, f->heard.packets);
    assert_int_equal(delivered_in_all(f), f->heard.packets);
    assert_int_equal(f->heard.packets + dropped_in_all(f), f->sent_count);
}
