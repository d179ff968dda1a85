/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ring.c and ring.h: what goes through a ring, from each start. */
#include "tests/lib/memory.h"
#include "tests/lib/ring_fixture.h"

#include <stdlib.h>

#define ARENA 4096u
#define BIG_ARENA (UINT64_C(4) * FB_ARENA_WINDOW)

/* Where in the arena the next frame of this size would go; the ring must have room for it. */
static uint64_t next_offset(struct ring_fixture *r, uint32_t caplen) {
    uint64_t position;
    assert_true(fb_tx_reserve(&r->tx, caplen, &position));
    return position & r->tx.arena_mask;
}

static void put_all(struct ring_fixture *r, unsigned count, uint32_t caplen) {
    for (unsigned i = 0; i < count; i++)
        assert_true(ring_put(r, caplen));
}

/* ---- refusals: full */

static void a_ring_that_is_full_by_depth_refuses_a_packet_and_changes_nothing(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 4, 8, ARENA);
    put_all(r, 4, 60);
    const struct fb_tx before = r->tx;
    assert_false(ring_put(r, 60));
    assert_false(ring_put(r, 0));
    assert_int_equal(r->tx.seq, before.seq);
    assert_int_equal(r->tx.head, before.head);
    assert_int_equal(r->tx.consumed, before.consumed);
    fb_tx_publish(&r->tx, 1);
    assert_false(ring_put(r, 60)); /* published is not consumed */
    ring_take(r, 1);
    assert_false(ring_put(r, 60)); /* consumed, but not looked at */
    ring_refresh(r);
    assert_true(ring_put(r, 60));
    assert_false(ring_put(r, 60));
}

static void a_ring_of_one_packet_takes_one_and_its_flow_end(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 1, 2, ARENA);
    for (unsigned i = 0; i < 2 * RING_BEFORE_WRAP; i++) {
        assert_true(ring_put(r, 1000));
        assert_false(ring_put(r, 1));
        assert_true(ring_put_end(r));
        assert_false(ring_put_end(r));
        ring_pass(r, 2);
    }
}

static void slots_beyond_the_depth_are_kept_for_flow_ends(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 4, 8, ARENA);
    put_all(r, 4, 60);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(ring_put(r, 60));
        assert_true(ring_put_end(r));
    }
    assert_false(ring_put_end(r)); /* every slot is in use */
    ring_pass(r, 1);
    assert_false(ring_put(r, 60));
    assert_true(ring_put_end(r));
    assert_false(ring_put_end(r));
    /* Ends count against the depth too: a packet fits when fewer than 4 descriptors are left. */
    ring_pass(r, 4);
    assert_false(ring_put(r, 60));
    ring_pass(r, 1);
    assert_true(ring_put(r, 60));
}

static void
a_ring_that_is_full_by_bytes_refuses_until_the_oldest_frame_is_given_back(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 4, 1024);
    assert_false(ring_put(r, 1));
    assert_true(ring_put(r, 0)); /* needs no room */
    assert_true(ring_put_end(r));
    ring_pass(r, 1);
    assert_true(ring_put(r, 1024));
    assert_false(ring_put(r, 1));
    ring_pass(r, 6);
    assert_true(r->tx.seq == r->tx.consumed);
}

static void every_frame_takes_whole_cache_lines(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 128, 256, ARENA);
    put_all(r, ARENA / FB_ARENA_ALIGN, 1);
    assert_false(ring_put(r, 1));
    ring_pass(r, 1);
    assert_false(ring_put(r, FB_ARENA_ALIGN + 1));
    assert_true(ring_put(r, FB_ARENA_ALIGN));
    ring_pass(r, ARENA / FB_ARENA_ALIGN);
}

