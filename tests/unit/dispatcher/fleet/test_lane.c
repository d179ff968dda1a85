/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/lane.c: one ring as the dispatcher keeps it, over plain memory, with
 * its worker in the same thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/fleet/lane.h"
#include "tests/lib/memory.h"
#include "tests/lib/random.h"

#define HANDLES 64u
#define JUST_BELOW_THE_WRAP (UINT64_MAX - 5)

/* A lane over plain memory, and its worker in the same thread. */
static const uint8_t instance[16] = {1};
static struct lane lane;
static struct fb_down *down;
static struct fb_up *up;
static struct fb_rx rx;
static struct handle handle_table[HANDLES];
static struct mark mark_table[64];
static uint64_t next_flow_id;

static void make_lane(uint32_t depth, uint32_t slots, uint64_t first_seq) {
    const struct fb_geometry geometry = {
        .depth = depth, .slots = slots, .worker_burst = 32, .arena_bytes = 65536};
    free(down);
    free(up);
    down = zeroed_pages(fb_down_footprint(&geometry));
    up = zeroed_pages(fb_up_footprint());
    memset(handle_table, 0, sizeof handle_table);
    memset(&lane, 0, sizeof lane);
    fb_down_format(down, &geometry, instance, 0, first_seq);
    fb_up_format(up, instance, 0, 1, first_seq);
    fb_tx_init(&lane.tx, down, up);
    handles_init(&lane.handles, handle_table, HANDLES);
    lane.marks = mark_table;
    fb_rx_init(&rx, down, up);
}

static int no_lane(void **state) {
    (void)state;
    free(down);
    free(up);
    down = NULL;
    up = NULL;
    return 0;
}

static bool stage_packet(void) {
    uint64_t position;
    if (!fb_tx_reserve(&lane.tx, 60, &position))
        return false;
    struct fb_desc *desc = fb_tx_stage(&lane.tx, position, 60);
    *desc = (struct fb_desc){.arena_pos = position, .caplen = 60};
    lane.counters[FB_LANE_ENTERED]++;
    return true;
}

static uint32_t end_a_flow(enum fb_end_reason reason) {
    uint16_t generation;
    uint32_t handle = handles_take(&lane.handles, ++next_flow_id, &generation);
    handles_end(&lane.handles, handle, reason);
    return handle;
}

/* Publishes, lets the worker finish up to n descriptors, and takes that in. */
static void finish(uint32_t n) {
    fb_tx_publish(&lane.tx, 1);
    for (uint32_t there; n != 0 && (there = fb_rx_peek(&rx)) != 0;) {
        there = n < there ? n : there;
        fb_rx_release(&rx, there);
        n -= there;
    }
    assert_int_equal(lane_refresh(&lane), FB_VIOLATION_NONE);
}

static void counts_are(uint64_t entered, uint64_t inspected, uint64_t waiting) {
    assert_int_equal(lane.counters[FB_LANE_ENTERED], entered);
    assert_int_equal(lane.counters[FB_LANE_INSPECTED], inspected);
    assert_int_equal(lane_waiting(&lane), waiting);
}

static void a_consumed_that_cannot_be_changes_nothing(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_lane(8, 16, firsts[i]);
        for (unsigned n = 0; n < 6; n++)
            stage_packet();
        finish(3);
        counts_are(6, 3, 3);
        atomic_store(&up->consumed, firsts[i] + 2);
        assert_int_equal(lane_refresh(&lane), FB_VIOLATION_CONSUMED_BACK);
        counts_are(6, 3, 3);
        atomic_store(&up->consumed, firsts[i] + 7);
        assert_int_equal(lane_refresh(&lane), FB_VIOLATION_CONSUMED_AHEAD);
        counts_are(6, 3, 3);
        /* What is staged and not published cannot have been consumed. */
        stage_packet();
        assert_int_equal(lane_refresh(&lane), FB_VIOLATION_CONSUMED_AHEAD);
        counts_are(7, 3, 4);
        atomic_store(&up->consumed, firsts[i] + 6);
        assert_int_equal(lane_refresh(&lane), FB_VIOLATION_NONE);
        counts_are(7, 6, 1);
    }
}

