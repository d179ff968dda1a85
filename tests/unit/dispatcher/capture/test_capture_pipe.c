/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_pipe.c and dispatcher/capture/capture_window.c, read through
 * the capture. The writer is this same process: what it has not yet written cannot come,
 * and a read that waited for it would never return.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct capture_config config_of_fifo(struct capture_fixture *f) {
    static const char *files[2];
    files[0] = path_in(&f->directory, "fifo");
    unlink(files[0]);
    assert_int_equal(mkfifo(files[0], 0600), 0);
    memset(&f->taken, 0, sizeof f->taken);
    return config_of(files);
}

/* The first burst opens the FIFO for reading. */
static int open_writer(struct capture_fixture *f, const struct capture_config *config) {
    int writer;
    assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    writer = open(config->files[0], O_WRONLY | O_NONBLOCK);
    assert_true(writer >= 0);
    return writer;
}

static void write_all(int writer, const void *data, size_t size) {
    assert_int_equal(write(writer, data, size), size);
}

/* Byte by byte, every frame is there as soon as its last byte is, and none before. */
static void check_byte_by_byte(struct capture_fixture *f, struct pcap_bytes *b, const size_t *ends,
                               unsigned count) {
    struct capture_config config = config_of_fifo(f);
    unsigned whole = 0;
    int writer;

    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 2),
                     CAPTURE_IDLE); /* no process writes yet */
    writer = open_writer(f, &config);
    for (size_t at = 0; at < b->size; at++) {
        write_all(writer, b->data + at, 1);
        whole += whole < count && at + 1 == ends[whole];
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
        assert_int_equal(f->taken.count, whole);
    }
    close(writer);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_int_equal(f->taken.count, count);
    assert_int_equal(f->taken.frames[0].caplen, 60);
    assert_int_equal(f->taken.frames[count - 1].data[0], count - 1);
    assert_int_equal(f->taken.new_sources, 1);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
    free(b->data);
}

static void pcap_is_taken_as_it_comes_in_either_byte_order(void **state) {
    struct capture_fixture *f = *state;
    for (enum byte_order order = LITTLE; order <= BIG; order++) {
        struct pcap_bytes b = {.order = order};
        size_t ends[3];
        put_pcap_header(&b, 0xa1b2c3d4, 1);
        for (unsigned i = 0; i < 3; i++) {
            put_record(&b, i, 0, 60 + i, 60 + i, (uint8_t)i);
            ends[i] = b.size;
        }
        check_byte_by_byte(f, &b, ends, 3);
    }
}

/* Before version 2.3 the wire length came first, and in 2.3 either one. */
static void old_pcap_is_taken_as_it_comes(void **state) {
    struct capture_fixture *f = *state;
    static const struct {
        uint8_t minor;
        bool wire_first;
    } cases[] = {{4, false}, {3, false}, {3, true}, {2, true}};
    for (unsigned k = 0; k < 2 * sizeof cases / sizeof *cases; k++) {
        struct pcap_bytes b = {.order = k % 2 ? BIG : LITTLE};
        size_t ends[3];
        put_pcap_header(&b, 0xa1b2c3d4, 1);
        b.data[b.order == BIG ? 7 : 6] = cases[k / 2].minor;
        for (unsigned i = 0; i < 3; i++) {
            uint32_t captured = 60 + i, wire = 90;
            put32(&b, i);
            put32(&b, 0);
            put32(&b, cases[k / 2].wire_first ? wire : captured);
            put32(&b, cases[k / 2].wire_first ? captured : wire);
            put_body(&b, captured, (uint8_t)i);
            ends[i] = b.size;
        }
        check_byte_by_byte(f, &b, ends, 3);
    }
}

static void pcapng_is_taken_as_it_comes_in_either_byte_order(void **state) {
    struct capture_fixture *f = *state;
    for (enum byte_order order = LITTLE; order <= BIG; order++) {
        struct pcap_bytes b = {.order = order};
        size_t ends[3];
        put_section(&b);
        put_interface(&b, 1);
        for (unsigned i = 0; i < 3; i++) {
            put_packet(&b, 0, 60 + i, (uint8_t)i);
            ends[i] = b.size;
        }
        check_byte_by_byte(f, &b, ends, 3);
    }
}

