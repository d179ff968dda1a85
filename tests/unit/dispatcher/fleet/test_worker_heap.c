/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/worker_heap.c: order, refusals, and a linear scan as its model. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "dispatcher/fleet/worker_heap.h"
#include "tests/lib/random.h"

static struct worker_heap heap;

static int empty_heap(void **state) {
    (void)state;
    worker_heap_init(&heap);
    return 0;
}

static void an_empty_heap_has_no_top(void **state) {
    (void)state;
    assert_int_equal(worker_heap_top(&heap), WORKER_HEAP_NONE);
    assert_int_equal(heap.count, 0);
    assert_false(worker_heap_contains(&heap, 0));
}

static void a_worker_number_too_high_is_refused(void **state) {
    (void)state;
    assert_false(worker_heap_add(&heap, WORKER_HEAP_MAX, 1));
    assert_false(worker_heap_add(&heap, UINT32_MAX, 1));
    assert_false(worker_heap_remove(&heap, WORKER_HEAP_MAX));
    assert_false(worker_heap_update(&heap, UINT32_MAX, 1));
    assert_false(worker_heap_contains(&heap, WORKER_HEAP_MAX));
    assert_int_equal(heap.count, 0);
}

static void a_worker_that_is_in_is_not_added_again(void **state) {
    (void)state;
    assert_true(worker_heap_add(&heap, 3, 5));
    assert_true(worker_heap_add(&heap, 4, 6));
    assert_false(worker_heap_add(&heap, 4, 1));
    assert_int_equal(heap.count, 2);
    assert_int_equal(worker_heap_top(&heap), 3);
}

static void a_worker_that_is_not_in_is_not_removed_or_updated(void **state) {
    (void)state;
    worker_heap_add(&heap, 3, 5);
    assert_false(worker_heap_remove(&heap, 2));
    assert_false(worker_heap_update(&heap, 2, 0));
    assert_true(worker_heap_remove(&heap, 3));
    assert_false(worker_heap_remove(&heap, 3));
    assert_int_equal(worker_heap_top(&heap), WORKER_HEAP_NONE);
}

static void equal_loads_go_to_the_lower_number(void **state) {
    (void)state;
    for (uint32_t i = WORKER_HEAP_MAX; i-- > 0;)
        worker_heap_add(&heap, i, UINT64_MAX);
    for (uint32_t i = 0; i < WORKER_HEAP_MAX; i++) {
        assert_int_equal(worker_heap_top(&heap), i);
        assert_true(worker_heap_remove(&heap, i));
    }
}

static void of_equal_loads_near_workers_come_before_far_ones(void **state) {
    (void)state;
    for (uint32_t i = 0; i < WORKER_HEAP_MAX; i++)
        assert_true(worker_heap_set_far(&heap, i, i % 2 == 0));
    for (uint32_t i = WORKER_HEAP_MAX; i-- > 0;)
        worker_heap_add(&heap, i, 7);
    worker_heap_update(&heap, 200, 6); /* far, but with less load */
    assert_int_equal(worker_heap_top(&heap), 200);
    worker_heap_update(&heap, 200, 7);
    for (uint32_t i = 0; i < WORKER_HEAP_MAX; i++) {
        uint32_t wanted = i < WORKER_HEAP_MAX / 2 ? 2 * i + 1 : 2 * i - WORKER_HEAP_MAX;
        assert_int_equal(worker_heap_top(&heap), wanted);
        assert_true(worker_heap_remove(&heap, wanted));
    }
    /* Near again. */
    assert_true(worker_heap_set_far(&heap, 0, false));
    worker_heap_add(&heap, 0, 7);
    worker_heap_add(&heap, 1, 7);
    assert_int_equal(worker_heap_top(&heap), 0);
}

static void far_is_not_said_of_a_worker_that_is_in_or_cannot_be(void **state) {
    (void)state;
    worker_heap_add(&heap, 3, 5);
    assert_false(worker_heap_set_far(&heap, 3, true));
    assert_false(worker_heap_set_far(&heap, WORKER_HEAP_MAX, true));
    assert_false(worker_heap_set_far(&heap, UINT32_MAX, true));
}