static void ends_are_staged_only_as_slots_allow(void **state) {
    (void)state;
    make_lane(4, 8, JUST_BELOW_THE_WRAP);
    for (unsigned n = 0; n < 4; n++)
        assert_true(stage_packet());
    assert_false(stage_packet());
    for (unsigned n = 0; n < 10; n++)
        end_a_flow(FB_END_CLOSED);
    assert_int_equal(lane_stage_ends(&lane, 0, 0), 4);
    assert_int_equal(lane.handles.pending, 6);
    assert_int_equal(lane_stage_ends(&lane, 0, 0), 0);
    assert_int_equal(lane.handles.pending, 6);
    finish(1);
    assert_int_equal(lane_stage_ends(&lane, 0, 0), 1);
    finish(16);
    counts_are(4, 4, 0);
    assert_int_equal(lane_stage_ends(&lane, 0, 0), 5);
    assert_int_equal(lane_stage_ends(&lane, 0, 0), 0);
    counts_are(4, 4, 0);
}

static void a_staged_end_is_whole(void **state) {
    (void)state;
    make_lane(4, 8, 0);
    stage_packet();
    uint64_t head = lane.tx.head;
    uint32_t handle = end_a_flow(FB_END_EVICTED);
    memset(&lane.tx.descs[1], 0xff, sizeof(struct fb_desc));
    assert_int_equal(lane_stage_ends(&lane, 123456789, 42), 1);
    const struct fb_desc expected = {
        .time_ns = 123456789,
        .frame = 42,
        .arena_pos = head,
        .flow_id = next_flow_id,
        .handle = handle,
        .l3_off = FB_NO_OFFSET,
        .l4_off = FB_NO_OFFSET,
        .payload_off = FB_NO_OFFSET,
        .flags = FB_F_END,
        .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, FB_END_EVICTED),
    };
    assert_memory_equal(&lane.tx.descs[1], &expected, sizeof expected);
    assert_int_equal(fb_desc_reason(&lane.tx.descs[1]), FB_END_EVICTED);
}

static void a_handle_comes_back_when_its_end_was_passed_and_not_before(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_lane(8, 16, firsts[i]);
        stage_packet();
        uint32_t handle = end_a_flow(FB_END_CLOSED);
        lane_stage_ends(&lane, 0, 0);
        stage_packet();
        finish(1);
        counts_are(2, 1, 1);
        assert_int_equal(lane.handles.free_head, NO_HANDLE);
        finish(1);
        counts_are(2, 1, 1);
        assert_int_equal(lane.handles.free_head, handle);
        finish(1);
        counts_are(2, 2, 0);
    }
}

static void a_suspect_packet_is_marked_once_more_each_time(void **state) {
    (void)state;
    make_lane(8, 16, JUST_BELOW_THE_WRAP);
    for (unsigned n = 0; n < 3; n++)
        stage_packet();
    uint64_t seq = JUST_BELOW_THE_WRAP + 1;
    finish(1);
    struct fb_desc *desc = &lane.tx.descs[seq & lane.tx.slot_mask];
    desc->flags = FB_F_START | FB_F_GAP | 3u << FB_LINK_SHIFT;
    desc->dir_deaths_reason = fb_pack_dir_deaths_reason(1, 0, 17);
    static const unsigned deaths[] = {1, 2, 3, 3};
    for (unsigned n = 0; n < 4; n++) {
        assert_true(lane_mark_suspect(&lane));
        assert_int_equal(desc->flags,
                         FB_F_START | FB_F_GAP | FB_F_REDELIVERED | 3u << FB_LINK_SHIFT);
        assert_int_equal(fb_desc_deaths(desc), deaths[n]);
        assert_int_equal(fb_desc_dir(desc), 1);
        assert_int_equal(fb_desc_tail(desc), 17);
    }
    /* Its neighbours are as they were. */
    assert_int_equal(lane.tx.descs[(seq - 1) & lane.tx.slot_mask].flags, 0);
    assert_int_equal(lane.tx.descs[(seq + 1) & lane.tx.slot_mask].flags, 0);
    counts_are(3, 1, 2);
}

