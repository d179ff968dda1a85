/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"

#include "shm/view/amount.h"
#include "shm/view/flow_text.h"
#include "shm/view/spread.h"

/* ---- head */

static double bits_per_s(const struct scene *scene) {
    const json_t *worker, *workers = view_at(scene->view->report, "workers");
    double bits = -1;
    size_t i;
    json_array_foreach(workers, i, worker) {
        const json_t *before = scene_older(scene, i, worker);
        double bytes = scene_rate(scene, worker, before, "bytes");
        if (bytes >= 0)
            bits = (bits > 0 ? bits : 0) + 8 * bytes;
    }
    return bits;
}

static void add_state(struct frame *frame, const struct scene *scene) {
    const char *state = scene_text(scene->view->report, "dispatcher.state");
    if (!scene->running)
        frame_add(frame, FRAME_BAD, "  ENDED");
    else if (scene->settings.paused)
        frame_add(frame, FRAME_WARN, "  PAUSED");
    else
        frame_add(frame, strcmp(state, "running") == 0 ? FRAME_GOOD : FRAME_WARN, "  %s", state);
}

void layout_head(struct frame *frame, const struct scene *scene) {
    const json_t *report = scene->view->report;
    char rates[64];
    bool is_wide = frame->width >= 72;
    double packets = scene_per_s(scene, "ledger.received"), bits = bits_per_s(scene);
    int n =
        snprintf(rates, sizeof rates, is_wide ? "%s packets/s  %s bits/s to workers" : "%s/s %sb/s",
                 amount_of(packets).text, amount_of(bits).text);
    frame_new_line(frame);
    /* A name has up to 64 letters: the rates matter more. */
    unsigned room = frame->width - (unsigned)n - (is_wide ? 20 : 17);
    frame_add(frame, FRAME_BOLD, "%.*s", (int)room, scene_text(report, "instance"));
    add_state(frame, scene);
    frame_add(frame, FRAME_PLAIN, " %s", amount_uptime(view_number(report, "running_s")).text);
    char more[96];
    snprintf(more, sizeof more, "  policy %s  %s", scene_text(report, "policy"),
             scene_text(report, "version"));
    if (frame_left(frame) >= strlen(more) + (unsigned)n + 2)
        frame_add(frame, FRAME_PLAIN, "%s", more);
    frame_cut(frame, frame->width - (unsigned)n - 1);
    frame_pad(frame, frame->width - (unsigned)n);
    frame_add(frame, FRAME_BOLD, "%s", rates);
}

/* ---- losses */

enum { STAGES = 3, ROWS = 4 };

static const struct stage {
    const char *title, *short_title;
    struct stage_row {
        const char *name, *path;
        bool loss, level; /* level: it is no count that grows */
    } rows[ROWS];
} stages[STAGES] = {
    {"capture",
     "cap",
     {{"received", "ledger.received", false, false},
      {"kernel drops", "capture.kernel_drops", true, false},
      {"iface drops", "capture.interface_drops", true, false}}},
    {"rings",
     "ring",
     {{"in flight", "ledger.in_flight", false, true},
      {"ring full", "ledger.dropped.ring_full", true, false},
      {"no worker", "ledger.dropped.no_worker", true, false}}},
    {"workers",
     "work",
     {{"inspected", "ledger.inspected", false, false},
      {"abandoned", "ledger.dropped.abandoned", true, false},
      {"quarantined", "ledger.quarantined", true, false},
      {"bypassed", "ledger.shunted", true, false}}},
};

/* What one stage lost: all, and a second; the latter is -1 where it is not known. */
static void loss_of(const struct scene *scene, const struct stage *stage, double *all,
                    double *per_s) {
    *all = *per_s = 0;
    for (unsigned r = 0; r < ROWS && stage->rows[r].name != NULL; r++) {
        if (!stage->rows[r].loss)
            continue;
        double rate = scene_per_s(scene, stage->rows[r].path);
        *all += view_number(scene->view->report, stage->rows[r].path);
        *per_s = rate < 0 ? -1 : *per_s + rate;
    }
}

static enum frame_style style_of_loss(double all, double per_s) {
    return per_s > 0 ? FRAME_BAD : all > 0 ? FRAME_WARN : FRAME_PLAIN;
}

static void add_cell(struct frame *frame, const struct scene *scene, const struct stage_row *row) {
    double all = view_number(scene->view->report, row->path);
    double per_s = row->level ? -1 : scene_per_s(scene, row->path);
    enum frame_style style = row->loss ? style_of_loss(all, per_s) : FRAME_PLAIN;
    frame_add(frame, style, "%-12s%6s%7s", row->name, row->level ? "" : amount_of(per_s).text,
              amount_of(all).text);
}

