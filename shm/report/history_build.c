/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/history_report.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/json_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "shm/report/report_ids.h"

/* What a history is built of. */
struct build {
    const struct fb_ctl *ctl;
    struct fb_history_reader reader;
    uint64_t seconds;                /* that are wanted */
    struct fb_history_sample sample; /* the one that is looked at */
    uint64_t real_ns, mono_ns;       /* of the last sample; 0: there is none */
    bool failed;                     /* memory ran out */
};

static void set_key(struct build *b, json_t *object, const char *key, json_t *value) {
    b->failed = json_object_set_new(object, key, value) != 0 || b->failed;
}

static void set_number(struct build *b, json_t *object, const char *key, uint64_t value) {
    set_key(b, object, key, json_integer(report_count(value)));
}

static void add_to(struct build *b, json_t *array, json_t *value) {
    b->failed = json_array_append_new(array, value) != 0 || b->failed;
}

/* Seconds since 1970, to the millisecond. */
static json_t *seconds(uint64_t real_ns) {
    return json_real((double)(real_ns / 1000000) / 1e3);
}

/* The time of a record by the clock as it was at the last sample: what was set meanwhile is set for
 * all, so that time goes on from each to the next. */
static json_t *time_of_record(const struct build *b, uint64_t real_ns, uint64_t mono_ns) {
    return seconds(b->mono_ns == 0 ? real_ns : b->real_ns - (b->mono_ns - mono_ns));
}

static void find_last(struct build *b) {
    uint64_t first, end;
    fb_history_samples(&b->reader, &first, &end);
    for (uint64_t n = end; n != first && b->mono_ns == 0; n--) {
        if (!fb_history_read_sample(&b->reader, n - 1, &b->sample))
            continue;
        b->real_ns = b->sample.real_ns;
        b->mono_ns = b->sample.mono_ns;
    }
}

/* ---- samples */

/* Over all workers, what the ledger needs. */
static struct fb_history_lane sum_of_lanes(const struct fb_history_sample *s) {
    struct fb_history_lane sum = {0};
    for (unsigned k = 0; k < s->lanes; k++) {
        sum.packets += s->lane[k].packets;
        sum.backlog += s->lane[k].backlog;
        sum.bytes += s->lane[k].bytes;
    }
    return sum;
}

static json_t *build_worker(struct build *b, unsigned worker) {
    const struct fb_history_lane *lane = &b->sample.lane[worker];
    json_t *object = json_object();
    set_number(b, object, "worker", worker);
    set_key(b, object, "state",
            json_string(lane->state < FB_STATE_COUNT ? fb_state_names[lane->state] : "unknown"));
    set_number(b, object, "pid", lane->pid > 0 ? (uint64_t)lane->pid : 0);
    set_number(b, object, "packets", lane->packets);
    set_number(b, object, "backlog", lane->backlog);
    set_number(b, object, "max_backlog", lane->max_backlog);
    set_number(b, object, "dropped", lane->dropped);
    set_number(b, object, "restarts", lane->restarts);
    set_number(b, object, "hangs", lane->hangs);
    set_number(b, object, "bytes", lane->bytes);
    set_number(b, object, "flows_bound", lane->flows_bound);
    set_number(b, object, "self_packets", lane->self_packets);
    if (lane->cpu >= 0)
        set_number(b, object, "cpu", (uint64_t)lane->cpu);
    return object;
}

static json_t *build_interface(struct build *b, unsigned i) {
    const struct fb_history_interface *interface = &b->sample.interfaces[i];
    const char *name = b->ctl->interface_names[i];
    json_t *object = json_object();
    set_key(b, object, "interface", fb_json_text(name, strnlen(name, FB_INTERFACE_NAME_MAX)));
    set_key(b, object, "state",
            json_string(interface->state < FB_INTERFACE_STATE_COUNT
                            ? fb_interface_state_texts[interface->state].name
                            : "unknown"));
    for (unsigned c = 0; c < FB_INTERFACE_COUNT; c++)
        set_number(b, object, fb_interface_texts[c].name, interface->counters[c]);
    return object;
}

