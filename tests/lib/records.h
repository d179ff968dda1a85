/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_RECORDS_H
#define TESTS_LIB_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the inspector `record`, or a packet log of tests/examples, wrote, read
 * back and judged. The checks fail the test and name the first frame that is
 * wrong. The trace itself is read with libpcap and taken apart by hand: the
 * project's decoder does not vouch for it.
 */
enum record_flag {
    RECORD_START = 1,
    RECORD_GAP = 2,
    RECORD_REDELIVERED = 4,
    RECORD_MID_STREAM = 8,
    RECORD_TRUNCATED = 16,
};

struct record {
    uint64_t frame, flow;
    uint64_t id;   /* hash of the Community ID; 0: none */
    uint64_t line; /* greater: inspected later, among those of one worker */
    uint32_t seq;
    unsigned worker, dir, flags;
};

/* What `id` is for a Community ID, "1:..." or "-". */
uint64_t record_id_of(const char *community_id);

struct records {
    struct record *rows;
    size_t count, room;
    unsigned workers; /* files found */
};

/* Reads directory/worker-K.tsv of every K. */
void records_read(struct records *r, const char *directory);
/* The same of what a packet log of tests/examples wrote; `id` is of the two ends of the flow. */
void records_read_packet_log(struct records *r, const char *directory);
void records_free(struct records *r);

/* Sorts by frame. The row of a frame is then at frame - 1 where each is there once. */
void records_by_frame(struct records *r);
/* Sorts by flow, of those by worker, of those in the order of inspection. */
void records_by_flow(struct records *r);
/* Sorts by flow, of those by frame. */
void records_by_flow_and_frame(struct records *r);

/*
 * Takes out the rows that are flagged redelivered and repeat an earlier one of
 * the same frame, flow and worker. Returns how many were flagged at all.
 */
size_t records_drop_redelivered(struct records *r);

/* Frames 1 to `last`, each once. Returns what is wrong, good until the next check, or NULL. */
const char *frames_problem(struct records *r, uint64_t last);

/*
 * Every flow on one worker, its frames ascending, its sequence rising by one
 * from 0, `start` on its first row only; with_gaps: a hole is there exactly
 * where a row is flagged `gap`. *holes: their sum. Returns as above.
 */
const char *flows_problem(struct records *r, bool with_gaps, uint64_t *holes);

/* The same two; they fail the test, and the second returns the sum of the holes. */
void expect_frames_once(struct records *r, uint64_t last);
uint64_t expect_flows_in_order(struct records *r, bool with_gaps);

/*
 * Every flow in the order of capture over all workers: its sequence rising by
 * one from 0, `start` on its first row only, each worker's part in order, and
 * no flow of any worker but `lost` goes on elsewhere. The first row on another
 * worker is mid-stream. Returns how many flows moved; fails the test otherwise.
 */
size_t expect_flows_moved_in_order(struct records *r, unsigned lost);

/* The tuple of each frame of a trace as a small number, the same for both directions. */
struct trace {
    uint32_t *tuples; /* of frame i + 1 */
    size_t count;
    uint32_t tuple_count;
};

void trace_read(struct trace *trace, const char *path);
void trace_free(struct trace *trace);

/*
 * Every tuple of the trace, read once or several times over, has one worker,
 * one flow and one Community ID, and no two have the same flow. For runs that
 * end no flow.
 */
void expect_tuples_whole(const struct records *r, const struct trace *trace);

/* Packets of the trace that come after the last delivered one of their tuple. Read once. */
uint64_t count_lost_at_ends(const struct records *r, const struct trace *trace);

#endif
