/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report_html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/report/html_parts.h"
#include "shm/report/report_text.h"

#define EVENTS_MOST 400u /* of a history, the last ones: the page stays small */

/* ---- events */

static const char *known_severity(const char *severity) {
    static const char *const known[] = {"error", "warning"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(severity, known[i]) == 0)
            return known[i];
    }
    return "info";
}

static unsigned take_events(struct html_event list[EVENTS_MOST], const json_t *history) {
    const json_t *events = json_object_get(history, "events");
    size_t all = json_array_size(events), first = all > EVENTS_MOST ? all - EVENTS_MOST : 0;
    for (size_t i = first; i < all; i++) {
        const json_t *event = json_array_get(events, i);
        const json_t *worker = json_object_get(event, "worker");
        json_int_t k = json_is_integer(worker) ? json_integer_value(worker) : -1;
        list[i - first] = (struct html_event){
            .time = html_at(event, "time"),
            .number = (unsigned)(i - first) + 1,
            .worker = k >= 0 && k < (json_int_t)FB_MAX_WORKERS ? (int)k : -1,
            .severity = known_severity(report_word(event, "severity")),
            .json = event,
        };
    }
    return (unsigned)(all - first);
}

/* ---- the document */

/* What a loss is drawn with beside its colour: lines over it, of the colour of the page. A plot
 * is narrower on a phone, by a factor of three: so they are wide. */
static const struct pattern {
    enum html_fate fate;
    unsigned width, height;
    const char *lines;
} patterns[] = {
    {HTML_RING_FULL, 12, 6, "M-2 1L2 -1M0 6L12 0M10 7L14 5"},
    {HTML_NO_WORKER, 12, 6, "M-2 5L2 7M0 0L12 6M10 -1L14 1"},
    {HTML_ABANDONED, 12, 4, "M0 2H6"},
    {HTML_QUARANTINED, 12, 6, "M0 0L12 6M0 6L12 0"},
    {HTML_BYPASSED, 12, 5, "M0 2.5H12"},
    {HTML_KERNEL_DROPS, 9, 5, "M4.5 0V5"},
    {HTML_INTERFACE_DROPS, 9, 5, "M4.5 0V5M0 2.5H9"},
};
#define PATTERNS (sizeof patterns / sizeof *patterns)

static void print_patterns(FILE *out) {
    fputs("<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>\n",
          out);
    for (size_t i = 0; i < PATTERNS; i++) {
        const struct pattern *p = &patterns[i];
        const char *class = html_fate_class(p->fate);
        fprintf(out,
                "<pattern id=\"p-%s\" width=\"%u\" height=\"%u\" patternUnits=\"userSpaceOnUse\">"
                "<rect width=\"%u\" height=\"%u\" style=\"fill:var(--%s)\"/><path d=\"%s\" "
                "style=\"stroke:var(--bg);stroke-width:1;fill:none\"/></pattern>\n",
                class, p->width, p->height, p->width, p->height, class, p->lines);
    }
    fputs("</defs></svg>\n", out);
}

static void print_style(FILE *out) {
    fputs("<style>\n", out);
    for (const char *const *line = html_style; *line != NULL; line++)
        fprintf(out, "%s\n", *line);
    for (size_t i = 0; i < PATTERNS; i++) {
        const char *class = html_fate_class(patterns[i].fate);
        fprintf(out, ".area.%s{fill:url(#p-%s)}\n", class, class);
    }
    fputs("</style>\n", out);
}

static void print_document_head(const struct html_page *page) {
    FILE *out = page->out;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
          out);
    html_word(out, page->report, "instance");
    fputs(" \u2013 flow-balancer</title>\n", out);
    print_style(out);
    fputs("</head>\n<body>\n", out);
    print_patterns(out);
}

static void print_document(const struct html_page *page, double time) {
    print_document_head(page);
    html_print_head(page);
    fputs("<main>\n", page->out);
    html_print_course(page);
    html_print_events(page);
    html_print_worker_graphs(page);
    html_print_waits(page);
    html_print_flows(page);
    html_print_interfaces(page);
    html_print_workers(page);
    html_print_ledger(page);
    html_print_configuration(page);
    fprintf(page->out,
            "</main>\n<footer>Written %s by flow-balancer " FB_VERSION
            ". This page fetches nothing.</footer>\n</body>\n</html>\n",
            html_date(time).text);
}

int fb_report_print_html(FILE *out, const json_t *report, const json_t *history, double time) {
    struct html_page page = {.out = out, .report = report, .history = history};
    struct html_event *events = calloc(EVENTS_MOST, sizeof *events);
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    bool died = strcmp(report_word(dispatcher, "state"), "died") == 0;
    page.begin = time - html_at(report, "running_s");
    page.end = time - (died ? html_at(dispatcher, "heartbeat_age_s") : 0);
    struct html_series *series = html_series_make(report, history, page.begin, page.end);
    bool made = series != NULL && events != NULL;
    if (made) {
        page.series = series;
        page.events = (struct html_events){.list = events, .count = take_events(events, history)};
        html_choose_workers(&page);
        print_document(&page, time);
    }
    free(series);
    free(events);
    return made ? 0 : -ENOMEM;
}
