/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_SOURCE_H
#define DISPATCHER_CAPTURE_CAPTURE_SOURCE_H

#include "dispatcher/capture/capture.h"

#include <pcap/pcap.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Between capture.c and its sources. A source is a table of operations and the
 * state behind them; a further one is a file with such a table and a line in
 * choose_source() of capture.c. Of the capture files only; here libpcap shows.
 */

/*
 * Where frames are put: bytes one after another from `next`, one struct frame
 * each from `frames`. libpcap's data is gone with its next call, so that each
 * frame is copied once, into memory that stays in the cache (the burst buffer)
 * or is kept (preloading). A source sets what belongs to its handle, then calls
 * pcap_dispatch() with capture_keep.
 */
struct capture_sink {
    struct frame *frames;
    size_t count;
    uint8_t *next; /* where the next frame's bytes go, aligned */
    uint8_t *end;
    uintptr_t align_mask; /* alignment of frames less 1 */
    uint32_t snaplen;     /* frames are cut to it */

    /* Of the handle that is read. */
    pcap_t *pcap;
    const struct bpf_program *filter; /* NULL: every frame is kept */
    int32_t dlt;
    uint32_t stamp_unit_ns; /* what its stamps count below the second: 1, or 1,000 */
    bool new_source;        /* for the next frame that is kept, which clears it */
    uint64_t seen;          /* frames read, kept or not */
};

/* Room that one frame takes at most. */
#define CAPTURE_SINK_ROOM (CAPTURE_FRAME_MAX + 2 * CAPTURE_SLACK)

/* True if another frame of any length fits; capture_keep() breaks the loop when none does. */
static inline bool capture_sink_has_room(const struct capture_sink *sink) {
    return (size_t)(sink->end - sink->next) >= CAPTURE_SINK_ROOM;
}

/* The pcap_handler of all sources; user is the sink. */
void capture_keep(u_char *user, const struct pcap_pkthdr *header, const u_char *data);

/* Where a source stands within all files, and how often they are still to be delivered. */
struct capture_position {
    uint64_t loop_bytes; /* of all files once; 0: unknown */
    uint64_t at;         /* bytes of the loop that is read now */
    uint64_t loops_left; /* the one that is read now included; not said while preloading */
    bool preloading;
};

struct capture_source {
    bool live;

    /* Makes *state. config outlives it. Returns 0, or -errno after one logged line. */
    int (*open)(void **state, const struct capture_config *config);

    /*
     * Reads about max frames into the sink, whose frames, count, next and end
     * are set for it; a source with frames of its own points the sink at them.
     * Never waits. Returns CAPTURE_MORE whenever frames were put.
     */
    enum capture_status (*read)(void *state, struct capture_sink *sink, unsigned max);

    /* After read said CAPTURE_IDLE: returns when there may be more, or after timeout_us. */
    void (*wait)(void *state, unsigned timeout_us);

    /* Gives up what goes on without us; what was taken in is still read. NULL where nothing does.
     */
    void (*leave)(void *state);

    bool (*failed)(const void *state);

    /* Fills *stats; NULL where frames delivered are all there is to say. */
    void (*stats)(void *state, struct capture_stats *stats);

    /*
     * Takes the config's filter, which has changed, for what is read from now on.
     * Returns 0, or -errno after one logged line, with the one before in force.
     * NULL where that cannot be.
     */
    int (*set_filter)(void *state);

    /*
     * Fills *position, which is all 0. next: the first frame that was read and not
     * taken, NULL if there is none. NULL where there is no end to come to.
     */
    void (*position)(void *state, const struct frame *next, struct capture_position *position);

    void (*close)(void *state);
};

extern const struct capture_source capture_file_source;
extern const struct capture_source capture_memory_source;
extern const struct capture_source capture_live_source;

/* Refuses a link type that is not known: one logged line, naming it and what it came from. */
int capture_check_link(const struct capture_config *config, pcap_t *pcap, const char *name);

/* Compiles the filter, if there is one, for a handle. Returns 0, or -EINVAL after one logged line.
 */
int capture_compile(const struct capture_config *config, pcap_t *pcap, const char *name,
                    struct bpf_program *program);

/* What messages call a file: standard input where the name is -. */
const char *capture_shown_name(const char *name);

/*
 * One logged line on a file that libpcap cannot begin with for that reason.
 * count of its first bytes are given: CAPTURE_BEGIN_BYTES, or all there are.
 */
#define CAPTURE_BEGIN_BYTES 24u /* the file header of pcap */
void capture_say_no_begin(const char *name, const uint8_t *bytes, size_t count, const char *reason);

/*
 * A pipe as a stdio stream that never waits (capture_pipe.c): it gives whole
 * records only, and ends when there is none yet; clearerr() makes it go on.
 * Returns NULL with errno set and nothing logged. fclose() of the stream frees
 * the pipe.
 */
struct capture_pipe;
struct capture_pipe *capture_pipe_open(const char *path, FILE **stream);

/* Goes back to the first byte, for another try at opening; the stream stands at its end. */
void capture_pipe_rewind(struct capture_pipe *pipe);

/* Until capture_pipe_start(): the bytes so far, at most `most` of them, good until the next read.
 */
size_t capture_pipe_begin(const struct capture_pipe *pipe, const uint8_t **bytes, size_t most);

/* libpcap has opened the stream: bytes that were given are no longer kept. */
void capture_pipe_start(struct capture_pipe *pipe);

/* True once the stream has given everything and the writer is gone: its end is the end. */
bool capture_pipe_ended(const struct capture_pipe *pipe);

/* Returns when there is something to read, or after timeout_us. */
void capture_pipe_wait(const struct capture_pipe *pipe, unsigned timeout_us);

#endif
