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

struct rate_text {
    char text[32];
};

static struct rate_text rate_text(double per_s) {
    static const char *const units[] = {"", "k", "M", "G"};
    struct rate_text out;
    unsigned unit = 0;
    for (; per_s >= 999.5 && unit < 3; unit++)
        per_s /= 1000;
    snprintf(out.text, sizeof out.text, "%.*f %s/s", unit != 0 && per_s < 9.95 ? 1 : 0, per_s,
             units[unit]);
    return out;
}

static void add_rate(struct line *line, double per_s) {
    add(line, "%s", rate_text(per_s).text);
}

/* Less than one a second is one: it goes on. */
static void add_losses(struct line *line, const struct progress_view *view) {
    static const char *const stages[PROGRESS_STAGES] = {
        [PROGRESS_CAPTURE] = "capture",
        [PROGRESS_RINGS] = "rings",
    };
    unsigned losing = 0;
    for (unsigned i = 0; i < PROGRESS_STAGES; i++) {
        double per_s = view->lost_per_s[i];
        if (view->lost[i] == 0)
            continue;
        losing++;
        if (per_s > 0)
            add(line, "%s lost %s (%s)", stages[i], fb_grouped(view->lost[i]).text,
                rate_text(per_s < 1 ? 1 : per_s).text);
        else
            add(line, "%s lost %s", stages[i], fb_grouped(view->lost[i]).text);
    }
    if (losing == 0)
        add(line, "none lost");
}

static void add_live(struct line *line, const struct progress_view *view) {
    add(line, "%s packets", fb_grouped(view->packets).text);
    add_rate(line, view->packets_per_s);
    add_losses(line, view);
    add(line, "%u of %u workers ready", view->alive, view->wanted);
    add(line, "backlog %u %%", view->backlog);
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
    if (view->live) {
        add_live(&line, view);
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
    memcpy(rates->samples[last].lost, view->lost, sizeof view->lost);
    double s = (double)(now_ns - rates->samples[first].time_ns) / 1e9;
    if (s <= 0)
        return false;
    view->packets_per_s = (double)(view->packets - rates->samples[first].packets) / s;
    view->bytes_per_s = (double)(view->capture.done_bytes - rates->samples[first].bytes) / s;
    for (unsigned i = 0; i < PROGRESS_STAGES; i++)
        view->lost_per_s[i] = (double)(view->lost[i] - rates->samples[first].lost[i]) / s;
    return true;
}

/* Of the snapshot, since asking the kernel takes system calls; it is at most 0.1 s old. */
static void look_at_losses(const struct progress *p, struct progress_view *view) {
    const uint64_t *run = p->snapshot->run, *dropped = p->snapshot->dropped;
    view->lost[PROGRESS_CAPTURE] = run[FB_RUN_KERNEL_DROPS] + run[FB_RUN_INTERFACE_DROPS];
    view->lost[PROGRESS_RINGS] = dropped[FB_DROP_RING_FULL] + dropped[FB_DROP_NO_WORKER];
}

static unsigned percent_of(uint64_t waiting, uint64_t depth) {
    return waiting >= depth ? 100 : (unsigned)(100 * waiting / depth);
}

/* False: the rates are not known yet. */
static bool look(struct progress *p, struct progress_view *view) {
    const struct fleet *fleet = p->datapath->egress.fleet;
    capture_progress(p->capture, &view->capture);
    look_at_losses(p, view);
    view->live = capture_is_live(p->capture);
    view->wanted = fleet_wanted(fleet);
    view->draining = p->draining;
    view->packets = p->datapath->ingress.received;
    for (unsigned k = 0; k < fleet->count; k++) {
        const struct lane *lane = &fleet->lanes[k];
        uint64_t waiting = lane_waiting(lane);
        unsigned percent = percent_of(waiting, lane->tx.depth);
        bool alive = lane->state == FB_STATE_READY;
        view->waiting += waiting;
        view->backlog = percent > view->backlog ? percent : view->backlog;
        view->alive += alive;
        view->busy += alive && waiting != 0;
    }
    return progress_rate(&p->rates, p->datapath->egress.now_ns, view);
}

void progress_begin(struct progress *p, struct capture *capture, const struct datapath *datapath,
                    const struct fb_snapshot *snapshot) {
    struct progress_view view = {0};
    p->capture = capture;
    p->datapath = datapath;
    p->snapshot = snapshot;
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
