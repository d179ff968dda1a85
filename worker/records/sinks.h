/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_SINKS_H
#define WORKER_RECORDS_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where the records of a worker process go: every line to each sink that --eve names. One
 * thread, the worker's main one. Sinks know lines, not what is in them.
 */

/* Whether there is any: without one no record is made. */
bool sinks_any(void);

/*
 * Hands one line, which ends with '\n' and has no other, to all sinks. Returns 0: each has taken
 * it, or has counted it as dropped. FB_OUTPUT_FAILED: not now, and the same line is to be given
 * again; those sinks that have it do not get it twice. It never says so for longer than --eve-wait
 * at a stretch.
 */
int sinks_write(const char *line, size_t length);

#endif
