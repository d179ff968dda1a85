/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/records/lines.h"
#include "worker/records/output_folder.h"
#include "worker/records/pattern.h"

/*
 * A file of a worker's own, to which a line is appended by one write() before it counts as taken.
 * It is locked: of two processes one would cut what the other writes. What is no regular file (a
 * pipe, a device) is a stream with a queue.
 */
#define MS_NS UINT64_C(1000000)
#define LOCK_TRIES 200u /* 2 s: the process before may be about to end */
#define LOCK_PAUSE_NS (10 * MS_NS)
#define AGAIN_NS (10 * FB_NS_PER_S) /* from a file that could not be begun to the next attempt */
#define NAMES_MAX 1000u             /* tried for a file that is put away */

static uint64_t wall_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * FB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- the argument ---------------------------------------------------------------------------- */

static bool is_no_regular_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* Has the folder made of a file whose name begins with so many characters. Returns 0, or -errno
 * after one logged line. */
static int make_folder(const char *path, size_t length) {
    while (length > 0 && path[length - 1] != '/')
        length--;
    char *folder = length == 0 ? strdup(".") : strndup(path, length);
    if (folder == NULL)
        return -ENOMEM;
    int directory = output_folder_open("--eve file", folder);
    free(folder);
    if (directory < 0)
        return directory;
    close(directory);
    return 0;
}

static int file_open(struct sink *sink) {
    sink->pattern = strdup(sink->argument);
    if (sink->pattern == NULL)
        return -ENOMEM;
    int error = file_limits_take(&sink->limits, "--eve file", sink->pattern);
    if (error != 0)
        return error;
    size_t length = strlen(sink->pattern);
    if (length == 0 || sink->pattern[length - 1] == '/') {
        fb_error("%s: the name of the file is missing: write file:PATTERN, such as "
                 "file:eve-%%k.json",
                 sink->text);
        return -EINVAL;
    }
    const char *problem = pattern_problem(sink->pattern, "krn");
    if (problem != NULL) {
        fb_error("%s: '%.2s' stands for nothing: %%k is the worker, %%r its incarnation, %%n the "
                 "instance, %%%% a %%",
                 sink->text, problem);
        return -EINVAL;
    }
    /* As much of the folder as is known: what is before the first %. */
    return is_no_regular_file(sink->pattern)
               ? 0
               : make_folder(sink->pattern, strcspn(sink->pattern, "%"));
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Returns 0, or -EWOULDBLOCK: another process has it. */
static int lock_file(int fd) {
    const struct timespec pause = fb_timespec(LOCK_PAUSE_NS);
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0; /* or it cannot be locked */
        nanosleep(&pause, NULL);
    }
    return -EWOULDBLOCK;
}

/* When a file was begun; now, if it is empty or the file system does not say. */
static uint64_t birth_of(int fd, uint64_t size) {
    struct statx st;
    if (size != 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 &&
        (st.stx_mask & STATX_BTIME) != 0)
        return (uint64_t)st.stx_btime.tv_sec * FB_NS_PER_S + st.stx_btime.tv_nsec;
    return wall_clock_ns();
}

static int say_cannot_open(const struct sink *sink, int error) {
    if (error == -EWOULDBLOCK)
        fb_error("%s%s: another process writes %s: give each worker and each run a file of its "
                 "own, with %%k and %%n in its name",
                 sink->who, sink->text, sink->path);
    else
        fb_error("%s%s: cannot open %s: %s", sink->who, sink->text, sink->path, lines_error(error));
    return error;
}

/* Goes over to a regular file; the one before is closed. Returns 0, or -errno. */
static int take_file(struct sink *sink, int fd) {
    struct stat st;
    int error = lock_file(fd);
    if (error == 0)
        error = lines_cut(fd);
    if (error == 0 && fstat(fd, &st) != 0)
        error = -errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = fd;
    sink->is_file = true;
    sink->is_torn = false;
    sink->size = (uint64_t)st.st_size;
    sink->begin_ns = birth_of(fd, sink->size);
    return 0;
}

/* Opens sink->path, unless it is the file that is open already. Returns 0, or -errno. */
static int open_path(struct sink *sink) {
    struct stat st = {.st_mode = S_IFREG}, before;
    int fd = lines_open(AT_FDCWD, sink->path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) == 0 && sink->fd >= 0 && fstat(sink->fd, &before) == 0 &&
        before.st_dev == st.st_dev && before.st_ino == st.st_ino) {
        close(fd);
        return 0;
    }
    if (S_ISREG(st.st_mode))
        return take_file(sink, fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (sink->fd >= 0)
        close(sink->fd);
    sink->is_file = false;
    sink_stream_begin(sink, fd);
    return sink_queue_open(sink);
}

