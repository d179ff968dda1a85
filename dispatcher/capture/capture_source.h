/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_SOURCE_H
#define DISPATCHER_CAPTURE_CAPTURE_SOURCE_H

#include <string.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/capture_filter.h"
#include "dispatcher/capture/capture_sink.h"

/*
 * Between capture.c and its sources: a table of operations and the state behind
 * it. A further source is a file with such a table and a line here. They are asked
 * in this order whether a configuration is theirs, and the first that takes it
 * reads it.
 */
#define CAPTURE_SOURCES(X)                                                                         \
    X(capture_live_source)   /* interfaces */                                                      \
    X(capture_memory_source) /* files, loaded into memory first */                                 \
    X(capture_file_source)   /* files */

/* Where a source is within all files, and how often they are still to be delivered. */
struct capture_position {
    uint64_t loop_bytes; /* of all files once; 0: unknown */
    uint64_t at;         /* bytes of the loop that is read now */
    uint64_t loops_left; /* the one that is read now included; not set while preloading */
    bool preloading;
};

struct capture_source {
    bool live;

    /* Whether this source reads what the config names, which is valid. */
    bool (*takes)(const struct capture_config *config);

    /* Makes *state. config and filters outlive it, and the filter in force is filters->present.
     * Returns 0, or -errno after one logged line. */
    int (*open)(void **state, const struct capture_config *config, struct capture_filters *filters);

    /*
     * Reads about max frames into the sink, whose frames, count, next and end are
     * set for it; a source with frames of its own points the sink at them. Never
     * waits. Returns CAPTURE_MORE whenever frames were put.
     */
    enum capture_status (*read)(void *state, struct capture_sink *sink, unsigned max);

    /* After read returned CAPTURE_IDLE: returns when there may be more, or after timeout_us. */
    void (*wait)(void *state, unsigned timeout_us);

    /*
     * Gives up what would go on without us; frames that were taken in are still
     * read. NULL: nothing would, and the capture ends.
     */
    void (*leave)(void *state);

    bool (*failed)(const void *state);

    /* Fills *stats. NULL: the number of frames delivered says it all. */
    void (*stats)(void *state, struct capture_stats *stats);

    /*
     * Asks a filter that may follow for every program that it would need now
     * (capture_filter_fits()). Changes nothing. Returns 0, or -errno after one logged line
     * if one does not fit. If filter->lacks was set, it is called again once they are compiled.
     */
    int (*check_filter)(void *state, struct capture_filter *filter);

    /*
     * Takes the programs of a filter that was checked just now, for what is read from now
     * on: those before are freed next. Returns 0, or -errno after one logged line, with the
     * one before in force.
     */
    int (*take_filter)(void *state, struct capture_filter *filter);

    /*
     * Fills *position, which is all 0. next: the first frame that was read and not
     * taken, NULL if there is none. NULL: the source has no end to measure.
     */
    void (*position)(void *state, const struct frame *next, struct capture_position *position);

    void (*close)(void *state);
};

/* Whether stamps are to come from the network card, where they must be switched on. */
static inline bool capture_wants_adapter_stamps(const struct capture_config *config) {
    return config->tstamp_type != NULL && strncmp(config->tstamp_type, "adapter", 7) == 0;
}

#define CAPTURE_DECLARE_SOURCE(source) extern const struct capture_source source;
CAPTURE_SOURCES(CAPTURE_DECLARE_SOURCE)

#endif
