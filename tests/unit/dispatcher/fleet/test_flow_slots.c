/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/flow_slots.c and shm/flow_records.c: the places of flow records, where there is
 * memory for them and where there is none. */
#include "tests/lib/caught.h"
#include "tests/lib/fleet_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/vm_flags.h"

#define NO_ROOM (UINT64_MAX / 2)

static void two_workers(struct fleet_fixture *f) {
    f->max_flows = 3 * FB_FLOW_CHUNK;
    make_fleet(f, 2, 64, "backlog", NEVER);
}

/* Gives the next fresh handle of worker 0 the record of a flow. Returns whether there was room. */
static bool give(struct fleet_fixture *f, uint64_t flow_id) {
    uint16_t generation;
    uint32_t handle = handles_take(&lane_of(f, 0)->handles, flow_id, &generation);
    struct fb_flow *record = fleet_flow_slot(&f->fleet, 0, handle);
    if (record != NULL)
        *record = (struct fb_flow){.id = flow_id, .first_ns = flow_id + 1};
    return record != NULL;
}

/* What the worker finds under a handle. */
static const struct fb_flow *found(struct fleet_fixture *f, uint32_t handle, uint64_t flow_id) {
    give_packets(f, 0, 1);
    fb_rx_peek(&f->hands[0].rx);
    const struct fb_flow *flow =
        fb_rx_flow(&f->hands[0].rx, &(struct fb_desc){.flow_id = flow_id, .handle = handle});
    worker_finishes(f, 0, 1);
    poll_fleet(f);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    return flow;
}