static void later_section_may_have_the_other_byte_order(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    struct pcap_bytes b = {0};
    int writer;

    put_section(&b);
    put_interface(&b, 1);
    put_packet(&b, 0, 60, 1);
    b.order = BIG;
    put_section(&b);
    put_interface(&b, 1);
    put_packet(&b, 0, 60, 2);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    writer = open_writer(f, &config);
    write_all(writer, b.data, b.size);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 2), CAPTURE_IDLE);
    assert_int_equal(f->taken.count, 2);
    close(writer);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
    free(b.data);
}

static void record_longer_than_the_buffer_comes_whole(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    struct pcap_bytes b = {0};
    size_t at = 0, n;
    int writer;

    put_section(&b);
    put_interface(&b, 1);
    put_packet(&b, 0, 60, 1);
    put32(&b, 10); /* a block of 3 MB that is not for us */
    put32(&b, 3 << 20);
    while (b.size % 4096 != 0 || b.size < (3 << 20))
        put32(&b, 0);
    b.size = 28 + 20 + 92 + (3 << 20) - 4;
    put32(&b, 3 << 20);
    put_packet(&b, 0, 60, 2);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    writer = open_writer(f, &config);
    while (at < b.size) {
        n = b.size - at > 4096 ? 4096 : b.size - at;
        write_all(writer, b.data + at, n);
        at += n;
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    }
    close(writer);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_int_equal(f->taken.count, 2);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
    free(b.data);
}

static void many_records_pass_through_a_small_pipe(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    struct pcap_bytes b = {0};
    size_t at = 0, n;
    int writer;

    put_plain_file(&b, 1000, 0);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    writer = open_writer(f, &config);
    for (unsigned step = 1; at < b.size; step = step % 3000 + 7) {
        n = b.size - at > step ? step : b.size - at;
        write_all(writer, b.data + at, n);
        at += n;
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    }
    close(writer);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_int_equal(f->taken.count, 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(f->taken.frames[i].data[0], (uint8_t)i);
    capture_close(f->capture);
    free(b.data);
}

/* Writes all, takes all, expects an error that says so. */
static void assert_breaks_off(struct capture_fixture *f, struct pcap_bytes *b, unsigned count,
                              const char *reason) {
    struct capture_config config = config_of_fifo(f);
    int writer;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    writer = open_writer(f, &config);
    write_all(writer, b->data, b->size);
    close(writer);
    catch_begin(&f->log);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_non_null(strstr(catch_end(&f->log), reason));
    assert_true(capture_failed(f->capture));
    assert_int_equal(f->taken.count, count);
    capture_close(f->capture);
    free(b->data);
    *b = (struct pcap_bytes){0};
}

static void bad_pipes_are_reported(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};

    assert_breaks_off(f, &b, 0, "fifo: truncated dump file");
    put_bytes(&b, "\xd4\xc3\xb2\xa1\x02\x00", 6);
    assert_breaks_off(f, &b, 0, "fifo: truncated dump file");
    put_bytes(&b, "this is text, not a capture, and long enough to be one", 54);
    assert_breaks_off(f, &b, 0, "fifo: unknown file format");
    put_plain_file(&b, 3, 0);
    b.size--;
    assert_breaks_off(f, &b, 2, "breaks off after 2 frames: truncated dump file");
}

/* A length that cannot be must not be waited for: the writer stays. */
static void impossible_lengths_are_reported_without_waiting(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned pcapng = 0; pcapng < 2; pcapng++) {
        struct capture_config config = config_of_fifo(f);
        struct pcap_bytes b = {0};
        int writer;
        if (pcapng == 1) {
            put_section(&b);
            put_interface(&b, 1);
            put_packet(&b, 0, 60, 1);
            put32(&b, 6);
            put32(&b, 4); /* shorter than its own header */
            put32(&b, 0);
        } else {
            put_plain_file(&b, 1, 0);
            put32(&b, 1);
            put32(&b, 1);
            put32(&b, UINT32_MAX);
            put32(&b, UINT32_MAX);
        }
        assert_int_equal(capture_open(&f->capture, &config), 0);
        writer = open_writer(f, &config);
        write_all(writer, b.data, b.size);
        catch_begin(&f->log);
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1000), CAPTURE_END);
        assert_non_null(strstr(catch_end(&f->log), "fifo breaks off after 1 frames"));
        assert_int_equal(f->taken.count, 1);
        close(writer);
        capture_close(f->capture);
        free(b.data);
    }
}

