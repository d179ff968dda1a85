/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_DROP_EPISODES_H
#define DISPATCHER_RUN_DROP_EPISODES_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

/*
 * When packets begin to be dropped, and when that is over: an event each, for the
 * ring of each worker, for want of any worker, and for each interface for the kernel's
 * buffer and for the interface itself.
 *
 *                  drops
 *     quiet ----------------> begun ----------------> dropping
 *       ^                             begin line,         |
 *       |                             when one is due     | end line: no drops for
 *       +-------------------------------------------------+ quiet_ns, and one is due
 *
 * Of drops that come again and again in bursts the episodes become longer: one that begins within
 * DROPS_AGAIN_NS of the one before needs twice as long a quiet to be over, up to
 * DROPS_QUIET_MOST_NS. So they fill neither a log nor the history, in which else nothing but them
 * would be left. A line is due DROPS_LINE_EVERY_NS after the one before, so that a flood in short
 * bursts fills no log. The counts are of the whole episode. Dispatcher only, one thread.
 */
#define DROPS_QUIET_NS UINT64_C(1000000000)
#define DROPS_QUIET_MOST_NS UINT64_C(60000000000)
#define DROPS_AGAIN_NS UINT64_C(240000000000)
#define DROPS_LINE_EVERY_NS UINT64_C(1000000000)

enum drop_stage { DROPS_QUIET, DROPS_BEGUN, DROPS_DROPPING };

/* All 0: nothing was dropped yet. */
struct drop_episode {
    enum drop_stage stage;
    uint64_t counted;            /* drops of the run at the last look, which was at looked_ns */
    uint64_t dropped;            /* in this episode, or in the last one */
    uint64_t begun_ns, ended_ns; /* the look before its first drop, and the one after its last */
    uint64_t quiet_ns;           /* without drops, after which it is over; 0: DROPS_QUIET_NS */
    uint64_t looked_ns, line_ns; /* line_ns: when it last had a line; 0: never */
};

/* The line that is to be written. */
enum drop_line { DROPS_NO_LINE, DROPS_BEGIN_LINE, DROPS_END_LINE };

/* So many were dropped in this run so far. ended: the run is over, and nothing waits any longer. */
enum drop_line drop_episode_look(struct drop_episode *episode, uint64_t counted, bool ended,
                                 uint64_t now_ns);

/* All 0 but lossless. */
struct drop_episodes {
    bool lossless; /* packets wait for workers: those dropped at the end have another line */
    struct drop_episode rings[FB_MAX_WORKERS];
    struct drop_episode no_worker;
    struct drop_episode interfaces[FB_MAX_INTERFACES]; /* the kernel's buffer */
    struct drop_episode drivers[FB_MAX_INTERFACES];    /* the interface or its driver */
};

/* Looks at a new snapshot of the run, whose names and states are in ctl, and tells what began or
 * ended. A few times a second. */
void drop_episodes_log(struct drop_episodes *episodes, const struct fb_ctl *ctl,
                       const struct fb_snapshot *snapshot, bool ended, uint64_t now_ns);

#endif
