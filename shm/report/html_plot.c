/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_plot.h"

#include <math.h>
#include <string.h>

#define PLOT_WIDTH 1000.0
#define TICKS_MOST 8          /* of the time axis; every other one where the page is narrow */
#define MARK_CHARACTER 0.024  /* of the width: a character of the text of a mark, on a phone */
#define SMALL_CHARACTER 0.045 /* the same of a small plot */
#define LINES_APART 0.004     /* nearer ones share a line */

static unsigned height_of(const struct html_plot *plot) {
    static const unsigned heights[] = {[HTML_TALL] = 240, [HTML_LOW] = 90, [HTML_SMALL] = 56};
    return heights[plot->size];
}

double html_round_top(double highest) {
    if (!(highest > 0))
        return 1;
    double power = pow(10, floor(log10(highest)));
    static const double steps[] = {1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (highest <= steps[i] * power * (1 + 1e-9))
            return steps[i] * power;
    }
    return 10 * power;
}

/* ---- places */

static double begin_of(const struct html_plot *plot) {
    return plot->series->edge[0];
}

static double span_of(const struct html_plot *plot) {
    return plot->series->edge[plot->series->columns] - begin_of(plot);
}

/* The part of the width that is left of a time. */
static double part_before(const struct html_plot *plot, double time) {
    double part = (time - begin_of(plot)) / span_of(plot);
    return part < 0 ? 0 : part < 1 ? part : 1;
}

static double x_of(const struct html_plot *plot, unsigned edge) {
    return part_before(plot, plot->series->edge[edge]) * PLOT_WIDTH;
}

static double y_of(const struct html_plot *plot, double value) {
    double part = value / plot->top;
    return (1 - (part < 0 ? 0 : part < 1 ? part : 1)) * height_of(plot);
}

/* ---- frame */

static void print_grid(FILE *out, const struct html_plot *plot) {
    unsigned height = height_of(plot), lines = plot->size == HTML_TALL  ? 4
                                               : plot->size == HTML_LOW ? 2
                                                                        : 1;
    for (unsigned i = 0; i <= lines; i++) {
        double y = height - (double)height * i / lines;
        fprintf(out, "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>", y, y);
        if (plot->size != HTML_SMALL)
            fprintf(out, "<text class=\"y\" x=\"-6\" y=\"%.1f\">%s</text>", y + 4,
                    plot->label(plot->top * i / lines).text);
    }
}

void html_plot_open(FILE *out, const struct html_plot *plot, const char *title,
                    const char *description) {
    unsigned height = height_of(plot);
    fprintf(
        out,
        "<div class=\"frame%s\"><svg class=\"plot\" role=\"img\" height=\"%u\" "
        "aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>",
        plot->size == HTML_SMALL ? " small" : "", height, plot->id, plot->id, plot->id, title,
        plot->id, description);
    print_grid(out, plot);
    fprintf(out,
            "\n<svg width=\"100%%\" height=\"%u\" viewBox=\"0 0 %.0f %u\" "
            "preserveAspectRatio=\"none\">\n",
            height, PLOT_WIDTH, height);
}

/* ---- shapes: a column is as wide as its time, so they have steps */

static void print_steps(FILE *out, const struct html_plot *plot, const double *values) {
    for (unsigned c = 0; c < plot->series->columns; c++)
        fprintf(out, "V%.1fH%.1f", y_of(plot, values[c]), x_of(plot, c + 1));
}

static void print_steps_back(FILE *out, const struct html_plot *plot, const double *values) {
    for (unsigned c = plot->series->columns; c-- > 0;)
        fprintf(out, "V%.1fH%.1f", y_of(plot, values[c]), x_of(plot, c));
}

void html_plot_area(FILE *out, const struct html_plot *plot, const double *lower,
                    const double *upper, const char *class) {
    fprintf(out, "<path class=\"area %s\" d=\"M0 %u", class, height_of(plot));
    print_steps(out, plot, upper);
    if (lower != NULL)
        print_steps_back(out, plot, lower);
    else
        fprintf(out, "V%uH0", height_of(plot));
    fputs("Z\"/>\n", out);
}

void html_plot_line(FILE *out, const struct html_plot *plot, const double *values,
                    const char *class) {
    fprintf(out, "<path class=\"line %s\" d=\"M0 %.1f", class, y_of(plot, values[0]));
    print_steps(out, plot, values);
    fputs("\"/>\n", out);
}

void html_plot_column_open(FILE *out, const struct html_plot *plot, unsigned column) {
    double x = x_of(plot, column);
    fprintf(out, "<rect class=\"hit\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%u\"><title>", x,
            x_of(plot, column + 1) - x, height_of(plot));
}

