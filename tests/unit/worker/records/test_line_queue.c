/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/line_queue.c: a ring of lines. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/records/line_queue.h"

static struct line_queue queue;

static int set_up(void **state) {
    (void)state;
    return line_queue_open(&queue, 16);
}

static int tear_down(void **state) {
    (void)state;
    line_queue_close(&queue);
    return 0;
}

/* Empty, with the next position so far into the ring. */
static void begin_at(uint64_t position) {
    queue.in = queue.out = queue.first = position;
    queue.lines = 0;
}

static const char *first_line(void) {
    static char text[32];
    struct iovec parts[2];
    int count = line_queue_first(&queue, parts);
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        memcpy(text + used, parts[i].iov_base, parts[i].iov_len);
        used += parts[i].iov_len;
    }
    text[used] = '\0';
    return text;
}

static bool add(const char *line) {
    return line_queue_add(&queue, line, strlen(line), 0);
}

static void lines_come_out_as_they_went_in_wherever_the_ring_ends(void **state) {
    (void)state;
    for (unsigned at = 0; at < 40; at++) {
        begin_at(at < 20 ? at : UINT64_MAX - 45 + at); /* and where positions wrap */
        assert_string_equal(first_line(), "");
        assert_true(add("one\n") && add("three\n") && add("\n"));
        assert_int_equal(queue.lines, 3);
        assert_string_equal(first_line(), "one\n");
        assert_false(line_queue_sent(&queue, 2));
        assert_true(line_queue_is_torn(&queue));
        assert_string_equal(first_line(), "e\n");
        assert_true(line_queue_sent(&queue, 2));
        assert_false(line_queue_is_torn(&queue));
        assert_string_equal(first_line(), "three\n");
        assert_true(line_queue_sent(&queue, 6));
        assert_true(line_queue_sent(&queue, 1));
        assert_true(line_queue_is_empty(&queue));
        assert_string_equal(first_line(), "");
    }
}

static void a_full_queue_refuses_and_changes_nothing(void **state) {
    (void)state;
    for (unsigned at = 0; at < 16; at++) {
        begin_at(at);
        assert_false(add("0123456789abcdef\n"));
        assert_true(add("0123456789abcde\n"));
        assert_false(add("\n"));
        line_queue_sent(&queue, 15); /* its bytes stay until the last is sent */
        assert_false(add("\n"));
        line_queue_sent(&queue, 1);
        assert_true(add("\n"));
        assert_string_equal(first_line(), "\n");
    }
}

static void a_line_sent_in_part_is_sent_again_from_its_begin(void **state) {
    (void)state;
    begin_at(11);
    assert_true(add("one\n") && add("two\n"));
    line_queue_sent(&queue, 4);
    line_queue_sent(&queue, 3);
    line_queue_rewind(&queue);
    assert_string_equal(first_line(), "two\n");
    assert_true(line_queue_sent(&queue, 4));
    assert_true(line_queue_add(&queue, "three\n", 6, 4)); /* begun before it was queued */
    assert_string_equal(first_line(), "e\n");
    line_queue_rewind(&queue);
    assert_string_equal(first_line(), "three\n");
    assert_int_equal(line_queue_clear(&queue), 1);
    assert_true(line_queue_is_empty(&queue) && !line_queue_is_torn(&queue));
    assert_int_equal(line_queue_clear(&queue), 0);
    assert_true(add("0123456789abcde\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_as_they_went_in_wherever_the_ring_ends),
        cmocka_unit_test(a_full_queue_refuses_and_changes_nothing),
        cmocka_unit_test(a_line_sent_in_part_is_sent_again_from_its_begin),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