/* The bug of the Aeron ring buffer: front full, and the end too short for the frame. */
static void a_frame_too_long_for_the_end_is_refused_while_the_front_is_in_use(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_true(ring_put(r, 960)); /* 64 bytes are left at the end */
    const struct fb_tx before = r->tx;
    assert_false(ring_put(r, 65));
    assert_false(ring_put(r, 1024));
    assert_int_equal(r->tx.head, before.head);
    assert_int_equal(next_offset(r, 64), ARENA - 64); /* but what fits there goes there */
    ring_pass(r, 4);                                  /* with every byte as it was written */
}

static void a_frame_too_long_for_the_end_goes_to_the_front_up_to_the_oldest_frame(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_true(ring_put(r, 960));
    ring_pass(r, 1);
    assert_false(ring_put(r, 1025));
    assert_false(ring_put(r, 1025)); /* nor if it is asked for again */
    assert_int_equal(next_offset(r, 128), 0);
    assert_true(ring_put(r, 128));
    assert_false(ring_put(r, 897));
    assert_true(ring_put(r, 896));
    assert_false(ring_put(r, 1));
    ring_pass(r, 5);
}

/* ---- padding */

static void a_frame_that_just_fits_at_the_end_is_not_padded(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_int_equal(next_offset(r, 1024), 3072);
    put_all(r, 1, 1024);
    ring_pass(r, 4);
    assert_int_equal(next_offset(r, 1), 0);
}

static void padding_is_given_back_with_the_frame_before_it(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_true(ring_put(r, 960));
    ring_pass(r, 2);
    put_all(r, 2, 1024); /* after 64 bytes of padding */
    assert_false(ring_put(r, 1));
    ring_pass(r, 1);
    assert_true(ring_put(r, 1024));
    assert_false(ring_put(r, 1));
    ring_pass(r, 1); /* the frame of 960, and the 64 bytes behind it */
    assert_int_equal(next_offset(r, 1024), 3072);
    assert_true(ring_put(r, 1024));
    assert_false(ring_put(r, 1));
    ring_pass(r, 4);
}

static void padding_of_an_empty_ring_is_free(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_true(ring_put(r, 960));
    ring_pass(r, 4);
    put_all(r, 4, 1024); /* a whole lap, though 64 bytes before it were skipped */
    assert_false(ring_put(r, 1));
    ring_pass(r, 4);
}

static void a_flow_end_holds_the_bytes_after_it_until_it_is_passed(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 3, 1024);
    assert_true(ring_put(r, 960));
    ring_pass(r, 4);
    uint64_t head = r->tx.head;
    assert_true(ring_put_end(r));
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(fb_rx_peek(&r->rx), 1);
    assert_int_equal(fb_rx_desc(&r->rx, 0)->arena_pos, head);
    put_all(r, 3, 1024); /* after padding, which now belongs to the flow end */
    assert_false(ring_put(r, 1024));
    ring_pass(r, 1);
    assert_true(ring_put(r, 1024));
    ring_pass(r, 4);
}

/* ---- rewind */

static void below_the_window_the_head_is_never_moved(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, BIG_ARENA);
    assert_true(ring_put(r, FB_ARENA_WINDOW - FB_ARENA_ALIGN));
    ring_pass(r, 1);
    uint64_t head = r->tx.head;
    fb_tx_rewind(&r->tx, true);
    fb_tx_rewind(&r->tx, false);
    assert_true(r->tx.head == head);
}

static void an_empty_ring_starts_the_next_lap_beyond_the_window(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, BIG_ARENA);
    for (unsigned lossless = 0; lossless < 2; lossless++) {
        assert_true(ring_put(r, FB_ARENA_WINDOW));
        ring_pass(r, 1);
        uint64_t head = r->tx.head;
        fb_tx_rewind(&r->tx, lossless != 0);
        assert_int_equal(r->tx.head - head, BIG_ARENA - FB_ARENA_WINDOW); /* forward only */
        assert_int_equal(next_offset(r, 1), 0);
    }
    put_all(r, 4, FB_ARENA_WINDOW); /* what was jumped over is room again */
    assert_false(ring_put(r, 1));
    ring_pass(r, 4);
}

