/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fragments_model.h"

#include <stdlib.h>
#include <string.h>

int fragments_model_set_up(void **state) {
    struct fragments_model *m = new_state(state, sizeof *m);
    fragments_fixture_init(&m->real);
    return 0;
}

int fragments_model_tear_down(void **state) {
    struct fragments_model *m = *state;
    fragments_fixture_fini(&m->real);
    free(m);
    return 0;
}

void fragments_model_expect(struct fragments_model *m, uint64_t number, uint64_t ports) {
    m->expected[m->expected_count++] = (struct expected){number, ports};
}

static void enter(struct fragments_model *m, struct model_datagram *d, enum fragments_state state) {
    d->state = state;
    d->since = m->real.now;
    d->turn = ++m->turns;
}

static void release(struct fragments_model *m, struct model_datagram *d) {
    for (unsigned i = 0; i < d->held_count; i++)
        fragments_model_expect(m, d->held[i], d->ports);
    d->held_count = d->blocks = 0;
}

static struct model_datagram *leader_of(struct fragments_model *m, enum fragments_state state) {
    struct model_datagram *leader = NULL;
    for (unsigned i = 0; i < m->limits.max_datagrams; i++) {
        struct model_datagram *d = &m->datagrams[i];
        if (d->alive && d->state == state && (leader == NULL || d->turn < leader->turn))
            leader = d;
    }
    return leader;
}

static bool is_over(const struct fragments_model *m, const struct model_datagram *d) {
    return m->real.now - d->since >= m->limits.timeout_ticks;
}

static unsigned blocks_of(uint32_t caplen) {
    return (caplen + FRAGMENTS_BLOCK - 1) / FRAGMENTS_BLOCK;
}

static unsigned model_held(const struct fragments_model *m, unsigned *blocks) {
    unsigned frames = 0;
    *blocks = 0;
    for (unsigned i = 0; i < m->limits.max_datagrams; i++) {
        frames += m->datagrams[i].alive ? m->datagrams[i].held_count : 0;
        *blocks += m->datagrams[i].alive ? m->datagrams[i].blocks : 0;
    }
    return frames;
}

static bool model_has_room(const struct fragments_model *m, unsigned blocks) {
    unsigned used;
    return model_held(m, &used) < m->limits.max_frames &&
           used + blocks <= m->limits.max_bytes / FRAGMENTS_BLOCK;
}

static struct model_datagram *model_find(struct fragments_model *m, uint32_t id) {
    for (unsigned i = 0; i < m->limits.max_datagrams; i++)
        if (m->datagrams[i].alive && m->datagrams[i].id == id)
            return &m->datagrams[i];
    return NULL;
}

static struct model_datagram *model_begin(struct fragments_model *m, const struct event *e) {
    struct model_datagram *d = NULL;
    for (unsigned i = 0; i < m->limits.max_datagrams; i++)
        if (!m->datagrams[i].alive)
            d = &m->datagrams[i];
    static const enum fragments_state order[] = {FRAGMENTS_DONE, FRAGMENTS_GIVEN_UP,
                                                 FRAGMENTS_KNOWN, FRAGMENTS_WAITING};
    for (unsigned i = 0; d == NULL; i++) {
        d = leader_of(m, order[i]);
        if (d != NULL)
            release(m, d);
    }
    memset(d, 0, sizeof *d);
    d->alive = true;
    d->id = e->id;
    d->ports = e->ports;
    enter(m, d, e->from == 0 ? FRAGMENTS_KNOWN : FRAGMENTS_WAITING);
    return d;
}

static bool is_complete(const struct model_datagram *d) {
    bool complete = d->parts != 0;
    for (unsigned i = 0; i < d->parts; i++)
        complete = complete && d->seen[i];
    return complete;
}

static bool begins_new(const struct fragments_model *m, const struct model_datagram *d,
                       const struct event *e) {
    bool idle = m->real.now - d->since >= m->limits.reuse_ticks;
    if (d->state == FRAGMENTS_DONE)
        return e->from == 0 || idle;
    if (d->state == FRAGMENTS_GIVEN_UP)
        return idle && is_complete(d);
    return d->state == FRAGMENTS_KNOWN && e->from == 0 && e->ports != d->ports && idle;
}

static void model_note(struct model_datagram *d, const struct event *e) {
    for (unsigned i = 0; i < e->parts; i++)
        d->seen[e->from + i] = true;
    if (!e->more && d->parts == 0)
        d->parts = e->from + e->parts;
}

