/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/json_text.c: what is not UTF-8 is escaped, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_balancer/common/json_text.h"

static void expect_text(const char *text, size_t size, const char *expected) {
    json_t *string = fb_json_text(text, size);
    assert_non_null(string);
    assert_string_equal(json_string_value(string), expected);
    json_decref(string);
}

static void utf_8_stays_as_it_is(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "a", "/tmp/a\\b \"c\"", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x90\x9f"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_text(texts[i], strlen(texts[i]), texts[i]);
}

static void other_bytes_are_escaped_one_by_one(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"\xff", "\\xff"},
        {"a\xff", "a\\xff"},
        {"\x80z", "\\x80z"},
        {"gr\xfc\xdf.pcap", "gr\\xfc\\xdf.pcap"},     /* Latin-1 */
        {"\xc3\xbc\xc3", "\xc3\xbc\\xc3"},            /* cut short */
        {"\xe2\x82", "\\xe2\\x82"},                   /* the same */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* longer than needed */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* half of a pair */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond the last character */
        {"\xff\xe2\x82\xac\xfe", "\\xff\xe2\x82\xac\\xfe"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_text(rows[i].text, strlen(rows[i].text), rows[i].expected);
}

static void only_size_bytes_are_read(void **state) {
    (void)state;
    static const char text[] = {'a', 'b', '\xff'};
    expect_text(text, 2, "ab");
    expect_text(text, 3, "ab\\xff");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf_8_stays_as_it_is),
        cmocka_unit_test(other_bytes_are_escaped_one_by_one),
        cmocka_unit_test(only_size_bytes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