static void loads_are_compared_in_all_64_bits(void **state) {
    (void)state;
    worker_heap_add(&heap, 1, UINT64_C(1) << 63);
    worker_heap_add(&heap, 2, UINT64_C(1) << 32);
    worker_heap_add(&heap, 3, (UINT64_C(1) << 32) - 1);
    assert_int_equal(worker_heap_top(&heap), 3);
    worker_heap_update(&heap, 3, UINT64_MAX);
    assert_int_equal(worker_heap_top(&heap), 2);
    worker_heap_update(&heap, 1, 0);
    assert_int_equal(worker_heap_top(&heap), 1);
}

/* No entry is before its parent, and each worker's position is where it is. */
static void heap_is_in_order(void) {
    for (uint32_t i = 0; i < heap.count; i++) {
        const struct worker_heap_entry *entry = &heap.entries[i];
        const struct worker_heap_entry *parent = &heap.entries[i == 0 ? 0 : (i - 1) / 2];
        assert_int_equal(heap.place[entry->worker].position, i + 1);
        assert_true(parent->load < entry->load ||
                    (parent->load == entry->load && parent->worker <= entry->worker));
    }
}

static void what_fills_the_place_of_a_removed_worker_may_rise(void **state) {
    (void)state;
    static const uint64_t loads[] = {0, 100, 1, 101, 102, 2, 3};
    for (uint32_t i = 0; i < 7; i++)
        worker_heap_add(&heap, i, loads[i]);
    /* The last, 3, comes below 100 and has to change places with it. */
    worker_heap_remove(&heap, 3);
    heap_is_in_order();
    assert_int_equal(heap.entries[1].worker, 6);
}

struct model {
    bool in[WORKER_HEAP_MAX];
    uint64_t load[WORKER_HEAP_MAX];
    uint32_t count;
};

static uint32_t model_top(const struct model *m) {
    uint32_t top = WORKER_HEAP_NONE;
    for (uint32_t i = 0; i < WORKER_HEAP_MAX; i++)
        if (m->in[i] && (top == WORKER_HEAP_NONE || m->load[i] < m->load[top]))
            top = i;
    return top;
}

static void one_random_step(struct random *random, struct model *m, uint32_t workers) {
    uint32_t worker = random_below(random, workers);
    uint64_t load =
        random_below(random, 2) ? random_below(random, 10) : random_below(random, UINT32_MAX);
    bool was_in = m->in[worker];
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        assert_int_equal(worker_heap_add(&heap, worker, load), !was_in);
        m->load[worker] = was_in ? m->load[worker] : load;
        m->in[worker] = true;
        m->count += !was_in;
        break;
    case 2:
        assert_int_equal(worker_heap_remove(&heap, worker), was_in);
        m->in[worker] = false;
        m->count -= was_in;
        break;
    default:
        assert_int_equal(worker_heap_update(&heap, worker, load), was_in);
        m->load[worker] = load;
    }
}

static void random_use_agrees_with_a_linear_scan(void **state) {
    (void)state;
    struct random random = random_from(1);
    static const uint32_t workers[] = {1, 2, 3, 8, 64, WORKER_HEAP_MAX};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        struct model m = {.count = 0};
        worker_heap_init(&heap);
        for (uint32_t step = 0; step < 20000; step++) {
            one_random_step(&random, &m, workers[i]);
            assert_int_equal(worker_heap_top(&heap), model_top(&m));
            assert_int_equal(heap.count, m.count);
            if (step % 16 == 0)
                heap_is_in_order();
            uint32_t worker = random_below(&random, workers[i]);
            assert_int_equal(worker_heap_contains(&heap, worker), m.in[worker]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_heap_has_no_top, empty_heap),
        cmocka_unit_test_setup(a_worker_number_too_high_is_refused, empty_heap),
        cmocka_unit_test_setup(a_worker_that_is_in_is_not_added_again, empty_heap),
        cmocka_unit_test_setup(a_worker_that_is_not_in_is_not_removed_or_updated, empty_heap),
        cmocka_unit_test_setup(equal_loads_go_to_the_lower_number, empty_heap),
        cmocka_unit_test_setup(of_equal_loads_near_workers_come_before_far_ones, empty_heap),
        cmocka_unit_test_setup(far_is_not_said_of_a_worker_that_is_in_or_cannot_be, empty_heap),
        cmocka_unit_test_setup(loads_are_compared_in_all_64_bits, empty_heap),
        cmocka_unit_test_setup(what_fills_the_place_of_a_removed_worker_may_rise, empty_heap),
        cmocka_unit_test_setup(random_use_agrees_with_a_linear_scan, empty_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
