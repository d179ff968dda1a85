/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/history_report.h"
#include "flow_balancer/report.h"
#include "flow_balancer/report_html.h"

#include "shm/view/view.h"

/* Without a history the page is whole too. */
static int write_page(const struct fb_ctl_handle *handle, const struct view_options *options,
                      bool in_place) {
    bool torn;
    json_t *report = fb_report_read(handle, &torn), *history = NULL;
    if (report == NULL) {
        fb_error("the report cannot be read: its dispatcher ended while it was, or memory ran out");
        return EXIT_FAILURE;
    }
    if (torn)
        fb_warning("the dispatcher died while it wrote its snapshot: the counts may not add up");
    uint64_t seconds = options->line.given[FB_OPT_LAST] ? options->last_s : FB_HISTORY_ALL;
    if (fb_history_read(handle, seconds, &history) == 0 && seconds != FB_HISTORY_ALL)
        fb_history_cut(history, seconds);
    int error = fb_report_write_html(report, history, options->html, in_place);
    json_decref(history);
    json_decref(report);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Of an instance that runs, else of one whose dispatcher was killed and that is not cleared yet. */
int view_html(const struct view_options *options) {
    struct fb_ctl_handle handle;
    bool in_place;
    if (fb_report_check_path("--html", options->html, &in_place) != 0)
        return EXIT_FAILURE;
    enum fb_join joined = fb_ctl_join(&handle, options->name);
    if (joined == FB_NOT_YET)
        joined = fb_ctl_join_dead(&handle, options->name);
    if (joined == FB_NOT_YET)
        view_say_absent(options->name);
    if (joined != FB_JOINED)
        return EXIT_FAILURE;
    int status = write_page(&handle, options, in_place);
    fb_ctl_leave(&handle);
    return status;
}
