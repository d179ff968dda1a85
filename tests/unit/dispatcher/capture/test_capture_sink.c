/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_sink.c: what all sources share that read with
 * libpcap. Handles are libpcap's dead ones: they have a link type and compile
 * filters.
 */
#include <errno.h>
#include <string.h>

#include "dispatcher/capture/capture_sink.h"
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#define FRAMES 4u
#define ALIGN 64u

static uint8_t memory[FRAMES * ALIGN + CAPTURE_SINK_ROOM];
static struct frame frames[FRAMES + 1];
static struct capture_sink sink;

static int begin(void **state) {
    (void)state;
    memset(memory, 0xee, sizeof memory);
    memset(frames, 0xee, sizeof frames);
    sink = (struct capture_sink){.frames = frames,
                                 .next = memory,
                                 .end = memory + sizeof memory,
                                 .align_mask = ALIGN - 1,
                                 .snaplen = 100,
                                 .dlt = 113,
                                 .interface = 31,
                                 .new_source = true,
                                 .pcap = pcap_open_dead(1, 64),
                                 .stamp_unit_ns = 1};
    return sink.pcap == NULL;
}

static int end(void **state) {
    (void)state;
    pcap_close(sink.pcap);
    return 0;
}

/* A frame whose bytes are all `tag`. */
static void give(long s, long fraction, uint32_t caplen, uint32_t wirelen, uint8_t tag) {
    static uint8_t data[FB_FRAME_MAX];
    const struct pcap_pkthdr header = {
        .ts = {.tv_sec = s, .tv_usec = fraction}, .caplen = caplen, .len = wirelen};
    memset(data, tag, caplen);
    capture_keep((u_char *)&sink, &header, data);
}

static void frames_are_copied_one_behind_the_other(void **state) {
    (void)state;
    give(1, 0, 60, 1514, 7);
    give(2, 5, 64, 64, 8);
    give(3, 0, 65, 65, 9);
    assert_int_equal(sink.count, 3);
    assert_int_equal(sink.seen, 3);
    assert_ptr_equal(frames[0].data, memory);
    assert_ptr_equal(frames[1].data, memory + ALIGN);
    assert_ptr_equal(frames[2].data, memory + 2 * ALIGN);
    assert_ptr_equal(sink.next, memory + 4 * ALIGN);
    assert_int_equal(frames[0].caplen, 60);
    assert_int_equal(frames[0].wirelen, 1514);
    assert_int_equal(frames[0].dlt, 113);
    assert_int_equal(frames[0].interface, 31);
    assert_int_equal(frames[2].interface, 31);
    assert_int_equal(frames[0].data[59], 7);
    assert_int_equal(frames[1].data[0], 8);
    assert_int_equal(frames[1].time_ns, 2000000005);
}

static void first_frame_alone_begins_a_source(void **state) {
    (void)state;
    give(1, 0, 60, 60, 1);
    give(1, 0, 60, 60, 2);
    assert_true(frames[0].new_source);
    assert_false(frames[1].new_source);
}

static void frame_is_cut_to_the_snapshot_length_and_never_longer_than_on_the_wire(void **state) {
    (void)state;
    give(1, 0, 1000, 1500, 1);
    give(1, 0, 100, 60, 2); /* captured more than there was */
    assert_int_equal(frames[0].caplen, 100);
    assert_int_equal(frames[0].wirelen, 1500);
    assert_int_equal(frames[0].data[99], 1);
    assert_ptr_equal(frames[1].data, memory + 2 * ALIGN);
    assert_int_equal(frames[1].caplen, 100);
    assert_int_equal(frames[1].wirelen, 100);
}

/* Some kinds of device have no nanoseconds. */
static void stamps_in_microseconds_count_as_such(void **state) {
    (void)state;
    sink.stamp_unit_ns = 1000;
    give(5, 999999, 4, 4, 0);
    assert_int_equal(frames[0].time_ns, UINT64_C(5999999000));
}