static void model_offer(struct fragments_model *m, const struct event *e, uint64_t number) {
    unsigned before = m->expected_count;
    struct model_datagram *d = model_find(m, e->id);
    if (d != NULL && is_over(m, d) && d->state == FRAGMENTS_WAITING) {
        release(m, d);
        enter(m, d, FRAGMENTS_GIVEN_UP);
    } else if (d != NULL && (is_over(m, d) || begins_new(m, d, e))) {
        d->alive = false;
        d = NULL;
    }
    if (d == NULL)
        d = model_begin(m, e);
    if (d->state == FRAGMENTS_WAITING && e->from == 0) {
        d->ports = e->ports;
        release(m, d);
        enter(m, d, FRAGMENTS_KNOWN);
    }
    unsigned blocks = blocks_of(e->caplen);
    bool full = d->state == FRAGMENTS_WAITING && !model_has_room(m, blocks);
    /* What an eviction released for this fragment counts towards what goes together. */
    while (full && leader_of(m, FRAGMENTS_WAITING) != NULL &&
           (m->expected_count - before < m->limits.max_frames / 64 || !model_has_room(m, blocks))) {
        release(m, leader_of(m, FRAGMENTS_WAITING));
        enter(m, leader_of(m, FRAGMENTS_WAITING), FRAGMENTS_GIVEN_UP);
    }
    model_note(d, e);
    if (d->state == FRAGMENTS_WAITING) {
        d->held[d->held_count++] = number;
        d->blocks += blocks;
        return;
    }
    fragments_model_expect(m, number, d->ports);
    enter(m, d, d->state == FRAGMENTS_KNOWN && is_complete(d) ? FRAGMENTS_DONE : d->state);
}

static void model_expire(struct fragments_model *m) {
    static const enum fragments_state order[] = {FRAGMENTS_WAITING, FRAGMENTS_DONE,
                                                 FRAGMENTS_GIVEN_UP, FRAGMENTS_KNOWN};
    unsigned budget = FRAGMENTS_EXPIRE_BUDGET;
    for (unsigned i = 0; i < 4; i++) {
        struct model_datagram *d;
        while (budget != 0 && (d = leader_of(m, order[i])) != NULL && is_over(m, d)) {
            budget--;
            release(m, d);
            if (order[i] == FRAGMENTS_WAITING)
                enter(m, d, FRAGMENTS_GIVEN_UP);
            else
                d->alive = false;
        }
    }
}

/* ---- both ---- */

void fragments_model_make(struct fragments_model *m, struct fragments_config config) {
    make_tracker(&m->real, config);
    m->limits = config;
    assert_true(m->limits.max_datagrams <= MODEL_DATAGRAMS && m->limits.max_frames <= MODEL_FRAMES);
    memset(m->datagrams, 0, m->limits.max_datagrams * sizeof *m->datagrams);
    m->expected_count = 0;
    m->turns = 0;
}

void fragments_model_send(struct fragments_model *m, const struct event *e) {
    struct fragment f = piece(e->id, e->from * PART, e->parts * PART, e->more);
    if (e->id % 2 != 0) {
        f.version = 6;
        f.proto = 0;
        f.source[0] = f.destination[0] = UINT64_C(0x20010db8) << 32;
    }
    model_offer(m, e, m->real.sent + 1);
    offer(&m->real, &f, key_with(e->ports, UDP), e->ports != 0, e->caplen);
}

void fragments_model_compare_deliveries(const struct fragments_model *m, unsigned from) {
    /* What is to be released is in the model's list already. */
    assert_true(m->real.delivered_count <= m->expected_count);
    for (unsigned i = from; i < m->real.delivered_count; i++) {
        struct fb_flow_key key = key_with(m->expected[i].ports, UDP);
        assert_int_equal(m->real.delivered[i].number, m->expected[i].number);
        assert_memory_equal(&m->real.delivered[i].key, &key, sizeof key);
        assert_int_equal(m->real.delivered[i].swapped, m->expected[i].ports != 0);
    }
}

void fragments_model_compare_state(const struct fragments_model *m) {
    unsigned alive = 0, blocks, frames = model_held(m, &blocks);
    for (unsigned i = 0; i < m->limits.max_datagrams; i++)
        alive += m->datagrams[i].alive;
    assert_int_equal(counter(&m->real, FB_FRAGMENT_ACTIVE), alive);
    assert_int_equal(fragments_held(&m->real.tracker), frames + m->real.tracker.released_frames);
    assert_true(fragments_held(&m->real.tracker) <= m->limits.max_frames);
    assert_int_equal(
        counter(&m->real, FB_FRAGMENT_HELD),
        counter(&m->real, FB_FRAGMENT_BY_FIRST) + counter(&m->real, FB_FRAGMENT_BY_TIME) +
            counter(&m->real, FB_FRAGMENT_BY_FULL) + counter(&m->real, FB_FRAGMENT_BY_EVICTION) +
            counter(&m->real, FB_FRAGMENT_BY_END) + frames);
}

/* fragments_expire() of both. */
void fragments_model_expire(struct fragments_model *m) {
    fragments_expire(&m->real.tracker, m->real.now);
    model_expire(m);
}

/* fragments_release() of both; the tracker knows the present tick. */
void fragments_model_release(struct fragments_model *m) {
    fragments_release(&m->real.tracker);
    for (struct model_datagram *d; (d = leader_of(m, FRAGMENTS_WAITING)) != NULL;
         enter(m, d, FRAGMENTS_GIVEN_UP))
        release(m, d);
}
