/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* What a capturing system or device puts before a frame or a packet (tcpdump.org/linktypes.html).
 */

/* Header lengths in bytes; of a header that gives its own length, the least. */
#define PPI_BYTES 8u
#define PKTAP_BYTES 108u
#define PKTAP_2_BYTES 40u /* version 2 */
#define NETANALYZER_BYTES 4u
#define PREAMBLE_BYTES 8u
#define ENC_BYTES 12u
#define PFLOG_BYTES 45u
#define IPNET_BYTES 24u
#define NFLOG_BYTES 4u
#define ERF_BYTES 16u

/* LINKTYPE_PPI: version, flags, length, link type; then fields, which are skipped. */
enum layer decode_ppi(struct cursor *c) {
    if (!has_bytes(c, PPI_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    uint32_t length = load_le16(h + 2);
    if (h[0] != 0 || length < PPI_BYTES || !has_bytes(c, length))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += length;
    return layer_of_link_type(c, load_le32(h + 4));
}

/* LINKTYPE_PKTAP: flags, at the same offset in both versions, say which version it is. Version 1:
 * length, record type (1: a packet follows), link type. Version 2: length (1 byte), five offsets,
 * link type (2 bytes). */
enum layer decode_pktap(struct cursor *c) {
    if (!has_bytes(c, PKTAP_2_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    bool second = load_le32(h + 36) & 0x00080000u;
    uint32_t length = second ? h[0] : load_le32(h);
    uint32_t dlt = second ? load_le16(h + 6) : load_le32(h + 8);
    if (length < (second ? PKTAP_2_BYTES : PKTAP_BYTES) || !has_bytes(c, length))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += length;
    return second || load_le32(h + 4) == 1 ? layer_of_link_type(c, dlt) : stop(c, FB_DECODE_NON_IP);
}

/* LINKTYPE_NETANALYZER, LINKTYPE_NETANALYZER_TRANSPARENT: bits, in little endian. Bit 8: this is an
 * event of a pin and no frame. Bit 9: the frame has its preamble. */
enum layer decode_netanalyzer(struct cursor *c) {
    if (!has_bytes(c, NETANALYZER_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint8_t flags = cur(c)[1];
    uint32_t preamble = flags & 2 ? PREAMBLE_BYTES : 0;
    c->off += NETANALYZER_BYTES;
    if (flags & 1)
        return stop(c, FB_DECODE_NON_IP);
    if (!has_bytes(c, preamble))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += preamble;
    return LAYER_ETHERNET;
}

/* OpenBSD enc(4): address family in the capturing host's byte order, index, flags. */
enum layer decode_enc(struct cursor *c) {
    if (!has_bytes(c, ENC_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t family = load_family(cur(c));
    c->off += ENC_BYTES;
    return layer_of_family(c, family);
}

/* OpenBSD pflog(4): length without padding to 4 bytes, address family. */
enum layer decode_pflog(struct cursor *c) {
    if (!has_bytes(c, PFLOG_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t length = (cur(c)[0] + 3u) & ~3u;
    uint32_t family = cur(c)[1];
    if (length < PFLOG_BYTES || !has_bytes(c, length))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += length;
    return layer_of_family(c, family);
}

/* LINKTYPE_IPNET: version, address family. */
enum layer decode_ipnet(struct cursor *c) {
    if (!has_bytes(c, IPNET_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t family = cur(c)[1];
    c->off += IPNET_BYTES;
    return layer_of_family(c, family);
}

/* LINKTYPE_NFLOG: address family, version, resource; then fields of length, type and value, padded
 * to 4 bytes, in the capturing host's byte order, which libpcap has converted to ours. */
enum layer decode_nflog(struct cursor *c) {
    enum { HEADER_BYTES = 4, PAYLOAD = 9 };
    if (!has_bytes(c, NFLOG_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t family = cur(c)[0];
    c->off += NFLOG_BYTES;
    while (has_bytes(c, HEADER_BYTES)) {
        uint32_t length = load_native16(cur(c));
        uint32_t padded = (length + 3) & ~3u;
        if (length < HEADER_BYTES)
            return stop(c, FB_DECODE_LINK_SHORT);
        if (load_native16(cur(c) + 2) == PAYLOAD) {
            c->off += HEADER_BYTES;
            limit(c, length - HEADER_BYTES);
            return layer_of_family(c, family);
        }
        if (!has_bytes(c, padded))
            return stop(c, FB_DECODE_LINK_SHORT);
        c->off += padded;
    }
    c->ethertype = (uint16_t)family;
    return stop(c, FB_DECODE_NON_IP);
}

/* Endace ERF: a time (8 bytes), type, flags, lengths. If the first bit of the type is set,
 * extension headers of 8 bytes follow, up to one whose first bit is not set. Before Ethernet there
 * are two bytes of padding. */
enum layer decode_erf(struct cursor *c) {
    static const uint8_t next[] = {
        [1] = LAYER_LINK_PPP,  [2] = LAYER_ETHERNET,  [10] = LAYER_LINK_PPP, [11] = LAYER_ETHERNET,
        [15] = LAYER_LINK_PPP, [16] = LAYER_ETHERNET, [19] = LAYER_LINK_PPP, [20] = LAYER_ETHERNET,
        [22] = LAYER_IP,       [23] = LAYER_IP,
    };
    if (!has_bytes(c, ERF_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t type = cur(c)[8] & 0x7fu;
    bool more = cur(c)[8] & 0x80u;
    c->off += ERF_BYTES;
    for (; more; c->off += 8) {
        if (!has_bytes(c, 8))
            return stop(c, FB_DECODE_LINK_SHORT);
        more = cur(c)[0] & 0x80u;
    }
    enum layer inner = type < sizeof next ? (enum layer)next[type] : LAYER_DONE;
    c->ethertype = (uint16_t)type;
    if (inner == LAYER_DONE)
        return stop(c, FB_DECODE_NON_IP);
    if (inner == LAYER_ETHERNET) {
        if (!has_bytes(c, 2))
            return stop(c, FB_DECODE_LINK_SHORT);
        c->off += 2;
    }
    return inner;
}
