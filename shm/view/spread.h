/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_SPREAD_H
#define SHM_VIEW_SPREAD_H

#include <jansson.h>

/*
 * A distribution of times in a report: an object with `samples`, `p50_us`, `p99_us` and, from
 * some dispatchers, `sum_s` and `buckets`, a sorted array of [upper bound in ns, count]. Where
 * there are buckets, what is told is of the samples since the report before; else of the whole
 * run. What workers say of themselves may be anything. Pure.
 */

/* The time in ns within which that part (0.5, 0.99) of the samples stayed; -1: no samples.
 * Either may be NULL. */
double spread_quantile_ns(const json_t *now, const json_t *before, double part);

/* The mean in ns; -1: no samples, or no sum. */
double spread_mean_ns(const json_t *now, const json_t *before);

#endif
