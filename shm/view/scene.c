/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/life.h"

#include "shm/view/spread.h"

const char *const scene_sort_names[SORTS] = {
    [SORT_NUMBER] = "number", [SORT_RATE] = "rate", [SORT_BACKLOG] = "backlog",
    [SORT_SHARE] = "share",   [SORT_WAIT] = "wait",
};

/* ---- numbers */

const char *scene_text(const json_t *report, const char *path) {
    const char *text = json_string_value(view_at(report, path));
    return text != NULL ? text : "";
}

/* A count that goes back is of another process, or a lie: no rate. */
double scene_rate(const struct scene *scene, const json_t *now, const json_t *before,
                  const char *key) {
    const struct view *view = scene->view;
    if (before == NULL || view->taken_ns <= view->before_ns)
        return -1;
    double more = view_number(now, key) - view_number(before, key);
    return more > 0 ? more * 1e9 / (double)(view->taken_ns - view->before_ns) : 0;
}

double scene_per_s(const struct scene *scene, const char *path) {
    const struct view *view = scene->view;
    if (view->before == NULL || view->taken_ns <= view->before_ns)
        return -1;
    double per_s = view_per_s(view, path);
    return per_s > 0 ? per_s : 0;
}

/* ---- what is remembered */

/* False: it is none. */
static bool get_number(const json_t *worker, unsigned *number) {
    json_int_t n = json_integer_value(json_object_get(worker, "worker"));
    *number = (unsigned)n;
    return json_is_object(worker) && n >= 0 && n < FB_MAX_WORKERS;
}

void scene_take(struct scene *scene, bool new_dispatcher) {
    struct scene_memory *memory = &scene->memory;
    const struct view *view = scene->view;
    if (new_dispatcher)
        *memory = (struct scene_memory){.begun = false};
    bool turn = !memory->begun || view->taken_ns - memory->window_ns >= SCENE_WINDOW_NS;
    size_t i;
    const json_t *worker;
    json_array_foreach(view_at(view->report, "workers"), i, worker) {
        unsigned k;
        if (!get_number(worker, &k))
            continue;
        double waiting = view_number(worker, "backlog");
        if (waiting > memory->workers[k].peak)
            memory->workers[k].peak = waiting;
        if (!turn)
            continue;
        double restarts = view_number(worker, "restarts"), hangs = view_number(worker, "hangs");
        memory->workers[k].restarts_before = memory->begun ? memory->workers[k].restarts : restarts;
        memory->workers[k].hangs_before = memory->begun ? memory->workers[k].hangs : hangs;
        memory->workers[k].restarts = restarts;
        memory->workers[k].hangs = hangs;
    }
    if (turn)
        memory->window_ns = view->taken_ns;
    memory->begun = true;
}

void scene_reset(struct scene *scene) {
    size_t i;
    const json_t *worker;
    json_array_foreach(view_at(scene->view->report, "workers"), i, worker) {
        unsigned k;
        if (!get_number(worker, &k))
            continue;
        scene->memory.workers[k].peak = view_number(worker, "backlog");
        scene->memory.workers[k].max_at_reset = view_number(worker, "max_backlog");
    }
}

/* ---- workers */

const json_t *scene_older(const struct scene *scene, size_t i, const json_t *worker) {
    const json_t *workers = view_at(scene->view->before, "workers");
    const json_t *number = json_object_get(worker, "worker"), *each = json_array_get(workers, i);
    if (json_equal(json_object_get(each, "worker"), number))
        return each;
    json_array_foreach(workers, i, each) {
        if (json_equal(json_object_get(each, "worker"), number))
            return each;
    }
    return NULL;
}

/* Numbers beyond those wanted that never had a worker. */
static bool is_unused(const json_t *worker, double wanted) {
    return view_number(worker, "worker") >= wanted && view_number(worker, "entered") <= 0 &&
           strcmp(scene_text(worker, "state"), fb_state_names[FB_STATE_ABSENT]) == 0;
}

static void fill_times(struct scene_worker *w) {
    const json_t *wait = json_object_get(w->now, "latency");
    const json_t *wait_before = json_object_get(w->before, "latency");
    w->wait_p50_ns = spread_quantile_ns(wait, wait_before, 0.5);
    w->wait_p99_ns = spread_quantile_ns(wait, wait_before, 0.99);
    w->per_packet_ns = spread_mean_ns(json_object_get(w->now, "inspection"),
                                      json_object_get(w->before, "inspection"));
}

static void fill(const struct scene *scene, struct scene_worker *w) {
    unsigned k = w->number;
    bool finished = json_is_true(json_object_get(w->now, "finished"));
    double max = view_number(w->now, "max_backlog");
    w->state = finished ? "finished" : scene_text(w->now, "state");
    w->packets_per_s = scene_rate(scene, w->now, w->before, "packets");
    w->dropped_per_s = scene_rate(scene, w->now, w->before, "dropped");
    w->bits_per_s = scene_rate(scene, w->now, w->before, "bytes");
    w->bits_per_s *= w->bits_per_s > 0 ? 8 : 1;
    w->share = view_number(w->now, "share");
    w->waiting = view_number(w->now, "backlog");
    w->peak = max > scene->memory.workers[k].max_at_reset ? max : scene->memory.workers[k].peak;
    w->restarted = view_number(w->now, "restarts") - scene->memory.workers[k].restarts_before;
    w->hung = view_number(w->now, "hangs") - scene->memory.workers[k].hangs_before;
    fill_times(w);
}

static double sort_key_of(const struct scene_worker *w, enum scene_sort sort) {
    switch (sort) {
    case SORT_RATE:
        return w->packets_per_s;
    case SORT_BACKLOG:
        return w->waiting;
    case SORT_SHARE:
        return w->share;
    case SORT_WAIT:
        return w->wait_p99_ns;
    default:
        return 0;
    }
}

/* The greatest first; what is equal, by number. */
static int compare(const void *a, const void *b) {
    const struct scene_worker *x = a, *y = b;
    if (x->key > y->key || x->key < y->key)
        return x->key > y->key ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

unsigned scene_workers(const struct scene *scene, struct scene_worker *workers) {
    const json_t *report = scene->view->report, *each;
    double wanted = view_number(report, "geometry.workers"), all_per_s = 0;
    unsigned count = 0;
    size_t i;
    json_array_foreach(view_at(report, "workers"), i, each) {
        struct scene_worker w = {.now = each, .before = scene_older(scene, i, each)};
        if (count == FB_MAX_WORKERS || !get_number(each, &w.number) || is_unused(each, wanted))
            continue;
        fill(scene, &w);
        all_per_s += w.packets_per_s > 0 ? w.packets_per_s : 0;
        workers[count++] = w;
    }
    for (unsigned k = 0; k < count; k++) {
        if (all_per_s > 0)
            workers[k].share =
                workers[k].packets_per_s > 0 ? workers[k].packets_per_s / all_per_s : 0;
        workers[k].key = sort_key_of(&workers[k], scene->settings.sort);
    }
    qsort(workers, count, sizeof *workers, compare);
    return count;
}
