/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/ring_say.c and shm/view/ring_look.c: each sentence beside the words that it is said of,
 * and what may be read of a ring. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/life.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/sides.h"

#include "shm/view/ring_look.h"

static struct caught caught;

#define NAME "test-view-ring"
#define SECOND_NS UINT64_C(1000000000)

/* ---- sentences */

/* Two looks at a worker that works, a tenth of a second apart. */
static struct ring_look before, now;

static void begin(uint64_t first) {
    now = (struct ring_look){.taken_ns = 10 * SECOND_NS,
                             .has_up = true,
                             .locked = true,
                             .up_epoch = 3,
                             .down_epoch = 3,
                             .worker_status = FB_STATUS_READY,
                             .consumed = first + 100,
                             .cursor = 2 * (first + 105) + 1,
                             .published = first + 140,
                             .publishes = 20,
                             .depth = 1000,
                             .slots = 1024};
    before = now;
    before.taken_ns -= SECOND_NS / 10;
    before.consumed -= 50;
    before.cursor -= 100;
}

static void expect(const char *part) {
    char text[RING_MEANING_MAX];
    ring_say(text, &before, &now);
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in '%s'", part, text);
}

/* The worker has done nothing between the two looks. */
static void hold(void) {
    before.consumed = now.consumed;
    before.cursor = now.cursor;
    before.parked = now.parked;
}

static void a_worker_at_work(void **state) {
    (void)state;
    begin(0);
    expect("it works: 50 finished in 0.1 s, 40 waiting");
    now.published = now.consumed + 1000;
    expect("it works, and the ring is full: 50 finished");
    now.published = now.consumed;
    now.cursor = 2 * now.consumed;
    expect("awake and has finished all");
    now.parked = 1;
    expect("it sleeps, and nothing waits: idle");
}

static void a_worker_that_sleeps_over_packets(void **state) {
    (void)state;
    begin(0);
    now.parked = 1;
    now.cursor = 2 * now.consumed;
    expect("parked with 40 packets waiting: a wake is due (for 64 of them, or after 50 us)");
    hold();
    expect("parked with 40 packets waiting, and not awake after 0.1 s");
    expect("(doorbell has not moved)");
    now.doorbell++;
    expect("(doorbell has moved)");
    before.published = before.consumed; /* they came meanwhile */
    expect("a wake is due");
}

static void a_worker_that_gets_nowhere(void **state) {
    (void)state;
    begin(0);
    hold();
    expect("the cursor has been at packet 105 for 0.1 s at least: a slow inspection, or it hangs");
    now.cursor_published_ns = 7 * SECOND_NS;
    expect("for 0.1 s at least, which was published 3.0 s ago: a slow");
    now.cursor--;
    hold();
    expect("40 packets waiting, and none was begun for 0.1 s: its process is stopped");
    before.up_epoch = 2; /* another one's words */
    expect("it works: 0 finished");
}

static void a_number_without_a_process(void **state) {
    (void)state;
    begin(0);
    now.locked = false;
    expect("it died while it inspected 105, and 40 wait, that one included");
    now.cursor--;
    expect("it died between two packets, and 40 wait");
    now.worker_status = FB_STATUS_LEFT;
    expect("its process has left cleanly, with 40 packets waiting");
    now.worker_status = FB_STATUS_VACANT;
    expect("it is offered: 40 packets wait for a process");
    now.has_up = false;
    expect("there is no up side");
}

static void a_process_that_is_to_leave_or_not_ready(void **state) {
    (void)state;
    begin(0);
    now.command = FB_COMMAND_STOP;
    expect("told to stop after what is published: 40 packets left");
    now.command = FB_COMMAND_LEAVE;
    expect("told to leave after this burst");
    now.worker_status = FB_STATUS_STARTING;
    expect("its process starts, and has not said that it is ready; 40 packets wait");
    now.down_epoch = 4;
    expect("revoked: epoch 4 may read on and it is of 3");
}

static void words_that_no_worker_may_write(void **state) {
    (void)state;
    begin(0);
    now.consumed = before.consumed = now.published + 1;
    expect("consumed is beyond published");
    begin(0);
    now.published = now.consumed + 1025; /* one look may have a published that is much younger */
    expect("it works");
    before.published = before.consumed + 1025;
    expect("consumed is beyond published, or more than a ring before it");
    begin(0);
    now.cursor = 2 * now.consumed - 1;
    expect("it works"); /* one look may be torn */
    hold();
    expect("the cursor is not between");
    now.cursor = 2 * now.published + 1;
    hold();
    expect("the cursor is not between");
    now.cursor = UINT64_MAX;
    hold();
    expect("the cursor is not between");
    begin(0);
    now.worker_status = FB_STATUS_COUNT;
    expect("the worker status is none");
    assert_string_equal(ring_status_name(FB_STATUS_COUNT), "unknown");
    assert_string_equal(ring_command_name(UINT32_MAX), "unknown");
}

