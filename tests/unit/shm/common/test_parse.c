/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/parse.c: values of options. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct caught caught;

/* Each refusal is one line that names the option, the value and the fix. */
static void expect_refusal(bool parsed, const char *text, const char *fix) {
    const char *said = catch_end(&caught);
    if (parsed)
        fail_msg("'%s' was taken", text);
    if (lines_of(said) != 1 || strstr(said, "--option '") == NULL || strstr(said, text) == NULL ||
        strstr(said, fix) == NULL)
        fail_msg("'%s' is refused with '%s', expected '%s' in it", text, said, fix);
}

static void digits_are_taken_up_to_what_is_none(void **state) {
    (void)state;
    static const struct {
        const char *text, *rest;
        uint64_t most, value;
    } good[] = {
        {"7", "", 7, 7},
        {"12,13", ",13", 99, 12},
        {"007-9", "-9", 7, 7},
        {"0x10", "x10", 0, 0},
        {"18446744073709551615", "", UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *text = good[i].text;
        uint64_t value = 99;
        assert_true(fb_parse_digits(&text, good[i].most, &value));
        assert_true(value == good[i].value);
        assert_string_equal(text, good[i].rest);
    }
}

static void a_sign_a_blank_or_too_many_digits_are_no_number(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", " 5", "+5", "-5", "x", "8", "18446744073709551616", "18446744073709551621"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = bad[i];
        uint64_t value;
        catch_begin(&caught);
        bool taken = fb_parse_digits(&text, 7, &value);
        assert_string_equal(catch_end(&caught), "");
        assert_false(taken);
    }
}

static void what_is_no_whole_number_in_range_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",  " 5", "5 ", "+5", "-5",  "0x10",        "5.0",
        "4", "13", "5K", "a",  "1e1", "99999999999", "18446744073709551621", /* 2^64 + 5 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value;
        catch_begin(&caught);
        bool parsed = fb_parse_count("--option", bad[i], 5, 12, &value);
        expect_refusal(parsed, bad[i], "whole number from 5 to 12");
    }
}

static void a_whole_number_beyond_64_bits_is_refused_where_all_others_are_taken(void **state) {
    (void)state;
    uint64_t value;
    catch_begin(&caught);
    bool parsed = fb_parse_count("--option", "18446744073709551616", 0, UINT64_MAX, &value);
    expect_refusal(parsed, "18446744073709551616", "to 18446744073709551615");
}

static void whole_numbers_are_taken_up_to_both_ends(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t least, most, value;
    } good[] = {
        {"5", 5, 12, 5},
        {"12", 5, 12, 12},
        {"0", 0, 0, 0},
        {"007", 0, 9, 7},
        {"18446744073709551615", 0, UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 99;
        assert_true(fb_parse_count("--option", good[i].text, good[i].least, good[i].most, &value));
        assert_true(value == good[i].value);
    }
}

static void what_is_no_size_in_range_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "K",
        "16KB",
        "16 M",
        "16m",
        "1.5M",
        "-1K",
        "1023",
        "2G",
        "1T",
        "KK",
        "16MM",
        "1048577K",
        "17179869185G", /* 2^64 + 1G */
        "18446744073709551616",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t bytes;
        catch_begin(&caught);
        bool parsed = fb_parse_size("--option", bad[i], 1024, 1 << 30, &bytes);
        expect_refusal(parsed, bad[i], "bytes from 1K to 1024M");
    }
}

static void sizes_are_taken_with_and_without_a_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"1024", 1024},  {"1K", 1024},   {"16M", 16 << 20},
        {"1G", 1 << 30}, {"1025", 1025}, {"1048576K", 1 << 30},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t bytes = 0;
        assert_true(fb_parse_size("--option", good[i].text, 1024, 1 << 30, &bytes));
        assert_true(bytes == good[i].bytes);
    }
}

static void what_is_no_duration_in_range_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", ".", "s", "1s", "-1", "+1", " 1", "1 ", "nan", "inf", "3601", "1e300", "1,5", "never",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t ns;
        catch_begin(&caught);
        bool parsed = fb_parse_duration("--option", bad[i], SECOND, 3600 * SECOND, &ns);
        expect_refusal(parsed, bad[i], "seconds from 0 to 3600");
    }
    uint64_t ns;
    catch_begin(&caught);
    expect_refusal(fb_parse_duration("--option", "1001", MS, SECOND, &ns), "1001",
                   "milliseconds from 0 to 1000");
}

static void durations_are_taken_in_their_unit_with_fractions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t unit_ns, ns;
    } good[] = {
        {"0", SECOND, 0},          {"1", SECOND, SECOND},           {"0.5", SECOND, 500 * MS},
        {".25", SECOND, 250 * MS}, {"3600", SECOND, 3600 * SECOND}, {"1000", MS, SECOND},
        {"0.001", MS, 1000},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t ns = 99;
        assert_true(
            fb_parse_duration("--option", good[i].text, good[i].unit_ns, 3600 * SECOND, &ns));
        assert_true(ns == good[i].ns);
    }
}

static const char *const words[] = {"block", "drop", "dropped", NULL};

static void a_word_that_is_not_in_the_list_is_refused_with_the_list(void **state) {
    (void)state;
    static const char *const bad[] = {"", "dro", "drops", "BLOCK", "block ", "block, drop"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned index = 99;
        catch_begin(&caught);
        bool parsed = fb_parse_word("--option", bad[i], words, &index);
        expect_refusal(parsed, bad[i], "give one of block, drop, dropped\n");
        assert_int_equal(index, 99);
    }
}

static void a_list_longer_than_a_line_is_cut_and_nothing_else(void **state) {
    (void)state;
    const char *many[65];
    for (unsigned i = 0; i < 64; i++)
        many[i] = "a-rather-long-word";
    many[64] = NULL;
    unsigned index;
    catch_begin(&caught);
    expect_refusal(fb_parse_word("--option", "x", many, &index), "x", "give one of a-rather-long");
}

static void every_word_has_its_index(void **state) {
    (void)state;
    for (unsigned i = 0; words[i] != NULL; i++) {
        unsigned index = 99;
        assert_true(fb_parse_word("--option", words[i], words, &index));
        assert_int_equal(index, i);
    }
}

int main(void) {
    fb_log_init("test_parse", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_taken_up_to_what_is_none),
        cmocka_unit_test(a_sign_a_blank_or_too_many_digits_are_no_number),
        cmocka_unit_test(what_is_no_whole_number_in_range_is_refused),
        cmocka_unit_test(a_whole_number_beyond_64_bits_is_refused_where_all_others_are_taken),
        cmocka_unit_test(whole_numbers_are_taken_up_to_both_ends),
        cmocka_unit_test(what_is_no_size_in_range_is_refused),
        cmocka_unit_test(sizes_are_taken_with_and_without_a_unit),
        cmocka_unit_test(what_is_no_duration_in_range_is_refused),
        cmocka_unit_test(durations_are_taken_in_their_unit_with_fractions),
        cmocka_unit_test(a_word_that_is_not_in_the_list_is_refused_with_the_list),
        cmocka_unit_test(a_list_longer_than_a_line_is_cut_and_nothing_else),
        cmocka_unit_test(every_word_has_its_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