/* With --read the instance is named by a file. */
static const char *last_part(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

static int file_claimed(struct sink *sink, const struct fb_instance *instance) {
    const struct pattern_values values = {.worker = instance->worker,
                                          .incarnation = instance->incarnation,
                                          .instance = last_part(instance->name)};
    free(sink->path);
    sink->path = pattern_fill(sink->pattern, &values);
    if (sink->path == NULL)
        return -ENOMEM;
    int error = is_no_regular_file(sink->path) ? 0 : make_folder(sink->path, strlen(sink->path));
    if (error != 0)
        return error;
    error = open_path(sink);
    return error == 0 ? 0 : say_cannot_open(sink, error);
}

static int file_reload(struct sink *sink) {
    int error = sink->is_file && sink->fd >= 0 ? open_path(sink) : 0;
    return error == 0 ? 0 : say_cannot_open(sink, error);
}

/* ---- a file that is put away ----------------------------------------------------------------- */

/* DIR/NAME.json becomes DIR/NAME-TIME.json, TIME that of its begin, with a number behind it where
 * that is taken. */
static char *name_away(const struct sink *sink, unsigned number) {
    struct tm t;
    char date[32] = "", again[16] = "";
    char *name = NULL;
    const char *last = last_part(sink->path);
    const char *dot = strrchr(last, '.');
    size_t stem = dot != NULL && dot != last ? (size_t)(dot - sink->path) : strlen(sink->path);
    time_t seconds = (time_t)(sink->begin_ns / FB_NS_PER_S);
    if (gmtime_r(&seconds, &t) != NULL)
        strftime(date, sizeof date, "%Y%m%dT%H%M%S", &t);
    if (number > 1)
        snprintf(again, sizeof again, "-%u", number);
    int n =
        asprintf(&name, "%.*s-%s.%06u%s%s", (int)stem, sink->path, date,
                 (unsigned)(sink->begin_ns % FB_NS_PER_S / FB_NS_PER_US), again, sink->path + stem);
    return n < 0 ? NULL : name;
}

/* Under a name that no file has; NULL: it could not be renamed, as errno says. */
static char *put_away(const struct sink *sink) {
    errno = EEXIST;
    for (unsigned number = 1; number <= NAMES_MAX; number++) {
        char *name = name_away(sink, number);
        if (name == NULL)
            return NULL;
        if (faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
            if (rename(sink->path, name) == 0 || errno == ENOENT) /* it was moved before */
                return name;
            free(name);
            return NULL;
        }
        free(name);
    }
    return NULL;
}

/* Puts the file away and begins the next; if that fails it goes on with the one that it has. */
static void rotate(struct sink *sink) {
    uint64_t now_ns = fb_now_ns();
    if (now_ns < sink->rotate_ns)
        return;
    char *name = put_away(sink);
    int error = name == NULL ? -errno : open_path(sink);
    if (error != 0) {
        if (name != NULL)
            rename(name, sink->path);
        fb_error("%s%s: cannot begin another file for %s: %s: the worker goes on with the one that "
                 "it has",
                 sink->who, sink->text, sink->path, lines_error(error));
        sink->rotate_ns = now_ns + AGAIN_NS;
    }
    free(name);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* A part of a line that could not be written whole is taken back now, or before the next. */
static enum sink_put take_back(struct sink *sink, int error) {
    sink_fails(sink, "write", strerror(-error));
    sink->is_torn = lines_cut(sink->fd) != 0;
    return SINK_PUT_NOT_NOW;
}

static enum sink_put file_put(struct sink *sink, const char *line, size_t length) {
    if (__builtin_expect(!sink->is_file, 0))
        return sink_stream_put(sink, line, length);
    if (__builtin_expect(sink->fd < 0, 0))
        return SINK_PUT_NEVER;
    if (__builtin_expect(sink->is_torn, 0)) {
        int error = lines_cut(sink->fd);
        if (error != 0)
            return take_back(sink, error);
        sink->is_torn = false;
    }
    if (__builtin_expect(sink->size != 0 && sink->size + length > sink->limits.size, 0))
        rotate(sink);
    if (__builtin_expect(sink->size == 0, 0))
        sink->begin_ns = wall_clock_ns();
    int error = lines_write(sink->fd, line, length);
    if (__builtin_expect(error != 0, 0))
        return take_back(sink, error);
    sink->size += length;
    return SINK_PUT_WRITTEN;
}

static void file_tick(struct sink *sink, uint64_t now_ns) {
    struct stat st;
    if (!sink->is_file) {
        sink_stream_tick(sink, now_ns);
        return;
    }
    if (sink->fd < 0 || sink->is_torn || fstat(sink->fd, &st) != 0)
        return;
    sink->size = (uint64_t)st.st_size; /* others may have made it shorter */
    uint64_t today_ns = wall_clock_ns();
    if (sink->size != 0 && today_ns > sink->begin_ns &&
        today_ns - sink->begin_ns >= sink->limits.time_ns)
        rotate(sink);
}

static void file_close(struct sink *sink) {
    sink_stream_close(sink);
    free(sink->pattern);
    free(sink->path);
    sink->pattern = sink->path = NULL;
}

const struct sink_kind sink_file_kind = {
    .word = "file",
    .open = file_open,
    .claimed = file_claimed,
    .put = file_put,
    .tick = file_tick,
    .reload = file_reload,
    .close = file_close,
};
