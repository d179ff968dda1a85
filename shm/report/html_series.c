/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_series.h"

#include <stdlib.h>
#include <string.h>

#include "shm/report/html_text.h"

const struct html_fate_text html_fates[HTML_FATES] = {
    [HTML_INSPECTED] = {"inspected", "inspected", "ledger.inspected", ""},
    [HTML_RING_FULL] = {"dropped: ring full", "dropped.ring_full", "ledger.dropped.ring_full",
                        "because the ring of their worker was full"},
    [HTML_NO_WORKER] = {"dropped: no worker", "dropped.no_worker", "ledger.dropped.no_worker",
                        "because no worker was alive"},
    [HTML_ABANDONED] = {"dropped: abandoned", "dropped.abandoned", "ledger.dropped.abandoned",
                        "still in a ring when the run ended"},
    [HTML_QUARANTINED] = {"quarantined", "quarantined", "ledger.quarantined",
                          "quarantined, because two processes died on each"},
    [HTML_BYPASSED] = {"bypassed", "shunted", "ledger.shunted",
                       "bypassed, because packets of their flow killed workers"},
    [HTML_KERNEL_DROPS] = {"dropped by the kernel", "kernel_drops", "capture.kernel_drops",
                           "by the kernel, because its capture buffer was full"},
    [HTML_INTERFACE_DROPS] = {"dropped by an interface", "interface_drops",
                              "capture.interface_drops", "by an interface or its driver"},
};

#define APART_LEAST_S 1e-3 /* between two samples that a rate can be of */
#define BEGIN_NEAR 2.5     /* intervals: a later first sample is not the first of the run */

/* One sample: counts of the run so far, and levels. */
struct reading {
    double time;
    double fates[HTML_FATES];
    double bytes, in_flight, flows;
    double packets[FB_MAX_WORKERS], backlog[FB_MAX_WORKERS], max_backlog[FB_MAX_WORKERS];
};

struct making {
    struct html_series *series;
    size_t rows, group, waiting; /* rows taken, how many make a column, those of the next one */
    struct reading now;          /* what may become a row */
    struct reading latest, mark; /* the latest row, and that where the column begins */
};

/* ---- samples */

static void read_workers(struct reading *r, const json_t *workers) {
    size_t i;
    const json_t *worker;
    json_array_foreach(workers, i, worker) {
        double k = html_at(worker, "worker");
        if (k >= FB_MAX_WORKERS)
            continue;
        r->packets[(unsigned)k] = html_at(worker, "packets");
        r->backlog[(unsigned)k] = html_at(worker, "backlog");
        r->max_backlog[(unsigned)k] = html_at(worker, "max_backlog");
    }
}

static void read_sample(struct reading *r, const json_t *sample) {
    memset(r, 0, sizeof *r);
    r->time = html_at(sample, "time");
    for (unsigned f = 0; f < HTML_FATES; f++)
        r->fates[f] = html_at(sample, html_fates[f].sample);
    r->bytes = html_at(sample, "bytes");
    r->in_flight = html_at(sample, "in_flight");
    r->flows = html_at(sample, "flows_active");
    read_workers(r, json_object_get(sample, "workers"));
}

static void read_report(struct reading *r, const json_t *report, double time) {
    memset(r, 0, sizeof *r);
    r->time = time;
    for (unsigned f = 0; f < HTML_FATES; f++)
        r->fates[f] = html_at(report, html_fates[f].report);
    size_t i;
    const json_t *worker;
    json_array_foreach(json_object_get(report, "workers"), i, worker) {
        r->bytes += html_at(worker, "bytes");
    }
    r->in_flight = html_at(report, "ledger.in_flight");
    r->flows = html_at(report, "flows.active");
    read_workers(r, json_object_get(report, "workers"));
}

/* ---- columns */

static double growth(double now, double before) {
    return now > before ? now - before : 0;
}

static void raise_level(double *level, double value) {
    *level = value > *level ? value : *level;
}

/* Levels of a column are the highest since it began. A new record of a ring was between two
 * samples, of which neither need have it. */
