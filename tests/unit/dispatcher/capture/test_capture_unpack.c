/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/capture/capture_unpack.c and its window: compressed files, read through the capture.
 */
#include "tests/lib/capture_fixture.h"
#include "tests/lib/packed.h"
#include "tests/lib/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 40u

static const char *const names[] = {
    [PACKED_GZIP] = "t.gz", [PACKED_XZ] = "t.xz", [PACKED_ZSTD] = "t.zst", [PACKED_LZ4] = "t.lz4"};

static struct pcap_bytes plain_file(unsigned frames) {
    struct pcap_bytes b = {.order = LITTLE};
    put_plain_file(&b, frames, 1);
    return b;
}

/* The plain file in `parts`, packed one behind the other. */
static struct pcap_bytes packed_file(enum packed_way way, unsigned parts) {
    struct pcap_bytes plain = plain_file(FRAMES), packed = {.order = LITTLE};
    for (unsigned i = 0; i < parts; i++) {
        size_t from = plain.size * i / parts, to = plain.size * (i + 1) / parts;
        put_packed(&packed, way, plain.data + from, to - from);
    }
    free(plain.data);
    return packed;
}

static void take_file(struct capture_fixture *f, const char *path, bool fails) {
    const char *files[] = {path, NULL};
    struct capture_config config = config_of(files);
    memset(&f->taken, 0, sizeof f->taken);
    assert_int_equal(take_all(&config, &f->taken), fails);
}

static void expect_frames(const struct capture_fixture *f, unsigned count) {
    assert_int_equal(f->taken.count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(f->taken.frames[i].caplen, 60);
        assert_int_equal(f->taken.frames[i].data[0], (uint8_t)(1 + i));
    }
}

static void each_way_gives_the_frames_of_the_file(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes b = packed_file(way, 1);
        take_file(f, save(f, names[way], &b), false);
        expect_frames(f, FRAMES);
    }
}

static void several_behind_each_other_are_one_file(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes b = packed_file(way, 3);
        take_file(f, save(f, names[way], &b), false);
        expect_frames(f, FRAMES);
    }
}

static void pcapng_may_be_compressed_too(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes plain = {.order = LITTLE}, packed = {.order = LITTLE};
        put_section(&plain);
        put_interface(&plain, 1);
        for (unsigned i = 0; i < FRAMES; i++)
            put_packet(&plain, 0, 60, (uint8_t)(1 + i));
        put_packed(&packed, way, plain.data, plain.size);
        free(plain.data);
        take_file(f, save(f, names[way], &packed), false);
        expect_frames(f, FRAMES);
    }
}

/* Wherever it breaks off: what it holds is given, and that it breaks off is said once. */
static void one_that_breaks_off_gives_what_it_holds(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes whole = packed_file(way, 3);
        unsigned most = 0;
        for (size_t size = whole.size - 1; size > 40; size -= size > 200 ? 61 : 7) {
            struct pcap_bytes b = {.order = LITTLE};
            put_bytes(&b, whole.data, size);
            const char *path = save(f, names[way], &b);
            const char *files[] = {path, NULL};
            struct capture_config config = config_of(files);
            struct caught log;
            memset(&f->taken, 0, sizeof f->taken);
            catch_begin(&log);
            int err = capture_open(&f->capture, &config);
            if (err == 0) {
                assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
                assert_true(capture_failed(f->capture) || f->taken.count == 0);
                expect_frames(f, f->taken.count);
                capture_close(f->capture);
                f->capture = NULL;
            }
            expect_one_line(catch_end(&log), "break");
            most = f->taken.count > most ? f->taken.count : most;
        }
        assert_true(most >= FRAMES * 2 / 3); /* the first two parts were whole */
        free(whole.data);
    }
}

/* Whatever the bytes are: an end, and no more than there was. */
static void damaged_ones_end(void **state) {
    struct capture_fixture *f = *state;
    struct random random = random_from(15);
    need_packed();
    for (unsigned i = 0; i < 400; i++) {
        enum packed_way way = i % PACKED_WAYS;
        struct pcap_bytes b = packed_file(way, 1 + i % 3);
        struct caught log;
        for (unsigned n = 0; n < 1 + i % 4; n++)
            b.data[6 + random_below(&random, (uint32_t)b.size - 6)] ^=
                (uint8_t)(1u << random_below(&random, 8));
        const char *files[] = {save(f, names[way], &b), NULL};
        struct capture_config config = config_of(files);
        memset(&f->taken, 0, sizeof f->taken);
        catch_begin(&log);
        if (capture_open(&f->capture, &config) == 0) {
            assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
            capture_close(f->capture);
            f->capture = NULL;
        }
        catch_end(&log);
        assert_true(f->taken.count <= FRAMES);
    }
}

