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
 * kept (preloading).
 */
struct capture_sink {
    struct frame *frames;
    size_t count;
    uint8_t *next; /* where the next frame's bytes go, aligned */
    uint8_t *end;
    uintptr_t align_mask; /* alignment of frames less 1 */
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

/*
 * Copies a frame into a sink that has room: caplen bytes at data, of wirelen (at
 * least caplen) that were on the wire, cut to the sink's snapshot length.
 */
static inline void capture_sink_put(struct capture_sink *sink, const uint8_t *data, uint32_t caplen,
                                    uint32_t wirelen, uint64_t time_ns) {
    struct frame *frame = &sink->frames[sink->count];

    caplen = caplen > sink->snaplen ? sink->snaplen : caplen;
    frame->data = sink->next;
    frame->time_ns = time_ns;
    frame->caplen = caplen;
    frame->wirelen = wirelen;
    frame->dlt = sink->dlt;
    frame->new_source = sink->new_source;
    frame->interface = sink->interface;
    memcpy(sink->next, data, caplen);

    sink->new_source = false;
    sink->count++;
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
