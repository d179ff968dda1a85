/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_QUARANTINE_H
#define DISPATCHER_FLEET_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/descriptor.h"

/*
 * Where packets go that killed their worker twice: appended to capture files
 * that tcpdump and Wireshark read, with their own time stamps in nanoseconds.
 * A file holds one link type: the first of the run goes to the path as given,
 * another to a file beside it with the type's name before the suffix
 * (bad.pcap, bad-LINUX_SLL.pcap). So does the first type where the path leads to
 * a capture that packets of this run cannot be appended to: of another link type,
 * time unit or byte order.
 *
 * Files are opened at the start, mode 0600, as far as the link types are known then,
 * and stay open, so what is wrong with one is said before the run and no packet goes
 * to whatever has the name later. Symbolic links are not followed. A file that
 * somebody deletes while the run lasts is made again. Those that the run made and
 * that are empty at the end are removed. Each packet is one write, header included,
 * and a packet of which only a part could be written is taken back. Each run is best
 * given a file of its own: two whose first packets come at the same moment would both
 * write its header. Dispatcher only, one thread.
 */
#define QUARANTINE_HEADER_BYTES 24u

struct quarantine_file {
    int dlt;      /* link type, or QUARANTINE_DLT_NONE: that of the first packet, not known yet */
    int fd;       /* -1: not open */
    bool beside;  /* its name is the path with that of the link type */
    bool made;    /* by this run */
    bool checked; /* what it holds is of this link type */
    uint8_t header[QUARANTINE_HEADER_BYTES]; /* what stands first in it */
};

#define QUARANTINE_DLT_NONE (-1)

struct quarantine {
    const char *path; /* NULL: nothing is kept */
    struct quarantine_file files[FB_MAX_LINKS];
    unsigned count;
    uint64_t lost; /* packets that should have been kept and could not be */
};

/* A packet as it was captured. bytes: caplen of them. */
struct quarantined {
    uint64_t time_ns, frame;
    uint32_t caplen, wirelen;
    int dlt; /* libpcap's name for its link type */
    const uint8_t *bytes;
};

/*
 * path: of --quarantine, kept by the caller, or NULL. dlts: `count` link types that
 * are known to come, up to FB_MAX_LINKS; others may follow. Returns 0, or -errno after
 * one logged error if packets cannot be appended there. quarantine_close() is due
 * either way.
 */
int quarantine_open(struct quarantine *quarantine, const char *path, const int *dlts,
                    unsigned count);

/*
 * Appends a packet; counts it as lost, after one logged error, if that cannot be. packet:
 * NULL if nothing is known of it any more, it is lost then and the caller says why.
 * quarantine: NULL is like one without a path. Returns how it went, in words that go
 * behind "it is quarantined".
 */
const char *quarantine_keep(struct quarantine *quarantine, const struct quarantined *packet);

void quarantine_close(struct quarantine *quarantine);

#endif
