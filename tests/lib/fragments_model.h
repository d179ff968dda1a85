/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAGMENTS_MODEL_H
#define TESTS_LIB_FRAGMENTS_MODEL_H

#include "tests/lib/fragments_fixture.h"

/*
 * A model of the tracker that knows no hash, no list, no block and no span: an
 * array of datagrams that is searched from end to end, with a flag for each part
 * of a datagram. Tracker and model are given the same fragments, and have to
 * deliver the same frames in the same order under the same keys.
 *
 * Datagrams have up to six parts of 16 bytes, so that spans are exact.
 */
#define PARTS 6u
#define PART 16u
#define MOST_DATAGRAMS 300u
#define MOST_FRAMES 200u

struct model_datagram {
    bool alive;
    enum fragments_state state;
    uint32_t id;
    uint64_t ports;
    uint32_t since;
    uint64_t turn; /* its place among those of its state */
    bool seen[PARTS];
    unsigned parts; /* 0: not known */
    unsigned held_count;
    uint64_t held[MOST_FRAMES];
    unsigned blocks;
};

/* A fragment, as model and tracker are given it. */
struct event {
    uint32_t id;
    unsigned from, parts;
    bool more;
    uint64_t ports;
    uint32_t caplen;
};

struct expected {
    uint64_t number, ports;
};

static struct model_datagram model[MOST_DATAGRAMS];
static struct fragments_config limits;
static uint32_t model_now;
static uint64_t turns;
static struct expected expected[MOST_SENT];
static unsigned expected_count;

static inline void expect_frame(uint64_t number, uint64_t ports) {
    expected[expected_count++] = (struct expected){number, ports};
}

static inline void enter(struct model_datagram *d, enum fragments_state state) {
    d->state = state;
    d->since = model_now;
    d->turn = ++turns;
}

static inline void let_go(struct model_datagram *d) {
    for (unsigned i = 0; i < d->held_count; i++)
        expect_frame(d->held[i], d->ports);
    d->held_count = d->blocks = 0;
}

static inline struct model_datagram *leads(enum fragments_state state) {
    struct model_datagram *leader = NULL;
    for (struct model_datagram *d = model; d < model + limits.max_datagrams; d++)
        if (d->alive && d->state == state && (leader == NULL || d->turn < leader->turn))
            leader = d;
    return leader;
}

static inline bool is_over(const struct model_datagram *d) {
    return model_now - d->since >= limits.timeout_ticks;
}

static inline unsigned blocks_of(uint32_t caplen) {
    return (caplen + FRAGMENTS_BLOCK - 1) / FRAGMENTS_BLOCK;
}

static inline unsigned model_held(unsigned *blocks) {
    unsigned frames = 0;
    *blocks = 0;
    for (unsigned i = 0; i < limits.max_datagrams; i++) {
        frames += model[i].alive ? model[i].held_count : 0;
        *blocks += model[i].alive ? model[i].blocks : 0;
    }
    return frames;
}

static inline bool model_has_room(unsigned blocks) {
    unsigned used;
    return model_held(&used) < limits.max_frames &&
           used + blocks <= limits.max_bytes / FRAGMENTS_BLOCK;
}

static inline struct model_datagram *model_find(uint32_t id) {
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        if (model[i].alive && model[i].id == id)
            return &model[i];
    return NULL;
}

static inline struct model_datagram *model_begin(const struct event *e) {
    struct model_datagram *d = NULL;
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        if (!model[i].alive)
            d = &model[i];
    static const enum fragments_state order[] = {FRAGMENTS_DONE, FRAGMENTS_GIVEN_UP,
                                                 FRAGMENTS_KNOWN, FRAGMENTS_WAITING};
    for (unsigned i = 0; d == NULL; i++) {
        d = leads(order[i]);
        if (d != NULL)
            let_go(d);
    }
    memset(d, 0, sizeof *d);
    d->alive = true;
    d->id = e->id;
    d->ports = e->ports;
    enter(d, e->from == 0 ? FRAGMENTS_KNOWN : FRAGMENTS_WAITING);
    return d;
}

static inline bool is_complete(const struct model_datagram *d) {
    bool complete = d->parts != 0;
    for (unsigned i = 0; i < d->parts; i++)
        complete = complete && d->seen[i];
    return complete;
}

static inline bool begins_new(const struct model_datagram *d, const struct event *e) {
    bool idle = model_now - d->since >= limits.reuse_ticks;
    if (d->state == FRAGMENTS_DONE)
        return e->from == 0 || idle;
    if (d->state == FRAGMENTS_GIVEN_UP)
        return idle && is_complete(d);
    return d->state == FRAGMENTS_KNOWN && e->from == 0 && e->ports != d->ports && idle;
}

static inline void model_note(struct model_datagram *d, const struct event *e) {
    for (unsigned i = 0; i < e->parts; i++)
        d->seen[e->from + i] = true;
    if (!e->more && d->parts == 0)
        d->parts = e->from + e->parts;
}

