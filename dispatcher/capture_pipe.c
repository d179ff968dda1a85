/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * libpcap reads a pipe with blocking stdio and cannot be interrupted within a
 * record without losing it. So it never starts on one that is not all there:
 * the bytes are collected here, records are recognised by their length fields,
 * and the stream ends, for the time being, behind the last whole record.
 *
 *     buffer: | given to libpcap | whole records | part of a record | free |
 *             0                 pos           released           filled  size
 *
 * Lengths are input like everything else: with one that cannot be, all bytes
 * are released, and libpcap finds and names the fault.
 */
#define FIRST_BYTES (1u << 20)           /* four of the longest frames */
#define RECORD_MOST ((16u << 20) + 4096) /* libpcap refuses longer pcapng blocks */

enum pipe_format { PIPE_UNKNOWN, PIPE_PCAP, PIPE_PCAPNG };

struct capture_pipe {
    int fd;
    int error; /* errno of a read that failed */
    bool ended;
    bool big_endian;
    enum pipe_format format; /* PIPE_UNKNOWN until capture_pipe_start() */
    size_t record_header;    /* bytes, of pcap */
    size_t pos, released, filled, size;
    uint8_t *buffer;
};

static uint32_t load32(const struct capture_pipe *p, size_t at) {
    const uint8_t *b = p->buffer + at;
    if (p->big_endian)
        return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* pcap: seconds, fraction, captured length, wire length. 0: the length has not come yet. */
static size_t pcap_record_length(const struct capture_pipe *p, size_t at) {
    return p->filled - at < p->record_header ? 0 : p->record_header + load32(p, at + 8);
}

/* pcapng: type, length; a section header has its byte order behind them. 0 as above. */
static size_t pcapng_block_length(struct capture_pipe *p, size_t at) {
    static const uint8_t section[4] = {0x0a, 0x0d, 0x0d, 0x0a};
    size_t length;

    if (p->filled - at < 12)
        return 0;
    if (memcmp(p->buffer + at, section, sizeof section) == 0)
        p->big_endian = p->buffer[at + 8] == 0x1a;
    length = load32(p, at + 4);
    return length < 12 ? SIZE_MAX : length;
}

static void release_whole_records(struct capture_pipe *p) {
    size_t length;

    if (p->format == PIPE_UNKNOWN || p->ended) {
        p->released = p->filled;
        return;
    }
    for (;;) {
        length = p->format == PIPE_PCAP ? pcap_record_length(p, p->released)
                                        : pcapng_block_length(p, p->released);
        if (length > RECORD_MOST) {
            p->released = p->filled;
            return;
        }
        if (length == 0 || length > p->filled - p->released)
            return;
        p->released += length;
    }
}

static bool make_room(struct capture_pipe *p) {
    uint8_t *longer;

    if (p->format != PIPE_UNKNOWN) { /* before that, capture_pipe_rewind() may want it all */
        memmove(p->buffer, p->buffer + p->pos, p->filled - p->pos);
        p->filled -= p->pos;
        p->released -= p->pos;
        p->pos = 0;
    }
    if (p->filled < p->size)
        return true;
    longer = p->size < 2 * RECORD_MOST ? realloc(p->buffer, 2 * p->size) : NULL;
    if (longer == NULL) {
        p->error = ENOMEM;
        return false;
    }
    p->buffer = longer;
    p->size *= 2;
    return true;
}

/* Takes what has come. Standard input is shared with others and stays blocking: hence poll(). */
static void refill(struct capture_pipe *p) {
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
    release_whole_records(p);
}

static ssize_t pipe_read(void *cookie, char *to, size_t size) {
    struct capture_pipe *p = cookie;
    size_t n;

    if (p->pos == p->released)
        refill(p);
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
    setvbuf(*stream, NULL, _IONBF, 0); /* so that pos is where libpcap has come to */
    return p;
}

void capture_pipe_start(struct capture_pipe *p) {
    static const uint8_t longer_headers[2][4] = {{0xa1, 0xb2, 0xcd, 0x34},
                                                 {0x34, 0xcd, 0xb2, 0xa1}};
    bool longer = memcmp(p->buffer, longer_headers[0], 4) == 0 ||
                  memcmp(p->buffer, longer_headers[1], 4) == 0;

    p->format = p->buffer[0] == 0x0a ? PIPE_PCAPNG : PIPE_PCAP;
    p->big_endian =
        p->buffer[p->format == PIPE_PCAPNG ? 8 : 0] == (p->format == PIPE_PCAPNG ? 0x1a : 0xa1);
    p->record_header = longer ? 24 : 16;
    p->released = p->pos;
    release_whole_records(p);
}

void capture_pipe_rewind(struct capture_pipe *p) {
    p->pos = 0;
}

bool capture_pipe_ended(const struct capture_pipe *p) {
    return p->error != 0 || (p->ended && p->pos == p->filled);
}

void capture_pipe_wait(const struct capture_pipe *p, unsigned timeout_us) {
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    struct timespec timeout = {.tv_sec = timeout_us / 1000000,
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    ppoll(&ready, 1, &timeout, NULL);
}
