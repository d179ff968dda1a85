/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/report.h"
#include "flow_balancer/sides.h"

/*
 * flow-stat: the report of a running instance. An observer: it maps ctl and
 * the up sides, read-only and guarded, and never a down side, which holds
 * packets. It knows no counter by name.
 */
enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

/* What was read of an instance. */
struct view {
    struct fb_snapshot snapshot;
    struct fb_worker_totals totals[FB_MAX_WORKERS];
};

struct options {
    const char *name;
    bool json;
    struct fb_command_line line; /* owns the texts that the members above point to */
};

static const struct fb_option_rule rules[FB_OPTIONS] = {
    [FB_OPT_NAME] = FB_RULE_NAME(struct options, name),
    [FB_OPT_JSON] = FB_RULE_FLAG(struct options, json),
};

/* A fb_command_line_take. */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    (void)origin;
    return fb_option_take(rules, arg, option, text, on);
}

static void print_more_help(void) {
    puts("\nExit status: 0 the report was printed, 1 the instance is not running or the report\n"
         "cannot be read or written, 2 wrong usage.");
}

static void print_version(void) {
    puts("flow-stat " FB_VERSION);
}

static const struct fb_program program = {
    .reader = FB_STAT,
    .file_readers = FB_STAT,
    .name = "flow-stat",
    .stray = "see --help",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

/* Takes what the up side of worker k says, or leaves totals at nothing if there is none. */
static void read_up_side(const struct fb_ctl *ctl, unsigned k, struct fb_worker_totals *totals) {
    *totals = (struct fb_worker_totals){.cpu = -1, .numa_node = -1, .partial = true};
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

/* Returns the report, owned by the caller, or NULL if the dispatcher died meanwhile. */
static json_t *read_report(const struct fb_ctl *ctl, struct view *view) {
    unsigned workers =
        ctl->geometry.max_workers < FB_MAX_WORKERS ? ctl->geometry.max_workers : FB_MAX_WORKERS;
    for (unsigned k = 0; k < workers; k++)
        read_up_side(ctl, k, &view->totals[k]);
    if (!fb_ctl_read_snapshot(ctl, &view->snapshot, workers))
        return NULL;
    return fb_report_build(ctl, &view->snapshot, view->totals);
}

static double heartbeat_age_s(const struct fb_ctl *ctl) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double now_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    return now_s - (double)fb_ctl_heartbeat(ctl) / 1e9;
}

static void print_instance(const json_t *report, const struct fb_geometry *geometry) {
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    printf("dispatcher: pid %" JSON_INTEGER_FORMAT ", %s, heartbeat %.3f s ago\n",
           json_integer_value(json_object_get(dispatcher, "pid")),
           json_string_value(json_object_get(dispatcher, "state")),
           json_real_value(json_object_get(dispatcher, "heartbeat_age_s")));
    printf("geometry: %" PRIu32 " workers of at most %" PRIu32 ", %" PRIu32 " packets and %" PRIu64
           " KB a ring, %" PRIu64 " flows\n",
           geometry->workers, geometry->max_workers, geometry->depth, geometry->arena_bytes >> 10,
           geometry->max_flows);
}

static int show(const struct fb_ctl *ctl, const json_t *report, bool json) {
    if (json)
        return fb_report_write(report, "-", false) == 0 ? EXIT_SUCCESS : EXIT_RUNTIME;
    print_instance(report, &ctl->geometry);
    fb_report_print(stdout, report);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write the report to standard output");
    return EXIT_RUNTIME;
}

static int not_running(const char *name) {
    fb_error("instance '%s' is not running: start it with 'flow-balancer start -n %s', or name "
             "another with -n",
             name, name);
    return EXIT_RUNTIME;
}

/* The report, while ctl is guarded in slot: a dispatcher that dies may take it away. */
static int show_guarded(const struct fb_ctl_handle *handle, int slot, const char *name,
                        struct view *view, bool json) {
    json_t *report = read_report(handle->ctl, view);
    if (report == NULL || fb_guard_faulted(slot)) {
        json_decref(report);
        return not_running(name);
    }
    json_object_set_new(json_object_get(report, "dispatcher"), "heartbeat_age_s",
                        json_real(heartbeat_age_s(handle->ctl)));
    int status = show(handle->ctl, report, json);
    json_decref(report);
    return status;
}

static int report_on(const struct fb_ctl_handle *handle, const char *name, bool json) {
    struct view *view = calloc(1, sizeof *view);
    if (view == NULL) {
        fb_error("no memory for a report: %zu KB are needed", sizeof *view >> 10);
        return EXIT_RUNTIME;
    }
    int status = EXIT_RUNTIME;
    int slot = fb_guard_add(handle->region.base, handle->region.size);
    if (slot >= 0) {
        status = show_guarded(handle, slot, name, view, json);
        fb_guard_remove(slot);
    }
    free(view);
    return status;
}

static int run(const char *name, bool json) {
    struct fb_ctl_handle handle;
    if (fb_guard_init() != 0)
        return EXIT_RUNTIME;
    enum fb_join joined = fb_ctl_join(&handle, name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET ? not_running(name) : EXIT_RUNTIME;
    int status = report_on(&handle, name, json);
    fb_ctl_leave(&handle);
    return status;
}

int main(int argc, char **argv) {
    fb_log_init("flow-stat", FB_LOG_INFO);
    struct options options = {0};
    int status = EXIT_SUCCESS;
    switch (
        fb_command_line_read(&options.line, &program, argc, (const char **)argv, take, &options)) {
    case FB_COMMAND_LINE_TAKEN:
        status = run(options.name, options.json);
        break;
    case FB_COMMAND_LINE_PRINTED:
        break;
    default:
        status = EXIT_USAGE;
        break;
    }
    fb_command_line_free(&options.line);
    return status;
}
