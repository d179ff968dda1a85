/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_HTML_SERIES_H
#define SHM_REPORT_HTML_SERIES_H

#include <jansson.h>
#include <stdbool.h>

#include "flow_balancer/names.h"

/*
 * What the graphs of the page show: the samples of a history as columns, at most
 * HTML_COLUMNS of them whatever its length is, each with rates between two samples and the
 * highest level since the column before. The run begins with nothing and, once it is over,
 * ends with its report, so that both are samples too. Samples come from shared memory and are
 * input: one that is not later than the one before is left out, and a count that goes back stays.
 */
#define HTML_COLUMNS 240u

/* Where a packet may end. */
enum html_fate {
    HTML_INSPECTED,
    HTML_RING_FULL,
    HTML_NO_WORKER,
    HTML_ABANDONED,
    HTML_QUARANTINED,
    HTML_BYPASSED,
    HTML_KERNEL_DROPS,
    HTML_INTERFACE_DROPS,
    HTML_FATES
};

extern const struct html_fate_text {
    const char *name;    /* for people */
    const char *sample;  /* where a sample of the history has the count */
    const char *report;  /* where the report has it */
    const char *because; /* goes on after a count that is lost */
} html_fates[HTML_FATES];

struct html_worker_series {
    double backlog[HTML_COLUMNS]; /* packets */
    double share[HTML_COLUMNS];   /* of what all workers finished in that column, 0 to 1 */
};

struct html_series {
    unsigned columns;              /* 0: there is nothing to draw */
    double edge[HTML_COLUMNS + 1]; /* times between the columns, seconds since 1970 */
    double per_s[HTML_FATES][HTML_COLUMNS];
    double bytes_per_s[HTML_COLUMNS];
    double in_flight[HTML_COLUMNS]; /* packets */
    double flows[HTML_COLUMNS];     /* alive */
    struct html_worker_series workers[FB_MAX_WORKERS];
};

/*
 * Builds the series of a run from its begin to the report, both in seconds since 1970, and of
 * its history, which may be NULL. The caller owns the result (free). NULL if memory ran out.
 */
struct html_series *html_series_make(const json_t *report, const json_t *history, double begin,
                                     double end);

/* The highest of count values. */
double html_highest(const double *values, unsigned count);

#endif