static void a_suspect_flow_end_comes_once_more_and_is_a_skip_then(void **state) {
    (void)state;
    make_lane(8, 16, 0);
    stage_packet();
    uint32_t handle = end_a_flow(FB_END_CLOSED);
    lane_stage_ends(&lane, 0, 0);
    stage_packet();
    finish(1);
    assert_false(lane_mark_suspect(&lane));
    assert_int_equal(lane.tx.descs[1].flags, FB_F_END | FB_F_REDELIVERED);
    assert_int_equal(fb_desc_deaths(&lane.tx.descs[1]), 1);
    assert_int_equal(fb_desc_reason(&lane.tx.descs[1]), FB_END_CLOSED);
    assert_false(lane_mark_suspect(&lane));
    assert_int_equal(lane.tx.descs[1].flags, FB_F_SKIP);
    assert_false(lane_mark_suspect(&lane));
    assert_int_equal(lane.tx.descs[1].flags, FB_F_SKIP);
    counts_are(2, 1, 1);
    finish(1);
    counts_are(2, 1, 1);
    assert_int_equal(lane.handles.free_head, handle);
}

static void the_cursor_of_a_dead_worker_counts_what_it_finished(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, JUST_BELOW_THE_WRAP};
    for (unsigned i = 0; i < 2; i++) {
        make_lane(8, 16, firsts[i]);
        for (unsigned n = 0; n < 3; n++)
            stage_packet();
        end_a_flow(FB_END_CLOSED);
        lane_stage_ends(&lane, 0, 0);
        for (unsigned n = 0; n < 3; n++)
            stage_packet();
        fb_tx_publish(&lane.tx, 1);
        assert_int_equal(fb_rx_peek(&rx), 7);
        /* It died in the sixth descriptor: three packets, an end and a packet are finished. */
        assert_true(fb_rx_begin(&rx, 5, &(struct fb_desc){0}) || down->epoch != up->epoch);
        uint64_t before = lane.tx.consumed;
        struct fb_resume_point resume_point = fb_tx_recover(&lane.tx);
        lane_account(&lane, before);
        assert_int_equal(resume_point.violation, FB_VIOLATION_NONE);
        assert_true(resume_point.suspect);
        assert_int_equal(resume_point.resume_seq, firsts[i] + 5);
        counts_are(6, 4, 2);
        assert_int_not_equal(lane.handles.free_head, NO_HANDLE);
    }
}

/* Packets, ends and skips in any order, against a list of what is in the ring. */
static void random_use_agrees_with_a_plain_list(struct random *random, uint64_t first_seq) {
    bool packet[16];
    unsigned in_ring = 0;
    uint64_t entered = 0, inspected = 0, ended = 0, staged = 0;
    make_lane(9, 16, first_seq);
    for (unsigned step = 0; step < 20000; step++) {
        switch (random_below(random, 4)) {
        case 0:
        case 1:
            if (!stage_packet()) {
                assert_true(in_ring >= 9);
                break;
            }
            packet[in_ring++] = true;
            entered++;
            break;
        case 2:
            if (ended - staged < 8 && ++ended)
                end_a_flow(FB_END_CLOSED);
            for (uint32_t n = lane_stage_ends(&lane, 0, 0); n != 0; n--, staged++)
                packet[in_ring++] = false;
            assert_int_equal(lane.handles.pending, ended - staged);
            break;
        default: {
            unsigned n = random_below(random, in_ring + 1);
            finish(n);
            for (unsigned i = 0; i < n; i++)
                inspected += packet[i];
            in_ring -= n;
            memmove(packet, packet + n, in_ring * sizeof *packet);
        }
        }
        unsigned waiting = 0;
        for (unsigned i = 0; i < in_ring; i++)
            waiting += packet[i];
        counts_are(entered, inspected, waiting);
        assert_int_equal(lane.marks_tail - lane.marks_head, in_ring - waiting);
    }
    assert_true(entered > 1000 && staged > 1000);
}

static void packets_are_counted_right_with_ends_in_between(void **state) {
    (void)state;
    struct random random = random_from(5);
    random_use_agrees_with_a_plain_list(&random, 0);
    random_use_agrees_with_a_plain_list(&random, JUST_BELOW_THE_WRAP);
}

/* ---- the ring of a worker that is gone: what is in it, and what becomes of it */

static bool stage_packet_of(uint64_t flow_id) {
    uint64_t seq = lane.tx.seq;
    if (!stage_packet())
        return false;
    lane.tx.descs[seq & lane.tx.slot_mask].flow_id = flow_id;
    return true;
}