/* Sequence numbers are counted from the first one on. */
static void sequence_numbers_wrap(void **state) {
    (void)state;
    begin(UINT64_MAX - 120);
    assert_int_equal(ring_waiting(&now), 40);
    assert_int_equal(ring_cursor_seq(&now), now.consumed + 5);
    expect("it works: 50 finished in 0.1 s, 40 waiting");
    begin((UINT64_MAX >> 1) - 102);
    assert_int_equal(ring_cursor_seq(&now), now.consumed + 5);
    expect("it works: 50 finished in 0.1 s, 40 waiting");
}

/* ---- looking */

struct ring {
    struct fb_ctl_handle handle;
    struct fb_region up, down;
};

static struct fb_geometry geometry = {.workers = 1,
                                      .max_workers = 2,
                                      .depth = 1000,
                                      .slots = 1024,
                                      .worker_burst = 32,
                                      .arena_bytes = 1 << 20};

static void make_side(const struct ring *ring, struct fb_region *region, enum fb_kind kind) {
    size_t size = kind == FB_KIND_UP ? fb_up_footprint() : fb_down_footprint(&geometry);
    const struct fb_region_config config = {
        .instance = NAME, .kind = kind, .size = size, .hugepages = FB_HUGEPAGES_NEVER, .node = -1};
    const uint8_t *instance = ring->handle.ctl->header.instance;
    assert_int_equal(fb_region_create(region, &config), 0);
    if (kind == FB_KIND_UP)
        fb_up_format(region->base, instance, 0, 3, 500);
    else
        fb_down_format(region->base, &geometry, instance, 0, 500);
    assert_int_equal(fb_region_place(region, &config), 0);
}

static int set_up(void **state) {
    struct ring *ring = new_state(state, sizeof *ring);
    assert_int_equal(fb_ctl_create(&ring->handle, NAME), 0);
    struct fb_ctl *ctl = ring->handle.ctl;
    ctl->geometry = geometry;
    snprintf(ctl->name, sizeof ctl->name, NAME);
    make_side(ring, &ring->up, FB_KIND_UP);
    make_side(ring, &ring->down, FB_KIND_DOWN);
    snprintf(ctl->directory[0].down_path, FB_PATH_MAX, "%s", ring->down.path);
    fb_ctl_set_state(ctl, 0, FB_STATE_READY);
    fb_ctl_set_epoch(ctl, 0, 3);
    fb_ctl_format(&ring->handle);
    return 0;
}

static int tear_down(void **state) {
    struct ring *ring = *state;
    fb_region_close(&ring->up);
    fb_region_close(&ring->down);
    fb_ctl_destroy(&ring->handle);
    free(ring);
    return 0;
}

static void stamp(struct fb_down *down, uint64_t end_seq, uint64_t time_ns) {
    uint64_t n = atomic_load(&down->publishes);
    atomic_store(&down->stamps[n % FB_STAMPS].end_seq, end_seq);
    atomic_store(&down->stamps[n % FB_STAMPS].time_ns, time_ns);
    atomic_store(&down->publishes, n + 1);
    atomic_store(&down->published, end_seq);
}

static void a_look_has_the_words_of_both_sides(void **state) {
    struct ring *ring = *state;
    struct fb_down *down = ring->down.base;
    struct fb_up *up = ring->up.base;
    struct ring_look look;
    stamp(down, 510, 7);
    stamp(down, 520, 8);
    stamp(down, 530, 9);
    atomic_store(&down->epoch, 3);
    atomic_store(&down->command, FB_COMMAND_STOP);
    atomic_store(&down->doorbell, 77);
    atomic_store(&up->cursor, 2 * 510 + 1);
    atomic_store(&up->parked, 1);
    fb_up_set_pid(up, 4711);
    fb_up_set_cpu(up, 5);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_true(look.has_up);
    assert_false(look.locked);
    assert_int_equal(look.state, FB_STATE_READY);
    assert_int_equal(look.consumed, 500);
    assert_int_equal(ring_waiting(&look), 30);
    assert_int_equal(ring_cursor_seq(&look), 510);
    assert_true(ring_cursor_is_busy(&look));
    assert_int_equal(look.cursor_published_ns, 8);
    assert_int_equal(look.last_publish_ns, 9);
    assert_int_equal(look.up_epoch, 3);
    assert_int_equal(look.down_epoch, 3);
    assert_int_equal(look.command, FB_COMMAND_STOP);
    assert_int_equal(look.doorbell, 77);
    assert_int_equal(look.parked, 1);
    assert_int_equal(look.pid, 4711);
    assert_int_equal(look.cpu, 5);
    assert_int_equal(look.depth, 1000);
    assert_int_equal(look.slots, 1024);
    assert_int_equal(look.worker_burst, 32);
    assert_int_equal(look.arena_bytes, 1 << 20);
}

