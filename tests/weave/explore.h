/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_WEAVE_EXPLORE_H
#define TESTS_WEAVE_EXPLORE_H

/*
 * What the scenarios of this folder have in common: a ring in private memory, the
 * dispatcher's end of it, and processes that serve it, which are threads here.
 */
#include "tests/weave/weave_atomic.h"

#include "tests/lib/ring_fixture.h"
#include "tests/weave/weave.h"
#include "worker/consumer/consumer_parts.h"
#include "worker/loop.h"

#define MOST_FRAMES 16u
#define MOST_PROCESSES 3u

struct inspected {
    uint64_t frame;
    unsigned process;
    bool redelivered;
};

/* A process that serves the number: its up side, its loop, and how it ended. */
struct serving {
    struct world *world;
    unsigned process;
    struct fb_up *up;
    struct fb_consumer consumer;
    int ended;
    bool had_no_output;
};

struct world {
    struct ring_fixture ring; /* its up side is that of the process that has the number */
    struct serving serving[MOST_PROCESSES];
    struct inspected inspections[4 * MOST_FRAMES];
    unsigned inspection_count;
    uint64_t finished[MOST_FRAMES]; /* by frame, what an inspection of it left, plain */
    bool spin;                      /* the loops do not park */
    uint64_t no_output_for;         /* frame 1 or later for which each process has none at first */
};

/* A ring of `depth` and the first process on it, watched. To be freed with world_free(). */
void world_make(struct world *world, uint32_t depth, uint32_t slots);
void world_free(void *world);

/* The next process of the number, at the resume point; a thread of the run until then. */
void world_watch_up(struct fb_up *up);
struct serving *world_serve(struct world *world, unsigned process, uint64_t epoch);
/* The body of a thread: a worker from its claim to its end. */
void serve(void *serving);

/* Puts a packet into the ring and shows it, as the data path does; frame numbers go on from 0. */
void give(struct world *world);

/* Waits until the ring is empty; it is an error if the worker does not get there. */
void await_empty(struct world *world);

/*
 * Explores, and fails the test if a run goes wrong; prints how many runs there were. All
 * preemptions of the scenario with no weak access, then one less with all of those: both
 * together are a hundred times as many runs, and find no more of the mutants.
 */
void explore(const struct weave_scenario *scenario, void *world);

#endif
