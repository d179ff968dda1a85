/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/report.h"

/*
 * flow-stat: the report of a running instance. An observer: it maps ctl and
 * the up sides, read-only and guarded, and never a down side, which holds
 * packets. It knows no counter by name.
 */
enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

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

static json_int_t geometry_of(const json_t *report, const char *key) {
    return json_integer_value(json_object_get(json_object_get(report, "geometry"), key));
}

static void print_instance(const json_t *report) {
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    printf("dispatcher: pid %" JSON_INTEGER_FORMAT ", %s, heartbeat %.3f s ago\n",
           json_integer_value(json_object_get(dispatcher, "pid")),
           json_string_value(json_object_get(dispatcher, "state")),
           json_real_value(json_object_get(dispatcher, "heartbeat_age_s")));
    printf("geometry: %" JSON_INTEGER_FORMAT " workers of at most %" JSON_INTEGER_FORMAT
           ", %" JSON_INTEGER_FORMAT " packets and %" JSON_INTEGER_FORMAT
           " KB a ring, %" JSON_INTEGER_FORMAT " flows\n",
           geometry_of(report, "workers"), geometry_of(report, "max_workers"),
           geometry_of(report, "depth"), geometry_of(report, "arena_bytes") >> 10,
           geometry_of(report, "max_flows"));
}

static int show(const json_t *report, bool json) {
    if (json)
        return fb_report_write(report, "-", false) == 0 ? EXIT_SUCCESS : EXIT_RUNTIME;
    print_instance(report);
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

static int run(const char *name, bool json) {
    struct fb_ctl_handle handle;
    if (fb_guard_init() != 0)
        return EXIT_RUNTIME;
    enum fb_join joined = fb_ctl_join(&handle, name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET ? not_running(name) : EXIT_RUNTIME;
    bool torn;
    json_t *report = fb_report_read(&handle, &torn);
    /* Torn or cut short: the dispatcher has died meanwhile. */
    int status = report == NULL || torn ? not_running(name) : show(report, json);
    json_decref(report);
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
