/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PACKET_H
#define TESTS_LIB_PACKET_H

#include <stdint.h>

#include "dispatcher/capture/capture.h"

/* The bytes of a packet or a frame in the making; headers are appended. */
#define PACKET_ROOM 512u

struct packet {
    uint32_t n;
    uint8_t bytes[PACKET_ROOM + CAPTURE_SLACK];
};

/* They fail the test when there is no room. Numbers are big-endian, as on the wire. */
void add_bytes(struct packet *p, const void *bytes, uint32_t n);
void add8(struct packet *p, unsigned value);
void add16(struct packet *p, unsigned value);
void add32(struct packet *p, uint32_t value);

#define ADD(p, ...)                                                                                \
    do {                                                                                           \
        const uint8_t header_[] = {__VA_ARGS__};                                                   \
        add_bytes((p), header_, sizeof header_);                                                   \
    } while (0)

#define HIGH(x) ((uint8_t)((x) >> 8))
#define LOW(x) ((uint8_t)(x))

#endif
