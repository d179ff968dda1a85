/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_DELAYS_H
#define SHM_REPORT_REPORT_DELAYS_H

#include <jansson.h>
#include <stdio.h>

#include "flow_balancer/delay.h"

/*
 * A histogram of durations in the report: how many samples, the bounds below which half of
 * them, 90 %, 99 % and all are, their sum, and the buckets that are not empty.
 */

/* A new object, or NULL if memory ran out. counts: whatever is in them, as a worker may lie. */
json_t *report_delay(const struct fb_delay_counts *counts);

/* The three delays as a table, of those that have samples. */
void report_print_delays(FILE *out, const json_t *report);

#endif
