/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/run_events.h"

#include <stdarg.h>
#include <stdio.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#define LINE_BYTES 1024u /* the log cuts its lines there too */

const struct fb_happened_text fb_happened_texts[FB_HAPPENED_COUNT] = {
#define X(id, ...) [FB_HAPPENED_##id] = {__VA_ARGS__},
    FB_RUN_EVENTS(X)
#undef X
};

const char *const fb_severity_names[FB_SEVERITY_COUNT] = {
#define X(id, name) [FB_SEVERITY_##id] = name,
    FB_SEVERITIES(X)
#undef X
};

static const enum fb_log_level levels[FB_SEVERITY_COUNT] = {
    [FB_SEVERITY_ERROR] = FB_LOG_ERROR,
    [FB_SEVERITY_WARNING] = FB_LOG_WARNING,
    [FB_SEVERITY_INFO] = FB_LOG_INFO,
};

/* Process-wide as the log is: what tells of an event knows no run. */
static fb_event_recorder *record_event;
static void *record_arg;

void fb_tell_events_to(fb_event_recorder *recorder, void *arg) {
    record_event = recorder;
    record_arg = arg;
}

static void record(const struct fb_run_event *event, const char *line) {
    struct fb_run_event told = *event;
    told.real_ns = fb_realtime_ns();
    told.mono_ns = fb_now_ns();
    snprintf(told.text, sizeof told.text, "%.*s", (int)sizeof told.text - 1, line);
    record_event(record_arg, &told);
}

void fb_tell_event(const struct fb_run_event *event, const char *format, ...) {
    const struct fb_happened_text *text = &fb_happened_texts[event->kind];
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fb_log(text->is_logged ? levels[text->severity] : FB_LOG_DEBUG, "%s", line);
    if (record_event != NULL)
        record(event, line);
}