static void a_ring_in_use_is_rewound_only_where_nothing_can_be_lost_by_it(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, BIG_ARENA);
    put_all(r, 2, FB_ARENA_WINDOW);
    ring_pass(r, 2);
    assert_true(ring_put(r, 1000));
    uint64_t head = r->tx.head;
    fb_tx_rewind(&r->tx, false);
    assert_true(r->tx.head == head);
    fb_tx_rewind(&r->tx, true);
    assert_int_equal(r->tx.head - head, BIG_ARENA - (head & r->tx.arena_mask));
    put_all(r, 2, FB_ARENA_WINDOW);
    assert_false(ring_put(r, 1)); /* what was jumped over is no room yet */
    ring_pass(r, 1);
    put_all(r, 2, FB_ARENA_WINDOW);
    assert_false(ring_put(r, 1));
    ring_pass(r, 4);
}

static void a_reader_that_lags_is_not_jumped_before(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, BIG_ARENA);
    /* It has left the window, but not twice as much as it lags. */
    put_all(r, 1, FB_ARENA_WINDOW);
    ring_pass(r, 1);
    put_all(r, 1, FB_ARENA_WINDOW / 2 + FB_ARENA_ALIGN);
    uint64_t head = r->tx.head;
    fb_tx_rewind(&r->tx, true);
    assert_true(r->tx.head == head);
    ring_pass(r, 1);
    fb_tx_rewind(&r->tx, true);
    assert_true(r->tx.head != head);
    /* It has not left the window. */
    put_all(r, 1, FB_ARENA_WINDOW - FB_ARENA_ALIGN);
    ring_pass(r, 1);
    put_all(r, 1, 2 * FB_ARENA_ALIGN);
    head = r->tx.head;
    fb_tx_rewind(&r->tx, true);
    assert_true(r->tx.head == head);
    /* It is still in the lap before, far enough from here to either side. */
    ring_pass(r, 1);
    fb_tx_rewind(&r->tx, true);
    put_all(r, 3, FB_ARENA_WINDOW);
    put_all(r, 1, FB_ARENA_WINDOW / 2);
    ring_pass(r, 4);
    put_all(r, 1, FB_ARENA_WINDOW / 2);
    put_all(r, 1, FB_ARENA_WINDOW);
    assert_int_equal(r->tx.head & r->tx.arena_mask, FB_ARENA_WINDOW);
    head = r->tx.head;
    fb_tx_rewind(&r->tx, true);
    assert_true(r->tx.head == head);
    ring_pass(r, 2);
}

/* ---- publish and peek */

static void what_is_staged_is_invisible_until_it_is_published(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    assert_int_equal(fb_rx_peek(&r->rx), 0);
    put_all(r, 5, 100);
    assert_int_equal(fb_rx_peek(&r->rx), 0);
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(fb_rx_peek(&r->rx), 5);
    put_all(r, 1, 100);
    assert_int_equal(fb_rx_peek(&r->rx), 5);
    ring_take(r, 5);
    assert_int_equal(fb_rx_peek(&r->rx), 0);
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(fb_rx_peek(&r->rx), 1);
    ring_take(r, 1);
}

static void publishing_nothing_is_nothing(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(r->tx.publishes, 0);
    assert_int_equal(r->tx.wake_pending_since_ns, 0);
    put_all(r, 1, 100);
    fb_tx_publish(&r->tx, 7);
    fb_tx_publish(&r->tx, 8);
    assert_int_equal(atomic_load(&r->down->publishes), 1);
    assert_int_equal(r->tx.wake_pending_since_ns, 7);
}

static void a_burst_of_the_worker_is_bounded(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 16, 32, ARENA);
    put_all(r, 9, 10);
    fb_tx_publish(&r->tx, 1);
    assert_int_equal(fb_rx_peek(&r->rx), 4);
    fb_rx_release(&r->rx, 4);
    assert_int_equal(fb_rx_peek(&r->rx), 4); /* of five */
    fb_rx_release(&r->rx, 4);
    assert_int_equal(fb_rx_peek(&r->rx), 1);
}

