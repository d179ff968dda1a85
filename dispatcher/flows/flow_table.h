/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FLOW_TABLE_H
#define DISPATCHER_FLOWS_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/flow_key.h"
#include "flow_balancer/prefetch.h"

/*
 * The flow table: which flow a key belongs to. Private memory of the
 * dispatcher, one thread, fixed size; it never allocates and never refuses
 * while used < capacity.
 *
 * An index of 4-byte slots, 16 to a cache line, leads to entries of one cache
 * line each. A slot holds an entry's number + 1 in its low bits and a tag, some
 * bits of the hash, in the rest; 0 is free. A key's home line comes from the
 * upper half of its hash. A full line overflows into the next one, and counts
 * how many flows passed over it so that a search knows whether to go on.
 * Cost: two cache misses a look-up, both of which can be fetched ahead:
 *
 *   flow_table_prefetch()   the line of the index
 *   flow_table_candidates() the entries that the tags point to, and fetches them
 *   flow_table_is()         whether it is the flow; else flow_table_find()
 *
 * Load: 12 of 16 slots in the mean when the table is full. Memory a flow:
 * 64 bytes of entry, 5.3 of index, 0.1 of overflow counts.
 */
#define NO_FLOW UINT32_MAX

struct flow_entry {
    struct fb_flow_key key; /* the low byte of word[4] also holds FLOW_* bits */
    uint32_t last;          /* tick of the last packet */
    uint32_t seq;           /* packets captured so far */
    uint32_t handle;        /* of the worker; next free entry while free */
    uint32_t gap;           /* packets lost since the last one delivered */
    uint32_t reuse;         /* flows that had this entry before */
    uint16_t generation;    /* of the handle */
    uint8_t worker;
    uint8_t state; /* of its protocol, see flow_class.h */
};
_Static_assert(sizeof(struct flow_entry) == 64, "one flow is one cache line");

/* Bits beside the kind of the key (2 bits) in the low byte of word[4]. */
#define FLOW_FIRST_SWAPPED 0x80u /* the first packet came from the key's higher endpoint */
#define FLOW_BOUND 0x40u         /* a packet was delivered: worker, handle and generation hold */
#define FLOW_LIVE 0x20u          /* in the table; 0 in a free entry */
#define FLOW_BYPASSED 0x10u      /* its packets killed too often: they go to no worker */
#define FLOW_QUARANTINED 0x0cu   /* packets of it that were quarantined: 0 to 3 */
#define FLOW_QUARANTINED_SHIFT 2u
#define FLOW_BITS ((uint64_t)0xfc)

static inline bool flow_is_live(const struct flow_entry *entry) {
    return (entry->key.word[4] & FLOW_LIVE) != 0;
}

/* Whether it was given to a worker; one that is lost by now counts, see flows_has_worker(). */
static inline bool flow_is_bound(const struct flow_entry *entry) {
    return (entry->key.word[4] & FLOW_BOUND) != 0;
}

static inline bool flow_is_bypassed(const struct flow_entry *entry) {
    return (entry->key.word[4] & FLOW_BYPASSED) != 0;
}

static inline bool flow_first_swapped(const struct flow_entry *entry) {
    return (entry->key.word[4] & FLOW_FIRST_SWAPPED) != 0;
}

static inline unsigned flow_quarantined(const struct flow_entry *entry) {
    return (unsigned)(entry->key.word[4] & FLOW_QUARANTINED) >> FLOW_QUARANTINED_SHIFT;
}

static inline void flow_set_bits(struct flow_entry *entry, unsigned bits) {
    entry->key.word[4] |= bits;
}
static inline void flow_clear_bits(struct flow_entry *entry, unsigned bits) {
    entry->key.word[4] &= ~(uint64_t)bits;
}

static inline void flow_add_quarantined(struct flow_entry *entry) {
    entry->key.word[4] += 1u << FLOW_QUARANTINED_SHIFT;
}

/* The key as it was decoded, without the bits of the entry: what is hashed. */
static inline struct fb_flow_key flow_plain_key(const struct flow_entry *entry) {
    struct fb_flow_key key = entry->key;
    key.word[4] &= ~FLOW_BITS;
    return key;
}

