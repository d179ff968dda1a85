/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <string.h>

#include "flow_balancer/report.h"
#include "shm/report/report_text.h"

const char *html_fate_class(enum html_fate fate) {
    static const char *const classes[HTML_FATES] = {
        [HTML_INSPECTED] = "inspected",       [HTML_RING_FULL] = "ring-full",
        [HTML_NO_WORKER] = "no-worker",       [HTML_ABANDONED] = "abandoned",
        [HTML_QUARANTINED] = "quarantined",   [HTML_BYPASSED] = "bypassed",
        [HTML_KERNEL_DROPS] = "kernel-drops", [HTML_INTERFACE_DROPS] = "interface-drops",
    };
    return classes[fate];
}

void html_print_swatch(FILE *out, const char *class) {
    fprintf(out,
            "<svg class=\"swatch\" width=\"18\" height=\"12\" aria-hidden=\"true\">"
            "<rect class=\"area %s\" width=\"18\" height=\"12\"/></svg>",
            class);
}

double html_lost(const json_t *report) {
    double lost = 0;
    for (unsigned f = HTML_INSPECTED + 1; f < HTML_FATES; f++)
        lost += html_at(report, html_fates[f].report);
    return lost;
}

/* What came, to whichever of the fates. */
static double offered(const json_t *report) {
    return html_at(report, "ledger.received") + html_at(report, "capture.kernel_drops") +
           html_at(report, "capture.interface_drops");
}

/* ---- the verdict */

static bool has_died(const json_t *report) {
    return strcmp(report_word(json_object_get(report, "dispatcher"), "state"), "died") == 0;
}

/* Where one ring is the reason for most of the drops, its worker is the one to look at. */
static void print_worst_ring(const struct html_page *page) {
    double all = 0, most = 0;
    const json_t *worst = NULL;
    for (unsigned i = 0; i < page->worker_count; i++) {
        double dropped = html_at(page->workers[i], "dropped");
        all += dropped;
        if (dropped > most) {
            most = dropped;
            worst = page->workers[i];
        }
    }
    if (page->worker_count > 1 && most > 0 && most >= all / 2)
        fprintf(page->out, ", %s of them worker %.0f's", html_percent(most / all).text,
                html_at(worst, "worker"));
}

static void print_losses(const struct html_page *page) {
    const char *before = ": ";
    for (unsigned f = HTML_INSPECTED + 1; f < HTML_FATES; f++) {
        double lost = html_at(page->report, html_fates[f].report);
        if (lost == 0)
            continue;
        fprintf(page->out, "%s%s %s", before, html_count(lost).text, html_fates[f].because);
        if (f == HTML_RING_FULL)
            print_worst_ring(page);
        before = "; ";
    }
}

static void print_verdict(const struct html_page *page) {
    const json_t *report = page->report;
    double lost = html_lost(report), all = offered(report);
    double under_way = html_at(report, "ledger.in_flight");
    bool balanced = fb_report_balanced(report);
    if (has_died(report))
        fprintf(page->out,
                "<p class=\"verdict bad\"><span class=\"sign\" aria-hidden=\"true\">\u2715</span> "
                "The dispatcher died: this is its last "
                "snapshot, and what came after it is not counted.</p>\n");
    fprintf(page->out,
            "<p class=\"verdict %s\"><span class=\"sign\" aria-hidden=\"true\">%s</span> ",
            !balanced  ? "bad"
            : lost > 0 ? "loss"
                       : "good",
            !balanced  ? "\u2715"
            : lost > 0 ? "\u25b2"
                       : "\u2713");
    if (!balanced)
        fprintf(page->out,
                "The ledger does not balance: %s of %s packets are accounted for. This is a fault "
                "of flow-balancer, please report it.",
                html_count(html_at(report, "ledger.accounted")).text,
                html_count(html_at(report, "ledger.received")).text);
    else if (all == 0)
        fputs("No packet came; 0 lost.", page->out);
    else if (lost == 0)
        fputs("Every packet is accounted for; 0 lost.", page->out);
    if (balanced && lost > 0) {
        fprintf(page->out, "Every packet is accounted for; %s of %s lost (%s)",
                html_count(lost).text, html_count(all).text, html_percent(lost / all).text);
        print_losses(page);
        fputc('.', page->out);
    }
    if (under_way > 0)
        fprintf(page->out, " %s are still under way.", html_count(under_way).text);
    fputs("</p>\n", page->out);
}

/* ---- figures */

static void print_tile(FILE *out, const char *name, struct html_number value, const char *before,
                       struct html_number more, const char *after) {
    fprintf(out, "<li><span>%s</span><b>%s</b><span>%s%s%s</span></li>\n", name, value.text, before,
            more.text, after);
}

