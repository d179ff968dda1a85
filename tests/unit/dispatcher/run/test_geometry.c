/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/geometry.c: what the options make of rings, and what little shared memory does. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/run/geometry.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/sides.h"

#define MB (UINT64_C(1) << 20)

struct geometry_fixture {
    struct options options;
    struct fb_ctl ctl;
    struct caught log;
};

static int set_up(void **state) {
    struct geometry_fixture *f = new_state(state, sizeof *f);
    static char json[] = "{\"read\":\"x.pcap\"}";
    f->options = (struct options){.workers = 3,
                                  .max_workers = 5,
                                  .rings = 4,
                                  .depth = 10000,
                                  .ring_bytes = MB,
                                  .max_flows = 1234,
                                  .policy = policy_find("hash"),
                                  .json = json};
    return 0;
}

static int tear_down(void **state) {
    free(*state);
    return 0;
}

/* Into a ctl that is zeroed, as that of a new instance is. */
static const struct fb_geometry *fill(struct geometry_fixture *f) {
    memset(&f->ctl, 0, sizeof f->ctl);
    geometry_fill(&f->ctl, &f->options);
    return &f->ctl.geometry;
}

static void numbers_of_the_options_are_taken_over(void **state) {
    struct geometry_fixture *f = *state;
    const struct fb_geometry *g = fill(f);
    assert_int_equal(g->workers, 3);
    assert_int_equal(g->max_workers, 5);
    assert_int_equal(g->depth, 10000);
    assert_int_equal(g->max_flows, 1234);
    assert_int_equal(g->arena_bytes, MB);
    assert_string_equal(f->ctl.policy, "hash");
    assert_string_equal(f->ctl.options, "{\"read\":\"x.pcap\"}");
    assert_int_equal(f->ctl.interfaces, 0);
    assert_true(f->ctl.started_ns > UINT64_C(1700000000) * 1000000000);
}

/* Ends of flows have an eighth of the depth to themselves, at the least. */
static void slots_are_a_power_of_two_above_the_depth_and_an_eighth(void **state) {
    struct geometry_fixture *f = *state;
    static const uint32_t cases[][2] = {
        {1, 2},   {2, 4},   {7, 8},    {8, 16},        {14, 16},
        {15, 32}, {56, 64}, {57, 128}, {10000, 16384}, {1u << 24, 1u << 25}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->options.depth = cases[i][0];
        if (fill(f)->slots != cases[i][1])
            fail_msg("depth %u: %u slots, not %u", cases[i][0], f->ctl.geometry.slots, cases[i][1]);
    }
}

static void a_worker_takes_a_quarter_of_the_depth_but_1_to_32(void **state) {
    struct geometry_fixture *f = *state;
    static const uint32_t cases[][2] = {{1, 1},    {3, 1},    {4, 1},    {8, 2},
                                        {127, 31}, {128, 32}, {132, 32}, {10000, 32}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->options.depth = cases[i][0];
        assert_int_equal(fill(f)->worker_burst, cases[i][1]);
    }
}

static void bytes_that_are_asked_for_are_rounded_up_to_a_power_of_two(void **state) {
    struct geometry_fixture *f = *state;
    static const uint64_t cases[][2] = {
        {MB, MB}, {MB + 1, 2 * MB}, {3 * MB, 4 * MB}, {64 * 1024 * MB, 64 * 1024 * MB}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->options.ring_bytes = cases[i][0];
        assert_int_equal(fill(f)->arena_bytes, cases[i][1]);
    }
}

static void options_that_are_too_long_for_ctl_are_left_out_whole(void **state) {
    struct geometry_fixture *f = *state;
    size_t room = sizeof f->ctl.options;
    char *json = malloc(room + 1);
    assert_non_null(json);
    memset(json, 'x', room);
    json[room - 1] = '\0';
    f->options.json = json;
    fill(f);
    assert_string_equal(f->ctl.options, json);
    strcpy(json + room - 1, "x");
    fill(f);
    assert_string_equal(f->ctl.options, "{\"omitted\":true}");
    free(json);
}

