/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/packet.h"

#include <string.h>

#include "tests/lib/unit.h"

void add_bytes(struct packet *p, const void *bytes, uint32_t n) {
    assert_true(p->n + n <= PACKET_ROOM);
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

void add8(struct packet *p, unsigned value) {
    add_bytes(p, &(uint8_t){(uint8_t)value}, 1);
}

void add16(struct packet *p, unsigned value) {
    add8(p, value >> 8);
    add8(p, value);
}

void add32(struct packet *p, uint32_t value) {
    add16(p, value >> 16);
    add16(p, value);
}