static void descriptors_and_bytes_arrive_as_they_were_written(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 8, 16, ARENA);
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(ring_put(r, (i * 131) % 1025));
        assert_true(ring_put_end(r));
        ring_pass(r, 2);
    }
    assert_int_equal(r->tx.consumed - r->start->seq, 80);
}

/* ---- a worker that lies */

static void expect_violation(struct ring_fixture *r, uint64_t consumed,
                             enum fb_violation expected) {
    const struct fb_tx before = r->tx;
    atomic_store(&r->up->consumed, consumed);
    assert_int_equal(fb_tx_refresh(&r->tx), expected);
    assert_memory_equal(&r->tx, &before, sizeof before);
}

static void a_consumed_that_goes_back_is_a_violation_and_changes_nothing(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 8, 10);
    ring_pass(r, 5);
    uint64_t consumed = r->tx.consumed;
    expect_violation(r, consumed - 1, FB_VIOLATION_CONSUMED_BACK);
    expect_violation(r, consumed - 5, FB_VIOLATION_CONSUMED_BACK);
    expect_violation(r, consumed - (UINT64_C(1) << 63), FB_VIOLATION_CONSUMED_BACK);
    atomic_store(&r->up->consumed, consumed);
    ring_refresh(r);
}

static void a_consumed_beyond_published_is_a_violation_and_changes_nothing(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 8, 10);
    ring_pass(r, 5);
    put_all(r, 4, 10); /* staged only: 3 are published and waiting */
    uint64_t consumed = r->tx.consumed;
    expect_violation(r, consumed + 4, FB_VIOLATION_CONSUMED_AHEAD);
    expect_violation(r, consumed + (UINT64_C(1) << 63) - 1, FB_VIOLATION_CONSUMED_AHEAD);
    atomic_store(&r->up->consumed, consumed + 3);
    ring_refresh(r);
    assert_int_equal(r->tx.consumed - consumed, 3);
}

/* ---- the last words of a dead worker */

/* Eight published, consumed at 4. */
static uint64_t make_dead(struct ring_fixture *r) {
    ring_make(r, 64, 128, ARENA);
    put_all(r, 8, 10);
    ring_pass(r, 4);
    return r->tx.consumed;
}

static void expect_resume_point(struct ring_fixture *r, uint64_t cursor, uint64_t resume,
                                bool suspect, enum fb_violation violation) {
    const struct fb_tx before = r->tx;
    atomic_store(&r->up->cursor, cursor);
    struct fb_resume_point resume_point = fb_tx_recover(&r->tx);
    assert_int_equal(resume_point.violation, violation);
    assert_true(resume_point.resume_seq == resume);
    assert_int_equal(resume_point.suspect, suspect);
    assert_true(r->tx.consumed == resume);
    assert_int_equal(r->tx.seq, before.seq);
    r->tx = before;
}

static void an_impossible_cursor_is_a_violation_and_the_resume_point_is_consumed(void **state) {
    struct ring_fixture *r = *state;
    uint64_t c = make_dead(r), published = r->tx.published;
    expect_resume_point(r, (c - 1) * 2, c, false, FB_VIOLATION_CURSOR_RANGE);
    expect_resume_point(r, (c - 1) * 2 + 1, c, false, FB_VIOLATION_CURSOR_RANGE);
    expect_resume_point(r, (published + 1) * 2, c, false, FB_VIOLATION_CURSOR_RANGE);
    expect_resume_point(r, published * 2 + 1, c, false,
                        FB_VIOLATION_CURSOR_RANGE); /* busy at nothing */
    expect_resume_point(r, (c + (UINT64_C(1) << 62)) * 2, c, false, FB_VIOLATION_CURSOR_RANGE);
}

