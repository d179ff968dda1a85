/* SPDX-License-Identifier: BSD-2-Clause */
/* include/flow_balancer/common/clock.h: deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_balancer/common/clock.h"

static void a_deadline_beyond_the_clock_is_never(void **state) {
    (void)state;
    assert_true(fb_deadline_ns(5, 7) == 12);
    assert_true(fb_deadline_ns(5, UINT64_MAX) == UINT64_MAX);
    assert_true(fb_deadline_ns(5, UINT64_MAX - 6) == UINT64_MAX - 1);
    assert_true(fb_deadline_ns(5, UINT64_MAX - 5) == UINT64_MAX);
    assert_true(fb_deadline_ns(UINT64_MAX, 0) == UINT64_MAX);
    assert_true(fb_deadline_ns(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void the_clock_goes_on(void **state) {
    (void)state;
    uint64_t before = fb_now_ns();
    assert_true(fb_now_ns() >= before);
    assert_true(before != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_beyond_the_clock_is_never),
        cmocka_unit_test(the_clock_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
