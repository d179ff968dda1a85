/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture.c with its sources of files,
 * dispatcher/capture/capture_file.c and dispatcher/capture/capture_memory.c: what is
 * read, filtered, cut, looped and paced, how far it is, and which options are refused.
 * Which files are read is in test_capture_file.c.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct taken again;

static void byte_orders_and_precisions_read_the_same(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned i = 0; i < 8; i++) {
        bool nano = (i & 1) != 0;
        struct pcap_bytes b = {.order = (i & 2) == 0 ? LITTLE : BIG};
        const char *files[2] = {0};
        struct capture_config config;
        put_pcap_header(&b, nano ? 0xa1b23c4d : 0xa1b2c3d4, 1);
        put_record(&b, 1700000000, nano ? 123456000 : 123456, 60, 1514, 7);
        put_record(&b, 1700000001, nano ? 999999000 : 999999, 61, 61, 9);
        files[0] = save(f, "order.pcap", &b);
        config = config_of(files);
        config.preload = i >= 4;
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 2);
        assert_int_equal(f->taken.frames[0].time_ns, 1700000000123456000);
        assert_int_equal(f->taken.frames[0].caplen, 60);
        assert_int_equal(f->taken.frames[0].wirelen, 1514);
        assert_int_equal(f->taken.frames[0].dlt, 1);
        assert_int_equal(f->taken.frames[0].data[0], 7);
        assert_int_equal(f->taken.frames[1].time_ns, 1700000001999999000);
        assert_int_equal(f->taken.frames[1].data[59], 9 + 59);
    }
}

static void senseless_options_are_refused(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "good", 3, 0), NULL}, *interfaces[] = {"lo"};
    struct capture_config config = config_of(files);

    config.interfaces = interfaces;
    config.interface_count = 1;
    expect_open_refused(f, config, -EINVAL, "1 files and 1 interfaces");
    config.file_count = 0;
    config.preload = true;
    expect_open_refused(f, config, -EINVAL, "an interface cannot be preloaded");
    config.interface_count = 0;
    expect_open_refused(f, config, -EINVAL, "0 files and 0 interfaces");
    config = config_of(files);
    config.loops = 0;
    expect_open_refused(f, config, -EINVAL, "0 loops");
    config.loops = 1;
    config.speed = -1;
    expect_open_refused(f, config, -EINVAL, "speed -1");
    config.speed = 0;
    config.snaplen = 262145;
    expect_open_refused(f, config, -EINVAL, "snapshot length 262145");
}

static void filter_lets_through_what_it_says(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "filtered", 200, 0), NULL};
    struct capture_config config = config_of(files);
    struct capture_stats stats;
    struct capture *c;

    config.filter = "ether[0] = 5";
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 1);
    assert_int_equal(f->taken.frames[0].data[0], 5);
    assert_true(f->taken.frames[0].new_source);
    config.filter = "greater 1000";
    memset(&f->taken, 0, sizeof f->taken);
    assert_int_equal(capture_open(&c, &config), 0);
    assert_int_equal(take_until_idle(c, &f->taken, UINT32_MAX), CAPTURE_END);
    capture_stats(c, &stats);
    assert_int_equal(stats.received, 0);
    capture_close(c);
    config.filter = "ether[";
    expect_open_refused(f, config, -EINVAL, "filter \"ether[\" does not fit");
}

static void filter_that_passes_nothing_gives_the_burst_back(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "filtered", 200, 0), NULL};
    struct capture_config config = config_of(files);
    const struct frame *frames;
    struct capture *c;
    unsigned count, bursts = 0;

    config.filter = "greater 1000";
    assert_int_equal(capture_open(&c, &config), 0);
    while (capture_burst(c, 10, &frames, &count) == CAPTURE_MORE)
        bursts++;
    assert_true(bursts >= 20);
    capture_close(c);
}

static void snapshot_length_cuts_what_is_captured_only(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "long", 2, 0), NULL};
    struct capture_config config = config_of(files);
    config.snaplen = 20;
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 2);
    assert_int_equal(f->taken.frames[1].caplen, 20);
    assert_int_equal(f->taken.frames[1].wirelen, 60);
}

