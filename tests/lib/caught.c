/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/caught.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/stamps.h"
#include "tests/lib/unit.h"

/* Used in children too, where no assertion of cmocka's may fail: abort() ends either. */
void catch_begin_of(int fd, struct caught *c) {
    fflush(NULL);
    c->file = memfd_create("caught", MFD_CLOEXEC);
    c->saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (c->file < 0 || c->saved < 0 || dup2(c->file, fd) < 0)
        abort();
}

const char *catch_end_of(int fd, struct caught *c) {
    fflush(NULL);
    dup2(c->saved, fd);
    close(c->saved);
    ssize_t n = pread(c->file, c->text, sizeof c->text - 1, 0);
    c->text[n > 0 ? n : 0] = '\0';
    close(c->file);
    return without_stamps(c->text);
}

void catch_begin(struct caught *c) {
    catch_begin_of(STDERR_FILENO, c);
}

const char *catch_end(struct caught *c) {
    return catch_end_of(STDERR_FILENO, c);
}

unsigned lines_of(const char *text) {
    unsigned lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

void expect_one_line(const char *text, const char *part) {
    if (lines_of(text) != 1 || strstr(text, part) == NULL)
        fail_msg("not one line with '%s': '%s'", part, text);
}
