/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/fleet_life.c: what is kept of a packet that killed, and counted if it is not. */
#include "tests/lib/directory.h"
#include "tests/lib/fleet_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FLOW 7u

struct quarantining {
    struct fleet_fixture fleet;
    struct directory directory;
    struct quarantine quarantine;
    char path[64], beside[64]; /* the second is for the link type of the packets here */
};

static int set_up(void **state) {
    struct quarantining *q = new_state(state, sizeof *q);
    fleet_fixture_init(&q->fleet);
    directory_make(&q->directory);
    snprintf(q->path, sizeof q->path, "%s/bad.pcap", q->directory.path);
    snprintf(q->beside, sizeof q->beside, "%s/bad-NULL.pcap", q->directory.path);
    return 0;
}

static int tear_down(void **state) {
    struct quarantining *q = *state;
    fleet_fixture_fini(&q->fleet);
    quarantine_close(&q->quarantine);
    directory_remove(&q->directory);
    free(q);
    return 0;
}

/* A worker dies in its first packet and is given up: the packet is quarantined. */
static void quarantine_one(struct quarantining *q, struct quarantine *into,
                           uint64_t flow_of_handle) {
    struct fleet_fixture *f = &q->fleet;
    uint16_t generation;
    make_fleet(f, 2, 16, "backlog", UINT64_MAX);
    f->fleet.quarantine = into;
    worker_starts(f, 0);
    worker_starts(f, 1);
    assert_int_equal(handles_take(&lane_of(f, 0)->handles, flow_of_handle, &generation), 0);
    assert_true(stage_packet(f, 0));
    lane_first_desc(lane_of(f, 0))->flow_id = FLOW;
    publish_to(f, 0);
    assert_int_equal(fb_rx_peek(&f->hands[0].rx), 1);
    assert_true(fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0}));
    worker_dies(f, 0);
    poll_fleet(f);
    fleet_give_up(&f->fleet, 0, f->now_ns);
    revocation_passes(f);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_QUARANTINED], 1);
    lanes_balance(f);
}

static off_t size_of(const char *name) {
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    return st.st_size;
}

static void a_packet_that_is_kept_is_not_counted_as_lost(void **state) {
    struct quarantining *q = *state;
    assert_int_equal(quarantine_open(&q->quarantine, q->path, NULL, 0), 0);
    quarantine_one(q, &q->quarantine, FLOW);
    assert_int_equal(q->quarantine.lost, 0);
    assert_int_equal(size_of(q->path), 24 + 16 + 60);
}

static void a_packet_that_cannot_be_kept_is_counted(void **state) {
    struct quarantining *q = *state;
    const uint32_t in_microseconds[6] = {0xa1b2c3d4u, 4u << 16 | 2u, 0, 0, 262144, 0};
    const char *const names[] = {q->path, q->beside};
    for (unsigned i = 0; i < 2; i++) {
        FILE *file = fopen(names[i], "w");
        assert_non_null(file);
        assert_int_equal(fwrite(in_microseconds, sizeof in_microseconds, 1, file), 1);
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(quarantine_open(&q->quarantine, q->path, NULL, 0), 0);
    quarantine_one(q, &q->quarantine, FLOW);
    assert_int_equal(q->quarantine.lost, 1);
    assert_int_equal(size_of(q->path), 24);
    assert_int_equal(size_of(q->beside), 24);
}

static void a_packet_whose_descriptor_was_written_over_is_counted(void **state) {
    struct quarantining *q = *state;
    assert_int_equal(quarantine_open(&q->quarantine, q->path, NULL, 0), 0);
    quarantine_one(q, &q->quarantine, FLOW + 1);
    assert_int_equal(q->fleet.fleet.violations[FB_VIOLATION_DOWN_SIDE], 1);
    assert_int_equal(q->quarantine.lost, 1);
    assert_int_equal(size_of(q->path), 0);
}

static void without_a_file_nothing_is_lost(void **state) {
    struct quarantining *q = *state;
    assert_int_equal(quarantine_open(&q->quarantine, NULL, NULL, 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        quarantine_one(q, i == 0 ? NULL : &q->quarantine, FLOW + i);
        assert_int_equal(q->quarantine.lost, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_packet_that_is_kept_is_not_counted_as_lost),
        TEST(a_packet_that_cannot_be_kept_is_counted),
        TEST(a_packet_whose_descriptor_was_written_over_is_counted),
        TEST(without_a_file_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
