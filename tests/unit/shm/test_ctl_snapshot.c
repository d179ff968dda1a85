/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ctl.c: what the dispatcher counts, as one picture. */
#include "tests/lib/unit.h"

#include <string.h>

#include "flow_balancer/ctl.h"

static struct fb_ctl ctl;

static void fill(struct fb_snapshot *snapshot, uint64_t first) {
    uint64_t *words = (uint64_t *)snapshot;
    for (size_t i = 0; i < FB_SNAPSHOT_WORDS; i++)
        words[i] = first + i;
}

static void a_snapshot_that_its_writer_died_in_is_told_from_a_whole_one(void **state) {
    (void)state;
    static struct fb_snapshot written, read;
    fill(&written, 1);
    fb_ctl_write_snapshot(&ctl, &written, 2);
    assert_true(fb_ctl_read_snapshot(&ctl, &read, 2));
    atomic_fetch_add(&ctl.snapshot_sequence, 1);
    assert_false(fb_ctl_read_snapshot(&ctl, &read, 2));
}

static void a_snapshot_reads_back_as_it_was_written_and_the_other_lanes_as_zero(void **state) {
    (void)state;
    static struct fb_snapshot written, read;
    static const unsigned lanes[] = {0, 1, 8, FB_MAX_WORKERS};
    /* Its sequence wraps too. */
    atomic_store(&ctl.snapshot_sequence, UINT64_MAX - 3);
    for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) {
        fill(&written, 1000 * (i + 1));
        fb_ctl_write_snapshot(&ctl, &written, lanes[i]);
        memset(&read, 0xff, sizeof read);
        assert_true(fb_ctl_read_snapshot(&ctl, &read, lanes[i]));
        memset(written.lane[lanes[i]], 0, (FB_MAX_WORKERS - lanes[i]) * sizeof *written.lane);
        assert_memory_equal(&read, &written, sizeof read);
    }
    assert_true(fb_ctl_read_snapshot(&ctl, &read, UINT32_MAX)); /* cut to what there is */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_that_its_writer_died_in_is_told_from_a_whole_one),
        cmocka_unit_test(a_snapshot_reads_back_as_it_was_written_and_the_other_lanes_as_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
