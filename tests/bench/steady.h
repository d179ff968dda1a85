/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_STEADY_H
#define TESTS_BENCH_STEADY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/rig.h"

/*
 * Frames in memory of flows that neither begin nor end: data of TCP and UDP
 * (one flow in five), both ways, IPv4. A pass goes round by round, and each
 * round has one frame of every flow, in an order of its own: as far from one
 * frame of a flow to its next as there are flows. Time stamps say 10 million
 * packets a second, so no flow is ever idle for as long as its timeout.
 */
struct steady {
    struct bench_source source; /* a pass over all frames; rewinds itself at the end */
    struct bench_source opener; /* a pass with one frame of each flow, in the order of flows */
    struct bench_tally tally;   /* of a pass of source */
    struct bench_tally opened;  /* of a pass of opener */
    uint64_t flows;
    size_t count; /* frames of a pass */
    size_t at;
    struct frame *frames;
    uint8_t *bytes;
    size_t mapped_bytes;
    uint32_t *first; /* by flow: its frame in the first round */
    size_t next_flow;
    struct frame window[BURST_MAX]; /* of the opener */
};

#define STEADY_MIX 0u
#define STEADY_FLOWS_MAX (UINT64_C(1) << 22)

/*
 * Builds frames of frame_bytes each (60 to 1514, or STEADY_MIX: 649 on
 * average) for so many flows (1 to STEADY_FLOWS_MAX): whole rounds of at least
 * least_bytes. Returns false if memory is too short for it, and *needs_bytes
 * then says how much it would take.
 *
 * Why the opener: flows get their entries in the order in which they begin. In
 * the order of the frames the dispatcher would walk through its table from one
 * end to the other, as no traffic ever makes it.
 */
bool steady_open(struct steady *steady, uint32_t frame_bytes, uint64_t flows, size_t least_bytes,
                 size_t *needs_bytes);
void steady_close(struct steady *steady);

#endif
