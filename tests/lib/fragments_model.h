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
#define MODEL_DATAGRAMS 300u
#define MODEL_FRAMES 200u

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
    uint64_t held[MODEL_FRAMES];
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

struct fragments_model {
    struct fragments_fixture real; /* time is its */
    struct model_datagram datagrams[MODEL_DATAGRAMS];
    struct fragments_config limits;
    uint64_t turns;
    struct expected expected[MOST_SENT];
    unsigned expected_count;
};

/* For cmocka: neither the tracker nor the model is made yet. */
int fragments_model_set_up(void **state);
int fragments_model_tear_down(void **state);

/* Another tracker and model in the place of those before. */
void fragments_model_make(struct fragments_model *m, struct fragments_config config);

/* Each of these is done to both. Every other identification is of IPv6. */
void fragments_model_send(struct fragments_model *m, const struct event *e);
void fragments_model_expire(struct fragments_model *m);
void fragments_model_release(struct fragments_model *m);

/* To the model only: a frame is to be delivered now. */
void fragments_model_expect(struct fragments_model *m, uint64_t number, uint64_t ports);

/* Deliveries from a number on are those expected; what both count is equal. */
void fragments_model_compare_deliveries(const struct fragments_model *m, unsigned from);
void fragments_model_compare_state(const struct fragments_model *m);

#endif
