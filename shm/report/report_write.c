/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/replace.h"
#include "flow_balancer/history_report.h"

/* What is written, and how. */
struct document {
    const json_t *json;
    size_t flags; /* of json_dumpf() */
    const char *name;
};

/* A fb_replace_write. */
static int dump(const void *document, FILE *out) {
    const struct document *d = document;
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

static int write_document(const struct document *d, const char *path, bool in_place) {
    int error;
    if (strcmp(path, "-") == 0)
        error = dump(d, stdout);
    else if (in_place)
        error = dump_to_fd(d, open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
    else
        error = fb_replace_file(path, fb_replace_mode(), dump, d);
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
