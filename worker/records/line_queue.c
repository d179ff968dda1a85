/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/line_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int line_queue_open(struct line_queue *queue, size_t size) {
    *queue = (struct line_queue){.bytes = malloc(size), .size = size};
    return queue->bytes != NULL ? 0 : -ENOMEM;
}

void line_queue_close(struct line_queue *queue) {
    free(queue->bytes);
    *queue = (struct line_queue){.bytes = NULL};
}

/* Where a position is in the ring. */
static char *place_of(const struct line_queue *queue, uint64_t position) {
    return queue->bytes + (position & (queue->size - 1));
}

/* Of n bytes from a position on: how many there are before the end of the ring. */
static size_t before_wrap(const struct line_queue *queue, uint64_t position, size_t n) {
    size_t room = queue->size - (size_t)(position & (queue->size - 1));
    return n < room ? n : room;
}

bool line_queue_add(struct line_queue *queue, const char *line, size_t length, size_t sent) {
    if (queue->size - (size_t)(queue->in - queue->first) < length)
        return false;
    size_t head = before_wrap(queue, queue->in, length);
    memcpy(place_of(queue, queue->in), line, head);
    memcpy(queue->bytes, line + head, length - head);
    queue->in += length;
    queue->out += sent;
    queue->lines++;
    return true;
}

/* The length of a line that begins there. */
static size_t length_of(const struct line_queue *queue, uint64_t position) {
    size_t n = (size_t)(queue->in - position);
    size_t head = before_wrap(queue, position, n);
    const char *begin = place_of(queue, position);
    const char *end = memchr(begin, '\n', head);
    if (end != NULL)
        return (size_t)(end - begin) + 1;
    end = memchr(queue->bytes, '\n', n - head);
    return end != NULL ? head + (size_t)(end - queue->bytes) + 1 : n;
}

int line_queue_first(const struct line_queue *queue, struct iovec parts[2]) {
    if (line_queue_is_empty(queue))
        return 0;
    size_t n = length_of(queue, queue->out);
    size_t head = before_wrap(queue, queue->out, n);
    parts[0] = (struct iovec){place_of(queue, queue->out), head};
    parts[1] = (struct iovec){queue->bytes, n - head};
    return n == head ? 1 : 2;
}

bool line_queue_sent(struct line_queue *queue, size_t bytes) {
    queue->out += bytes;
    if (bytes == 0 || *place_of(queue, queue->out - 1) != '\n')
        return false;
    queue->first = queue->out;
    queue->lines--;
    return true;
}

void line_queue_rewind(struct line_queue *queue) {
    queue->out = queue->first;
}

uint64_t line_queue_clear(struct line_queue *queue) {
    uint64_t lines = queue->lines;
    queue->first = queue->out = queue->in;
    queue->lines = 0;
    return lines;
}
