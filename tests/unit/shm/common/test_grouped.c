/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/grouped.c: numbers for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_balancer/common/grouped.h"

static void a_comma_is_before_each_three_digits_but_the_first(void **state) {
    (void)state;
    static const struct {
        uint64_t number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {12345, "12,345"},
        {999999, "999,999"},
        {1234567, "1,234,567"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fb_grouped(cases[i].number).text, cases[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comma_is_before_each_three_digits_but_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
