/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_SHIM_H
#define TESTS_LIB_SHIM_H

/* Libpcap programs as workers of a test's instance, through libflowbalancer-pcap.so. */
#include "tests/lib/process.h"

#define SHIM_PACKETS 20000u

/* Makes the trace t.pcap of SHIM_PACKETS, and starts a dispatcher over it, with --report out.json,
 * that waits until so many workers are ready. */
struct process *shim_dispatcher(struct test *t, unsigned workers, const char *options);

/* Has the library loaded before a program's own; for t->enter, and in it. */
void shim_enter(const struct test *t);

/* Starts a program with the library loaded before its own. In the command @@ and what follows is
 * the device of the instance: "@@" and "@@:1". */
struct process *shim_start(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with a pipe as its standard input. */
struct process *shim_start_piped(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same as a supervisor starts it. */
struct process *shim_start_attached(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A program in PATH; skips the test where it is not there. */
const char *shim_program(const char *name);

/* The run over the trace is done: balanced, all of it inspected. Returns the report. */
const json_t *shim_expect_done(struct test *t, struct process *dispatcher);

#endif
