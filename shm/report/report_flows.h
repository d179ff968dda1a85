/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_FLOWS_H
#define SHM_REPORT_REPORT_FLOWS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "flow_balancer/ctl.h"

/* The largest flows in the report, of the run and now. */

/* A new array of the flows that there are, in their order; received: all frames of the run. NULL
 * if memory ran out. */
json_t *report_flows(const struct fb_large_flow flows[FB_LARGE_FLOWS], uint64_t received);

/* A line for each of the five largest of the run, two where addresses are long; nothing where
 * there is none. */
void report_print_flows(FILE *out, const json_t *report);

#endif
