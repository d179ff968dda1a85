/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/lane.c: an up side that cannot be protected is not offered, and what becomes of
 * its name. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dispatcher/fleet/lane.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/sides.h"

static struct fb_ctl_handle ctl;
static struct lane lane;
static bool mprotect_fails;

/* In place of the library's. */
int mprotect(void *base, size_t size, int protection) {
    if (mprotect_fails) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_mprotect, base, size, protection);
}

static int set_up(void **state) {
    (void)state;
    char name[FB_NAME_MAX];
    snprintf(name, sizeof name, "test-lane-offer-%d", (int)getpid());
    assert_int_equal(fb_ctl_create(&ctl, name), 0);
    ctl.ctl->geometry = (struct fb_geometry){.workers = 1,
                                             .max_workers = 1,
                                             .depth = 64,
                                             .slots = 128,
                                             .worker_burst = 8,
                                             .arena_bytes = 65536,
                                             .max_flows = 64};
    lane = (struct lane){.down_region.fd = -1,
                         .up_region.fd = -1,
                         .handle_region.fd = -1,
                         .mark_region.fd = -1,
                         .guard = -1};
    assert_int_equal(lane_init(&lane, ctl.ctl, 0, FB_HUGEPAGES_NEVER), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    static struct fb_worker_totals totals;
    lane_withdraw(&lane, &totals);
    lane_fini(&lane);
    fb_ctl_destroy(&ctl);
    return 0;
}

static bool is_there(void) {
    char path[FB_PATH_MAX];
    assert_true(fb_object_path(path, FB_SHM_DIR, ctl.ctl->name, FB_KIND_UP, 0));
    return access(path, F_OK) == 0;
}

static void expect_nothing_on_offer(void) {
    assert_false(is_there());
    assert_null(lane.up_region.base);
    assert_null(lane.tx.up);
    assert_int_equal(lane.guard, -1);
    assert_int_equal(fb_ctl_epoch(ctl.ctl, 0), 0);
}

/* The next one works, under an epoch that no other had. */
static void expect_offer(uint64_t after_epoch) {
    assert_int_equal(lane_offer(&lane, ctl.ctl, 0), 0);
    assert_true(is_there());
    assert_ptr_equal(lane.tx.up, lane.up_region.base);
    assert_true(lane.epoch > after_epoch);
    assert_int_equal(fb_ctl_epoch(ctl.ctl, 0), lane.epoch);
}

static void an_up_side_without_a_guard_is_not_offered(void **state) {
    (void)state;
    static char regions[FB_GUARD_REGIONS + 1];
    unsigned taken = 0;
    int slot, last = -1;
    for (; (slot = fb_guard_add(&regions[taken], 1)) >= 0; taken++)
        last = slot;
    assert_int_equal(taken, FB_GUARD_REGIONS);
    assert_int_equal(lane_offer(&lane, ctl.ctl, 0), -ENOSPC);
    expect_nothing_on_offer();
    uint64_t failed = lane.epoch;
    fb_guard_remove(last);
    expect_offer(failed);
    for (slot = 0; slot < (int)FB_GUARD_REGIONS; slot++)
        if (slot != lane.guard)
            fb_guard_remove(slot);
}

static void an_up_side_that_stays_writable_is_not_offered(void **state) {
    (void)state;
    mprotect_fails = true;
    int error = lane_offer(&lane, ctl.ctl, 0);
    mprotect_fails = false;
    assert_int_equal(error, -EACCES);
    expect_nothing_on_offer();
    expect_offer(lane.epoch);
}

/* ---- its name */

static void path_of_up(char path[FB_PATH_MAX]) {
    assert_true(fb_object_path(path, FB_SHM_DIR, ctl.ctl->name, FB_KIND_UP, 0));
}

static void between_two_offers_an_empty_file_keeps_the_name(void **state) {
    (void)state;
    static struct fb_worker_totals totals;
    char path[FB_PATH_MAX];
    struct stat st;
    path_of_up(path);
    expect_offer(0);
    lane_withdraw(&lane, &totals);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_size == 0 && st.st_uid == geteuid());
    struct fb_region region;
    assert_int_equal(fb_region_open(&region, path, false, 48, (unsigned)geteuid()), -EAGAIN);
    expect_offer(lane.epoch);
    assert_int_equal(lstat(path, &st), 0);
    assert_true((size_t)st.st_size >= fb_up_footprint());
}