static void the_books_balance(void) {
    const uint64_t *c = lane.counters;
    assert_int_equal(c[FB_LANE_ENTERED], c[FB_LANE_INSPECTED] + c[FB_LANE_QUARANTINED] +
                                             c[FB_LANE_REMOVED] + lane_waiting(&lane));
}

/* One letter a descriptor, from consumed on: p packet, e flow end, s skip. */
static void ring_is(const char *expected) {
    struct lane was = lane;
    struct mark marks[64];
    memcpy(marks, mark_table, sizeof marks);
    char found[65] = "";
    unsigned n = 0;
    for (enum lane_first first; (first = lane_first(&lane)) != LANE_EMPTY; n++) {
        bool skip = (lane_first_desc(&lane)->flags & FB_F_SKIP) != 0;
        assert_int_equal(skip, first == LANE_SKIP);
        found[n] = first == LANE_PACKET ? 'p' : first == LANE_END ? 'e' : 's';
        lane_take_out(&lane);
        the_books_balance();
    }
    assert_int_equal(lane.marks_head, lane.marks_tail);
    lane = was;
    memcpy(mark_table, marks, sizeof marks);
    assert_string_equal(found, expected);
}

/* p: a packet of flow 1, q: of flow 2, e: a flow end */
static void stage_all(const char *kinds) {
    for (; *kinds != '\0'; kinds++) {
        if (*kinds == 'e') {
            end_a_flow(FB_END_CLOSED);
            assert_int_equal(lane_stage_ends(&lane, 0, 0), 1);
        } else {
            assert_true(stage_packet_of(*kinds == 'p' ? 1 : 2));
        }
    }
}

/* Marks begin at any place of their FIFO, so that it wraps in each test. */
static void make_lane_at(uint64_t first_seq, uint64_t first_mark) {
    make_lane(9, 16, first_seq);
    lane.marks_head = lane.marks_tail = first_mark;
}

static const uint64_t starts[][2] = {
    {0, 0}, {0, 15}, {JUST_BELOW_THE_WRAP, 14}, {JUST_BELOW_THE_WRAP, UINT64_MAX - 1}};
#define STARTS (sizeof starts / sizeof *starts)

static void what_is_first_is_told_and_taken_out(void **state) {
    (void)state;
    for (unsigned i = 0; i < STARTS; i++) {
        make_lane_at(starts[i][0], starts[i][1]);
        assert_int_equal(lane_first(&lane), LANE_EMPTY);
        stage_all("peeqpe");
        ring_is("peeppe");
        lane_take_out(&lane);
        assert_int_equal(lane.counters[FB_LANE_REMOVED], 1);
        assert_int_equal(lane_first(&lane), LANE_END);
        lane_take_out(&lane);
        lane_take_out(&lane);
        assert_int_equal(lane.counters[FB_LANE_REMOVED], 1);
        assert_int_equal(lane.handles.free_head, NO_HANDLE); /* not given back */
        ring_is("ppe");
        the_books_balance();
    }
}

static void a_quarantined_packet_is_a_skip_before_all_marks(void **state) {
    (void)state;
    for (unsigned i = 0; i < STARTS; i++) {
        make_lane_at(starts[i][0], starts[i][1]);
        stage_all("pepqe");
        lane_quarantine_first(&lane);
        the_books_balance();
        ring_is("seppe");
        finish(2); /* the next process passes it over */
        lane_quarantine_first(&lane);
        the_books_balance();
        ring_is("spe");
        finish(3);
        counts_are(3, 1, 0);
        assert_int_equal(lane.counters[FB_LANE_QUARANTINED], 2);
        assert_int_equal(lane.counters[FB_LANE_REMOVED], 0);
    }
}

static void a_ring_of_nothing_but_ends_and_one_packet_has_room_for_its_skip(void **state) {
    (void)state;
    for (unsigned i = 0; i < STARTS; i++) {
        make_lane_at(starts[i][0], starts[i][1]);
        stage_all("peeeeeeeeeeeeeee"); /* each slot */
        assert_null(fb_tx_stage_end(&lane.tx));
        lane_quarantine_first(&lane);
        assert_int_equal(lane.marks_tail - lane.marks_head, 16);
        the_books_balance();
        ring_is("seeeeeeeeeeeeeee");
        make_lane_at(starts[i][0], starts[i][1]);
        stage_all("ppepepepeeeeeeee");
        assert_int_equal(lane_skip_flow(&lane, 1), 5);
        assert_int_equal(lane.marks_tail - lane.marks_head, 16);
        ring_is("sseseseseeeeeeee");
        the_books_balance();
    }
}

