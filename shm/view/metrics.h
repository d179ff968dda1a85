/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_METRICS_H
#define SHM_VIEW_METRICS_H

#include <jansson.h>
#include <stddef.h>

/*
 * A report as metrics in Prometheus' text format; NULL: of an instance that is not running,
 * which is `flow_balancer_up 0` and no more. The caller frees the text. NULL if memory ran
 * out, and nothing is logged.
 */
char *metrics_of(const char *name, const json_t *report, size_t *size);

#endif
