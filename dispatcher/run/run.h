/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RUN_H
#define DISPATCHER_RUN_RUN_H

#include "dispatcher/run/options.h"

/*
 * The room of a run: everything between the command line and the exit status. It
 * may use all rooms below it; none of them knows this one.
 *
 *   options*.c                  the command line and --config, checked
 *   run.c, run_stage.c          the run: waits, reads, drains, reports
 *   run_setup.c, geometry.c     before it: sources, ctl, rings, flows
 *   run_place.c, placement.c    which NUMA node and processors it is on
 *   requests.c, control.c       what can be asked of it meanwhile, and the socket for it
 *   reload.c                    a filter that takes the place of another
 *   ledger.c, progress.c        where every packet is; how far a run is, for the terminal
 *   drop_episodes.c             the events of drops, when they begin and are over
 *   recorder.c                  the last minutes, in shared memory
 *   post_mortem.c               what is left of a run whose dispatcher died
 *
 * This is where waiting happens: the data path returns when it cannot go on.
 *
 * One run of the dispatcher, from the lock to the report:
 *
 *   open sources, make ctl and the rings -> wait for the workers -> bursts
 *     -> end the flows, drain the rings -> tell the workers to leave -> report
 *
 * Returns the exit status: 0; 1 after a run-time error, a source that broke
 * off, a worker that was given up, or a ledger that is not balanced. Whatever
 * it made in shared memory is gone when it returns.
 */
int run_dispatcher(const struct options *options);

/*
 * Prints the report of a dispatcher of the name that died. Returns the exit status: 0, also
 * if there is none; 1 after a logged line if it is not to be had.
 */
int run_last_report(const struct options *options);

/*
 * The same, and clears what it left in shared memory. Returns the exit status: 0, also if there is
 * nothing; 1 after a logged line if it is not to be had, or not to be cleared, because a dispatcher
 * runs.
 */
int run_clean(const struct options *options);

#endif