static void odd_lengths_and_stamps_are_taken_as_they_are(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[2] = {0};
    struct capture_config config;

    put_pcap_header(&b, 0xa1b2c3d4, 1);
    put_record(&b, 5, 0, 0, 0, 0);
    put_record(&b, 5, 0, 100, 60, 0);         /* captured more than there was */
    put_record(&b, 0xffffff00, 0, 60, 60, 0); /* in 2106: seconds have no sign */
    put_record(&b, 7, 0xfffffff0, 60, 60, 0); /* no such fraction */
    put_record(&b, INT32_MAX, 999999, 1, 1, 0);
    files[0] = save(f, "odd", &b);
    config = config_of(files);
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 5);
    assert_int_equal(f->taken.frames[0].caplen, 0);
    assert_int_equal(f->taken.frames[1].caplen, 100);
    assert_int_equal(f->taken.frames[1].wirelen, 100);
    assert_int_equal(f->taken.frames[2].time_ns, 0xffffff00 * UINT64_C(1000000000));
    assert_true(f->taken.frames[3].time_ns >= 7000000000 &&
                f->taken.frames[3].time_ns < 12000000000);
    assert_int_equal(f->taken.frames[4].time_ns, INT32_MAX * UINT64_C(1000000000) + 999999000);
}

static void longest_frames_all_come_though_few_fit_a_burst(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[2] = {0};
    struct capture_config config;

    put_pcap_header(&b, 0xa1b2c3d4, 1);
    for (unsigned i = 0; i < 20; i++)
        put_record(&b, i, 0, FB_FRAME_MAX, FB_FRAME_MAX, (uint8_t)i);
    files[0] = save(f, "longest", &b);
    config = config_of(files);
    for (unsigned preload = 0; preload < 2; preload++) {
        config.preload = preload == 1;
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 20);
        for (unsigned i = 0; i < 20; i++)
            assert_int_equal(f->taken.frames[i].data[0], i);
    }
}

/* Also that the slack may be read: the sanitizers judge. */
static void expect_burst(const struct capture_config *config, uintptr_t align, uintptr_t step) {
    const struct frame *frames;
    struct capture *c;
    unsigned count, sum = 0;
    enum capture_status status;

    assert_int_equal(capture_open(&c, config), 0);
    while ((status = capture_burst(c, CAPTURE_BURST_MAX, &frames, &count)) == CAPTURE_IDLE)
        capture_wait(c, 1000);
    assert_int_equal(status, CAPTURE_MORE);
    assert_int_equal(count, 100);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal((uintptr_t)frames[i].data % align, 0);
        assert_true(i == 0 || frames[i].data == frames[i - 1].data + step);
        for (unsigned at = 0; at < CAPTURE_SLACK; at++)
            sum += frames[i].data[frames[i].caplen + at];
    }
    assert_true(sum != 1);
    capture_close(c);
}

static void frames_of_a_burst_ascend_with_slack_behind(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes ng = {0};
    const char *files[] = {saved_plain(f, "plain", 100, 0), NULL};
    struct capture_config config = config_of(files);

    expect_burst(&config, 1, 60 + 16); /* as in the file */
    config.preload = true;
    expect_burst(&config, 16, 64);
    put_section(&ng);
    put_interface(&ng, 1);
    for (unsigned i = 0; i < 100; i++)
        put_packet(&ng, 0, 60, (uint8_t)i);
    files[0] = save(f, "ng", &ng);
    expect_burst(&config, 16, 64);
    config.preload = false;
    expect_burst(&config, 64, 64);
}

static void loops_deliver_all_files_again(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 40, 0), saved_plain(f, "b", 3, 100), NULL};
    struct capture_config config = config_of(files);
    config.loops = 3;
    for (unsigned preload = 0; preload < 2; preload++) {
        config.preload = preload == 1;
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 3 * 43);
        assert_int_equal(f->taken.new_sources, 6);
        assert_true(f->taken.frames[43].new_source);
        assert_int_equal(f->taken.frames[2 * 43 + 40].data[0], 100);
    }
}

