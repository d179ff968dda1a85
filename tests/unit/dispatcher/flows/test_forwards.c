/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/flows/forwards.c: by itself; in the ring of a lost worker: test_move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/flows/forwards.h"

#define HANDLES 100000u

static void no_handle_has_a_forward_at_first(void **state) {
    struct forwards forwards;
    (void)state;
    assert_int_equal(forwards_init(&forwards, HANDLES), 0);
    assert_false(forwards.used);
    for (uint32_t h = 0; h < HANDLES; h++)
        assert_int_equal(forwards.table[h].state, FORWARD_NONE);
    forwards_fini(&forwards);
}

static void what_was_set_stays_until_the_reset(void **state) {
    struct forwards forwards;
    (void)state;
    assert_int_equal(forwards_init(&forwards, HANDLES), 0);
    *forwards_at(&forwards, HANDLES - 1) =
        (struct forward){.state = FORWARD_BOUND, .worker = 3, .handle = 17, .seq = 9};
    assert_true(forwards.used);
    assert_int_equal(forwards_at(&forwards, HANDLES - 1)->handle, 17);
    assert_int_equal(forwards_at(&forwards, HANDLES - 2)->state, FORWARD_NONE);
    forwards_reset(&forwards, HANDLES);
    assert_false(forwards.used);
    assert_int_equal(forwards.table[HANDLES - 1].state, FORWARD_NONE);
    forwards_fini(&forwards);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_handle_has_a_forward_at_first),
        cmocka_unit_test(what_was_set_stays_until_the_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
