/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_INSPECTORS_H
#define SHM_REPORT_REPORT_INSPECTORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "flow_balancer/stats.h"

/*
 * Counters that inspectors name, in the report: {"INSPECTOR": {"COUNTER": n, ...}, ...}, of
 * each worker, and their sums over all.
 */

/* Adds to such an object, by name; sums stay at INT64_MAX. False if memory ran out; NULL is none.
 */
bool report_add_stats(json_t *inspectors, const struct fb_stats *stats);

/* A line for each sum, also where it is zero; nothing where there is none. */
void report_print_inspectors(FILE *out, const json_t *report);

#endif