static void loops_over_nothing_end(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "none", 0, 0), NULL};
    struct capture_config config = config_of(files);
    config.loops = UINT64_MAX;
    assert_false(take_all(&config, &f->taken));
    config.preload = true;
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 0);
}

static void preloaded_frames_are_those_of_the_stream(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 250, 0), saved_plain(f, "b", 7, 9), NULL};
    struct capture_config config = config_of(files);

    config.snaplen = 41;
    config.filter = "ether[0] > 3";
    assert_false(take_all(&config, &f->taken));
    config.preload = true;
    assert_false(take_all(&config, &again));
    assert_int_equal(again.count, f->taken.count);
    for (unsigned i = 0; i < f->taken.count; i++) {
        const struct frame *one = &f->taken.frames[i], *other = &again.frames[i];
        assert_int_equal(one->time_ns, other->time_ns);
        assert_int_equal(one->caplen, other->caplen);
        assert_int_equal(one->wirelen, other->wirelen);
        assert_int_equal(one->dlt, other->dlt);
        assert_int_equal(one->new_source, other->new_source);
        assert_memory_equal(one->data, other->data, one->caplen);
    }
}

static void preloaded_frames_stay_where_they_are(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 64, 0), NULL};
    struct capture_config config = config_of(files);
    const struct frame *first = NULL, *frames;
    struct capture *c;
    unsigned count, bursts = 0;
    enum capture_status status;

    config.preload = true;
    config.loops = 2;
    assert_int_equal(capture_open(&c, &config), 0);
    while ((status = capture_burst(c, 32, &frames, &count)) != CAPTURE_END) {
        if (status == CAPTURE_IDLE)
            continue;
        if (bursts++ == 0)
            first = frames;
        assert_ptr_equal(frames->data, first->data + (bursts % 2 == 1 ? 0 : 32 * 64));
    }
    assert_int_equal(bursts, 4);
    capture_close(c);
}

#define RECORD_BYTES 76u /* of a plain file: 16 and a frame of 60 */
#define HEADER_BYTES 24u

static struct capture_progress progress_of(struct capture *c) {
    struct capture_progress progress = {.done_bytes = 1, .total_bytes = 2, .preloading = true};
    capture_progress(c, &progress);
    assert_true(progress.done_bytes <= progress.total_bytes);
    return progress;
}

static void files_tell_how_far_they_are_read_over_all_loops(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 40, 0), saved_plain(f, "b", 3, 0), NULL};
    const uint64_t loop = 2 * HEADER_BYTES + 43 * RECORD_BYTES;
    struct capture_config config = config_of(files);
    const struct frame *frames;
    struct capture *c;
    unsigned count, taken_in_all = 0;

    config.loops = 3;
    assert_int_equal(capture_open(&c, &config), 0);
    assert_int_equal(progress_of(c).done_bytes, 0);
    while (capture_burst(c, 8, &frames, &count) != CAPTURE_END) {
        uint64_t in_loop = (taken_in_all + count - 1) % 43 + 1;
        if (count == 0)
            continue;
        taken_in_all += count;
        assert_int_equal(progress_of(c).total_bytes, 3 * loop);
        assert_int_equal(progress_of(c).done_bytes, (taken_in_all - in_loop) / 43 * loop +
                                                        (in_loop > 40 ? 2 : 1) * HEADER_BYTES +
                                                        in_loop * RECORD_BYTES);
        assert_false(progress_of(c).preloading);
    }
    assert_int_equal(taken_in_all, 129);
    assert_int_equal(progress_of(c).done_bytes, 3 * loop);
    capture_close(c);
}

