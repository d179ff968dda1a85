/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"

#include "shm/view/amount.h"
#include "shm/view/spread.h"

/* "name    text  more" */
__attribute__((format(printf, 3, 4))) static void add_row(struct frame *frame, const char *name,
                                                          const char *format, ...) {
    char text[NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    frame_new_line(frame);
    frame_add(frame, FRAME_PLAIN, "  %-14s ", name);
    frame_add(frame, FRAME_BOLD, "%s", text);
}

static void add_id_row(struct frame *frame, const json_t *worker, const char *name,
                       const char *key) {
    double id = view_number(worker, key);
    if (id >= 0)
        add_row(frame, name, "%.0f", id);
}

static void add_count(struct frame *frame, const struct scene *scene, const struct scene_worker *w,
                      const char *name, const char *key) {
    json_int_t count = json_integer_value(json_object_get(w->now, key));
    double per_s = scene_rate(scene, w->now, w->before, key);
    struct fb_grouped text = fb_grouped(count > 0 ? (uint64_t)count : 0);
    if (per_s > 0)
        add_row(frame, name, "%s  (%s/s)", text.text, amount_of(per_s).text);
    else
        add_row(frame, name, "%s", text.text);
}

static void add_times(struct frame *frame, const struct scene_worker *w, const char *name,
                      const char *key) {
    const json_t *now = json_object_get(w->now, key), *before = json_object_get(w->before, key);
    if (now == NULL)
        return;
    bool recent = json_object_get(now, "buckets") != NULL && before != NULL;
    add_row(frame, name, "p50 %s  p99 %s  %s; at most %s",
            amount_ns(spread_quantile_ns(now, before, 0.5)).text,
            amount_ns(spread_quantile_ns(now, before, 0.99)).text, recent ? "now" : "of the run",
            amount_ns(view_number(now, "max_us") * 1e3).text);
}

static void add_own_inspectors(struct frame *frame, const struct scene *scene,
                               const struct scene_worker *w) {
    const char *inspector, *counter;
    json_t *counters, *value, *inspectors = json_object_get(w->now, "inspectors");
    if (json_object_size(inspectors) != 0)
        frame_add_title(frame, "counters of its inspectors");
    json_object_foreach(inspectors, inspector, counters) {
        const json_t *older = json_object_get(json_object_get(w->before, "inspectors"), inspector);
        json_object_foreach(counters, counter, value) {
            char name[128];
            json_int_t count = json_integer_value(value);
            double per_s = older == NULL ? 0 : scene_rate(scene, counters, older, counter);
            snprintf(name, sizeof name, "%s.%s", inspector, counter);
            add_row(frame, name, "%s%s%s%s", fb_grouped(count > 0 ? (uint64_t)count : 0).text,
                    per_s > 0 ? "  (" : "", per_s > 0 ? amount_of(per_s).text : "",
                    per_s > 0 ? "/s)" : "");
        }
    }
}

static void add_place(struct frame *frame, const struct scene_worker *w) {
    if (view_number(w->now, "pid") > 0)
        add_row(frame, "process", "%.0f", view_number(w->now, "pid"));
    else
        add_row(frame, "process", "none");
    add_id_row(frame, w->now, "cpu", "cpu");
    add_id_row(frame, w->now, "NUMA node", "numa_node");
    add_id_row(frame, w->now, "node of ring", "ring_numa_node");
}

static void add_ring(struct frame *frame, const struct scene *scene, const struct scene_worker *w) {
    double depth = view_number(scene->view->report, "geometry.depth");
    frame_add_title(frame, "its ring");
    add_row(frame, "waiting", "%s of %s (%s), at most %s", amount_of(w->waiting).text,
            amount_of(depth).text, amount_share(w->waiting, depth).text, amount_of(w->peak).text);
    add_times(frame, w, "wait", "latency");
    add_times(frame, w, "inspection", "inspection");
    if (w->per_packet_ns >= 0)
        add_row(frame, "time/pkt", "%s", amount_ns(w->per_packet_ns).text);
}

void layout_worker(struct frame *frame, const struct scene *scene,
                   const struct scene_worker *workers, unsigned count) {
    static const struct {
        const char *name, *key;
    } counts[] = {
        {"inspected", "packets"},
        {"entered", "entered"},
        {"bytes", "bytes"},
        {"dropped", "dropped"},
        {"quarantined", "quarantined"},
        {"removed", "removed"},
        {"flows ever", "flows"},
        {"flows now", "flows_bound"},
        {"restarts", "restarts"},
        {"hangs", "hangs"},
        {"wakes", "wakes"},
        {"sleeps", "self_parks"},
        {"output waits", "self_output_waits"},
        {"reloads", "self_reloads"},
        {"failed reloads", "self_reload_failures"},
    };
    char title[64];
    const struct scene_worker *w = workers;
    while (w < workers + count && w->number != scene->settings.worker)
        w++;
    snprintf(title, sizeof title, "worker %u", scene->settings.worker);
    frame_add_title(frame, title);
    if (w == workers + count) {
        frame_new_line(frame);
        frame_add(frame, FRAME_WARN, "  it is gone");
        return;
    }
    add_row(frame, "state", "%s", w->state);
    add_place(frame, w);
    add_row(frame, "share", "%s", amount_share(w->share, 1).text);
    add_ring(frame, scene, w);
    frame_add_title(frame, "counts");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        add_count(frame, scene, w, counts[i].name, counts[i].key);
    add_own_inspectors(frame, scene, w);
}

void layout_help(struct frame *frame) {
    static const char *const lines[] = {
        "keys",
        "  q          quit",
        "  p, space   pause, and go on",
        "  s          sort: number, rate, backlog, share, wait",
        "  Enter, d   detail of the worker at > ; back",
        "  arrows, PgUp, PgDn, Home, End  scroll",
        "  r          the marks | of the fullest rings begin again",
        "  h, ?       this help; back",
        "losses",
        "  capture    before the dispatcher: kernel or interface",
        "  rings      the dispatcher had no room, or no worker",
        "  workers    given to a worker, and not inspected",
        "workers",
        "  waiting      packets in the ring, which has room for --ring-depth",
        "  ring fill    # now, | the most there was",
        "  wait p99     99 of 100 packets waited no longer than that",
        "  time/pkt     mean time that the inspector takes",
        "  share        of all packets inspected",
        "  restarts     processes after the first",
        "  hangs        times it was revoked: it finished nothing",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i][0] != ' ')
            frame_add_title(frame, lines[i]);
        else
            frame_add_words(frame, FRAME_PLAIN, 4, lines[i]);
    }
}
