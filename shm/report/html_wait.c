/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <math.h>
#include <string.h>

/* How long packets waited: percentiles on one scale, and as a table. */

#define ROW_HEIGHT 24
#define STAGES 4u

struct wait_row {
    char name[48]; /* text of ours */
    const json_t *latency;
};

struct waits {
    struct wait_row rows[STAGES + HTML_WORST];
    unsigned count;
    double least_us, most_us; /* the ends of the scale: 1, 2 or 5 times a power of ten */
};

static void add_row(struct waits *waits, const char *name, const json_t *latency) {
    if (html_at(latency, "samples") == 0)
        return;
    struct wait_row *row = &waits->rows[waits->count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    row->latency = latency;
}

/* The next value of the scale from one that is in it. */
static double step_up(double value) {
    double power = pow(10, floor(log10(value * 1.001))), digit = round(value / power);
    return digit < 2 ? 2 * power : digit < 5 ? 5 * power : 10 * power;
}

static void find_scale(struct waits *waits) {
    double least = INFINITY, most = 0;
    for (unsigned i = 0; i < waits->count; i++) {
        double p50 = html_at(waits->rows[i].latency, "p50_us");
        double max = html_at(waits->rows[i].latency, "max_us");
        least = p50 > 0 && p50 < least ? p50 : least;
        most = max > most ? max : most;
    }
    least = isfinite(least) && least >= 1e-3 ? least : 1e-3;
    most = most > least ? most : least;
    waits->least_us = pow(10, floor(log10(least)));
    while (step_up(waits->least_us) <= least)
        waits->least_us = step_up(waits->least_us);
    waits->most_us = step_up(waits->least_us);
    while (waits->most_us < most)
        waits->most_us = step_up(waits->most_us);
}

static void collect_waits(struct waits *waits, const struct html_page *page) {
    const json_t *delays = json_object_get(page->report, "delays");
    const json_t *wait = json_object_get(delays, "dispatch_to_inspection");
    add_row(waits, "capture to dispatch", json_object_get(delays, "capture_to_dispatch"));
    add_row(waits, "dispatch to inspection",
            wait != NULL ? wait : json_object_get(page->report, "latency"));
    add_row(waits, "inspection of a packet", json_object_get(delays, "inspection"));
    for (unsigned i = 0; i < page->worst_count; i++) {
        char name[48];
        snprintf(name, sizeof name, "wait at worker %.0f", html_at(page->worst[i], "worker"));
        add_row(waits, name, json_object_get(page->worst[i], "latency"));
    }
    find_scale(waits);
}

/* ---- the graph */

static double percent_of(const struct waits *waits, double us) {
    double least = log10(waits->least_us), span = log10(waits->most_us) - least;
    double part = us > waits->least_us ? (log10(us) - least) / span : 0;
    return (part < 1 ? part : 1) * 100;
}

static void print_wait_scale(FILE *out, const struct waits *waits) {
    unsigned height = waits->count * ROW_HEIGHT, i = 0;
    bool decades = waits->most_us / waits->least_us > 250;
    for (double us = waits->least_us; us <= waits->most_us * 1.001; us = step_up(us)) {
        if (decades && fabs(log10(us) - round(log10(us))) > 0.01)
            continue;
        double x = percent_of(waits, us);
        fprintf(out,
                "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"%u\"/>"
                "<text class=\"x%s%s\" x=\"%.2f%%\" y=\"%u\">%s</text>\n",
                x, x, height, i++ % 2 != 0 ? " odd" : "", x > 96 ? " last" : "", x, height + 17,
                html_time(us / 1e6).text);
    }
}

static void print_wait(FILE *out, const struct waits *waits, unsigned i) {
    const json_t *latency = waits->rows[i].latency;
    double p50 = percent_of(waits, html_at(latency, "p50_us"));
    double p99 = percent_of(waits, html_at(latency, "p99_us"));
    double max = percent_of(waits, html_at(latency, "max_us"));
    unsigned y = i * ROW_HEIGHT + ROW_HEIGHT / 2;
    fprintf(out,
            "<text class=\"y\" x=\"-8\" y=\"%u\">%s</text>"
            "<line class=\"thin\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\"/>"
            "<line class=\"thick\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\"/>"
            "<circle class=\"half\" cx=\"%.2f%%\" cy=\"%u\" r=\"5\"/>"
            "<line class=\"end\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\"/>\n",
            y + 4, waits->rows[i].name, p50, max, y, y, p50, p99, y, y, p50, y, max, max, y - 6,
            y + 6);
}

static void print_wait_graph(FILE *out, const struct waits *waits) {
    fprintf(out,
            "<div class=\"frame rows\"><svg class=\"plot\" role=\"img\" height=\"%u\" "
            "aria-labelledby=\"wait-t wait-d\"><title id=\"wait-t\">Waiting times</title>"
            "<desc id=\"wait-d\">From the median to 99 %% and to the longest, on a logarithmic "
            "scale; the table below has the numbers.</desc>\n",
            waits->count * ROW_HEIGHT);
    print_wait_scale(out, waits);
    for (unsigned i = 0; i < waits->count; i++)
        print_wait(out, waits, i);
    fputs("</svg></div>\n", out);
}

/* ---- the table */

static const struct percentile {
    const char *key, *title;
} percentiles[] = {
    {"p50_us", "50 % within"},
    {"p90_us", "90 %"},
    {"p99_us", "99 %"},
    {"max_us", "all"},
};
#define PERCENTILES (sizeof percentiles / sizeof *percentiles)

static void print_wait_row(FILE *out, const struct wait_row *row) {
    fprintf(out, "<tr><th scope=\"row\" class=\"text\">%s</th><td>%s</td>", row->name,
            html_count(html_at(row->latency, "samples")).text);
    for (size_t i = 0; i < PERCENTILES; i++) {
        const char *key = percentiles[i].key;
        bool known = json_object_get(row->latency, key) != NULL;
        fprintf(out, "<td>%s</td>",
                known ? html_time(html_at(row->latency, key) / 1e6).text : "\u2013");
    }
    fputs("</tr>\n", out);
}

void html_print_waits(const struct html_page *page) {
    struct waits waits = {.count = 0};
    collect_waits(&waits, page);
    if (waits.count == 0)
        return;
    fputs("<section>\n<h2>Waiting times</h2>\n<p class=\"note\">Sampled; each value is the upper "
          "bound of its bucket. The dot is the median: half of the samples are within it. The bar "
          "ends at 99 %, the line at the longest. The scale is logarithmic. The wait at a worker "
          "is from dispatch to inspection.</p>\n",
          page->out);
    print_wait_graph(page->out, &waits);
    fputs(
        "<div class=\"wide\"><table>\n<thead><tr><th class=\"text\">time from</th><th>samples</th>"
        "<th>50 % within</th><th>90 %</th><th>99 %</th><th>all</th></tr></thead>\n<tbody>\n",
        page->out);
    for (unsigned i = 0; i < waits.count; i++)
        print_wait_row(page->out, &waits.rows[i]);
    fputs("</tbody></table></div>\n</section>\n", page->out);
}
