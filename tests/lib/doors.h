/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_DOORS_H
#define TESTS_LIB_DOORS_H

#include "tests/lib/process.h"

/* For tests of the inspectors that hand packets on: runs over the trace t.pcap. */

#define DOOR_PACKETS 20000 /* of the trace, in two seconds */

void make_door_trace(struct test *t);

/* A run with this inspector, which may have blanks; options are parted by them. The report goes to
 * out.json. */
struct process *start_door(struct test *t, const char *inspector, const char *options);

/* A counter of an inspector: "exec.packets". */
json_int_t counter_of(const json_t *report, const char *name);

/* The report of a run in which all was inspected; it balances. */
const json_t *expect_door_inspected(struct test *t);

/* Kills processes of a run's two workers by turns while they work, six in all; it ends as it
 * should. Returns how many packets came again. */
json_int_t expect_six_killed(struct test *t, struct process *run);

#endif