static void raise_levels(struct html_series *s, unsigned c, const struct reading *now,
                         const struct reading *mark) {
    raise_level(&s->in_flight[c], now->in_flight);
    raise_level(&s->flows[c], now->flows);
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        raise_level(&s->workers[k].backlog[c], now->backlog[k]);
        if (now->max_backlog[k] > mark->max_backlog[k])
            raise_level(&s->workers[k].backlog[c], now->max_backlog[k]);
    }
}

static void close_column(struct html_series *s, const struct reading *now,
                         const struct reading *mark) {
    unsigned c = s->columns++;
    double seconds = now->time - mark->time, all = 0;
    for (unsigned f = 0; f < HTML_FATES; f++)
        s->per_s[f][c] = growth(now->fates[f], mark->fates[f]) / seconds;
    s->bytes_per_s[c] = growth(now->bytes, mark->bytes) / seconds;
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++)
        all += growth(now->packets[k], mark->packets[k]);
    for (unsigned k = 0; k < FB_MAX_WORKERS && all > 0; k++)
        s->workers[k].share[c] = growth(now->packets[k], mark->packets[k]) / all;
    s->edge[s->columns] = now->time;
}

/* Takes what is in m->now as the next row. */
static void take_row(struct making *m) {
    struct html_series *s = m->series;
    if (m->rows == 0) {
        m->mark = m->now;
        s->edge[0] = m->now.time;
    } else if (m->now.time < m->latest.time + APART_LEAST_S) {
        return;
    } else {
        raise_levels(s, s->columns, &m->now, &m->mark);
        m->waiting++;
    }
    m->rows++;
    m->latest = m->now;
    if (m->waiting == m->group) {
        close_column(s, &m->now, &m->mark);
        m->mark = m->now;
        m->waiting = 0;
    }
}

/* The counts of one that goes on are of a moment before it was read, which is not known: a rate up
 * to then would be too low. */
static bool has_ended(const json_t *report) {
    const json_t *state = json_object_get(json_object_get(report, "dispatcher"), "state");
    return !json_is_string(state) || strcmp(json_string_value(state), "running") != 0;
}

static void take_samples(struct making *m, const json_t *report, const json_t *history,
                         double begin, double end) {
    const json_t *samples = json_object_get(history, "samples");
    double interval = html_at(history, "interval_s");
    size_t count = json_array_size(samples);
    interval = interval > 0 ? interval : 1;
    const json_t *first = json_array_get(samples, 0);
    /* Between the begin and the first sample was nothing, or not much time. */
    bool whole = count == 0 || html_at(first, "time") - begin < BEGIN_NEAR * interval ||
                 (html_at(first, "received") == 0 && html_at(first, "kernel_drops") == 0);
    if (whole) {
        memset(&m->now, 0, sizeof m->now);
        m->now.time = begin;
        take_row(m);
    }
    bool ends = has_ended(report) || count < 2;
    for (size_t i = 0; i < count; i++) {
        read_sample(&m->now, json_array_get(samples, i));
        /* Rates over a moment would be far above all others: the report takes its place. */
        if (!ends || i + 1 < count || end - m->now.time > interval / 2)
            take_row(m);
    }
    read_report(&m->now, report, end);
    if (ends)
        take_row(m);
    if (m->waiting != 0)
        close_column(m->series, &m->latest, &m->mark);
}

struct html_series *html_series_make(const json_t *report, const json_t *history, double begin,
                                     double end) {
    struct making *m = calloc(1, sizeof *m);
    struct html_series *series = calloc(1, sizeof *series);
    if (m != NULL && series != NULL) {
        size_t between = json_array_size(json_object_get(history, "samples")) + 1;
        m->series = series;
        m->group = (between + HTML_COLUMNS - 1) / HTML_COLUMNS;
        take_samples(m, report, history, begin, end);
    } else {
        free(series);
        series = NULL;
    }
    free(m);
    return series;
}

double html_highest(const double *values, unsigned count) {
    double highest = 0;
    for (unsigned i = 0; i < count; i++)
        highest = values[i] > highest ? values[i] : highest;
    return highest;
}
