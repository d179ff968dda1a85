/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ring.c and ring.h against a model. */
#include "tests/lib/ring_fixture.h"

#include <stdlib.h>

#include "tests/lib/random.h"

/*
 * The ring against a model that knows no lap, no tail and no mask but the
 * arena's size: a list of what was put in and not yet given back. A frame may
 * be refused only where it would cover what is in the list, and nothing that
 * is in the list may change. Producer and consumer in one thread, steps at
 * random, the same in every run.
 */
struct item {
    uint64_t position, seq;
    uint32_t caplen;
    bool end;
};

struct model {
    struct ring_fixture *ring;
    struct item *items; /* by sequence number, as many as slots */
    uint64_t slots, depth, size;
    uint64_t given_back; /* as the producer knows it */
    struct random random;
    unsigned refused_by_bytes, refused_by_depth, refused_ends, laps, rewinds;
};

static struct item *item_of(const struct model *m, uint64_t seq) {
    return &m->items[(seq - m->ring->start->seq) % m->slots];
}

static uint64_t in_use(const struct model *m) {
    return m->ring->tx.seq - m->given_back;
}

static uint32_t whole_lines(uint32_t caplen) {
    return (caplen + 63) / 64 * 64;
}

/* Where a frame must go: behind the last, or at the start of the arena if it does not fit there. */
static uint64_t place(const struct model *m, uint32_t caplen) {
    uint64_t offset = m->ring->tx.head % m->size;
    if (offset + whole_lines(caplen) <= m->size)
        return m->ring->tx.head;
    return m->ring->tx.head + (m->size - offset);
}

/* Whether a frame there covers a byte, or the place, of what is not given back. */
static bool covers(const struct model *m, uint64_t position, uint32_t caplen) {
    uint64_t from = position % m->size, to = from + whole_lines(caplen);
    for (uint64_t seq = m->given_back; seq != m->ring->tx.seq; seq++) {
        const struct item *item = item_of(m, seq);
        uint64_t a = item->position % m->size, b = a + whole_lines(item->caplen);
        if (from < b && a < to)
            return true; /* bytes */
        if (a == b && ((from < a && a < to) || (from == a && to > a && position != item->position)))
            return true; /* a place without bytes, which holds what comes after it */
    }
    return false;
}

static void remember(struct model *m, uint64_t position, uint32_t caplen, bool end) {
    uint64_t seq = m->ring->tx.seq - 1;
    *item_of(m, seq) =
        (struct item){.position = position, .seq = seq, .caplen = caplen, .end = end};
}

static void put_packet(struct model *m, uint32_t caplen) {
    struct ring_fixture *r = m->ring;
    uint64_t position, expected = place(m, caplen);
    bool room = in_use(m) < m->depth;
    if (fb_tx_reserve(&r->tx, caplen, &position)) {
        assert_true(room);
        assert_true(position == expected);
        if (caplen > 0 && covers(m, position, caplen))
            fail_msg("a frame of %u at %llu overwrites what is in use", caplen,
                     (unsigned long long)position);
        m->laps += position % m->size == 0;
        ring_write(r, position, caplen);
        remember(m, position, caplen, false);
    } else if (!room) {
        m->refused_by_depth++;
    } else {
        if (!covers(m, expected, caplen))
            fail_msg("a frame of %u at %llu is refused though there is room", caplen,
                     (unsigned long long)expected);
        m->refused_by_bytes++;
    }
}

static void put_end(struct model *m) {
    bool room = in_use(m) < m->slots;
    uint64_t head = m->ring->tx.head;
    assert_int_equal(ring_put_end(m->ring), room);
    if (room)
        remember(m, head, 0, true);
    else
        m->refused_ends++;
}

/* Takes some of what is visible, looks at every byte, gives some of it back. */
static void consume(struct model *m) {
    struct ring_fixture *r = m->ring;
    uint32_t n = fb_rx_peek(&r->rx);
    assert_true(n <= r->tx.published - r->rx.next);
    assert_true(n > 0 || r->tx.published == r->rx.next);
    for (uint32_t i = 0; i < n; i++) {
        const struct item *item = item_of(m, r->rx.next + i);
        const struct fb_desc *desc = fb_rx_desc(&r->rx, i);
        assert_true(item->seq == r->rx.next + i && desc->arena_pos == item->position);
        assert_int_equal(desc->caplen, item->caplen);
        assert_int_equal((desc->flags & FB_F_END) != 0, item->end);
        ring_expect(r, i);
    }
    fb_rx_release(&r->rx, n > 0 ? random_below(&m->random, n + 1) : 0);
}