/* The ledger of the moment, as the report has it. */
static void put_ledger(struct build *b, json_t *object) {
    const struct fb_history_sample *s = &b->sample;
    struct fb_history_lane sum = sum_of_lanes(s);
    set_number(b, object, "received", s->run[FB_RUN_RECEIVED]);
    set_number(b, object, "inspected", sum.packets);
    set_number(b, object, "in_flight", s->run[FB_RUN_PENDING] + s->run[FB_RUN_HELD] + sum.backlog);
    set_number(b, object, "bytes", sum.bytes);
    set_number(b, object, "shunted", s->run[FB_RUN_BYPASSED]);
    set_number(b, object, "quarantined", s->quarantined);
    json_t *dropped = json_object();
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        set_number(b, dropped, fb_drop_texts[i].name, s->dropped[i]);
    set_key(b, object, "dropped", dropped);
}

static json_t *build_sample(struct build *b) {
    const struct fb_history_sample *s = &b->sample;
    json_t *object = json_object(), *workers = json_array(), *interfaces = json_array();
    uint64_t violations = 0;
    set_key(b, object, "time", time_of_record(b, s->real_ns, s->mono_ns));
    put_ledger(b, object);
    set_number(b, object, "kernel_drops", s->run[FB_RUN_KERNEL_DROPS]);
    set_number(b, object, "interface_drops", s->run[FB_RUN_INTERFACE_DROPS]);
    set_number(b, object, "flows_active", s->run[FB_RUN_FLOWS_ACTIVE]);
    set_number(b, object, "flows_created", s->run[FB_RUN_FLOWS_CREATED]);
    set_number(b, object, "redelivered", s->run[FB_RUN_REDELIVERED]);
    set_number(b, object, "failovers", s->run[FB_RUN_FAILOVERS]);
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++)
        violations += s->violations[i];
    set_number(b, object, "violations", violations);
    for (unsigned i = 0; i < b->reader.shape.interfaces; i++)
        add_to(b, interfaces, build_interface(b, i));
    for (unsigned k = 0; k < s->lanes; k++)
        add_to(b, workers, build_worker(b, k));
    set_key(b, object, "interfaces", interfaces);
    set_key(b, object, "workers", workers);
    return object;
}

static json_t *build_samples(struct build *b) {
    json_t *samples = json_array();
    uint64_t first, end;
    fb_history_samples(&b->reader, &first, &end);
    if (end - first > b->seconds) /* at most one a second, and one more for its rate */
        first = end - b->seconds - 1;
    for (uint64_t n = first; n != end; n++) {
        if (fb_history_read_sample(&b->reader, n, &b->sample))
            add_to(b, samples, build_sample(b));
    }
    return samples;
}

/* ---- events */

static json_t *build_event(struct build *b, const struct fb_run_event *event) {
    const struct fb_happened_text *text = &fb_happened_texts[event->kind];
    json_t *object = json_object();
    set_key(b, object, "time", time_of_record(b, event->real_ns, event->mono_ns));
    set_key(b, object, "event", json_string(text->name));
    set_key(b, object, "severity", json_string(fb_severity_names[text->severity]));
    if (event->worker != FB_EVENT_NOT_ONE)
        set_number(b, object, "worker", event->worker);
    if (event->interface < b->reader.shape.interfaces) {
        const char *name = b->ctl->interface_names[event->interface];
        set_key(b, object, "interface", fb_json_text(name, strnlen(name, FB_INTERFACE_NAME_MAX)));
    }
    if (event->pid > 0)
        set_number(b, object, "pid", (uint64_t)event->pid);
    if (event->epoch != 0)
        set_number(b, object, "epoch", event->epoch);
    if (event->count != 0)
        set_number(b, object, "count", event->count);
    if (event->duration_ns != 0)
        set_key(b, object, "duration_s", json_real((double)(event->duration_ns / 1000) / 1e6));
    set_key(b, object, "text", fb_json_text(event->text, strlen(event->text)));
    return object;
}

