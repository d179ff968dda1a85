/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_H
#define DISPATCHER_CAPTURE_CAPTURE_H

/*
 * ---- dispatcher/capture/: where frames come from
 *
 * Reads capture files (pcap, pcapng, pipes, standard input), files loaded into
 * memory first, or interfaces, and hands their frames out in bursts: bytes, time
 * stamp, lengths and link type, as libpcap gives them, which reads all but pcapng, what is
 * sound in plain pcap files, and Ethernet interfaces. Applies the
 * capture filter, the snapshot length, loops and pace, orders the frames of several interfaces by
 * time, and counts what the kernel dropped.
 *
 * May touch: files, packet sockets, interface state, libpcap, and memory of its
 * own. It is the only folder that reads with libpcap.
 * Must not know: what is in a frame (decode/), flows, workers, shared memory. It
 * asks its caller about link types through a callback.
 * Never waits but in capture_wait(), so that packets that the caller has not yet
 * published never wait for a slow pipe. Capture has one thread, the dispatcher's, and while
 * a filter is compiled a second one, which touches nothing else.
 *
 * Doors: frame.h (struct frame and its limits), capture.h (the capture),
 * capture_fanout.h (the modes of --fanout), packet_clock.h (the time of files).
 * In reading order:
 *
 *   capture.h .c           open, burst, wait, pace, stats; chooses a source
 *   packet_clock.h .c        what time it is, by time stamps that may be wrong
 *   capture_pace.h .c        when a frame is due (--speed)
 *   capture_source.h       the operations of a source, and the list of all sources
 *   capture_sink.h .c      where sources put frames; link type
 *   capture_filter.h .c    the filter, compiled by a thread of its own
 *   capture_file.c         source: files, one after another
 *   capture_window.h .c      the bytes of one of them, or of a pipe without waiting
 *   capture_tcp.h .c         of a connection to another host
 *   capture_unpack.h .c      one that is compressed, as it was before
 *   capture_ng.h .c          the frames of pcapng
 *   capture_links.h .c       link types of its interfaces, and filters for each
 *   capture_pcap.h .c        the frames of pcap, as libpcap reads them
 *   capture_records.h .c       of a plain file, where they are
 *   capture_pipe.h .c          of a pipe, for libpcap
 *   capture_begin.h .c       what is said of a file that libpcap cannot open
 *   capture_memory.c       source: files in memory (--preload)
 *   capture_live.c         source: interfaces
 *   capture_interface.h .c   one of them: its counters and state
 *   capture_packet.h .c      the kernel's ring of an Ethernet one, read without libpcap
 *   capture_install.h .c     puts filters in force on one
 *   capture_outside.h .c     where the kernel refuses them
 *   capture_buffer.h .c      the kernel's buffer of one
 *   capture_merge.h .c       several in the order of their time stamps
 *   capture_fanout.h .c      one shared with other dispatchers
 *   capture_list.c         the interfaces that there are (-D)
 *
 * To add a source: a file with a struct capture_source, and a line in
 * CAPTURE_SOURCES (capture_source.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/capture_fanout.h"
#include "dispatcher/capture/frame.h"
#include "flow_balancer/counters.h"
#include "flow_balancer/names.h"

/*
 * The caller takes bursts:
 *
 *     open -> burst MORE  -> (work) -> burst ...
 *                 | IDLE  -> publish, housekeeping, capture_wait -> burst ...
 *                 | END   -> capture_failed? -> close
 *
 * Dispatcher only, one thread. Every error is logged once, in one line.
 *
 * The life of an interface:
 *
 *     up <-> down     switched off, or without a link: its handle stays open
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
    const char *const *files; /* "-": standard input; a FIFO may be named, and tcp:HOST:PORT */
    unsigned file_count;
    const char *const *interfaces; /* no name twice */
    unsigned interface_count;      /* at most FB_MAX_INTERFACES */
    const char *filter;            /* NULL: every frame */
    int snaplen;                   /* bytes, 0: FB_FRAME_MAX */

    /* Files only. */
    bool preload;   /* load all files into memory, then deliver from there */
    uint64_t loops; /* how often all files are delivered, at least 1 */
    double speed;   /* 1: as captured, 2: twice as fast; 0: without pauses */
    bool reconnect; /* connections that end or fail are made again, each second */

    /* Interfaces only. */
    bool promiscuous;
    int buffer_kib;          /* kernel buffer of each interface, 0: 48 MB */
    bool by_libpcap;         /* also where the kernel's ring could be read without it */
    bool immediate;          /* each frame as it comes, not in blocks of up to 8 ms */
    const char *tstamp_type; /* as pcap-tstamp(7) names them; NULL: what the interface does */
    enum capture_direction direction;
    uint64_t merge_window_ns;     /* several are ordered by their stamps; 0: as they are read */
    struct capture_fanout fanout; /* shared with other dispatchers */

    /* Called for every file and interface that is opened, of pcapng for every link type that a
     * frame has: returns NULL, or why it cannot be read ("which is not known: ..."), which is an
     * error. NULL: every link type is taken. */
    const char *(*link_problem)(void *context, int dlt);
    void *link_context;
};

