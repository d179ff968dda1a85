/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

int sink_queue_open(struct sink *sink) {
    if (sink->queue.bytes != NULL || line_queue_open(&sink->queue, SINK_QUEUE_BYTES) == 0)
        return 0;
    fb_error("%s: no memory for a queue of %u bytes", sink->text, SINK_QUEUE_BYTES);
    return -ENOMEM;
}

/* ---- one line ---------------------------------------------------------------------------------*/

/*
 * Workers that print to the same pipe or file do so one at a time, or a line that goes in two parts
 * would have another one in it. The lock is the process's, and ends with it.
 */
static bool take_lock(struct sink *sink) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!sink->is_shared || sink->is_locked)
        return true;
    sink->is_locked = fcntl(sink->fd, F_SETLK, &lock) == 0;
    if (!sink->is_locked && errno != EAGAIN && errno != EACCES)
        sink->is_shared = false; /* it cannot be locked */
    return sink->is_locked || !sink->is_shared;
}

static void give_lock(struct sink *sink) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (sink->is_locked)
        fcntl(sink->fd, F_SETLK, &lock);
    sink->is_locked = false;
}

static bool has_room(const struct sink *sink) {
    struct pollfd fd = {.fd = sink->fd, .events = POLLOUT};
    return !sink->may_block || poll(&fd, 1, 0) == 1;
}

/* Returns how many bytes were taken, 0: none now; or -errno. */
static ssize_t hand_over(struct sink *sink, struct iovec *parts, int count) {
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t n;
    if (!take_lock(sink) || !has_room(sink))
        return 0;
    do
        n = sink->is_socket ? sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                            : writev(sink->fd, parts, count);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -errno;
}

/* A datagram that is longer than the socket takes, also of a fast reader. */
static void refuse_long(struct sink *sink, size_t bytes) {
    if (!sink->is_too_long_told)
        fb_error("%s%s: a record of %zu bytes is too long for a datagram: it is dropped, and so "
                 "are others",
                 sink->who, sink->text, bytes);
    sink->is_too_long_told = true;
}

/* ---- the queue --------------------------------------------------------------------------------*/

int sink_queue_push(struct sink *sink) {
    struct iovec parts[2];
    int count;
    ssize_t n = 1;
    while (n > 0 && (count = line_queue_first(&sink->queue, parts)) != 0) {
        size_t bytes = parts[0].iov_len + (count > 1 ? parts[1].iov_len : 0);
        n = hand_over(sink, parts, count);
        if (n == -EMSGSIZE) {
            refuse_long(sink, bytes);
            sink_drop(sink, 1);
            line_queue_sent(&sink->queue, bytes);
            n = 1;
        } else if (n > 0) {
            sink->stats[SINK_WRITTEN] += line_queue_sent(&sink->queue, (size_t)n);
        }
    }
    if (!line_queue_is_torn(&sink->queue))
        give_lock(sink);
    if (n < 0)
        return (int)n;
    if (line_queue_is_empty(&sink->queue))
        sink_works(sink);
    return 0;
}

enum sink_put sink_queue_keep(struct sink *sink, const char *line, size_t length) {
    return line_queue_add(&sink->queue, line, length, 0) ? SINK_PUT_QUEUED : SINK_PUT_NOT_NOW;
}

enum sink_put sink_queue_put(struct sink *sink, const char *line, size_t length, int *error) {
    struct iovec part = {(void *)(uintptr_t)line, length};
    *error = 0;
    if (sink->is_over || length > SINK_QUEUE_BYTES)
        return SINK_PUT_NEVER;
    if (sink->fd < 0)
        return sink_queue_keep(sink, line, length);
    if (!line_queue_is_empty(&sink->queue)) {
        *error = sink_queue_push(sink);
        if (*error != 0)
            return SINK_PUT_NOT_NOW;
        if (!line_queue_is_empty(&sink->queue))
            return sink_queue_keep(sink, line, length);
    }
    ssize_t n = hand_over(sink, &part, 1);
    if (n == 0 || n == (ssize_t)length || n < 0)
        give_lock(sink);
    if (n == (ssize_t)length)
        return SINK_PUT_WRITTEN;
    if (n == -EMSGSIZE) {
        refuse_long(sink, length);
        return SINK_PUT_NEVER;
    }
    if (n < 0) {
        *error = (int)n;
        return SINK_PUT_NOT_NOW;
    }
    line_queue_add(&sink->queue, line, length, (size_t)n); /* it is empty */
    return SINK_PUT_QUEUED;
}

/* ---- a descriptor that stays ------------------------------------------------------------------*/

void sink_stream_begin(struct sink *sink, int fd) {
    struct stat st = {.st_mode = 0};
    fstat(fd, &st);
    bool is_terminal = S_ISCHR(st.st_mode) && isatty(fd);
    sink->fd = fd;
    sink->is_socket = S_ISSOCK(st.st_mode);
    sink->is_shared = S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || is_terminal;
    sink->may_block =
        (S_ISFIFO(st.st_mode) || is_terminal) && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* What becomes of what is queued. Returns whether it is tried again. */
static bool stream_fails(struct sink *sink, int error) {
    sink->is_over = error == -EPIPE;
    if (!sink->is_over) {
        sink_fails(sink, "write", strerror(-error));
        return true;
    }
    fb_error("%s%s: no process reads it any more: records are dropped", sink->who, sink->text);
    sink_drop(sink, line_queue_clear(&sink->queue));
    return false;
}

enum sink_put sink_stream_put(struct sink *sink, const char *line, size_t length) {
    int error;
    enum sink_put put = sink_queue_put(sink, line, length, &error);
    if (__builtin_expect(error == 0, 1))
        return put;
    return stream_fails(sink, error) ? sink_queue_keep(sink, line, length) : SINK_PUT_NEVER;
}

void sink_stream_tick(struct sink *sink, uint64_t now_ns) {
    (void)now_ns;
    int error = line_queue_is_empty(&sink->queue) ? 0 : sink_queue_push(sink);
    if (error != 0)
        stream_fails(sink, error);
}

void sink_stream_close(struct sink *sink) {
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
    line_queue_close(&sink->queue);
}

/* ---- standard output --------------------------------------------------------------------------*/

/*
 * Standard output is shared with others: a pipe or terminal is opened again, so that writes to it
 * do not wait, and theirs still do. A file has one position for all, and is written without waiting
 * anyway.
 */
static int open_again(void) {
    struct stat before, now;
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    bool waits =
        fstat(STDOUT_FILENO, &before) == 0 && (S_ISFIFO(before.st_mode) || isatty(STDOUT_FILENO));
    int fd = waits && (flags & O_ACCMODE) != O_RDONLY
                 ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                 : -1;
    if (fd >= 0 && fstat(fd, &now) == 0 && now.st_dev == before.st_dev &&
        now.st_ino == before.st_ino)
        return fd;
    if (fd >= 0)
        close(fd); /* not our /proc */
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* What else prints to standard output would be among the records: it goes to standard error. */
static int output_open(struct sink *sink) {
    int fd = open_again();
    if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        int error = -errno;
        fb_error("--eve -: cannot use standard output: %s", strerror(-error));
        if (fd >= 0)
            close(fd);
        return error;
    }
    snprintf(sink->text, sizeof sink->text, "standard output");
    sink_stream_begin(sink, fd);
    return sink_queue_open(sink);
}

const struct sink_kind sink_output_kind = {
    .word = "stdout",
    .open = output_open,
    .put = sink_stream_put,
    .tick = sink_stream_tick,
    .close = sink_stream_close,
};
