/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspection.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/inspectors/inspectors.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

#define STATE_ALIGN 16u /* enough for any type */
#define TICK_MS_USUAL 1000u
#define HOST_LINE_MAX 1024u
/* Between two tries of an inspector that cannot write: doubled from the first to the last. */
#define PAUSE_FIRST_MS 1u
#define PAUSE_MOST_MS 100u
/* Tries, in about a second: an output that is only slow is not told of. */
#define TRIES_UNTOLD 16u
#define STAT_NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

/* ---- what may come of a call ----------------------------------------------------------------- */

static struct inspection *watched; /* of this process, for what runs in a child of it */

/* In the child, which has a copy of all that is open. */
static void on_fork(void) {
    watched->is_child = true;
    for (unsigned i = 0; i < watched->count; i++)
        inspector_close_in_child(watched->items[i].ops, watched->items[i].self);
    sinks_close_in_child();
}

void inspection_watch_children(struct inspection *inspection) {
    if (watched == NULL)
        pthread_atfork(NULL, NULL, on_fork);
    watched = inspection;
}

/* _exit(): what the worker has registered and buffered is not the child's. */
_Noreturn static void end_child(const struct fb_inspector *ops, const char *function) {
    fb_error(
        "inspector %s: a child that it forked returned from %s(): it ends here, and the worker "
        "goes on without it; a child calls exec or _exit()",
        ops->name, function);
    _exit(EXIT_FAILURE);
}

/* Says what failed, unless the inspector did. */
static void log_failure(const struct inspection *inspection, const struct fb_inspector *ops,
                        const char *function, int rc) {
    if (fb_log_errors() != inspection->errors)
        return;
    if (rc < 0)
        fb_error("%sinspector %s: %s() failed: %s", inspection->who, ops->name, function,
                 strerror(-rc));
    else
        fb_error("%sinspector %s: %s() returned %d, which is neither 0 nor an error",
                 inspection->who, ops->name, function, rc);
}

/* What a function returned that is not called for each packet. */
static int returned(const struct inspection *inspection, const struct fb_inspector *ops,
                    const char *function, int rc) {
    if (inspection->is_child)
        end_child(ops, function);
    if (rc != 0)
        log_failure(inspection, ops, function, rc);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A line end at its end is no part of it; others, and what else would move a terminal, are blanks.
 */
static void make_one_line(char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            *text = ' ';
    }
}

static const struct inspection_item *item_of(const struct fb_host *host) {
    return (const struct inspection_item *)(const void *)((const char *)host -
                                                          offsetof(struct inspection_item, host));
}

