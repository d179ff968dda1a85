/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_PATTERN_H
#define WORKER_RECORDS_PATTERN_H

#include <stdint.h>

/* Texts in which %k, %r, %n and %l stand for something, and %% for one %. Worker; any thread. */

/* What they stand for. */
struct pattern_values {
    unsigned worker;      /* %k */
    uint64_t incarnation; /* %r */
    const char *instance; /* %n */
    uint32_t link_type;   /* %l: as capture files have it */
};

/* The first % of a text that none of these letters and no % follows; NULL: there is none. */
const char *pattern_problem(const char *text, const char *letters);

/* A text with the values filled in, which the caller frees; NULL: no memory. A % that stands for
 * nothing stays. */
char *pattern_fill(const char *text, const struct pattern_values *values);

#endif