static uint64_t blocks_of(const struct fb_region *region) {
    struct stat st;
    assert_int_equal(fstat(region->fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void memory_is_taken_chunk_by_chunk(void **state) {
    struct fleet_fixture *f = *state;
    two_workers(f);
    const struct flow_slots *slots = &lane_of(f, 0)->slots;
    const uint64_t chunk = FB_FLOW_CHUNK * sizeof(struct fb_flow);
    assert_true(slots->region.size >= fb_flow_records_footprint(3 * FB_FLOW_CHUNK));
    assert_int_equal(blocks_of(&slots->region), fb_flow_records_head());
    for (uint32_t n = 0; n < 2 * FB_FLOW_CHUNK + 1; n++) {
        assert_true(give(f, n));
        assert_int_equal(slots->populated, (n / FB_FLOW_CHUNK + 1) * FB_FLOW_CHUNK);
        assert_int_equal(fb_down_flow_records(lane_of(f, 0)->tx.down), slots->populated);
    }
    assert_int_equal(blocks_of(&slots->region), fb_flow_records_head() + 3 * chunk);
    assert_int_equal(blocks_of(&lane_of(f, 1)->slots.region), fb_flow_records_head());
    assert_int_equal(f->fleet.flow_records_missing, 0);
}

/* Each page is written to, behind the last one nothing, and no flow is in what was written. */
static void touched_places_hold_no_flow(void **state) {
    struct fleet_fixture *f = *state;
    f->flow_records = 2 * FB_FLOW_CHUNK;
    two_workers(f);
    fleet_touch_flow_slots(&f->fleet);
    for (unsigned k = 0; k < 2; k++) {
        const struct flow_slots *slots = &lane_of(f, k)->slots;
        for (uint32_t i = 0; i < slots->populated; i += 4096 / sizeof(struct fb_flow))
            assert_int_equal(slots->records[i].id, FB_FLOW_ID_NONE);
        assert_int_equal(blocks_of(&slots->region),
                         fb_flow_records_head() + slots->populated * sizeof(struct fb_flow));
    }
    worker_starts(f, 0);
    assert_null(found(f, 0, 0));
}

/* All workers have the same from the start, whole chunks, and it is theirs to read. */
static void some_are_there_from_the_start(void **state) {
    struct fleet_fixture *f = *state;
    f->flow_records = 2 * FB_FLOW_CHUNK + 2;
    two_workers(f);
    for (unsigned k = 0; k < 2; k++) {
        const struct flow_slots *slots = &lane_of(f, k)->slots;
        assert_int_equal(slots->populated, 2 * FB_FLOW_CHUNK);
        assert_int_equal(fb_down_flow_records(lane_of(f, k)->tx.down), slots->populated);
        assert_int_equal(blocks_of(&slots->region),
                         fb_flow_records_head() + 2 * FB_FLOW_CHUNK * sizeof(struct fb_flow));
    }
    worker_starts(f, 0);
    assert_true(give(f, 7));
    assert_int_equal(found(f, 0, 7)->first_ns, 8);
    assert_int_equal(lane_of(f, 0)->slots.populated, 2 * FB_FLOW_CHUNK);
}

static void the_records_of_a_worker_are_its_own_and_in_no_core_dump(void **state) {
    struct fleet_fixture *f = *state;
    two_workers(f);
    assert_true(has_vm_flag(lane_of(f, 0)->slots.region.base, "dd"));
    assert_string_not_equal(lane_of(f, 0)->slots.region.path, lane_of(f, 1)->slots.region.path);
    assert_true(give(f, 7));
    assert_non_null(flow_slots_find(&lane_of(f, 0)->slots, 0, 7));
    assert_null(flow_slots_find(&lane_of(f, 0)->slots, 0, 8));
    assert_null(flow_slots_find(&lane_of(f, 0)->slots, FB_FLOW_CHUNK, 0));
    assert_null(flow_slots_find(&lane_of(f, 1)->slots, 0, 7));
}

static void each_process_of_the_number_finds_them(void **state) {
    struct fleet_fixture *f = *state;
    two_workers(f);
    worker_starts(f, 0);
    assert_true(give(f, 0) && give(f, 41));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(found(f, 0, 0)->first_ns, 1);
        assert_int_equal(found(f, 1, 41)->first_ns, 42);
        assert_null(found(f, 1, 40));
        worker_dies(f, 0);
        poll_fleet(f);
        worker_starts(f, 0);
    }
}

/* Without one flows go on, which is said once and counted; what was there before stays. */
static void without_memory_there_is_no_record(void **state) {
    struct fleet_fixture *f = *state;
    struct caught caught;
    two_workers(f);
    worker_starts(f, 0);
    for (uint32_t n = 0; n < FB_FLOW_CHUNK; n++)
        assert_true(give(f, n));
    lane_of(f, 0)->slots.spared = NO_ROOM;
    fb_log_set_level(FB_LOG_WARNING);
    catch_begin(&caught);
    for (uint32_t n = 0; n < 3; n++)
        assert_false(give(f, FB_FLOW_CHUNK + n));
    expect_one_line(catch_end(&caught), "mount -o remount,size=");
    assert_int_equal(f->fleet.flow_records_missing, 3);
    assert_null(found(f, FB_FLOW_CHUNK, FB_FLOW_CHUNK));
    assert_non_null(found(f, FB_FLOW_CHUNK - 1, FB_FLOW_CHUNK - 1));
}

/* With memory again records come back, and no one takes what was not written for a record: the
 * first of all flows has id 0. */
static void memory_that_comes_back_is_used_after_a_while(void **state) {
    struct fleet_fixture *f = *state;
    two_workers(f);
    worker_starts(f, 0);
    uint64_t spared = lane_of(f, 0)->slots.spared;
    lane_of(f, 0)->slots.spared = NO_ROOM;
    fb_log_set_level(FB_LOG_ERROR);
    assert_false(give(f, 0));
    lane_of(f, 0)->slots.spared = spared;
    uint32_t missing = 1;
    while (!give(f, missing))
        missing++;
    assert_int_equal(missing, FLOW_SLOTS_RETRY);
    assert_int_equal(f->fleet.flow_records_missing, missing);
    assert_null(found(f, 0, 0));
    assert_null(found(f, missing - 1, missing - 1));
    assert_int_equal(found(f, missing, missing)->first_ns, missing + 1);
}

/* What is left is enough to offer every number twice. */
static void room_for_every_up_side_is_left(void **state) {
    struct fleet_fixture *f = *state;
    two_workers(f);
    assert_true(lane_of(f, 0)->slots.spared >= 2 * 2 * fb_up_footprint());
}

static void what_does_not_fit_is_refused(void **state) {
    struct fleet_fixture *f = *state;
    struct caught caught;
    two_workers(f);
    const struct fb_flow_records *made = lane_of(f, 0)->slots.region.base;
    struct fb_flow_records records = {.capacity = made->capacity, .offset = made->offset};
    size_t size = fb_flow_records_footprint(made->capacity);
    assert_true(fb_flow_records_plausible(&records, size));
    catch_begin(&caught);
    assert_false(fb_flow_records_plausible(&records, 64));
    records.capacity = (size - records.offset) / sizeof(struct fb_flow) + 1;
    assert_false(fb_flow_records_plausible(&records, size));
    records.capacity = 1;
    records.offset -= 64;
    assert_false(fb_flow_records_plausible(&records, size));
    catch_end(&caught);
    assert_int_equal(fb_flow_records_footprint(0), fb_flow_records_head());
    assert_int_equal(fb_flow_records_footprint(1), fb_flow_records_footprint(FB_FLOW_CHUNK));
    assert_true(fb_flow_records_footprint(FB_FLOW_CHUNK + 1) >
                fb_flow_records_footprint(FB_FLOW_CHUNK));
}

int main(void) {
    fb_log_init("test_flow_slots", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        FLEET_TEST(memory_is_taken_chunk_by_chunk),
        FLEET_TEST(some_are_there_from_the_start),
        FLEET_TEST(touched_places_hold_no_flow),
        FLEET_TEST(the_records_of_a_worker_are_its_own_and_in_no_core_dump),
        FLEET_TEST(each_process_of_the_number_finds_them),
        FLEET_TEST(without_memory_there_is_no_record),
        FLEET_TEST(memory_that_comes_back_is_used_after_a_while),
        FLEET_TEST(room_for_every_up_side_is_left),
        FLEET_TEST(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
