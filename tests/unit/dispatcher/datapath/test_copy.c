/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/datapath/copy.h: bytes of every length and alignment, and none outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dispatcher/datapath/copy.h"

#define LONGEST 300u
#define GUARD 0xa5
#define MARGIN 64u

static uint8_t source[LONGEST + 2 * MARGIN], target[LONGEST + 2 * MARGIN];

static void fill_source(void) {
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7 + 1);
}

static void all_guard(const uint8_t *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(from[i], GUARD);
}

static void copy_one(uint32_t n, size_t to, size_t from, size_t ahead) {
    memset(target, GUARD, sizeof target);
    copy_frame(target + to, source + from, n, ahead);
    assert_memory_equal(target + to, source + from, n);
    all_guard(target, to);
    all_guard(target + to + n, sizeof target - to - n);
}

static void every_length_and_alignment_is_copied_and_no_byte_more(void **state) {
    (void)state;
    fill_source();
    for (uint32_t n = 0; n <= LONGEST; n++)
        for (size_t at = 0; at < 17; at++)
            copy_one(n, at, 16 - at, 0);
    for (uint32_t n = 0; n <= LONGEST; n++)
        copy_one(n, MARGIN - 1, 3, 0);
}

static void fetching_ahead_changes_nothing(void **state) {
    (void)state;
    fill_source();
    for (uint32_t n = 0; n <= LONGEST; n++)
        copy_one(n, 5, 3, 32768);
}

/* A page behind which nothing may be touched. */
static uint8_t *page_before_nothing(size_t *page) {
    *page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *base =
        mmap(NULL, 2 * *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    assert_int_equal(mprotect(base + *page, *page, PROT_NONE), 0);
    return base;
}

static void nothing_behind_the_frame_is_read_or_written(void **state) {
    (void)state;
    size_t page;
    uint8_t *from = page_before_nothing(&page), *to = page_before_nothing(&page);
    for (uint32_t n = 0; n <= LONGEST; n++) {
        memset(from + page - n, (int)(n & 0x7f), n);
        copy_frame(to + page - n, from + page - n, n, 32768);
        assert_memory_equal(to + page - n, from + page - n, n);
    }
    munmap(from, 2 * page);
    munmap(to, 2 * page);
}

static void the_longest_frame_is_copied_whole(void **state) {
    (void)state;
    const uint32_t n = 262144;
    uint8_t *from = malloc(n), *to = malloc(n + 1);
    assert_non_null(from);
    assert_non_null(to);
    for (uint32_t i = 0; i < n; i++)
        from[i] = (uint8_t)(i >> 8 ^ i);
    to[n] = GUARD;
    copy_frame(to, from, n, 0);
    assert_memory_equal(to, from, n);
    assert_int_equal(to[n], GUARD);
    free(from);
    free(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_behind_the_frame_is_read_or_written),
        cmocka_unit_test(every_length_and_alignment_is_copied_and_no_byte_more),
        cmocka_unit_test(fetching_ahead_changes_nothing),
        cmocka_unit_test(the_longest_frame_is_copied_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
