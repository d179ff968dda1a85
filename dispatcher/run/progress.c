/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"

#include "dispatcher/fleet/fleet.h"

#define DRAW_EVERY_NS UINT64_C(250000000)   /* so 16 samples are four seconds */
#define DRAIN_QUIET_NS UINT64_C(1000000000) /* draining that is over sooner needs no word */
#define LONGEST_LEFT_S (99 * 3600.0)        /* what is longer is a guess */
#define FIELD_MAX 64u

/* --- the text --------------------------------------------------------------------------------- */

struct line {
    char *text;
    size_t used, room; /* bytes, which are columns */
};

/* Appends two blanks and a field; if it does not fit, nothing does after it. */
__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...) {
    char field[FIELD_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(field, sizeof field, format, args);
    va_end(args);
    if (n < 0 || line->used + 2 + (size_t)n > line->room) {
        line->room = 0;
        return;
    }
    line->used += (size_t)sprintf(line->text + line->used, "  %s", field);
}

static void add_rate(struct line *line, double per_s) {
    static const char *const units[] = {"", "k", "M", "G"};
    unsigned unit = 0;
    for (; per_s >= 999.5 && unit < 3; unit++)
        per_s /= 1000;
    add(line, "%.*f %s/s", unit != 0 && per_s < 9.95 ? 1 : 0, per_s, units[unit]);
}

static void add_share(struct line *line, const struct capture_progress *capture) {
    double share = 100.0 * (double)capture->done_bytes / (double)capture->total_bytes;
    add(line, "%2d %%", share < 100 ? (int)share : 100);
}

static void add_left(struct line *line, const struct progress_view *view) {
    const struct capture_progress *capture = &view->capture;
    uint64_t bytes = capture->total_bytes - capture->done_bytes;
    if (capture->done_bytes >= capture->total_bytes)
        bytes = 0;
    if (bytes != 0 && !(view->bytes_per_s > 0)) {
        add(line, "-:-- left");
        return;
    }
    double left_s = bytes == 0 ? 0 : (double)bytes / view->bytes_per_s;
    if (left_s > LONGEST_LEFT_S) {
        add(line, "over 99 h left");
        return;
    }
    uint64_t s = (uint64_t)left_s;
    s += (double)s < left_s; /* 0:00 is the end */
    if (s >= 3600)
        add(line, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", s / 3600, s / 60 % 60, s % 60);
    else
        add(line, "%" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
}

void progress_format(const struct progress_view *view, unsigned width,
                     char text[FB_LOG_STATUS_MAX]) {
    /* In its last column a terminal is about to go to the next line. */
    size_t room = width == 0 ? 0 : width - 1;
    struct line line = {.text = text,
                        .room = room < FB_LOG_STATUS_MAX ? room : FB_LOG_STATUS_MAX - 1};
    bool known = view->capture.total_bytes != 0;
    *text = '\0';
    if (view->draining) {
        if (view->waiting != 0)
            add(&line, "draining: %s packets wait", fb_grouped(view->waiting).text);
        return;
    }
    if (view->capture.preloading)
        add(&line, "preloading");
    if (known)
        add_share(&line, &view->capture);
    if (!view->capture.preloading) {
        add(&line, "%s packets", fb_grouped(view->packets).text);
        add_rate(&line, view->packets_per_s);
    }
    if (known)
        add_left(&line, view);
    if (!view->capture.preloading)
        add(&line, "%u of %u workers busy", view->busy, view->alive);
}

/* --- the values ------------------------------------------------------------------------------- */

bool progress_rate(struct progress_rates *rates, uint64_t now_ns, struct progress_view *view) {
    if (view->capture.preloading != rates->preloading)
        rates->count = 0;
    rates->preloading = view->capture.preloading;
    unsigned last = rates->count++ % PROGRESS_SAMPLES;
    unsigned first = rates->count <= PROGRESS_SAMPLES ? 0 : rates->count % PROGRESS_SAMPLES;
    rates->samples[last].time_ns = now_ns;
    rates->samples[last].packets = view->packets;
    rates->samples[last].bytes = view->capture.done_bytes;
    double s = (double)(now_ns - rates->samples[first].time_ns) / 1e9;
    if (s <= 0)
        return false;
    view->packets_per_s = (double)(view->packets - rates->samples[first].packets) / s;
    view->bytes_per_s = (double)(view->capture.done_bytes - rates->samples[first].bytes) / s;
    return true;
}

/* False: the rates are not known yet. */
static bool look(struct progress *p, struct progress_view *view) {
    const struct fleet *fleet = p->datapath->egress.fleet;
    capture_progress(p->capture, &view->capture);
    view->draining = p->draining;
    view->packets = p->datapath->ingress.received;
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        uint64_t waiting = lane_waiting(lane);
        bool alive = lane->state == FB_STATE_READY;
        view->waiting += waiting;
        view->alive += alive;
        view->busy += alive && waiting != 0;
    }
    return progress_rate(&p->rates, p->datapath->egress.now_ns, view);
}

void progress_begin(struct progress *p, struct capture *capture, const struct datapath *datapath) {
    struct progress_view view = {0};
    if (capture_is_live(capture))
        return;
    p->capture = capture;
    p->datapath = datapath;
    p->due_ns = datapath->egress.now_ns + DRAW_EVERY_NS;
    look(p, &view); /* the first sample */
}

void progress_end(struct progress *p) {
    if (p->capture == NULL)
        return;
    p->capture = NULL;
    fb_log_set_status("");
}

void progress_draw(struct progress *p, bool draining) {
    char text[FB_LOG_STATUS_MAX] = "";
    struct progress_view view = {0};
    unsigned width = fb_log_status_width();
    bool begins = draining && !p->draining;
    p->draining = draining;
    p->due_ns = p->datapath->egress.now_ns + (begins ? DRAIN_QUIET_NS : DRAW_EVERY_NS);
    if (width != 0 && !begins) {
        if (!look(p, &view))
            return;
        progress_format(&view, width, text);
    }
    fb_log_set_status(text);
}
