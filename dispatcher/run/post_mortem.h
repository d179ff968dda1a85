/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_POST_MORTEM_H
#define DISPATCHER_RUN_POST_MORTEM_H

#include <jansson.h>
#include <stdbool.h>

/*
 * The report of a run whose dispatcher died: its last snapshot is in ctl, at most 100 ms
 * old, until the objects of the instance are cleared, and so is its history. run_clean() of
 * run.h prints the one, and writes the other to a file.
 */

/*
 * Prints a report to standard output, and writes it to path unless that is NULL; "-" is
 * standard output, and the text goes to standard error then. in_place: see
 * fb_report_write(). Returns 0, or -EIO after one logged line.
 */
int report_give(const json_t *report, const char *path, bool in_place);

#endif
