/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/replace.h"

/* A fb_replace_write. */
static int dump(const void *report, FILE *out) {
    errno = 0;
    if (json_dumpf(report, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0 &&
        fputc('\n', out) != EOF && fflush(out) == 0)
        return 0;
    return errno != 0 ? -errno : -ENOMEM;
}

static int dump_to_fd(const json_t *report, int fd) {
    if (fd < 0)
        return -errno;
    FILE *out = fdopen(fd, "w");
    if (out == NULL) {
        int error = -errno;
        close(fd);
        return error;
    }
    int error = dump(report, out);
    if (fclose(out) != 0 && error == 0)
        error = -errno;
    return error;
}

int fb_report_write(const json_t *report, const char *path, bool in_place) {
    int error;
    if (strcmp(path, "-") == 0)
        error = dump(report, stdout);
    else if (in_place)
        error = dump_to_fd(report, open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
    else
        error = fb_replace_file(path, fb_replace_mode(), dump, report);
    if (error != 0)
        fb_error("cannot write the report to %s: %s",
                 strcmp(path, "-") == 0 ? "standard output" : path, strerror(-error));
    return error;
}
