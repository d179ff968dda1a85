/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Tags between a link layer and IP. */

/* Header lengths in bytes, without the ethertype before them. */
#define SERVICE_TAG_BYTES 4u
#define SERVICE_CHAIN_BYTES 8u

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
enum layer decode_service_chain(struct cursor *c) {
    static const uint8_t next[] = {
        [1] = LAYER_IP, [2] = LAYER_IP, [3] = LAYER_ETHERNET, [5] = LAYER_MPLS};
    uint32_t bytes = has_bytes(c, SERVICE_CHAIN_BYTES) ? (cur(c)[1] & 0x3fu) * 4 : 0;
    if (bytes < SERVICE_CHAIN_BYTES || !has_bytes(c, bytes))
        return stop(c, FB_DECODE_VLAN_SHORT);
    unsigned protocol = cur(c)[3];
    c->off += bytes;
    if (protocol >= sizeof next || next[protocol] == LAYER_DONE)
        return stop(c, FB_DECODE_NON_IP);
    return (enum layer)next[protocol];
}
