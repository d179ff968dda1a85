/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/lane.c: a descriptor is changed, by who can write there, between two
 * looks of the dispatcher at it. The second half of the ring cannot be touched at
 * first: where that is found out, something in the first half is changed.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dispatcher/fleet/lane.h"
#include "tests/lib/memory.h"
#include "tests/lib/unit.h"

#define SLOTS 128u
#define PAGE 4096u
#define PER_PAGE (PAGE / sizeof(struct fb_desc))

static struct fb_desc *first_desc;
static char *second_page;

static void change_one(int signo) {
    (void)signo;
    first_desc[3].flow_id = 2;
    if (mprotect(second_page, PAGE, PROT_READ | PROT_WRITE) != 0)
        abort();
}

static void marks_have_no_gap_where_a_flow_id_was_changed_meanwhile(void **state) {
    (void)state;
    static const uint8_t instance[16] = {1};
    static struct mark marks[SLOTS];
    const struct fb_geometry geometry = {
        .depth = SLOTS, .slots = SLOTS, .worker_burst = 32, .arena_bytes = 65536};
    struct fb_down *down = zeroed_pages(fb_down_footprint(&geometry));
    struct lane lane = {.marks = marks};
    fb_down_format(down, &geometry, instance, 0, 0);
    fb_tx_init(&lane.tx, down, NULL);
    for (unsigned i = 0; i < PER_PAGE + 8; i++) {
        uint64_t position;
        assert_true(fb_tx_reserve(&lane.tx, 0, &position));
        *fb_tx_stage(&lane.tx, position, 0) = (struct fb_desc){.arena_pos = position, .flow_id = 1};
    }
    first_desc = lane.tx.descs;
    second_page = (char *)(first_desc + PER_PAGE);
    assert_int_equal((uintptr_t)second_page % PAGE, 0);
    struct sigaction action = {.sa_handler = change_one}, before;
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_int_equal(mprotect(second_page, PAGE, PROT_NONE), 0);
    assert_int_equal(lane_skip_flow(&lane, 1), PER_PAGE + 7);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_int_equal(lane_waiting(&lane), 1);
    for (unsigned i = 0; i < PER_PAGE + 8; i++) {
        assert_int_equal(lane_first(&lane), i == 3 ? LANE_PACKET : LANE_SKIP);
        lane_take_out(&lane);
    }
    assert_int_equal(lane_first(&lane), LANE_EMPTY);
    assert_int_equal(lane.marks_head, lane.marks_tail);
    free(down);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_have_no_gap_where_a_flow_id_was_changed_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
