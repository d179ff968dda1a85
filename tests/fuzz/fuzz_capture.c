/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/decode/decode.h"
#include "flow_balancer/common/log.h"
#include "tests/fuzz/capture_input.h"

/*
 * Any bytes as a capture file: read as a file (dispatcher/capture/capture_file.c; sound records of
 * pcap by dispatcher/capture/capture_records.c, not by libpcap as from a pipe),
 * loaded into memory first (dispatcher/capture/capture_memory.c), and out of a
 * pipe that pauses somewhere (dispatcher/capture/capture_pipe.c). Each frame is decoded. All three
 * have to give the same frames, and to break off behind the same one, if they do. Of
 * pcapng (dispatcher/capture/capture_ng.c) they have to be those that libpcap gives, if
 * it reads all of it.
 */

/* The longest input: what a pipe holds, so that one write() takes it. */
#define PIPE_BYTES 65536
/* Bursts without a frame in a row: far more than any reading of so few bytes takes. */
#define MOST_EMPTY 100000u
#define CUT 40

/* What a reading gave: of its frames a number that follows from all of their contents, and one that
 * follows from their bytes and lengths. */
struct reading {
    bool opened, failed;
    uint64_t frames, digest, bytes;
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_abort_on_failure();
    fb_log_init("fuzz_capture", FB_LOG_ERROR);
    return 0;
}

static void mix(uint64_t *digest, uint64_t value) {
    *digest = (*digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    *digest ^= *digest >> 29;
}

static void mix_bytes(struct reading *r, const uint8_t *bytes, uint32_t caplen, uint32_t wirelen) {
    for (uint32_t i = 0; i < caplen; i++)
        mix(&r->bytes, bytes[i]);
    mix(&r->bytes, (uint64_t)caplen << 32 | wirelen);
}

static const char *link_problem(void *context, int dlt) {
    enum link_layer link;
    (void)context;
    return link_layer_of(dlt, &link) ? NULL : "which is not known";
}

static void judge_frame(struct reading *r, const struct frame *frame, const struct frame *before,
                        unsigned flags) {
    static const struct decode_options options = {.ports = &decode_usual_ports, .secret = {1, 2}};
    enum link_layer link;
    struct decoded d;
    assert_true(frame->caplen <= FB_FRAME_MAX && frame->wirelen >= frame->caplen);
    assert_true((flags & CAPTURE_INPUT_SNAP) == 0 || frame->caplen <= CUT);
    assert_true(before == NULL || frame->data >= before->data + before->caplen);
    assert_true(frame->new_source || r->frames != 0); /* and at the sections of pcapng */
    assert_true(link_layer_of(frame->dlt, &link));
    decode(frame->data, frame->caplen, link, &options, &d);
    mix_bytes(r, frame->data, frame->caplen, frame->wirelen);
    mix(&r->digest, r->bytes);
    mix(&r->digest, frame->time_ns);
    mix(&r->digest, (uint64_t)frame->new_source);
    mix(&r->digest, d.key.word[4]);
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

static bool is_pcapng(const struct capture_input *in) {
    return in->size >= 4 && memcmp(in->bytes, "\n\r\r\n", 4) == 0;
}

/* libpcap reads fewer such files than we do. Stamps are not compared: its own overflow where their
 * unit is small. */
static void same_as_libpcap(const struct capture_input *in, const struct reading *ours) {
    struct reading its = {0};
    char reason[PCAP_ERRBUF_SIZE];
    FILE *stream = fmemopen((void *)in->bytes, in->size, "r");
    pcap_t *pcap = stream == NULL ? NULL : pcap_fopen_offline(stream, reason);
    struct pcap_pkthdr *header;
    const u_char *data;
    int next;
    if (pcap == NULL) {
        if (stream != NULL)
            fclose(stream);
        return;
    }
    while ((next = pcap_next_ex(pcap, &header, &data)) == 1) {
        uint32_t wirelen = header->len > header->caplen ? header->len : header->caplen;
        mix_bytes(&its, data, header->caplen, wirelen);
        its.frames++;
    }
    bool known = its.frames == 0 || link_problem(NULL, pcap_datalink(pcap)) == NULL;
    pcap_close(pcap);
    if (next != PCAP_ERROR_BREAK || !known)
        return;
    assert_true(ours->opened && !ours->failed);
    assert_int_equal(ours->frames, its.frames);
    assert_true(ours->bytes == its.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct capture_input in;
    if (!capture_input_read(data, size, &in) || in.size > PIPE_BYTES)
        return 0;
    struct reading file = read_file(&in, false);
    struct reading pipe = read_pipe(&in);
    if (file.opened)
        same_frames(&file, &pipe);
    else /* a pipe is refused once its header has come, and only what cannot be taken of pcapng */
        assert_true(pipe.failed && (pipe.frames == 0 || is_pcapng(&in)));
    if (is_pcapng(&in) && (in.flags & (CAPTURE_INPUT_SNAP | CAPTURE_INPUT_FILTER)) == 0)
        same_as_libpcap(&in, &file);
    if ((in.flags & CAPTURE_INPUT_PRELOAD) != CAPTURE_INPUT_PRELOAD)
        return 0;
    struct reading memory = read_file(&in, true);
    assert_int_equal(file.opened, memory.opened);
    same_frames(&file, &memory);
    return 0;
}
