/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_merge.c: frames of several inputs, put and taken at times
 * of the test's own clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dispatcher/capture/capture_merge.h"
#include "dispatcher/capture/capture_sink.h"
#include "tests/lib/random.h"

#define INPUTS_MAX 4u
#define FRAMES_MAX 4096u
#define BYTES (3 * CAPTURE_SINK_ROOM)
#define NEVER UINT64_MAX
#define SECOND UINT64_C(1000000000)

/* What was put, by number, and in which order it came out. */
static struct {
    uint64_t time_ns, put_ns;
    const uint8_t *data;
    uint32_t length;
    unsigned input;
    bool out;
} sent[FRAMES_MAX];
static unsigned sent_count, order[FRAMES_MAX], taken_count;
static uint64_t now_ns;
static struct capture_merge *merge;

static void begin(unsigned inputs, uint64_t window_ns, uint32_t frames, size_t bytes) {
    memset(sent, 0, sizeof sent);
    sent_count = taken_count = 0;
    now_ns = 1000;
    assert_int_equal(capture_merge_new(&merge, inputs, window_ns, frames, bytes), 0);
}

static int end(void **state) {
    (void)state;
    capture_merge_free(merge);
    merge = NULL;
    return 0;
}

static uint8_t filling(unsigned number) {
    return (uint8_t)(number * 31 + 7);
}

static bool is_whole(const struct frame *frame) {
    uint32_t length = frame->caplen;
    return length == 0 || (frame->data[0] == filling((unsigned)frame->dlt) &&
                           memcmp(frame->data, frame->data + 1, length - 1) == 0);
}

/* Nothing of the room belongs to a frame that is held. */
static void check_room(const struct capture_merge_room *room) {
    assert_true(room->most >= 1);
    assert_true((size_t)(room->end - room->next) >= CAPTURE_SINK_ROOM);
    assert_int_equal((uintptr_t)room->next % CAPTURE_SLACK, 0);
    for (unsigned i = 0; i < sent_count; i++)
        if (!sent[i].out && sent[i].data < room->end && sent[i].data + sent[i].length > room->next)
            fail_msg("frame %u is in the room for the next", i);
}

/* Returns false if there is no room. */
static bool put_long(unsigned input, uint64_t time_ns, uint32_t length) {
    struct capture_merge_room room;
    if (!capture_merge_room(merge, input, &room))
        return false;
    check_room(&room);
    assert_true(sent_count < FRAMES_MAX);
    memset(room.next, filling(sent_count), length);
    /* The number is where no other member of a frame needs it. */
    *room.frames = (struct frame){.data = room.next,
                                  .time_ns = time_ns,
                                  .caplen = length,
                                  .wirelen = length,
                                  .dlt = (int32_t)sent_count};
    sent[sent_count].time_ns = time_ns;
    sent[sent_count].put_ns = now_ns;
    sent[sent_count].data = room.next;
    sent[sent_count].length = length;
    sent[sent_count].input = input;
    sent_count++;
    capture_merge_put(merge, input, 1, room.next + ((length + 63u) & ~63u), now_ns);
    return true;
}

static void put(unsigned input, uint64_t time_ns) {
    assert_true(put_long(input, time_ns, 60));
}

static void check_frame(const struct frame *frame) {
    unsigned number = (unsigned)frame->dlt;
    assert_true(number < sent_count);
    assert_false(sent[number].out);
    sent[number].out = true;
    assert_int_equal(frame->time_ns, sent[number].time_ns);
    assert_int_equal(frame->caplen, sent[number].length);
    if (!is_whole(frame))
        fail_msg("frame %u: its bytes are not its own", number);
    order[taken_count++] = number;
}

static unsigned take(unsigned max) {
    struct frame frames[CAPTURE_BURST_MAX];
    unsigned count = capture_merge_take(merge, frames, max, now_ns);
    assert_true(count <= max);
    for (unsigned i = 0; i < count; i++)
        check_frame(&frames[i]);
    return count;
}

/* What comes out now, by the stamps. */
#define EXPECT_TAKEN(...)                                                                          \
    expect_taken((const uint64_t[]){__VA_ARGS__}, sizeof(uint64_t[]){__VA_ARGS__} / 8)
static void expect_taken(const uint64_t *times, size_t count) {
    unsigned before = taken_count;
    assert_int_equal(take(CAPTURE_BURST_MAX), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sent[order[before + i]].time_ns, times[i]);
}

static bool is_held(unsigned number) {
    return !sent[number].out;
}

