/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_LINE_QUEUE_H
#define WORKER_RECORDS_LINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Lines that wait for a slow reader: a ring of bytes. Positions count all bytes of the stream; the
 * bytes of a line stay in the ring until the last of them is sent, so that it can be sent again to
 * another reader. Worker; one thread.
 */
struct line_queue {
    char *bytes;
    size_t size;    /* a power of two */
    uint64_t in;    /* end of what is queued */
    uint64_t out;   /* end of what is sent */
    uint64_t first; /* begin of the first line that is not wholly sent */
    uint64_t lines; /* not wholly sent */
};

/* size: a power of two. Returns 0, or -ENOMEM. All zero is a queue that is closed and empty. */
int line_queue_open(struct line_queue *queue, size_t size);

void line_queue_close(struct line_queue *queue);

/* Queues a line, which ends with its only '\n'; sent: bytes of it that were sent before, if the
 * queue is empty, else 0. False, and nothing is changed: there is no room. */
bool line_queue_add(struct line_queue *queue, const char *line, size_t length, size_t sent);

/* What is still to be sent of the first line, in one part or two. Returns how many; 0: none. */
int line_queue_first(const struct line_queue *queue, struct iovec parts[2]);

/* So many bytes of the first line went. Returns whether it is wholly sent, and gone. */
bool line_queue_sent(struct line_queue *queue, size_t bytes);

/* Another reader comes: a line that was sent in part is sent again from its begin. */
void line_queue_rewind(struct line_queue *queue);

/* Takes all lines out; returns how many. */
uint64_t line_queue_clear(struct line_queue *queue);

static inline bool line_queue_is_empty(const struct line_queue *queue) {
    return queue->lines == 0;
}

/* Whether a part of a line is sent, and a part is not. */
static inline bool line_queue_is_torn(const struct line_queue *queue) {
    return queue->out != queue->first;
}

#endif
