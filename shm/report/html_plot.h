/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_HTML_PLOT_H
#define SHM_REPORT_HTML_PLOT_H

#include <stdio.h>

#include "shm/report/html_series.h"
#include "shm/report/html_text.h"

/*
 * Graphs over time as inline SVG. A plot is as wide as the page: its shapes are in a drawing
 * of PLOT_WIDTH units that is stretched, its words are not, and have places in per cent. A
 * description says what is drawn to those who do not see it; a table has the numbers.
 */

/* A life-cycle event, on the axis of every plot. */
struct html_event {
    double time;
    unsigned number; /* in the list of the page */
    int worker;      /* -1: of none */
    const char *severity;
    const json_t *json;
};

struct html_events {
    const struct html_event *list; /* in the order of their numbers */
    unsigned count;
};

enum html_size { HTML_TALL, HTML_LOW, HTML_SMALL };

struct html_plot {
    const char *id; /* unique in the page */
    enum html_size size;
    double top; /* the value at the upper edge, as of html_round_top() */
    struct html_number (*label)(double value);
    const struct html_series *series;
    const struct html_events *events;
    int worker; /* only events of this one are marked; -1: all */
};

/* The least value of 1, 2 or 5 times a power of ten that is not below it; 1 for nothing. */
double html_round_top(double highest);

/* Begins a plot, with its grid. Title and description are text of ours. */
void html_plot_open(FILE *out, const struct html_plot *plot, const char *title,
                    const char *description);

/* The area between two values of each column, lower NULL: from zero on; of a CSS class. */
void html_plot_area(FILE *out, const struct html_plot *plot, const double *lower,
                    const double *upper, const char *class);

/* A line over the values of each column. */
void html_plot_line(FILE *out, const struct html_plot *plot, const double *values,
                    const char *class);

/* What the mouse shows over a column: begins before it is written, ends after it. */
void html_plot_column_open(FILE *out, const struct html_plot *plot, unsigned column);
void html_plot_column_close(FILE *out);

/* Ends the shapes; then come the marks of events, the time axis and the end of the plot. */
void html_plot_close(FILE *out, const struct html_plot *plot);

#endif
