/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/sides.c: the layout of the two sides, and what of it is checked. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/layout.h"
#include "flow_balancer/sides.h"

static const uint8_t instance[16] = "a random number";

static const struct fb_geometry geometries[] = {
    {.depth = 1, .slots = 2, .worker_burst = 1, .arena_bytes = 4096},
    {.depth = 56, .slots = 64, .worker_burst = 14, .arena_bytes = 1 << 20},
    {.depth = 10000, .slots = 16384, .worker_burst = 32, .arena_bytes = 1 << 24},
};
#define GEOMETRIES (sizeof geometries / sizeof *geometries)

static struct fb_down *make_down(const struct fb_geometry *geometry, uint64_t first_seq) {
    size_t size = fb_down_footprint(geometry);
    struct fb_down *down = aligned_alloc(4096, size);
    assert_non_null(down);
    memset(down, 0, size);
    fb_down_format(down, geometry, instance, 5, first_seq);
    return down;
}

/* ---- refusals */

static void expect_implausible(const struct fb_down *down, size_t size) {
    struct caught caught;
    catch_begin(&caught);
    bool plausible = fb_down_plausible(down, size);
    const char *text = catch_end(&caught);
    assert_false(plausible);
    expect_one_line(text, "down side of worker 5");
}

static void a_down_side_whose_parts_do_not_lie_within_it_is_refused(void **state) {
    (void)state;
    const struct fb_geometry *geometry = &geometries[1];
    struct fb_down *down = make_down(geometry, 0);
    size_t size = fb_down_footprint(geometry);
    assert_true(fb_down_plausible(down, size));
    expect_implausible(down, size - 1);
    expect_implausible(down, down->arena_offset - 1);
    expect_implausible(down, 0);
    const struct fb_down whole = *down;
    static const uint32_t slots[] = {0, 63, 65, 128, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        down->slots = slots[i];
        expect_implausible(down, size);
        *down = whole;
    }
    static const uint64_t arenas[] = {0, 3, (1 << 20) - 1, 1 << 21, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof arenas / sizeof *arenas; i++) {
        down->arena_bytes = arenas[i];
        expect_implausible(down, size);
        *down = whole;
    }
    down->depth = down->slots + 1;
    expect_implausible(down, size);
    *down = whole;
    down->worker_burst = 0;
    expect_implausible(down, size);
    *down = whole;
    down->desc_offset += 64;
    expect_implausible(down, size);
    *down = whole;
    down->desc_offset = 0;
    expect_implausible(down, size);
    *down = whole;
    down->arena_offset = UINT64_MAX - 4095;
    expect_implausible(down, size);
    free(down);
}

/* ---- layout */

static void words_of_different_writers_stand_apart(void **state) {
    (void)state;
    static const size_t down[] = {offsetof(struct fb_down, published),
                                  offsetof(struct fb_down, epoch), offsetof(struct fb_down, stamps),
                                  sizeof(struct fb_down)};
    static const size_t up[] = {offsetof(struct fb_up, consumed), offsetof(struct fb_up, cursor),
                                offsetof(struct fb_up, worker_status),
                                offsetof(struct fb_up, latency), sizeof(struct fb_up)};
    size_t before = 0;
    for (size_t i = 0; i < sizeof down / sizeof *down; before = down[i++])
        assert_true(down[i] % FB_APART == 0 && down[i] >= before + FB_APART);
    before = 0;
    for (size_t i = 0; i < sizeof up / sizeof *up; before = up[i++])
        assert_true(up[i] % FB_APART == 0 && up[i] >= before + FB_APART);
    /* What is written together is together. */
    assert_true(offsetof(struct fb_down, publishes) < offsetof(struct fb_down, published) + 64);
    assert_true(offsetof(struct fb_down, doorbell) < offsetof(struct fb_down, epoch) + 64);
    assert_true(offsetof(struct fb_up, parked) < offsetof(struct fb_up, consumed) + 64);
}

static void the_parts_of_a_down_side_follow_each_other_in_whole_pages(void **state) {
    (void)state;
    for (size_t i = 0; i < GEOMETRIES; i++) {
        struct fb_down *down = make_down(&geometries[i], 0);
        uint64_t slots = geometries[i].slots;
        assert_true(down->desc_offset % 4096 == 0 && down->arena_offset % 4096 == 0);
        assert_true(down->desc_offset >= sizeof *down);
        assert_true(down->arena_offset >= down->desc_offset + slots * sizeof(struct fb_desc));
        assert_int_equal(fb_down_footprint(&geometries[i]),
                         down->arena_offset + geometries[i].arena_bytes);
        assert_int_equal(down->header.size, fb_down_footprint(&geometries[i]));
        assert_true(fb_down_plausible(down, fb_down_footprint(&geometries[i])));
        assert_ptr_equal(fb_down_descs(down), (char *)down + down->desc_offset);
        assert_ptr_equal(fb_down_arena(down), (char *)down + down->arena_offset);
        free(down);
    }
}

static void a_new_down_side_says_who_it_is_and_begins_where_it_is_told(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct fb_down *down = make_down(&geometries[0], firsts[i]);
        assert_true(atomic_load(&down->header.magic) == FB_MAGIC);
        assert_true(down->header.fingerprint == fb_layout_fingerprint());
        assert_memory_equal(down->header.instance, instance, sizeof instance);
        assert_int_equal(down->header.kind, FB_KIND_DOWN);
        assert_int_equal(down->header.worker, 5);
        assert_true(atomic_load(&down->published) == firsts[i]);
        assert_int_equal(atomic_load(&down->epoch), 0);
        assert_int_equal(atomic_load(&down->command), FB_COMMAND_RUN);
        free(down);
    }
}

static void a_new_up_side_is_vacant_and_goes_on_at_the_resume_point(void **state) {
    (void)state;
    static const uint64_t resumes[] = {0, 7, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof resumes / sizeof *resumes; i++) {
        assert_int_equal(fb_up_footprint() % 4096, 0);
        assert_true(fb_up_footprint() >= sizeof(struct fb_up));
        struct fb_up *up = aligned_alloc(4096, fb_up_footprint());
        assert_non_null(up);
        memset(up, 0, fb_up_footprint());
        fb_up_format(up, instance, 9, 3, resumes[i]);
        assert_true(atomic_load(&up->header.magic) == FB_MAGIC);
        assert_int_equal(up->header.kind, FB_KIND_UP);
        assert_int_equal(up->header.worker, 9);
        assert_int_equal(up->header.size, fb_up_footprint());
        assert_int_equal(up->epoch, 3);
        assert_true(atomic_load(&up->consumed) == resumes[i]);
        assert_true(atomic_load(&up->cursor) == resumes[i] * 2); /* idle there */
        assert_int_equal(fb_up_worker_status(up), FB_STATUS_VACANT);
        assert_int_equal(atomic_load(&up->parked), 0);
        assert_int_equal(atomic_load(&up->cpu), -1);
        assert_int_equal(atomic_load(&up->numa_node), -1);
        free(up);
    }
}

int main(void) {
    fb_log_init("test_sides", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_down_side_whose_parts_do_not_lie_within_it_is_refused),
        cmocka_unit_test(words_of_different_writers_stand_apart),
        cmocka_unit_test(the_parts_of_a_down_side_follow_each_other_in_whole_pages),
        cmocka_unit_test(a_new_down_side_says_who_it_is_and_begins_where_it_is_told),
        cmocka_unit_test(a_new_up_side_is_vacant_and_goes_on_at_the_resume_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