/* Of the file, not of what is in it. */
static void progress_is_of_the_compressed_bytes(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes b = packed_file(way, 1);
        uint64_t size = b.size;
        const char *files[] = {save(f, names[way], &b), NULL};
        struct capture_config config = config_of(files);
        struct capture_progress progress;
        assert_int_equal(capture_open(&f->capture, &config), 0);
        capture_progress(f->capture, &progress);
        assert_int_equal(progress.total_bytes, size);
        assert_int_equal(progress.done_bytes, 0);
        memset(&f->taken, 0, sizeof f->taken);
        take_until_idle(f->capture, &f->taken, UINT32_MAX);
        capture_progress(f->capture, &progress);
        assert_int_equal(progress.done_bytes, size);
        capture_close(f->capture);
        f->capture = NULL;
    }
}

static void it_may_be_read_often_and_beside_others(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned preload = 0; preload < 2; preload++) {
        struct pcap_bytes b = packed_file(PACKED_GZIP, 2), c = packed_file(PACKED_XZ, 1);
        const char *files[] = {save(f, "t.gz", &b), saved_plain(f, "t.pcap", 2, 1),
                               save(f, "t.xz", &c), NULL};
        struct capture_config config = config_of(files);
        config.loops = 2;
        config.preload = preload != 0;
        memset(&f->taken, 0, sizeof f->taken);
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 2 * (2 * FRAMES + 2));
    }
}

/* A filter is tried on those that are read later too. */
static void a_filter_is_tried_on_what_is_in_it(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes first = {.order = LITTLE}, later = {.order = LITTLE}, b = {.order = LITTLE};
    need_packed();
    put_plain_file(&first, 200, 1);
    put_pcap_header(&later, 0xa1b2c3d4, 12); /* raw IP has no Ethernet addresses */
    put_record(&later, 1, 0, 60, 60, 1);
    put_packed(&b, PACKED_ZSTD, later.data, later.size);
    free(later.data);
    const char *files[] = {save(f, "first", &first), save(f, "later", &b), NULL};
    struct capture_config config = config_of(files);
    struct caught log;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    const struct frame *frames;
    unsigned count = 0;
    while (count == 0)
        assert_int_equal(capture_burst(f->capture, 1, &frames, &count), CAPTURE_MORE);
    catch_begin(&log);
    assert_true(set_filter(f->capture, "ether host 1:2:3:4:5:6") < 0);
    assert_non_null(strstr(catch_end(&log), "later"));
    assert_int_equal(set_filter(f->capture, "less 100"), 0);
    capture_close(f->capture);
}

static void what_cannot_be_unpacked_is_said(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {.order = LITTLE};
    put_bytes(&b, "BZh91AY&SY123456789012345", 25);
    const char *files[] = {save(f, "t.bz2", &b), NULL};
    expect_open_refused(f, config_of(files), -ENOTSUP, "bunzip2 -c");
}

/* Once is enough for files that people have; what is compressed twice is said. */
static void one_in_another_is_refused(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes inner = packed_file(PACKED_XZ, 1), b = {.order = LITTLE};
    need_packed();
    put_packed(&b, PACKED_GZIP, inner.data, inner.size);
    free(inner.data);
    const char *files[] = {save(f, "t.xz.gz", &b), NULL};
    expect_open_refused(f, config_of(files), -EINVAL,
                        "it is compressed twice: unpack it once, with gunzip");
}

/* What a few bytes ask for is not given without a look. */
static void one_that_asks_for_much_memory_is_refused(void **state) {
    struct capture_fixture *f = *state;
    static const char *const commands[] = {
        [PACKED_XZ] = "takes more than 128 MiB of memory: give 'xz -dc FILE | ... -r -'",
        [PACKED_ZSTD] = "takes more than 128 MiB of memory: give 'zstd -dc --long=31 FILE"};
    need_packed();
    for (enum packed_way way = PACKED_XZ; way <= PACKED_ZSTD; way++) {
        struct pcap_bytes plain = plain_file(10), b = {.order = LITTLE};
        put_packed_wide(&b, way, plain.data, plain.size);
        free(plain.data);
        const char *files[] = {save(f, names[way], &b), NULL};
        expect_open_refused(f, config_of(files), -EBADMSG, commands[way]);
    }
}

static void nothing_in_it_is_an_empty_file(void **state) {
    struct capture_fixture *f = *state;
    need_packed();
    for (unsigned way = 0; way < PACKED_WAYS; way++) {
        struct pcap_bytes b = {.order = LITTLE};
        put_packed(&b, way, "", 0);
        const char *files[] = {save(f, names[way], &b), NULL};
        expect_open_refused(f, config_of(files), -EINVAL, "it is empty");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(each_way_gives_the_frames_of_the_file),
        CAPTURE_TEST(several_behind_each_other_are_one_file),
        CAPTURE_TEST(pcapng_may_be_compressed_too),
        CAPTURE_TEST(one_that_breaks_off_gives_what_it_holds),
        CAPTURE_TEST(damaged_ones_end),
        CAPTURE_TEST(progress_is_of_the_compressed_bytes),
        CAPTURE_TEST(it_may_be_read_often_and_beside_others),
        CAPTURE_TEST(a_filter_is_tried_on_what_is_in_it),
        CAPTURE_TEST(what_cannot_be_unpacked_is_said),
        CAPTURE_TEST(one_in_another_is_refused),
        CAPTURE_TEST(one_that_asks_for_much_memory_is_refused),
        CAPTURE_TEST(nothing_in_it_is_an_empty_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