static void pipe_is_not_looped_unless_preloaded(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    struct pcap_bytes b = {0};
    int writer;

    config.loops = 2;
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), -EINVAL);
    assert_non_null(strstr(catch_end(&f->log), "is a pipe and cannot be read 2 times"));
    config.preload = true;
    put_plain_file(&b, 4, 0);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    writer = open_writer(f, &config);
    write_all(writer, b.data, b.size);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 10), CAPTURE_IDLE);
    assert_int_equal(f->taken.count, 0); /* still loading */
    close(writer);
    assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
    assert_int_equal(f->taken.count, 8);
    capture_close(f->capture);
    free(b.data);
}

/* Nor is that of all files, if one of them is a pipe. */
static void end_of_a_pipe_is_not_known(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    const char *both[] = {NULL, config.files[0], NULL};
    struct pcap_bytes b = {0};

    put_plain_file(&b, 4, 0);
    both[0] = save(f, "file", &b);
    for (unsigned alone = 0; alone < 2; alone++) {
        struct capture_progress progress = {.total_bytes = 1};
        struct capture_config files = config_of(both + alone);
        int writer;
        memset(&f->taken, 0, sizeof f->taken);
        assert_int_equal(capture_open(&f->capture, &files), 0);
        writer = open_writer(f, &config);
        put_plain_file(&b, 4, 0);
        write_all(writer, b.data, b.size);
        free(b.data);
        b = (struct pcap_bytes){0};
        assert_int_equal(take_until_idle(f->capture, &f->taken, 2), CAPTURE_IDLE);
        assert_int_equal(f->taken.count, alone == 1 ? 4 : 8);
        capture_progress(f->capture, &progress);
        assert_int_equal(progress.total_bytes, 0);
        assert_int_equal(progress.done_bytes, 0);
        close(writer);
        assert_int_equal(take_until_idle(f->capture, &f->taken, UINT32_MAX), CAPTURE_END);
        capture_close(f->capture);
    }
}

static void close_while_the_pipe_is_open_leaves_nothing(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_fifo(f);
    int writer;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    writer = open_writer(f, &config);
    write_all(writer, "\xd4\xc3", 2);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    capture_close(f->capture);
    close(writer);
}

/* A pipe, then a file, as standard input. */
static void dash_is_standard_input(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {"-", NULL};
    struct capture_config config = config_of(files);
    struct pcap_bytes b = {0};
    int ends[2], kept = dup(STDIN_FILENO);

    put_plain_file(&b, 9, 0);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    write_all(ends[1], b.data, b.size);
    close(ends[0]);
    close(ends[1]);
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 9);

    ends[0] = open(save(f, "input", &b), O_RDONLY);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 9);
    dup2(kept, STDIN_FILENO);
    close(kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(pcap_is_taken_as_it_comes_in_either_byte_order),
        CAPTURE_TEST(old_pcap_is_taken_as_it_comes),
        CAPTURE_TEST(pcapng_is_taken_as_it_comes_in_either_byte_order),
        CAPTURE_TEST(later_section_may_have_the_other_byte_order),
        CAPTURE_TEST(record_longer_than_the_buffer_comes_whole),
        CAPTURE_TEST(many_records_pass_through_a_small_pipe),
        CAPTURE_TEST(bad_pipes_are_reported),
        CAPTURE_TEST(impossible_lengths_are_reported_without_waiting),
        CAPTURE_TEST(pipe_is_not_looped_unless_preloaded),
        CAPTURE_TEST(end_of_a_pipe_is_not_known),
        CAPTURE_TEST(close_while_the_pipe_is_open_leaves_nothing),
        CAPTURE_TEST(dash_is_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
