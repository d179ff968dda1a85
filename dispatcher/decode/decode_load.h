/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_LOAD_H
#define DISPATCHER_DECODE_DECODE_LOAD_H

#include <stdint.h>
#include <string.h>

/* Numbers out of frames, at any alignment. The caller has proven that their bytes are there. For
 * the files of the decoder only. */

static inline uint16_t load_be16(const uint8_t *p) {
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_be64(const uint8_t *p) {
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline uint64_t load_be48(const uint8_t *p) {
    return (uint64_t)load_be16(p) << 32 | load_be32(p + 2);
}

static inline uint64_t load_64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_le16(const uint8_t *p) {
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t load_le32(const uint8_t *p) {
    return load_le16(p + 2) << 16 | load_le16(p);
}

static inline uint32_t load_native16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* An address family of 4 bytes in the capturing host's byte order, which is not known: families are
 * below 65,536, so if the high half is set it is the other order. */
static inline uint32_t load_family(const uint8_t *h) {
    uint32_t family = load_be32(h);
    return family > UINT16_MAX ? (uint32_t)h[1] << 8 | h[0] : family;
}

#endif
