/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAGMENTS_FIXTURE_H
#define TESTS_LIB_FRAGMENTS_FIXTURE_H

/*
 * A tracker of fragments, fragments made by hand, and a small loop that offers
 * them and notes what goes where.
 */

#include "dispatcher/flows/fragments.h"
#include "tests/lib/unit.h"

#define MOST_SENT 200000u
#define RELEASE_BURST 32u
#define UDP 17u

/* A frame delivered, in the order of delivery. */
struct delivered {
    uint64_t number;
    struct fb_flow_key key;
    unsigned swapped;
};

struct fragments_fixture {
    struct fragments tracker;
    bool made;
    uint32_t now;
    uint64_t sent; /* number of the last frame offered */
    struct delivered delivered[MOST_SENT];
    unsigned delivered_count;
    uint8_t pattern[FB_FRAME_MAX + 256]; /* what frames are cut from */
};

/* The fixture alone, zeroed before; then its tracker, as often as the test wants another. */
void fragments_fixture_init(struct fragments_fixture *fx);
void fragments_fixture_fini(struct fragments_fixture *fx);
void make_tracker(struct fragments_fixture *fx, struct fragments_config config);

/* For cmocka: a tracker of small_config(). */
int fragments_fixture_set_up(void **state);
int fragments_fixture_tear_down(void **state);
#define FRAGMENTS_TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, fragments_fixture_set_up, fragments_fixture_tear_down)

/* Time-out 30 ticks, re-use 4. */
struct fragments_config small_config(void);

/* ---- what is offered */

/* What frame number n looks like: everything follows from its number, but its length. */
struct frame frame_number(const struct fragments_fixture *fx, uint64_t n, uint32_t caplen);

/* From 10.0.0.1 to 10.0.0.2; 0 ports: by addresses and protocol. */
struct fb_flow_key key_with(uint64_t ports, uint64_t proto);

struct fragment piece(uint32_t id, unsigned offset, unsigned length, bool more);

/*
 * Offers the next frame as the data path does. Returns whether it was held. It is
 * refused once for what was being released before, and once for what it releases
 * itself.
 */
bool offer(struct fragments_fixture *fx, const struct fragment *fragment, struct fb_flow_key key,
           unsigned swapped, uint32_t caplen);

/* Fragments of 16 bytes each; a first one has ports. They return whether they were held. */
bool offer_first(struct fragments_fixture *fx, uint32_t id, uint64_t ports);
bool offer_later(struct fragments_fixture *fx, uint32_t id, unsigned offset);
bool offer_last(struct fragments_fixture *fx, uint32_t id, unsigned offset);

/* ---- what is delivered */

/* Notes that a frame went on. */
void deliver(struct fragments_fixture *fx, uint64_t number, const struct fb_flow_key *key,
             unsigned swapped);

/* Delivers a burst of what is released, or all of it. */
unsigned deliver_burst(struct fragments_fixture *fx, unsigned max);
void deliver_released(struct fragments_fixture *fx);

/* Sets the tick, and delivers what is released by it. */
void expire_at(struct fragments_fixture *fx, uint32_t tick);

/* Frames that were delivered since the last look: their numbers, and the one key of all. */
void expect_delivered(struct fragments_fixture *fx, const char *numbers, uint64_t ports);

static inline uint64_t counter(const struct fragments_fixture *fx, enum fb_fragment_counter c) {
    return fx->tracker.counters[c];
}

#endif
