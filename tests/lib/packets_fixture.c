/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/packets_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "dispatcher/datapath/move.h"

/* The data path goes first, which knows the tracker. */
static void fini(struct packets_fixture *f) {
    datapath_fixture_fini(&f->path);
    if (f->tracks)
        fragments_fini(&f->tracker);
    f->tracks = false;
}

int packets_fixture_set_up(void **state) {
    struct packets_fixture *f = new_state(state, sizeof *f);
    datapath_fixture_init(&f->path);
    return 0;
}

int packets_fixture_tear_down(void **state) {
    struct packets_fixture *f = *state;
    fini(f);
    free(f);
    return 0;
}

void make_packet_path(struct packets_fixture *f, unsigned workers, uint32_t depth, bool block,
                      const char *policy) {
    struct fragments_config config = fragments_default_config(PACKET_CLOCK_TICKS_PER_SECOND);
    config.max_datagrams = config.max_frames = 64;
    config.max_bytes = FB_FRAME_MAX;
    config.timeout_ticks = 20 * PACKET_CLOCK_TICKS_PER_SECOND;
    fini(f);
    make_datapath(&f->path, workers, depth, block, 256, NULL);
    f->path.base.fleet.balance.policy = policy_find(policy);
    assert_int_equal(fragments_init(&f->tracker, &config, FB_HUGEPAGES_NEVER), 0);
    f->tracks = true;
    f->path.datapath.ingress.fragments = &f->tracker;
    f->got_count = f->got_expected = 0;
}

uint32_t give_frame(struct packets_fixture *f, struct packet p) {
    assert_true(f->path.frame_count < BURST_MAX && f->path.sent_count < MOST_GIVEN);
    uint32_t number = ++f->path.sent_count;
    f->given[number] = p;
    f->path.frames[f->path.frame_count++] = (struct frame){.data = f->given[number].bytes,
                                                           .time_ns = f->path.packet_ns,
                                                           .caplen = p.n,
                                                           .wirelen = p.n,
                                                           .dlt = DLT_ETHERNET,
                                                           .new_source = number == 1};
    return number;
}

uint32_t give_ip(struct packets_fixture *f, struct packet p) {
    return give_frame(f, ethernet(p));
}

const struct got *got_of(const struct packets_fixture *f, uint64_t frame) {
    for (unsigned i = 0; i < f->got_count; i++)
        if (f->got[i].frame == frame)
            return &f->got[i];
    return NULL;
}

/* The bytes are those sent; the flow's sequence goes on, under its handle unless it is bound again.
 */
static void hear(struct packets_fixture *f, unsigned k, const struct fb_desc *desc,
                 const uint8_t *bytes) {
    assert_in_range(desc->frame, 1, f->path.sent_count);
    assert_null(got_of(f, desc->frame));
    assert_int_equal(desc->caplen, f->given[desc->frame].n);
    assert_memory_equal(bytes, f->given[desc->frame].bytes, desc->caplen);
    const struct got *last = NULL;
    for (unsigned i = f->got_count; i-- != 0 && last == NULL;)
        last = f->got[i].flow == desc->flow_id ? &f->got[i] : NULL;
    assert_int_equal(desc->flow_seq, (last == NULL ? 0 : last->seq + 1) + desc->gap);
    assert_int_equal((desc->flags & FB_F_START) != 0, last == NULL);
    const struct fb_flow *record = record_of(&f->path, k, desc);
    if (last != NULL && last->record.first_ns != 0 && record->first_ns != 0)
        assert_memory_equal(record, &last->record, sizeof *record);
    if (last != NULL && last->worker == k && last->losses == f->path.base.fleet.failovers)
        assert_true(desc->handle == last->handle && desc->generation == last->generation);
    f->got[f->got_count++] = (struct got){.frame = desc->frame,
                                          .flow = desc->flow_id,
                                          .seq = desc->flow_seq,
                                          .gap = desc->gap,
                                          .handle = desc->handle,
                                          .worker = k,
                                          .dir = fb_desc_dir(desc),
                                          .flags = desc->flags,
                                          .generation = desc->generation,
                                          .losses = f->path.base.fleet.failovers,
                                          .record = *record};
}

void read_ring(struct packets_fixture *f, unsigned k, uint32_t n) {
    struct fb_rx *rx = &f->path.base.hands[k].rx;
    for (; n != 0 && fb_rx_peek(rx) != 0; n--) {
        const struct fb_desc *desc = fb_rx_desc(rx, 0);
        if ((desc->flags & FB_F_END) == 0)
            hear(f, k, desc, fb_rx_bytes(rx, desc));
        fb_rx_release(rx, 1);
    }
}

void read_rings(struct packets_fixture *f) {
    for (unsigned k = 0; k < f->path.base.fleet.count; k++)
        if (f->path.base.hands[k].holds)
            read_ring(f, k, UINT32_MAX);
}

void run_to_the_end(struct packets_fixture *f) {
    while (run_burst(&f->path) != EGRESS_DONE)
        read_ring(f, f->path.datapath.egress.stopped_worker, 1);
}

void send_given(struct packets_fixture *f) {
    give_burst(&f->path);
    run_to_the_end(f);
    read_rings(f);
}

void expect_order(struct packets_fixture *f, const char *order) {
    char text[1024] = "";
    size_t n = 0;
    for (; f->got_expected < f->got_count; f->got_expected++)
        n += (size_t)snprintf(text + n, sizeof text - n, n == 0 ? "%u" : " %u",
                              (unsigned)f->got[f->got_expected].frame);
    assert_string_equal(text, order);
}

bool same_flow(const struct packets_fixture *f, uint32_t frame, uint32_t other) {
    const struct got *a = got_of(f, frame), *b = got_of(f, other);
    assert_true(a != NULL && b != NULL);
    return a->flow == b->flow && a->worker == b->worker;
}

void pass_seconds(struct packets_fixture *f, uint64_t seconds) {
    f->path.packet_ns += seconds * SECOND;
}

void finish_packets(struct packets_fixture *f) {
    uint32_t from = 0;
    datapath_release_fragments(&f->path.datapath);
    ledger_balances(&f->path);
    run_to_the_end(f);
    while (end_flows(&f->path, &from))
        read_rings(f);
    read_rings(f);
    refresh_lanes(&f->path);
    for (unsigned k = 0; k < f->path.base.fleet.count; k++) {
        assert_int_equal(lane_waiting(lane_of(&f->path.base, k)), 0);
        assert_int_equal(lane_of(&f->path.base, k)->handles.bound, 0);
    }
    assert_int_equal(fragments_held(&f->tracker), 0);
    assert_int_equal(f->got_count + dropped_in_all(&f->path), f->path.sent_count);
}

void lose_worker(struct packets_fixture *f, unsigned k) {
    f->path.base.fleet.timing.failover_ns = SECOND;
    worker_dies(&f->path.base, k);
    poll_fleet(&f->path.base);
    f->path.base.now_ns += SECOND;
    poll_fleet(&f->path.base);
    revocation_passes(&f->path.base);
    assert_int_equal(state_of(&f->path.base, k), FB_STATE_MOVING);
    datapath_apply_losses(&f->path.datapath);
    f->path.base.now_ns += SECOND;
    datapath_set_time(&f->path.datapath, f->path.base.now_ns);
    while (f->path.base.fleet.lost_count != 0)
        assert_int_equal(move_burst(&f->path.datapath), EGRESS_DONE);
    ledger_balances(&f->path);
}