static void a_frame_waits_until_every_input_has_one(void **state) {
    (void)state;
    begin(3, NEVER, 16, BYTES);
    assert_int_equal(capture_merge_due_ns(merge), NEVER);
    put(0, 10);
    put(0, 30);
    put(2, 20);
    assert_int_equal(take(16), 0);
    assert_true(capture_merge_lacks(merge, 1));
    assert_false(capture_merge_lacks(merge, 2));
    put(1, 15);
    EXPECT_TAKEN(10, 15); /* of input 1 an earlier one than 20 may still come */
    put(1, 25);
    EXPECT_TAKEN(20);
    assert_int_equal(capture_merge_late(merge), 0);
}

static void equal_stamps_leave_in_the_order_of_the_inputs(void **state) {
    (void)state;
    begin(2, NEVER, 16, BYTES);
    put(1, 10);
    put(1, 10);
    put(0, 10);
    put(0, 10);
    EXPECT_TAKEN(10, 10);
    assert_int_equal(sent[order[0]].input, 0);
    assert_int_equal(sent[order[1]].input, 0);
    capture_merge_end(merge, 0);
    EXPECT_TAKEN(10, 10);
    assert_int_equal(sent[order[2]].input, 1);
}

static void no_frame_is_held_longer_than_the_window(void **state) {
    (void)state;
    begin(2, 100, 16, BYTES);
    put(0, 50);
    now_ns += 60;
    put(0, 60);
    assert_int_equal(capture_merge_due_ns(merge), 1100);
    now_ns += 39;
    assert_int_equal(take(16), 0);
    now_ns += 1;
    EXPECT_TAKEN(50);
    assert_int_equal(capture_merge_due_ns(merge), 1160);
    now_ns += 60;
    EXPECT_TAKEN(60);
    put(1, 55); /* too late */
    put(1, 59);
    put(1, 61);
    capture_merge_end(merge, 0);
    EXPECT_TAKEN(55, 59, 61);
    assert_int_equal(capture_merge_late(merge), 2);
}

/* Frames before one that is due go first, however short they were held. */
static void a_frame_that_is_due_lets_those_before_it_go(void **state) {
    (void)state;
    begin(3, 100, 16, BYTES);
    put(0, 80);
    now_ns += 99;
    put(1, 70);
    put(1, 90);
    now_ns += 1;
    EXPECT_TAKEN(70, 80);
    assert_int_equal(take(16), 0);
}

static void an_input_that_has_ended_is_not_waited_for(void **state) {
    (void)state;
    begin(2, NEVER, 16, BYTES);
    put(0, 10);
    put(1, 5);
    capture_merge_end(merge, 1);
    EXPECT_TAKEN(5, 10);
    put(0, 20);
    EXPECT_TAKEN(20);
    capture_merge_end(merge, 0);
    assert_int_equal(take(16), 0);
}

static void a_full_queue_lets_the_oldest_go_and_loses_none(void **state) {
    (void)state;
    begin(2, NEVER, 4, BYTES);
    for (unsigned i = 0; i < 4; i++)
        put(0, 10 + i);
    assert_int_equal(take(2), 0);
    assert_false(put_long(0, 14, 60));
    assert_int_equal(take(2), 2);
    assert_int_equal(take(2), 0);
    put(0, 14);
    put(0, 15);
    assert_false(put_long(0, 16, 60));
    EXPECT_TAKEN(12, 13, 14, 15);
    assert_int_equal(taken_count, 6);
}

/* Frames of any length follow one another round the arena; none is overwritten before its time. */
static void the_longest_frames_go_round_and_stay_whole(void **state) {
    (void)state;
    begin(1, NEVER, 64, 2 * BYTES);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(put_long(0, i, i % 3 == 0 ? FB_FRAME_MAX : i % 3 == 1 ? 0 : 1500));
        if (i >= 2) /* never empty, or it would begin at the start again */
            assert_int_equal(take(1), 1);
    }
    assert_int_equal(taken_count, 38);
}

static void a_clock_that_was_set_back_is_not_late(void **state) {
    (void)state;
    begin(2, 0, 16, BYTES);
    put(0, 100 * SECOND);
    put(0, 89 * SECOND); /* set back by 11 s */
    put(0, 90 * SECOND);
    put(0, 89 * SECOND + 1);
    assert_int_equal(take(16), 4);
    assert_int_equal(capture_merge_late(merge), 1);
}

/* ---- at random */

/* An input that has always more, with stamps before those of the other one, as after a step back.
 */
static void an_earlier_clock_does_not_keep_others_waiting(void **state) {
    uint64_t window_ns = SECOND / 50, due_ns;
    (void)state;
    begin(2, window_ns, 4096, BYTES);
    put(0, 3600 * SECOND);
    due_ns = now_ns + window_ns;
    put(1, SECOND);
    for (unsigned i = 1; i < 1000 && is_held(0); i++) {
        put(1, SECOND + i);
        put(1, SECOND + i);
        take(2);
        now_ns += SECOND / 500;
    }
    assert_false(is_held(0));
    assert_in_range(now_ns, due_ns + SECOND, due_ns + 2 * SECOND);
    assert_true(is_held(sent_count - 1));
}