static void what_is_only_staged_cannot_have_been_under_inspection(void **state) {
    struct ring_fixture *r = *state;
    uint64_t c = make_dead(r), published = r->tx.published;
    put_all(r, 2, 10);
    expect_resume_point(r, published * 2 + 1, c, false, FB_VIOLATION_CURSOR_RANGE);
    expect_resume_point(r, (published + 1) * 2, c, false, FB_VIOLATION_CURSOR_RANGE);
}

static void a_lie_about_consumed_is_seen_at_the_judgement_too(void **state) {
    struct ring_fixture *r = *state;
    uint64_t c = make_dead(r);
    atomic_store(&r->up->consumed, c - 1);
    expect_resume_point(r, (c - 1) * 2, c, false, FB_VIOLATION_CONSUMED_BACK);
    atomic_store(&r->up->consumed, r->tx.published + 1);
    expect_resume_point(r, (r->tx.published + 1) * 2, c, false, FB_VIOLATION_CONSUMED_AHEAD);
}

static void an_idle_cursor_tells_what_is_finished_and_names_no_suspect(void **state) {
    struct ring_fixture *r = *state;
    uint64_t c = make_dead(r);
    expect_resume_point(r, c * 2, c, false, FB_VIOLATION_NONE);
    expect_resume_point(r, (c + 2) * 2, c + 2, false, FB_VIOLATION_NONE);
    expect_resume_point(r, (c + 4) * 2, c + 4, false, FB_VIOLATION_NONE); /* all of it */
}

static void a_busy_cursor_names_the_suspect_and_what_lies_before_it_is_finished(void **state) {
    struct ring_fixture *r = *state;
    uint64_t c = make_dead(r);
    expect_resume_point(r, c * 2 + 1, c, true, FB_VIOLATION_NONE);
    expect_resume_point(r, (c + 3) * 2 + 1, c + 3, true, FB_VIOLATION_NONE);
    /* consumed that was stored and not yet taken counts as well */
    atomic_store(&r->up->consumed, c + 2);
    expect_resume_point(r, (c + 2) * 2 + 1, c + 2, true, FB_VIOLATION_NONE);
    expect_resume_point(r, (c + 1) * 2, c + 2, false, FB_VIOLATION_CURSOR_RANGE);
}

static void the_next_incarnation_goes_on_at_the_resume_point(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 8, 100);
    fb_tx_publish(&r->tx, 1);
    assert_true(fb_rx_begin(&r->rx, 0, &(struct fb_desc){0}));
    fb_rx_end();
    assert_true(fb_rx_begin(&r->rx, 1, &(struct fb_desc){0})); /* and here it dies */
    struct fb_resume_point resume_point = fb_tx_recover(&r->tx);
    assert_true(resume_point.suspect);
    assert_int_equal(resume_point.resume_seq - r->start->seq, 1);
    struct fb_up *dead = r->up;
    r->up = zeroed_pages(fb_up_footprint());
    fb_up_format(r->up, ring_instance, 0, 2, resume_point.resume_seq);
    free(dead);
    fb_tx_attach(&r->tx, r->up);
    fb_tx_set_epoch(&r->tx, 2);
    ring_refresh(r);
    fb_rx_init(&r->rx, r->down, r->up);
    put_all(r, 2, 100);
    ring_pass(r, 9);
    assert_int_equal(r->tx.consumed - r->start->seq, 10);
    resume_point = fb_tx_recover(&r->tx);
    assert_int_equal(resume_point.violation, FB_VIOLATION_NONE);
    assert_false(resume_point.suspect);
}

/* ---- cursor and epoch */

static void begin_names_the_packet_and_release_leaves_an_idle_cursor(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 6, 10);
    fb_tx_publish(&r->tx, 1);
    uint64_t first = r->start->seq;
    assert_true(atomic_load(&r->up->cursor) == first * 2);
    assert_int_equal(fb_rx_peek(&r->rx), 6);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(fb_rx_begin(&r->rx, i, &(struct fb_desc){0}));
        assert_true(atomic_load(&r->up->cursor) == (first + i) * 2 + 1);
        assert_true(atomic_load(&r->up->consumed) == first);
        fb_rx_end();
    }
    fb_rx_release(&r->rx, 4);
    assert_true(atomic_load(&r->up->cursor) == (first + 4) * 2);
    assert_true(atomic_load(&r->up->consumed) == first + 4);
}

