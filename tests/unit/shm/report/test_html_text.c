/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/html_text.c: what comes from outside is harmless in the page, and numbers are for
 * people. */
#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shm/report/html_text.h"

static void expect_escaped(const char *text, size_t size, const char *expected) {
    char *page = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&page, &length);
    assert_non_null(out);
    html_escaped(out, text, size);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(page, expected);
    free(page);
}

#define ESCAPED(text, expected) expect_escaped(text, sizeof(text) - 1, expected)

static void markup_becomes_entities(void **state) {
    (void)state;
    ESCAPED("", "");
    ESCAPED("eth0", "eth0");
    ESCAPED("</td><script>alert('x')</script>",
            "&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    ESCAPED("\" onload=\"x", "&quot; onload=&quot;x");
    ESCAPED("a&lt;b", "a&amp;lt;b");
    ESCAPED("]]>", "]]&gt;");
}

static void what_is_not_seen_is_written_out(void **state) {
    (void)state;
    ESCAPED("a\0b", "a\\x00b");
    ESCAPED("\x1b[31m\r\n\t\x7f", "\\x1b[31m\\x0d\\x0a\\x09\\x7f");
    ESCAPED("\xc2\x85", "\\u{0085}");   /* a control character of ISO 8859-1 */
    ESCAPED("a\u202eb", "a\\u{202e}b"); /* turns the direction of writing */
    ESCAPED("a\u200bb\ufeff", "a\\u{200b}b\\u{feff}");
    ESCAPED("\u2066\uffff", "\\u{2066}\\u{ffff}");
    ESCAPED("\U0001fffe\U000e0041", "\\u{1fffe}\\u{e0041}");
}

static void characters_stay(void **state) {
    (void)state;
    ESCAPED("\u00e4\u20ac\U0001f600", "\u00e4\u20ac\U0001f600");
    ESCAPED("\U0010fffd\ud7ff\ue000", "\U0010fffd\ud7ff\ue000");
}

static void bytes_that_are_not_utf_8_are_written_out(void **state) {
    (void)state;
    ESCAPED("a\xff"
            "b",
            "a\\xffb");
    ESCAPED("\x80", "\\x80");
    ESCAPED("\xc0\xbc", "\\xc0\\xbc");          /* '<', too long */
    ESCAPED("\xe0\x80\xbc", "\\xe0\\x80\\xbc"); /* the same */
    ESCAPED("\xf0\x80\x80\xbc", "\\xf0\\x80\\x80\\xbc");
    ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* half of a pair of UTF-16 */
    ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond Unicode */
    ESCAPED("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
    ESCAPED("\xe2\x82", "\\xe2\\x82");      /* cut short */
    ESCAPED("\xe2\x82<", "\\xe2\\x82&lt;"); /* what follows is no part of it */
}

static void a_number_that_is_not_there_or_negative_is_zero(void **state) {
    (void)state;
    json_t *json = json_pack("{s:{s:{s:i}}, s:i, s:s, s:f}", "a", "b", "c", 7, "below", -3, "text",
                             "5", "real", 0.25);
    assert_true(html_at(json, "a.b.c") == 7);
    assert_true(html_at(json, "a.b.d") == 0);
    assert_true(html_at(json, "a.c.c") == 0);
    assert_true(html_at(json, "below") == 0);
    assert_true(html_at(json, "text") == 0);
    assert_true(html_at(json, "real") == 0.25);
    assert_true(html_at(NULL, "a.b.c") == 0);
    json_decref(json);
}

#define EXPECT(call, expected) assert_string_equal((call).text, expected)

static void numbers_are_short_and_have_units(void **state) {
    (void)state;
    EXPECT(html_count(0), "0");
    EXPECT(html_count(1234567), "1,234,567");
    EXPECT(html_count(1e30), "9,223,372,036,854,775,807");
    EXPECT(html_short(0), "0");
    EXPECT(html_short(0.25), "0.25");
    EXPECT(html_short(999), "999");
    EXPECT(html_short(999.7), "1 k");
    EXPECT(html_short(9999), "10 k");
    EXPECT(html_short(12345678), "12.3 M");
    EXPECT(html_short(1e40), "9.2 E");
    EXPECT(html_bytes(260000642), "260 MB");
    EXPECT(html_time(0.000082), "82 \u00b5s");
    EXPECT(html_time(3.05), "3.05 s");
    EXPECT(html_duration(0.499), "499 ms");
    EXPECT(html_duration(125), "2 min 5 s");
    EXPECT(html_duration(11520), "3 h 12 min");
    EXPECT(html_duration(363600), "4 d 5 h");
    EXPECT(html_duration(-5), "0 ns");
}

static void a_part_is_never_rounded_to_nothing_or_all(void **state) {
    (void)state;
    EXPECT(html_percent(0), "0 %");
    EXPECT(html_percent(1), "100 %");
    EXPECT(html_percent(0.123), "12.3 %");
    EXPECT(html_percent(1e-9), "below 0.001 %");
    EXPECT(html_percent(0.00004), "0.004 %");
    EXPECT(html_percent(0.9999999), "99.999 %");
    EXPECT(html_percent(INFINITY), "1000000 %");
}

static void times_of_day_have_tenths_where_steps_are_short(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    EXPECT(html_clock(1700000000, 1), "22:13:20");
    EXPECT(html_clock(1700000000.3, 0.1), "22:13:20.3");
    EXPECT(html_clock(1700000000.97, 0.1), "22:13:21.0");
    EXPECT(html_date(1700000000), "2023-11-14 22:13:20 UTC+0000");
    EXPECT(html_date(1e300), "1970-01-01 00:00:00 UTC+0000");
    EXPECT(html_clock(-1, 0.1), "00:00:00.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_becomes_entities),
        cmocka_unit_test(what_is_not_seen_is_written_out),
        cmocka_unit_test(characters_stay),
        cmocka_unit_test(bytes_that_are_not_utf_8_are_written_out),
        cmocka_unit_test(a_number_that_is_not_there_or_negative_is_zero),
        cmocka_unit_test(numbers_are_short_and_have_units),
        cmocka_unit_test(a_part_is_never_rounded_to_nothing_or_all),
        cmocka_unit_test(times_of_day_have_tenths_where_steps_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
