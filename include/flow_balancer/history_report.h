/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_HISTORY_REPORT_H
#define FLOW_BALANCER_HISTORY_REPORT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/history.h"

/*
 * The history of a run as JSON, schema flow-balancer.history/1, and as text: of an instance that
 * runs, of one whose dispatcher died, and of a file. Allocates, and copies all that is there:
 * not for the data path. Any process.
 */
#define FB_HISTORY_SCHEMA "flow-balancer.history/1"

/*
 * Reads the last so many seconds, or more, of the history of an instance whose ctl the caller has
 * joined, alive or dead; both are guarded. fb_guard_init() comes first. Returns 0, and *history is
 * the caller's; -ENOENT, nothing logged: the instance keeps none; or another -errno after one
 * logged line. A second of 64 workers takes half a millisecond, and is 12 KB as JSON.
 */
int fb_history_read(const struct fb_ctl_handle *handle, uint64_t seconds, json_t **history);
#define FB_HISTORY_ALL UINT64_MAX /* seconds */

/* Reads a file that fb_history_write() made, "-" is standard input. Returns as above, but -ENOENT
 * is logged as well. */
int fb_history_load(const char *path, json_t **history);

/* Writes it as compact JSON into a new file that replaces path in one step, or to standard output
 * if path is "-". Returns 0, or -errno after one logged line. */
int fb_history_write(const json_t *history, const char *path);

/* Leaves only the last so many seconds of it, by the time of its last sample: in *history are the
 * samples that their rates need. */
void fb_history_cut(json_t *history, uint64_t seconds);

/* Writes it as text for people: a line a sample, with the rates since the sample before, and what
 * happened between them. Whatever is in a file, no control character is written. */
void fb_history_print(FILE *out, const json_t *history);

#endif