static uint32_t random_length(struct random *random) {
    static const uint32_t lengths[] = {60, 60, 60, 60, 1514, 0, 1514, 9000, 20000};
    return lengths[random_below(random, sizeof lengths / sizeof *lengths)];
}

/* After a take that could have given more. */
static void nothing_is_held_that_should_have_left(unsigned inputs, uint64_t window_ns) {
    bool waiting[INPUTS_MAX] = {false};
    unsigned have = 0;
    for (unsigned i = 0; i < sent_count; i++) {
        if (!is_held(i))
            continue;
        if (now_ns - sent[i].put_ns >= window_ns)
            fail_msg("frame %u is held for %llu", i, (unsigned long long)(now_ns - sent[i].put_ns));
        have += !waiting[sent[i].input];
        waiting[sent[i].input] = true;
    }
    assert_true(have < inputs);
}

/* Each input's own order is kept, and a frame is out of order only if it came too late. */
static void the_order_is_right(uint64_t window_ns, bool was_full) {
    unsigned last_of[INPUTS_MAX] = {0}, late = 0;
    uint64_t greatest_ns = 0;
    for (unsigned i = 0; i < taken_count; i++) {
        unsigned number = order[i];
        assert_true(last_of[sent[number].input] <= number);
        last_of[sent[number].input] = number;
        if (sent[number].time_ns >= greatest_ns) {
            greatest_ns = sent[number].time_ns;
            continue;
        }
        late++;
        bool excused = was_full;
        for (unsigned j = 0; j < number && !excused; j++)
            excused = sent[j].time_ns > sent[number].time_ns &&
                      sent[number].put_ns - sent[j].put_ns >= window_ns;
        if (!excused)
            fail_msg("frame %u is out of order and came in time", number);
    }
    assert_int_equal(late, capture_merge_late(merge));
}

static unsigned late_in_all, fulls;

/* Frames with stamps that rise for each input, put after delays of up to twice the window. */
static void run_seed(uint64_t seed) {
    struct random random = random_from(seed);
    unsigned inputs = 1 + random_below(&random, INPUTS_MAX);
    uint64_t window_ns = random_below(&random, 8) == 0 ? 0 : 1 + random_below(&random, 2000);
    uint64_t stamps[INPUTS_MAX] = {0};
    bool was_full = false;
    begin(inputs, window_ns, 4 + random_below(&random, 120),
          BYTES + (random_below(&random, 4) << 22));
    for (unsigned step = 0; step < 300; step++) {
        unsigned input = random_below(&random, inputs);
        uint64_t back_ns = now_ns < 2 * window_ns ? 2 : 1 + 2 * window_ns;
        uint64_t stamp = now_ns - random_below(&random, (uint32_t)back_ns);
        stamps[input] = stamp > stamps[input] ? stamp : stamps[input];
        for (unsigned n = random_below(&random, 4); n != 0; n--) {
            bool fits = put_long(input, stamps[input], random_length(&random));
            was_full = was_full || !fits;
            stamps[input] += random_below(&random, 3) * random_below(&random, 200);
        }
        now_ns +=
            random_below(&random, 5) == 0 ? random_below(&random, 1500) : random_below(&random, 50);
        unsigned max = 1 + random_below(&random, 32);
        if (random_below(&random, 3) != 0 && take(max) < max)
            nothing_is_held_that_should_have_left(inputs, window_ns);
    }
    for (unsigned i = 0; i < inputs; i++)
        capture_merge_end(merge, i);
    while (take(CAPTURE_BURST_MAX) != 0)
        ;
    assert_int_equal(taken_count, sent_count);
    the_order_is_right(window_ns, was_full);
    late_in_all += (unsigned)capture_merge_late(merge);
    fulls += was_full;
    end(NULL);
}

static void whatever_comes_is_in_order_once_and_in_time(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++)
        run_seed(seed);
    /* Both excuses were needed, and neither by all. */
    assert_true(late_in_all > 100);
    assert_in_range(fulls, 5, 115);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_frame_waits_until_every_input_has_one),
        TEST(equal_stamps_leave_in_the_order_of_the_inputs),
        TEST(no_frame_is_held_longer_than_the_window),
        TEST(a_frame_that_is_due_lets_those_before_it_go),
        TEST(an_input_that_has_ended_is_not_waited_for),
        TEST(a_full_queue_lets_the_oldest_go_and_loses_none),
        TEST(the_longest_frames_go_round_and_stay_whole),
        TEST(a_clock_that_was_set_back_is_not_late),
        TEST(an_earlier_clock_does_not_keep_others_waiting),
        TEST(whatever_comes_is_in_order_once_and_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
