/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/run_events.h"

#include <inttypes.h>
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
static const char *instance_name; /* NULL: not known */

void fb_tell_events_of(const char *instance) {
    instance_name = instance;
}

void fb_tell_events_to(fb_event_recorder *recorder, void *arg) {
    record_event = recorder;
    record_arg = arg;
}

/* As the journal has them: FB_EVENT and what applies, as decimal numbers. */
#define FIELDS_MOST 8u
#define NUMBER_BYTES 24u

struct fields {
    struct fb_log_field list[FIELDS_MOST + 1];
    char numbers[FIELDS_MOST][NUMBER_BYTES];
    unsigned count;
};

static void add_text(struct fields *f, const char *name, const char *value) {
    f->list[f->count++] = (struct fb_log_field){name, value};
}

static void add_number(struct fields *f, const char *name, uint64_t value, bool applies) {
    if (!applies)
        return;
    snprintf(f->numbers[f->count], NUMBER_BYTES, "%" PRIu64, value);
    add_text(f, name, f->numbers[f->count]);
}

static void fill_fields(struct fields *f, const struct fb_run_event *event) {
    f->count = 0;
    add_text(f, "FB_EVENT", fb_happened_texts[event->kind].name);
    if (instance_name != NULL)
        add_text(f, "FB_INSTANCE", instance_name);
    add_number(f, "FB_WORKER", event->worker, event->worker != FB_EVENT_NOT_ONE);
    add_number(f, "FB_INTERFACE", event->interface, event->interface != FB_EVENT_NOT_ONE);
    add_number(f, "FB_PID", (uint64_t)event->pid, event->pid > 0);
    add_number(f, "FB_EPOCH", event->epoch, event->epoch != 0);
    add_number(f, "FB_COUNT", event->count, event->count != 0);
    add_number(f, "FB_DURATION_US", event->duration_ns / 1000, event->duration_ns != 0);
    f->list[f->count] = (struct fb_log_field){NULL, NULL};
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
    struct fields fields;
    fill_fields(&fields, event);
    fb_log_with(text->is_logged ? levels[text->severity] : FB_LOG_DEBUG, fields.list, "%s", line);
    if (record_event != NULL)
        record(event, line);
}
