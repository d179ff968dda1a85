/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_REPORT_HTML_H
#define FLOW_BALANCER_REPORT_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * The report of a run, and what is known of its course, as one HTML page: for a browser
 * without a network, for print, for an attachment. It has no script and fetches nothing. The
 * page is well-formed XML as well, so that any tool can read its numbers.
 */

/*
 * Prints the page of a report (flow-balancer.report/1) that was built at a time, in seconds
 * since 1970, and of a history (flow-balancer.history/1), which may be NULL: the page then
 * lacks graphs over time and events. Both are input: names, options and texts of events are
 * escaped, and what is missing is left out. Times of day are those of the process's time zone.
 * Returns 0, or -ENOMEM, and nothing is printed; whether out took it, ferror() says. Any
 * process; not for the data path.
 */
int fb_report_print_html(FILE *out, const json_t *report, const json_t *history, double time);

/* Writes the page of a report that was built just now as fb_report_write() writes one. */
int fb_report_write_html(const json_t *report, const json_t *history, const char *path,
                         bool in_place);

#endif
