/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/history_report.h"

/* What is written, and how. */
struct document {
    const json_t *json;
    size_t flags; /* of json_dumpf() */
    const char *name;
};

static int dump(const struct document *d, FILE *out) {
    errno = 0;
    if (json_dumpf(d->json, out, d->flags) == 0 && fputc('\n', out) != EOF && fflush(out) == 0)
        return 0;
    return errno != 0 ? -errno : -ENOMEM;
}

static int dump_to_fd(const struct document *d, int fd) {
    if (fd < 0)
        return -errno;
    FILE *out = fdopen(fd, "w");
    if (out == NULL) {
        int error = -errno;
        close(fd);
        return error;
    }
    int error = dump(d, out);
    if (fclose(out) != 0 && error == 0)
        error = -errno;
    return error;
}

/* Writes a file beside path, then renames it: a reader finds a complete one, old or new. */
static int replace(const struct document *d, const char *path) {
    size_t size = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(size);
    if (temporary == NULL)
        return -ENOMEM;
    snprintf(temporary, size, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (error == 0) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask); /* as open() would have made it; mkostemp makes 0600 */
        error = dump_to_fd(d, fd);
        if (error == 0 && rename(temporary, path) != 0)
            error = -errno;
        if (error != 0)
            unlink(temporary);
    }
    free(temporary);
    return error;
}

static int write_document(const struct document *d, const char *path, bool in_place) {
    int error;
    if (strcmp(path, "-") == 0)
        error = dump(d, stdout);
    else if (in_place)
        error = dump_to_fd(d, open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
    else
        error = replace(d, path);
    if (error != 0)
        fb_error("cannot write the %s to %s: %s", d->name,
                 strcmp(path, "-") == 0 ? "standard output" : path, strerror(-error));
    return error;
}

int fb_report_write(const json_t *report, const char *path, bool in_place) {
    const struct document d = {report, JSON_INDENT(2) | JSON_REAL_PRECISION(12), "report"};
    return write_document(&d, path, in_place);
}

/* Its times are seconds since 1970 to the millisecond. */
int fb_history_write(const json_t *history, const char *path) {
    const struct document d = {history, JSON_COMPACT | JSON_REAL_PRECISION(13), "history"};
    return write_document(&d, path, false);
}
