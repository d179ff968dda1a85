/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/post_mortem.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/history_report.h"
#include "flow_balancer/report.h"
#include "flow_balancer/report_html.h"

#include "dispatcher/run/run.h"

/* What is kept of a history: another dispatcher may wait until it is written. */
#define KEPT_S 600u

static bool is_output(const char *path) {
    return path != NULL && strcmp(path, "-") == 0;
}

/* Without a history the page is whole too: why there is none was said. */
static int give_page(const json_t *report, const struct fb_ctl_handle *handle,
                     const struct report_files *files) {
    json_t *history = NULL;
    fb_history_read(handle, files->history_s, &history);
    int error = fb_report_write_html(report, history, files->html,
                                     (files->in_place & FB_HTML_IN_PLACE) != 0);
    json_decref(history);
    return error;
}

int report_give(const json_t *report, const struct fb_ctl_handle *handle,
                const struct report_files *files) {
    FILE *out = is_output(files->report) || is_output(files->html) ? stderr : stdout;
    int error = 0;
    fb_report_print(out, report);
    if (fflush(out) != 0 || ferror(out)) {
        error = -EIO;
        fb_error("cannot print the report: %s", strerror(errno));
    }
    if (files->report != NULL &&
        fb_report_write(report, files->report, (files->in_place & FB_REPORT_IN_PLACE) != 0) != 0)
        error = -EIO; /* logged there */
    if (files->html != NULL && give_page(report, handle, files) != 0)
        error = -EIO; /* the same */
    return error;
}

/*
 * Where the history of an instance that died is kept: beside the file of its report if it has one
 * in a folder, else in the run-time directory. Returns 0, or -errno after one logged line.
 */
static int history_path(char path[PATH_MAX], const char *name, const char *report) {
    char folder[FB_PATH_MAX];
    int n;
    if (report != NULL) {
        const char *slash = strrchr(report, '/');
        int length = slash == NULL ? 0 : (int)(slash - report) + 1;
        n = snprintf(path, PATH_MAX, "%.*s%s-history.json", length, report, name);
    } else {
        int error = fb_runtime_dir(folder, true);
        if (error != 0)
            return error;
        n = snprintf(path, PATH_MAX, "%s/%s-history.json", folder, name);
    }
    if (n > 0 && n < PATH_MAX)
        return 0;
    fb_error("the history of instance '%s' is not kept: its path is too long", name);
    return -ENAMETOOLONG;
}

/* Writes the history of a dispatcher that died before it is cleared. Returns 0, also where it kept
 * none, or -errno after one logged line. */
static int keep_history(const struct fb_ctl_handle *handle, const char *name, const char *report) {
    char path[PATH_MAX];
    json_t *history;
    int error = fb_history_read(handle, KEPT_S, &history);
    if (error != 0)
        return error == -ENOENT || error == -EPROTO ? 0 : error; /* the latter is not its own */
    fb_history_cut(history, KEPT_S);
    error = history_path(path, name, report);
    if (error == 0)
        error = fb_history_write(history, path);
    if (error == 0)
        fb_info("the last minutes of instance '%s' are kept in %s: 'flow-stat --history-file %s' "
                "prints them",
                name, path, path);
    json_decref(history);
    return error;
}

/* A file that is replaced has a folder where another one may be. */
static const char *folder_of_report(const struct report_files *files) {
    bool in_place = (files->in_place & FB_REPORT_IN_PLACE) != 0;
    return files->report == NULL || in_place || is_output(files->report) ? NULL : files->report;
}

/* Whether the files are replaced was decided before that run. Returns 0, also where there
 * is nothing to report, or -errno after one logged line. */
static int report_dead(const struct options *options) {
    const char *name = options->name;
    struct fb_ctl_handle handle;
    struct report_files files = {
        .report = options->report, .html = options->html, .history_s = KEPT_S};
    bool torn = false;
    int error = fb_guard_init();
    if (error != 0)
        return error;
    if (fb_ctl_join_dead(&handle, name) != FB_JOINED)
        return 0; /* it lives, or died before it counted anything */
    int slot = fb_guard_add(handle.region.base, handle.region.size);
    files.in_place = handle.ctl->report_in_place;
    bool read = slot >= 0 && !fb_guard_faulted(slot);
    fb_guard_remove(slot);
    json_t *report = read ? fb_report_read(&handle, &torn) : NULL;
    if (report == NULL) {
        error = -ENODATA;
        fb_error("the last snapshot of instance '%s' cannot be read: it was cut short", name);
    } else {
        if (torn)
            fb_warning("the dispatcher died while it wrote its snapshot: the counts may not add "
                       "up");
        error = report_give(report, &handle, &files);
    }
    json_decref(report);
    int kept = keep_history(&handle, name, folder_of_report(&files));
    fb_ctl_leave(&handle);
    return error != 0 ? error : kept;
}

int run_last_report(const struct options *options) {
    return report_dead(options) == 0 ? 0 : 1;
}

int run_clean(const struct options *options) {
    signal(SIGPIPE, SIG_IGN); /* it is cleared also where the report is not read to its end */
    int reported = run_last_report(options);
    int cleaned = fb_ctl_clean(options->name);
    return reported == 0 && cleaned == 0 ? 0 : 1;
}
