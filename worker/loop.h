/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

/*
 * A worker: a process that inspects the packets of the flows that are bound to one worker
 * number.
 *
 *   main.c, options.c  from the command line to an exit status
 *   loop.c             events from the ring to the inspectors, here
 *   read.c             events from files to the inspectors (--read)
 *   inspection.c       several inspectors over one flow
 *   plugin.c           an inspector from a shared object
 *   place.c            where the process runs
 *   consumer/          the ring: libflowbalancer
 *   inspectors/        those that are built in
 *   records/           what they write about flows, and where it goes (--eve)
 *
 * It knows nothing of capture, decoding, the flow table, policies or other workers, and
 * includes no header of dispatcher/: what --read needs of that is behind a contract
 * (flow_balancer/common/offline.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/consumer.h"

#include "worker/inspection.h"

/* Why a loop has ended: an enum fb_ended, or this. */
#define LOOP_FAILED (-100) /* an inspector failed: logged */

struct worker_loop {
    struct fb_consumer *consumer; /* the caller's, as is the inspection */
    struct inspection *inspection;
    const volatile int *reload_asked; /* how often the inspectors were asked to reload */
    int reloads;                      /* how often they did */
    uint64_t told_ns;                 /* when their counters were last told */
};

/*
 * Names the counters of the inspectors and sinks, then takes event after event and hands each to
 * the inspectors; ticks and reloads come between bursts, and none once the number is another's. At
 * the end it has them finish. Returns why it ended. The event at hand is not finished then.
 */
int worker_loop_run(struct worker_loop *loop);

#endif
