/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_REPORT_H
#define FLOW_BALANCER_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/sides.h"
#include "flow_balancer/stats.h"

/*
 * The report of a run, schema flow-balancer.report/1: one builder for the
 * dispatcher at the end and for flow-stat while it runs, and the same text.
 */
#define FB_REPORT_SCHEMA "flow-balancer.report/1"

/* What the processes of one worker number say of themselves. All zero: nothing. */
struct fb_worker_totals {
    uint64_t counters[FB_WORKER_COUNT];
    struct fb_delay_counts latency; /* dispatch to inspection */
    struct fb_delay_counts inspection;
    struct fb_stats stats; /* that its inspectors named */
    int cpu;               /* the only one it may run on, or -1 */
    int numa_node;         /* the same */
    bool left;             /* its latest process has said that it leaves cleanly */
    bool partial; /* of a running or the latest incarnation only: may differ from the ledger */
};

/*
 * Adds what an up side says to *totals. Counts are added up, over incarnations
 * or for one; cpu, node and left are those of the latest that was claimed. The
 * caller starts with cpu and node at -1. An up side is input: numbers of
 * processors and nodes that cannot be become -1. Any process that maps it.
 */
void fb_worker_totals_add(struct fb_worker_totals *totals, const struct fb_up *up);

/*
 * Builds the report from ctl, a snapshot of it and totals[max_workers]. The
 * caller owns the result (json_decref). NULL if memory ran out. Allocates: not
 * for the data path. Any process.
 */
json_t *fb_report_build(const struct fb_ctl *ctl, const struct fb_snapshot *snapshot,
                        const struct fb_worker_totals *totals);

/*
 * Builds the report of an instance that the caller has joined, from its ctl and its up
 * sides, as an observer: both are guarded, and what cannot be read is left out. The state
 * of a dispatcher that died is "died"; *torn: it did so while it wrote the snapshot, and
 * counts may not belong together. The caller owns the result. NULL, and nothing is logged,
 * if ctl was cut short or memory ran out. fb_guard_init() comes first. Any process.
 */
json_t *fb_report_read(const struct fb_ctl_handle *handle, bool *torn);

/* True if the report says that its ledger adds up. */
bool fb_report_balanced(const json_t *report);

/* Writes a report as text for people, at most 100 columns where counts stay below 10^12. */
void fb_report_print(FILE *out, const json_t *report);

/*
 * Writes a report as JSON: to standard output if path is "-"; else, in place, into
 * what path leads to (a pipe, /dev/stdout, a file behind a link); else into a new
 * file that replaces path in one step, a link there included. Which of these is for
 * the caller to decide before the run: what has the name later may be somebody's.
 * Returns 0, or -errno after one logged line, and a file that was to be replaced is
 * then as it was.
 */
int fb_report_write(const json_t *report, const char *path, bool in_place);

/*
 * Says whether a file of an option can be written, before there is something to write: path is
 * NULL (nothing is), "-" or a file, and *in_place what fb_report_write() has to be told. Returns
 * 0, or -errno after one logged line.
 */
int fb_report_check_path(const char *option, const char *path, bool *in_place);

#endif
