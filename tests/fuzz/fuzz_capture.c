/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/decode/decode.h"
#include "flow_balancer/common/log.h"
#include "tests/fuzz/capture_input.h"

/*
 * Any bytes as a capture file: read as a file (dispatcher/capture/capture_file.c),
 * loaded into memory first (dispatcher/capture/capture_memory.c), and out of a
 * pipe that pauses somewhere (dispatcher/capture/capture_pipe.c). Each frame is decoded. All three
 * have to give the same frames, and to break off behind the same one, if they do.
 */

/* The longest input: what a pipe holds, so that one write() takes it. */
#define PIPE_BYTES 65536
/* Bursts without a frame in a row: far more than any reading of so few bytes takes. */
#define MOST_EMPTY 100000u
#define CUT 40

/* What a reading gave: of its frames a number that follows from all of their contents. */
struct reading {
    bool opened, failed;
    uint64_t frames, digest;
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_abort_on_failure();
    fb_log_init("fuzz_capture", FB_LOG_ERROR);
    return 0;
}

static void mix(struct reading *r, uint64_t value) {
    r->digest = (r->digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    r->digest ^= r->digest >> 29;
}

static const char *link_problem(void *context, int dlt) {
    enum link_layer link;
    (void)context;
    return link_layer_of(dlt, &link) ? NULL : "which is not known";
}

static void judge_frame(struct reading *r, const struct frame *frame, const struct frame *before,
                        unsigned flags) {
    static const struct decode_options options = {.secret = {1, 2}};
    enum link_layer link;
    struct decoded d;
    assert_true(frame->caplen <= FB_FRAME_MAX && frame->wirelen >= frame->caplen);
    assert_true((flags & CAPTURE_INPUT_SNAP) == 0 || frame->caplen <= CUT);
    assert_true(before == NULL || frame->data >= before->data + before->caplen);
    assert_int_equal(frame->new_source, r->frames == 0);
    assert_true(link_layer_of(frame->dlt, &link));
    decode(frame->data, frame->caplen, link, &options, &d);
    for (uint32_t i = 0; i < frame->caplen; i++)
        mix(r, frame->data[i]);
    mix(r, (uint64_t)frame->caplen << 32 | frame->wirelen);
    mix(r, frame->time_ns);
    mix(r, d.key.word[4]);
    r->frames++;
}

/* A pipe's second half, which is written once the reader has nothing more to do. */
struct rest {
    int writer; /* -1: none */
    const uint8_t *bytes;
    size_t size;
};

static void write_all(int fd, const uint8_t *bytes, size_t size) {
    while (size != 0) {
        ssize_t n = write(fd, bytes, size);
        assert_true(n > 0);
        bytes += n;
        size -= (size_t)n;
    }
}

static void give_rest(struct rest *rest) {
    if (rest->writer < 0)
        return;
    write_all(rest->writer, rest->bytes, rest->size);
    close(rest->writer);
    rest->writer = -1;
}

static void take_all(struct capture *c, struct reading *r, unsigned flags, struct rest *rest) {
    unsigned empty = 0, count, max = flags & CAPTURE_INPUT_SINGLE ? 1 : 32;
    const struct frame *frames;
    enum capture_status status;
    while ((status = capture_burst(c, max, &frames, &count)) != CAPTURE_END) {
        assert_true(count <= max && (count == 0 || status == CAPTURE_MORE));
        for (unsigned i = 0; i < count; i++)
            judge_frame(r, &frames[i], i == 0 ? NULL : &frames[i - 1], flags);
        empty = count == 0 ? empty + 1 : 0;
        assert_true(empty < MOST_EMPTY);
        if (status == CAPTURE_IDLE)
            give_rest(rest);
    }
    assert_true(rest->writer < 0 || r->frames == 0 || capture_failed(c));
}

static struct reading read_as(int fd, unsigned flags, bool preload, struct rest *rest) {
    char name[32];
    const char *const files[] = {name};
    struct capture_config config = {.files = files,
                                    .file_count = 1,
                                    .filter = flags & CAPTURE_INPUT_FILTER ? "len > 50" : NULL,
                                    .snaplen = flags & CAPTURE_INPUT_SNAP ? CUT : 0,
                                    .preload = preload,
                                    .loops = 1,
                                    .link_problem = link_problem};
    struct reading r = {0};
    struct capture *c;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    r.opened = capture_open(&c, &config) == 0;
    if (!r.opened)
        return r;
    take_all(c, &r, flags, rest);
    struct capture_stats stats;
    capture_stats(c, &stats);
    assert_int_equal(stats.received, r.frames);
    r.failed = capture_failed(c);
    capture_close(c);
    return r;
}

static struct reading read_file(const struct capture_input *in, bool preload) {
    struct rest none = {.writer = -1};
    int fd = memfd_create("fuzz_capture", MFD_CLOEXEC);
    assert_true(fd >= 0);
    write_all(fd, in->bytes, in->size);
    struct reading r = read_as(fd, in->flags, preload, &none);
    close(fd);
    return r;
}

static struct reading read_pipe(const struct capture_input *in) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct rest rest = {
        .writer = ends[1], .bytes = in->bytes + in->pause, .size = in->size - in->pause};
    write_all(ends[1], in->bytes, in->pause);
    struct reading r = read_as(ends[0], in->flags, false, &rest);
    if (rest.writer >= 0)
        close(rest.writer);
    close(ends[0]);
    return r;
}

/* Broken off or not, at the same frame. */
static void same_frames(const struct reading *a, const struct reading *b) {
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->frames, b->frames);
    assert_true(a->digest == b->digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct capture_input in;
    if (!capture_input_read(data, size, &in) || in.size > PIPE_BYTES)
        return 0;
    struct reading file = read_file(&in, false);
    struct reading pipe = read_pipe(&in);
    if (file.opened)
        same_frames(&file, &pipe);
    else /* a pipe is refused once its header has come */
        assert_true(pipe.failed && pipe.frames == 0);
    if ((in.flags & CAPTURE_INPUT_PRELOAD) != CAPTURE_INPUT_PRELOAD)
        return 0;
    struct reading memory = read_file(&in, true);
    assert_int_equal(file.opened, memory.opened);
    same_frames(&file, &memory);
    return 0;
}
