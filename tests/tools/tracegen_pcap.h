/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_TRACEGEN_PCAP_H
#define TESTS_TOOLS_TRACEGEN_PCAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Frames and the file that they go to: little-endian nanosecond pcap,
 * Ethernet, the same bytes on every machine. One thread.
 */

/* What a flow's frames are made of; the same in both directions. */
enum tg_kind { TG_IPV6 = 1u, TG_UDP = 2u, TG_VLAN = 4u };

enum tg_tcp_flag { TG_FIN = 0x01, TG_SYN = 0x02, TG_RST = 0x04, TG_PSH = 0x08, TG_ACK = 0x10 };

/* Who sends. Clients live in 10/8 or 2001:db8:c::/48, servers in 198.18/15 or 2001:db8:5::/48. */
enum tg_side { TG_CLIENT, TG_SERVER };

/* The longest frame, and the shortest that Ethernet lets through, without its check sequence. */
#define TG_FRAME_MAX 1514u
#define TG_FRAME_MIN 60u

/*
 * One frame to be built. tuple is any number below TG_TUPLES; addresses and
 * ports follow from it so that two tuples never share all of client address,
 * client port and server address.
 */
#define TG_TUPLES (UINT64_C(1) << 48)
struct tg_segment {
    uint64_t tuple;
    uint32_t seq;           /* TCP only, as are ack and tcp_flags */
    uint32_t ack;           /* 0 unless tcp_flags has TG_ACK */
    uint32_t payload_bytes; /* all zero, which leaves the checksum alone */
    uint32_t frame_bytes;   /* what headers and payload leave over is Ethernet trailer */
    uint16_t ip_id;         /* IPv4 only */
    uint8_t kind;           /* TG_IPV6 and so on */
    uint8_t sender;         /* enum tg_side */
    uint8_t tcp_flags;
};

/* Bytes before the payload in a frame of this kind. */
uint32_t tg_header_bytes(unsigned kind);

/* Fills segment->frame_bytes bytes at frame; they hold headers and payload (the caller's promise).
 */
void tg_frame_build(uint8_t *frame, const struct tg_segment *segment);

struct tg_pcap {
    int fd;
    uint8_t *buffer; /* owned, from open to close */
    size_t used;
};

/*
 * Opens path for writing (`-`: standard output, which close leaves open),
 * truncates it and buffers the file header. Returns 0 or -errno; no log.
 */
int tg_pcap_open(struct tg_pcap *pcap, const char *path);

/*
 * Room for one frame stamped seconds.nanoseconds, valid until the next call;
 * the caller fills all frame_bytes of it. NULL if the file could not be
 * written: errno tells why.
 */
uint8_t *tg_pcap_reserve(struct tg_pcap *pcap, uint32_t seconds, uint32_t nanoseconds,
                         uint32_t frame_bytes);

/* Writes what is buffered, closes, frees; always releases everything. Returns 0 or -errno. */
int tg_pcap_close(struct tg_pcap *pcap);

#endif