static void memory_tells_how_far_it_is_loaded_and_then_delivered(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 9000, 0), NULL};
    struct capture_config config = config_of(files);
    const struct frame *frames;
    struct capture *c;
    uint64_t loaded = 0;
    unsigned count, slices = 0, taken_in_all = 0;

    config.loops = 2;
    config.preload = true;
    assert_int_equal(capture_open(&c, &config), 0);
    while (capture_burst(c, 1, &frames, &count) == CAPTURE_IDLE && progress_of(c).preloading) {
        assert_int_equal(progress_of(c).total_bytes, HEADER_BYTES + 9000 * RECORD_BYTES);
        assert_true(progress_of(c).done_bytes >= loaded);
        slices += progress_of(c).done_bytes > loaded;
        loaded = progress_of(c).done_bytes;
    }
    assert_true(slices >= 2);
    assert_int_equal(loaded, HEADER_BYTES + 9000 * RECORD_BYTES);
    assert_int_equal(progress_of(c).done_bytes, 0);
    for (; capture_burst(c, 32, &frames, &count) != CAPTURE_END; taken_in_all += count) {
        assert_int_equal(progress_of(c).total_bytes, 2 * 9000 * 64);
        assert_int_equal(progress_of(c).done_bytes, (taken_in_all + count) * 64);
    }
    assert_int_equal(taken_in_all, 18000);
    assert_int_equal(progress_of(c).done_bytes, 2 * 9000 * 64);
    capture_close(c);
}

static void file_that_grows_is_never_more_than_read(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "grows", 10, 0), saved_plain(f, "b", 10, 0), NULL};
    struct capture_config config = config_of(files);
    struct pcap_bytes more = {0};
    const struct frame *frames;
    struct capture *c;
    unsigned count, taken_in_all = 0;

    assert_int_equal(capture_open(&c, &config), 0);
    for (; taken_in_all < 10; taken_in_all += count)
        assert_int_equal(capture_burst(c, 5, &frames, &count), CAPTURE_MORE);
    assert_int_equal(progress_of(c).total_bytes, 2 * (HEADER_BYTES + 10 * RECORD_BYTES));
    for (unsigned i = 0; i < 90; i++)
        put_record(&more, 2000, 0, 60, 60, 0);
    FILE *file = fopen(files[0], "ae");
    assert_non_null(file);
    assert_int_equal(fwrite(more.data, 1, more.size, file), more.size);
    fclose(file);
    free(more.data);
    assert_int_equal(progress_of(c).total_bytes, 2 * HEADER_BYTES + 110 * RECORD_BYTES);
    assert_int_equal(progress_of(c).done_bytes, HEADER_BYTES + 10 * RECORD_BYTES);
    while (capture_burst(c, 5, &frames, &count) != CAPTURE_END)
        taken_in_all += count;
    assert_int_equal(taken_in_all, 110);
    assert_int_equal(progress_of(c).done_bytes, 2 * HEADER_BYTES + 110 * RECORD_BYTES);
    capture_close(c);
}

static void loops_beyond_counting_have_no_end_to_tell(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 4, 0), NULL};
    struct capture_config config = config_of(files);
    struct capture *c;
    config.loops = UINT64_MAX;
    assert_int_equal(capture_open(&c, &config), 0);
    assert_int_equal(progress_of(c).total_bytes, 0);
    capture_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(byte_orders_and_precisions_read_the_same),
        CAPTURE_TEST(senseless_options_are_refused),
        CAPTURE_TEST(filter_lets_through_what_it_says),
        CAPTURE_TEST(filter_that_passes_nothing_gives_the_burst_back),
        CAPTURE_TEST(snapshot_length_cuts_what_is_captured_only),
        CAPTURE_TEST(odd_lengths_and_stamps_are_taken_as_they_are),
        CAPTURE_TEST(longest_frames_all_come_though_few_fit_a_burst),
        CAPTURE_TEST(frames_of_a_burst_ascend_with_slack_behind),
        CAPTURE_TEST(loops_deliver_all_files_again),
        CAPTURE_TEST(loops_over_nothing_end),
        CAPTURE_TEST(preloaded_frames_are_those_of_the_stream),
        CAPTURE_TEST(preloaded_frames_stay_where_they_are),
        CAPTURE_TEST(files_tell_how_far_they_are_read_over_all_loops),
        CAPTURE_TEST(memory_tells_how_far_it_is_loaded_and_then_delivered),
        CAPTURE_TEST(file_that_grows_is_never_more_than_read),
        CAPTURE_TEST(loops_beyond_counting_have_no_end_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
