/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/object.c: headers, and joining an object; what a ctl may have wrong is in test_ctl.c. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/layout.h"
#include "flow_balancer/object.h"

#define OBJECT_BYTES 4096u

static const uint8_t instance[16] = "of this run";
static const uint8_t other[16] = "of another run";

struct fixture {
    char name[FB_NAME_MAX + 1];
    struct fb_region region; /* as its maker has it */
    struct fb_join_config join;
    struct caught caught;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    snprintf(f->name, sizeof f->name, "test-object-%ld", (long)getpid());
    const struct fb_region_config config = {.instance = f->name,
                                            .kind = FB_KIND_UP,
                                            .worker = 3,
                                            .size = OBJECT_BYTES,
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1};
    if (fb_region_create(&f->region, &config) != 0 || fb_region_place(&f->region, &config) != 0)
        return 1;
    f->join = (struct fb_join_config){
        .path = f->region.path, .kind = FB_KIND_UP, .worker = 3, .instance = instance};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    unlink(f->region.path);
    fb_region_close(&f->region);
    free(f);
    return 0;
}

static void format(struct fixture *f) {
    fb_header_format(f->region.base, instance, FB_KIND_UP, 3, OBJECT_BYTES);
}

/* Joins; what is mapped is unmapped again. */
static void expect_join(struct fixture *f, enum fb_join expected, const char *said) {
    struct fb_region joined;
    catch_begin(&f->caught);
    enum fb_join outcome = fb_object_join(&joined, &f->join);
    const char *text = catch_end(&f->caught);
    if (said == NULL)
        assert_string_equal(text, "");
    else
        expect_one_line(text, said);
    assert_int_equal(outcome, expected);
    if (outcome == FB_JOINED)
        fb_region_close(&joined);
    assert_null(joined.base);
    assert_int_equal(joined.fd, -1);
}

static void an_object_that_cannot_be_guarded_is_not_read(void **state) {
    struct fixture *f = *state;
    static char regions[FB_GUARD_REGIONS];
    format(f);
    for (unsigned i = 0; i < FB_GUARD_REGIONS; i++)
        assert_int_equal(fb_guard_add(&regions[i], 1), i);
    expect_join(f, FB_WRONG, "shared regions to guard");
    fb_guard_remove(0);
    expect_join(f, FB_JOINED, NULL);
    for (unsigned i = 1; i < FB_GUARD_REGIONS; i++)
        fb_guard_remove((int)i);
}

static void an_object_is_there_once_its_magic_is(void **state) {
    struct fixture *f = *state;
    expect_join(f, FB_NOT_YET, NULL);
    format(f);
    expect_join(f, FB_JOINED, NULL);
    assert_int_equal(unlink(f->region.path), 0);
    expect_join(f, FB_NOT_YET, NULL);
}

static void an_object_of_another_run_is_not_there_yet_unless_any_will_do(void **state) {
    struct fixture *f = *state;
    format(f);
    f->join.instance = other;
    expect_join(f, FB_NOT_YET, NULL);
    f->join.instance = NULL;
    expect_join(f, FB_JOINED, NULL);
}

static void an_object_of_another_kind_or_number_is_wrong(void **state) {
    struct fixture *f = *state;
    format(f);
    f->join.kind = FB_KIND_DOWN;
    expect_join(f, FB_WRONG, "says kind 3, worker 3");
    f->join.kind = FB_KIND_UP;
    f->join.worker = 4;
    expect_join(f, FB_WRONG, "expected kind 3, worker 4");
}

static void a_header_says_whose_object_it_is(void **state) {
    struct fixture *f = *state;
    format(f);
    const struct fb_header *header = f->region.base;
    assert_true(atomic_load(&header->magic) == FB_MAGIC);
    assert_true(header->fingerprint == fb_layout_fingerprint());
    assert_memory_equal(header->instance, instance, sizeof instance);
    assert_int_equal(header->size, OBJECT_BYTES);
    assert_int_equal(header->kind, FB_KIND_UP);
    assert_int_equal(header->worker, 3);
}

static void an_object_is_mapped_for_writing_only_where_asked(void **state) {
    struct fixture *f = *state;
    struct fb_region joined;
    format(f);
    f->join.writable = true;
    assert_int_equal(fb_object_join(&joined, &f->join), FB_JOINED);
    ((uint8_t *)joined.base)[OBJECT_BYTES - 1] = 7;
    fb_region_close(&joined);
    assert_int_equal(((const uint8_t *)f->region.base)[OBJECT_BYTES - 1], 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    fb_log_init("test_object", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(an_object_that_cannot_be_guarded_is_not_read),
        TEST(an_object_is_there_once_its_magic_is),
        TEST(an_object_of_another_run_is_not_there_yet_unless_any_will_do),
        TEST(an_object_of_another_kind_or_number_is_wrong),
        TEST(a_header_says_whose_object_it_is),
        TEST(an_object_is_mapped_for_writing_only_where_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