static void rewind_some(struct model *m, bool lossless) {
    uint64_t head = m->ring->tx.head;
    fb_tx_rewind(&m->ring->tx, lossless);
    if (m->ring->tx.head != head) {
        assert_int_equal(m->ring->tx.head % m->size, 0);
        assert_true(m->ring->tx.head - head < m->size);
        m->rewinds++;
    }
}

/* With the consumer favoured or not, so that the ring is now empty, now full. */
static void step(struct model *m, uint32_t most, bool consumer_favoured) {
    struct ring_fixture *r = m->ring;
    unsigned dice = random_below(&m->random, 16);
    if (consumer_favoured && dice < 6)
        dice = 12;
    if (dice < 7) {
        uint32_t caplen = random_below(&m->random, 3) == 0 ? random_below(&m->random, most + 1)
                                                           : random_below(&m->random, most / 8);
        put_packet(m, random_below(&m->random, 8) == 0 ? most : caplen);
    } else if (dice < 8) {
        put_end(m);
    } else if (dice < 10) {
        fb_tx_publish(&r->tx, 1);
    } else if (dice < 13) {
        consume(m);
    } else if (dice < 15) {
        ring_refresh(r);
        assert_true(r->tx.consumed == r->rx.next);
        m->given_back = r->rx.next;
    } else {
        rewind_some(m, random_below(&m->random, 2) == 0);
    }
}

static void run(struct ring_fixture *r, uint32_t depth, uint32_t slots, uint64_t arena_bytes,
                unsigned steps, struct model *m) {
    ring_make(r, depth, slots, arena_bytes);
    *m = (struct model){.ring = r,
                        .slots = slots,
                        .depth = depth,
                        .size = arena_bytes,
                        .random = random_from(depth)};
    m->items = calloc(slots, sizeof *m->items);
    assert_non_null(m->items);
    m->given_back = r->start->seq;
    for (unsigned i = 0; i < steps; i++)
        step(m, (uint32_t)(arena_bytes / 4), (i / 500) % 2 != 0);
    fb_tx_publish(&r->tx, 1);
    ring_take(r, (uint32_t)(r->tx.seq - r->rx.next));
    ring_refresh(r);
    assert_true(r->tx.consumed == r->tx.seq);
    free(m->items);
}

static void a_ring_of_one_packet_agrees_with_the_model(void **state) {
    struct model m;
    run(*state, 1, 2, 4096, 100000, &m);
    assert_true(m.refused_by_depth > 100 && m.refused_ends > 100 && m.laps > 100);
}

static void a_ring_of_two_packets_agrees_with_the_model(void **state) {
    struct model m;
    run(*state, 2, 4, 4096, 100000, &m);
    assert_true(m.refused_by_depth > 100 && m.refused_ends > 10 && m.laps > 100);
}

static void a_ring_of_eight_packets_agrees_with_the_model(void **state) {
    struct model m;
    run(*state, 8, 16, 4096, 100000, &m);
    assert_true(m.refused_by_depth > 100 && m.refused_by_bytes > 100 && m.laps > 100);
}

static void a_ring_that_is_full_by_bytes_first_agrees_with_the_model(void **state) {
    struct model m;
    run(*state, 64, 128, 4096, 100000, &m);
    assert_true(m.refused_by_bytes > 1000 && m.laps > 100);
}

static void a_ring_that_is_rewound_agrees_with_the_model(void **state) {
    struct model m;
    run(*state, 8, 16, 4 * FB_ARENA_WINDOW, 4000, &m);
    assert_true(m.rewinds > 10 && m.laps > 10);
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(a_ring_of_one_packet_agrees_with_the_model),
        RING_TEST(a_ring_of_two_packets_agrees_with_the_model),
        RING_TEST(a_ring_of_eight_packets_agrees_with_the_model),
        RING_TEST(a_ring_that_is_full_by_bytes_first_agrees_with_the_model),
        RING_TEST(a_ring_that_is_rewound_agrees_with_the_model),
    };
    return ring_run_tests(tests, sizeof tests / sizeof *tests);
}
