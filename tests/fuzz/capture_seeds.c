/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/capture_seeds.h"

#include "tests/lib/pcap_bytes.h"

#define FRAMES 4u
#define FRAME_BYTES 60u

/* Alexey Kuznetzov's variant of pcap: eight bytes more before each frame. */
#define MAGIC_LONG_RECORDS 0xa1b2cd34u

static const struct {
    uint32_t magic; /* 0: pcapng */
    enum byte_order order;
} kinds[] = {{0xa1b2c3d4, LITTLE},
             {0xa1b23c4d, LITTLE},
             {0xa1b2c3d4, BIG},
             {0, LITTLE},
             {0, BIG},
             {MAGIC_LONG_RECORDS, LITTLE},
             {MAGIC_LONG_RECORDS, BIG}};

static void put_long_record(struct pcap_bytes *b, uint8_t tag) {
    put32(b, 1000);
    put32(b, 0);
    put32(b, FRAME_BYTES);
    put32(b, FRAME_BYTES);
    put32(b, 1); /* interface */
    put32(b, 0); /* protocol, packet type */
    put_body(b, FRAME_BYTES, tag);
}

/* Blocks of every kind, in two sections. */
static void put_all_blocks(struct pcap_bytes *b) {
    for (unsigned section = 0; section < 2; section++) {
        put_section(b);
        size_t start = begin_interface(b, 1, 96);
        put_option(b, 9, section == 0 ? "\x09" : "\x8a", 1);
        put_option(b, 14, "\0\0\0\1\1\0\0\0", 8);
        put_option(b, 0, "", 0);
        end_block(b, start);
        put_interface(b, 101);
        put_interface(b, 239);
        for (unsigned i = 0; i < FRAMES; i++) {
            put_packet(b, i % 3, FRAME_BYTES + i, (uint8_t)i);
            put_obsolete(b, i % 3, i, FRAME_BYTES, (uint8_t)i);
            put_simple(b, FRAME_BYTES, FRAME_BYTES, (uint8_t)i);
            start = begin_block(b, 4 + i);
            put_body(b, 16 * i, 1);
            end_block(b, start);
        }
        b->order = b->order == BIG ? LITTLE : BIG;
    }
}

size_t capture_seed(unsigned number, uint8_t **bytes) {
    const unsigned count = sizeof kinds / sizeof *kinds;
    if (number >= count + 2)
        return 0;
    if (number >= count) {
        struct pcap_bytes all = {.order = number == count ? LITTLE : BIG};
        put_all_blocks(&all);
        *bytes = all.data;
        return all.size;
    }
    uint32_t magic = kinds[number].magic;
    struct pcap_bytes b = {.order = kinds[number].order};
    if (magic == 0) {
        put_section(&b);
        put_interface(&b, 1);
    } else {
        put_pcap_header(&b, magic, 1);
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        if (magic == 0)
            put_packet(&b, 0, FRAME_BYTES + i, (uint8_t)i);
        else if (magic == MAGIC_LONG_RECORDS)
            put_long_record(&b, (uint8_t)i);
        else
            put_record(&b, 1000 + i, 0, FRAME_BYTES, FRAME_BYTES, (uint8_t)i);
    }
    *bytes = b.data;
    return b.size;
}
