/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_pipe.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * libpcap reads a pipe with blocking stdio and loses a record if it is interrupted
 * within it. So it is given whole records only: they are recognised by their length
 * fields, and the stream ends, for the time being, behind the last whole one.
 *
 *     window: | whole records          | part of one |
 *             pos            pos + whole             filled
 *
 * Lengths are untrusted input: if one is impossible, or the file ends within a record,
 * all bytes are given, and libpcap finds and names the fault.
 */
#define RECORD_MOST ((16u << 20) + 4096) /* libpcap refuses longer frames of nearly every link */

struct capture_pipe {
    struct capture_window *window;
    bool big_endian;
    bool impossible; /* a length was: everything is given as it comes */
    enum { CAPTURED_FIRST, CAPTURED_SECOND, CAPTURED_LESSER } lengths;
    size_t record_header; /* bytes */
    size_t whole;         /* bytes that may be given */
};

static uint32_t load32(const struct capture_pipe *p, size_t at) {
    const uint8_t *b = capture_window_bytes(p->window) + at;
    if (p->big_endian)
        return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/*
 * The file header: its magic number says the byte order and the length of records, its
 * version where they have the captured length. Before version 2.3, and in version 543.0
 * of one system, the two lengths are exchanged; in 2.3 some writers exchange them, and
 * libpcap takes the lesser.
 */
static void read_header(struct capture_pipe *p) {
    uint32_t halves, major, minor;

    p->big_endian = capture_window_bytes(p->window)[0] == 0xa1;
    p->record_header = load32(p, 0) == 0xa1b2cd34 ? 24 : 16;
    halves = load32(p, 4);
    major = p->big_endian ? halves >> 16 : halves & 0xffff;
    minor = p->big_endian ? halves & 0xffff : halves >> 16;
    if (major != 2 || minor < 3)
        p->lengths = CAPTURED_SECOND;
    else
        p->lengths = minor == 3 ? CAPTURED_LESSER : CAPTURED_FIRST;
}

/* A record whose header is there: seconds, fraction, two lengths. */
static size_t record_length(const struct capture_pipe *p, size_t at) {
    uint32_t first = load32(p, at + 8), second = load32(p, at + 12);
    bool takes_second =
        p->lengths == CAPTURED_SECOND || (p->lengths == CAPTURED_LESSER && second < first);
    return p->record_header + (takes_second ? second : first);
}

/* Counts the whole records that are there, without asking for more. Returns what the first that is
 * not whole needs. */
static size_t count_whole(struct capture_pipe *p) {
    size_t there = capture_window_count(p->window), length;

    while (there - p->whole >= p->record_header) {
        length = record_length(p, p->whole);
        p->impossible = length > RECORD_MOST;
        if (p->impossible || length > there - p->whole)
            return length;
        p->whole += length;
    }
    return p->record_header;
}

static void find_whole(struct capture_pipe *p) {
    size_t needed = p->record_header;
    enum capture_window_state state = CAPTURE_WINDOW_HAS;

    while (p->whole == 0 && !p->impossible) {
        state = capture_window_need(p->window, needed);
        if (state != CAPTURE_WINDOW_HAS)
            break;
        needed = count_whole(p);
    }
    if (p->impossible)
        state = capture_window_need(p->window, 1);
    if (p->impossible || state == CAPTURE_WINDOW_ENDS)
        p->whole = capture_window_count(p->window);
}

static ssize_t pipe_read(void *cookie, char *to, size_t size) {
    struct capture_pipe *p = cookie;
    size_t n;

    if (p->whole == 0)
        find_whole(p);
    n = p->whole > size ? size : p->whole;
    if (n == 0 && p->window->error != 0) {
        errno = p->window->error;
        return -1;
    }
    memcpy(to, capture_window_bytes(p->window), n);
    capture_window_pass(p->window, n);
    p->whole -= n;
    return (ssize_t)n;
}

static int pipe_close(void *cookie) {
    free(cookie);
    return 0;
}

struct capture_pipe *capture_pipe_open(struct capture_window *window, FILE **stream) {
    const cookie_io_functions_t functions = {.read = pipe_read, .close = pipe_close};
    struct capture_pipe *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->window = window;
    p->record_header = 16;
    if (capture_window_need(window, CAPTURE_PIPE_HEADER) == CAPTURE_WINDOW_HAS)
        read_header(p);
    p->whole = capture_window_count(window);
    p->whole = p->whole < CAPTURE_PIPE_HEADER ? p->whole : CAPTURE_PIPE_HEADER;
    *stream = fopencookie(p, "r", functions);
    if (*stream == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

bool capture_pipe_ended(const struct capture_pipe *p) {
    const struct capture_window *w = p->window;
    return w->error != 0 || (w->ended && capture_window_count(w) == 0);
}
