/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_QUARANTINE_H
#define DISPATCHER_FLEET_QUARANTINE_H

#include <stdint.h>

#include "flow_balancer/descriptor.h"

/*
 * Where packets go that killed their worker twice: appended to capture files
 * that tcpdump and Wireshark read, with their own time stamps in nanoseconds.
 * A file holds one link type: the first of the run goes to the path as given,
 * another to a file beside it with the type's name before the suffix
 * (bad.pcap, bad-LINUX_SLL.pcap). Files are made with their first packet,
 * mode 0600, and flushed after each. Dispatcher only, one thread.
 */
struct quarantine {
    const char *path; /* NULL: nothing is kept */
    struct pcap_dumper *files[FB_MAX_LINKS];
};

/* A packet as it was captured. bytes: caplen of them. */
struct quarantined {
    uint64_t time_ns, frame;
    uint32_t caplen, wirelen;
    unsigned link; /* index of the link type in the run */
    int dlt;       /* libpcap's name for it */
    const uint8_t *bytes;
};

/*
 * path: of --quarantine, kept by the caller, or NULL. Returns 0, or -errno
 * after one logged line if nothing can be written there.
 */
int quarantine_open(struct quarantine *quarantine, const char *path);

/* Appends a packet. Returns 0 (also when nothing is kept), or -errno after one logged line. */
int quarantine_add(struct quarantine *quarantine, const struct quarantined *packet);

void quarantine_close(struct quarantine *quarantine);

#endif
