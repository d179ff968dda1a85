/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_MERGE_H
#define DISPATCHER_CAPTURE_CAPTURE_MERGE_H

#include <stddef.h>

#include "dispatcher/capture/capture.h"

/*
 * Frames of several inputs in the order of their time stamps, as far as that can
 * be had without waiting for ever. Each input is a queue that keeps its own
 * order. The frame with the least stamp of those in front leaves once every other
 * living input has one waiting, or one in front has been held for the window
 * since it was put, or a queue is full; of equal stamps that of the first input.
 * So no frame is lost, and a frame comes out of order only if it was put more than
 * a window after one with a later stamp. None is held longer than the window but by
 * frames with earlier stamps, and only by those that are put up to a second after it.
 *
 *     room -> (frames are written there) -> put -> take ... -> room
 *
 * The window is by the caller's clock: stamps are compared with each other only,
 * so that it does no harm if those of an adapter are far from it. Of the
 * dispatcher's capture, one thread. Knows nothing of libpcap.
 */
struct capture_merge;

/* Where the next frames of an input are to be written. */
struct capture_merge_room {
    struct frame *frames; /* one after another */
    unsigned most;        /* of them, at least 1 */
    uint8_t *next, *end;  /* their bytes: at least CAPTURE_SINK_ROOM, aligned for a frame */
};

/*
 * Makes *merge for so many inputs, each with a queue of so many frames and
 * bytes (at least CAPTURE_SINK_ROOM). Returns 0, or -ENOMEM with nothing logged.
 * The caller frees it.
 */
int capture_merge_new(struct capture_merge **merge, unsigned inputs, uint64_t window_ns,
                      uint32_t frames, size_t bytes);
void capture_merge_free(struct capture_merge *merge);

/*
 * Fills *room for an input. Frames that were taken are no longer valid then.
 * Returns false if its queue is full: the next take lets frames go that would
 * still be held.
 */
bool capture_merge_room(struct capture_merge *merge, unsigned input,
                        struct capture_merge_room *room);

/* count frames were written into the room; the byte after the last, aligned, is at next. */
void capture_merge_put(struct capture_merge *merge, unsigned input, unsigned count,
                       const uint8_t *next, uint64_t now_ns);

/* No more frames come from an input; those that it has put still leave. */
void capture_merge_end(struct capture_merge *merge, unsigned input);

/* Copies up to max frames that may leave, valid until the next room. Returns how many. */
unsigned capture_merge_take(struct capture_merge *merge, struct frame *frames, unsigned max,
                            uint64_t now_ns);

/* Whether an input has nothing waiting. */
bool capture_merge_lacks(const struct capture_merge *merge, unsigned input);

/* When a frame that is held leaves at the latest; UINT64_MAX: none is held. */
uint64_t capture_merge_due_ns(const struct capture_merge *merge);

/* Frames that left after one with a later stamp. */
uint64_t capture_merge_late(const struct capture_merge *merge);

#endif
