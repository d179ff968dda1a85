/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_INSPECTORS_H
#define WORKER_INSPECTORS_INSPECTORS_H

#include <errno.h>

#include "flow_balancer/inspector.h"

/*
 * The inspectors: what a worker does with each packet. One file each, behind
 * the operations of flow_balancer/inspector.h. An inspector gets packets and
 * the state of their flows, one at a time, from one thread, and hands out what
 * it finds as it likes: a log line, a file of its own.
 *
 * It may read the packet and its descriptor, write to its own state and to its
 * flow's, and open what its arguments name. It knows nothing of rings, cursors,
 * claims, the dispatcher or other workers, and includes no header of worker/
 * but those of records/: what it holds is the worker's, and may be gone at any
 * instruction.
 *
 * Every inspector, in the order of --help. To add one: a file NAME.c that
 * defines inspect_NAME_ops, and NAME here.
 */
#define INSPECTORS(X)                                                                              \
    X(count)                                                                                       \
    X(digest)                                                                                      \
    X(record)                                                                                      \
    X(exec)                                                                                        \
    X(pcap)                                                                                        \
    X(serve)                                                                                       \
    X(flow)                                                                                        \
    X(ndpi)

#define X(name) extern const struct fb_inspector inspect_##name##_ops;
INSPECTORS(X)
#undef X

/*
 * Finds the inspector called `name`: what comes before the colon of
 * --inspector. Returns its operations, constant and valid for ever, or NULL if
 * there is none of that name. Worker; any thread.
 */
const struct fb_inspector *inspector_find(const char *name);

/*
 * The inspector at place `i`, from 0, in the order of --help; NULL past the
 * last one. Constant and valid for ever. Worker; any thread.
 */
const struct fb_inspector *inspector_at(unsigned i);

/* What options of the worker say of inspectors that are built in; texts outlive them. */
struct inspectors_settings {
    uint64_t drain_ns;        /* for what reads their output to end when they are closed */
    uint64_t exec_timeout_ns; /* a child that reads nothing for so long is killed; 0: never */
    const char *exec_output;  /* pattern of the file that a child prints to; NULL: standard error */
};

/* Before the first is opened; all zero else. Worker, once. */
void inspectors_configure(const struct inspectors_settings *settings);

/*
 * For an inspector that is built in, beyond the interface: its output is gone for good, which is
 * not the fault of the packet that it was given. The worker leaves with status 1 as for any other
 * -errno, but that packet is not suspected and comes again as if it had not been begun. After one
 * logged line.
 */
#define INSPECTOR_OUTPUT_GONE (-ENOTRECOVERABLE)

/*
 * The last packet has come: has an inspector that is built in hand on what it still holds, and
 * count what it could not, until until_ns (CLOCK_MONOTONIC) or a signal handler runs; 0:
 * another process of the number follows, and nothing is waited for, in close() too;
 * INSPECTOR_FINISH_NOW: the run is ended in a hurry, nothing is waited for, and what was started
 * for it is ended. Between the
 * last packet and the last stats(). Does nothing for those that hold nothing, or are plugins.
 */
#define INSPECTOR_FINISH_NOW UINT64_C(1)
void inspector_finish(const struct fb_inspector *ops, void *self, uint64_t until_ns);

/*
 * How long a worker that is told to leave stays for a packet that an inspector could not hand on
 * yet (FB_OUTPUT_FAILED): the drain timeout in ns if a part of it has left the process, so that
 * what reads it sees no packet cut in two; else 0, as for plugins.
 */
uint64_t inspector_stay_ns(const struct fb_inspector *ops, const void *self);

/*
 * This is a child that another inspector forked, which may outlive the worker: closes what an
 * inspector that is built in has open, and others wait for the end of: a port, pipes. Calls nothing
 * but close(): the worker may have threads.
 */
void inspector_close_in_child(const struct fb_inspector *ops, void *self);

#endif
