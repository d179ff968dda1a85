/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_SINK_H
#define DISPATCHER_CAPTURE_CAPTURE_SINK_H

#include <pcap/pcap.h>
#include <stddef.h>
#include <string.h>

#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/clock.h"

/*
 * What a source puts its frames into, and what all sources that read with
 * libpcap share: its callback, and the check of the link type. Calls no source.
 *
 * The frames' bytes go one after another to `next`, their struct frame to
 * `frames`. libpcap's own bytes are valid for one callback only, so each frame is
 * copied once: into memory that stays in the cache (the burst buffer) or that is
 * kept (preloading). A source whose own bytes last until it is read again leaves them
 * where they are, unless they are kept.
 */
struct capture_sink {
    struct frame *frames;
    size_t count;
    uint8_t *next; /* where the next frame's bytes go, aligned */
    uint8_t *end;
    uintptr_t align_mask; /* alignment of frames less 1 */
    bool may_point;       /* frames need not be copied if they last until the next read */
    uint32_t snaplen;     /* frames are cut to it */
    int32_t dlt;          /* of what is read now */
    bool new_source;      /* for the next frame that is put, which clears it */
    uint8_t interface;    /* that is read now; 0: a file */

    /* Of the libpcap handle that is read, for capture_keep(). */
    pcap_t *pcap;
    const struct bpf_program *filter; /* NULL: every frame is kept */
    uint32_t stamp_unit_ns;           /* what its stamps count below the second: 1, or 1,000 */
    uint64_t seen;                    /* frames read, kept or not */
};

/* Room that one frame takes at most. */
#define CAPTURE_SINK_ROOM (FB_FRAME_MAX + 2 * CAPTURE_SLACK)

/* True if another frame of any length fits. */
static inline bool capture_sink_has_room(const struct capture_sink *sink) {
    return (size_t)(sink->end - sink->next) >= CAPTURE_SINK_ROOM;
}

/* Puts a frame whose bytes stay where they are until the next burst, with CAPTURE_SLACK bytes
 * behind them that may be read. Takes no room. */
static inline void capture_sink_point(struct capture_sink *sink, const uint8_t *data,
                                      uint32_t caplen, uint32_t wirelen, uint64_t time_ns) {
    struct frame *frame = &sink->frames[sink->count];

    frame->data = data;
    frame->time_ns = time_ns;
    frame->caplen = caplen > sink->snaplen ? sink->snaplen : caplen;
    frame->wirelen = wirelen;
    frame->dlt = sink->dlt;
    frame->new_source = sink->new_source;
    frame->interface = sink->interface;
    sink->new_source = false;
    sink->count++;
}

/*
 * Copies a frame into a sink that has room: caplen bytes at data, of wirelen (at
 * least caplen) that were on the wire, cut to the sink's snapshot length.
 */
static inline void capture_sink_put(struct capture_sink *sink, const uint8_t *data, uint32_t caplen,
                                    uint32_t wirelen, uint64_t time_ns) {
    caplen = caplen > sink->snaplen ? sink->snaplen : caplen;
    memcpy(sink->next, data, caplen);
    capture_sink_point(sink, sink->next, caplen, wirelen, time_ns);
    sink->next += (caplen + sink->align_mask) & ~sink->align_mask;
}

/* A stamp in nanoseconds. None overflows: a hostile one is cut, and packet time stays a plain
 * number. One before 1970 is 0. */
static inline uint64_t capture_stamp_ns(int64_t s, uint64_t ns) {
    const uint64_t most_s = UINT64_MAX / FB_NS_PER_S - 5;

    if (s < 0)
        return 0;
    ns = ns > UINT32_MAX ? UINT32_MAX : ns;
    return ((uint64_t)s > most_s ? most_s : (uint64_t)s) * FB_NS_PER_S + ns;
}

/* Files have 32 bits of seconds, which count from 1970 to 2106. libpcap takes them as signed. */
static inline uint64_t capture_pcap_stamp_ns(const struct timeval *stamp, uint32_t unit_ns) {
    int64_t s = stamp->tv_sec;

    if (__builtin_expect(s < 0, 0)) {
        if (s < INT32_MIN)
            return 0;
        s += INT64_C(1) << 32;
    }
    return capture_stamp_ns(s, stamp->tv_usec < 0 ? 0 : (uint64_t)stamp->tv_usec * unit_ns);
}

/*
 * Takes a frame into a sink that has room if it passes the sink's filter. lasts: the bytes are
 * there until the source is read again, with CAPTURE_SLACK behind them. unit_ns: what its stamp
 * counts below the second.
 */
static inline void capture_sink_take(struct capture_sink *sink, const struct pcap_pkthdr *header,
                                     const uint8_t *data, uint32_t unit_ns, bool lasts) {
    uint32_t wirelen = header->len > header->caplen ? header->len : header->caplen;
    uint64_t time_ns;

    sink->seen++;
    if (sink->filter != NULL && pcap_offline_filter(sink->filter, header, data) == 0)
        return;
    time_ns = capture_pcap_stamp_ns(&header->ts, unit_ns);
    if (lasts && sink->may_point)
        capture_sink_point(sink, data, header->caplen, wirelen, time_ns);
    else
        capture_sink_put(sink, data, header->caplen, wirelen, time_ns);
}

/*
 * The pcap_handler of all sources that read with libpcap; user is the sink. Puts
 * the frame if it passes the sink's filter, and ends pcap_dispatch() once no
 * further frame has room.
 */
void capture_keep(u_char *user, const struct pcap_pkthdr *header, const u_char *data);

/*
 * Asks config->link_problem about the link type of a handle. Returns 0, or
 * -EPROTONOSUPPORT after one logged line that names the type and `name`, the file
 * or interface.
 */
int capture_check_link(const struct capture_config *config, pcap_t *pcap, const char *name);

#endif