static json_t *build_events(struct build *b) {
    json_t *events = json_array();
    uint64_t first, end;
    fb_history_events(&b->reader, &first, &end);
    for (uint64_t n = first; n != end; n++) {
        struct fb_run_event event;
        if (fb_history_read_event(&b->reader, n, &event))
            add_to(b, events, build_event(b, &event));
    }
    return events;
}

/* ---- all of it */

static json_t *build_history(struct build *b) {
    const struct fb_ctl *ctl = b->ctl;
    json_t *history = json_object();
    find_last(b);
    set_key(b, history, "schema", json_string(FB_HISTORY_SCHEMA));
    set_key(b, history, "instance", fb_json_text(ctl->name, strnlen(ctl->name, sizeof ctl->name)));
    set_key(b, history, "version",
            fb_json_text(ctl->version, strnlen(ctl->version, sizeof ctl->version)));
    set_key(b, history, "started", seconds(ctl->started_ns));
    set_key(b, history, "interval_s", json_real((double)FB_HISTORY_INTERVAL_NS / 1e9));
    set_number(b, history, "samples_kept", b->reader.shape.samples);
    set_key(b, history, "samples", build_samples(b));
    set_key(b, history, "events", build_events(b));
    if (!b->failed)
        return history;
    json_decref(history);
    return NULL;
}

/* What is mapped of an object, which is guarded. */
static int read_mapped(const struct fb_ctl *ctl, const struct fb_region *region, uint64_t seconds,
                       json_t **history) {
    struct build *b = calloc(1, sizeof *b);
    int error = b == NULL ? -ENOMEM : 0;
    if (error == 0) {
        b->ctl = ctl;
        b->seconds = seconds;
        error = fb_history_reader_init(&b->reader, region->base, region->size) ? 0 : -EBADMSG;
    }
    if (error == 0 && (*history = build_history(b)) == NULL)
        error = -ENOMEM;
    if (error == -ENOMEM)
        fb_error("no memory for the history: free some");
    free(b);
    return error;
}

/* Of a ctl that is guarded. */
static int read_object(const struct fb_ctl *ctl, uint64_t seconds, json_t **history) {
    char path[FB_PATH_MAX], name[FB_NAME_MAX + 8];
    struct fb_region region;
    snprintf(name, sizeof name, "%.*s", (int)sizeof ctl->name, ctl->name);
    if (!fb_name_valid(name) || !fb_object_path(path, FB_SHM_DIR, name, FB_KIND_HISTORY, 0))
        return -ENOENT;
    const struct fb_join_config config = {
        .path = path, .kind = FB_KIND_HISTORY, .instance = ctl->header.instance};
    enum fb_join joined = fb_object_join(&region, &config);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET ? -ENOENT : -EPROTO;
    int slot = fb_guard_add(region.base, region.size);
    int error = slot < 0 ? -ENOSPC : read_mapped(ctl, &region, seconds, history);
    if (error == 0 && fb_guard_faulted(slot)) {
        fb_error("%s was cut short while it was read", path);
        error = -ENODATA;
    }
    fb_guard_remove(slot);
    fb_region_close(&region);
    return error;
}

int fb_history_read(const struct fb_ctl_handle *handle, uint64_t seconds, json_t **history) {
    *history = NULL;
    int slot = fb_guard_add(handle->region.base, handle->region.size);
    int error = slot < 0 ? -ENOSPC : read_object(handle->ctl, seconds, history);
    if (error == 0 && fb_guard_faulted(slot)) {
        fb_error("%s was cut short while it was read", handle->region.path);
        error = -ENODATA;
    }
    if (error != 0) {
        json_decref(*history);
        *history = NULL;
    }
    fb_guard_remove(slot);
    return error;
}
