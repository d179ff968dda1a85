/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/datapath/datapath.c: the fast path does what the slow path would do. The same random
 * packets go through the data path twice, the second time without the fast path; every descriptor
 * and every flow's entry has to be the same after each.
 */
#include "tests/lib/datapath_fixture.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 40000u
#define FLOWS_MOST 300u /* fewer than there are tuples: some are evicted */
#define DEPTH 32u

/* What a pass left behind, packet by packet. */
struct trail {
    struct fb_desc descs[4 * PACKETS];
    uint32_t desc_count;
    uint64_t digests[PACKETS]; /* of all entries */
    uint64_t usual;            /* packets for which room was not asked for: the fast path's */
    uint64_t gaps;
};

static struct fb_tx *tx_of(struct datapath_fixture *f) {
    return &f->base.fleet.lanes[0].tx;
}

/* FNV-1a over words: what differs in one byte differs. */
static uint64_t digest_of_entries(const struct datapath_fixture *f) {
    const struct flow_table *table = &f->flows.table;
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < table->fresh; i++) {
        uint64_t words[sizeof(struct flow_entry) / 8];
        memcpy(words, &table->entries[i], sizeof words);
        for (unsigned w = 0; w < sizeof words / 8; w++)
            digest = (digest ^ words[w]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

static void random_frame(struct datapath_fixture *f) {
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST};
    unsigned tuple = random_below(&f->random, 4) == 0 ? random_below(&f->random, MOST_TUPLES)
                                                      : 250 + random_below(&f->random, 12);
    uint32_t payload = random_below(&f->random, 8) == 0 ? random_below(&f->random, 1400)
                                                        : random_below(&f->random, 3);
    uint32_t cut =
        payload != 0 && random_below(&f->random, 8) == 0 ? random_below(&f->random, payload) : 0;
    if (random_below(&f->random, 200) == 0)
        f->packet_ns += random_below(&f->random, 40) * SECOND;
    unsigned flag = random_below(&f->random, 4) == 0 ? random_below(&f->random, 9) : 2;
    add_frame(f, tuple, random_below(&f->random, 2), tuple_is_tcp(tuple) ? flags[flag] : 0, payload,
              cut);
}

/* Whether it is known that the arena is clear to a little less far: who asks finds the rest. */
static bool know_less(struct fb_tx *tx) {
    uint64_t known = tx->clear_to - tx->head;
    if (known < 4096 || known > tx->arena_mask)
        return false;
    tx->clear_to -= FB_ARENA_ALIGN;
    return true;
}

/* One packet, and what it left in the ring and in the table. */
static void send_one(struct datapath_fixture *f, unsigned n, bool slow, struct trail *trail) {
    struct fb_tx *tx = tx_of(f);
    uint64_t from = tx->seq;
    random_frame(f);
    if (slow)
        tx->clear_to = tx->head; /* there is no room, unless one asks */
    bool knows_less = know_less(tx);
    uint64_t clear_to = tx->clear_to;
    send_burst(f);
    trail->usual += knows_less && tx->seq == from + 1 && tx->clear_to == clear_to;
    for (; from != tx->seq; from++) {
        assert_true(trail->desc_count < 4 * PACKETS);
        trail->descs[trail->desc_count] = tx->descs[from & tx->slot_mask];
        trail->gaps += trail->descs[trail->desc_count++].gap != 0;
    }
    trail->digests[n] = digest_of_entries(f);
}

static struct trail *pass(struct datapath_fixture *f, bool slow) {
    struct trail *trail = calloc(1, sizeof *trail);
    assert_non_null(trail);
    make_datapath(f, 1, DEPTH, false, FLOWS_MOST, "all=20");
    worker_starts(&f->base, 0);
    f->random = random_from(18);
    for (unsigned n = 0; n < PACKETS; n++) {
        send_one(f, n, slow, trail);
        if (random_below(&f->random, 16) == 0) /* sometimes too late: packets are dropped */
            consume(f, 0, random_below(&f->random, 64));
    }
    finish_run(f);
    return trail;
}

static void both_ways_write_the_same_descriptors_and_entries(void **state) {
    struct datapath_fixture *f = *state;
    struct trail *fast = pass(f, false), *slow = pass(f, true);
    assert_int_equal(fast->desc_count, slow->desc_count);
    for (uint32_t i = 0; i < fast->desc_count; i++)
        assert_memory_equal(&fast->descs[i], &slow->descs[i], sizeof fast->descs[i]);
    for (unsigned n = 0; n < PACKETS; n++)
        assert_true(fast->digests[n] == slow->digests[n]);
    assert_true(fast->usual > PACKETS / 4);
    assert_int_equal(slow->usual, 0);
    assert_true(fast->gaps > 100);
    free(fast);
    free(slow);
}

/* In one burst: a flow that begins puts out the oldest one, and then comes a usual packet. */
static void a_usual_packet_comes_after_the_ends_before_it(void **state) {
    struct datapath_fixture *f = *state;
    make_datapath(f, 1, DEPTH, true, 2, NULL);
    worker_starts(&f->base, 0);
    for (unsigned tuple = 0; tuple < 2; tuple++) {
        add_frame(f, tuple, 0, tuple_is_tcp(tuple) ? ACK : 0, 10, 0);
        send_burst(f);
    }
    const struct fb_tx *tx = tx_of(f);
    uint64_t from = tx->seq;
    add_frame(f, 2, 0, tuple_is_tcp(2) ? ACK : 0, 10, 0);
    add_frame(f, 1, 0, tuple_is_tcp(1) ? ACK : 0, 10, 0);
    send_burst(f);
    assert_int_equal(tx->seq - from, 3);
    static const bool is_end[] = {false, true, false};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal((tx->descs[(from + i) & tx->slot_mask].flags & FB_F_END) != 0, is_end[i]);
    consume(f, 0, DEPTH);
    finish_run(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DATAPATH_TEST(a_usual_packet_comes_after_the_ends_before_it),
        DATAPATH_TEST(both_ways_write_the_same_descriptors_and_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
