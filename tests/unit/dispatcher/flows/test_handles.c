/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/flows/handles.c: handles of one worker, their generations, and the ends that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/flows/handles.h"
#include "tests/lib/random.h"

#define HANDLES 64u

static struct handle table[HANDLES];
static struct handles handles;

static int fresh_handles(void **state) {
    (void)state;
    memset(table, 0, sizeof table);
    handles_init(&handles, table, HANDLES);
    return 0;
}

static void without_an_ended_flow_no_end_is_pending(void **state) {
    (void)state;
    struct pending_end end;
    uint16_t generation;
    assert_false(handles_pop_end(&handles, &end));
    handles_take(&handles, 7, &generation);
    assert_false(handles_pop_end(&handles, &end));
    assert_int_equal(handles.pending, 0);
}

static void handles_are_dense_and_begin_at_0(void **state) {
    (void)state;
    for (uint32_t i = 0; i < HANDLES; i++) {
        uint16_t generation = 9;
        assert_int_equal(handles_take(&handles, i, &generation), i);
        assert_int_equal(generation, 0);
    }
}

static void an_end_carries_flow_handle_generation_and_reason(void **state) {
    (void)state;
    uint16_t generation;
    const uint64_t id = (UINT64_C(1) << 53) - 1;
    for (unsigned reason = 0; reason < FB_END_COUNT; reason++) {
        uint32_t handle = handles_take(&handles, id - reason, &generation);
        assert_int_equal(handle, 0);
        assert_int_equal(generation, reason);
        handles_end(&handles, handle, (enum fb_end_reason)reason);
        struct pending_end end;
        assert_true(handles_pop_end(&handles, &end));
        assert_int_equal(end.flow_id, id - reason);
        assert_int_equal(end.handle, handle);
        assert_int_equal(end.generation, generation);
        assert_int_equal(end.reason, reason);
        handles_give_back(&handles, handle);
    }
}

static void ends_come_out_in_the_order_of_ending(void **state) {
    (void)state;
    static const uint32_t order[] = {5, 0, 7, 3, 1};
    struct pending_end end;
    uint16_t generation;
    for (uint32_t i = 0; i < 8; i++)
        handles_take(&handles, i, &generation);
    for (unsigned i = 0; i < 3; i++)
        handles_end(&handles, order[i], FB_END_CLOSED);
    assert_true(handles_pop_end(&handles, &end));
    assert_int_equal(end.handle, 5);
    for (unsigned i = 3; i < 5; i++)
        handles_end(&handles, order[i], FB_END_CLOSED);
    assert_int_equal(handles.pending, 4);
    for (unsigned i = 1; i < 5; i++) {
        assert_true(handles_pop_end(&handles, &end));
        assert_int_equal(end.handle, order[i]);
    }
    assert_false(handles_pop_end(&handles, &end));
    /* The list begins again after it was empty. */
    handles_end(&handles, 2, FB_END_CLOSED);
    assert_true(handles_pop_end(&handles, &end));
    assert_int_equal(end.handle, 2);
}

static void a_handle_whose_end_has_not_passed_is_not_taken_again(void **state) {
    (void)state;
    uint16_t generation;
    struct pending_end end;
    uint32_t handle = handles_take(&handles, 1, &generation);
    handles_end(&handles, handle, FB_END_CLOSED);
    assert_int_not_equal(handles_take(&handles, 2, &generation), handle);
    handles_pop_end(&handles, &end);
    assert_int_not_equal(handles_take(&handles, 3, &generation), handle);
    handles_give_back(&handles, handle);
    assert_int_equal(handles_take(&handles, 4, &generation), handle);
    assert_int_equal(generation, 1);
}

static void generations_wrap_after_65536_flows(void **state) {
    (void)state;
    uint16_t generation;
    struct pending_end end;
    for (uint32_t n = 0; n < 65537; n++) {
        assert_int_equal(handles_take(&handles, n, &generation), 0);
        assert_int_equal(generation, n % 65536);
        handles_end(&handles, 0, FB_END_CLOSED);
        handles_pop_end(&handles, &end);
        handles_give_back(&handles, 0);
    }
}

enum where { FREE, BOUND, PENDING, ENDING };

/* What became of each handle, and the pending ends in their order. */
struct model {
    enum where where[HANDLES];
    uint64_t flow_id[HANDLES];
    uint16_t generation[HANDLES];
    uint32_t pending[HANDLES], pending_count;
    uint32_t in_use;
};

static uint32_t any(struct random *random, const struct model *m, enum where where) {
    uint32_t from = random_below(random, HANDLES);
    for (uint32_t i = 0; i < HANDLES; i++)
        if (m->where[(from + i) % HANDLES] == where)
            return (from + i) % HANDLES;
    return NO_HANDLE;
}

static uint32_t how_many(const struct model *m, enum where where) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < HANDLES; i++)
        n += m->where[i] == where;
    return n;
}

static void take_one(struct model *m, uint64_t id) {
    uint16_t generation;
    uint32_t handle = handles_take(&handles, id, &generation);
    assert_true(handle < HANDLES);
    assert_int_equal(m->where[handle], FREE);
    assert_int_equal(generation, m->generation[handle]);
    m->where[handle] = BOUND;
    m->flow_id[handle] = id;
    m->in_use++;
}

static void pop_one(struct model *m) {
    struct pending_end end;
    assert_int_equal(handles_pop_end(&handles, &end), m->pending_count != 0);
    if (m->pending_count == 0)
        return;
    assert_int_equal(end.handle, m->pending[0]);
    assert_int_equal(end.flow_id, m->flow_id[end.handle]);
    assert_int_equal(end.generation, m->generation[end.handle]);
    memmove(m->pending, m->pending + 1, --m->pending_count * sizeof *m->pending);
    m->where[end.handle] = ENDING;
}

static void random_use_agrees_with_a_plain_list(void **state) {
    (void)state;
    static struct model m;
    struct random random = random_from(3);
    for (uint64_t step = 0; step < 50000; step++) {
        uint32_t handle;
        switch (random_below(&random, 4)) {
        case 0:
            if (m.in_use < HANDLES)
                take_one(&m, step);
            break;
        case 1:
            if ((handle = any(&random, &m, BOUND)) == NO_HANDLE)
                break;
            handles_end(&handles, handle, FB_END_CLOSED);
            m.where[handle] = PENDING;
            m.pending[m.pending_count++] = handle;
            break;
        case 2:
            pop_one(&m);
            break;
        default:
            if ((handle = any(&random, &m, ENDING)) == NO_HANDLE)
                break;
            handles_give_back(&handles, handle);
            m.where[handle] = FREE;
            m.generation[handle]++;
            m.in_use--;
        }
        assert_int_equal(handles.pending, m.pending_count);
        assert_int_equal(handles.bound, how_many(&m, BOUND));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_an_ended_flow_no_end_is_pending, fresh_handles),
        cmocka_unit_test_setup(a_handle_whose_end_has_not_passed_is_not_taken_again, fresh_handles),
        cmocka_unit_test_setup(handles_are_dense_and_begin_at_0, fresh_handles),
        cmocka_unit_test_setup(an_end_carries_flow_handle_generation_and_reason, fresh_handles),
        cmocka_unit_test_setup(ends_come_out_in_the_order_of_ending, fresh_handles),
        cmocka_unit_test_setup(generations_wrap_after_65536_flows, fresh_handles),
        cmocka_unit_test_setup(random_use_agrees_with_a_plain_list, fresh_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
