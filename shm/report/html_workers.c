/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <stdlib.h>
#include <string.h>

#include "shm/report/report_text.h"

/* ---- which workers have graphs of their own */

/* First what was lost in a ring, then failures, then how far a worker fell behind. */
static int compare_worse(const void *a, const void *b) {
    static const char *const keys[] = {"dropped",  "quarantined", "hangs",
                                       "restarts", "max_backlog", "packets"};
    const json_t *const *one = a, *const *other = b;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        double x = html_at(*one, keys[i]), y = html_at(*other, keys[i]);
        if (x != y)
            return x < y ? 1 : -1;
    }
    return 0;
}

void html_choose_workers(struct html_page *page) {
    json_int_t wanted = report_number(json_object_get(page->report, "geometry"), "workers");
    size_t i;
    const json_t *worker, *sorted[FB_MAX_WORKERS];
    json_array_foreach(json_object_get(page->report, "workers"), i, worker) {
        bool known = html_at(worker, "worker") < FB_MAX_WORKERS;
        if (known && !report_worker_is_unused(worker, wanted) &&
            page->worker_count < FB_MAX_WORKERS)
            page->workers[page->worker_count++] = worker;
    }
    memcpy(sorted, page->workers, sizeof sorted);
    if (page->worker_count > HTML_WORST)
        qsort(sorted, page->worker_count, sizeof *sorted, compare_worse);
    page->worst_count = page->worker_count < HTML_WORST ? page->worker_count : HTML_WORST;
    memcpy(page->worst, sorted, page->worst_count * sizeof *sorted);
}

static bool is_worst(const struct html_page *page, const json_t *worker) {
    for (unsigned i = 0; i < page->worst_count; i++) {
        if (page->worst[i] == worker)
            return true;
    }
    return false;
}

static const struct html_worker_series *series_of(const struct html_page *page,
                                                  const json_t *worker) {
    return &page->series->workers[(unsigned)html_at(worker, "worker")];
}

/* ---- graphs: all on the same scales, so that they can be compared */

struct scales {
    double backlog, share;
};

static struct scales find_scales(const struct html_page *page) {
    struct scales highest = {0, 0};
    for (unsigned i = 0; i < page->worker_count; i++) {
        const struct html_worker_series *w = series_of(page, page->workers[i]);
        double backlog = html_highest(w->backlog, page->series->columns);
        double share = html_highest(w->share, page->series->columns);
        highest.backlog = backlog > highest.backlog ? backlog : highest.backlog;
        highest.share = share > highest.share ? share : highest.share;
    }
    highest.backlog = html_round_top(highest.backlog);
    highest.share = html_round_top(highest.share);
    return highest;
}

static struct html_plot small_plot(const struct html_page *page, const char *id, double top,
                                   int worker) {
    return (struct html_plot){.id = id,
                              .size = HTML_SMALL,
                              .top = top,
                              .label = html_short,
                              .series = page->series,
                              .events = &page->events,
                              .worker = worker};
}

/* What is over a graph: its name, and the highest value of the run. */
static void print_over(FILE *out, const char *name, struct html_number value, const char *unit) {
    fprintf(out, "<p class=\"over\"><span>%s</span> <b>%s</b>%s</p>\n", name, value.text, unit);
}

static void print_own_graphs(const struct html_page *page, const json_t *worker,
                             const struct scales *scales) {
    const struct html_worker_series *w = series_of(page, worker);
    int k = (int)html_at(worker, "worker");
    char id[32];
    fprintf(page->out, "<figure><figcaption>Worker %d <span>", k);
    html_escaped(page->out, report_worker_state(worker), strlen(report_worker_state(worker)));
    fputs("</span></figcaption>\n", page->out);
    snprintf(id, sizeof id, "b%d", k);
    struct html_plot plot = small_plot(page, id, scales->backlog, k);
    print_over(page->out, "backlog, at most", html_count(html_at(worker, "max_backlog")), "");
    html_plot_open(page->out, &plot, "Backlog", "Packets in the ring of the worker over time.");
    html_plot_area(page->out, &plot, NULL, w->backlog, "under-way");
    html_plot_line(page->out, &plot, w->backlog, "under-way");
    html_plot_close(page->out, &plot);
    snprintf(id, sizeof id, "s%d", k);
    plot = small_plot(page, id, scales->share, k);
    print_over(page->out, "share", html_percent(html_at(worker, "share")), "");
    html_plot_open(page->out, &plot, "Share", "Share of the packets inspected over time.");
    html_plot_area(page->out, &plot, NULL, w->share, "inspected");
    html_plot_close(page->out, &plot);
    fputs("</figure>\n", page->out);
}

/* ---- the rest in one: between which values they all are, and the one in the middle */

struct band {
    double lowest[HTML_COLUMNS], middle[HTML_COLUMNS], highest[HTML_COLUMNS];
};

