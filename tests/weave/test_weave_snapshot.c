/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/ctl.c: the snapshot of the counters, in every order of its writer and a reader. What
 * is read is of one moment; and while the writer lives, it is read.
 */
#include "tests/weave/weave_atomic.h"

#include "flow_balancer/ctl.h"
#include "tests/lib/unit.h"
#include "tests/weave/weave.h"

#define SNAPSHOTS 2u

struct picture {
    struct fb_ctl ctl;
    struct fb_snapshot written, read;
};

static uint64_t *words(struct fb_snapshot *snapshot) {
    return (uint64_t *)snapshot;
}

static void write_snapshots(void *world) {
    struct picture *p = world;
    for (uint64_t v = 1; v <= SNAPSHOTS; v++) {
        words(&p->written)[0] = words(&p->written)[1] = v;
        fb_ctl_write_snapshot(&p->ctl, &p->written, 0);
    }
}

static void read_snapshot(void *world) {
    struct picture *p = world;
    weave_expect(fb_ctl_read_snapshot(&p->ctl, &p->read, 0), "a living writer is given up");
    weave_expect(words(&p->read)[0] == words(&p->read)[1], "a snapshot is of two moments");
}

static void begin(void *world) {
    struct picture *p = world;
    p->ctl.snapshot_sequence = 0;
    p->ctl.snapshot[0] = p->ctl.snapshot[1] = 0;
    WEAVE_WATCH(p->ctl.snapshot_sequence);
    WEAVE_WATCH(p->ctl.snapshot[0]);
    WEAVE_WATCH(p->ctl.snapshot[1]);
    weave_thread(write_snapshots, p);
    weave_thread(read_snapshot, p);
}

static void nothing(void *world) {
    (void)world;
}

static void a_snapshot_is_of_one_moment_and_waited_for(void **state) {
    (void)state;
    static struct picture p;
    const char *error;
    uint64_t runs = weave_explore(&(struct weave_scenario){.name = "snapshot",
                                                           .set_up = begin,
                                                           .check = nothing,
                                                           .tear_down = nothing,
                                                           .preemptions = 2,
                                                           .weak = 2},
                                  &p, &error);
    if (runs == 0)
        fail_msg("%s (FB_WEAVE_TRACE=1 shows the run)", error);
    print_message("snapshot: %llu runs\n", (unsigned long long)runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_of_one_moment_and_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
