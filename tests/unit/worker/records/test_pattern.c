/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/pattern.c: what % stands for in a text. */
#include <stdlib.h>

#include "tests/lib/unit.h"
#include "worker/records/pattern.h"

static void each_letter_stands_for_its_value(void **state) {
    (void)state;
    const struct pattern_values values = {
        .worker = 7, .incarnation = UINT64_C(1234567890123), .instance = "a%kb", .link_type = 101};
    static const char *const rows[][2] = {
        {"", ""},         {"plain", "plain"},
        {"%k", "7"},      {"a%r-%n-%l.pcap", "a1234567890123-a%kb-101.pcap"},
        {"%%k%%", "%k%"}, {"%k%k", "77"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(pattern_problem(rows[i][0], "krnl"));
        char *filled = pattern_fill(rows[i][0], &values);
        assert_string_equal(filled, rows[i][1]);
        free(filled);
    }
}

static void a_letter_that_stands_for_nothing_is_found(void **state) {
    (void)state;
    static const char *const rows[] = {"%", "a%", "%x", "%K", "%%%", "%k%%%d", "% k", "%k%l%n"};
    static const size_t at[] = {0, 1, 0, 0, 2, 4, 0, 2};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ptr_equal(pattern_problem(rows[i], "krn"), rows[i] + at[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_letter_stands_for_its_value),
        cmocka_unit_test(a_letter_that_stands_for_nothing_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
