/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RUN_PARTS_H
#define DISPATCHER_RUN_RUN_PARTS_H

#include "dispatcher/datapath/datapath.h"
#include "dispatcher/fleet/quarantine.h"
#include "dispatcher/run/capture_delay.h"
#include "dispatcher/run/drop_episodes.h"
#include "dispatcher/run/options.h"
#include "dispatcher/run/placement.h"
#include "dispatcher/run/progress.h"
#include "dispatcher/run/recorder.h"
#include "dispatcher/run/reload.h"
#include "dispatcher/run/requests.h"
#include "dispatcher/run/run_stage.h"
#include "dispatcher/run/run_times.h"
#include "dispatcher/run/sources.h"

/*
 * Between run.c, which is a run from its first frame to its last, run_setup.c,
 * which comes before it, and run_place.c, which puts it on its NUMA node.
 */
struct run {
    const struct options *options;
    struct fb_ctl_handle ctl;
    struct capture *capture;
    struct sources sources;
    struct placement placement;
    int own_cpu, own_node; /* where the dispatcher is, or -1 */
    unsigned nodes;        /* NUMA nodes on which it might be */
    struct requests requests;
    struct reload reload;
    struct quarantine quarantine;
    struct fleet fleet;
    struct flows flows;
    struct fragments fragments;
    struct datapath datapath;
    struct progress progress;
    struct drop_episodes drops;
    struct capture_delay capture_delay;
    struct recorder recorder;
    struct run_stages stages;
    struct run_times times;
    struct lane *full_lane; /* while blocked: whose ring is full; NULL: there is no worker */
    struct fb_snapshot snapshot;
    struct fb_worker_totals totals[FB_MAX_WORKERS];
    uint64_t first_taken_ns, drained_ns; /* 0: not yet */
    uint64_t polled_ns, snapshot_ns, said_ns;
    uint64_t stuck_at;       /* packets that the worker with the full ring had finished */
    uint64_t alone_since_ns; /* when a worker was last seen ready */
    uint64_t since_ns;       /* when the workers were first waited for, or told to leave */
    unsigned reloaded;       /* signals to read the filter again that were obeyed */
    bool failed;
};

/*
 * Checks what can be checked, opens the sources and makes everything shared.
 * Returns 0, or -errno after one logged line. run_tear_down() is due either way.
 */
int run_set_up(struct run *run);

/* ---- run_place.c: processors and NUMA nodes */

/*
 * Obeys --cpu and --numa, plans for the workers, and goes to the home node: to
 * be called before anything is allocated. Returns 0, or -errno after one
 * logged line if what the user asked for is not to be had.
 */
int run_place(struct run *run);

/* Writes the plan into ctl, before the fleet is made. */
void run_place_workers(struct run *run);

/* Once all is made: reads back where it lies, for the report; warns of what lies elsewhere. */
void run_place_check(struct run *run);

/* What the log's line on pages says of it where nothing was placed, or "". */
const char *run_place_note(const struct run *run);

/* Frees everything of the run, and unlinks what is shared. */
void run_tear_down(struct run *run);

#endif
