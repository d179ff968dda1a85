/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LOOP_PACKETS_H
#define TESTS_LIB_LOOP_PACKETS_H

/*
 * Packets of any kind through the data path: sent as the dispatcher sends a
 * source's burst, and what the workers got of them.
 */

#include "tests/lib/ip_packets.h"
#include "tests/lib/loop_fixture.h"

#include "dispatcher/datapath/move.h"

#define MOST_GIVEN 4096u

struct got {
    uint64_t frame, flow;
    uint32_t seq, gap, handle;
    unsigned worker, dir, flags, generation;
    uint64_t losses; /* of workers, until then */
};

static struct packet given[MOST_GIVEN + 1]; /* by frame number */
static struct got got[MOST_GIVEN];          /* in the order of each worker */
static unsigned got_count, got_expected;
static struct fragments tracker;

static inline void no_packet_loop(void) {
    no_loop();
    if (tracker.region.base != NULL)
        fragments_fini(&tracker);
    tracker.region.base = NULL;
}

static inline int free_packet_loop(void **state) {
    (void)state;
    no_packet_loop();
    return 0;
}

/* Fragments wait up to 20 s, at most 64 at once; workers are still to be started. */
static inline void make_packet_loop(unsigned workers, uint32_t depth, bool block,
                                    const char *policy) {
    struct fragments_config config = fragments_default_config(PACKET_CLOCK_TICKS_PER_SECOND);
    config.max_datagrams = config.max_frames = 64;
    config.max_bytes = FB_FRAME_MAX;
    config.timeout_ticks = 20 * PACKET_CLOCK_TICKS_PER_SECOND;
    no_packet_loop();
    make_loop(workers, depth, block, 256, NULL);
    fleet.balance.policy = policy_find(policy);
    assert_int_equal(fragments_init(&tracker, &config, FB_HUGEPAGES_NEVER), 0);
    datapath.ingress.fragments = &tracker;
    got_count = got_expected = 0;
}

/* Adds a frame to the burst in the making. Returns its number. */
static inline uint32_t give_frame(struct packet p) {
    assert_true(frame_count < BURST_MAX && sent_count < MOST_GIVEN);
    uint32_t number = ++sent_count;
    given[number] = p;
    frames[frame_count++] = (struct frame){.data = given[number].bytes,
                                           .time_ns = packet_ns,
                                           .caplen = p.n,
                                           .wirelen = p.n,
                                           .dlt = DLT_ETHERNET,
                                           .new_source = number == 1};
    return number;
}

static inline uint32_t give_ip(struct packet p) {
    return give_frame(ethernet(p));
}

static inline const struct got *got_of(uint64_t frame) {
    for (unsigned i = 0; i < got_count; i++)
        if (got[i].frame == frame)
            return &got[i];
    return NULL;
}

/* The bytes are those sent; the flow's sequence goes on, under its handle unless it is bound anew.
 */
static inline void hear(unsigned k, const struct fb_desc *desc, const uint8_t *bytes) {
    assert_in_range(desc->frame, 1, sent_count);
    assert_null(got_of(desc->frame));
    assert_int_equal(desc->caplen, given[desc->frame].n);
    assert_memory_equal(bytes, given[desc->frame].bytes, desc->caplen);
    const struct got *last = NULL;
    for (unsigned i = got_count; i-- != 0 && last == NULL;)
        last = got[i].flow == desc->flow_id ? &got[i] : NULL;
    assert_int_equal(desc->flow_seq, (last == NULL ? 0 : last->seq + 1) + desc->gap);
    assert_int_equal((desc->flags & FB_F_START) != 0, last == NULL);
    if (last != NULL && last->worker == k && last->losses == fleet.failovers)
        assert_true(desc->handle == last->handle && desc->generation == last->generation);
    got[got_count++] = (struct got){.frame = desc->frame,
                                    .flow = desc->flow_id,
                                    .seq = desc->flow_seq,
                                    .gap = desc->gap,
                                    .handle = desc->handle,
                                    .worker = k,
                                    .dir = fb_desc_dir(desc),
                                    .flags = desc->flags,
                                    .generation = desc->generation,
                                    .losses = fleet.failovers};
}

/* Worker k reads up to n descriptors. */
static inline void listen(unsigned k, uint32_t n) {
    struct fb_rx *rx = &hands[k].rx;
    for (; n != 0 && fb_rx_peek(rx) != 0; n--) {
        const struct fb_desc *desc = fb_rx_desc(rx, 0);
        if ((desc->flags & FB_F_END) == 0)
            hear(k, desc, fb_rx_bytes(rx, desc));
        fb_rx_release(rx, 1);
    }
}

static inline void listen_all(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        if (hands[k].holds)
            listen(k, UINT32_MAX);
}

/* Delivers the burst that is taken; whose ring is full reads. */
static inline void deliver_on(void) {
    while (deliver() != EGRESS_DONE)
        listen(datapath.egress.stopped_worker, 1);
}

/* Sends what was given as the dispatcher does. The workers then have read it all. */
static inline void send_given(void) {
    take_burst();
    deliver_on();
    listen_all();
}

/* The frames that the workers got since the last look, by worker. */
static inline void expect_order(const char *order) {
    char text[1024] = "";
    size_t n = 0;
    for (; got_expected < got_count; got_expected++)
        n += (size_t)snprintf(text + n, sizeof text - n, n == 0 ? "%u" : " %u",
                              (unsigned)got[got_expected].frame);
    assert_string_equal(text, order);
}

static inline bool same_flow(uint32_t frame, uint32_t other) {
    const struct got *a = got_of(frame), *b = got_of(other);
    assert_true(a != NULL && b != NULL);
    return a->flow == b->flow && a->worker == b->worker;
}

static inline void pass_seconds(uint64_t seconds) {
    packet_ns += seconds * SECOND;
}

static inline uint64_t dropped_packets(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        sum += datapath.egress.dropped[i];
    return sum;
}

/* The end of the input: what is held comes out, every flow ends, each frame is in one place. */
static inline void finish_packets(void) {
    uint32_t from = 0;
    datapath_release_fragments(&datapath);
    ledger_balances();
    deliver_on();
    while (flows_end_all(&flows, &from, 100) || flows.ends_pending != 0) {
        datapath_flush(&datapath);
        listen_all();
        ledger_balances();
    }
    listen_all();
    for (unsigned k = 0; k < fleet.count; k++)
        fleet_refresh(&fleet, k, now_ns);
    ledger_balances();
    for (unsigned k = 0; k < fleet.count; k++) {
        assert_int_equal(lane_waiting(lane_of(k)), 0);
        assert_int_equal(lane_of(k)->handles.bound, 0);
    }
    assert_int_equal(fragments_held(&tracker), 0);
    assert_int_equal(got_count + dropped_packets(), sent_count);
}

/* Worker k dies and nobody takes its number in time: its flows go elsewhere. */
static inline void lose_worker(unsigned k) {
    fleet.timing.failover_ns = SECOND;
    die(k);
    poll_fleet();
    now_ns += SECOND;
    poll_fleet();
    revocation_passes();
    assert_int_equal(state_of(k), FB_STATE_MOVING);
    datapath_apply_losses(&datapath);
    now_ns += SECOND;
    datapath_set_time(&datapath, now_ns);
    while (fleet.lost_count != 0)
        assert_int_equal(move_burst(&datapath), EGRESS_DONE);
    ledger_balances();
}

#endif