static void add_table(struct frame *frame, const struct scene *scene) {
    unsigned stride = frame->width < 120 ? frame->width / STAGES : 40;
    frame_new_line(frame);
    for (unsigned s = 0; s < STAGES; s++) {
        frame_pad(frame, s * stride);
        frame_add(frame, FRAME_TITLE, "%-12s%6s%7s", stages[s].title, "per s", "in all");
    }
    for (unsigned r = 0; r < ROWS; r++) {
        frame_new_line(frame);
        for (unsigned s = 0; s < STAGES; s++) {
            if (stages[s].rows[r].name == NULL)
                continue;
            frame_pad(frame, s * stride);
            add_cell(frame, scene, &stages[s].rows[r]);
        }
    }
}

/* What is lost in each stage, in one line. */
static void add_stages(struct frame *frame, const struct scene *scene, bool is_short) {
    frame_new_line(frame);
    frame_add(frame, FRAME_PLAIN, "lost/s");
    for (unsigned s = 0; s < STAGES; s++) {
        double all, per_s;
        loss_of(scene, &stages[s], &all, &per_s);
        frame_add(frame, style_of_loss(all, per_s), " %s %s",
                  is_short ? stages[s].short_title : stages[s].title, amount_of(per_s).text);
    }
}

static void add_summary(struct frame *frame, const struct scene *scene) {
    double all_in_all = 0;
    for (unsigned s = 0; s < STAGES; s++) {
        double all, per_s;
        loss_of(scene, &stages[s], &all, &per_s);
        all_in_all += all;
    }
    add_stages(frame, scene, false);
    if (frame_left(frame) == 0 && frame->count != 0) { /* it may have been cut short */
        frame->count--;
        add_stages(frame, scene, true);
    }
    char text[32];
    int n = snprintf(text, sizeof text, "  all %s", amount_of(all_in_all).text);
    if (frame_left(frame) >= (unsigned)n)
        frame_add(frame, style_of_loss(all_in_all, 0), "%s", text);
}

void layout_losses(struct frame *frame, const struct scene *scene, bool compact) {
    if (compact)
        add_summary(frame, scene);
    else
        add_table(frame, scene);
}

/* ---- flows and pages */

void layout_flows(struct frame *frame, const struct scene *scene) {
    const json_t *report = scene->view->report;
    double active = view_number(report, "flows.active");
    double most = view_number(report, "geometry.max_flows");
    enum frame_style style = active > 0.9 * most ? FRAME_BAD : FRAME_PLAIN;
    frame_new_line(frame);
    frame_add(frame, style, "flows %s of %s (%s)", amount_of(active).text, amount_of(most).text,
              amount_share(active, most).text);
    frame_add(frame, FRAME_PLAIN, ", %s new/s",
              amount_of(scene_per_s(scene, "flows.created")).text);
    char pages[64];
    int n =
        snprintf(pages, sizeof pages, "  pages: rings %.12s, flows %.12s",
                 scene_text(report, "hugepages.down"), scene_text(report, "hugepages.flow_table"));
    if (frame_left(frame) >= (unsigned)n)
        frame_add(frame, FRAME_PLAIN, "%s", pages);
}

/* ---- below the workers */

enum { LONG_NAME = 15, SHORT_NAME = 9, INTERFACE_COLUMNS = LONG_NAME + 31 };

static void add_interfaces(struct frame *frame, const struct scene *scene) {
    const json_t *interfaces = view_at(scene->view->report, "capture.interfaces"), *each;
    const json_t *older = view_at(scene->view->before, "capture.interfaces");
    char title[96];
    int name = frame->width < INTERFACE_COLUMNS ? SHORT_NAME : LONG_NAME;
    size_t i;
    if (json_array_size(interfaces) == 0)
        return;
    snprintf(title, sizeof title, "%-*s %-5s %6s %7s %7s", name + 2, "interface", "state", "pkts/s",
             "kdrop/s", "idrop/s");
    frame_add_title(frame, title);
    json_array_foreach(interfaces, i, each) {
        const json_t *before = json_array_get(older, i);
        const char *state = scene_text(each, "state");
        double kernel = scene_rate(scene, each, before, "kernel_drops");
        double own = scene_rate(scene, each, before, "interface_drops");
        frame_new_line(frame);
        frame_add(frame, FRAME_BOLD, "  %-*.*s ", name, name, scene_text(each, "name"));
        frame_add(frame, strcmp(state, "up") == 0 ? FRAME_GOOD : FRAME_BAD, "%-5.5s ", state);
        frame_add(frame, FRAME_PLAIN, "%6s",
                  amount_of(scene_rate(scene, each, before, "received")).text);
        frame_add(frame, kernel > 0 ? FRAME_BAD : FRAME_PLAIN, " %7s", amount_of(kernel).text);
        frame_add(frame, own > 0 ? FRAME_BAD : FRAME_PLAIN, " %7s", amount_of(own).text);
    }
}

