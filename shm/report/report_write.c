/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/replace.h"
#include "flow_balancer/history_report.h"
#include "flow_balancer/report_html.h"

/* What is written, and how: as JSON, or as the page of a report and a history. */
struct document {
    const json_t *json;
    size_t flags; /* of json_dumpf() */
    const char *name;
    bool page;
    const json_t *history;
};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A fb_replace_write. */
static int dump(const void *document, FILE *out) {
    const struct document *d = document;
    errno = 0;
    if (d->page && fb_report_print_html(out, d->json, d->history, now_s()) == 0 &&
        fflush(out) == 0 && !ferror(out))
        return 0;
    if (!d->page && json_dumpf(d->json, out, d->flags) == 0 && fputc('\n', out) != EOF &&
        fflush(out) == 0)
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
    const struct document d = {
        .json = report, .flags = JSON_INDENT(2) | JSON_REAL_PRECISION(12), .name = "report"};
    return write_document(&d, path, in_place);
}

int fb_report_write_html(const json_t *report, const json_t *history, const char *path,
                         bool in_place) {
    const struct document d = {.json = report, .name = "page", .page = true, .history = history};
    return write_document(&d, path, in_place);
}

/* Its times are seconds since 1970 to the millisecond. */
int fb_history_write(const json_t *history, const char *path) {
    const struct document d = {
        .json = history, .flags = JSON_COMPACT | JSON_REAL_PRECISION(13), .name = "history"};
    return write_document(&d, path, false);
}

int fb_report_check_path(const char *option, const char *path, bool *in_place) {
    *in_place = false;
    if (path == NULL || strcmp(path, "-") == 0)
        return 0;
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path) + 1;
    snprintf(folder, sizeof folder, "%.*s", length, path);
    const char *written = path;
    struct stat st;
    int error = 0;
    *in_place = lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
    if (!*in_place)
        written = length == 0 ? "." : folder; /* where another file takes its place */
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        error = EISDIR;
    else if (access(written, W_OK | (written == path ? 0 : X_OK)) != 0)
        error = errno;
    if (error == 0)
        return 0;
    fb_error("%s '%s': cannot write there: %s: give a file in a directory of yours", option, path,
             strerror(error));
    return -error;
}