static int compare_values(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void make_band(struct band *band, const struct html_page *page, bool of_share) {
    double values[FB_MAX_WORKERS];
    for (unsigned c = 0; c < page->series->columns; c++) {
        unsigned n = 0;
        for (unsigned i = 0; i < page->worker_count; i++) {
            const struct html_worker_series *w = series_of(page, page->workers[i]);
            if (!is_worst(page, page->workers[i]))
                values[n++] = of_share ? w->share[c] : w->backlog[c];
        }
        qsort(values, n, sizeof *values, compare_values);
        band->lowest[c] = values[0];
        band->middle[c] = values[n / 2];
        band->highest[c] = values[n - 1];
    }
}

static void print_band(const struct html_page *page, const char *id, double top, bool of_share) {
    struct band band;
    struct html_plot plot = small_plot(page, id, top, FB_MAX_WORKERS);
    make_band(&band, page, of_share);
    html_plot_open(page->out, &plot, of_share ? "Share of the others" : "Backlog of the others",
                   "From the lowest to the highest of them, and the one in the middle, over time.");
    html_plot_area(page->out, &plot, band.lowest, band.highest,
                   of_share ? "inspected faint" : "under-way faint");
    html_plot_line(page->out, &plot, band.middle, of_share ? "inspected" : "under-way");
    html_plot_close(page->out, &plot);
}

static void print_rest(const struct html_page *page, const struct scales *scales) {
    unsigned rest = page->worker_count - page->worst_count;
    double backlog = 0, share = 0;
    if (rest == 0)
        return;
    for (unsigned i = 0; i < page->worker_count; i++) {
        double own = html_at(page->workers[i], "max_backlog");
        if (is_worst(page, page->workers[i]))
            continue;
        backlog = own > backlog ? own : backlog;
        share += html_at(page->workers[i], "share");
    }
    fprintf(page->out,
            "<figure><figcaption>%u other%s <span>lowest, middle, highest</span></figcaption>\n",
            rest, rest == 1 ? "" : "s");
    print_over(page->out, "backlog, at most", html_count(backlog), "");
    print_band(page, "rest-b", scales->backlog, false);
    print_over(page->out, "share, together", html_percent(share), "");
    print_band(page, "rest-s", scales->share, true);
    fputs("</figure>\n", page->out);
}

void html_print_worker_graphs(const struct html_page *page) {
    if (page->series->columns < 2 || page->worker_count == 0)
        return;
    struct scales scales = find_scales(page);
    fprintf(
        page->out,
        "<section>\n<h2>Workers over time</h2>\n<p class=\"note\">All graphs on the same scales: "
        "backlog up to %s packets, of %s that a ring holds; share of the packets "
        "inspected up to %s. The time axis is that of the graphs above.%s</p>\n"
        "<div class=\"many\">\n",
        html_count(scales.backlog).text, html_count(html_at(page->report, "geometry.depth")).text,
        html_percent(scales.share).text,
        page->worker_count > HTML_WORST
            ? " First those that dropped, failed or fell behind most; the others share one."
            : "");
    for (unsigned i = 0; i < page->worst_count; i++)
        print_own_graphs(page, page->worst[i], &scales);
    print_rest(page, &scales);
    fputs("</div>\n</section>\n", page->out);
}

/* ---- the table */

static const struct column_of_page {
    const char *key, *title;
    struct html_number (*text)(double value);
} worker_columns[] = {
    {"packets", "packets", html_count},   {"share", "share", html_percent},
    {"bytes", "bytes", html_bytes},       {"flows", "flows", html_count},
    {"backlog", "backlog", html_count},   {"max_backlog", "at most", html_count},
    {"dropped", "dropped", html_count},   {"quarantined", "quarantined", html_count},
    {"restarts", "restarts", html_count}, {"hangs", "hangs", html_count},
};
#define WORKER_COLUMNS (sizeof worker_columns / sizeof *worker_columns)

static void print_worker_row(FILE *out, const json_t *worker) {
    json_int_t pid = report_number(worker, "pid"), cpu = report_number(worker, "cpu");
    fprintf(out, "<tr><th scope=\"row\">%.0f</th><td class=\"text\">", html_at(worker, "worker"));
    html_escaped(out, report_worker_state(worker), strlen(report_worker_state(worker)));
    fputs("</td>", out);
    if (pid > 0)
        fprintf(out, "<td>%" JSON_INTEGER_FORMAT "</td>", pid);
    else
        fputs("<td></td>", out);
    if (cpu >= 0)
        fprintf(out, "<td>%" JSON_INTEGER_FORMAT "</td>", cpu);
    else
        fputs("<td>any</td>", out);
    for (size_t i = 0; i < WORKER_COLUMNS; i++)
        fprintf(out, "<td>%s</td>",
                worker_columns[i].text(html_at(worker, worker_columns[i].key)).text);
    static const char *const waits[] = {"latency.p50_us", "latency.p99_us"};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        fprintf(out, "<td>%s</td>",
                html_at(worker, "latency.samples") > 0
                    ? html_time(html_at(worker, waits[i]) / 1e6).text
                    : "");
    fputs("</tr>\n", out);
}

void html_print_workers(const struct html_page *page) {
    if (page->worker_count == 0)
        return;
    fputs("<section>\n<h2>Workers</h2>\n<div class=\"wide\"><table "
          "class=\"workers\">\n<thead><tr><th>worker</th>"
          "<th class=\"text\">state</th><th>pid</th><th>CPU</th>",
          page->out);
    for (size_t i = 0; i < WORKER_COLUMNS; i++)
        fprintf(page->out, "<th>%s</th>", worker_columns[i].title);
    fputs("<th>wait, 50 %</th><th>99 %</th></tr></thead>\n<tbody>\n", page->out);
    for (unsigned i = 0; i < page->worker_count; i++)
        print_worker_row(page->out, page->workers[i]);
    fputs("</tbody></table></div>\n</section>\n", page->out);
}
