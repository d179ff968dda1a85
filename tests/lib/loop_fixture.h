/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LOOP_FIXTURE_H
#define TESTS_LIB_LOOP_FIXTURE_H

/*
 * The data path in one process: frames made here go through the loop into real
 * rings; loop_listener.h has the workers' side.
 */

#include "tests/lib/fleet_globals.h"

#include <stdlib.h>

#include "dispatcher/datapath/datapath.h"
#include "dispatcher/run/ledger.h"
#include "tests/lib/random.h"

#define DLT_ETHERNET 1
#define MOST_FRAMES 131072u
#define MOST_TUPLES 512u
#define FRAME_ROOM 1600u
#define TIME_BASE (UINT64_C(1700000000) * SECOND)

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u

/* What was sent under a frame number, and how often it came out. */
struct sent {
    uint64_t time_ns;
    uint32_t caplen, wirelen;
    uint16_t tuple;
    uint8_t reverse, tcp_flags, delivered;
};

static struct datapath datapath;
static struct flows flows;
static struct sent sent[MOST_FRAMES + 1];
static uint32_t sent_count;
static uint8_t frame_bytes[BURST_MAX][FRAME_ROOM];
static struct frame frames[BURST_MAX];
static unsigned frame_count; /* of the burst in the making */
static uint64_t packet_ns;   /* time stamp of the next frame */

static inline void no_loop(void) {
    if (flows.region.base != NULL)
        flows_fini(&flows);
    no_fleet();
}

static inline int free_loop(void **state) {
    (void)state;
    no_loop();
    return 0;
}

static inline void make_loop(unsigned workers, uint32_t depth, bool block, uint32_t max_flows,
                             const char *timeout_text) {
    struct flow_timeouts timeouts;
    char error[200];
    no_loop();
    max_flows_of_fleet = max_flows;
    make_fleet(workers, depth, "backlog", NEVER);
    fleet.lossless = block;
    flow_timeouts_init(&timeouts);
    if (timeout_text != NULL)
        assert_int_equal(flow_timeouts_parse(&timeouts, timeout_text, error, sizeof error), 0);
    assert_int_equal(
        flows_init(&flows, &(struct flows_config){.max_flows = max_flows,
                                                  .timeouts = &timeouts,
                                                  .ticks_per_second = PACKET_CLOCK_TICKS_PER_SECOND,
                                                  .hugepages = FB_HUGEPAGES_AUTO,
                                                  .handles = fleet.handles}),
        0);
    datapath_init(&datapath,
                  &(struct datapath_config){
                      .fleet = &fleet,
                      .flows = &flows,
                      .decoding = &(struct decode_options){.outer = false},
                      .block = block,
                      .now_ns = now_ns,
                      .longest_timeout_ns = (uint64_t)flow_timeouts_longest_s(&timeouts) * SECOND,
                  });
    memset(sent, 0, (sent_count + 1) * sizeof *sent);
    sent_count = frame_count = 0;
    packet_ns = TIME_BASE;
}

static inline void start_all(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        start(k);
}

