/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <stdlib.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/guard.h"

/* What was read of an instance. */
struct view {
    struct fb_snapshot snapshot;
    struct fb_worker_totals totals[FB_MAX_WORKERS];
};

/* Takes what the up side of worker k says, or leaves totals at nothing if there is none. */
static void read_up_side(const struct fb_ctl *ctl, unsigned k, struct fb_worker_totals *totals) {
    *totals = (struct fb_worker_totals){.cpu = -1, .numa_node = -1, .partial = true};
    if (fb_ctl_epoch(ctl, k) == 0)
        return; /* never offered, so what has the name is not the dispatcher's */
    char path[FB_PATH_MAX];
    struct fb_region region;
    const struct fb_join_config config = {
        .path = path, .kind = FB_KIND_UP, .worker = k, .instance = ctl->header.instance};
    if (!fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_UP, k) ||
        fb_object_join(&region, &config) != FB_JOINED)
        return;
    if (region.size >= fb_up_footprint()) {
        struct fb_worker_totals read = *totals;
        int slot = fb_guard_add(region.base, region.size);
        if (slot >= 0)
            fb_worker_totals_add(&read, region.base);
        if (slot >= 0 && !fb_guard_faulted(slot))
            *totals = read;
        fb_guard_remove(slot);
    }
    fb_region_close(&region);
}

static json_t *build(const struct fb_ctl *ctl, struct view *view, bool *torn) {
    unsigned workers =
        ctl->geometry.max_workers < FB_MAX_WORKERS ? ctl->geometry.max_workers : FB_MAX_WORKERS;
    for (unsigned k = 0; k < workers; k++)
        read_up_side(ctl, k, &view->totals[k]);
    *torn = !fb_ctl_read_snapshot(ctl, &view->snapshot, workers);
    json_t *report = fb_report_build(ctl, &view->snapshot, view->totals);
    double age_s = ((double)fb_now_ns() - (double)fb_ctl_heartbeat(ctl)) / 1e9;
    json_object_set_new(json_object_get(report, "dispatcher"), "heartbeat_age_s", json_real(age_s));
    return report;
}

json_t *fb_report_read(const struct fb_ctl_handle *handle, bool *torn) {
    struct view *view = calloc(1, sizeof *view);
    int slot = view == NULL ? -1 : fb_guard_add(handle->region.base, handle->region.size);
    json_t *report = slot < 0 ? NULL : build(handle->ctl, view, torn);
    if (slot >= 0 && fb_guard_faulted(slot)) {
        json_decref(report);
        report = NULL;
    }
    if (report != NULL && !fb_ctl_alive(handle))
        json_object_set_new(json_object_get(report, "dispatcher"), "state", json_string("died"));
    fb_guard_remove(slot);
    free(view);
    return report;
}
