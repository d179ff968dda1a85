/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_RING_FIXTURE_H
#define TESTS_LIB_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/ring.h"

/*
 * Both ends of a ring in private memory. Every test runs from each start: from
 * zero, and so that descriptors, arena bytes and doorbell pass the wrap of 32
 * bits, of the cursor (which is twice the sequence) and of 64 bits.
 */
struct ring_start {
    const char *text;
    uint64_t seq;      /* of the first descriptor */
    uint64_t position; /* in the arena, that is passed after so many laps */
    uint32_t laps;
    uint32_t doorbell;
};

#define BEFORE_WRAP 3u /* descriptors before the wrap */

static const struct ring_start ring_starts[] = {
    {"0", 0, 0, 0, 0},
    {"2^32", (UINT64_C(1) << 32) - BEFORE_WRAP, UINT64_C(1) << 32, 1, UINT32_MAX},
    {"2^63", (UINT64_C(1) << 63) - BEFORE_WRAP, UINT64_C(1) << 63, 1, UINT32_MAX - 1},
    {"2^64", UINT64_C(0) - BEFORE_WRAP, 0, 1, UINT32_MAX},
    {"2^64 two laps on", UINT64_C(0) - 2 * BEFORE_WRAP, 0, 2, UINT32_MAX},
};
#define RING_STARTS (sizeof ring_starts / sizeof *ring_starts)

static const uint8_t ring_instance[16] = "ring under test";

struct ring {
    const struct ring_start *start;
    struct fb_tx tx;
    struct fb_rx rx;
    struct fb_down *down;
    struct fb_up *up;
};

static inline void *ring_zeroed(size_t size) {
    void *memory = aligned_alloc(4096, size);
    if (memory == NULL)
        abort();
    return memset(memory, 0, size);
}

/* Both sides, and a producer and a consumer on them. first is the first descriptor's number. */
static inline void ring_make(struct ring *r, uint32_t depth, uint32_t slots, uint64_t arena_bytes) {
    const struct fb_geometry geometry = {
        .depth = depth,
        .slots = slots,
        .worker_burst = depth / 4 > 32  ? 32
                        : depth / 4 > 0 ? depth / 4
                                        : 1,
        .arena_bytes = arena_bytes,
    };
    r->down = ring_zeroed(fb_down_footprint(&geometry));
    r->up = ring_zeroed(fb_up_footprint());
    fb_down_format(r->down, &geometry, ring_instance, 0, r->start->seq);
    fb_up_format(r->up, ring_instance, 0, 1, r->start->seq);
    atomic_store(&r->down->doorbell, r->start->doorbell);
    fb_tx_init(&r->tx, r->down, r->up);
    r->tx.head = r->tx.tail = r->start->position - r->start->laps * arena_bytes;
    fb_tx_set_epoch(&r->tx, 1);
    fb_rx_init(&r->rx, r->down, r->up);
}

static inline void ring_free(struct ring *r) {
    free(r->down);
    free(r->up);
    r->down = NULL;
    r->up = NULL;
}

/* ---- for cmocka: the tests of a list, each from every start */

static inline int ring_set_up(void **state) {
    struct ring *r = calloc(1, sizeof *r);
    if (r == NULL)
        return 1;
    r->start = *state;
    *state = r;
    return 0;
}

static inline int ring_tear_down(void **state) {
    struct ring *r = *state;
    ring_free(r);
    free(r);
    return 0;
}

struct ring_test {
    const char *name;
    CMUnitTestFunction function;
};
#define RING_TEST(function)                                                                        \
    { #function, function }
#define RING_TESTS_MAX 64u

static inline int ring_run_tests(const struct ring_test *tests, size_t count) {
    static char names[RING_TESTS_MAX * RING_STARTS][128];
    static struct CMUnitTest all[RING_TESTS_MAX * RING_STARTS];
    size_t n = 0;
    if (count > RING_TESTS_MAX)
        return 1;
    for (size_t t = 0; t < count; t++) {
        for (size_t s = 0; s < RING_STARTS; s++, n++) {
            snprintf(names[n], sizeof names[n], "%s from %s", tests[t].name, ring_starts[s].text);
            all[n] = (struct CMUnitTest){names[n], tests[t].function, ring_set_up, ring_tear_down,
                                         (void *)(uintptr_t)&ring_starts[s]};
        }
    }
    return _cmocka_run_group_tests("rings", all, n, NULL, NULL);
}

/* ---- packets whose every byte tells which packet it is of */

static inline uint8_t ring_byte(uint64_t seq, uint32_t i) {
    return (uint8_t)(seq * 151 + i * 7 + (i >> 8));
}

static inline void ring_write(struct ring *r, uint64_t position, uint32_t caplen) {
    uint64_t seq = r->tx.seq;
    uint8_t *bytes = fb_tx_bytes(&r->tx, position);
    for (uint32_t i = 0; i < caplen; i++)
        bytes[i] = ring_byte(seq, i);
    struct fb_desc *desc = fb_tx_stage(&r->tx, position, caplen);
    *desc = (struct fb_desc){.frame = seq, .arena_pos = position, .caplen = caplen};
}

/* Reserves and stages a packet; false if the ring is full. */
static inline bool ring_put(struct ring *r, uint32_t caplen) {
    uint64_t position;
    if (!fb_tx_reserve(&r->tx, caplen, &position))
        return false;
    ring_write(r, position, caplen);
    return true;
}

/* Stages a flow end; false if no slot is left. */
static inline bool ring_put_end(struct ring *r) {
    uint64_t seq = r->tx.seq;
    struct fb_desc *desc = fb_tx_stage_end(&r->tx);
    if (desc == NULL)
        return false;
    *desc = (struct fb_desc){.frame = seq, .arena_pos = desc->arena_pos, .flags = FB_F_END};
    return true;
}

/* The packet or end i after the consumer's next is the one that was written there. */
static inline void ring_expect(const struct ring *r, uint32_t i) {
    const struct fb_desc *desc = fb_rx_desc(&r->rx, i);
    assert_int_equal(desc->frame, r->rx.next + i);
    const uint8_t *bytes = fb_rx_bytes(&r->rx, desc);
    for (uint32_t b = 0; b < desc->caplen; b++)
        if (bytes[b] != ring_byte(desc->frame, b))
            fail_msg("byte %u of packet %llu was overwritten", b, (unsigned long long)desc->frame);
}

/* Takes n descriptors, whatever the burst is, and looks at all of each. */
static inline void ring_take(struct ring *r, uint32_t n) {
    while (n > 0) {
        uint32_t got = fb_rx_peek(&r->rx);
        assert_true(got > 0);
        if (got > n)
            got = n;
        for (uint32_t i = 0; i < got; i++) {
            assert_true(fb_rx_begin(&r->rx, i));
            ring_expect(r, i);
            fb_rx_end();
        }
        fb_rx_release(&r->rx, got);
        n -= got;
    }
}

/* The producer sees what the consumer has finished. */
static inline void ring_refresh(struct ring *r) {
    assert_int_equal(fb_tx_refresh(&r->tx), FB_VIOLATION_NONE);
}

/* Publishes, takes n and lets the producer know. */
static inline void ring_pass(struct ring *r, uint32_t n) {
    fb_tx_publish(&r->tx, 1);
    ring_take(r, n);
    ring_refresh(r);
}

#endif
