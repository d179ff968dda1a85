/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_POST_MORTEM_H
#define DISPATCHER_RUN_POST_MORTEM_H

#include <jansson.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

/*
 * The report of a run whose dispatcher died: its last snapshot is in ctl, at most 100 ms
 * old, until the objects of the instance are cleared, and so is its history. run_clean() of
 * run.h prints the one, and writes the other to a file.
 */

/* Where a report goes besides standard output. */
struct report_files {
    const char *report, *html; /* of --report and --html; NULL: none */
    uint32_t in_place;         /* FB_..._IN_PLACE of ctl.h */
    uint64_t history_s;        /* of the history that the page is to have */
};

/*
 * Prints a report to standard output, or to standard error if one of the files is "-", which is
 * standard output. Then writes the files, the page with the history of the instance, if it keeps
 * one. Returns 0, or -EIO after one logged line.
 */
int report_give(const json_t *report, const struct fb_ctl_handle *handle,
                const struct report_files *files);

#endif
