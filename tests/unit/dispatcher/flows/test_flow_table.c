/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/flow_table.c: finding, adding and removing, in tables of any size and
 * with poor hashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/flows/flow_table.h"
#include "dispatcher/flows/handles.h"
#include "dispatcher/flows/timer_wheel.h"
#include "tests/lib/random.h"

#define MOST_FLOWS 2048u
#define LINE_SLOTS 16u
#define LIVING_FLOWS 12u /* a line's share of the capacity */

/* The table, and for each entry what was put into it. */
static struct flow_table table;
static void *memory;
static uint64_t hash_of[MOST_FLOWS];
static struct fb_flow_key key_of[MOST_FLOWS];
static bool alive[MOST_FLOWS];

static uint32_t candidate_of(const struct flow_table *of, uint64_t hash) {
    uint32_t candidate = 0;
    flow_table_candidates(of, &hash, 1, &candidate);
    return candidate;
}

static void make_table(uint32_t capacity) {
    assert_true(capacity <= MOST_FLOWS);
    free(memory);
    size_t size = (flow_table_footprint(capacity) + 63) & ~(size_t)63;
    memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    memset(alive, 0, sizeof alive);
    flow_table_init(&table, memory, capacity);
}

static int no_table(void **state) {
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

static struct fb_flow_key key_number(uint64_t n) {
    return (struct fb_flow_key){.word = {n, ~n, n << 17, n * 3, n << 32 | FB_KEY_IP4}};
}

/* A hash that leads to a line, with a tag above the bits that hold the entry's number. */
static uint64_t hash_in(uint32_t line, uint32_t tag) {
    uint64_t upper = (((uint64_t)line << 32) + table.lines - 1) / table.lines;
    uint64_t hash = upper << 32 | (uint32_t)(tag * (table.index_mask + 1));
    assert_int_equal(flow_table_line(&table, hash), line);
    return hash;
}

static uint32_t add_with(uint64_t hash, uint64_t number) {
    struct fb_flow_key key = key_number(number);
    uint32_t flow = flow_table_add(&table, hash, &key);
    assert_true(flow < table.capacity);
    assert_false(alive[flow]);
    alive[flow] = true;
    key_of[flow] = key;
    hash_of[flow] = hash;
    return flow;
}

static uint32_t find(uint64_t hash, uint64_t number) {
    struct fb_flow_key key = key_number(number);
    return flow_table_find(&table, hash, &key);
}

static void drop(uint32_t flow) {
    assert_true(alive[flow]);
    flow_table_remove(&table, hash_of[flow], flow);
    alive[flow] = false;
}

static void every_living_flow_is_found(void) {
    uint32_t living = 0;
    for (uint32_t flow = 0; flow < table.capacity; flow++) {
        if (!alive[flow])
            continue;
        living++;
        assert_int_equal(flow_table_find(&table, hash_of[flow], &key_of[flow]), flow);
    }
    assert_int_equal(table.used, living);
    assert_int_equal(flow_table_full(&table), living == table.capacity);
}

static uint32_t flows_passed_over(void) {
    uint32_t sum = 0;
    for (uint32_t line = 0; line < table.lines; line++)
        sum += table.passed_over[line];
    return sum;
}

static uint32_t slots_in_use(void) {
    uint32_t n = 0;
    for (size_t i = 0; i < (size_t)table.lines * LINE_SLOTS; i++)
        n += table.slots[i] != 0;
    return n;
}

static void nothing_is_found_in_an_empty_table(void **state) {
    (void)state;
    make_table(100);
    for (uint32_t tag = 0; tag < 16; tag++) {
        for (uint32_t line = 0; line < table.lines; line++) {
            assert_int_equal(find(hash_in(line, tag), 0), NO_FLOW);
            assert_int_equal(candidate_of(&table, hash_in(line, tag)), NO_FLOW);
        }
    }
    assert_false(flow_table_full(&table));
}

static void a_key_of_all_zero_under_a_hash_of_all_zero_is_a_flow_like_any(void **state) {
    (void)state;
    const struct fb_flow_key zero = {0};
    make_table(100);
    assert_int_equal(flow_table_find(&table, 0, &zero), NO_FLOW);
    uint32_t flow = flow_table_add(&table, 0, &zero);
    assert_int_equal(candidate_of(&table, 0), flow);
    assert_int_equal(flow_table_find(&table, 0, &zero), flow);
    flow_table_remove(&table, 0, flow);
    assert_int_equal(candidate_of(&table, 0), NO_FLOW);
    assert_int_equal(flow_table_find(&table, 0, &zero), NO_FLOW);
}

static void a_table_for_one_flow_holds_one_after_another(void **state) {
    struct random random = random_from(3);
    (void)state;
    make_table(1);
    for (uint64_t n = 0; n < 1000; n++) {
        uint64_t hash = random_word(&random);
        assert_false(flow_table_full(&table));
        uint32_t flow = add_with(hash, n);
        assert_int_equal(flow, 0);
        assert_true(flow_table_full(&table));
        assert_int_equal(flow_table_id(&table, flow), n);
        assert_int_equal(find(hash, n), flow);
        assert_int_equal(find(hash, n + 1), NO_FLOW);
        drop(flow);
    }
}

static void a_new_entry_holds_its_key_and_zeros(void **state) {
    (void)state;
    make_table(8);
    uint32_t flow = add_with(77, 5);
    memset((char *)&table.entries[flow] + sizeof(struct fb_flow_key), 0xff,
           offsetof(struct flow_entry, reuse) - sizeof(struct fb_flow_key));
    table.entries[flow].generation = table.entries[flow].worker = table.entries[flow].state = 9;
    table.entries[flow].key.word[4] |= FLOW_BITS;
    drop(flow);
    assert_int_equal(add_with(78, 6), flow);
    struct flow_entry expected = {.key = key_number(6), .reuse = 1};
    expected.key.word[4] |= FLOW_LIVE;
    assert_memory_equal(&table.entries[flow], &expected, sizeof expected);
}

static void bits_beside_the_kind_do_not_disturb_equality(void **state) {
    (void)state;
    make_table(8);
    uint32_t flow = add_with(77, 5);
    for (uint64_t bits = 0; bits <= FLOW_BITS; bits += 4) {
        table.entries[flow].key.word[4] = (key_of[flow].word[4] & ~FLOW_BITS) | bits;
        /* But an entry that is not alive is no flow's, though its key is still there. */
        bool alive_bit = (bits & FLOW_LIVE) != 0;
        assert_int_equal(flow_table_is(&table, flow, &key_of[flow]), alive_bit);
        assert_int_equal(find(77, 5), alive_bit ? flow : NO_FLOW);
    }
}

static void keys_that_differ_in_any_other_bit_are_different_flows(void **state) {
    (void)state;
    make_table(8);
    uint32_t flow = add_with(77, 5);
    for (unsigned bit = 0; bit < 5 * 64; bit++) {
        struct fb_flow_key other = key_of[flow];
        other.word[bit / 64] ^= UINT64_C(1) << bit % 64;
        uint64_t free_bits = FLOW_BITS & ~(uint64_t)FLOW_LIVE;
        bool ours = bit >= 4 * 64 && ((UINT64_C(1) << bit % 64) & free_bits) != 0;
        assert_int_equal(flow_table_is(&table, flow, &other), ours);
        assert_int_equal(flow_table_find(&table, 77, &other), ours ? flow : NO_FLOW);
    }
}

static void flows_of_one_line_and_one_tag_are_told_apart(void **state) {
    (void)state;
    make_table(240);
    uint32_t flows[LINE_SLOTS];
    for (uint32_t tag = 0; tag < 2; tag++) {
        uint64_t hash = hash_in(3, tag);
        for (unsigned i = 0; i < LINE_SLOTS; i++)
            flows[i] = add_with(hash, i);
        assert_int_equal(candidate_of(&table, hash), flows[0]);
        every_living_flow_is_found();
        assert_int_equal(flows_passed_over(), 0);
        assert_int_equal(find(hash, LINE_SLOTS), NO_FLOW);
        /* The candidate is the first whose slot is taken. */
        drop(flows[0]);
        assert_int_equal(candidate_of(&table, hash), flows[1]);
        assert_int_equal(find(hash, 0), NO_FLOW);
        every_living_flow_is_found();
        for (unsigned i = 1; i < LINE_SLOTS; i++)
            drop(flows[i]);
        assert_int_equal(slots_in_use(), 0);
    }
}

static void more_flows_than_a_line_has_slots_go_to_the_next_lines(void **state) {
    (void)state;
    make_table(240);
    uint64_t hash = hash_in(5, 1);
    for (uint64_t n = 0; n < 3 * LINE_SLOTS + 1; n++)
        add_with(hash, n);
    assert_int_equal(table.passed_over[5], 2 * LINE_SLOTS + 1);
    assert_int_equal(table.passed_over[6], LINE_SLOTS + 1);
    assert_int_equal(table.passed_over[7], 1);
    assert_int_equal(table.passed_over[8], 0);
    every_living_flow_is_found();
    /* What is gone from the home line leaves the others where they are. */
    for (uint32_t flow = 0; flow < LINE_SLOTS; flow++)
        drop(flow);
    every_living_flow_is_found();
    assert_int_equal(find(hash, 0), NO_FLOW);
    /* A new one takes the free slot at home, and is not taken for one that overflowed. */
    uint32_t again = add_with(hash, 1000);
    every_living_flow_is_found();
    drop(again);
    for (uint32_t flow = LINE_SLOTS; flow < 3 * LINE_SLOTS + 1; flow++)
        drop(flow);
    assert_int_equal(flows_passed_over(), 0);
    assert_int_equal(slots_in_use(), 0);
}

static void the_line_after_the_last_is_the_first(void **state) {
    (void)state;
    make_table(240);
    uint64_t hash = hash_in(table.lines - 1, 2);
    for (uint64_t n = 0; n < LINE_SLOTS + 3; n++)
        add_with(hash, n);
    assert_int_equal(table.passed_over[table.lines - 1], 3);
    for (unsigned i = 0; i < LINE_SLOTS; i++)
        assert_int_equal(table.slots[i] != 0, i < 3);
    every_living_flow_is_found();
    for (uint32_t flow = 0; flow < LINE_SLOTS + 3; flow++)
        drop(flow);
    assert_int_equal(flows_passed_over(), 0);
}

static void a_count_of_overflow_that_reached_its_end_stays_and_loses_no_flow(void **state) {
    (void)state;
    make_table(480);
    uint64_t hash = hash_in(10, 3);
    uint32_t flows = LINE_SLOTS + 255 + 20;
    for (uint64_t n = 0; n < flows; n++)
        add_with(hash, n);
    assert_int_equal(table.passed_over[10], 255);
    every_living_flow_is_found();
    for (uint32_t flow = 0; flow < flows - 1; flow++) {
        drop(flow);
        if (flow % 16 == 0)
            every_living_flow_is_found();
    }
    /* It counted up no further, so it may not count down: the last one would be lost. */
    assert_int_equal(table.passed_over[10], 255);
    every_living_flow_is_found();
    drop(flows - 1);
    assert_int_equal(find(hash, flows - 1), NO_FLOW);
    assert_int_equal(slots_in_use(), 0);
}

static void every_flow_in_one_line_fills_the_table_and_empties_it(void **state) {
    (void)state;
    make_table(240);
    uint64_t hash = hash_in(table.lines / 2, 7);
    for (int round = 0; round < 2; round++) {
        for (uint64_t n = 0; n < table.capacity; n++)
            add_with(hash, n);
        assert_true(flow_table_full(&table));
        every_living_flow_is_found();
        assert_int_equal(find(hash, table.capacity), NO_FLOW);
        for (uint32_t flow = table.capacity; flow-- > 0;)
            drop(flow);
        assert_int_equal(slots_in_use(), 0);
    }
}

static void a_search_ends_when_every_line_was_passed_over(void **state) {
    (void)state;
    make_table(24);
    memset(table.passed_over, 255, table.lines);
    assert_int_equal(find(hash_in(1, 1), 1), NO_FLOW);
}

/* Hashes from few lines and tags, so that every kind of collision comes up. */
static uint64_t poor_hash(struct random *random) {
    return hash_in(random_below(random, 2) ? 0 : table.lines - 1, random_below(random, 2));
}

static void random_steps(struct random *random, uint32_t capacity, bool poor, uint32_t steps) {
    make_table(capacity);
    uint64_t number = 0;
    for (uint32_t step = 0; step < steps; step++) {
        /* Now mostly up, now mostly down, so that full and empty are both reached. */
        bool up = random_below(random, 8) < (step / (4 * capacity + 16) % 2 == 0 ? 7u : 1u);
        uint32_t flow = random_below(random, capacity);
        if (up && !flow_table_full(&table))
            add_with(poor ? poor_hash(random) : random_word(random), ++number);
        else if (alive[flow])
            drop(flow);
        assert_int_equal(find(poor ? poor_hash(random) : random_word(random), ++number), NO_FLOW);
        if (step % (capacity + 8) == 0)
            every_living_flow_is_found();
        assert_int_equal(slots_in_use(), table.used);
    }
    every_living_flow_is_found();
    for (uint32_t flow = 0; flow < capacity; flow++)
        if (alive[flow])
            drop(flow);
    assert_int_equal(slots_in_use(), 0);
    for (uint32_t line = 0; line < table.lines; line++)
        assert_true(table.passed_over[line] == 0 || table.passed_over[line] == 255);
}

static void random_use_agrees_with_a_plain_list(void **state) {
    (void)state;
    static const uint32_t capacities[] = {1, 2, 3, 11, 12, 13, 16, 17, 100, 512};
    struct random random = random_from(1);
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        random_steps(&random, capacities[i], false, 6000);
        random_steps(&random, capacities[i], true, 6000);
    }
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void ids_are_unique_over_reuse(void **state) {
    (void)state;
    enum { ids = 20000 };
    static uint64_t seen[ids];
    struct random random = random_from(2);
    make_table(50);
    for (uint32_t n = 0; n < ids; n++) {
        uint32_t flow = random_below(&random, 50);
        if (alive[flow])
            drop(flow);
        else if (flow_table_full(&table))
            continue;
        flow = add_with(random_word(&random), n);
        seen[n] = flow_table_id(&table, flow);
    }
    qsort(seen, ids, sizeof *seen, ascending);
    for (uint32_t n = 1; n < ids; n++)
        assert_true(seen[n - 1] < seen[n]);
}

static void ids_of_the_largest_default_use_stay_below_2_to_the_53(void **state) {
    (void)state;
    /* A million entries, each of which has served as many flows as can be counted. */
    struct flow_entry entry = {.reuse = UINT32_MAX};
    struct flow_table wide = {.entries = &entry - 999999, .capacity = 1000000};
    assert_true(flow_table_id(&wide, 999999) < UINT64_C(1) << 53);
}

static void a_flow_costs_at_most_96_bytes(void **state) {
    (void)state;
    const uint64_t flows = 1000000;
    uint64_t bytes =
        flow_table_footprint(1000000) + flows * (sizeof(struct timer_link) + sizeof(struct handle));
    assert_true(bytes <= 96 * flows);
}

static void the_largest_table_leaves_four_bits_of_tag(void **state) {
    (void)state;
    /* Nothing is touched by init: the memory need not be there. */
    struct flow_table wide;
    flow_table_init(&wide, memory, FLOW_TABLE_MAX);
    assert_int_equal(wide.index_mask, UINT32_MAX >> 4);
    assert_true(wide.index_mask >= FLOW_TABLE_MAX);
    assert_int_equal(flow_table_line(&wide, UINT64_MAX), wide.lines - 1);
    assert_true((uint64_t)wide.lines * LIVING_FLOWS >= FLOW_TABLE_MAX);
}

static void an_entry_whose_ids_are_used_up_is_retired_but_for_half_of_the_table(void **state) {
    (void)state;
    make_table(4);
    for (unsigned round = 0; round < 3; round++) {
        uint32_t flow = flow_table_add(&table, 7, &(struct fb_flow_key){.word = {round}});
        table.entries[flow].reuse = table.reuse_limit;
        assert_true(flow_table_id(&table, flow) < UINT64_C(1) << 53);
        flow_table_remove(&table, 7, flow);
    }
    assert_int_equal(table.retired, 2);
    assert_int_equal(flow_table_live(&table), 0);
    /* The two that are left go on serving. */
    for (uint64_t i = 0; i < 2; i++)
        flow_table_add(&table, 7, &(struct fb_flow_key){.word = {10 + i}});
    assert_true(flow_table_full(&table));
    assert_int_equal(flow_table_live(&table), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_an_empty_table),
        cmocka_unit_test(a_key_of_all_zero_under_a_hash_of_all_zero_is_a_flow_like_any),
        cmocka_unit_test(a_search_ends_when_every_line_was_passed_over),
        cmocka_unit_test(keys_that_differ_in_any_other_bit_are_different_flows),
        cmocka_unit_test(bits_beside_the_kind_do_not_disturb_equality),
        cmocka_unit_test(a_table_for_one_flow_holds_one_after_another),
        cmocka_unit_test(a_new_entry_holds_its_key_and_zeros),
        cmocka_unit_test(flows_of_one_line_and_one_tag_are_told_apart),
        cmocka_unit_test(more_flows_than_a_line_has_slots_go_to_the_next_lines),
        cmocka_unit_test(the_line_after_the_last_is_the_first),
        cmocka_unit_test(a_count_of_overflow_that_reached_its_end_stays_and_loses_no_flow),
        cmocka_unit_test(every_flow_in_one_line_fills_the_table_and_empties_it),
        cmocka_unit_test(random_use_agrees_with_a_plain_list),
        cmocka_unit_test(ids_are_unique_over_reuse),
        cmocka_unit_test(ids_of_the_largest_default_use_stay_below_2_to_the_53),
        cmocka_unit_test(an_entry_whose_ids_are_used_up_is_retired_but_for_half_of_the_table),
        cmocka_unit_test(a_flow_costs_at_most_96_bytes),
        cmocka_unit_test(the_largest_table_leaves_four_bits_of_tag),
    };
    return cmocka_run_group_tests(tests, NULL, no_table);
}