static void a_revoked_worker_leaves_before_its_next_packet(void **state) {
    struct ring_fixture *r = *state;
    ring_make(r, 64, 128, ARENA);
    put_all(r, 2, 10);
    fb_tx_publish(&r->tx, 1);
    assert_true(fb_rx_begin(&r->rx, 0, &(struct fb_desc){0}));
    assert_false(fb_rx_revoked(&r->rx));
    fb_tx_set_epoch(&r->tx, 2);
    assert_true(fb_rx_revoked(&r->rx));
    assert_false(fb_rx_begin(&r->rx, 1, &(struct fb_desc){0}));
    /* The cursor came first: at most the packet that it names is doubled. */
    struct fb_resume_point resume_point = fb_tx_recover(&r->tx);
    assert_true(resume_point.suspect);
    assert_int_equal(resume_point.resume_seq - r->start->seq, 1);
}

int main(void) {
    static const struct ring_test tests[] = {
        RING_TEST(a_ring_that_is_full_by_depth_refuses_a_packet_and_changes_nothing),
        RING_TEST(a_ring_of_one_packet_takes_one_and_its_flow_end),
        RING_TEST(slots_beyond_the_depth_are_kept_for_flow_ends),
        RING_TEST(a_ring_that_is_full_by_bytes_refuses_until_the_oldest_frame_is_given_back),
        RING_TEST(every_frame_takes_whole_cache_lines),
        RING_TEST(a_frame_too_long_for_the_end_is_refused_while_the_front_is_in_use),
        RING_TEST(a_frame_too_long_for_the_end_goes_to_the_front_up_to_the_oldest_frame),
        RING_TEST(a_frame_that_just_fits_at_the_end_is_not_padded),
        RING_TEST(padding_is_given_back_with_the_frame_before_it),
        RING_TEST(padding_of_an_empty_ring_is_free),
        RING_TEST(a_flow_end_holds_the_bytes_after_it_until_it_is_passed),
        RING_TEST(below_the_window_the_head_is_never_moved),
        RING_TEST(an_empty_ring_starts_the_next_lap_beyond_the_window),
        RING_TEST(a_ring_in_use_is_rewound_only_where_nothing_can_be_lost_by_it),
        RING_TEST(a_reader_that_lags_is_not_jumped_before),
        RING_TEST(what_is_staged_is_invisible_until_it_is_published),
        RING_TEST(publishing_nothing_is_nothing),
        RING_TEST(a_burst_of_the_worker_is_bounded),
        RING_TEST(descriptors_and_bytes_arrive_as_they_were_written),
        RING_TEST(a_consumed_that_goes_back_is_a_violation_and_changes_nothing),
        RING_TEST(a_consumed_beyond_published_is_a_violation_and_changes_nothing),
        RING_TEST(an_impossible_cursor_is_a_violation_and_the_resume_point_is_consumed),
        RING_TEST(what_is_only_staged_cannot_have_been_under_inspection),
        RING_TEST(a_lie_about_consumed_is_seen_at_the_judgement_too),
        RING_TEST(an_idle_cursor_tells_what_is_finished_and_names_no_suspect),
        RING_TEST(a_busy_cursor_names_the_suspect_and_what_lies_before_it_is_finished),
        RING_TEST(the_next_incarnation_goes_on_at_the_resume_point),
        RING_TEST(begin_names_the_packet_and_release_leaves_an_idle_cursor),
        RING_TEST(a_revoked_worker_leaves_before_its_next_packet),
    };
    return ring_run_tests(tests, sizeof tests / sizeof *tests);
}
