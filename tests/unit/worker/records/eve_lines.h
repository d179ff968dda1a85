/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_WORKER_RECORDS_EVE_LINES_H
#define TESTS_UNIT_WORKER_RECORDS_EVE_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* A double of worker/records/sinks.h that keeps the last line. For tests of what makes lines. */
struct eve_lines {
    bool has_sinks;
    int answer;         /* to each line */
    unsigned takes;     /* lines before it takes no more; UINT_MAX after eve_lines_begin() */
    unsigned count;     /* of those it was given */
    unsigned ticks;     /* calls of sinks_tick() */
    char last[1 << 16]; /* without its end */
};
extern struct eve_lines eve_lines;

/* No line yet, and a sink that takes all. */
void eve_lines_begin(void);

/* A part that has to be in a line, or must not; they fail the test with both. */
void expect_in_line(const char *line, const char *part);
void expect_not_in_line(const char *line, const char *part);

#endif
