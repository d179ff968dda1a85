/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_window.h"
#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read at a time. Half of a level-2 cache of 512 KB: the rest of the data path needs the other
 * half. What 32 KB, 256 KB and 1 MB cost: see STREAM_BYTES in capture_pcap.c. */
#define READ_BYTES ((size_t)256 << 10)

static void start(struct capture_window *w, bool is_pipe, bool is_connection) {
    w->is_pipe = is_pipe;
    w->is_connection = is_connection;
    w->ended = false;
    w->error = 0;
    w->gone = 0;
    w->pos = 0;
    w->filled = 0;
}

static int open_connection(struct capture_window *w) {
    capture_tcp_rewind(&w->tcp);
    w->fd = capture_tcp_connect(&w->tcp);
    if (w->fd < 0)
        return w->fd;
    start(w, true, true);
    return 0;
}

/* A connection that failed before anything came: the host may have other addresses. */
static bool try_next_address(struct capture_window *w) {
    int fd;

    if (!w->is_connection || w->gone + w->filled != 0 || w->tcp.next == NULL)
        return false;
    fd = capture_tcp_connect(&w->tcp);
    if (fd < 0)
        return false;
    close(w->fd);
    w->fd = fd;
    return true;
}

int capture_window_open(struct capture_window *w, const char *path) {
    struct stat st;

    if (capture_tcp_is(path))
        return open_connection(w);
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    w->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                   : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (w->fd < 0)
        return -errno;
    start(w, fstat(w->fd, &st) < 0 || !S_ISREG(st.st_mode), false);
    return 0;
}

int capture_window_unpack(struct capture_window *w, size_t count, const char *name) {
    const struct capture_packed *packed =
        capture_find_packed(capture_window_bytes(w), capture_window_count(w));
    int err;

    if (packed == NULL || w->is_pipe)
        return 0;
    if (lseek(w->fd, -(off_t)capture_window_count(w), SEEK_CUR) < 0) {
        err = -errno;
        fb_error("cannot read %s: %s", name, fb_errno_text(-err));
        return err;
    }
    err = capture_unpack_open(&w->unpack, packed, w->fd, name);
    if (err < 0)
        return err;
    w->ended = false;
    w->pos = 0;
    w->filled = 0;
    capture_window_need(w, count);
    if (capture_find_packed(capture_window_bytes(w), capture_window_count(w)) != NULL) {
        fb_error("cannot read %s: it is compressed twice: unpack it once, with %s", name,
                 packed->command);
        return -EINVAL;
    }
    if (capture_window_count(w) >= count || w->error == 0)
        return 0;
    fb_error("cannot read %s: %s: %s", name, capture_window_problem(w),
             capture_unpack_fix(w->unpack));
    return -w->error;
}

void capture_window_close(struct capture_window *w) {
    capture_unpack_close(w->unpack);
    w->unpack = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->pos = 0;
    w->filled = 0;
}

void capture_window_free(struct capture_window *w) {
    capture_tcp_free(&w->tcp);
    free(w->buffer);
    w->buffer = NULL;
    w->size = 0;
}

int capture_window_give_away(struct capture_window *w) {
    int fd = w->fd;

    if (lseek(fd, -(off_t)capture_window_count(w), SEEK_CUR) < 0)
        return -1;
    w->fd = -1;
    capture_window_close(w);
    return fd;
}

static void fail(struct capture_window *w, int error) {
    w->error = error;
    w->ended = true;
}

/* Where reading failed: the next address, or it is over, and true. */
static bool fail_over(struct capture_window *w, int error) {
    if (try_next_address(w))
        return false;
    fail(w, error);
    return true;
}

/* Makes room for the next read, which `count` bytes from pos on are asked of. */
static bool make_room(struct capture_window *w, size_t count) {
    size_t size = w->size == 0 ? READ_BYTES : w->size;
    uint8_t *longer;

    if (w->pos > 0) {
        memmove(w->buffer, w->buffer + w->pos, w->filled - w->pos);
        w->gone += w->pos;
        w->filled -= w->pos;
        w->pos = 0;
    }
    while (size < count)
        size *= 2;
    if (size == w->size)
        return true;
    longer = realloc(w->buffer, size);
    if (longer == NULL)
        return false;
    w->buffer = longer;
    w->size = size;
    return true;
}

/* Standard input is shared with other processes and stays blocking: hence poll(). */
static bool may_read(const struct capture_window *w, bool *hung_up) {
    struct pollfd ready = {.fd = w->fd, .events = POLLIN};

    *hung_up = false;
    if (!w->is_pipe)
        return true;
    if (poll(&ready, 1, 0) <= 0)
        return false;
    *hung_up = ready.revents == POLLHUP;
    return true;
}

/* As read(2). */
static ssize_t read_bytes(struct capture_window *w, size_t size) {
    uint8_t *to = w->buffer + w->filled;
    ssize_t n;

    if (w->unpack == NULL)
        return read(w->fd, to, size);
    n = capture_unpack_read(w->unpack, to, size);
    if (n >= 0)
        return n;
    errno = (int)-n;
    return -1;
}

const char *capture_window_problem(const struct capture_window *w) {
    return w->unpack != NULL && w->error == EBADMSG ? capture_unpack_problem(w->unpack)
                                                    : fb_errno_text(w->error);
}

uint64_t capture_window_file_offset(const struct capture_window *w) {
    return w->unpack != NULL ? capture_unpack_offset(w->unpack) : capture_window_offset(w);
}

enum capture_window_state capture_window_read(struct capture_window *w, size_t count) {
    size_t most;
    ssize_t n;
    bool hung_up;

    while (!w->ended && capture_window_count(w) < count) {
        if (!make_room(w, count)) {
            fail(w, ENOMEM);
            break;
        }
        if (!may_read(w, &hung_up))
            return CAPTURE_WINDOW_WAITS;
        most = count > READ_BYTES ? count : READ_BYTES;
        n = hung_up ? 0 : read_bytes(w, most - w->filled);
        if (n > 0)
            w->filled += (size_t)n;
        else if (n == 0)
            w->ended = true;
        else if (errno == EAGAIN || errno == EINTR)
            return CAPTURE_WINDOW_WAITS;
        else if (!fail_over(w, errno))
            return CAPTURE_WINDOW_WAITS;
    }
    return capture_window_count(w) >= count ? CAPTURE_WINDOW_HAS : CAPTURE_WINDOW_ENDS;
}

void capture_window_wait(const struct capture_window *w, unsigned timeout_us) {
    struct pollfd ready = {.fd = w->fd, .events = POLLIN};
    struct timespec timeout = fb_timespec(timeout_us * FB_NS_PER_US);

    if (w->is_pipe && w->fd >= 0)
        ppoll(&ready, 1, &timeout, NULL);
}
