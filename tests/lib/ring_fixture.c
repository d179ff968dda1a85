/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/ring_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/memory.h"

static const struct ring_start ring_starts[] = {
    {"0", 0, 0, 0, 0},
    {"2^32", (UINT64_C(1) << 32) - RING_BEFORE_WRAP, UINT64_C(1) << 32, 1, UINT32_MAX},
    {"2^63", (UINT64_C(1) << 63) - RING_BEFORE_WRAP, UINT64_C(1) << 63, 1, UINT32_MAX - 1},
    {"2^64", UINT64_C(0) - RING_BEFORE_WRAP, 0, 1, UINT32_MAX},
    {"2^64 two laps on", UINT64_C(0) - 2 * RING_BEFORE_WRAP, 0, 2, UINT32_MAX},
};
#define RING_STARTS (sizeof ring_starts / sizeof *ring_starts)

const uint8_t ring_instance[16] = "ring under test";

void ring_make(struct ring_fixture *r, uint32_t depth, uint32_t slots, uint64_t arena_bytes) {
    const struct fb_geometry geometry = {
        .depth = depth,
        .slots = slots,
        .worker_burst = depth / 4 > 32  ? 32
                        : depth / 4 > 0 ? depth / 4
                                        : 1,
        .arena_bytes = arena_bytes,
    };
    r->down = zeroed_pages(fb_down_footprint(&geometry));
    r->up = zeroed_pages(fb_up_footprint());
    fb_down_format(r->down, &geometry, ring_instance, 0, r->start->seq);
    fb_up_format(r->up, ring_instance, 0, 1, r->start->seq);
    atomic_store(&r->down->doorbell, r->start->doorbell);
    fb_tx_init(&r->tx, r->down, r->up);
    r->tx.head = r->tx.tail = r->tx.clear_to = r->start->position - r->start->laps * arena_bytes;
    fb_tx_set_epoch(&r->tx, 1);
    fb_rx_init(&r->rx, r->down, r->up);
}

void ring_free(struct ring_fixture *r) {
    free(r->down);
    free(r->up);
    r->down = NULL;
    r->up = NULL;
}

/* ---- for cmocka */

/* A test's state is first the start that it has from its list. */
static int ring_set_up(void **state) {
    const struct ring_start *start = *state;
    struct ring_fixture *r = new_state(state, sizeof *r);
    r->start = start;
    return 0;
}

static int ring_tear_down(void **state) {
    struct ring_fixture *r = *state;
    ring_free(r);
    free(r);
    return 0;
}

int ring_run_tests(const struct ring_test *tests, size_t count) {
    size_t n = 0, all_count = count * RING_STARTS;
    char(*names)[128] = calloc(all_count, sizeof *names);
    struct CMUnitTest *all = calloc(all_count, sizeof *all);
    if (names == NULL || all == NULL)
        abort();
    for (size_t t = 0; t < count; t++) {
        for (size_t s = 0; s < RING_STARTS; s++, n++) {
            snprintf(names[n], sizeof names[n], "%s from %s", tests[t].name, ring_starts[s].text);
            all[n] = (struct CMUnitTest){names[n], tests[t].function, ring_set_up, ring_tear_down,
                                         (void *)(uintptr_t)&ring_starts[s]};
        }
    }
    int failed = _cmocka_run_group_tests("rings", all, n, NULL, NULL);
    free(all);
    free(names);
    return failed;
}

/* ---- packets */

void ring_write(struct ring_fixture *r, uint64_t position, uint32_t caplen) {
    uint64_t seq = r->tx.seq;
    uint8_t *bytes = fb_tx_bytes(&r->tx, position);
    for (uint32_t i = 0; i < caplen; i++)
        bytes[i] = ring_byte(seq, i);
    struct fb_desc *desc = fb_tx_stage(&r->tx, position, caplen);
    *desc = (struct fb_desc){.frame = seq,
                             .arena_pos = position,
                             .caplen = caplen,
                             .l3_off = FB_NO_OFFSET,
                             .l4_off = FB_NO_OFFSET,
                             .payload_off = FB_NO_OFFSET};
}

bool ring_put(struct ring_fixture *r, uint32_t caplen) {
    uint64_t position;
    if (!fb_tx_reserve(&r->tx, caplen, &position))
        return false;
    ring_write(r, position, caplen);
    return true;
}

bool ring_put_end(struct ring_fixture *r) {
    uint64_t seq = r->tx.seq;
    struct fb_desc *desc = fb_tx_stage_end(&r->tx);
    if (desc == NULL)
        return false;
    *desc = (struct fb_desc){.frame = seq, .arena_pos = desc->arena_pos, .flags = FB_F_END};
    return true;
}

void ring_expect(const struct ring_fixture *r, uint32_t i) {
    const struct fb_desc *desc = fb_rx_desc(&r->rx, i);
    assert_int_equal(desc->frame, r->rx.next + i);
    const uint8_t *bytes = fb_rx_bytes(&r->rx, desc);
    for (uint32_t b = 0; b < desc->caplen; b++)
        if (bytes[b] != ring_byte(desc->frame, b))
            fail_msg("byte %u of packet %llu was overwritten", b, (unsigned long long)desc->frame);
}

void ring_take(struct ring_fixture *r, uint32_t n) {
    while (n > 0) {
        uint32_t got = fb_rx_peek(&r->rx);
        assert_true(got > 0);
        if (got > n)
            got = n;
        for (uint32_t i = 0; i < got; i++) {
            assert_true(fb_rx_begin(&r->rx, i, &(struct fb_desc){0}));
            ring_expect(r, i);
            fb_rx_end();
        }
        fb_rx_release(&r->rx, got);
        n -= got;
    }
}

void ring_refresh(struct ring_fixture *r) {
    assert_int_equal(fb_tx_refresh(&r->tx), FB_VIOLATION_NONE);
}

void ring_pass(struct ring_fixture *r, uint32_t n) {
    fb_tx_publish(&r->tx, 1);
    ring_take(r, n);
    ring_refresh(r);
}
