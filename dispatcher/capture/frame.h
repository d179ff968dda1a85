/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_FRAME_H
#define DISPATCHER_CAPTURE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/descriptor.h"

/*
 * One captured frame, and the limits that everybody who handles frames relies
 * on. Code that only handles frames includes this and nothing else of capture.
 */
#define CAPTURE_SLACK 64u /* bytes after a frame that may be read: one vector load */

/*
 * The bytes are valid until the next capture_burst(), those of preloaded frames
 * until capture_close(). Within a burst of files, or within the whole trace if preloaded,
 * they lie at ascending addresses, preloaded without gaps of more than 63 bytes; those of
 * an interface may lie anywhere.
 */
struct frame {
    const uint8_t *data; /* preloaded: 16-byte aligned; of a pcap file or an interface: not */
    uint64_t time_ns;    /* since 1970, as captured; before 1970, or where there is none, 0 */
    uint32_t caplen;     /* 0 to FB_FRAME_MAX */
    uint32_t wirelen;    /* at least caplen */
    int32_t dlt;         /* link type, a DLT_ value */
    bool new_source;     /* first of a file, section or loop: the time may start over */
    uint8_t interface;   /* that it was captured on, by its place among them; 0: a file */
};

#endif