struct capture_interface_stats {
    uint64_t counters[FB_INTERFACE_COUNT];
    enum fb_interface_state state;
};

/*
 * Since the start, interfaces that are gone included. For files, received counts
 * the frames delivered. For an interface it counts the frames that passed the
 * filter: those delivered, those dropped because the kernel's buffer was full,
 * those still in it, and those that are skipped then (because of -Q, and outgoing
 * frames of lo).
 */
struct capture_stats {
    uint64_t received;
    uint64_t kernel_drops;    /* the kernel's buffer was full */
    uint64_t interface_drops; /* the interface itself had no room */
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
    CAPTURE_MORE, /* take the next burst; this one may be empty nevertheless */
    CAPTURE_IDLE, /* nothing yet: preloading, or a live or paced source has to wait */
    CAPTURE_END   /* no more frames will come */
};

struct capture;

/* Whether a name of a file is that of a connection, tcp:HOST:PORT, valid or not. */
bool capture_tcp_is(const char *name);

/* What compressed files it reads, "gzip, xz, zstd, lz4", or "not built in". */
const char *capture_unpack_ways(void);

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
 * status is CAPTURE_MORE. Makes no system calls except to read.
 */
enum capture_status capture_burst(struct capture *capture, unsigned max,
                                  const struct frame **frames, unsigned *count);

/* After CAPTURE_IDLE: returns when there may be something, or after timeout_us. */
void capture_wait(struct capture *capture, unsigned timeout_us);

/*
 * Fills *stats. To be called several times a second when capturing live: it also
 * checks whether interfaces are there and up, and logs a line when one goes down or
 * comes up again. (The kernel's counters are 32 bits wide and may wrap within 100
 * seconds.)
 */
void capture_stats(struct capture *capture, struct capture_stats *stats);

/* Fills *progress. Makes two system calls: meant for a few times a second. */
void capture_progress(struct capture *capture, struct capture_progress *progress);

/*
 * Takes in no more frames. Interfaces are closed immediately, so that with --fanout
 * their traffic goes to the other dispatchers; frames still in the kernel's buffers
 * are lost, and the stats no longer change. capture_burst() still gives the frames
 * that wait for the merge window, then CAPTURE_END; for files it gives CAPTURE_END
 * next. The last burst stays valid. Calling it again has no effect.
 */
void capture_leave(struct capture *capture);

/* True once a file broke off, frames of a file were left out for their link type, or an interface
 * failed: the run ends with an error. */
bool capture_failed(const struct capture *capture);

/* True for interfaces. */
bool capture_is_live(const struct capture *capture);

/* Whether time stamps are the kernel's CLOCK_REALTIME when it received the frame: not of files,
 * nor where they are to come from a network card, whose clock may tell another time. */
bool capture_has_host_stamps(const struct capture *capture);

/*
 * Begins to replace the filter; NULL: every frame passes. The text is copied. It is
 * compiled in a thread of its own (capture_filter.h), for which nothing here waits:
 *
 *     begin 0 -> poll -EINPROGRESS ... -> poll 0: it is in force for all frames read from now on
 *                                     +-> poll -errno: the one before is in force, everywhere
 *
 * Returns 0; or -errno after one logged line, and nothing has begun: if the frames are
 * preloaded, if a change has begun and is not over (-EBUSY), if the capture was left, or if a
 * file to come has a link type that cannot be read.
 */
int capture_begin_filter(struct capture *capture, const char *filter);

/*
 * To be called between bursts, every few milliseconds, while a change has begun. -errno
 * comes after one logged line: the filter does not compile for every interface, or for the
 * file that is being read and every regular file to come, or an interface refuses it. On an
 * interface the change takes some microseconds, in which no frame is captured.
 */
int capture_poll_filter(struct capture *capture);

/* Whether a change has begun and is not over: capture_leave() and capture_close() end it, without
 * waiting for the thread. */
bool capture_changes_filter(const struct capture *capture);

/* Frees everything; frames are no longer valid. NULL is allowed. */
void capture_close(struct capture *capture);

/* Prints the interfaces to standard output as tcpdump -D does. Returns 0, or -errno after one
 * logged line. */
int capture_list_interfaces(void);

#endif
