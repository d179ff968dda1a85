/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_RIG_H
#define TESTS_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/datapath/datapath.h"
#include "dispatcher/flows/flows.h"
#include "tests/bench/check.h"

/*
 * The real data path (dispatcher/datapath/datapath.c) over real shared memory, lossless, and
 * at the other end of all rings one thread on another core that takes what
 * comes through fb_rx_peek() and gives it back, so that the cache lines really
 * travel. It reads every descriptor, or every descriptor and every byte.
 */
#define RIG_DEPTH 10000u /* this and the next two: what the dispatcher has by default */
#define RIG_SLOTS 16384u
#define RIG_ARENA (UINT64_C(16) << 20)
#define RIG_MAX_FLOWS 1000000u /* --max-flows; a table for more flows alive is a quarter larger */

/* Where the frames of one pass come from. */
struct bench_source {
    /* Points *frames to the next, at most BURST_MAX; returns how many, 0 at the end of the pass */
    unsigned (*next)(struct bench_source *source, const struct frame **frames);
    bool in_memory; /* all frames of the pass follow each other there */
};

struct consumer;
struct rig {
    struct fb_ctl_handle ctl;
    struct fleet fleet;
    struct flows flows;
    struct datapath datapath;
    size_t ahead; /* of loop, for frames that follow each other */
    uint64_t delivered;
    struct consumer *consumer; /* NULL: real worker processes are to claim the rings */
    char name[32];             /* of the instance */
};

/* What passes took, from the first frame taken until the last was given back by its consumer. */
struct rig_time {
    uint64_t packets;
    uint64_t ns;
    uint64_t waited_ns; /* of these: the dispatcher had nothing to do but to wait for a consumer */
};

/*
 * Makes the rig and, if consume_too, its consumer on core 1; else the caller starts
 * worker processes and calls rig_wait_ready(). The caller's thread is the
 * dispatcher from then on. Ends the program with one line if it cannot.
 */
struct rig *rig_open(unsigned workers, uint32_t max_flows, bool consume_too);
void rig_close(struct rig *rig);

/* Returns when all workers are ready; ends the program if they are not within 30 s. */
void rig_wait_ready(struct rig *rig);

/*
 * Delivers one pass and waits until all of it has been given back. Adds to
 * *time and fills *facts but for `given` and `flows_asked`; read only with a
 * consumer. Ends the program if nothing is given back for 30 s.
 */
void rig_pass(struct rig *rig, struct bench_source *source, bool read_bytes, struct rig_time *time,
              struct bench_facts *facts);

/* The same frames copied into memory of the size of one ring, as yardstick. arena: rig_arena(). */
void rig_copy(struct bench_source *source, uint8_t *arena, struct rig_time *time);
uint8_t *rig_arena(void);

static inline double rig_ns(const struct rig_time *time) {
    return (double)time->ns / (double)time->packets;
}
static inline double rig_waited(const struct rig_time *time) {
    return 100.0 * (double)time->waited_ns / (double)time->ns;
}

/* Room in the table for this many flows alive. */
static inline uint32_t rig_table_for(uint64_t flows) {
    uint64_t room = flows + flows / 4;
    return room < RIG_MAX_FLOWS ? RIG_MAX_FLOWS : (uint32_t)room;
}

#endif
