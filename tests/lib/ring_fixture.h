/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_RING_FIXTURE_H
#define TESTS_LIB_RING_FIXTURE_H

#include <stdbool.h>

#include "flow_balancer/ring.h"
#include "tests/lib/unit.h"

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

#define RING_BEFORE_WRAP 3u /* descriptors before the wrap, or before each of two laps */

struct ring_fixture {
    const struct ring_start *start;
    struct fb_tx tx;
    struct fb_rx rx;
    struct fb_down *down;
    struct fb_up *up;
};

extern const uint8_t ring_instance[16]; /* the run's id in both sides */

/* Both sides, and a producer and a consumer on them, from r->start; free() them with ring_free().
 */
void ring_make(struct ring_fixture *r, uint32_t depth, uint32_t slots, uint64_t arena_bytes);
void ring_free(struct ring_fixture *r);

/* ---- for cmocka: the tests of a list, each from every start; their state is a ring_fixture */

struct ring_test {
    const char *name;
    CMUnitTestFunction function;
};
#define RING_TEST(function)                                                                        \
    { #function, function }

int ring_run_tests(const struct ring_test *tests, size_t count);

/* ---- packets whose every byte tells which packet it is of */

static inline uint8_t ring_byte(uint64_t seq, uint32_t i) {
    return (uint8_t)(seq * 151 + i * 7 + (i >> 8));
}

/* Writes and stages the next packet at a position that was reserved. */
void ring_write(struct ring_fixture *r, uint64_t position, uint32_t caplen);
/* Reserves and stages a packet; false if the ring is full. */
bool ring_put(struct ring_fixture *r, uint32_t caplen);
/* Stages a flow end; false if no slot is left. */
bool ring_put_end(struct ring_fixture *r);

/* The packet or end i after the consumer's next is the one that was written there. */
void ring_expect(const struct ring_fixture *r, uint32_t i);
/* Takes n descriptors, whatever the burst is, and looks at all of each. */
void ring_take(struct ring_fixture *r, uint32_t n);
/* The producer sees what the consumer has finished. */
void ring_refresh(struct ring_fixture *r);
/* Publishes, takes n and lets the producer know. */
void ring_pass(struct ring_fixture *r, uint32_t n);

#endif
