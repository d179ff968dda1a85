/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/view.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/report.h"

/* ---- reports */

static void forget_reports(struct view *view) {
    json_decref(view->report);
    json_decref(view->before);
    view->report = view->before = NULL;
}

static void drop_handle(struct view *view) {
    if (view->joined)
        fb_ctl_leave(&view->handle);
    view->joined = false;
}

static enum view_seen join(struct view *view) {
    enum fb_join joined = fb_ctl_join(&view->handle, view->name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET ? VIEW_ABSENT : VIEW_FAILED;
    view->joined = true;
    uint8_t instance[sizeof view->instance];
    int slot = fb_guard_add(view->handle.region.base, view->handle.region.size);
    memcpy(instance, view->handle.ctl->header.instance, sizeof instance);
    bool read = slot >= 0 && !fb_guard_faulted(slot);
    fb_guard_remove(slot);
    if (!read) {
        drop_handle(view);
        return VIEW_ABSENT; /* it was cut short: it is being removed */
    }
    if (memcmp(view->instance, instance, sizeof instance) != 0)
        forget_reports(view);
    memcpy(view->instance, instance, sizeof instance);
    return VIEW_REPORT;
}

enum view_seen view_look(struct view *view) {
    enum view_seen seen = view->joined ? VIEW_REPORT : join(view);
    if (seen != VIEW_REPORT)
        return seen;
    bool torn = false;
    json_t *report = fb_report_read(&view->handle, &torn);
    bool alive = fb_ctl_alive(&view->handle);
    if (report != NULL && torn && alive) {
        json_decref(report);
        fb_error("the dispatcher of '%s' is stopped or frozen, in the middle of a snapshot",
                 view->name);
        return VIEW_FAILED;
    }
    /* Torn, cut short or without its lock: it is gone, and another may have the name. */
    if (report == NULL || torn || !alive) {
        json_decref(report);
        drop_handle(view);
        return VIEW_ABSENT;
    }
    json_decref(view->before);
    view->before = view->report;
    view->before_ns = view->taken_ns;
    view->report = report;
    view->taken_ns = fb_now_ns();
    return VIEW_REPORT;
}

void view_leave(struct view *view) {
    forget_reports(view);
    drop_handle(view);
}

void view_say_absent(const char *name) {
    struct fb_ctl_handle handle;
    if (fb_ctl_join_dead(&handle, name) == FB_JOINED) {
        fb_ctl_leave(&handle);
        fb_error("instance '%s' is not running: its dispatcher was killed: 'flow-stat -n %s "
                 "--history' shows its last minutes, 'flow-dispatcher -n %s --clean' clears it",
                 name, name, name);
        return;
    }
    fb_error("instance '%s' is not running: start it with 'flow-balancer start -n %s', or name "
             "another with -n",
             name, name);
}

/* ---- what is in them */

const json_t *view_at(const json_t *report, const char *path) {
    while (report != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        if (json_is_array(report))
            report = json_array_get(report, strtoul(path, NULL, 10));
        else
            report = json_object_getn(report, path, length);
        path += length + (path[length] == '.');
    }
    return report;
}

double view_number(const json_t *report, const char *path) {
    return json_number_value(view_at(report, path));
}

double view_per_s(const struct view *view, const char *path) {
    if (view->before == NULL || view->taken_ns <= view->before_ns)
        return 0;
    double more = view_number(view->report, path) - view_number(view->before, path);
    return more * 1e9 / (double)(view->taken_ns - view->before_ns);
}
