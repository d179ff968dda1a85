/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_H
#define DISPATCHER_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/capture_fanout.h"
#include "dispatcher/capture/frame.h"
#include "flow_balancer/counters.h"
#include "flow_balancer/names.h"

/*
 * Where frames come from: capture files one after another (pcap, pcapng, pipes,
 * standard input), files loaded into memory first, or interfaces. The caller
 * takes bursts; nothing here ever waits but capture_wait(), so that what the
 * caller has staged never stands behind a slow pipe.
 *
 *     open -> burst MORE  -> (work) -> burst ...
 *                 | IDLE  -> publish, housekeeping, capture_wait -> burst ...
 *                 | END   -> capture_failed? -> close
 *
 * Dispatcher only, one thread. One line is logged for whatever goes wrong.
 *
 * The life of an interface:
 *
 *     up <-> down     switched off, or without a link: its handle stays
 *      |      |
 *      +------+--> gone     removed, moved to another namespace, or broken
 *
 * The capture goes on with those that are left and ends with the last one; it
 * has failed (capture_failed()) as soon as one is gone.
 */
#define CAPTURE_BURST_MAX 128u /* most frames of one burst */

enum capture_direction { CAPTURE_INOUT, CAPTURE_IN, CAPTURE_OUT };

/* Either files or interfaces. Everything pointed to stays the caller's and outlives the capture. */
struct capture_config {
    const char *const *files; /* "-": standard input; a FIFO may be named */
    unsigned file_count;
    const char *const *interfaces; /* no name twice */
    unsigned interface_count;      /* at most FB_MAX_INTERFACES */
    const char *filter;            /* NULL: every frame */
    int snaplen;                   /* bytes, 0: CAPTURE_FRAME_MAX */

    /* Files only. */
    bool preload;   /* load all files into memory, then deliver from there */
    uint64_t loops; /* how often all files are delivered, at least 1 */
    double speed;   /* 1: as captured, 2: twice as fast; 0: at once */

    /* Interfaces only. */
    bool promiscuous;
    int buffer_kib;          /* kernel buffer of each interface, 0: 32 MB */
    bool immediate;          /* each frame at once, not by blocks */
    const char *tstamp_type; /* as pcap-tstamp(7) names them; NULL: what the interface does */
    enum capture_direction direction;
    uint64_t merge_window_ns;     /* several are ordered by their stamps; 0: as they are read */
    struct capture_fanout fanout; /* shared with other dispatchers */

    /* Asked of every file and interface that is opened: NULL, or why its link type cannot be read
     * ("which is not known: ..."), which is an error. NULL: every one is taken. */
    const char *(*link_problem)(void *context, int dlt);
    void *link_context;
};

struct capture_interface_stats {
    uint64_t counters[FB_INTERFACE_COUNT];
    enum fb_interface_state state;
};

/*
 * Of the whole run, interfaces that are gone included. Of an interface, received
 * are the frames that passed the filter: those delivered, those dropped for want
 * of room in the kernel's buffer, those that wait in it, and those that libpcap
 * passes over (by -Q, and outgoing ones of lo). Of files, those delivered.
 */
struct capture_stats {
    uint64_t received;
    uint64_t kernel_drops;    /* no room in the kernel's buffer */
    uint64_t interface_drops; /* no room in the interface */
    uint64_t merged_late;     /* frames that came too late to be ordered */
    unsigned interface_count;
    struct capture_interface_stats interfaces[FB_MAX_INTERFACES]; /* in the order of the config */
};

/* How far files are read, over all files and loops. */
struct capture_progress {
    uint64_t done_bytes;  /* at most total_bytes; of the files, or of the frames once preloaded */
    uint64_t total_bytes; /* grows with a file that is still written; 0: unknown, as of a pipe */
    bool preloading;      /* the bytes are those of loading; delivery comes after */
};

enum capture_status {
    CAPTURE_MORE, /* go on at once; the burst may be empty all the same */
    CAPTURE_IDLE, /* nothing now: preloading, or a live or paced source has to wait */
    CAPTURE_END   /* nothing ever again */
};

struct capture;

/*
 * Opens the sources. Every regular file is opened once and its header, link
 * type and filter are checked, so that a wrong name stops the run before a
 * frame is taken; interfaces are activated. Preloading starts with the first
 * capture_burst(). Returns 0, or -errno after one logged line; wrong options are
 * -EINVAL. The capture goes to capture_close().
 */
int capture_open(struct capture **capture, const struct capture_config *config);

/*
 * Takes up to max (1 to CAPTURE_BURST_MAX, more is cut) frames. *frames is set
 * to the first of *count, valid until the next call. *count is 0 unless the
 * status is CAPTURE_MORE. Makes no system call but those that reading takes.
 */
enum capture_status capture_burst(struct capture *capture, unsigned max,
                                  const struct frame **frames, unsigned *count);

/* After CAPTURE_IDLE: returns when there may be something, or after timeout_us. */
void capture_wait(struct capture *capture, unsigned timeout_us);

/*
 * Fills *stats. To be called several times a second when capturing live: it also
 * looks whether interfaces are there and up, and logs a line when one goes down or
 * comes up again and, every ten seconds at most, when the kernel dropped frames of
 * it. (The kernel's counters are 32 bits wide: in 100 seconds they may wrap.)
 */
void capture_stats(struct capture *capture, struct capture_stats *stats);

/* Fills *progress. Takes two system calls: for a few times a second. */
void capture_progress(struct capture *capture, struct capture_progress *progress);

/*
 * Takes in no more: gives up interfaces at once, so that what they shared goes to
 * the other dispatchers and nothing is kept for this capture from now on. What
 * stands in the kernel's buffers is lost, and stats stay as they are. Frames of
 * interfaces that wait for the merge window still come from capture_burst(), then
 * CAPTURE_END; of files that comes next. The last burst stays valid. A second
 * time does nothing.
 */
void capture_leave(struct capture *capture);

/* True once a file broke off or an interface failed: the run ends with an error. */
bool capture_failed(const struct capture *capture);

/* True for interfaces. */
bool capture_is_live(const struct capture *capture);

/*
 * Frames read from now on pass this filter; NULL: all do. It stays the caller's, to
 * the next call or the end. Returns 0, or -errno after one logged line if it does
 * not compile for every interface, or for the file that is being read and each
 * regular file to come, or the frames are preloaded; then the one before stays in
 * force everywhere. On an interface the change itself takes some microseconds, in
 * which no frame is seen.
 */
int capture_set_filter(struct capture *capture, const char *filter);

/* Frees everything; frames are no longer valid. NULL is allowed. */
void capture_close(struct capture *capture);

/* Prints the interfaces to standard output as tcpdump -D does. Returns 0, or -errno after one
 * logged line. */
int capture_list_interfaces(void);

#endif
