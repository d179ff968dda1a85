/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_SINKS_H
#define WORKER_RECORDS_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/inspector.h"

/*
 * Where the records of a worker process go: every line to each sink that --eve names. One
 * thread, the worker's main one. Sinks know lines, not what is in them.
 *
 *   sinks.c        all of them: who has the line at hand, how long it may wait, counters
 *   sink_file.c    file:PATTERN
 *   sink_queue.c   what is written to a reader that may be slow, and the sink `-`
 *   sink_unix.c    unix:PATH
 *   line_queue.c   lines that wait
 *
 * A file has no queue: a line that was taken is in the file, whatever becomes of the process. A
 * reader that is slow, or away, has one of SINK_QUEUE_BYTES, which the process holds. While a sink
 * takes nothing and its queue is full it holds the worker, for as long as --eve-wait says in one
 * outage, which ends when all that was queued is taken; then lines for which there is no room are
 * dropped, and counted.
 */
#define SINKS_MAX 8u
#define SINK_QUEUE_BYTES (1u << 22) /* about 5,000 records; a power of two */

struct sinks_config {
    const char *const *sinks; /* "file:PATTERN", "-", "unix:PATH"; they outlive the sinks */
    unsigned count;           /* at most SINKS_MAX; one that is given again is not another one */
    uint64_t wait_ns;         /* how long an outage may hold the worker; UINT64_MAX: for ever */
    uint64_t drain_ns;        /* for what is queued to be taken at the end */
};

/*
 * Opens what can be opened before a number is claimed, and checks the rest; nothing is written.
 * Before main() turns standard output over to standard error. Once. Returns 0; -EINVAL after one
 * logged line for wrong usage, or another -errno likewise; sinks_close() follows in any case.
 */
int sinks_open(const struct sinks_config *config);

/* After each claim, before the first packet. The counters begin at 0. Returns 0, or -errno after
 * one logged line. */
int sinks_claimed(const struct fb_instance *instance);

/* Whether there is any: without one no record is made. */
bool sinks_any(void);

/*
 * Hands one line, which ends with '\n' and has no other, to all sinks. Returns 0: each has taken
 * it, or has counted it as dropped. FB_OUTPUT_FAILED: not now, and the same line is to be given
 * again; those sinks that have it do not get it twice. It never says so for longer than --eve-wait
 * at a stretch.
 */
int sinks_write(const char *line, size_t length);

/* Hands on what waits, connects again, begins a file whose time has come. When due, or earlier. */
void sinks_tick(uint64_t now_ns);

/* When that is due next, CLOCK_MONOTONIC; UINT64_MAX: never. */
uint64_t sinks_next_tick(void);

/* Opens the files again by their names, on SIGHUP. Returns how many could not be, each after one
 * logged line; those go on with what they had. */
unsigned sinks_reload(void);

/*
 * The last line has come: hands on what waits until until_ns (CLOCK_MONOTONIC), --drain-timeout or
 * a signal handler. A sink that takes nothing for a second, or --eve-wait if that is longer, is
 * given up, and what it has is dropped. until_ns 0: another process of the number follows, and
 * nothing is waited for. Files are closed: they are the next process's.
 */
void sinks_finish(uint64_t until_ns);

/* Waits for sinks that still take something, for the rest of --drain-timeout, which no counter
 * shows any more, and forgets all sinks. */
void sinks_close(void);

/* This is a child that an inspector forked, which may outlive the worker: closes what is open, or
 * the next process of the number would find its file locked. Calls nothing but close(). */
void sinks_close_in_child(void);

/* ---- counters */

/* Those of each sink, in the order of sinks_stats(); ends with NULL. */
enum { SINK_WRITTEN, SINK_DROPPED, SINK_RETRIED, SINK_STATS };
extern const char *const sinks_stat_names[SINK_STATS + 1];

/* How many sinks there are, and the name of each for its counters: eve-file, eve-stdout, eve-unix;
 * of several of a kind with a number behind it, from 1, in the order given. */
unsigned sinks_count(void);
const char *sinks_name(unsigned i);

/*
 * Since sinks_claimed(), in lines. Written: wholly handed over. Dropped: given up. Each line ends
 * as one of the two; until then it is in a queue. Retried, of all of them: those that a sink did
 * not take at the first attempt.
 */
void sinks_stats(unsigned i, uint64_t values[SINK_STATS]);

#endif
