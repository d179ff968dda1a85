/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/history.c: the two rings of the flight recorder, and what a reader takes of a broken one. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/history.h"

#define WORD sizeof(uint64_t)

static const uint8_t instance[16] = {7};

struct fixture {
    struct fb_history *history;
    size_t size;
    struct fb_history_writer writer;
    struct fb_history_reader reader;
    struct fb_history_sample written, read;
    struct fb_run_event event;
    struct caught caught;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return f == NULL;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    free(f->history);
    free(f);
    return 0;
}

static void make(struct fixture *f, struct fb_history_shape shape) {
    f->size = (fb_history_footprint(&shape) + 127) / 128 * 128;
    f->history = aligned_alloc(128, f->size);
    assert_non_null(f->history);
    memset(f->history, 0, f->size);
    fb_history_writer_init(&f->writer, f->history, &shape, instance);
    assert_true(fb_history_reader_init(&f->reader, f->history, f->size));
}

/* The first word of a slot: its sequence. */
static uint64_t *slot_of(struct fixture *f, uint32_t slot) {
    const struct fb_history_shape one = {
        .samples = 1, .interfaces = f->reader.shape.interfaces, .lanes = f->reader.shape.lanes};
    size_t words = (fb_history_footprint(&one) - sizeof(struct fb_history)) / WORD;
    return (uint64_t *)(void *)(f->history + 1) + slot * words;
}

static void fill(struct fb_history_sample *sample, uint64_t first) {
    unsigned char *bytes = (unsigned char *)sample;
    for (size_t i = 0; i < sizeof *sample; i++)
        bytes[i] = (unsigned char)(first + i * 7);
    sample->lanes = 2;
}

static void add_samples(struct fixture *f, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        f->written.real_ns = 1000 + f->writer.samples;
        fb_history_add_sample(&f->writer, &f->written);
    }
}

static void expect_range(struct fixture *f, uint64_t wanted_first, uint64_t wanted_end) {
    uint64_t first, end;
    fb_history_samples(&f->reader, &first, &end);
    assert_int_equal(first, wanted_first);
    assert_int_equal(end, wanted_end);
}

/* ---- how much there is room for */

static void it_never_has_more_than_4_mb_nor_less_than_5_minutes_of_128_workers(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= FB_MAX_WORKERS; workers++) {
        for (unsigned interfaces = 0; interfaces <= FB_MAX_INTERFACES; interfaces += 8) {
            struct fb_history_shape shape = fb_history_plan(workers, interfaces, SIZE_MAX);
            assert_in_range(fb_history_footprint(&shape), 1, FB_HISTORY_BYTES_MOST);
            assert_int_equal(shape.events, FB_HISTORY_EVENTS_MOST);
            assert_in_range(shape.samples, workers <= 128 ? 300 : 150, FB_HISTORY_SAMPLES_MOST);
        }
    }
}

static void what_it_has_room_for_fits_into_any_memory(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < (size_t)1 << 20; bytes += 977) {
        struct fb_history_shape shape = fb_history_plan(8, 2, bytes);
        if (shape.samples == 0)
            continue;
        assert_true(shape.samples >= FB_HISTORY_SAMPLES_LEAST);
        assert_true(fb_history_footprint(&shape) <= bytes);
    }
    assert_int_equal(fb_history_plan(8, 2, 4096).samples, 0);
}

/* ---- samples */

static void
a_sample_reads_back_as_it_was_written_and_what_it_has_no_room_for_as_zero(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .events = 1, .interfaces = 2, .lanes = 2});
    fill(&f->written, 5);
    fb_history_add_sample(&f->writer, &f->written);
    memset(&f->read, 0xff, sizeof f->read);
    assert_true(fb_history_read_sample(&f->reader, 0, &f->read));
    memset(&f->written.interfaces[2], 0, sizeof f->written.interfaces[0] * (FB_MAX_INTERFACES - 2));
    memset(&f->written.lane[2], 0, sizeof f->written.lane[0] * (FB_MAX_WORKERS - 2));
    assert_memory_equal(&f->read, &f->written, sizeof f->read);
}

