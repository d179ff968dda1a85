/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/lane.c: an up side that cannot be protected is not offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dispatcher/fleet/lane.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"

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

int main(void) {
    fb_log_init("test_lane_offer", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_up_side_without_a_guard_is_not_offered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_up_side_that_stays_writable_is_not_offered, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
