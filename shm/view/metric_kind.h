/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_METRIC_KIND_H
#define SHM_VIEW_METRIC_KIND_H

#include "flow_balancer/counters.h"

/*
 * Whether a counter of counters.h only ever grows, and is a counter to Prometheus too, or
 * is a gauge: the one place where that is decided. What is not decided is "untyped" in
 * the metrics, and fails a test. Counters of the other lists only ever grow, all of them.
 */
enum metric_kind { METRIC_UNDECIDED, METRIC_COUNTER, METRIC_GAUGE };

extern const enum metric_kind metric_run_kinds[FB_RUN_COUNT];
extern const enum metric_kind metric_lane_kinds[FB_LANE_COUNT];
extern const enum metric_kind metric_worker_kinds[FB_WORKER_COUNT];
extern const enum metric_kind metric_interface_kinds[FB_INTERFACE_COUNT];
extern const enum metric_kind metric_fragment_kinds[FB_FRAGMENT_COUNT];

#endif