static void an_empty_history_has_no_record(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .events = 3});
    expect_range(f, 0, 0);
    for (uint64_t n = 0; n < 4; n++) {
        assert_false(fb_history_read_sample(&f->reader, n, &f->read));
        assert_false(fb_history_read_event(&f->reader, n, &f->event));
    }
}

static void the_ring_keeps_the_last_ones(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .lanes = 1});
    for (uint64_t written = 1; written <= 10; written++) {
        add_samples(f, 1);
        expect_range(f, written > 3 ? written - 3 : 0, written);
        for (uint64_t n = 0; n < written + 2; n++) {
            bool there = n < written && n + 3 >= written;
            assert_int_equal(fb_history_read_sample(&f->reader, n, &f->read), there);
            if (there)
                assert_int_equal(f->read.real_ns, 1000 + n);
        }
    }
}

static void a_sample_in_the_middle_of_which_its_writer_died_is_left_out(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .lanes = 1});
    add_samples(f, 5);
    *slot_of(f, 5 % 3) = 2 * 5 + 1; /* it began with the sixth, in the place of the third */
    *(slot_of(f, 5 % 3) + 1) = 77;
    assert_false(fb_history_read_sample(&f->reader, 2, &f->read));
    assert_false(fb_history_read_sample(&f->reader, 5, &f->read));
    assert_true(fb_history_read_sample(&f->reader, 3, &f->read));
    assert_true(fb_history_read_sample(&f->reader, 4, &f->read));
}

/* ---- events */

static void an_event_reads_back_and_the_oldest_go(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 1, .events = 4});
    for (uint64_t n = 0; n < 9; n++) {
        struct fb_run_event *event =
            FB_WORKER_EVENT(WORKER_DIED, (uint32_t)n, .pid = 70 + (int64_t)n, .count = n);
        strcpy(event->text, "it died");
        fb_history_add_event(&f->writer, event);
    }
    uint64_t first, end;
    fb_history_events(&f->reader, &first, &end);
    assert_int_equal(first, 5);
    assert_int_equal(end, 9);
    assert_false(fb_history_read_event(&f->reader, 4, &f->event));
    for (uint64_t n = first; n < end; n++) {
        assert_true(fb_history_read_event(&f->reader, n, &f->event));
        assert_int_equal(f->event.kind, FB_HAPPENED_WORKER_DIED);
        assert_int_equal(f->event.worker, n);
        assert_int_equal(f->event.interface, FB_EVENT_NOT_ONE);
        assert_int_equal(f->event.pid, 70 + n);
        assert_string_equal(f->event.text, "it died");
    }
}

static void a_history_without_room_for_events_drops_them(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 2});
    add_samples(f, 2);
    fb_history_add_event(&f->writer, FB_RUN_EVENT(RUN_STARTED));
    assert_false(fb_history_read_event(&f->reader, 0, &f->event));
    assert_true(fb_history_read_sample(&f->reader, 0, &f->read));
}

/* ---- hostile content */

static void what_an_event_says_wrong_is_left_out_or_cut(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 1, .events = 4});
    struct fb_run_event event = {
        .kind = FB_HAPPENED_RUN_ENDED, .worker = FB_MAX_WORKERS, .interface = FB_MAX_INTERFACES};
    memset(event.text, 'x', sizeof event.text);
    fb_history_add_event(&f->writer, &event);
    assert_true(fb_history_read_event(&f->reader, 0, &f->event));
    assert_int_equal(strlen(f->event.text), FB_EVENT_TEXT_BYTES - 1);
    assert_int_equal(f->event.worker, FB_EVENT_NOT_ONE);
    assert_int_equal(f->event.interface, FB_EVENT_NOT_ONE);
    event.kind = FB_HAPPENED_COUNT;
    fb_history_add_event(&f->writer, &event);
    assert_false(fb_history_read_event(&f->reader, 1, &f->event));
}

