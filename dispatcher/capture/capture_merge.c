/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_merge.h"
#include "dispatcher/capture/capture_sink.h"
#include "flow_balancer/common/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "flow_balancer/align.h"

/* If a stamp lies this far back, the clock was set back: the frame is not late. */
#define CLOCK_SET_NS (10 * FB_NS_PER_S)

/* A frame put so long after the window of another has passed does not go before it, whatever their
 * stamps. */
#define LEFT_BEHIND_NS FB_NS_PER_S

/*
 * Frame number n, from freed to put, is in slots[n % size]; those from freed to taken
 * are still the caller's. Their bytes are in the arena in the same order, from the
 * first one's up to `write`, and continue at its start when the longest frame would
 * not fit at the end.
 */
struct queue {
    uint64_t freed, taken, put;
    struct frame *slots;
    uint64_t *put_ns; /* when each was put */
    uint8_t *arena;
    size_t write;
    bool ended, full;
};

struct capture_merge {
    uint64_t window_ns;
    uint64_t last_ns; /* the greatest stamp that has left */
    uint64_t late;
    size_t bytes;  /* of each arena */
    uint32_t size; /* of each queue */
    unsigned inputs;
    struct queue queues[];
};

void capture_merge_free(struct capture_merge *m) {
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->inputs; i++) {
        free(m->queues[i].slots);
        free(m->queues[i].put_ns);
        free(m->queues[i].arena);
    }
    free(m);
}

int capture_merge_new(struct capture_merge **merge, unsigned inputs, uint64_t window_ns,
                      uint32_t frames, size_t bytes) {
    struct capture_merge *m = calloc(1, sizeof *m + inputs * sizeof *m->queues);

    if (m == NULL)
        return -ENOMEM;
    m->window_ns = window_ns;
    m->inputs = inputs;
    m->size = frames;
    m->bytes = fb_align_up(bytes, CAPTURE_SLACK);
    for (unsigned i = 0; i < inputs; i++) {
        struct queue *q = &m->queues[i];
        q->slots = calloc(frames, sizeof *q->slots);
        q->put_ns = calloc(frames, sizeof *q->put_ns);
        q->arena = aligned_alloc(CAPTURE_SLACK, m->bytes);
        if (q->slots == NULL || q->put_ns == NULL || q->arena == NULL) {
            capture_merge_free(m);
            return -ENOMEM;
        }
    }
    *merge = m;
    return 0;
}

static bool is_empty(const struct queue *q) {
    return q->taken == q->put;
}

/* Sets *end to that of the free bytes from q->write on. Returns false if they are too few. */
static bool find_bytes(const struct capture_merge *m, struct queue *q, size_t *end) {
    size_t first, last;

    *end = m->bytes;
    if (q->freed == q->put) {
        q->write = 0;
        return true;
    }
    first = (size_t)(q->slots[q->freed % m->size].data - q->arena);
    last = (size_t)(q->slots[(q->put - 1) % m->size].data - q->arena);
    if (q->write >= first && last >= first) { /* equal, if frames are empty, is not a wrap */
        if (m->bytes - q->write >= CAPTURE_SINK_ROOM)
            return true;
        if (first < CAPTURE_SINK_ROOM)
            return false;
        q->write = 0;
    }
    *end = first;
    return first - q->write >= CAPTURE_SINK_ROOM;
}

bool capture_merge_room(struct capture_merge *m, unsigned input, struct capture_merge_room *room) {
    struct queue *q = &m->queues[input];
    uint32_t slot, to_end;
    size_t end;

    q->freed = q->taken;
    slot = (uint32_t)(q->put % m->size);
    to_end = m->size - slot;
    room->most = m->size - (uint32_t)(q->put - q->freed);
    room->most = room->most < to_end ? room->most : to_end;
    q->full = room->most == 0 || !find_bytes(m, q, &end);
    if (q->full)
        return false;
    room->frames = &q->slots[slot];
    room->next = q->arena + q->write;
    room->end = q->arena + end;
    return true;
}

void capture_merge_put(struct capture_merge *m, unsigned input, unsigned count, const uint8_t *next,
                       uint64_t now_ns) {
    struct queue *q = &m->queues[input];

    assert(q->put + count - q->freed <= m->size);
    for (unsigned i = 0; i < count; i++)
        q->put_ns[(q->put + i) % m->size] = now_ns;
    q->put += count;
    q->write = (size_t)(next - q->arena);
}

void capture_merge_end(struct capture_merge *m, unsigned input) {
    m->queues[input].ended = true;
}

static const struct frame *front(const struct capture_merge *m, const struct queue *q) {
    return &q->slots[q->taken % m->size];
}

/* When the frame in front was put. */
static uint64_t front_put_ns(const struct capture_merge *m, const struct queue *q) {
    return q->put_ns[q->taken % m->size];
}

/* Once the frame at one head is due, frames leave whose stamps are before its own. */
static bool is_due(const struct capture_merge *m, const struct queue *q, uint64_t now_ns) {
    return q->full || now_ns - front_put_ns(m, q) >= m->window_ns;
}

/*
 * If stamps come from two clocks, or from one that was set back, an input whose frames
 * always have the earlier stamps would keep the others waiting for ever.
 */
static bool is_left_behind(const struct capture_merge *m, const struct queue *oldest,
                           const struct queue *least) {
    uint64_t after_ns = front_put_ns(m, least) - front_put_ns(m, oldest);
    return after_ns > m->window_ns && after_ns - m->window_ns > LEFT_BEHIND_NS;
}

/* The queue whose first frame is to leave now; NULL: none. */
static struct queue *choose(struct capture_merge *m, uint64_t now_ns) {
    struct queue *least = NULL, *oldest = NULL;
    bool due = false, lacking = false;

    for (unsigned i = 0; i < m->inputs; i++) {
        struct queue *q = &m->queues[i];
        if (is_empty(q)) {
            lacking = lacking || !q->ended;
            continue;
        }
        due = due || is_due(m, q, now_ns);
        if (least == NULL || front(m, q)->time_ns < front(m, least)->time_ns)
            least = q;
        if (oldest == NULL || front_put_ns(m, q) < front_put_ns(m, oldest))
            oldest = q;
    }
    if (least == NULL || (lacking && !due))
        return NULL;
    return is_left_behind(m, oldest, least) ? oldest : least;
}

static void note_order(struct capture_merge *m, uint64_t time_ns) {
    if (time_ns >= m->last_ns || m->last_ns - time_ns > CLOCK_SET_NS)
        m->last_ns = time_ns;
    else
        m->late++;
}

unsigned capture_merge_take(struct capture_merge *m, struct frame *frames, unsigned max,
                            uint64_t now_ns) {
    unsigned count = 0;
    struct queue *q;

    for (; count < max && (q = choose(m, now_ns)) != NULL; count++) {
        frames[count] = *front(m, q);
        note_order(m, frames[count].time_ns);
        q->taken++;
    }
    for (unsigned i = 0; i < m->inputs; i++)
        m->queues[i].full = false;
    return count;
}

bool capture_merge_lacks(const struct capture_merge *m, unsigned input) {
    return is_empty(&m->queues[input]);
}

uint64_t capture_merge_due_ns(const struct capture_merge *m) {
    uint64_t due_ns = UINT64_MAX;

    for (unsigned i = 0; i < m->inputs; i++) {
        const struct queue *q = &m->queues[i];
        uint64_t own_ns;
        if (is_empty(q))
            continue;
        own_ns = front_put_ns(m, q) + m->window_ns;
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    return due_ns;
}

uint64_t capture_merge_late(const struct capture_merge *m) {
    return m->late;
}
