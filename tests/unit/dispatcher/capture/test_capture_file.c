/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_file.c and dispatcher/capture/capture_pcap.c: which files are read,
 * one after another, and what is said of those that are not. What is read of them is in
 * test_capture.c.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct taken again;

static void files_follow_one_another_and_mark_their_first_frames(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "a", 40, 0), saved_plain(f, "none", 0, 0),
                           saved_plain(f, "b", 3, 100), NULL};
    struct capture_config config = config_of(files);
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 43);
    assert_int_equal(f->taken.new_sources, 2);
    assert_true(f->taken.frames[0].new_source);
    assert_true(f->taken.frames[40].new_source);
    assert_int_equal(f->taken.frames[39].data[0], 39);
    assert_int_equal(f->taken.frames[40].data[0], 100);
}

static void pcapng_and_pcap_follow_one_another(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[4] = {saved_plain(f, "a", 3, 0)};
    struct capture_config config;

    put_section(&b);
    put_interface(&b, 1);
    put_packet(&b, 0, 61, 5);
    put_packet(&b, 0, 62, 6);
    put_interface(&b, 113);
    put_packet(&b, 1, 63, 7);
    files[1] = save(f, "b.pcapng", &b);
    files[2] = files[0];
    config = config_of(files);
    config.loops = 2;
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 18);
    assert_int_equal(f->taken.new_sources, 6);
    assert_int_equal(f->taken.frames[3].time_ns, 1000000000);
    assert_int_equal(f->taken.frames[4].caplen, 62);
    assert_int_equal(f->taken.frames[5].dlt, 113);
    assert_int_equal(f->taken.frames[6].dlt, 1);
    assert_int_equal(f->taken.frames[17].data[0], 2);
}

static void wrong_files_are_refused_before_a_frame_is_taken(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[3] = {saved_plain(f, "good", 3, 0)};

    files[1] = path_in(&f->directory, "missing");
    expect_open_refused(f, config_of(files), -ENOENT, "missing: No such file");
    files[1] = path_in(&f->directory, ".");
    expect_open_refused(f, config_of(files), -EISDIR, "Is a directory");
    put_bytes(&b, "\xd4\xc3\xb2\xa1\x02\x00", 6);
    files[1] = save(f, "short", &b);
    expect_open_refused(f, config_of(files), -EINVAL, "short: truncated dump file");
    put_bytes(&b, "this is text, not a capture, and long enough to be one", 54);
    files[1] = save(f, "text", &b);
    expect_open_refused(f, config_of(files), -EINVAL, "text: unknown file format");
}

/* It is not what was asked for, and no reason to leave the others unread. */
static void empty_file_among_others_is_a_warning(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[5] = {save(f, "empty", &b), saved_plain(f, "a", 3, 0), save(f, "void", &b),
                            saved_plain(f, "b", 2, 50)};
    struct capture_config config = config_of(files);
    config.loops = 3;
    for (unsigned preload = 0; preload < 2; preload++) {
        config.preload = preload == 1;
        catch_begin(&f->log);
        assert_false(take_all(&config, &f->taken));
        catch_end(&f->log);
        assert_int_equal(lines_of(f->log.text), 2 + preload); /* once, not in every loop */
        assert_non_null(strstr(f->log.text, "warning: "));
        assert_non_null(strstr(f->log.text, "/empty is empty: going on with the other files"));
        assert_non_null(strstr(f->log.text, "/void is empty: "));
        assert_int_equal(f->taken.count, 15);
        assert_int_equal(f->taken.new_sources, 6);
    }
}

static void files_that_are_all_empty_are_refused(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[3] = {save(f, "empty", &b)};
    struct capture *c = NULL;
    struct capture_config config = config_of(files);

    expect_open_refused(f, config, -EINVAL, "empty: truncated dump file: it is empty");
    files[1] = save(f, "void", &b);
    config = config_of(files);
    catch_begin(&f->log);
    assert_int_equal(capture_open(&c, &config), -EINVAL);
    assert_non_null(
        strstr(catch_end(&f->log), "error: all 2 files are empty: give a pcap or pcapng file"));
    files[1] = "/dev/null"; /* known to be empty only when it is read */
    catch_begin(&f->log);
    assert_true(take_all(&config, &f->taken));
    assert_non_null(strstr(catch_end(&f->log), "/dev/null is empty: going on"));
    assert_non_null(strstr(f->log.text, "error: all 2 files are empty"));
}

