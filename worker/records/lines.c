/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int lines_open(int directory, const char *name) {
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC;
    struct stat st;
    int file = openat(directory, name, flags | O_CREAT | O_NOFOLLOW, 0666);
    if (file < 0 && errno == ELOOP) {
        file = openat(directory, name, flags);
        if (file >= 0 && (fstat(file, &st) != 0 || S_ISREG(st.st_mode))) {
            close(file);
            return -ELOOP;
        }
    }
    return file < 0 ? -errno : file;
}

const char *lines_error(int error) {
    return error == -ELOOP ? "a symbolic link to a file is not followed: remove it"
                           : strerror(-error);
}

/* The length of what ends with a newline; -errno if the file cannot be read. */
static off_t whole_lines(int file, off_t size) {
    char chunk[4096];
    while (size > 0) {
        size_t n = size < (off_t)sizeof chunk ? (size_t)size : sizeof chunk;
        ssize_t got = pread(file, chunk, n, size - (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)n)
            return got < 0 ? -errno : -EIO;
        const char *newline = memrchr(chunk, '\n', n);
        size -= (off_t)n;
        if (newline != NULL)
            return size + (newline - chunk) + 1;
    }
    return 0;
}

int lines_cut(int file) {
    struct stat st;
    if (fstat(file, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return 0;
    off_t keep = whole_lines(file, st.st_size);
    if (keep < 0)
        return (int)keep;
    return keep == st.st_size || ftruncate(file, keep) == 0 ? 0 : -errno;
}

/* A write that was cut short goes on: the error behind it (no space) then shows itself. */
int lines_write(int file, const char *line, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, line, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        line += written;
        length -= (size_t)written;
    }
    return 0;
}
