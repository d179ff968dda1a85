/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/flow_states.c: the state of each flow, found by its handle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/random.h"
#include "worker/consumer/flow_states.h"

#define FLOW_BYTES 24u

static struct flow_states states;
static bool known;

static int fresh_states(void **state) {
    (void)state;
    return flow_states_init(&states, FLOW_BYTES);
}

static int no_states(void **state) {
    (void)state;
    flow_states_fini(&states);
    return 0;
}

static bool all_zero(const void *flow) {
    static const char zero[FLOW_BYTES];
    return memcmp(flow, zero, FLOW_BYTES) == 0;
}

static void a_handle_out_of_range_gets_no_state(void **state) {
    (void)state;
    fb_log_set_level(FB_LOG_ERROR);
    uint64_t first = (uint64_t)FLOW_STATES_PER_CHUNK * FLOW_STATES_CHUNKS;
    assert_null(flow_states_begin(&states, (uint32_t)first, 0, 0, &known));
    assert_null(flow_states_begin(&states, UINT32_MAX, 0, 0, &known));
    assert_null(flow_states_end(&states, (uint32_t)first, 0));
    assert_null(flow_states_end(&states, UINT32_MAX, 0));
    assert_non_null(flow_states_begin(&states, (uint32_t)first - 1, 0, 0, &known));
}

static void a_flow_that_was_not_begun_cannot_end(void **state) {
    (void)state;
    assert_null(flow_states_end(&states, 5, 0));
    flow_states_begin(&states, 4, 0, 0, &known);
    /* Its neighbour in the same chunk, and another generation of itself. */
    assert_null(flow_states_end(&states, 5, 0));
    assert_null(flow_states_end(&states, 4, 1));
    assert_non_null(flow_states_end(&states, 4, 0));
    assert_null(flow_states_end(&states, 4, 0));
}

static void a_flow_keeps_its_memory_until_its_end(void **state) {
    (void)state;
    char *flow = flow_states_begin(&states, 9, 3, 0, &known);
    assert_false(known);
    assert_true(all_zero(flow));
    assert_int_equal((uintptr_t)flow % 16, 0);
    memset(flow, 0x5a, FLOW_BYTES);
    /* What begins elsewhere, near or far, moves nothing. */
    for (uint32_t handle = 10; handle < 40000; handle += 7)
        memset(flow_states_begin(&states, handle, 0, 0, &known), 0xff, FLOW_BYTES);
    assert_ptr_equal(flow_states_begin(&states, 9, 3, 0, &known), flow);
    assert_true(known);
    for (unsigned i = 0; i < FLOW_BYTES; i++)
        assert_int_equal(flow[i], 0x5a);
    assert_ptr_equal(flow_states_end(&states, 9, 3), flow);
    assert_int_equal(flow[0], 0x5a); /* valid until the next call */
    assert_ptr_equal(flow_states_begin(&states, 9, 3, 0, &known), flow);
    assert_false(known);
    assert_true(all_zero(flow));
}

static void another_generation_begins_with_zeros(void **state) {
    (void)state;
    char *flow = flow_states_begin(&states, 9, 65535, 0, &known);
    memset(flow, 0x5a, FLOW_BYTES);
    assert_ptr_equal(flow_states_begin(&states, 9, 0, 0, &known), flow);
    assert_false(known);
    assert_true(all_zero(flow));
    assert_null(flow_states_end(&states, 9, 65535));
}

static void neighbours_do_not_overlap(void **state) {
    (void)state;
    static const uint32_t handles[] = {0, 1, 2, FLOW_STATES_PER_CHUNK - 1, FLOW_STATES_PER_CHUNK};
    unsigned n = sizeof handles / sizeof *handles;
    for (unsigned i = 0; i < n; i++)
        memset(flow_states_begin(&states, handles[i], 0, 0, &known), (int)i + 1, FLOW_BYTES);
    for (unsigned i = 0; i < n; i++) {
        const char *flow = flow_states_begin(&states, handles[i], 0, 0, &known);
        assert_true(known);
        for (unsigned j = 0; j < FLOW_BYTES; j++)
            assert_int_equal(flow[j], i + 1);
    }
}