struct flow_table {
    struct flow_entry *entries;
    uint32_t *slots;
    uint8_t *passed_over; /* per line: flows that live beyond it; 255 sticks */
    uint32_t capacity;
    uint32_t lines;
    uint32_t index_mask; /* the bits of a slot that hold an entry's number + 1 */
    uint32_t used;       /* entries that cannot be added, the retired ones included */
    uint32_t retired;    /* entries whose ids are used up */
    uint32_t reuse_limit;
    uint32_t free_head;
    uint32_t fresh; /* entries from here on were never used */
};

#define FLOW_TABLE_MAX (1u << 27) /* flows: leaves 4 bits of tag */

/* Bytes that a table of capacity flows (1 to FLOW_TABLE_MAX) needs. */
size_t flow_table_footprint(uint32_t capacity);

/* Sets up an empty table in zeroed memory of that size, 64-byte aligned, owned by the caller. */
void flow_table_init(struct flow_table *table, void *memory, uint32_t capacity);

static inline uint32_t flow_table_line(const struct flow_table *table, uint64_t hash) {
    return (uint32_t)(((hash >> 32) * table->lines) >> 32);
}

static inline void flow_table_prefetch(const struct flow_table *table, uint64_t hash) {
    fb_prefetch(&table->slots[(size_t)flow_table_line(table, hash) * 16]);
}

/* Of each of n hashes the first entry in the home line whose tag is the hash's, fetched ahead;
 * NO_FLOW if none. */
void flow_table_candidates(const struct flow_table *table, const uint64_t *hashes, unsigned n,
                           uint32_t *candidates);

/* True if the entry is the flow of key, and alive: a candidate may have ended since it was found.
 */
static inline bool flow_table_is(const struct flow_table *table, uint32_t flow,
                                 const struct fb_flow_key *key) {
    const struct fb_flow_key *have = &table->entries[flow].key;
    return ((have->word[0] ^ key->word[0]) | (have->word[1] ^ key->word[1]) |
            (have->word[2] ^ key->word[2]) | (have->word[3] ^ key->word[3]) |
            ((have->word[4] ^ key->word[4] ^ FLOW_LIVE) & ~(FLOW_BITS ^ FLOW_LIVE))) == 0;
}

/* The same, and that it was given to a worker and is not bypassed. */
static inline bool flow_table_is_bound(const struct flow_table *table, uint32_t flow,
                                       const struct fb_flow_key *key) {
    const uint64_t bits = FLOW_LIVE | FLOW_BOUND, free_bits = FLOW_FIRST_SWAPPED | FLOW_QUARANTINED;
    const struct fb_flow_key *have = &table->entries[flow].key;
    return ((have->word[0] ^ key->word[0]) | (have->word[1] ^ key->word[1]) |
            (have->word[2] ^ key->word[2]) | (have->word[3] ^ key->word[3]) |
            ((have->word[4] ^ key->word[4] ^ bits) & ~free_bits)) == 0;
}

/* The flow of key, or NO_FLOW. */
uint32_t flow_table_find(const struct flow_table *table, uint64_t hash,
                         const struct fb_flow_key *key);

/*
 * Adds a flow that is not in the table, which is not full. Returns its entry,
 * which holds the key, a reuse count, and zeros.
 */
uint32_t flow_table_add(struct flow_table *table, uint64_t hash, const struct fb_flow_key *key);

/*
 * Removes a flow; hash is its key's. The entry is free immediately, unless it has
 * served so many flows that its next id would not be below 2^53: then it is
 * retired. (At 5 million flows a second through one entry that takes a quarter
 * of an hour, so it must be thought of.) Half of the table is never retired;
 * there an id comes again after 2^32 flows.
 */
void flow_table_remove(struct flow_table *table, uint64_t hash, uint32_t flow);

static inline bool flow_table_full(const struct flow_table *table) {
    return table->used == table->capacity;
}

/* Flows in the table. */
static inline uint32_t flow_table_live(const struct flow_table *table) {
    return table->used - table->retired;
}

/* Unique in the run: an entry's number, and how many flows it has served. */
static inline uint64_t flow_table_id(const struct flow_table *table, uint32_t flow) {
    return (uint64_t)table->entries[flow].reuse * table->capacity + flow;
}

#endif
