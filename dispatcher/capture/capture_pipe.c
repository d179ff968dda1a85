/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_pipe.h"
#include "dispatcher/capture/frame.h"
#include "flow_balancer/common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * libpcap reads a pipe with blocking stdio and loses a record if it is interrupted
 * within it. So it is given whole units only (file header, records, blocks): the
 * bytes are collected here, units are recognised by their length fields, and the
 * stream ends, for the time being, behind the last whole one. Until libpcap has
 * opened the stream, it may start again from byte 0.
 *
 *     buffer: | given to libpcap | whole units   | part of a unit | free |
 *             0                 pos           released           filled  size
 *
 * Lengths are untrusted input: if one is impossible, all bytes are released, and
 * libpcap finds and names the fault.
 */
#define FIRST_BYTES (4 * FB_FRAME_MAX)
#define UNIT_MOST ((16u << 20) + 4096) /* libpcap refuses longer pcapng blocks */

/* The block type that pcapng begins with, the same in either byte order. */
#define SECTION_HEADER "\x0a\x0d\x0d\x0a"

struct capture_pipe {
    int fd;
    int error; /* errno of a read that failed */
    bool ended;
    bool big_endian;
    bool opening; /* until capture_pipe_start(): everything is kept, libpcap may start again */
    bool pcapng;
    size_t record_header; /* bytes, of pcap */
    enum { CAPTURED_FIRST, CAPTURED_SECOND, CAPTURED_LESSER } lengths;
    size_t pos, released, filled, size;
    uint8_t *buffer;
};

static uint32_t load32(const struct capture_pipe *p, size_t at) {
    const uint8_t *b = p->buffer + at;
    if (p->big_endian)
        return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* The file header: 24 bytes; its magic number says the byte order and the length of records. */
static size_t pcap_header_length(struct capture_pipe *p) {
    p->big_endian = p->buffer[0] == 0xa1;
    p->record_header = load32(p, 0) == 0xa1b2cd34 ? 24 : 16;
    if (p->filled < 24)
        return 24;
    uint32_t halves = load32(p, 4);
    uint32_t major = p->big_endian ? halves >> 16 : halves & 0xffff;
    uint32_t minor = p->big_endian ? halves & 0xffff : halves >> 16;
    if (major != 2 || minor < 3)
        p->lengths = CAPTURED_SECOND;
    else
        p->lengths = minor == 3 ? CAPTURED_LESSER : CAPTURED_FIRST;
    return 24;
}

/*
 * pcap: seconds, fraction, captured length, wire length. Before version 2.3, and in
 * version 543.0 of one system, the two lengths are exchanged; in 2.3 some writers
 * exchange them, and libpcap takes the lesser. Returns 0 if the length has not come yet.
 */
static size_t pcap_record_length(const struct capture_pipe *p, size_t at) {
    if (p->filled - at < p->record_header)
        return 0;
    uint32_t first = load32(p, at + 8), second = load32(p, at + 12);
    bool takes_second =
        p->lengths == CAPTURED_SECOND || (p->lengths == CAPTURED_LESSER && second < first);
    return p->record_header + (takes_second ? second : first);
}

/* pcapng: type, length; in a section header its byte order follows. Returns 0 as above. */
static size_t pcapng_block_length(struct capture_pipe *p, size_t at) {
    size_t length;

    if (p->filled - at < 12)
        return 0;
    if (memcmp(p->buffer + at, SECTION_HEADER, 4) == 0)
        p->big_endian = p->buffer[at + 8] == 0x1a;
    length = load32(p, at + 4);
    return length < 12 ? SIZE_MAX : length;
}

static size_t first_unit_length(struct capture_pipe *p) {
    if (p->filled < 4)
        return 0;
    p->pcapng = memcmp(p->buffer, SECTION_HEADER, 4) == 0;
    return p->pcapng ? pcapng_block_length(p, 0) : pcap_header_length(p);
}

static size_t unit_length(struct capture_pipe *p) {
    if (p->opening && p->released == 0)
        return first_unit_length(p);
    return p->pcapng ? pcapng_block_length(p, p->released) : pcap_record_length(p, p->released);
}

static void release_whole_units(struct capture_pipe *p) {
    size_t length;

    while (!p->ended) {
        length = unit_length(p);
        if (length > UNIT_MOST)
            break;
        if (length == 0 || length > p->filled - p->released)
            return;
        p->released += length;
    }
    p->released = p->filled;
}

static bool make_room(struct capture_pipe *p) {
    uint8_t *longer;

    if (!p->opening) {
        memmove(p->buffer, p->buffer + p->pos, p->filled - p->pos);
        p->filled -= p->pos;
        p->released -= p->pos;
        p->pos = 0;
    }
    if (p->filled < p->size)
        return true;
    longer = p->size < 2 * UNIT_MOST ? realloc(p->buffer, 2 * p->size) : NULL;
    if (longer == NULL) {
        p->error = ENOMEM;
        return false;
    }
    p->buffer = longer;
    p->size *= 2;
    return true;
}

/* Reads what has come. Standard input is shared with other processes and stays blocking: hence
 * poll(). */
static void read_available(struct capture_pipe *p) {
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    ssize_t n;

    if (p->ended || p->error != 0 || !make_room(p))
        return;
    if (poll(&ready, 1, 0) <= 0)
        return;
    n = 0;
    if (ready.revents != POLLHUP)
        n = read(p->fd, p->buffer + p->filled, p->size - p->filled);
    if (n > 0)
        p->filled += (size_t)n;
    else if (n == 0)
        p->ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        p->error = errno;
    release_whole_units(p);
}

static ssize_t pipe_read(void *cookie, char *to, size_t size) {
    struct capture_pipe *p = cookie;
    size_t n;

    if (p->pos == p->released)
        read_available(p);
    n = p->released - p->pos;
    n = n > size ? size : n;
    if (n == 0 && p->error != 0) {
        errno = p->error;
        return -1;
    }
    memcpy(to, p->buffer + p->pos, n);
    p->pos += n;
    return (ssize_t)n;
}

static int pipe_close(void *cookie) {
    struct capture_pipe *p = cookie;
    if (p->fd > STDERR_FILENO)
        close(p->fd);
    free(p->buffer);
    free(p);
    return 0;
}

struct capture_pipe *capture_pipe_open(const char *path, FILE **stream) {
    const cookie_io_functions_t functions = {.read = pipe_read, .close = pipe_close};
    struct capture_pipe *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->size = FIRST_BYTES;
    p->buffer = malloc(p->size);
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    p->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (p->buffer == NULL || p->fd < 0 || (*stream = fopencookie(p, "r", functions)) == NULL) {
        int err = errno;
        pipe_close(p);
        errno = err;
        return NULL;
    }
    p->opening = true;
    return p;
}

void capture_pipe_start(struct capture_pipe *p) {
    p->opening = false;
}

void capture_pipe_rewind(struct capture_pipe *p) {
    p->pos = 0;
}

size_t capture_pipe_begin(const struct capture_pipe *p, const uint8_t **bytes, size_t most) {
    *bytes = p->buffer;
    return p->filled < most ? p->filled : most;
}

bool capture_pipe_ended(const struct capture_pipe *p) {
    return p->error != 0 || (p->ended && p->pos == p->filled);
}

void capture_pipe_wait(const struct capture_pipe *p, unsigned timeout_us) {
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    struct timespec timeout = fb_timespec(timeout_us * FB_NS_PER_US);
    ppoll(&ready, 1, &timeout, NULL);
}