static void only_the_packets_of_the_flow_are_skipped(void **state) {
    (void)state;
    for (unsigned i = 0; i < STARTS; i++) {
        make_lane_at(starts[i][0], starts[i][1]);
        stage_all("qpepqepp");
        assert_int_equal(lane_skip_flow(&lane, 3), 0);
        ring_is("ppeppepp");
        assert_int_equal(lane_skip_flow(&lane, 1), 4);
        assert_int_equal(lane.counters[FB_LANE_REMOVED], 4);
        ring_is("psespess");
        the_books_balance();
        assert_int_equal(lane_skip_flow(&lane, 1), 0); /* none is left */
        assert_int_equal(lane_skip_flow(&lane, 2), 2);
        ring_is("ssessess");
        assert_int_equal(lane_waiting(&lane), 0);
    }
}

static void an_end_of_the_flow_is_not_skipped_with_it(void **state) {
    (void)state;
    make_lane(9, 16, 0);
    uint16_t generation;
    uint32_t handle = handles_take(&lane.handles, 1, &generation);
    stage_packet_of(1);
    handles_end(&lane.handles, handle, FB_END_CLOSED);
    lane_stage_ends(&lane, 0, 0);
    assert_int_equal(lane_skip_flow(&lane, 1), 1);
    ring_is("se");
    finish(2);
    assert_int_equal(lane.handles.free_head, handle);
    assert_int_equal(lane.counters[FB_LANE_INSPECTED], 0);
}

static void a_descriptor_that_was_not_written_so_is_told(void **state) {
    (void)state;
    make_lane(8, 16, 0);
    uint16_t generation;
    handles_take(&lane.handles, 7, &generation);
    const struct fb_desc good = {.arena_pos = 5 * 65536 + 65536 - 100,
                                 .caplen = 100,
                                 .wirelen = 100,
                                 .handle = 0,
                                 .l3_off = 14,
                                 .l4_off = 99,
                                 .payload_off = 100,
                                 .flags = FB_F_START | FB_F_GAP | 0xf000};
    struct fb_desc none = good, most = good, tail = good, wrong = good;
    none.l3_off = none.l4_off = none.payload_off = FB_NO_OFFSET;
    none.caplen = 0;
    most.arena_pos = 65536;
    most.caplen = most.wirelen = 65536 / 4;
    assert_true(lane_desc_plausible(&lane, &good));
    assert_true(lane_desc_plausible(&lane, &none));
    tail.payload_off = 94;
    tail.dir_deaths_reason = fb_pack_dir_deaths_reason(1, 1, 6);
    assert_true(lane_desc_plausible(&lane, &most));
    assert_true(lane_desc_plausible(&lane, &tail));
    tail.payload_off = FB_NO_OFFSET;
    assert_true(lane_desc_plausible(&lane, &tail));
    tail.payload_off = 94;
    wrong.flags |= FB_F_MALFORMED;
    wrong.dir_deaths_reason = fb_pack_dir_deaths_reason(1, 1, FB_DECODE_COUNT - 1);
    assert_true(lane_desc_plausible(&lane, &wrong));
    struct fb_desc bad[14];
    for (unsigned i = 0; i < 14; i++)
        bad[i] = good;
    bad[0].arena_pos++; /* runs over the end of the arena */
    bad[1].caplen = 101;
    bad[2] = most;
    bad[2].caplen = bad[2].wirelen = 65536 / 4 + 1;
    bad[3].caplen = UINT32_MAX;
    bad[4].wirelen = 99;
    bad[5].handle = 1;
    bad[6].handle = UINT32_MAX;
    bad[7].l3_off = 100;
    bad[8].l4_off = 100;
    bad[9].payload_off = 101;
    bad[10].flags |= FB_F_END;
    bad[11].flags |= FB_F_SKIP;
    bad[12] = tail; /* more behind the payload than there is */
    bad[12].dir_deaths_reason = fb_pack_dir_deaths_reason(1, 1, 7);
    bad[13] = wrong; /* in a way that there is not */
    bad[13].dir_deaths_reason = fb_pack_dir_deaths_reason(1, 1, FB_DECODE_COUNT);
    for (unsigned i = 0; i < 14; i++)
        if (lane_desc_plausible(&lane, &bad[i]))
            fail_msg("case %u passes", i);
}