static void add_pairs(struct frame *frame, const struct scene *scene) {
    const json_t *pairs = view_at(scene->view->report, "capture.pairs"), *each;
    size_t i;
    if (json_array_size(pairs) == 0)
        return;
    frame_add_title(frame, "pairs of interfaces");
    json_array_foreach(pairs, i, each) {
        const char *reverse = scene_text(each, "reverse");
        frame_new_line(frame);
        frame_add(frame, FRAME_PLAIN, "  %s %s: %s flows, %s one-sided, %s guessed",
                  scene_text(each, "forward"), reverse[0] != '\0' ? reverse : "alone",
                  amount_of(view_number(each, "flows")).text,
                  amount_of(view_number(each, "one_sided")).text,
                  amount_of(view_number(each, "guessed")).text);
    }
}

static void add_delay(struct frame *frame, const struct scene *scene, const char *name,
                      const char *path) {
    const json_t *now = view_at(scene->view->report, path);
    const json_t *before = view_at(scene->view->before, path);
    double half = spread_quantile_ns(now, before, 0.5);
    if (half < 0)
        return;
    frame_new_line(frame);
    frame_add(frame, FRAME_PLAIN, "%7s %7s  %s", amount_ns(half).text,
              amount_ns(spread_quantile_ns(now, before, 0.99)).text, name);
}

static void add_delays(struct frame *frame, const struct scene *scene) {
    const json_t *report = scene->view->report;
    if (view_at(report, "delays") == NULL && view_number(report, "latency.samples") <= 0)
        return;
    frame_add_title(frame, "    p50     p99  delays");
    add_delay(frame, scene, "capture to dispatch", "delays.capture_to_dispatch");
    if (view_at(report, "delays.dispatch_to_inspection") != NULL)
        add_delay(frame, scene, "dispatch to inspection", "delays.dispatch_to_inspection");
    else
        add_delay(frame, scene, "dispatch to inspection", "latency");
    add_delay(frame, scene, "inspection", "delays.inspection");
}

#define FLOWS_SHOWN 10u

/* The worker of a flow, or "-": it has none any more. */
static struct amount worker_text(const json_t *flow) {
    const json_t *worker = json_object_get(flow, "worker");
    struct amount out = {"-"};
    if (json_is_integer(worker))
        snprintf(out.text, sizeof out.text, "%d", (int)json_integer_value(worker));
    return out;
}

static void add_busiest(struct frame *frame, const struct scene *scene) {
    const json_t *flows = view_at(scene->view->report, "busiest_flows"), *each;
    size_t i;
    if (json_array_size(flows) == 0)
        return;
    frame_add_title(frame, " pkts/s  worker  busiest flows");
    json_array_foreach(flows, i, each) {
        if (i == FLOWS_SHOWN)
            break;
        frame_new_line(frame);
        frame_add(frame, FRAME_PLAIN, "%7s %7s  %s",
                  amount_of(view_number(each, "packets_per_s")).text, worker_text(each).text,
                  flow_text_of(each).text);
    }
}

static void add_largest(struct frame *frame, const struct scene *scene) {
    const json_t *flows = view_at(scene->view->report, "largest_flows"), *each;
    size_t i;
    if (json_array_size(flows) == 0)
        return;
    frame_add_title(frame, "packets share  worker  largest flows");
    json_array_foreach(flows, i, each) {
        if (i == FLOWS_SHOWN)
            break;
        frame_new_line(frame);
        frame_add(
            frame, FRAME_PLAIN, "%7s %5s %7s  %s%s", amount_of(view_number(each, "packets")).text,
            amount_share(view_number(each, "share"), 1).text, worker_text(each).text,
            flow_text_of(each).text, json_is_true(json_object_get(each, "ended")) ? " ended" : "");
    }
}

static void add_inspectors(struct frame *frame, const struct scene *scene) {
    const json_t *older = view_at(scene->view->before, "inspectors");
    json_t *inspectors = json_object_get(scene->view->report, "inspectors"), *counters, *value;
    const char *inspector, *counter;
    if (json_object_size(inspectors) != 0)
        frame_add_title(frame, "  per s  in all  inspectors and sinks");
    json_object_foreach(inspectors, inspector, counters) {
        const json_t *before = json_object_get(older, inspector);
        json_object_foreach(counters, counter, value) {
            frame_new_line(frame);
            frame_add(frame, FRAME_PLAIN, "%7s %7s  %s.%s",
                      amount_of(scene_rate(scene, counters, before, counter)).text,
                      amount_of(json_number_value(value)).text, inspector, counter);
        }
    }
}

/* What has few lines comes first. */
void layout_more(struct frame *frame, const struct scene *scene) {
    add_interfaces(frame, scene);
    add_delays(frame, scene);
    add_inspectors(frame, scene);
    add_busiest(frame, scene);
    add_largest(frame, scene);
    add_pairs(frame, scene);
}
