/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_TABLE_H
#define SHM_REPORT_REPORT_TABLE_H

#include <jansson.h>
#include <stdbool.h>

#include "flow_balancer/counters.h"

/*
 * Where the report has its counts: one table from which the JSON is built and
 * the text printed. A counter is at its path (counters.h); without one, in the
 * object of its list under its name. What is at one key of an object is a row:
 * one counter, or several that are added up.
 */

/* The lists of counters.h that are in sections; of the rings and the workers, sums over all. */
enum report_list_id {
    REPORT_RUN,
    REPORT_RINGS,
    REPORT_SELF,
    REPORT_DROPPED,
    REPORT_ENDED,
    REPORT_DECODE,
    REPORT_FRAGMENTS,
    REPORT_VIOLATIONS,
    REPORT_LISTS
};

struct report_list {
    const char *object; /* of the counters without a path */
    const struct fb_counter_text *texts;
    unsigned count;
};

extern const struct report_list report_lists[REPORT_LISTS];

/* An object of the JSON that has rows, and its part of the text. In the order of the text. */
struct report_section {
    const char *object;        /* its path in the JSON: at most one dot */
    const char *title;         /* in the text, or NULL: goes on below the section before */
    const char *total;         /* the name of a line with the sum of all rows, or NULL */
    const char *const *always; /* keys that come first, in the text also where zero; or NULL */
    bool sparse;               /* the JSON has only rows that are not zero */
};

extern const struct report_section report_sections[]; /* the last has no object */

struct report_row {
    const char *key;
    const struct fb_counter_text *text; /* of its first counter */
    unsigned counters;                  /* that are added up in it */
    uint64_t value;                     /* their sum */
};
#define REPORT_ROWS_MAX 64u

/* The key of counter i of a list in an object, or NULL: it is elsewhere. */
const char *report_key(const char *object, enum report_list_id list, unsigned i);

/*
 * Writes the rows of a section and returns how many there are; what is beyond
 * REPORT_ROWS_MAX is left out. values[list] are the counters of each list, or
 * values is NULL: sums are then 0.
 */
unsigned report_rows(const struct report_section *section, const uint64_t *const *values,
                     struct report_row rows[REPORT_ROWS_MAX]);

/* What is at a path, of which length bytes count, or NULL. */
json_t *report_object(const json_t *report, const char *path, size_t length);

#endif
