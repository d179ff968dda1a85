/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_TRACEGEN_TRAFFIC_H
#define TESTS_TOOLS_TRACEGEN_TRAFFIC_H

#include <stdint.h>

#include "tests/tools/tracegen_pcap.h"

/*
 * The traffic model. A number of flows is alive at a time; each packet belongs
 * to one of them, picked at random, so that neighbours in the trace mostly
 * belong to different flows and each packet is a likely cache miss in a flow
 * table. As all flows then send alike, none sends much more than packets /
 * flows; with a busy share the large ones send faster and come to their full
 * size, as in real traffic. Until all are alive each packet opens a flow;
 * afterwards a flow that has ended is replaced by the next packet. Flow sizes
 * are heavy-tailed, and no 5-tuple ever comes back.
 *
 *   TCP                                  by FIN
 *   SYN -> SYN_ACK -> ACK -> TALK (n) -+-------> FIN -> FIN_BACK -> LAST_ACK -+-> ENDED
 *                                      +-> RESET -----------------------------+
 *                                   by RST                                    |
 *   UDP   DATAGRAM (n) -------------------------------------------------------+
 */

/* Shares are probabilities, counts of 2^-32 up to TG_ALWAYS, drawn once per flow except elephant.
 */
struct tg_profile {
    uint64_t packets;     /* below 2^32 */
    uint64_t flows;       /* alive at a time, 1 to TG_FLOWS_MAX */
    uint64_t frame_bytes; /* 60 to 1514, or TG_FRAME_MIX */
    uint64_t seed;
    uint64_t alpha;    /* of the flow sizes, count of 2^-16 */
    uint64_t elephant; /* share of the packets that go to one flow, one more than `flows` */
    uint64_t busy;     /* share of the others that go to flows of 1,000 packets and more */
    uint64_t ipv6;
    uint64_t udp;
    uint64_t vlan;
    uint64_t rate_pps; /* 1 to 10^9; gives the time stamps */
    uint64_t start_s;  /* time of the first packet, seconds since 1970 */
};

#define TG_FLOWS_MAX (UINT64_C(1) << 22)
#define TG_FRAME_MIX 0u

/* What was written. tcp, udp, ipv4 and ipv6 count packets. */
struct tg_summary {
    uint64_t packets;
    uint64_t bytes; /* of frames, without the headers of the file */
    uint64_t flows; /* distinct 5-tuples */
    uint64_t tcp;
    uint64_t udp;
    uint64_t ipv4;
    uint64_t ipv6;
    uint64_t elephant_packets;
    uint64_t alive_at_end; /* flows that have begun and not ended */
};

/*
 * Seconds since 1970 of the last packet that profile asks for. Pcap holds no
 * more than 32 bits of it.
 */
uint64_t tg_profile_end_s(const struct tg_profile *profile);

/*
 * Writes the whole trace to an open file; profile is checked by the caller and
 * must end before 2^32 seconds. Equal profiles give equal bytes, on any
 * machine. Returns 0, or -errno for want of memory or when a write failed; no
 * log. One thread.
 */
int tg_traffic_write(const struct tg_profile *profile, struct tg_pcap *pcap,
                     struct tg_summary *summary);

#endif
