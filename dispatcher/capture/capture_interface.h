/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_INTERFACE_H
#define DISPATCHER_CAPTURE_CAPTURE_INTERFACE_H

#include <pcap/pcap.h>

#include "dispatcher/capture/capture.h"

/* One interface of capture_live.c: what it has given, and how it is. */
struct capture_interface {
    const char *name;
    pcap_t *pcap; /* NULL once gone */
    int dlt;
    uint32_t stamp_unit_ns; /* of its time stamps: 1, or 1,000 where it has microseconds only */
    int index;              /* the kernel's number for it; 0: none, as of `any` */
    bool vanished;          /* when last looked: there is none of that number any more */
    struct capture_interface_stats stats;
    struct pcap_stat last; /* what the counters said last: they are 32 bits wide and wrap */
    uint64_t said_ns;      /* when kernel drops were last spoken of; 0: never */
    uint64_t said_drops;   /* how many there were then */
    bool said_no_link;     /* of what it lacks now: the mend is another one if it is down too */
};

/* Once its handle is active: finds the interface that it is bound to. */
void capture_interface_begin(struct capture_interface *interface);

/* Takes over what the kernel has counted. Nothing more is counted of one that is gone. */
void capture_interface_count(struct capture_interface *interface);

/* Looks whether it is up. Logs a line when that has changed, and when the kernel dropped frames. */
void capture_interface_watch(struct capture_interface *interface, uint64_t now_ns);

/* Nothing more is wanted of it: counts a last time and closes the handle. Its state stays. */
void capture_interface_leave(struct capture_interface *interface);

/* It is gone: counts a last time and closes the handle. The caller has logged why. */
void capture_interface_end(struct capture_interface *interface);

#endif
