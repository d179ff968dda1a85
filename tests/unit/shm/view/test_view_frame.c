/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/frame.c and shm/view/amount.c: lines that nothing breaks, and amounts in few columns. */
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/amount.h"
#include "shm/view/frame.h"

static void what_is_no_printable_character_becomes_a_question_mark(void **state) {
    (void)state;
    struct frame frame = {.lines = NULL};
    frame_begin(&frame, 80);
    frame_new_line(&frame);
    frame_add(&frame, FRAME_BAD, "a\x1b[2Jb\nc\td\x7f\x80\xff~");
    assert_string_equal(frame.lines[0].text, "a?[2Jb?c?d???~");
    assert_int_equal(frame.lines[0].length, 14);
    assert_int_equal(frame.lines[0].styles[13], FRAME_BAD);
    frame_free(&frame);
}

static void lines_are_cut_at_the_width(void **state) {
    (void)state;
    struct frame frame = {.lines = NULL};
    frame_begin(&frame, 5);
    frame_new_line(&frame);
    frame_add(&frame, FRAME_PLAIN, "abc");
    assert_int_equal(frame_left(&frame), 2);
    frame_add(&frame, FRAME_BOLD, "defg");
    assert_string_equal(frame.lines[0].text, "abcde");
    frame_pad(&frame, 9);
    assert_int_equal(frame_left(&frame), 0);
    frame_cut(&frame, 2);
    frame_pad(&frame, 4);
    assert_string_equal(frame.lines[0].text, "ab  ");
    frame_begin(&frame, 100000);
    assert_int_equal(frame.width, FRAME_COLUMNS_MAX);
    frame_free(&frame);
}

static void words_go_on_in_the_next_line(void **state) {
    (void)state;
    struct frame frame = {.lines = NULL};
    frame_begin(&frame, 10);
    frame_add_words(&frame, FRAME_PLAIN, 2, "! one two three longerthanaline x");
    assert_int_equal(frame.count, 4);
    assert_string_equal(frame.lines[0].text, "! one two");
    assert_string_equal(frame.lines[1].text, "  three");
    assert_string_equal(frame.lines[2].text, "  longerth");
    assert_string_equal(frame.lines[3].text, "  x");
    frame_free(&frame);
}

static void a_frame_takes_any_number_of_lines_and_is_used_again(void **state) {
    (void)state;
    struct frame frame = {.lines = NULL}, copy = {.lines = NULL};
    frame_begin(&frame, 20);
    for (unsigned i = 0; i < 1000; i++) {
        frame_new_line(&frame);
        frame_add(&frame, FRAME_PLAIN, "line %u", i);
    }
    assert_string_equal(frame.lines[999].text, "line 999");
    frame_begin(&copy, 6);
    frame_copy_line(&copy, &frame.lines[999]);
    assert_string_equal(copy.lines[0].text, "line 9");
    frame_begin(&frame, 20);
    assert_int_equal(frame.count, 0);
    frame_new_line(&frame);
    assert_string_equal(frame.lines[0].text, "");
    assert_int_equal(frame.lines[0].worker, -1);
    frame_free(&frame);
    frame_free(&copy);
}

#define AMOUNT(number, expected) assert_string_equal(amount_of(number).text, expected)
#define TIME(ns, expected) assert_string_equal(amount_ns(ns).text, expected)

static void amounts_take_five_columns(void **state) {
    (void)state;
    AMOUNT(-1, "-");
    AMOUNT(0, "0");
    AMOUNT(0.01, "<0.1");
    AMOUNT(0.3, "0.3");
    AMOUNT(7, "7");
    AMOUNT(9.96, "10");
    AMOUNT(999, "999");
    AMOUNT(999.6, "1.00k");
    AMOUNT(12345, "12.3k");
    AMOUNT(999600, "1.00M");
    AMOUNT(123456789, "123M");
    AMOUNT(1e30, "1.00E");
    for (double number = 1e-3; number < 1e19; number *= 1.37)
        assert_true(strlen(amount_of(number).text) <= 5);
}

static void times_take_six_columns(void **state) {
    (void)state;
    TIME(-1, "-");
    TIME(0, "0ns");
    TIME(640, "640ns");
    TIME(2100, "2.1us");
    TIME(82000, "82us");
    TIME(1.5e9, "1.5s");
    for (double ns = 1; ns < 1e20; ns *= 1.37)
        assert_true(strlen(amount_ns(ns).text) <= 6);
    assert_string_equal(amount_uptime(7).text, "0:07");
    assert_string_equal(amount_uptime(3723).text, "1:02:03");
    assert_string_equal(amount_uptime(3 * 86400 + 4 * 3600 + 300).text, "3d 04:05");
    assert_string_equal(amount_uptime(-1).text, "-");
}

/* What is lost is never shown as nothing, and what is not all never as all. */
static void shares_do_not_round_to_none_or_all(void **state) {
    (void)state;
    assert_string_equal(amount_share(0, 0).text, "0%");
    assert_string_equal(amount_share(1, 1e9).text, "<0.1%");
    assert_string_equal(amount_share(4, 1000).text, "0.4%");
    assert_string_equal(amount_share(12, 100).text, "12%");
    assert_string_equal(amount_share(999, 1000).text, "99%");
    assert_string_equal(amount_share(3, 2).text, "100%");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_printable_character_becomes_a_question_mark),
        cmocka_unit_test(lines_are_cut_at_the_width),
        cmocka_unit_test(words_go_on_in_the_next_line),
        cmocka_unit_test(a_frame_takes_any_number_of_lines_and_is_used_again),
        cmocka_unit_test(amounts_take_five_columns),
        cmocka_unit_test(times_take_six_columns),
        cmocka_unit_test(shares_do_not_round_to_none_or_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