static void hostile_stamp_neither_wraps_nor_overflows(void **state) {
    const uint64_t most_ns = UINT64_MAX / 1000000000 * 1000000000;
    (void)state;
    give(INT64_MIN, 0, 4, 4, 0);
    give(1, -1, 4, 4, 0);
    give(INT64_MAX, INT32_MAX, 4, 4, 0);
    assert_int_equal(frames[0].time_ns, 0);
    assert_int_equal(frames[1].time_ns, 1000000000);
    assert_true(frames[2].time_ns > most_ns - UINT64_C(10000000000));
}

/* Files have 32 bits of them, which libpcap takes as signed. */
static void seconds_from_2038_on_are_not_negative(void **state) {
    (void)state;
    give(INT32_MIN, 0, 4, 4, 0);
    give(-1, 5, 4, 4, 0);
    give(INT64_C(1) << 31, 0, 4, 4, 0);
    assert_int_equal(frames[0].time_ns, (UINT64_C(1) << 31) * 1000000000);
    assert_int_equal(frames[1].time_ns, UINT32_MAX * UINT64_C(1000000000) + 5);
    assert_int_equal(frames[2].time_ns, frames[0].time_ns);
}

static void frame_that_the_filter_refuses_is_seen_and_not_kept(void **state) {
    struct bpf_program program;
    (void)state;
    assert_int_equal(pcap_compile(sink.pcap, &program, "ether[0] = 5", 1, 0), 0);
    sink.filter = &program;
    give(1, 0, 60, 60, 4);
    give(1, 0, 60, 60, 5);
    pcap_freecode(&program);
    assert_int_equal(sink.seen, 2);
    assert_int_equal(sink.count, 1);
    assert_int_equal(frames[0].data[0], 5);
    assert_true(frames[0].new_source);
}

static void sink_is_full_when_the_longest_frame_has_no_room(void **state) {
    (void)state;
    sink.end = memory + CAPTURE_SINK_ROOM + ALIGN;
    give(1, 0, 60, 60, 1);
    assert_true(capture_sink_has_room(&sink));
    give(1, 0, 60, 60, 2);
    assert_false(capture_sink_has_room(&sink));
    sink.next = memory;
    sink.snaplen = FB_FRAME_MAX;
    give(1, 0, FB_FRAME_MAX, FB_FRAME_MAX, 3); /* what a sink with room takes */
    assert_true(sink.next + CAPTURE_SLACK <= sink.end);
}

static const char *only_raw_ip(void *context, int dlt) {
    *(int *)context = dlt;
    return dlt == 12 ? NULL : "which is not known";
}

static void link_type_is_asked_about_and_refused_by_name(void **state) {
    int asked = -1;
    struct capture_config config = {.link_problem = only_raw_ip, .link_context = &asked};
    pcap_t *raw = pcap_open_dead(12, 64);
    struct caught log;
    (void)state;
    catch_begin(&log);
    assert_int_equal(capture_check_link(&config, sink.pcap, "a.pcap"), -EPROTONOSUPPORT);
    assert_non_null(strstr(catch_end(&log), "a.pcap has link type 1 (EN10MB), which is not known"));
    assert_int_equal(asked, 1);
    assert_int_equal(capture_check_link(&config, raw, "a.pcap"), 0);
    config.link_problem = NULL;
    assert_int_equal(capture_check_link(&config, sink.pcap, "a.pcap"), 0);
    pcap_close(raw);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(frames_are_copied_one_behind_the_other),
        TEST(first_frame_alone_begins_a_source),
        TEST(frame_is_cut_to_the_snapshot_length_and_never_longer_than_on_the_wire),
        TEST(stamps_in_microseconds_count_as_such),
        TEST(hostile_stamp_neither_wraps_nor_overflows),
        TEST(seconds_from_2038_on_are_not_negative),
        TEST(frame_that_the_filter_refuses_is_seen_and_not_kept),
        TEST(sink_is_full_when_the_longest_frame_has_no_room),
        TEST(link_type_is_asked_about_and_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