static void an_object_of_another_in_the_way_of_the_first_offer_stays(void **state) {
    (void)state;
    static struct caught caught;
    char path[FB_PATH_MAX];
    path_of_up(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    catch_begin(&caught);
    int error = lane_offer(&lane, ctl.ctl, 0);
    expect_one_line(catch_end(&caught), "is in the way: let its owner or root remove it");
    assert_int_equal(error, -EEXIST);
    assert_null(lane.up_region.base);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    expect_offer(lane.epoch);
}

static void what_is_in_the_way_later_is_said_once_and_tried_again(void **state) {
    (void)state;
    static struct fb_worker_totals totals;
    static struct caught caught;
    char path[FB_PATH_MAX];
    path_of_up(path);
    expect_offer(0);
    lane_withdraw(&lane, &totals);
    assert_int_equal(unlink(path), 0); /* by a root without care */
    assert_int_equal(mkdir(path, 0700), 0);
    catch_begin(&caught);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(lane_offer(&lane, ctl.ctl, 0), -EISDIR);
    expect_one_line(catch_end(&caught), "a directory of uid");
    assert_null(lane.up_region.base);
    assert_int_equal(rmdir(path), 0);
    expect_offer(lane.epoch);
    lane_withdraw(&lane, &totals);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    catch_begin(&caught);
    int error = lane_offer(&lane, ctl.ctl, 0);
    expect_one_line(catch_end(&caught), "a directory of uid"); /* once each time */
    assert_int_equal(error, -EISDIR);
    assert_int_equal(rmdir(path), 0);
}

/* Its ctl was removed by hand: another dispatcher has the name, and its up side is none of ours. */
static void what_a_successor_of_the_name_made_is_left_alone(void **state) {
    (void)state;
    static struct fb_worker_totals totals;
    static struct caught caught;
    struct fb_ctl_handle successor;
    char path[FB_PATH_MAX];
    struct stat before, st;
    path_of_up(path);
    expect_offer(0);
    assert_true(fb_ctl_is_named(ctl.ctl));
    assert_int_equal(unlink(ctl.region.path), 0);
    assert_false(fb_ctl_is_named(ctl.ctl));
    assert_int_equal(fb_ctl_create(&successor, ctl.ctl->name), 0);
    assert_true(fb_ctl_is_named(successor.ctl) && !fb_ctl_is_named(ctl.ctl));
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fstat(fd, &before) == 0);
    lane_withdraw(&lane, &totals);
    catch_begin(&caught);
    int error = lane_offer(&lane, ctl.ctl, 0);
    expect_one_line(catch_end(&caught), "is in the way");
    assert_int_equal(error, -EEXIST);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_ino, before.st_ino);
    close(fd);
    fb_ctl_destroy(&successor);
}

/* One a flow; one an end, of its own slots and of those of each ring that may be moved here. */
static void there_are_handles_for_the_ends_of_every_ring(void **state) {
    (void)state;
    unlink(lane.down_region.path);
    unlink(lane.slots.region.path);
    lane_fini(&lane);
    ctl.ctl->geometry.max_workers = 4;
    assert_int_equal(lane_init(&lane, ctl.ctl, 0, FB_HUGEPAGES_NEVER), 0);
    assert_true(lane.handles.capacity >= 64 + 128 * 5);
}

int main(void) {
    fb_log_init("test_lane_offer", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_up_side_without_a_guard_is_not_offered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(there_are_handles_for_the_ends_of_every_ring, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_up_side_that_stays_writable_is_not_offered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(between_two_offers_an_empty_file_keeps_the_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_object_of_another_in_the_way_of_the_first_offer_stays,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_later_is_said_once_and_tried_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_successor_of_the_name_made_is_left_alone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