static inline void model_offer(const struct event *e, uint64_t number) {
    unsigned before = expected_count;
    struct model_datagram *d = model_find(e->id);
    if (d != NULL && is_over(d) && d->state == FRAGMENTS_WAITING) {
        let_go(d);
        enter(d, FRAGMENTS_GIVEN_UP);
    } else if (d != NULL && (is_over(d) || begins_new(d, e))) {
        d->alive = false;
        d = NULL;
    }
    if (d == NULL)
        d = model_begin(e);
    if (d->state == FRAGMENTS_WAITING && e->from == 0) {
        d->ports = e->ports;
        let_go(d);
        enter(d, FRAGMENTS_KNOWN);
    }
    unsigned blocks = blocks_of(e->caplen);
    bool full = d->state == FRAGMENTS_WAITING && !model_has_room(blocks);
    /* What an eviction let go for this fragment counts towards what goes at once. */
    while (full && leads(FRAGMENTS_WAITING) != NULL &&
           (expected_count - before < limits.max_frames / 64 || !model_has_room(blocks))) {
        let_go(leads(FRAGMENTS_WAITING));
        enter(leads(FRAGMENTS_WAITING), FRAGMENTS_GIVEN_UP);
    }
    model_note(d, e);
    if (d->state == FRAGMENTS_WAITING) {
        d->held[d->held_count++] = number;
        d->blocks += blocks;
        return;
    }
    expect_frame(number, d->ports);
    enter(d, d->state == FRAGMENTS_KNOWN && is_complete(d) ? FRAGMENTS_DONE : d->state);
}

static inline void model_expire(void) {
    static const enum fragments_state order[] = {FRAGMENTS_WAITING, FRAGMENTS_DONE,
                                                 FRAGMENTS_GIVEN_UP, FRAGMENTS_KNOWN};
    unsigned budget = FRAGMENTS_EXPIRE_BUDGET;
    for (unsigned i = 0; i < 4; i++) {
        struct model_datagram *d;
        while (budget != 0 && (d = leads(order[i])) != NULL && is_over(d)) {
            budget--;
            let_go(d);
            if (order[i] == FRAGMENTS_WAITING)
                enter(d, FRAGMENTS_GIVEN_UP);
            else
                d->alive = false;
        }
    }
}

/* ---- both ---- */

/* Both anew. */
static inline void make_both(struct fragments_config config) {
    make_tracker(config);
    limits = config;
    assert_true(limits.max_datagrams <= MOST_DATAGRAMS && limits.max_frames <= MOST_FRAMES);
    memset(model, 0, limits.max_datagrams * sizeof *model);
    model_now = now;
    expected_count = 0;
    turns = 0;
}

/* Every other identification is of IPv6. */
static inline void model_send(const struct event *e) {
    struct fragment f = piece(e->id, e->from * PART, e->parts * PART, e->more);
    if (e->id % 2 != 0) {
        f.version = 6;
        f.proto = 0;
        f.source[0] = f.destination[0] = UINT64_C(0x20010db8) << 32;
    }
    model_offer(e, sent + 1);
    offer(&f, key_with(e->ports, UDP), e->ports != 0, e->caplen);
}

static inline void compare_deliveries(unsigned from) {
    /* What is to be let out is in the model's list already. */
    assert_true(delivered_count <= expected_count);
    for (unsigned i = from; i < delivered_count; i++) {
        struct fb_flow_key key = key_with(expected[i].ports, UDP);
        assert_int_equal(delivered[i].number, expected[i].number);
        assert_memory_equal(&delivered[i].key, &key, sizeof key);
        assert_int_equal(delivered[i].swapped, expected[i].ports != 0);
    }
}

static inline void compare_state(void) {
    unsigned alive = 0, blocks, frames = model_held(&blocks);
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        alive += model[i].alive;
    assert_int_equal(counter(FB_FRAGMENT_ACTIVE), alive);
    assert_int_equal(fragments_held(&tracker), frames + tracker.released_frames);
    assert_true(fragments_held(&tracker) <= limits.max_frames);
    assert_int_equal(counter(FB_FRAGMENT_HELD),
                     counter(FB_FRAGMENT_BY_FIRST) + counter(FB_FRAGMENT_BY_TIME) +
                         counter(FB_FRAGMENT_BY_FULL) + counter(FB_FRAGMENT_BY_EVICTION) +
                         counter(FB_FRAGMENT_BY_END) + frames);
}

/* fragments_expire() of both. */
static inline void expire_both(void) {
    fragments_expire(&tracker, now);
    model_expire();
}

/* fragments_release() of both; the tracker knows the present tick. */
static inline void release_all(void) {
    fragments_release(&tracker);
    for (struct model_datagram *d; (d = leads(FRAGMENTS_WAITING)) != NULL;
         enter(d, FRAGMENTS_GIVEN_UP))
        let_go(d);
}

#endif
