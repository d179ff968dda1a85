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

size_t capture_seed(unsigned number, uint8_t **bytes) {
    if (number >= sizeof kinds / sizeof *kinds)
        return 0;
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
