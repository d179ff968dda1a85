/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/history.c: a slot of the flight recorder that is written again and again, in every order of
 * its writer and a reader. What is read is one record, and the one that was asked for; and once the
 * writer is done, or was killed in the middle of a record, the last whole one is there.
 */
#include "tests/weave/weave_atomic.h"

#include "flow_balancer/history.h"
#include "tests/lib/unit.h"
#include "tests/weave/weave.h"

#include <string.h>

#define RECORDS 3u
#define SLOTS 2u

static const struct fb_history_shape shape = {.samples = SLOTS};

struct recorder {
    _Alignas(FB_APART) uint64_t memory[256]; /* the object */
    struct fb_history_writer writer;
    struct fb_history_reader reader;
    struct fb_history_sample written, read;
    unsigned whole; /* records that the writer finished */
};

static struct fb_history *object(struct recorder *r) {
    return (struct fb_history *)(void *)r->memory;
}

static void write_records(void *world) {
    struct recorder *r = world;
    for (uint64_t n = 0; n < RECORDS; n++) {
        r->written.real_ns = r->written.mono_ns = 100 + n;
        fb_history_add_sample(&r->writer, &r->written);
        r->whole++;
    }
}

/* Returns whether record n was there. */
static bool take(struct recorder *r, uint64_t n) {
    if (!fb_history_read_sample(&r->reader, n, &r->read))
        return false;
    weave_expect(r->read.real_ns == r->read.mono_ns, "a record is torn");
    weave_expect(r->read.real_ns == 100 + n, "a record is another one");
    return true;
}

static void read_records(void *world) {
    struct recorder *r = world;
    uint64_t first, end;
    fb_history_samples(&r->reader, &first, &end);
    for (uint64_t n = first; n < end; n++)
        take(r, n);
}

static void kill_and_read(void *world) {
    struct recorder *r = world;
    uint64_t first, end;
    weave_pause();
    weave_kill(0);
    weave_synchronize();
    fb_history_samples(&r->reader, &first, &end);
    /* The last one may be whole and not counted, or counted, and the writer not back yet. */
    weave_expect(end + 1 >= r->whole && end <= r->whole + 1, "not all records are counted");
    weave_expect(end == 0 || take(r, end - 1), "the last whole record is not there");
}

static void begin(struct recorder *r) {
    memset(r, 0, sizeof *r);
    assert_true(fb_history_footprint(&shape) <= sizeof r->memory);
    static const uint8_t instance[16] = {1};
    fb_history_writer_init(&r->writer, object(r), &shape, instance);
    r->reader = (struct fb_history_reader){.history = object(r), .shape = shape};
    uint64_t *slot = (uint64_t *)(void *)(object(r) + 1);
    size_t slot_words = (fb_history_footprint(&shape) - sizeof(struct fb_history)) / SLOTS / 8;
    WEAVE_WATCH(object(r)->samples);
    for (unsigned i = 0; i < SLOTS; i++, slot += slot_words) {
        WEAVE_WATCH(slot[0]);
        WEAVE_WATCH(slot[1]);
        WEAVE_WATCH(slot[2]);
    }
    weave_thread(write_records, r);
}

static void begin_reading(void *world) {
    begin(world);
    weave_thread(read_records, world);
}

static void begin_killing(void *world) {
    begin(world);
    weave_thread(kill_and_read, world);
}

static void nothing(void *world) {
    (void)world;
}

static void explore(const char *name, void (*set_up)(void *world)) {
    static struct recorder r;
    const char *error;
    uint64_t runs = weave_explore(&(struct weave_scenario){.name = name,
                                                           .set_up = set_up,
                                                           .check = nothing,
                                                           .tear_down = nothing,
                                                           .preemptions = 2,
                                                           .weak = 2},
                                  &r, &error);
    if (runs == 0)
        fail_msg("%s (FB_WEAVE_TRACE=1 shows the run)", error);
    print_message("%s: %llu runs\n", name, (unsigned long long)runs);
}

static void a_record_is_whole_or_not_there(void **state) {
    (void)state;
    explore("history", begin_reading);
}

static void a_writer_that_is_killed_leaves_what_was_whole(void **state) {
    (void)state;
    explore("history, killed", begin_killing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_whole_or_not_there),
        cmocka_unit_test(a_writer_that_is_killed_leaves_what_was_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
