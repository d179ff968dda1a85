/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/post_mortem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/report.h"

#include "dispatcher/run/run.h"

int report_give(const json_t *report, const char *path, bool in_place) {
    FILE *out = path != NULL && strcmp(path, "-") == 0 ? stderr : stdout;
    int error = 0;
    fb_report_print(out, report);
    if (fflush(out) != 0 || ferror(out)) {
        error = -EIO;
        fb_error("cannot print the report: %s", strerror(errno));
    }
    if (path != NULL && fb_report_write(report, path, in_place) != 0)
        error = -EIO; /* logged there */
    return error;
}

/* Whether the file of --report is replaced was decided before that run. Returns 0, also where there
 * is nothing to report, or -errno after one logged line. */
static int report_dead(const char *name, const char *path) {
    struct fb_ctl_handle handle;
    bool torn;
    int error = fb_guard_init();
    if (error != 0)
        return error;
    if (fb_ctl_join_dead(&handle, name) != FB_JOINED)
        return 0; /* it lives, or died before it counted anything */
    json_t *report = fb_report_read(&handle, &torn);
    if (report == NULL) {
        error = -ENODATA;
        fb_error("the last snapshot of instance '%s' cannot be read: it was cut short", name);
    } else {
        if (torn)
            fb_warning("the dispatcher died while it wrote its snapshot: the counts may not add "
                       "up");
        error = report_give(report, path, handle.ctl->report_in_place != 0);
    }
    json_decref(report);
    fb_ctl_leave(&handle);
    return error;
}

int run_last_report(const struct options *options) {
    return report_dead(options->name, options->report) == 0 ? 0 : 1;
}

int run_clean(const struct options *options) {
    int reported = run_last_report(options);
    int cleaned = fb_ctl_clean(options->name);
    return reported == 0 && cleaned == 0 ? 0 : 1;
}