/* The progress over all files counts them as what they are. */
static void empty_file_leaves_the_progress_known(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[3] = {save(f, "empty", &b), saved_plain(f, "a", 3, 0)};
    struct capture_config config = config_of(files);
    struct capture_progress progress;
    struct capture *c;

    catch_begin(&f->log);
    assert_int_equal(capture_open(&c, &config), 0);
    memset(&f->taken, 0, sizeof f->taken);
    assert_int_equal(take_until_idle(c, &f->taken, UINT32_MAX), CAPTURE_END);
    catch_end(&f->log);
    capture_progress(c, &progress);
    assert_int_equal(progress.total_bytes, 24 + 3 * 76);
    assert_int_equal(progress.done_bytes, 24 + 3 * 76);
    capture_close(c);
}

/* Some writers do; libpcap takes 2.0 to 2.4 only. */
static void version_whose_bytes_are_swapped_is_read_as_the_version(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d};
    for (unsigned i = 0; i < 4; i++) {
        struct pcap_bytes b = {.order = i < 2 ? LITTLE : BIG}, turned = {.order = b.order};
        put_pcap_header(&b, magics[i % 2], 1);
        put_pcap_header(&turned, magics[i % 2], 1);
        for (unsigned k = 4; k < 8; k++)
            turned.data[k] = b.data[k ^ 1];
        for (unsigned k = 0; k < 9; k++) {
            put_record(&b, 1000 + k, 5, 60 + k, 1514, (uint8_t)k);
            put_record(&turned, 1000 + k, 5, 60 + k, 1514, (uint8_t)k);
        }
        const char *files[] = {save(f, "right", &b), NULL};
        struct capture_config config = config_of(files);
        assert_false(take_all(&config, &again));
        files[0] = save(f, "turned", &turned);
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 9);
        for (unsigned k = 0; k < 9; k++) {
            assert_int_equal(f->taken.frames[k].time_ns, again.frames[k].time_ns);
            assert_int_equal(f->taken.frames[k].caplen, 60 + k);
            assert_int_equal(f->taken.frames[k].wirelen, 1514);
            assert_int_equal(f->taken.frames[k].data[0], k);
        }
    }
}

static void other_versions_are_refused_by_name(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_plain_file(&b, 1, 0);
    b.data[4] = 3;
    const char *files[] = {save(f, "three", &b), NULL};
    expect_open_refused(f, config_of(files), -EINVAL, "version 3.4: give a pcap or pcapng file");
}

static const char *only_raw_ip(void *context, int dlt) {
    (void)context;
    return dlt == 12 ? NULL : "which is not known";
}

static void unknown_link_type_is_refused_by_name(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "ethernet", 1, 0), NULL};
    struct capture_config config = config_of(files);
    config.link_problem = only_raw_ip;
    expect_open_refused(f, config, -EPROTONOSUPPORT, "ethernet has link type 1 (EN10MB)");
}

