/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RUN_H
#define DISPATCHER_RUN_RUN_H

#include "dispatcher/run/options.h"

/*
 * One run of the dispatcher, from the lock to the report:
 *
 *   open sources, make ctl and the rings -> wait for the workers -> bursts
 *     -> end the flows, drain the rings -> order the workers to leave -> report
 *
 * Returns the exit status: 0; 1 after a run-time error, a source that broke
 * off, a worker that was given up, or a ledger that is not balanced. Whatever
 * it made in shared memory is gone when it returns.
 */
int run_dispatcher(const struct options *options);

#endif
