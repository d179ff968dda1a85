/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_METRIC_DELAY_H
#define SHM_VIEW_METRIC_DELAY_H

#include "shm/view/metric_text.h"

/*
 * The waiting times of a report as histograms, all with the same bounds: powers of two of a
 * nanosecond, from about 0.25 us (most packets are inspected in less than 1 us) to 4 s. They are
 * bounds of the report's buckets too, so that each of those is in one bucket here.
 */
#define METRIC_DELAY_FIRST_LOG2 8u
#define METRIC_DELAY_LAST_LOG2 32u

/* Of all workers together, by stage; and of each worker. What is not in the report is left out. */
void metric_put_delays(struct metric_text *text, const json_t *report);

#endif
