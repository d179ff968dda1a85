/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 32u /* 128 random bits in hexadecimal */

/* The name of the instance in an object's path: names have no dot. */
static const char *instance_of(const char *path, int *length) {
    const char *instance = strrchr(path, '/') + 1;
    *length = (int)strcspn(instance, ".");
    return instance;
}

int fb_hidden_make(char hidden[FB_PATH_MAX], const char *path) {
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -errno;
    int length;
    const char *instance = instance_of(path, &length);
    int n = snprintf(hidden, FB_PATH_MAX, "%.*s.%.*s.%016" PRIx64 "%016" PRIx64,
                     (int)(instance - path), path, length, instance, random[0], random[1]);
    if (n < 0 || (unsigned)n >= FB_PATH_MAX)
        return -ENAMETOOLONG;
    int fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int fb_hidden_reveal(const char *hidden, const char *path, bool over) {
    unsigned flags = over ? 0 : RENAME_NOREPLACE;
    return renameat2(AT_FDCWD, hidden, AT_FDCWD, path, flags) == 0 ? 0 : -errno;
}

int fb_hidden_hold(const char *path) {
    char hidden[FB_PATH_MAX];
    int fd = fb_hidden_make(hidden, path);
    if (fd < 0)
        return fd;
    close(fd);
    int error = fb_hidden_reveal(hidden, path, true);
    if (error != 0)
        unlink(hidden);
    return error;
}

bool fb_hidden_is(const char *file, const char *instance) {
    size_t length = strlen(instance);
    if (file[0] != '.' || strncmp(file + 1, instance, length) != 0 || file[1 + length] != '.')
        return false;
    const char *random = file + length + 2;
    return strspn(random, "0123456789abcdef") == DIGITS && random[DIGITS] == '\0';
}

const char *fb_describe_file(char text[FB_FILE_TEXT_MAX], const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) {
        snprintf(text, FB_FILE_TEXT_MAX, "something that is gone by now");
        return text;
    }
    const char *what = S_ISREG(st.st_mode)   ? "a file"
                       : S_ISDIR(st.st_mode) ? "a directory"
                       : S_ISLNK(st.st_mode) ? "a symbolic link"
                                             : "no file, but something";
    snprintf(text, FB_FILE_TEXT_MAX, "%s of uid %u", what, (unsigned)st.st_uid);
    return text;
}
