/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_TEXT_H
#define SHM_REPORT_REPORT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "flow_balancer/common/grouped.h"

/* What the parts of the text share: reading the JSON, where what is missing is zero or "". */

static inline json_int_t report_number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static inline double report_real(const json_t *object, const char *key) {
    return json_real_value(json_object_get(object, key));
}

static inline const char *report_word(const json_t *object, const char *key) {
    const char *word = json_string_value(json_object_get(object, key));
    return word != NULL ? word : "";
}

/* What a worker that lies counts may be at the limit: it stays there. */
static inline json_int_t report_add(json_int_t a, json_int_t b) {
    json_int_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Counts are not negative. */
static inline struct fb_grouped report_grouped(json_int_t count) {
    return fb_grouped((uint64_t)count);
}

/* True for a number beyond those wanted at the start that never had a worker. */
bool report_worker_is_unused(const json_t *worker, json_int_t wanted);

/* The state for people: a number whose process has done its work is absent, like one that never
 * had a process. */
const char *report_worker_state(const json_t *worker);

/* A line for each worker. */
void report_print_workers(FILE *out, const json_t *report);

/* A line for each worker whose ring does not add up, who counted otherwise than the ledger, or of
 * whose inspectors' counters some are left out. */
void report_print_differences(FILE *out, const json_t *report);

/*
 * Where things are on NUMA nodes: nothing where the dispatcher might run on one
 * only, else where it and its table are, and a line for workers in a row that
 * are at the same place.
 */
void report_print_nodes(FILE *out, const json_t *report);

#endif