/* When its turn came it would be skipped, and its frames lost. */
static void a_filter_that_a_later_file_refuses_changes_nothing(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[3] = {saved_plain(f, "now", 300, 0)};
    struct capture_config config;
    struct capture *capture;

    put_pcap_header(&b, 0xa1b2c3d4, 101);
    put_record(&b, 1, 0, 60, 60, 0);
    files[1] = save(f, "later", &b);
    config = config_of(files);
    memset(&f->taken, 0, sizeof f->taken);
    assert_int_equal(capture_open(&capture, &config), 0);
    catch_begin(&f->log);
    assert_int_equal(set_filter(capture, "ether host 2:0:0:0:0:1"), -EINVAL);
    assert_non_null(strstr(catch_end(&f->log), "does not fit ")); /* though none is open yet */
    const struct frame *frames;
    unsigned count = 0;
    while (count == 0)
        assert_int_equal(capture_burst(capture, 1, &frames, &count), CAPTURE_MORE);
    catch_begin(&f->log);
    assert_int_equal(set_filter(capture, "ether host 2:0:0:0:0:1"), -EINVAL);
    assert_non_null(strstr(catch_end(&f->log), "does not fit "));
    assert_int_equal(take_until_idle(capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_int_equal(count + f->taken.count, 301);
    assert_false(capture_failed(capture));
    capture_close(capture);
}

static void file_that_breaks_off_gives_what_it_has_and_the_next_goes_on(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[3] = {0};
    struct capture_config config;

    put_plain_file(&b, 5, 0);
    b.size -= 10;
    files[0] = save(f, "cut", &b);
    files[1] = saved_plain(f, "whole", 2, 50);
    config = config_of(files);
    for (unsigned preload = 0; preload < 2; preload++) {
        config.preload = preload == 1;
        catch_begin(&f->log);
        assert_true(take_all(&config, &f->taken));
        assert_non_null(
            strstr(catch_end(&f->log), "cut breaks off after 4 frames: truncated dump file"));
        assert_int_equal(f->taken.count, 6);
        assert_int_equal(f->taken.frames[4].data[0], 50);
        assert_true(f->taken.frames[4].new_source);
    }
}

static void file_that_vanishes_after_the_check_is_reported(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {saved_plain(f, "first", 2, 0), saved_plain(f, "vanishing", 2, 0), NULL};
    struct capture_config config = config_of(files);
    struct capture *c;

    memset(&f->taken, 0, sizeof f->taken);
    catch_begin(&f->log);
    assert_int_equal(capture_open(&c, &config), 0);
    unlink(files[1]);
    assert_int_equal(take_until_idle(c, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_non_null(strstr(catch_end(&f->log), "vanishing: No such file"));
    assert_int_equal(f->taken.count, 2);
    assert_true(capture_failed(c));
    capture_close(c);
}

/* Nor by libpcap. The longer one is not looked at whole. */
static void the_length_at_the_end_of_the_first_pcapng_block_is_not_looked_at(void **state) {
    struct capture_fixture *f = *state;
    static const unsigned words[] = {0, 150000};
    for (unsigned i = 0; i < 2; i++) {
        struct pcap_bytes b = {0};
        size_t start = begin_block(&b, 0x0a0d0d0a);
        put32(&b, 0x1a2b3c4d);
        put32(&b, 1);
        put32(&b, UINT32_MAX);
        put32(&b, UINT32_MAX);
        for (unsigned n = 0; n < words[i]; n++)
            put32(&b, 0);
        end_block(&b, start);
        b.data[b.size - 4]++;
        put_interface(&b, 1);
        put_packet(&b, 0, 60, 1);
        const char *files[] = {save(f, "first", &b), NULL};
        struct capture_config config = config_of(files);
        f->taken.count = 0;
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(files_follow_one_another_and_mark_their_first_frames),
        CAPTURE_TEST(pcapng_and_pcap_follow_one_another),
        CAPTURE_TEST(wrong_files_are_refused_before_a_frame_is_taken),
        CAPTURE_TEST(empty_file_among_others_is_a_warning),
        CAPTURE_TEST(files_that_are_all_empty_are_refused),
        CAPTURE_TEST(empty_file_leaves_the_progress_known),
        CAPTURE_TEST(version_whose_bytes_are_swapped_is_read_as_the_version),
        CAPTURE_TEST(other_versions_are_refused_by_name),
        CAPTURE_TEST(unknown_link_type_is_refused_by_name),
        CAPTURE_TEST(a_filter_that_a_later_file_refuses_changes_nothing),
        CAPTURE_TEST(file_that_breaks_off_gives_what_it_has_and_the_next_goes_on),
        CAPTURE_TEST(file_that_vanishes_after_the_check_is_reported),
        CAPTURE_TEST(the_length_at_the_end_of_the_first_pcapng_block_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