/* A description of its own, as a worker's. */
static void a_lock_shows(void **state) {
    struct ring *ring = *state;
    struct fb_region own;
    struct ring_look look;
    assert_int_equal(fb_region_open(&own, ring->up.path, true, 1, geteuid()), 0);
    assert_int_equal(fb_lock_take(own.fd), 0);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_true(look.locked);
    fb_region_close(&own);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_false(look.locked);
}

/* Of a publish whose stamp was written over, no later one's time is told. */
static void a_time_that_is_not_known_is_not_told(void **state) {
    struct ring *ring = *state;
    struct ring_look look;
    for (unsigned i = 0; i < FB_STAMPS; i++)
        stamp(ring->down.base, 501 + i, 7 + i);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_int_equal(look.cursor_published_ns, 7);
    assert_int_equal(look.last_publish_ns, 7 + FB_STAMPS - 1);
    stamp(ring->down.base, 501 + FB_STAMPS, 7 + FB_STAMPS);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_int_equal(look.cursor_published_ns, 0);
    atomic_store(&((struct fb_up *)ring->up.base)->cursor, 2 * 502);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_int_equal(look.cursor_published_ns, 9);
}

static void expect_no_look(const struct ring *ring, unsigned worker, const char *line) {
    struct ring_look look;
    catch_begin(&caught);
    bool looked = ring_look(&look, ring->handle.ctl, worker);
    expect_one_line(catch_end(&caught), line);
    assert_false(looked);
}

static void numbers_without_a_ring_are_refused(void **state) {
    struct ring *ring = *state;
    expect_no_look(ring, 2, "--ring '2': the instance has worker numbers 0 to 1");
    expect_no_look(ring, 1, "--ring '1': this worker has no ring yet");
}

static void an_up_side_that_is_gone_or_cut_short_is_none(void **state) {
    struct ring *ring = *state;
    struct ring_look look;
    assert_int_equal(truncate(ring->up.path, 64), 0);
    catch_begin(&caught);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    expect_one_line(catch_end(&caught), "up.0 says kind 3, worker 0, 8192 bytes; expected");
    assert_false(look.has_up);
    assert_int_equal(truncate(ring->up.path, 0), 0);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_false(look.has_up);
    assert_int_equal(unlink(ring->up.path), 0);
    assert_true(ring_look(&look, ring->handle.ctl, 0));
    assert_false(look.has_up);
    assert_int_equal(look.published, 500);
}

static void a_down_side_that_is_none_is_refused(void **state) {
    struct ring *ring = *state;
    struct fb_down *down = ring->down.base;
    down->header.instance[3] ^= 1;
    expect_no_look(ring, 0, "is not the down side of worker 0 of this instance");
    down->header.instance[3] ^= 1;
    down->header.worker = 1;
    expect_no_look(ring, 0, "is not the down side of worker 0 of this instance");
    assert_int_equal(truncate(ring->down.path, 1000), 0);
    expect_no_look(ring, 0, "was cut short");
    assert_int_equal(unlink(ring->down.path), 0);
    expect_no_look(ring, 0, "No such file or directory");
    assert_int_equal(mkfifo(ring->down.path, 0600), 0);
    expect_no_look(ring, 0, "it is no down side");
    assert_int_equal(unlink(ring->down.path), 0);
    assert_int_equal(symlink("/etc/passwd", ring->down.path), 0);
    expect_no_look(ring, 0, "cannot open");
    assert_int_equal(unlink(ring->down.path), 0);
}

#define LOOK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    fb_log_init("test_view_ring", FB_LOG_ERROR);
    if (fb_guard_init() != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_at_work),
        cmocka_unit_test(a_worker_that_sleeps_over_packets),
        cmocka_unit_test(a_worker_that_gets_nowhere),
        cmocka_unit_test(a_number_without_a_process),
        cmocka_unit_test(a_process_that_is_to_leave_or_not_ready),
        cmocka_unit_test(words_that_no_worker_may_write),
        cmocka_unit_test(sequence_numbers_wrap),
        LOOK(a_look_has_the_words_of_both_sides),
        LOOK(a_lock_shows),
        LOOK(a_time_that_is_not_known_is_not_told),
        LOOK(numbers_without_a_ring_are_refused),
        LOOK(an_up_side_that_is_gone_or_cut_short_is_none),
        LOOK(a_down_side_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
