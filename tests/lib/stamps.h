/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_STAMPS_H
#define TESTS_LIB_STAMPS_H

#include <stdbool.h>

/*
 * The time at the start of a log line that does not go to a terminal. Tests compare
 * what comes after it; test_log.c and proc_log.c check the time itself.
 */
#define STAMP_FORM "0000-00-00T00:00:00.000+00:00 "
#define STAMP_BYTES (sizeof STAMP_FORM - 1)

bool is_stamped(const char *line);

/* Removes the time at the start of each line, in place; returns text. */
char *without_stamps(char *text);

#endif
