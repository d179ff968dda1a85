/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"

#include "shm/view/view.h"

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

static int print(const json_t *report, bool json) {
    if (json)
        return fb_report_write(report, "-", false) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    print_instance(report);
    fb_report_print(stdout, report);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write the report to standard output");
    return EXIT_FAILURE;
}

int view_text(const struct view_options *options) {
    struct view view = {.name = options->name};
    enum view_seen seen = view_look(&view);
    if (seen == VIEW_ABSENT)
        view_say_absent(view.name);
    int status = seen == VIEW_REPORT ? print(view.report, options->json) : EXIT_FAILURE;
    view_leave(&view);
    return status;
}
