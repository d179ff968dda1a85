/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/fragments.h"

/* Header lengths in bytes: IPv4 without options. */
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define FRAGMENT_HEADER_BYTES 8u

static uint32_t be16(const uint8_t *p) {
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p) {
    return be16(p) << 16 | be16(p + 2);
}

static uint64_t be64(const uint8_t *p) {
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static bool is_there(uint32_t caplen, uint32_t at, uint32_t bytes) {
    return at <= caplen && caplen - at >= bytes;
}

/* RFC 791. A total length of 0 is what segmentation offload leaves. */
static void read_ip4(const uint8_t *h, struct fragment *out) {
    uint32_t header = (h[0] & 15u) * 4, total = be16(h + 2), field = be16(h + 6);
    *out = (struct fragment){
        .source = {0, be32(h + 12)},
        .destination = {0, be32(h + 16)},
        .id = be16(h + 4),
        .length = total > header ? total - header : 0,
        .offset = (uint16_t)((field & 0x1fffu) * 8),
        .version = 4,
        .proto = h[9],
        .more = (field & 0x2000u) != 0,
    };
}

/* RFC 8200, 4.5: `before` bytes lie between the IPv6 header's end and the end of the fragment's. */
static void read_ip6(const uint8_t *h, const uint8_t *extension, uint32_t before,
                     struct fragment *out) {
    uint32_t payload = be16(h + 4), field = be16(extension + 2);
    *out = (struct fragment){
        .source = {be64(h + 8), be64(h + 16)},
        .destination = {be64(h + 24), be64(h + 32)},
        .id = be32(extension + 4),
        .length = payload > before ? payload - before : 0,
        .offset = (uint16_t)(field & 0xfff8u),
        .version = 6,
        .more = (field & 1u) != 0,
    };
}

bool fragment_read(const uint8_t *bytes, uint32_t caplen, uint32_t ip_off, uint32_t extension_off,
                   uint64_t scope, struct fragment *out) {
    if (!is_there(caplen, ip_off, IP4_BYTES))
        return false;
    const uint8_t *h = bytes + ip_off;
    if (h[0] >> 4 == 4) {
        read_ip4(h, out);
    } else if (h[0] >> 4 == 6 && extension_off >= IP6_BYTES &&
               extension_off - IP6_BYTES >= ip_off &&
               is_there(caplen, extension_off, FRAGMENT_HEADER_BYTES)) {
        uint32_t before = extension_off - ip_off - IP6_BYTES + FRAGMENT_HEADER_BYTES;
        read_ip6(h, bytes + extension_off, before, out);
    } else {
        return false;
    }
    out->scope = scope;
    return true;
}
