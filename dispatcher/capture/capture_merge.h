/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_MERGE_H
#define DISPATCHER_CAPTURE_CAPTURE_MERGE_H

#include <stddef.h>

#include "dispatcher/capture/capture.h"

/*
 * Frames of several inputs in the order of their time stamps, as far as that is
 * possible without waiting for ever. Each input is a queue that keeps its own order.
 * Of the frames at the heads of the queues the one with the least stamp leaves (of
 * equal stamps that of the first input), as soon as one of these is true:
 *   - every input that has not ended has a frame waiting
 *   - a frame at a head has been held for the window since it was put
 *   - a queue is full
 * So no frame is lost, and a frame leaves out of order only if it was put more than a
 * window after one with a later stamp. A frame is held longer than the window only by
 * frames with earlier stamps, and only by those put up to a second after it.
 *
 *     room -> (frames are written there) -> put -> take ... -> room
 *
 * The window is measured with the caller's clock. Stamps are compared only with each
 * other, so those of a network card may be far from it. One thread. Knows nothing of
 * libpcap.
 */
struct capture_merge;

/* Where the next frames of an input are to be written. */
struct capture_merge_room {
    struct frame *frames; /* one after another */
    unsigned most;        /* how many, at least 1 */
    uint8_t *next, *end;  /* their bytes: at least CAPTURE_SINK_ROOM, aligned for a frame */
};

/*
 * Makes *merge for that many inputs, each with a queue of `frames` frames and `bytes`
 * bytes (at least CAPTURE_SINK_ROOM). Returns 0, or -ENOMEM with nothing logged. The
 * caller frees it.
 */
int capture_merge_new(struct capture_merge **merge, unsigned inputs, uint64_t window_ns,
                      uint32_t frames, size_t bytes);
void capture_merge_free(struct capture_merge *merge);

/*
 * Fills *room for an input. Its frames that were taken are no longer valid then.
 * Returns false if its queue is full: the next capture_merge_take() then gives frames
 * that would otherwise still be held.
 */
bool capture_merge_room(struct capture_merge *merge, unsigned input,
                        struct capture_merge_room *room);

/* count frames were written into the room; next is behind the bytes of the last, aligned. */
void capture_merge_put(struct capture_merge *merge, unsigned input, unsigned count,
                       const uint8_t *next, uint64_t now_ns);

/* No more frames will come from an input; those that it has put still leave. */
void capture_merge_end(struct capture_merge *merge, unsigned input);

/* Copies up to max frames that may leave, valid until the next capture_merge_room(). Returns how
 * many. */
unsigned capture_merge_take(struct capture_merge *merge, struct frame *frames, unsigned max,
                            uint64_t now_ns);

/* Whether an input has no frame waiting. */
bool capture_merge_lacks(const struct capture_merge *merge, unsigned input);

/* When the next frame that is held leaves at the latest; UINT64_MAX: none is held. */
uint64_t capture_merge_due_ns(const struct capture_merge *merge);

/* How many frames left after one with a later stamp. */
uint64_t capture_merge_late(const struct capture_merge *merge);

#endif