static void an_inspector_without_state_still_knows_its_flows(void **state) {
    (void)state;
    struct flow_states bare;
    assert_int_equal(flow_states_init(&bare, 0), 0);
    assert_int_equal(bare.flow_bytes, 0);
    assert_non_null(flow_states_begin(&bare, 0, 0, 0, &known));
    assert_false(known);
    assert_non_null(flow_states_begin(&bare, FLOW_STATES_PER_CHUNK - 1, 0, 0, &known));
    assert_false(known);
    assert_non_null(flow_states_begin(&bare, 0, 0, 0, &known));
    assert_true(known);
    assert_non_null(flow_states_end(&bare, 0, 0));
    assert_null(flow_states_end(&bare, 0, 0));
    flow_states_fini(&bare);
}

static void take_finds_each_living_flow_once_and_forgets_it(void **state) {
    (void)state;
    static const uint32_t handles[] = {0, 1, 4095, 4096, 4097, 100000};
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t *flow = flow_states_begin(&states, handles[i], 0, 100 + i, &known);
        *flow = i;
    }
    flow_states_end(&states, 4096, 0);
    uint32_t next = 0;
    struct begun_flow flow;
    for (uint32_t i = 0; i < 6; i++) {
        if (handles[i] == 4096)
            continue;
        assert_true(flow_states_take(&states, &next, &flow));
        assert_int_equal(flow.handle, handles[i]);
        assert_int_equal(flow.flow_id, 100 + i);
        assert_int_equal(*(uint32_t *)flow.state, i);
    }
    assert_false(flow_states_take(&states, &next, &flow));
    assert_false(flow_states_take(&states, &next, &flow));
    next = 0;
    assert_false(flow_states_take(&states, &next, &flow));
    assert_null(flow_states_end(&states, 0, 0));
}

static void random_use_agrees_with_a_plain_list(void **state) {
    (void)state;
    enum { handles = 3 * FLOW_STATES_PER_CHUNK };
    static struct {
        bool begun;
        uint16_t generation;
        uint64_t stored;
    } model[handles];
    struct random random = random_from(4);
    for (uint64_t step = 1; step < 100000; step++) {
        uint32_t handle = random_below(&random, handles) & ~15u;
        uint16_t generation = (uint16_t)random_below(&random, 2);
        bool is_known = model[handle].begun && model[handle].generation == generation;
        uint64_t *flow;
        if (random_below(&random, 3) == 0) {
            flow = flow_states_end(&states, handle, generation);
            assert_int_equal(flow != NULL, is_known);
            model[handle].begun = model[handle].begun && !is_known;
        } else {
            flow = flow_states_begin(&states, handle, generation, 0, &known);
            assert_int_equal(known, is_known);
            assert_int_equal(*flow, is_known ? model[handle].stored : 0);
            *flow = model[handle].stored = step;
            model[handle].begun = true;
            model[handle].generation = generation;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handle_out_of_range_gets_no_state, fresh_states,
                                        no_states),
        cmocka_unit_test_setup_teardown(a_flow_that_was_not_begun_cannot_end, fresh_states,
                                        no_states),
        cmocka_unit_test_setup_teardown(a_flow_keeps_its_memory_until_its_end, fresh_states,
                                        no_states),
        cmocka_unit_test_setup_teardown(another_generation_begins_with_zeros, fresh_states,
                                        no_states),
        cmocka_unit_test_setup_teardown(neighbours_do_not_overlap, fresh_states, no_states),
        cmocka_unit_test_setup_teardown(an_inspector_without_state_still_knows_its_flows,
                                        fresh_states, no_states),
        cmocka_unit_test_setup_teardown(take_finds_each_living_flow_once_and_forgets_it,
                                        fresh_states, no_states),
        cmocka_unit_test_setup_teardown(random_use_agrees_with_a_plain_list, fresh_states,
                                        no_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
