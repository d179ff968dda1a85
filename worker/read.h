/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_READ_H
#define WORKER_READ_H

#include "flow_balancer/common/offline.h"

#include "worker/inspection.h"

/*
 * --read: files instead of a ring. The inspectors get what they would get as those of worker 0, the
 * only one, of a run over these files, and are looked after as in loop.h.
 */
struct worker_read {
    const struct fb_offline_options *options; /* the caller's, as all that follows */
    struct inspection *inspection;
    const volatile int *leave;        /* how often it was asked to stop */
    const volatile int *reload_asked; /* how often the inspectors were asked to reload */
    int reloads;                      /* how often they did */
    uint64_t asked_ns;                /* when a request to stop was first put off, or 0 */
};

/*
 * From claimed() to the last flow end, and one line that says how much that was. Returns 0; or
 * -errno or what an inspector returned, after one logged line.
 */
int worker_read_run(struct worker_read *read);

/* Logs the counters of the inspectors and sinks, a line each. */
void worker_read_log_stats(const struct inspection *inspection);

#endif
