/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_SINK_H
#define WORKER_RECORDS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/records/file_limits.h"
#include "worker/records/line_queue.h"
#include "worker/records/sinks.h"

/*
 * One sink, as its kind and sinks.c see it. Worker; one thread.
 *
 * An outage begins when a sink does not take a line, and ends when it has taken all that it was
 * given:
 *
 *               a line is not taken            for --eve-wait in all
 *   [works] ------------------------> [holds] ----------------------> [drops]
 *      ^                                 |                               |
 *      +---------------------------------+-------------------------------+
 *                             all is taken
 *
 * A sink that holds has the worker wait with each line for which there is no room; one that drops
 * does not.
 */

/* What became of a line. */
enum sink_put {
    SINK_PUT_WRITTEN,
    SINK_PUT_QUEUED,
    SINK_PUT_NOT_NOW, /* nothing of it is left anywhere */
    SINK_PUT_NEVER,   /* it cannot be taken, however often it is tried */
};

#define SINK_NAME_BYTES 24u
#define SINK_TEXT_BYTES 256u /* of what it is called in messages; longer is cut */

struct sink {
    const struct sink_kind *kind;
    const char *argument; /* behind the colon; the caller's */
    char name[SINK_NAME_BYTES];
    char text[SINK_TEXT_BYTES];
    const char *who;  /* "worker K: ", or "" before a number is claimed */
    uint64_t wait_ns; /* how long an outage may hold the worker */
    uint64_t stats[SINK_STATS];
    int fd; /* -1: none */

    /* The line at hand. */
    bool has_line;     /* it has taken it, or dropped it */
    bool was_retried;  /* it is counted so */
    uint64_t since_ns; /* since when it holds the worker; 0: it does not */

    /* An outage (sink.c). */
    uint64_t held_ns;     /* how long it has held the worker before */
    bool drops;           /* it holds it no longer */
    bool is_told;         /* that there is one was logged */
    uint64_t lost_before; /* dropped when it began */

    /* What may be slow (sink_queue.c). */
    struct line_queue queue;
    uint64_t taken_ns; /* when it took something last, while the end is waited for */
    bool is_socket;
    bool may_block; /* a pipe or a terminal that waits for its reader: looked at before */
    bool is_shared; /* other processes write there: each line under a lock */
    bool is_locked;
    bool is_over; /* there will be no reader any more */

    /* unix: (sink_unix.c) */
    bool is_too_long_told; /* a record for a datagram */
    uint64_t retry_ns;     /* when to connect again */
    uint64_t pause_ns;     /* and how long after that */

    /* file: (sink_file.c) */
    char *pattern, *path; /* owned */
    bool is_file;         /* regular: no queue */
    bool is_torn;         /* a part of a line could not be taken back yet */
    uint64_t size;        /* of the file */
    uint64_t begin_ns;    /* since 1970: when it was begun */
    struct file_limits limits;
    uint64_t rotate_ns; /* not before then: it failed */
};

struct sink_kind {
    const char *word; /* of its name in the report */
    /* Checks the argument. Returns 0, or -errno after one logged line. */
    int (*open)(struct sink *sink);
    /* A number is claimed. Returns 0, or -errno after one logged line. May be NULL. */
    int (*claimed)(struct sink *sink, const struct fb_instance *instance);
    enum sink_put (*put)(struct sink *sink, const char *line, size_t length);
    void (*tick)(struct sink *sink, uint64_t now_ns);
    /* Opens again. Returns 0, or -errno after one logged line. May be NULL. */
    int (*reload)(struct sink *sink);
    void (*close)(struct sink *sink); /* twice does no harm */
};

extern const struct sink_kind sink_file_kind, sink_output_kind, sink_unix_kind;

/* ---- sink.c */

/* Counts what became of a line at an attempt. Returns whether it is to be given again. */
bool sink_settle(struct sink *sink, enum sink_put put);

/* Drops lines, and counts them. */
void sink_drop(struct sink *sink, uint64_t lines);

/* Says that there is an outage, once: what cannot be done, why, and what becomes of the records. */
void sink_fails(struct sink *sink, const char *what, const char *why);

/* All that it was given is taken: an outage is over, if there was one. */
void sink_works(struct sink *sink);

/* ---- sink_queue.c: for kinds whose reader may be slow */

/* Makes the queue, unless it is there. Returns 0, or -ENOMEM after one logged line. */
int sink_queue_open(struct sink *sink);

/*
 * Hands on a line behind what is queued, and what is not taken of it goes into the queue. *error:
 * 0; or -errno: the descriptor fails, and nothing of the line is taken. Without a descriptor all is
 * queued.
 */
enum sink_put sink_queue_put(struct sink *sink, const char *line, size_t length, int *error);

/* Hands on what is queued, as far as it is taken. Returns 0, or -errno: the descriptor fails. */
int sink_queue_push(struct sink *sink);

/* A whole line into the queue. */
enum sink_put sink_queue_keep(struct sink *sink, const char *line, size_t length);

/*
 * The functions of a kind for a descriptor that is open as long as the process is: a pipe, a
 * terminal, a device. stream_begin(): finds out what it is; what others may write to as well is
 * locked for each line.
 */
void sink_stream_begin(struct sink *sink, int fd);
enum sink_put sink_stream_put(struct sink *sink, const char *line, size_t length);
void sink_stream_tick(struct sink *sink, uint64_t now_ns);
void sink_stream_close(struct sink *sink);

#endif
