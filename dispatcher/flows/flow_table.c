/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/flow_table.h"

#include <assert.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define LINE_SLOTS 16u
#define LINE_LOAD                                                                                  \
    12u /* slots in use in the mean when full: overflow stays below 3 % of the flows */
#define STUCK 255u

static uint32_t line_count(uint32_t capacity) {
    return (capacity + LINE_LOAD - 1) / LINE_LOAD;
}

static size_t slots_offset(uint32_t capacity) {
    return (size_t)capacity * sizeof(struct flow_entry);
}

static size_t passed_offset(uint32_t capacity) {
    return slots_offset(capacity) + (size_t)line_count(capacity) * LINE_SLOTS * sizeof(uint32_t);
}

size_t flow_table_footprint(uint32_t capacity) {
    return passed_offset(capacity) + line_count(capacity);
}

static uint32_t reuse_limit(uint32_t capacity) {
    uint64_t limit = (UINT64_C(1) << 53) / capacity - 1;
    return limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

void flow_table_init(struct flow_table *table, void *memory, uint32_t capacity) {
    assert(capacity >= 1 && capacity <= FLOW_TABLE_MAX);
    uint32_t index_mask = 1;
    while (index_mask < capacity)
        index_mask = index_mask << 1 | 1;
    *table = (struct flow_table){
        .entries = memory,
        .slots = (uint32_t *)(void *)((char *)memory + slots_offset(capacity)),
        .passed_over = (uint8_t *)memory + passed_offset(capacity),
        .capacity = capacity,
        .lines = line_count(capacity),
        .index_mask = index_mask,
        .reuse_limit = reuse_limit(capacity),
        .free_head = NO_FLOW,
    };
}

/* Bit i is set where slot i of the line, under mask, has the value. */
static inline uint32_t match(const uint32_t *line, uint32_t mask, uint32_t value) {
#if defined(__SSE2__)
    const __m128i *four = (const __m128i *)(const void *)line;
    __m128i m = _mm_set1_epi32((int)mask), v = _mm_set1_epi32((int)value);
    __m128i a = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(four), m), v);
    __m128i b = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(four + 1), m), v);
    __m128i c = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(four + 2), m), v);
    __m128i d = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(four + 3), m), v);
    __m128i all = _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
    return (uint32_t)_mm_movemask_epi8(all);
#else
    uint32_t found = 0;
    for (unsigned i = 0; i < LINE_SLOTS; i++)
        found |= (uint32_t)((line[i] & mask) == value) << i;
    return found;
#endif
}

static inline const uint32_t *line_at(const struct flow_table *table, uint32_t line) {
    return &table->slots[(size_t)line * LINE_SLOTS];
}

/*
 * Slots with the hash's tag. A free slot is 0 and matches the tag 0 too: it is
 * taken out by looking at the number.
 */
static inline uint32_t match_tag(const struct flow_table *table, const uint32_t *line,
                                 uint64_t hash) {
    return match(line, ~table->index_mask, (uint32_t)hash & ~table->index_mask);
}

static inline uint32_t candidate(const struct flow_table *table, uint64_t hash) {
    const uint32_t *line = line_at(table, flow_table_line(table, hash));
    uint32_t found = match_tag(table, line, hash);
    while (found != 0) {
        uint32_t number = line[__builtin_ctz(found)] & table->index_mask;
        if (number != 0) {
            fb_prefetch_to_write(&table->entries[number - 1]);
            return number - 1;
        }
        found &= found - 1;
    }
    return NO_FLOW;
}

void flow_table_candidates(const struct flow_table *table, const uint64_t *hashes, unsigned n,
                           uint32_t *candidates) {
    const struct flow_table copy = *table; /* what is stored below could else be part of it */
    for (unsigned i = 0; i < n; i++)
        candidates[i] = candidate(&copy, hashes[i]);
}

uint32_t flow_table_find(const struct flow_table *table, uint64_t hash,
                         const struct fb_flow_key *key) {
    uint32_t at = flow_table_line(table, hash);
    for (uint32_t searched = 0; searched < table->lines; searched++) {
        const uint32_t *line = line_at(table, at);
        for (uint32_t found = match_tag(table, line, hash); found != 0; found &= found - 1) {
            uint32_t number = line[__builtin_ctz(found)] & table->index_mask;
            if (number != 0 && flow_table_is(table, number - 1, key))
                return number - 1;
        }
        if (table->passed_over[at] == 0)
            break;
        at = at + 1 < table->lines ? at + 1 : 0;
    }
    return NO_FLOW;
}

static uint32_t take_entry(struct flow_table *table) {
    uint32_t flow = table->free_head;
    if (flow == NO_FLOW)
        return table->fresh++;
    table->free_head = table->entries[flow].handle;
    return flow;
}

uint32_t flow_table_add(struct flow_table *table, uint64_t hash, const struct fb_flow_key *key) {
    assert(!flow_table_full(table));
    uint32_t flow = take_entry(table);
    table->used++;
    struct flow_entry *entry = &table->entries[flow];
    *entry = (struct flow_entry){.key = *key, .reuse = entry->reuse};
    flow_set_bits(entry, FLOW_LIVE);
    uint32_t at = flow_table_line(table, hash);
    for (;;) {
        uint32_t *line = &table->slots[(size_t)at * LINE_SLOTS];
        uint32_t empty = match(line, UINT32_MAX, 0);
        if (empty != 0) {
            line[__builtin_ctz(empty)] = ((uint32_t)hash & ~table->index_mask) | (flow + 1);
            return flow;
        }
        if (table->passed_over[at] != STUCK)
            table->passed_over[at]++;
        at = at + 1 < table->lines ? at + 1 : 0;
    }
}

void flow_table_remove(struct flow_table *table, uint64_t hash, uint32_t flow) {
    uint32_t at = flow_table_line(table, hash);
    uint32_t slot = ((uint32_t)hash & ~table->index_mask) | (flow + 1);
    for (;;) {
        uint32_t *line = &table->slots[(size_t)at * LINE_SLOTS];
        uint32_t found = match(line, UINT32_MAX, slot);
        if (found != 0) {
            line[__builtin_ctz(found)] = 0;
            break;
        }
        /* Added from home on, each full line on the way counted it: take that back. */
        if (table->passed_over[at] != STUCK)
            table->passed_over[at]--;
        at = at + 1 < table->lines ? at + 1 : 0;
    }
    struct flow_entry *entry = &table->entries[flow];
    flow_clear_bits(entry, FLOW_LIVE);
    if (entry->reuse == table->reuse_limit && table->retired < table->capacity / 2) {
        table->retired++;
        return;
    }
    entry->reuse++;
    entry->handle = table->free_head;
    table->free_head = flow;
    table->used--;
}
