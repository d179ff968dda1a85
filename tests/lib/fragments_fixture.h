/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAGMENTS_FIXTURE_H
#define TESTS_LIB_FRAGMENTS_FIXTURE_H

/* A tracker, fragments made by hand, and a small loop that offers them and notes what goes where.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/flows/fragments.h"

#define MOST_SENT 200000u
#define BURST_MAX 32u
#define UDP 17u

/* A frame delivered, in the order of delivery. */
struct delivered {
    uint64_t number;
    struct fb_flow_key key;
    unsigned swapped;
};

static struct fragments tracker;
static uint32_t now;
static uint64_t sent; /* number of the last frame offered */
static struct delivered delivered[MOST_SENT];
static unsigned delivered_count;
static uint8_t pattern[FB_FRAME_MAX + 256];

static inline void no_tracker(void) {
    if (tracker.region.base != NULL)
        fragments_fini(&tracker);
    tracker.region.base = NULL;
}

static inline int free_tracker(void **state) {
    (void)state;
    no_tracker();
    return 0;
}

/* Time-out 30 ticks, re-use 4. */
static inline struct fragments_config small_config(void) {
    return (struct fragments_config){.max_datagrams = 16,
                                     .max_frames = 8,
                                     .max_bytes = FB_FRAME_MAX,
                                     .timeout_ticks = 30,
                                     .reuse_ticks = 4};
}

static inline void make_tracker(struct fragments_config config) {
    no_tracker();
    assert_int_equal(fragments_init(&tracker, &config, FB_HUGEPAGES_NEVER), 0);
    now = 1;
    sent = 0;
    delivered_count = 0;
    for (unsigned i = 0; pattern[1] == 0 && i < sizeof pattern; i++) /* once */
        pattern[i] = (uint8_t)(i * 7 + i / 251);
}

static inline int fresh_tracker(void **state) {
    (void)state;
    make_tracker(small_config());
    return 0;
}

/* What frame number n looks like: everything follows from its number, but its length. */
static inline struct frame frame_number(uint64_t n, uint32_t caplen) {
    return (struct frame){.data = pattern + n % 199,
                          .time_ns = n * 1000,
                          .caplen = caplen,
                          .wirelen = caplen + (uint32_t)(n % 3),
                          .dlt = (int32_t)(n % 5)};
}

/* From 10.0.0.1 to 10.0.0.2; 0 ports: by addresses and protocol. */
static inline struct fb_flow_key key_with(uint64_t ports, uint64_t proto) {
    return (struct fb_flow_key){
        {0, 0x0a000001, 0, 0x0a000002, ports << 32 | proto << 8 | FB_KEY_IP4}};
}

static inline void deliver(uint64_t number, const struct fb_flow_key *key, unsigned swapped) {
    assert_true(delivered_count < MOST_SENT);
    delivered[delivered_count++] =
        (struct delivered){.number = number, .key = *key, .swapped = swapped};
}

/* A burst of what is let out; every frame is looked at only when all are there. */
static inline unsigned released_burst(unsigned max) {
    struct fragments_out out[BURST_MAX];
    assert_true(max <= BURST_MAX);
    unsigned n = fragments_burst(&tracker, out, max);
    assert_true(n <= max);
    for (unsigned i = 0; i < n; i++) {
        const struct frame *got = &out[i].frame;
        struct frame expected = frame_number(out[i].number, got->caplen);
        assert_int_equal((uintptr_t)got->data % 64, 0);
        assert_memory_equal(got->data, expected.data, got->caplen);
        assert_true(got->time_ns == expected.time_ns && got->wirelen == expected.wirelen);
        assert_true(got->dlt == expected.dlt && !got->new_source);
        deliver(out[i].number, &out[i].key, out[i].swapped);
    }
    return n;
}

static inline void let_out(void) {
    while (released_burst(BURST_MAX) != 0)
        ;
    assert_false(fragments_any_released(&tracker));
}

/*
 * Offers the next frame as the loop does. Returns whether it was held. It is
 * refused once for what was leaving before, and once for what it lets go itself.
 */
static inline bool offer(const struct fragment *fragment, struct fb_flow_key key, unsigned swapped,
                         uint32_t caplen) {
    struct frame frame = frame_number(++sent, caplen);
    struct decoded decoded = {.key = key, .swapped = (uint8_t)swapped};
    unsigned refusals = fragments_any_released(&tracker) ? 2 : 1;
    enum fragments_result result;
    while ((result = fragments_offer(&tracker, fragment, &frame, sent, now, &decoded)) ==
           FRAGMENT_REFUSED) {
        assert_int_not_equal(refusals--, 0);
        assert_memory_equal(&decoded.key, &key, sizeof key);
        let_out();
    }
    if (result == FRAGMENT_PASSES)
        deliver(sent, &decoded.key, decoded.swapped);
    return result == FRAGMENT_HELD;
}

static inline struct fragment piece(uint32_t id, unsigned offset, unsigned length, bool more) {
    return (struct fragment){.source = {0, 0x0a000001},
                             .destination = {0, 0x0a000002},
                             .id = id,
                             .length = length,
                             .offset = (uint16_t)offset,
                             .version = 4,
                             .proto = UDP,
                             .more = more};
}

static inline uint64_t counter(enum fb_fragment_counter c) {
    return tracker.counters[c];
}

/* Fragments of 16 bytes each; a first one has ports. They return whether they were held. */
static inline bool first(uint32_t id, uint64_t ports) {
    struct fragment f = piece(id, 0, 16, true);
    return offer(&f, key_with(ports, UDP), 1, 100);
}

static inline bool later(uint32_t id, unsigned offset) {
    struct fragment f = piece(id, offset, 16, true);
    return offer(&f, key_with(0, UDP), 0, 100);
}

static inline bool last(uint32_t id, unsigned offset) {
    struct fragment f = piece(id, offset, 16, false);
    return offer(&f, key_with(0, UDP), 0, 100);
}

/* Frames that were delivered since the last look: their numbers, and the one key of all. */
static inline void expect(const char *numbers, uint64_t ports) {
    char got[256] = "";
    size_t n = 0;
    struct fb_flow_key key = key_with(ports, UDP);
    for (unsigned i = 0; i < delivered_count; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, i == 0 ? "%u" : " %u",
                              (unsigned)delivered[i].number);
        assert_memory_equal(&delivered[i].key, &key, sizeof key);
        assert_int_equal(delivered[i].swapped, ports != 0);
    }
    assert_string_equal(got, numbers);
    delivered_count = 0;
}

static inline void expire_at(uint32_t tick) {
    now = tick;
    fragments_expire(&tracker, now);
    let_out();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_tracker, free_tracker)

#endif
