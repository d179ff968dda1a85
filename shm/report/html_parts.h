/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_HTML_PARTS_H
#define SHM_REPORT_HTML_PARTS_H

#include <stdio.h>

#include "flow_balancer/names.h"

#include "shm/report/html_plot.h"

/* The parts of the page, in their order. One that has nothing to show prints nothing. */

#define HTML_WORST 12u /* workers that have graphs of their own; the others share one */

struct html_page {
    FILE *out;
    const json_t *report, *history;
    double begin, end; /* of the run, or up to the report; seconds since 1970 */
    const struct html_series *series;
    struct html_events events;
    const json_t *workers[FB_MAX_WORKERS]; /* that were used, in the order of the report */
    unsigned worker_count;
    const json_t *worst[HTML_WORST]; /* of these, or all of them, if they are few */
    unsigned worst_count;
};

extern const char *const html_style[]; /* the lines of the style sheet, NULL at the end */

void html_print_head(const struct html_page *page);
void html_print_course(const struct html_page *page); /* fate of packets over time */
void html_print_events(const struct html_page *page);
void html_print_worker_graphs(const struct html_page *page);
void html_print_waits(const struct html_page *page);
void html_print_flows(const struct html_page *page);
void html_print_interfaces(const struct html_page *page);
void html_print_workers(const struct html_page *page);
void html_print_ledger(const struct html_page *page);
void html_print_configuration(const struct html_page *page);

/* Chooses the workers of the page: of more than HTML_WORST those that lost, failed or fell behind
 * most, the worst first. */
void html_choose_workers(struct html_page *page);

/* Everything that was lost: what no worker has inspected and none will. */
double html_lost(const json_t *report);

/* The pattern that goes with a colour, in a legend. */
void html_print_swatch(FILE *out, const char *class);
const char *html_fate_class(enum html_fate fate);

#endif
