/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/common/log_output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the second description, or -1. */
static int open_again(void) {
    struct stat before, now;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) /* it must not become writable */
        return -1;
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(STDERR_FILENO, &before) != 0 || fstat(fd, &now) != 0 || before.st_dev != now.st_dev ||
        before.st_ino != now.st_ino) { /* not our /proc */
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK | (flags & O_DIRECT)); /* a pipe in packet mode stays so */
    return fd;
}

static bool can_wait(const struct log_output *output) {
    return S_ISFIFO(output->type) || output->terminal;
}

/* JOURNAL_STREAM is "DEVICE:INODE" of a service's stream to the journal. It is still set if the
 * stream was redirected since. */
static bool is_journal(const struct stat *now) {
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    return stream != NULL && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
           device == now->st_dev && inode == now->st_ino;
}

void log_output_check(struct log_output *output) {
    struct stat now;
    if (fstat(STDERR_FILENO, &now) != 0)
        now = (struct stat){0};
    mode_t type = now.st_mode & S_IFMT;
    if (now.st_dev == output->device && now.st_ino == output->inode && type == output->type)
        return;
    if (output->own >= 0)
        close(output->own);
    output->device = now.st_dev;
    output->inode = now.st_ino;
    output->type = type;
    output->terminal = S_ISCHR(type) && isatty(STDERR_FILENO);
    output->journal = is_journal(&now);
    output->own = can_wait(output) ? open_again() : -1;
}

static bool is_ready(void) {
    struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&standard_error, 1, 0) == 1;
}

size_t log_output_write(const struct log_output *output, const char *text, size_t length) {
    ssize_t written = 0;
    if (S_ISSOCK(output->type))
        written = send(STDERR_FILENO, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    else if (output->own >= 0)
        written = write(output->own, text, length);
    else if (!can_wait(output) || is_ready())
        written = write(STDERR_FILENO, text, length);
    return written > 0 ? (size_t)written : 0;
}

/* /proc/PID/stat: pid (name) state ppid pgrp session tty_nr tpgid; the name may have any byte. */
static bool parent_in_background(void) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)getppid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    line[size > 0 ? size : 0] = '\0';
    const char *name_end = strrchr(line, ')');
    int own, front;
    return name_end != NULL && sscanf(name_end + 1, " %*c %*d %d %*d %*d %d", &own, &front) == 2 &&
           front > 0 && front != own;
}

bool log_output_in_background(void) {
    pid_t front = tcgetpgrp(STDERR_FILENO);
    return front < 0 ? parent_in_background() : front != getpgrp();
}
