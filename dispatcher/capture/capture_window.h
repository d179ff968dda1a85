/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_WINDOW_H
#define DISPATCHER_CAPTURE_CAPTURE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dispatcher/capture/capture_tcp.h"
#include "dispatcher/capture/capture_unpack.h"

/*
 * The bytes of a file, pipe or connection, seen through a window that moves forward. All but files
 * are read without waiting, a compressed file as it was before. Of one source, one thread. Knows no
 * capture format.
 *
 *     buffer: | passed | bytes that came | free |
 *             0        pos               filled  size
 */
struct capture_window {
    int fd;       /* -1: closed */
    bool is_pipe; /* or a connection */
    bool is_connection;
    struct capture_tcp tcp;        /* kept over files */
    bool ended;                    /* no more bytes will come */
    int error;                     /* errno of a read that failed, then ended too */
    struct capture_unpack *unpack; /* not NULL: the file is compressed */
    uint64_t gone;                 /* bytes of the file before the buffer's first */
    size_t pos, filled, size;
    uint8_t *buffer; /* kept over files */
};

enum capture_window_state {
    CAPTURE_WINDOW_HAS, /* that many bytes are there */
    CAPTURE_WINDOW_WAITS /* fewer, and more may come */,
    CAPTURE_WINDOW_ENDS /* fewer, and no more will come */
};

/*
 * Opens a path, or standard input (-), from where it stands, or begins to connect to one that was
 * resolved (capture_tcp.h). Returns 0, or -errno with nothing logged. Starts as {.fd = -1}, else
 * zero.
 */
int capture_window_open(struct capture_window *window, const char *path);

/* Of a file, or of one that is not open. The buffer stays for the next. */
void capture_window_close(struct capture_window *window);

/* Frees what is kept. */
void capture_window_free(struct capture_window *window);

/*
 * If the bytes that are there say that a regular file is compressed, the window begins again with
 * those that it had before; `count` of them, if there are so many. None was passed. What comes
 * through a pipe is not looked into: it cannot be read again from its first byte. name: for log
 * lines. Returns 0, or -errno after one logged line.
 */
int capture_window_unpack(struct capture_window *window, size_t count, const char *name);

/*
 * Gives the descriptor of a regular file away, at the byte where the window is: the
 * caller closes it. Returns -1 with errno set and nothing logged if that fails.
 */
int capture_window_give_away(struct capture_window *window);

/* What capture_window_need() does if the bytes are not there. Not for other callers. */
enum capture_window_state capture_window_read(struct capture_window *window, size_t count);

/* The bytes that are there, from capture_window_bytes() on. */
static inline size_t capture_window_count(const struct capture_window *w) {
    return w->filled - w->pos;
}

/* Sees to it that the next `count` bytes are there, one behind the other. A buffer that is too
 * short grows; if that fails, the error is ENOMEM. */
static inline enum capture_window_state capture_window_need(struct capture_window *w,
                                                            size_t count) {
    return capture_window_count(w) >= count ? CAPTURE_WINDOW_HAS : capture_window_read(w, count);
}

/* Valid until the next need. */
static inline uint8_t *capture_window_bytes(const struct capture_window *w) {
    return w->buffer + w->pos;
}

/* Goes forward over bytes that are there. */
static inline void capture_window_pass(struct capture_window *w, size_t count) {
    w->pos += count;
}

/* What is wrong, if error is set. Valid until the next call. */
const char *capture_window_problem(const struct capture_window *window);

/* How many bytes were passed. */
static inline uint64_t capture_window_offset(const struct capture_window *w) {
    return w->gone + w->pos;
}

/* How many bytes of the file itself were passed; of a compressed one, taken from it. */
uint64_t capture_window_file_offset(const struct capture_window *window);

/* Returns when there is something to read, or after timeout_us; immediately for a regular file. */
void capture_window_wait(const struct capture_window *window, unsigned timeout_us);

#endif
