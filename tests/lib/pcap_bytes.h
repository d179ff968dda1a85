/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PCAP_BYTES_H
#define TESTS_LIB_PCAP_BYTES_H

/* Capture files made by hand, in memory. */

#include <stddef.h>
#include <stdint.h>

enum byte_order { LITTLE, BIG };

/* Starts as {.order = ...}, else zero; grows as bytes are put; free() data. */
struct pcap_bytes {
    uint8_t *data;
    size_t size, room;
    enum byte_order order;
};

void put_bytes(struct pcap_bytes *b, const void *data, size_t size);
/* Numbers in the order of the file. */
void put16(struct pcap_bytes *b, unsigned value);
void put32(struct pcap_bytes *b, uint32_t value);
/* Made-up bytes of a frame that begin with `tag`. */
void put_body(struct pcap_bytes *b, uint32_t size, uint8_t tag);

/* pcap: the header of the file, and records. */
void put_pcap_header(struct pcap_bytes *b, uint32_t magic, uint32_t dlt);
void put_record(struct pcap_bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen,
                uint32_t wirelen, uint8_t tag);
/* A file of microseconds, Ethernet, count frames of 60 bytes, a second apart. */
void put_plain_file(struct pcap_bytes *b, unsigned count, uint8_t first_tag);

/* pcapng: blocks. What is between begin and end is the block's body. */
size_t begin_block(struct pcap_bytes *b, uint32_t type);
void end_block(struct pcap_bytes *b, size_t start);
void put_option(struct pcap_bytes *b, unsigned code, const void *value, size_t size);
void put_section(struct pcap_bytes *b);
size_t begin_interface(struct pcap_bytes *b, unsigned linktype, uint32_t snaplen);
void put_interface(struct pcap_bytes *b, unsigned linktype);
/* Enhanced packet blocks; a packet is of microseconds, and of second 1. */
void put_stamped(struct pcap_bytes *b, uint32_t interface, uint64_t stamp, uint32_t caplen,
                 uint32_t wirelen, uint8_t tag);
void put_packet(struct pcap_bytes *b, uint32_t interface, uint32_t caplen, uint8_t tag);
/* The obsolete packet block, and the simple one, which has no captured length. */
void put_obsolete(struct pcap_bytes *b, unsigned interface, uint64_t stamp, uint32_t size,
                  uint8_t tag);
void put_simple(struct pcap_bytes *b, uint32_t caplen, uint32_t wirelen, uint8_t tag);

#endif