/* The bytes of a frame follow from its number, so that any mix-up shows. */
static inline uint8_t byte_of(uint32_t number, uint32_t at) {
    return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

/* Tuples below 256 are UDP, the others TCP. */
static inline bool tuple_is_tcp(unsigned tuple) {
    return tuple >= 256;
}

static inline void write_headers(uint8_t *f, unsigned tuple, bool reverse, unsigned tcp_flags,
                                 uint32_t payload) {
    bool tcp = tuple_is_tcp(tuple);
    uint32_t total = 20 + (tcp ? 20u : 8u) + payload;
    const uint8_t ethernet_ip[34] = {2,
                                     0,
                                     0,
                                     0,
                                     0,
                                     1,
                                     2,
                                     0,
                                     0,
                                     0,
                                     0,
                                     2,
                                     8,
                                     0,
                                     0x45,
                                     0,
                                     (uint8_t)(total >> 8),
                                     (uint8_t)total,
                                     0,
                                     0,
                                     0,
                                     0,
                                     64,
                                     tcp ? 6 : 17,
                                     0,
                                     0,
                                     10,
                                     0,
                                     0,
                                     reverse ? 2 : 1,
                                     10,
                                     0,
                                     0,
                                     reverse ? 1 : 2};
    uint16_t ports[2] = {(uint16_t)(10000 + tuple), 53};
    memcpy(f, ethernet_ip, 34);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = ports[reverse ? 1 - i : i];
        f[34 + 2 * i] = (uint8_t)(port >> 8);
        f[35 + 2 * i] = (uint8_t)port;
    }
    memset(f + 38, 0, tcp ? 16 : 4);
    if (tcp) {
        f[46] = 5 << 4;
        f[47] = (uint8_t)tcp_flags;
    } else {
        f[38] = (uint8_t)((8 + payload) >> 8);
        f[39] = (uint8_t)(8 + payload);
    }
}

static inline uint32_t header_bytes(unsigned tuple) {
    return tuple_is_tcp(tuple) ? 54 : 42;
}

/* Adds a frame to the burst in the making. Payload bytes, of which the last `cut` are not captured.
 */
static inline void add_frame(unsigned tuple, bool reverse, unsigned tcp_flags, uint32_t payload,
                             uint32_t cut) {
    assert_true(frame_count < BURST_MAX && sent_count < MOST_FRAMES && tuple < MOST_TUPLES);
    uint8_t *f = frame_bytes[frame_count];
    uint32_t headers = header_bytes(tuple), length = headers + payload, number = ++sent_count;
    write_headers(f, tuple, reverse, tcp_flags, payload);
    for (uint32_t i = headers; i < length - cut; i++)
        f[i] = byte_of(number, i);
    frames[frame_count++] = (struct frame){.data = f,
                                           .time_ns = packet_ns,
                                           .caplen = length - cut,
                                           .wirelen = length,
                                           .dlt = DLT_ETHERNET,
                                           .new_source = number == 1};
    sent[number] = (struct sent){.time_ns = packet_ns,
                                 .caplen = length - cut,
                                 .wirelen = length,
                                 .tuple = (uint16_t)tuple,
                                 .reverse = reverse,
                                 .tcp_flags = (uint8_t)tcp_flags};
}

static inline void add_udp(unsigned tuple) {
    add_frame(tuple, false, 0, 20, 0);
}

/* Both sides of the ledger, from what was gathered. */
static inline void ledger_balances(void) {
    static struct fb_snapshot snapshot;
    const struct capture_stats capture = {.received = sent_count};
    ledger_gather(&snapshot, &datapath, &capture);
    uint64_t ended = 0;
    const uint64_t *run = snapshot.run;
    uint64_t accounted = run[FB_RUN_BYPASSED] + run[FB_RUN_HELD] + run[FB_RUN_PENDING];
    for (unsigned k = 0; k < fleet.count; k++)
        accounted += snapshot.lane[k][FB_LANE_ENTERED] - snapshot.lane[k][FB_LANE_REMOVED];
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        accounted += snapshot.dropped[i];
    assert_int_equal(run[FB_RUN_RECEIVED], accounted);
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        ended += snapshot.ended[i];
    assert_int_equal(run[FB_RUN_FLOWS_CREATED], ended + run[FB_RUN_FLOWS_ACTIVE]);
    lanes_balance();
}

static inline void take_burst(void) {
    datapath_give(&datapath, frames, frame_count);
    frame_count = 0;
    ledger_balances();
}

static inline enum egress_result deliver(void) {
    enum egress_result stop = datapath_run(&datapath);
    ledger_balances();
    return stop;
}

/* Sends what was added; it must all find room. */
static inline void send_burst(void) {
    take_burst();
    assert_int_equal(deliver(), EGRESS_DONE);
}

#endif
