/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_PCAP_RECORD_H
#define WORKER_INSPECTORS_PCAP_RECORD_H

#include <stdint.h>

#include "flow_balancer/flow.h"

/*
 * Packets as a capture file or stream has them: pcap with nanoseconds, in the byte order of this
 * machine, as its magic number says. Written by hand, so that a worker needs no libpcap.
 */
#define PCAP_FILE_BYTES 24u   /* of the header of a file */
#define PCAP_RECORD_BYTES 16u /* of the header of a packet, which its bytes follow */

struct pcap_file_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, digits; /* 0: of no use */
    uint32_t snaplen;      /* no frame is longer */
    uint32_t link_type;    /* LINKTYPE_ value */
};

struct pcap_record_head {
    uint32_t s, ns; /* since 1970 */
    uint32_t caplen, wirelen;
};

/* The number by which files name a link type, where libpcap's DLT_ value is this one; most are the
 * same. */
uint32_t pcap_link_type(int32_t dlt);

/* The header of a file of packets with that DLT_ value. */
struct pcap_file_head pcap_file_head(int32_t dlt);

/* The header of one packet. */
static inline struct pcap_record_head pcap_record_head(const struct fb_packet *packet) {
    return (struct pcap_record_head){.s = (uint32_t)(packet->time_ns / UINT64_C(1000000000)),
                                     .ns = (uint32_t)(packet->time_ns % UINT64_C(1000000000)),
                                     .caplen = packet->caplen,
                                     .wirelen = packet->wirelen};
}

#endif