static void interfaces_have_their_names_in_ctl_cut_where_they_are_too_long(void **state) {
    struct geometry_fixture *f = *state;
    size_t room = sizeof f->ctl.interface_names[1];
    char name[200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    f->options.interfaces[0] = "lo";
    f->options.interfaces[1] = name;
    f->options.interface_count = 2;
    fill(f);
    assert_int_equal(f->ctl.interfaces, 2);
    assert_string_equal(f->ctl.interface_names[0], "lo");
    assert_int_equal(strlen(f->ctl.interface_names[1]), room - 1);
    assert_memory_equal(f->ctl.interface_names[1], name, room - 1);
}

/* ---- rings of auto; in a /dev/shm of a size that is known */

static bool fit(const struct fb_geometry *g, uint64_t room) {
    return 4 * (uint64_t)fb_down_footprint(g) <= room / 4 * 3;
}

static void with_room_rings_take_16_mb(void *arg) {
    struct geometry_fixture *f = arg;
    private_shm("size=1G");
    f->options.ring_bytes = 0;
    catch_begin(&f->log);
    const struct fb_geometry *g = fill(f);
    EXPECT(*catch_end(&f->log) == '\0');
    EXPECT(g->arena_bytes == 16 * MB);
}

/* They are the largest that leave a quarter of it free. */
static void with_little_room_rings_are_smaller(void *arg) {
    struct geometry_fixture *f = arg;
    private_shm("size=64M");
    f->options.ring_bytes = 0;
    catch_begin(&f->log);
    struct fb_geometry g = *fill(f);
    const char *said = catch_end(&f->log);
    EXPECT(lines_of(said) == 1 && strstr(said, "warning: ") != NULL);
    EXPECT(strstr(said, "/dev/shm has 64 MB free: rings take 8 MB of packets each, not 16; "
                        "'mount -o remount,size=1G /dev/shm' gives more") != NULL);
    EXPECT(g.arena_bytes == 8 * MB && fit(&g, 64 * MB));
    g.arena_bytes *= 2;
    EXPECT(!fit(&g, 64 * MB));
}

/* One frame of the greatest length must not fill a ring. */
static void with_hardly_any_room_four_of_the_longest_frames_fit_still(void *arg) {
    struct geometry_fixture *f = arg;
    private_shm("size=1M");
    f->options.ring_bytes = 0;
    catch_begin(&f->log);
    const struct fb_geometry *g = fill(f);
    EXPECT(lines_of(catch_end(&f->log)) == 1);
    EXPECT(g->arena_bytes == 4 * (uint64_t)FB_FRAME_MAX && !fit(g, MB));
}

static void rings_of_auto_are_as_large_as_shared_memory_lets_them_be(void **state) {
    static const child_body parts[] = {with_room_rings_take_16_mb,
                                       with_little_room_rings_are_smaller,
                                       with_hardly_any_room_four_of_the_longest_frames_fit_still};
    if (geteuid() != 0)
        SKIP("only root can have a /dev/shm of a size of its own");
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        in_child(parts[i], *state);
}

#define GEOMETRY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        GEOMETRY_TEST(numbers_of_the_options_are_taken_over),
        GEOMETRY_TEST(slots_are_a_power_of_two_above_the_depth_and_an_eighth),
        GEOMETRY_TEST(a_worker_takes_a_quarter_of_the_depth_but_1_to_32),
        GEOMETRY_TEST(bytes_that_are_asked_for_are_rounded_up_to_a_power_of_two),
        GEOMETRY_TEST(options_that_are_too_long_for_ctl_are_left_out_whole),
        GEOMETRY_TEST(interfaces_have_their_names_in_ctl_cut_where_they_are_too_long),
        GEOMETRY_TEST(rings_of_auto_are_as_large_as_shared_memory_lets_them_be),
    };
    fb_log_init("test_geometry", FB_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
