/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_PAIRS_H
#define SHM_REPORT_REPORT_PAIRS_H

#include <jansson.h>
#include <stdio.h>

#include "flow_balancer/ctl.h"

/* TCP connections by the interfaces that their directions came from, in the report. */

/* A new array of the pairs that have any; of files all are one pair. NULL if memory ran out. */
json_t *report_pairs(const struct fb_ctl *ctl, const struct fb_snapshot *snapshot);

/* A table, where more than one connection in twenty is one-sided or guessed; else nothing. */
void report_print_pairs(FILE *out, const json_t *report);

#endif