static void print_tiles(const struct html_page *page) {
    const json_t *report = page->report;
    FILE *out = page->out;
    double received = html_at(report, "ledger.received"), all = offered(report);
    double inspected = html_at(report, "ledger.inspected"), lost = html_lost(report);
    double elapsed = html_at(report, "elapsed_s"), bytes = 0, part = all > 0 ? 1 / all : 0;
    for (unsigned i = 0; i < page->worker_count; i++)
        bytes += html_at(page->workers[i], "bytes");
    fputs("<ul class=\"tiles\">\n", out);
    print_tile(out, "Received", html_count(received),
               "packets; put into rings: ", html_bytes(bytes), "");
    print_tile(out, "Inspected", html_count(inspected), "packets, ", html_percent(inspected * part),
               "");
    print_tile(out, "Lost", html_count(lost), "packets, ", html_percent(lost * part), "");
    print_tile(out, "Mean rate", html_short(elapsed > 0 ? received / elapsed : 0),
               "packets a second; into rings: ", html_bytes(elapsed > 0 ? bytes / elapsed : 0),
               "/s");
    print_tile(out, "Flows", html_count(html_at(report, "flows.created")),
               "alive at most: ", html_count(html_at(report, "flows.peak")), "");
    print_tile(out, "Duration", html_duration(elapsed),
               "from the first packet; the run: ", html_duration(page->end - page->begin), "");
    fputs("</ul>\n", out);
}

/* ---- where the packets went, as one bar */

#define SEEN_LEAST 0.6 /* per cent of the width: what is not zero is seen */

static void print_part(FILE *out, double *x, double share, const char *class, const char *name,
                       double count) {
    double width = share * 100 > SEEN_LEAST ? share * 100 : SEEN_LEAST;
    fprintf(out,
            "<rect class=\"area %s\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"26\"><title>%s: %s"
            "</title></rect>",
            class, *x, width, name, html_count(count).text);
    *x += width;
}

static void print_legend_row(FILE *out, const char *class, const char *name, double count,
                             double all) {
    fputs("<li>", out);
    html_print_swatch(out, class);
    fprintf(out, "%s <b>%s</b> (%s)</li>\n", name, html_count(count).text,
            html_percent(all > 0 ? count / all : 0).text);
}

/* What is lost comes first: it is what is looked for, and the rest fills the bar. */
static void print_bar(const struct html_page *page) {
    const json_t *report = page->report;
    double all = offered(report), x = 0, under_way = html_at(report, "ledger.in_flight");
    if (all == 0)
        return;
    fprintf(page->out,
            "<svg class=\"bar\" role=\"img\" width=\"100%%\" height=\"26\" "
            "aria-labelledby=\"bar-t\"><title id=\"bar-t\">Where the packets of the run went: "
            "the list below has the numbers</title>");
    for (unsigned f = HTML_INSPECTED + 1; f < HTML_FATES; f++) {
        double count = html_at(report, html_fates[f].report);
        if (count > 0)
            print_part(page->out, &x, count / all, html_fate_class(f), html_fates[f].name, count);
    }
    if (under_way > 0)
        print_part(page->out, &x, under_way / all, "under-way", "under way", under_way);
    double inspected = html_at(report, "ledger.inspected");
    if (inspected > 0 && x < 100)
        print_part(page->out, &x, (100 - x) / 100, "inspected", "inspected", inspected);
    fputs("</svg>\n<ul class=\"legend\">\n", page->out);
    for (unsigned f = 0; f < HTML_FATES; f++) {
        double count = html_at(report, html_fates[f].report);
        if (count > 0 || f == HTML_INSPECTED)
            print_legend_row(page->out, html_fate_class(f), html_fates[f].name, count, all);
    }
    if (under_way > 0)
        print_legend_row(page->out, "under-way", "under way", under_way, all);
    fputs("</ul>\n", page->out);
}

/* ---- */

void html_print_head(const struct html_page *page) {
    const json_t *dispatcher = json_object_get(page->report, "dispatcher");
    FILE *out = page->out;
    fputs("<header>\n<h1>", out);
    html_word(out, page->report, "instance");
    fputs("</h1>\n<p class=\"sub\">flow-balancer ", out);
    html_word(out, page->report, "version");
    fputs(" \u00b7 dispatcher ", out);
    html_word(out, dispatcher, "state");
    fprintf(out, " \u00b7 started %s, %s for %s</p>\n", html_date(page->begin).text,
            strcmp(report_word(dispatcher, "state"), "running") == 0 ? "running" : "ran",
            html_duration(page->end - page->begin).text);
    print_verdict(page);
    print_tiles(page);
    fputs("</header>\n<section>\n<h2>Where the packets went</h2>\n", out);
    print_bar(page);
    fputs("</section>\n", out);
}