static void counts_and_lanes_that_cannot_be_lead_nowhere(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .events = 3, .lanes = 1});
    f->written.lanes = UINT64_MAX;
    add_samples(f, 1);
    assert_true(fb_history_read_sample(&f->reader, 0, &f->read));
    assert_int_equal(f->read.lanes, 1);
    uint64_t first, end;
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 2, 4};
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&f->history->samples, counts[i]);
        atomic_store(&f->history->events, counts[i]);
        fb_history_samples(&f->reader, &first, &end);
        assert_int_equal(end - first, 3);
        for (uint64_t n = first; n != end; n++)
            assert_false(fb_history_read_sample(&f->reader, n, &f->read));
        fb_history_events(&f->reader, &first, &end);
        for (uint64_t n = first; n != end; n++)
            assert_false(fb_history_read_event(&f->reader, n, &f->event));
    }
}

static void a_shape_that_does_not_fit_is_refused(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .events = 3, .interfaces = 1, .lanes = 1});
    const struct fb_history_shape good = f->history->shape;
    const struct fb_history_shape shapes[] = {
        {.samples = 0, .events = 3, .interfaces = 1, .lanes = 1},
        {.samples = 4, .events = 3, .interfaces = 1, .lanes = 1},
        {.samples = UINT32_MAX, .events = 3, .interfaces = 1, .lanes = 1},
        {.samples = 3, .events = UINT32_MAX, .interfaces = 1, .lanes = 1},
        {.samples = 3, .events = 3, .interfaces = UINT32_MAX, .lanes = 1},
        {.samples = 3, .events = 3, .interfaces = 1, .lanes = UINT32_MAX},
        {.samples = 1, .events = 0, .interfaces = 1, .lanes = FB_MAX_WORKERS + 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        f->history->shape = shapes[i];
        catch_begin(&f->caught);
        bool fits = fb_history_reader_init(&f->reader, f->history, f->size);
        expect_one_line(catch_end(&f->caught), "do not fit");
        assert_false(fits);
    }
    f->history->shape = good;
    catch_begin(&f->caught);
    assert_false(fb_history_reader_init(&f->reader, f->history, sizeof *f->history - 1));
    catch_end(&f->caught);
    assert_true(fb_history_reader_init(&f->reader, f->history, f->size));
}

/* Who may write to the object may have cut it short: what is read is zero then. */
static void a_writer_relies_on_nothing_in_the_object(void **state) {
    struct fixture *f = *state;
    make(f, (struct fb_history_shape){.samples = 3, .events = 3, .lanes = 1});
    add_samples(f, 7);
    memset(f->history, 0, f->size);
    add_samples(f, 7);
    fb_history_add_event(&f->writer, FB_RUN_EVENT(RUN_ENDED));
    expect_range(f, 11, 14);
    assert_true(fb_history_read_sample(&f->reader, 13, &f->read));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_never_has_more_than_4_mb_nor_less_than_5_minutes_of_128_workers),
        TEST(what_it_has_room_for_fits_into_any_memory),
        TEST(a_sample_reads_back_as_it_was_written_and_what_it_has_no_room_for_as_zero),
        TEST(an_empty_history_has_no_record),
        TEST(the_ring_keeps_the_last_ones),
        TEST(a_sample_in_the_middle_of_which_its_writer_died_is_left_out),
        TEST(an_event_reads_back_and_the_oldest_go),
        TEST(a_history_without_room_for_events_drops_them),
        TEST(what_an_event_says_wrong_is_left_out_or_cut),
        TEST(counts_and_lanes_that_cannot_be_lead_nowhere),
        TEST(a_shape_that_does_not_fit_is_refused),
        TEST(a_writer_relies_on_nothing_in_the_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
