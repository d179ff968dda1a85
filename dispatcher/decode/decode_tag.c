/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Tags between a link layer and IP. */

/* Header lengths in bytes, without the ethertype before them. */
#define SERVICE_TAG_BYTES 4u
#define SERVICE_CHAIN_BYTES 8u
#define ARISTA_BYTES 4u /* subtype, version; then a time */
#define MACSEC_BYTES 6u
#define MACSEC_CHANNEL_BYTES 8u
#define FABRICPATH_BYTES 2u /* forwarding tag, time to live */
#define TRILL_BYTES 6u
#define BATMAN_BYTES 2u /* type, version */

/* The caller has proven the tag's bytes. */
static enum layer pass_tag(struct cursor *c, uint32_t bytes) {
    uint16_t type = load_be16(cur(c) + bytes - 2);
    c->off += bytes;
    return layer_of_type_or_length(c, type);
}

#define TAG(number, name, function, bytes)                                                         \
    enum layer function(struct cursor *c) {                                                        \
        return has_bytes(c, bytes) ? pass_tag(c, bytes) : stop(c, FB_DECODE_VLAN_SHORT);           \
    }
DECODE_TAGS(TAG)
#undef TAG

/* IEEE 802.1Q, 802.1ad. */
enum layer decode_vlan(struct cursor *c) {
    if (!has_bytes(c, VLAN_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    note_vlan(c, ID_VLAN, load_be16(cur(c)) & 0xfffu);
    return pass_tag(c, VLAN_BYTES);
}

/* IEEE 802.1ah: flags, service id (24 bits), then the customer's whole frame. */
enum layer decode_service_tag(struct cursor *c) {
    if (!has_bytes(c, SERVICE_TAG_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    note_vlan(c, ID_SERVICE, load_be32(cur(c)) & 0xffffffu);
    c->off += SERVICE_TAG_BYTES;
    return LAYER_ETHERNET;
}

/* RFC 8300: version 0, length in words (6 bits), protocol, path. Paths differ by direction. */
enum layer layer_behind_service_chain(const struct cursor *c, uint32_t at, uint32_t *bytes) {
    static const uint8_t next[] = {[1] = LAYER_IP,
                                   [2] = LAYER_IP,
                                   [3] = LAYER_ETHERNET,
                                   [4] = LAYER_SERVICE_CHAIN,
                                   [5] = LAYER_MPLS};
    *bytes = has_bytes(c, at + SERVICE_CHAIN_BYTES) ? (cur(c)[at + 1] & 0x3fu) * 4 : 0;
    if (*bytes < SERVICE_CHAIN_BYTES || !has_bytes(c, at + *bytes)) {
        *bytes = 0;
        return LAYER_DONE;
    }
    unsigned protocol = cur(c)[at + 3];
    return protocol < sizeof next ? (enum layer)next[protocol] : LAYER_DONE;
}

enum layer decode_service_chain(struct cursor *c) {
    uint32_t bytes;
    enum layer inner = layer_behind_service_chain(c, 0, &bytes);
    if (bytes == 0)
        return stop(c, FB_DECODE_VLAN_SHORT);
    c->off += bytes;
    return inner != LAYER_DONE ? inner : stop(c, FB_DECODE_NON_IP);
}

/* Subtype 1 is a time stamp, of which the version has the scale in its upper byte and the size in
 * its lower. */
enum layer decode_arista_time(struct cursor *c) {
    if (!has_bytes(c, ARISTA_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    unsigned size = load_be16(cur(c)) == 1 ? cur(c)[3] : 0;
    uint32_t time = size == 0x10 ? 8 : size == 0x20 ? 6 : 0; /* 64 or 48 bits */
    if (time == 0)
        return stop(c, FB_DECODE_NON_IP);
    uint32_t bytes = ARISTA_BYTES + time + 2;
    return has_bytes(c, bytes) ? pass_tag(c, bytes) : stop(c, FB_DECODE_VLAN_SHORT);
}

/*
 * IEEE 802.1AE clause 9: version, channel id follows, encrypted, changed and other flags;
 * length, if it is below 48; packet number, channel id. The check value at the end is
 * behind what the length of an IP packet says.
 */
enum layer decode_macsec(struct cursor *c) {
    enum { VERSION = 0x80, CHANNEL = 0x20, ENCRYPTED = 0x08, CHANGED = 0x04 };
    if (!has_bytes(c, MACSEC_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    unsigned flags = cur(c)[0];
    uint32_t length = cur(c)[1] & 0x3fu;
    uint32_t bytes = MACSEC_BYTES + (flags & CHANNEL ? MACSEC_CHANNEL_BYTES : 0) + 2;
    if (flags & (VERSION | ENCRYPTED | CHANGED))
        return stop(c, FB_DECODE_NON_IP);
    if (!has_bytes(c, bytes))
        return stop(c, FB_DECODE_VLAN_SHORT);
    if (length >= 2)
        limit(c, bytes - 2 + length);
    return pass_tag(c, bytes);
}

/* A whole frame is behind `bytes` more bytes. */
static enum layer pass_to_frame(struct cursor *c, uint32_t bytes) {
    if (!has_bytes(c, bytes))
        return stop(c, FB_DECODE_VLAN_SHORT);
    c->off += bytes;
    return LAYER_ETHERNET;
}

/* The addresses before are those of switches. */
enum layer decode_fabricpath(struct cursor *c) {
    return pass_to_frame(c, FABRICPATH_BYTES);
}

/* RFC 6325: version 0, reserved, multicast, words of options (5 bits), hops (6), two switches. */
enum layer decode_trill(struct cursor *c) {
    if (!has_bytes(c, TRILL_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    uint32_t head = load_be16(cur(c));
    return head >> 14 == 0 ? pass_to_frame(c, TRILL_BYTES + (head >> 6 & 31u) * 4)
                           : stop(c, FB_DECODE_NON_IP);
}

/* Linux, batadv_packet.h: the lengths of the headers before a whole frame. The other types are the
 * mesh's own, or pieces of frames. */
enum layer decode_batman(struct cursor *c) {
    static const struct {
        uint8_t version, type, bytes;
    } headers[] = {
        {15, 0x40, 10}, /* to one, */
        {15, 0x42, 18}, /* with the sender's address, */
        {15, 0x01, 14}, /* to all */
        {14, 0x03, 10}, {14, 0x09, 18}, {14, 0x04, 14},
    };
    enum { MULTICAST = 0x05, MULTICAST_VERSION = 15, MULTICAST_BYTES = 6 };
    if (!has_bytes(c, BATMAN_BYTES))
        return stop(c, FB_DECODE_VLAN_SHORT);
    if (cur(c)[0] == MULTICAST && cur(c)[1] == MULTICAST_VERSION) {
        if (!has_bytes(c, MULTICAST_BYTES))
            return stop(c, FB_DECODE_VLAN_SHORT);
        return pass_to_frame(c, MULTICAST_BYTES + load_be16(cur(c) + 4)); /* its receivers */
    }
    for (unsigned i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (cur(c)[0] == headers[i].type && cur(c)[1] == headers[i].version)
            return pass_to_frame(c, headers[i].bytes);
    }
    return stop(c, FB_DECODE_NON_IP);
}