/* A ring as a list: kinds, and whose packet it is. */
struct listed {
    char kind;
    uint64_t flow;
};

static unsigned take_from_list(struct listed *list, unsigned count, unsigned n, unsigned *packets) {
    for (unsigned i = 0; i < n; i++)
        *packets += list[i].kind == 'p';
    memmove(list, list + n, (count - n) * sizeof *list);
    return count - n;
}

static void skips_and_quarantine_agree_with_a_plain_list(struct random *random, uint64_t first_seq,
                                                         uint64_t first_mark) {
    struct listed list[16];
    unsigned count = 0, skipped = 0, quarantined = 0;
    make_lane_at(first_seq, first_mark);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned packets = 0;
        uint64_t flow = 1 + random_below(random, 3);
        switch (random_below(random, 8)) {
        case 0:
        case 1:
        case 2:
            if (stage_packet_of(flow))
                list[count++] = (struct listed){'p', flow};
            break;
        case 3:
            if (lane.handles.pending == 0)
                end_a_flow(FB_END_CLOSED);
            if (lane_stage_ends(&lane, 0, 0) != 0)
                list[count++] = (struct listed){'e', flow};
            break;
        case 4:
            for (unsigned i = 0; i < count; i++)
                if (list[i].kind == 'p' && list[i].flow == flow && ++packets)
                    list[i].kind = 's';
            assert_int_equal(lane_skip_flow(&lane, flow), packets);
            skipped += packets;
            break;
        case 5:
            if (count != 0 && list[0].kind == 'p' && ++quarantined) {
                lane_quarantine_first(&lane);
                list[0].kind = 's';
            }
            break;
        default: {
            unsigned n = random_below(random, count + 1);
            uint64_t before = lane.counters[FB_LANE_INSPECTED];
            finish(n);
            count = take_from_list(list, count, n, &packets);
            assert_int_equal(lane.counters[FB_LANE_INSPECTED] - before, packets);
        }
        }
        char expected[17] = "";
        for (unsigned i = 0; i < count; i++)
            expected[i] = list[i].kind;
        ring_is(expected);
        the_books_balance();
    }
    assert_int_equal(lane.counters[FB_LANE_REMOVED], skipped);
    assert_int_equal(lane.counters[FB_LANE_QUARANTINED], quarantined);
    assert_true(skipped > 1000 && quarantined > 500);
}

static void skips_among_packets_and_ends_in_any_order(void **state) {
    (void)state;
    struct random random = random_from(6);
    for (unsigned i = 0; i < STARTS; i++)
        skips_and_quarantine_agree_with_a_plain_list(&random, starts[i][0], starts[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumed_that_cannot_be_changes_nothing),
        cmocka_unit_test(ends_are_staged_only_as_slots_allow),
        cmocka_unit_test(a_staged_end_is_whole),
        cmocka_unit_test(a_handle_comes_back_when_its_end_was_passed_and_not_before),
        cmocka_unit_test(a_suspect_packet_is_marked_once_more_each_time),
        cmocka_unit_test(a_suspect_flow_end_comes_once_more_and_is_a_skip_then),
        cmocka_unit_test(the_cursor_of_a_dead_worker_counts_what_it_finished),
        cmocka_unit_test(packets_are_counted_right_with_ends_in_between),
        cmocka_unit_test(what_is_first_is_told_and_taken_out),
        cmocka_unit_test(a_quarantined_packet_is_a_skip_before_all_marks),
        cmocka_unit_test(a_ring_of_nothing_but_ends_and_one_packet_has_room_for_its_skip),
        cmocka_unit_test(only_the_packets_of_the_flow_are_skipped),
        cmocka_unit_test(an_end_of_the_flow_is_not_skipped_with_it),
        cmocka_unit_test(a_descriptor_that_was_not_written_so_is_told),
        cmocka_unit_test(skips_among_packets_and_ends_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, no_lane);
}