void html_plot_column_close(FILE *out) {
    fputs("</title></rect>\n", out);
}

/* ---- marks of events */

/* Events that share a text: the first and the last number, and the worst. */
struct mark {
    double part; /* of the width, of the first */
    unsigned first, last;
    const char *severity;
};

static bool is_marked(const struct html_plot *plot, const struct html_event *event) {
    return (plot->worker < 0 || plot->worker == event->worker) && event->time >= begin_of(plot) &&
           event->time <= begin_of(plot) + span_of(plot);
}

static int rank_of(const char *severity) {
    return strcmp(severity, "error") == 0 ? 2 : strcmp(severity, "warning") == 0 ? 1 : 0;
}

static void print_mark_line(FILE *out, const struct html_plot *plot, const char *severity,
                            double part) {
    fprintf(out, "<line class=\"mark %s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"-3\" y2=\"%u\"/>",
            severity, part * 100, part * 100, height_of(plot));
}

/* How far two texts are apart at least, as parts of the width: "12...34" has room then. */
static double text_room(const struct html_plot *plot) {
    unsigned digits = 1;
    for (unsigned rest = plot->events->count / 10; rest != 0; rest /= 10)
        digits++;
    double character = plot->size == HTML_SMALL ? SMALL_CHARACTER : MARK_CHARACTER;
    return character * (2 * (digits > 1 ? digits : 2) + 1);
}

static void print_mark_text(FILE *out, const struct html_plot *plot, const struct mark *mark) {
    if (mark->first == 0)
        return;
    double half = text_room(plot) / 2;
    const char *edge = mark->part < half ? " first" : mark->part > 1 - half ? " last" : "";
    fprintf(out, "<text class=\"mark %s%s\" x=\"%.2f%%\" y=\"%d\">%u", mark->severity, edge,
            mark->part * 100, plot->size == HTML_SMALL ? -5 : -7, mark->first);
    if (mark->last != mark->first)
        fprintf(out, "\u2026%u", mark->last);
    fputs("</text>\n", out);
}

static void print_marks(FILE *out, const struct html_plot *plot) {
    double apart = text_room(plot), line = -1;
    struct mark mark = {.first = 0};
    for (unsigned i = 0; i < plot->events->count; i++) {
        const struct html_event *event = &plot->events->list[i];
        if (!is_marked(plot, event))
            continue;
        double part = part_before(plot, event->time);
        if (line < 0 || fabs(part - line) >= LINES_APART || rank_of(event->severity) > 0) {
            print_mark_line(out, plot, event->severity, part);
            line = part;
        }
        double near =
            part > 1 - apart / 2 ? 1.5 * apart : apart; /* a text at the end is left of it */
        if (mark.first == 0 || part - mark.part >= near) {
            print_mark_text(out, plot, &mark);
            mark = (struct mark){part, event->number, event->number, event->severity};
        }
        mark.last = event->number;
        if (rank_of(event->severity) > rank_of(mark.severity))
            mark.severity = event->severity;
    }
    print_mark_text(out, plot, &mark);
}

/* ---- time axis */

static double step_of(double span_s) {
    static const double steps[] = {0.1, 0.2, 0.5, 1,   2,    5,    10,   15,    30,    60,
                                   120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (span_s / steps[i] <= TICKS_MOST)
            return steps[i];
    }
    return ceil(span_s / TICKS_MOST / 86400) * 86400;
}

static void print_time_axis(FILE *out, const struct html_plot *plot) {
    double step = step_of(span_of(plot)), end = begin_of(plot) + span_of(plot);
    double first = ceil(begin_of(plot) / step) * step;
    for (unsigned i = 0; i <= TICKS_MOST && first + i * step <= end; i++) {
        double percent = part_before(plot, first + i * step) * 100;
        /* Words at an edge would leave the page. */
        const char *edge = percent < 4 ? " first" : percent > 96 ? " last" : "";
        fprintf(out,
                "<line class=\"tick\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%u\" y2=\"%u\"/>"
                "<text class=\"x%s%s\" x=\"%.2f%%\" y=\"%u\">%s</text>",
                percent, percent, height_of(plot), height_of(plot) + 4, i % 2 != 0 ? " odd" : "",
                edge, percent, height_of(plot) + 17, html_clock(first + i * step, step).text);
    }
}

void html_plot_close(FILE *out, const struct html_plot *plot) {
    fputs("</svg>\n", out);
    print_marks(out, plot);
    if (plot->size != HTML_SMALL)
        print_time_axis(out, plot);
    fputs("</svg></div>\n", out);
}
