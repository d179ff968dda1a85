/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/sink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

/*
 * A UNIX socket that a reader has bound: a stream of lines, or a datagram for each. When the reader
 * goes, another one is waited for; a line that was sent in part is sent to it whole.
 */
#define PAUSE_FIRST_NS UINT64_C(100000000) /* between two attempts to connect: doubled */
#define PAUSE_MOST_NS UINT64_C(2000000000)

static int unix_open(struct sink *sink) {
    size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    size_t length = strlen(sink->argument);
    if (length == 0) {
        fb_error("%s: the path of the socket is missing: write unix:PATH", sink->text);
        return -EINVAL;
    }
    if (length > most) {
        fb_error("%s: the path of a socket has at most %zu characters, and this one %zu: give a "
                 "shorter one",
                 sink->text, most, length);
        return -EINVAL;
    }
    sink->pause_ns = PAUSE_FIRST_NS;
    sink->is_socket = true;
    return sink_queue_open(sink);
}

/* Returns a descriptor, or -errno. */
static int connect_as(const struct sink *sink, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, sink->argument, strlen(sink->argument) + 1);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static void connect_later(struct sink *sink, const char *what, int error) {
    sink_fails(sink, what, strerror(-error));
    sink->retry_ns = fb_now_ns() + sink->pause_ns;
    sink->pause_ns = sink->pause_ns * 2 < PAUSE_MOST_NS ? sink->pause_ns * 2 : PAUSE_MOST_NS;
}

/* Which of the two the reader has is known when it is tried. */
static void connect_to(struct sink *sink) {
    int fd = connect_as(sink, SOCK_STREAM);
    if (fd == -EPROTOTYPE)
        fd = connect_as(sink, SOCK_DGRAM);
    if (fd >= 0)
        sink->fd = fd;
    else
        connect_later(sink, "connect", fd);
}

static void connect_if_due(struct sink *sink) {
    if (sink->fd < 0 && fb_now_ns() >= sink->retry_ns)
        connect_to(sink);
}

static void leave(struct sink *sink, int error) {
    close(sink->fd);
    sink->fd = -1;
    line_queue_rewind(&sink->queue);
    connect_later(sink, "write", error);
}

static enum sink_put unix_put(struct sink *sink, const char *line, size_t length) {
    int error;
    if (__builtin_expect(sink->fd < 0, 0))
        connect_if_due(sink);
    enum sink_put put = sink_queue_put(sink, line, length, &error);
    if (__builtin_expect(error != 0, 0)) {
        leave(sink, error);
        return sink_queue_keep(sink, line, length);
    }
    if (put == SINK_PUT_WRITTEN)
        sink->pause_ns = PAUSE_FIRST_NS;
    return put;
}

static void unix_tick(struct sink *sink, uint64_t now_ns) {
    (void)now_ns;
    connect_if_due(sink);
    int error = sink->fd >= 0 ? sink_queue_push(sink) : 0;
    if (error != 0)
        leave(sink, error);
}

static int unix_claimed(struct sink *sink, const struct fb_instance *instance) {
    (void)instance;
    connect_if_due(sink);
    return 0;
}

const struct sink_kind sink_unix_kind = {
    .word = "unix",
    .open = unix_open,
    .claimed = unix_claimed,
    .put = unix_put,
    .tick = unix_tick,
    .close = sink_stream_close,
};
