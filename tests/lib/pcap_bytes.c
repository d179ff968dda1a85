/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/pcap_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/capture/capture.h"
#include "tests/lib/unit.h"

void put_bytes(struct pcap_bytes *b, const void *data, size_t size) {
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void put16(struct pcap_bytes *b, unsigned value) {
    uint8_t out[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    if (b->order == BIG)
        out[0] = (uint8_t)(value >> 8), out[1] = (uint8_t)value;
    put_bytes(b, out, 2);
}

void put32(struct pcap_bytes *b, uint32_t value) {
    put16(b, b->order == BIG ? value >> 16 : value & 0xffff);
    put16(b, b->order == BIG ? value & 0xffff : value >> 16);
}

void put_body(struct pcap_bytes *b, uint32_t size, uint8_t tag) {
    uint8_t *body = malloc(size + 1u);
    assert_non_null(body);
    for (uint32_t i = 0; i < size; i++)
        body[i] = (uint8_t)(tag + i);
    put_bytes(b, body, size);
    free(body);
}

void put_pcap_header(struct pcap_bytes *b, uint32_t magic, uint32_t dlt) {
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, FB_FRAME_MAX);
    put32(b, dlt);
}

void put_record(struct pcap_bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen,
                uint32_t wirelen, uint8_t tag) {
    put32(b, s);
    put32(b, fraction);
    put32(b, caplen);
    put32(b, wirelen);
    put_body(b, caplen, tag);
}

void put_plain_file(struct pcap_bytes *b, unsigned count, uint8_t first_tag) {
    put_pcap_header(b, 0xa1b2c3d4, 1);
    for (unsigned i = 0; i < count; i++)
        put_record(b, 1000 + i, 0, 60, 60, (uint8_t)(first_tag + i));
}

void put_section(struct pcap_bytes *b) {
    put32(b, 0x0a0d0d0a);
    put32(b, 28);
    put32(b, 0x1a2b3c4d);
    put16(b, 1);
    put16(b, 0);
    put32(b, UINT32_MAX);
    put32(b, UINT32_MAX);
    put32(b, 28);
}

void put_interface(struct pcap_bytes *b, unsigned dlt) {
    put32(b, 1);
    put32(b, 20);
    put16(b, dlt);
    put16(b, 0);
    put32(b, FB_FRAME_MAX);
    put32(b, 20);
}

void put_packet(struct pcap_bytes *b, uint32_t interface, uint32_t caplen, uint8_t tag) {
    uint32_t padding = (4 - caplen % 4) % 4, length = 32 + caplen + padding;
    put32(b, 6);
    put32(b, length);
    put32(b, interface);
    put32(b, 0); /* microseconds, high and low half */
    put32(b, 1000000);
    put32(b, caplen);
    put32(b, caplen);
    put_body(b, caplen, tag);
    put_body(b, padding, 0);
    put32(b, length);
}
