/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_HISTORY_H
#define FLOW_BALANCER_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/object.h"
#include "flow_balancer/run_events.h"

/*
 * /NAME.history: the flight recorder of an instance. Two rings, one of samples, taken
 * once a second, and one of events. Writer: the dispatcher, one thread; every other
 * process maps it read-only, and it outlives a dispatcher that is killed.
 *
 * Records are numbered from 0 on, for ever; record n is in slot n % slots. A slot is a
 * sequence lock of its own (as the snapshot in ctl is): its first word is 2n + 1 while
 * record n is written and 2n + 2 once it is whole.
 *
 *   writer   sequence = 2n + 1; H1 release fence; the words; H2 sequence = 2n + 2, release;
 *            count = n + 1
 *   reader   count, which says what to look for; H3 sequence, acquire; the words, copied;
 *            H4 acquire fence; sequence again
 *
 * Why a reader never takes a torn record. It takes its copy only if both looks at the
 * sequence gave 2n + 2. If a word of the copy is of a later record m > n, its load read
 * what the writer stored after H1 of m; so H4 makes the store of 2m + 1 before H1 visible
 * to the second look, which then finds 2m + 1 or more. If it is of an earlier record, the
 * load came before the first look, which H3 excludes: who sees 2n + 2 sees all that H2
 * released. Numbers are 64 bits wide and never come again.
 *
 * Why no reader waits, and no writer: a record that is being replaced is gone, and the
 * reader passes over it; there is nothing to try again. The writer knows of no reader.
 * When the dispatcher is killed in the middle of a record, its slot stays at 2n + 1, and
 * all others are as they were.
 *
 * What is read is input like a file: a reader checks the head once, against the size of
 * what it mapped, into memory of its own (struct fb_history_reader), and no number in the
 * object is used as an index but after that.
 */
#define FB_HISTORY_INTERVAL_NS UINT64_C(1000000000) /* between two samples */
#define FB_HISTORY_BYTES_MOST ((size_t)4 << 20)     /* of the whole object */
#define FB_HISTORY_SAMPLES_MOST 3600u /* an hour: what few workers would not need 4 MB for */
#define FB_HISTORY_SAMPLES_LEAST 10u  /* below that it is not worth its memory */
#define FB_HISTORY_EVENTS_MOST 1024u

/* One worker number in a sample: of its counters those that somebody looks back at, for there are
 * many workers and many samples. Whole words, so that a sample is copied by words. */
struct fb_history_lane {
    uint64_t packets, backlog, max_backlog, bytes, flows_bound, dropped;
    uint32_t restarts, hangs;
    uint64_t self_packets; /* by the worker's own count, which may be a lie */
    int64_t pid;           /* for display; 0: no process */
    uint32_t state;        /* enum fb_state */
    int32_t cpu;           /* the only one it may run on by its own word, or -1 */
};

struct fb_history_interface {
    uint64_t counters[FB_INTERFACE_COUNT];
    uint64_t state; /* enum fb_interface_state */
};

/* The run at one moment: totals since its start, so that any two samples give a rate. In a slot
 * are only those interfaces and lanes that the history was made for. */
struct fb_history_sample {
    uint64_t real_ns; /* CLOCK_REALTIME */
    uint64_t mono_ns; /* CLOCK_MONOTONIC */
    uint64_t run[FB_RUN_COUNT];
    uint64_t dropped[FB_DROP_COUNT];
    uint64_t violations[FB_VIOLATION_COUNT];
    uint64_t quarantined; /* packets, of all workers */
    uint64_t lanes;       /* worker numbers that have a ring; those behind them are zero */
    struct fb_history_interface interfaces[FB_MAX_INTERFACES];
    struct fb_history_lane lane[FB_MAX_WORKERS];
};

/* How many records there is room for, and what is in one. */
struct fb_history_shape {
    uint32_t samples, events;   /* slots */
    uint32_t interfaces, lanes; /* of a sample */
};

struct fb_history {
    /* Written before the magic, constant after. */
    struct fb_header header;
    struct fb_history_shape shape;

    /* Writer: dispatcher. */
    _Alignas(FB_APART) _Atomic uint64_t samples; /* begun with 0, whole before this one */
    _Atomic uint64_t events;
    /* Then the slots: samples, then events. */
};

/*
 * The shape for so many workers and interfaces in at most `bytes` bytes, which are themselves at
 * most FB_HISTORY_BYTES_MOST. 0 samples: there is no room.
 */
struct fb_history_shape fb_history_plan(unsigned workers, unsigned interfaces, size_t bytes);

/* Bytes of an object of this shape. */
size_t fb_history_footprint(const struct fb_history_shape *shape);

/* ---- the dispatcher, one thread */

/* A history that is written. It relies on nothing that is in the object: who may write to that may
 * have truncated it. */
struct fb_history_writer {
    struct fb_history *history;
    struct fb_history_shape shape;
    uint64_t samples, events; /* whole ones */
};

/* Writes the head into zero memory of fb_history_footprint() bytes, and the magic last. The memory
 * outlives the writer. */
void fb_history_writer_init(struct fb_history_writer *writer, struct fb_history *history,
                            const struct fb_history_shape *shape, const uint8_t instance[16]);

/* Add a record; the oldest one goes. No system call, no allocation; a sample of 256 workers is
 * 21 KB to copy. */
void fb_history_add_sample(struct fb_history_writer *writer,
                           const struct fb_history_sample *sample);
void fb_history_add_event(struct fb_history_writer *writer, const struct fb_run_event *event);

/* ---- any process that maps it */

/* A history and what was checked of it. */
struct fb_history_reader {
    const struct fb_history *history;
    struct fb_history_shape shape;
};

/* Takes the head of what is mapped with size bytes. False, after one logged line, if its shape does
 * not fit. */
bool fb_history_reader_init(struct fb_history_reader *reader, const struct fb_history *history,
                            size_t size);

/* Numbers of the records that there may be: *first up to, but without, *end. */
void fb_history_samples(const struct fb_history_reader *reader, uint64_t *first, uint64_t *end);
void fb_history_events(const struct fb_history_reader *reader, uint64_t *first, uint64_t *end);

/* Copy record n. False if it is not there whole: replaced, or never finished. */
bool fb_history_read_sample(const struct fb_history_reader *reader, uint64_t n,
                            struct fb_history_sample *sample);
/* The text ends, and kind, worker and interface are checked: a kind that there is not is false. */
bool fb_history_read_event(const struct fb_history_reader *reader, uint64_t n,
                           struct fb_run_event *event);

#endif
