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

size_t begin_block(struct pcap_bytes *b, uint32_t type) {
    size_t start = b->size;
    put32(b, type);
    put32(b, 0);
    return start;
}

void end_block(struct pcap_bytes *b, size_t start) {
    struct pcap_bytes length = {.order = b->order};
    while ((b->size - start) % 4 != 0)
        put_body(b, 1, 0);
    put32(&length, (uint32_t)(b->size - start) + 4);
    put_bytes(b, length.data, 4);
    memcpy(b->data + start + 4, length.data, 4);
    free(length.data);
}

void put_option(struct pcap_bytes *b, unsigned code, const void *value, size_t size) {
    put16(b, code);
    put16(b, (unsigned)size);
    put_bytes(b, value, size);
    put_body(b, (uint32_t)(4 - size % 4) % 4, 0);
}

size_t begin_interface(struct pcap_bytes *b, unsigned linktype, uint32_t snaplen) {
    size_t start = begin_block(b, 1);
    put16(b, linktype);
    put16(b, 0);
    put32(b, snaplen);
    return start;
}

void put_interface(struct pcap_bytes *b, unsigned linktype) {
    end_block(b, begin_interface(b, linktype, FB_FRAME_MAX));
}

void put_stamped(struct pcap_bytes *b, uint32_t interface, uint64_t stamp, uint32_t caplen,
                 uint32_t wirelen, uint8_t tag) {
    size_t start = begin_block(b, 6);
    put32(b, interface);
    put32(b, (uint32_t)(stamp >> 32));
    put32(b, (uint32_t)stamp);
    put32(b, caplen);
    put32(b, wirelen);
    put_body(b, caplen, tag);
    end_block(b, start);
}

void put_packet(struct pcap_bytes *b, uint32_t interface, uint32_t caplen, uint8_t tag) {
    put_stamped(b, interface, 1000000, caplen, caplen, tag);
}

void put_obsolete(struct pcap_bytes *b, unsigned interface, uint64_t stamp, uint32_t size,
                  uint8_t tag) {
    size_t start = begin_block(b, 2);
    put16(b, interface);
    put16(b, 0xffff); /* drops are not known */
    put32(b, (uint32_t)(stamp >> 32));
    put32(b, (uint32_t)stamp);
    put32(b, size);
    put32(b, size);
    put_body(b, size, tag);
    end_block(b, start);
}

void put_simple(struct pcap_bytes *b, uint32_t caplen, uint32_t wirelen, uint8_t tag) {
    size_t start = begin_block(b, 3);
    put32(b, wirelen);
    put_body(b, caplen, tag);
    end_block(b, start);
}
