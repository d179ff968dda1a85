/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/history_report.h"

#include "shm/view/view.h"

#define LINES_USUAL 60u /* seconds as text: what fits some screens; JSON has all that there is */

/* Of an instance that runs, else of one that died and was not cleared yet. Returns 0 or -errno
 * after one logged line. */
static int read_instance(const char *name, uint64_t seconds, json_t **history) {
    struct fb_ctl_handle handle;
    enum fb_join joined = fb_ctl_join(&handle, name);
    if (joined == FB_NOT_YET)
        joined = fb_ctl_join_dead(&handle, name);
    if (joined != FB_JOINED) {
        if (joined == FB_NOT_YET)
            view_say_absent(name);
        return -ENOENT;
    }
    int error = fb_history_read(&handle, seconds, history);
    if (error == -ENOENT)
        fb_error("instance '%s' keeps no history: its dispatcher's log says why", name);
    fb_ctl_leave(&handle);
    return error;
}

static int print_history(const json_t *history, bool json) {
    if (json)
        return fb_history_write(history, "-") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    fb_history_print(stdout, history);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write the history to standard output");
    return EXIT_FAILURE;
}

static uint64_t seconds_wanted(const struct view_options *options) {
    if (options->last_s != 0)
        return options->last_s;
    return options->json ? FB_HISTORY_ALL : LINES_USUAL;
}

int view_history(const struct view_options *options) {
    json_t *history = NULL;
    uint64_t seconds = seconds_wanted(options);
    int error = options->history_file != NULL ? fb_history_load(options->history_file, &history)
                                              : read_instance(options->name, seconds, &history);
    if (error != 0)
        return EXIT_FAILURE;
    if (seconds != FB_HISTORY_ALL)
        fb_history_cut(history, seconds);
    int status = print_history(history, options->json);
    json_decref(history);
    return status;
}