/* What an inspector logs, with its name before it. */
static void host_log(const struct fb_host *host, enum fb_host_level level, const char *format,
                     ...) {
    const struct inspection_item *item = item_of(host);
    char text[HOST_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_one_line(text);
    fb_log(level <= FB_HOST_DEBUG ? (enum fb_log_level)level : FB_LOG_DEBUG, "%sinspector %s: %s",
           watched != NULL ? watched->who : "", item->ops->name, text);
}

/* The call that an event is written in: the same, if it is made again. */
static struct inspection_events call_of(const struct fb_host_event *event) {
    struct inspection_events call = {
        .item = watched->next, .is_end = event->packet == NULL, .is_started = watched->is_started};
    call.frame = event->packet != NULL ? event->packet->frame : event->end->frame;
    call.flow = event->packet != NULL ? event->packet->flow->id : event->end->flow->id;
    return call;
}

/* Whether an event was written when the same call was made before. */
static bool is_written(const struct fb_host_event *event) {
    struct inspection_events *had = &watched->events, call = call_of(event);
    if (had->frame != call.frame || had->flow != call.flow || had->item != call.item ||
        had->is_end != call.is_end || had->is_started != call.is_started)
        *had = call;
    if (had->again == had->written)
        return false;
    had->again++;
    return true;
}

static int host_event(const struct fb_host *host, const struct fb_host_event *event) {
    char refusal[EVE_REFUSAL_SIZE];
    bool is_of_flow = event->packet != NULL || event->end != NULL;
    if (is_of_flow && watched != NULL && is_written(event))
        return 0;
    int rc = eve_inspector_event(item_of(host)->ops->name, event, refusal);
    if (rc == -EINVAL)
        host_log(host, FB_HOST_ERROR, "%s", refusal);
    if (rc == 0 && is_of_flow && watched != NULL)
        watched->events.again = ++watched->events.written;
    return rc;
}

static int check_state(const struct fb_inspector *ops, const struct fb_setup *setup) {
    bool is_flat = setup->state_kind == FB_STATE_FLAT;
    size_t most = is_flat ? FB_STATE_FLAT_MAX : FB_STATE_PRIVATE_MAX;
    if (setup->state_bytes <= most)
        return 0;
    fb_error("inspector %s: it asks for %zu bytes of %s state a flow: at most %zu", ops->name,
             setup->state_bytes, is_flat ? "flat" : "private", most);
    return -EINVAL;
}

/* Names that would not be shown are refused now. */
static int check_stats(const struct fb_inspector *ops, const char *const *names, unsigned *count) {
    for (*count = 0; names != NULL && names[*count] != NULL; ++*count) {
        const char *name = names[*count];
        size_t length = strlen(name);
        if (*count == FB_STATS_MAX) {
            fb_error("inspector %s: it has more than %u counters", ops->name, FB_STATS_MAX);
            return -EINVAL;
        }
        if (length == 0 || length >= FB_STAT_NAME_MAX ||
            strspn(name, STAT_NAME_LETTERS) != length) {
            fb_error("inspector %s: its counter '%s' must have a name of 1 to %u of a-z, 0-9 and _",
                     ops->name, name, FB_STAT_NAME_MAX - 1);
            return -EINVAL;
        }
    }
    if (*count == 0 || ops->stats != NULL)
        return 0;
    fb_error("inspector %s: it names counters, but has no function stats", ops->name);
    return -EINVAL;
}

int inspection_add(struct inspection *inspection, const struct fb_inspector *ops,
                   const char *args) {
    if (inspection->count == INSPECTIONS_MAX) {
        fb_error("--inspector %s: at most %u inspectors", ops->name, INSPECTIONS_MAX);
        return -EINVAL;
    }
    struct inspection_item *item = &inspection->items[inspection->count];
    *item = (struct inspection_item){.ops = ops,
                                     .host = {.major = FB_INSPECTOR_MAJOR,
                                              .minor = FB_INSPECTOR_MINOR,
                                              .log = host_log,
                                              .event = host_event}};
    struct fb_setup setup = {.args = args, .host = &item->host};
    inspection->errors = fb_log_errors();
    int error = returned(inspection, ops, "open", ops->open(&setup));
    if (error != 0)
        return error;
    item->self = setup.self;
    inspection->count++; /* it is closed with the others */
    error = check_state(ops, &setup);
    if (error == 0)
        error = check_stats(ops, setup.stats, &item->stat_count);
    if (error != 0)
        return error;
    item->stat_names = setup.stats;
    item->state_offset = fb_align_up(inspection->state_bytes, STATE_ALIGN);
    item->state_bytes = setup.state_bytes;
    item->all_ends = setup.all_ends != 0;
    inspection->all_ends |= item->all_ends;
    item->tick_ns = (setup.tick_ms != 0 ? setup.tick_ms : TICK_MS_USUAL) * UINT64_C(1000000);
    item->next_tick_ns = fb_now_ns() + item->tick_ns;
    inspection->state_bytes = item->state_offset + setup.state_bytes; /* none behind the last */
    return 0;
}

int inspection_claimed(struct inspection *inspection, const struct fb_instance *instance) {
    snprintf(inspection->who, sizeof inspection->who, "worker %u: ", instance->worker);
    inspection->next = 0;
    inspection->is_started = false;
    int error = sinks_claimed(instance);
    for (unsigned i = 0; error == 0 && i < inspection->count; i++) {
        struct inspection_item *item = &inspection->items[i];
        uint64_t values[FB_STATS_MAX] = {0};
        memset(item->stats_before, 0, sizeof item->stats_before);
        inspection_stats(inspection, i, values);
        memcpy(item->stats_before, values, sizeof values);
        inspection->errors = fb_log_errors();
        if (item->ops->claimed != NULL)
            error = returned(inspection, item->ops, "claimed",
                             item->ops->claimed(item->self, instance));
    }
    return error;
}

void inspection_finish(struct inspection *inspection, uint64_t until_ns) {
    for (unsigned i = 0; i < inspection->count; i++)
        inspector_finish(inspection->items[i].ops, inspection->items[i].self, until_ns);
    sinks_finish(until_ns);
}

void inspection_close(struct inspection *inspection) {
    for (unsigned i = 0; i < inspection->count; i++) {
        const struct inspection_item *item = &inspection->items[i];
        if (item->ops->close == NULL)
            continue;
        item->ops->close(item->self);
        returned(inspection, item->ops, "close", 0);
    }
    inspection->count = 0;
    sinks_close();
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_first(const struct fb_packet *packet) {
    return (packet->flags & (FB_F_START | FB_F_MID_STREAM)) != 0;
}

/* Which function an event has come to. */
static const char *function_of(const struct inspection *inspection, const struct fb_event *event) {
    const struct fb_inspector *ops = inspection->items[inspection->next].ops;
    if (event->kind != FB_EVENT_PACKET)
        return "flow_end";
    return is_first(&event->packet) && !inspection->is_started && ops->flow_start != NULL
               ? "flow_start"
               : "packet";
}

/* Says once that it waits, when that takes long, unless the inspector did. */
static void log_waiting(struct inspection *inspection, const struct fb_inspector *ops) {
    if (++inspection->tries <= TRIES_UNTOLD || inspection->waits == ops ||
        fb_log_errors() != inspection->errors)
        return;
    inspection->waits = ops;
    fb_error("%sinspector %s: its output cannot be written: the worker waits until it can",
             inspection->who, ops->name);
    inspection->errors = fb_log_errors();
}

int inspection_returned(struct inspection *inspection, const struct fb_event *event, int rc) {
    const struct fb_inspector *ops = inspection->items[inspection->next].ops;
    if (inspection->is_child)
        end_child(ops, function_of(inspection, event));
    inspection->events.again = 0;
    if (rc == FB_OUTPUT_FAILED)
        log_waiting(inspection, ops);
    else if (rc != 0)
        log_failure(inspection, ops, function_of(inspection, event), rc);
    return rc;
}

void inspection_goes_on(struct inspection *inspection) {
    if (inspection->waits != NULL)
        fb_info("%sinspector %s: its output can be written again", inspection->who,
                inspection->waits->name);
    inspection->waits = NULL;
    inspection->tries = 0;
}

/* Before the first packet of a flow that this process gets; once, however often it is tried. */
static int start_flow(struct inspection *inspection, const struct inspection_item *item,
                      void *state, const struct fb_packet *packet) {
    if (inspection->is_started || item->ops->flow_start == NULL)
        return 0;
    int rc = item->ops->flow_start(item->self, state, packet);
    inspection->is_started = rc == 0 && !inspection->is_child;
    return inspection->is_child ? FB_OUTPUT_FAILED : rc; /* a child goes no further */
}

static inline int inspect_packet(struct inspection *inspection, const struct inspection_item *item,
                                 void *state, const struct fb_packet *packet) {
    if (__builtin_expect(is_first(packet), 0)) {
        int rc = start_flow(inspection, item, state, packet);
        if (rc != 0)
            return rc;
    }
    return item->ops->packet(item->self, state, packet);
}

/* The end of an orphaned flow is told once: none who could wait is there any more. */
static int inspect_end(const struct inspection_item *item, void *state,
                       const struct fb_flow_end *end) {
    bool is_unknown = (end->flags & FB_F_MID_STREAM) != 0;
    if (item->ops->flow_end == NULL || (is_unknown && !item->all_ends))
        return 0;
    int rc = item->ops->flow_end(item->self, state, end);
    return rc == FB_OUTPUT_FAILED && end->reason == FB_END_ORPHANED ? 0 : rc;
}

/* NULL too where the flow is not known. */
static void *state_of(const struct inspection_item *item, const struct fb_event *event) {
    return item->state_bytes != 0 && event->state != NULL
               ? (char *)event->state + item->state_offset
               : NULL;
}

int inspection_event_of_many(struct inspection *inspection, const struct fb_event *event) {
    for (; inspection->next < inspection->count; inspection->next++) {
        const struct inspection_item *item = &inspection->items[inspection->next];
        void *state = state_of(item, event);
        int rc = event->kind == FB_EVENT_PACKET
                     ? inspect_packet(inspection, item, state, &event->packet)
                     : inspect_end(item, state, &event->end);
        if (__builtin_expect(rc != 0 || inspection->is_child, 0))
            return inspection_returned(inspection, event, rc);
        inspection->is_started = false;
    }
    inspection->next = 0;
    if (event->kind != FB_EVENT_PACKET)
        eve_forget_flow(event->end.flow);
    return 0;
}

unsigned inspection_pause_ms(unsigned before) {
    if (before == 0)
        return PAUSE_FIRST_MS;
    return before * 2 < PAUSE_MOST_MS ? before * 2 : PAUSE_MOST_MS;
}

uint64_t inspection_stay_ns(const struct inspection *inspection) {
    const struct inspection_item *item = &inspection->items[inspection->next];
    return inspector_stay_ns(item->ops, item->self);
}

/* ---- between events -------------------------------------------------------------------------- */

uint64_t inspection_next_tick(const struct inspection *inspection) {
    uint64_t next_ns = sinks_next_tick();
    for (unsigned i = 0; i < inspection->count; i++) {
        const struct inspection_item *item = &inspection->items[i];
        if (item->ops->tick != NULL && item->next_tick_ns < next_ns)
            next_ns = item->next_tick_ns;
    }
    return next_ns;
}

int inspection_tick(struct inspection *inspection, uint64_t now_ns) {
    sinks_tick(now_ns);
    inspection->errors = fb_log_errors();
    for (unsigned i = 0; i < inspection->count; i++) {
        struct inspection_item *item = &inspection->items[i];
        if (item->ops->tick == NULL || now_ns < item->next_tick_ns)
            continue;
        /* A tick that was missed is not made up for. */
        item->next_tick_ns += ((now_ns - item->next_tick_ns) / item->tick_ns + 1) * item->tick_ns;
        int rc = item->ops->tick(item->self, now_ns);
        if (rc == FB_OUTPUT_FAILED)
            rc = 0; /* it comes again at the next tick */
        if (returned(inspection, item->ops, "tick", rc) != 0)
            return rc;
    }
    return 0;
}

unsigned inspection_reload(struct inspection *inspection) {
    unsigned failed = sinks_reload();
    for (unsigned i = 0; i < inspection->count; i++) {
        const struct inspection_item *item = &inspection->items[i];
        inspection->errors = fb_log_errors();
        if (item->ops->reload != NULL &&
            returned(inspection, item->ops, "reload", item->ops->reload(item->self)) != 0)
            failed++;
    }
    return failed;
}

void inspection_stats(const struct inspection *inspection, unsigned i, uint64_t *values) {
    const struct inspection_item *item = &inspection->items[i];
    if (item->stat_count == 0)
        return;
    item->ops->stats(item->self, values);
    returned(inspection, item->ops, "stats", 0);
    for (unsigned k = 0; k < item->stat_count; k++)
        values[k] -= item->stats_before[k];
}
