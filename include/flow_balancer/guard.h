/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_GUARD_H
#define FLOW_BALANCER_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * SIGBUS guard. A process that may write to a shared object can ftruncate it,
 * and the next reader of a page that is gone gets SIGBUS; objects in /dev/shm
 * cannot be sealed against it. The handler finds the guarded region of the
 * address, maps private zero pages over all of it, marks it faulted and returns:
 * the reader goes on with zeros, and revokes the owner when it next looks at the
 * mark.
 *
 * A fault outside the guarded regions does what it did before the handler was there. So does one in
 * a worker's own up side, which is therefore never guarded there: mapping over
 * it would drop the lock while the worker still runs.
 *
 * One thread per process; the table is process-wide because a signal handler
 * has nothing else to look at.
 */
#define FB_GUARD_REGIONS 320u /* 256 up sides, ctl, and room */

/* Installs the handler; may be called again. Returns 0, or -errno after one logged line. */
int fb_guard_init(void);

/* Guards [base, base + size), both page-aligned. Returns a slot, or -ENOSPC after one logged line.
 */
int fb_guard_add(void *base, size_t size);

/* Ends the guard; call it before the region is unmapped. */
void fb_guard_remove(int slot);

/* True once the region has faulted: what was read from it since is zero. */
bool fb_guard_faulted(int slot);

#endif
