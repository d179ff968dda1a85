/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Networks other than Ethernet, and Ethernet as a switch chip gives it to its processor. */

/* Header lengths in bytes. */
#define TOKEN_RING_BYTES 14u /* access and frame control, two addresses */
#define ROUTE_BYTES 2u       /* source routing: control, then as many bytes as that says */
#define FDDI_BYTES 13u       /* frame control, two addresses */
#define FIREWIRE_BYTES 18u   /* two addresses of 8 bytes, type */
#define PREAMBLE_BYTES 8u
#define INFINIBAND_BYTES 44u /* global route header of 40, type, reserved */

/* IEEE 802.5: the upper two bits of frame control are 01 before LLC. The first bit of the sender's
 * address says that a route follows, so a routed answer without IP has a different key. */
enum layer decode_token_ring(struct cursor *c) {
    if (!has_bytes(c, TOKEN_RING_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    c->mac_off = c->off + 2;
    c->mac_count = 2;
    c->off += TOKEN_RING_BYTES;
    if (h[1] >> 6 != 1)
        return stop(c, FB_DECODE_NON_IP);
    if (!(h[2 + MAC_BYTES] & 0x80))
        return LAYER_LLC;
    uint32_t route = has_bytes(c, ROUTE_BYTES) ? cur(c)[0] & 0x1fu : 0;
    if (route < ROUTE_BYTES || !has_bytes(c, route))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += route;
    return LAYER_LLC;
}

/* ANSI X3.139: frame control is CL01rrrr before LLC. */
enum layer decode_fddi(struct cursor *c) {
    if (!has_bytes(c, FDDI_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    bool llc = (cur(c)[0] & 0x30u) == 0x10;
    c->mac_off = c->off + 1;
    c->mac_count = 2;
    c->off += FDDI_BYTES;
    return llc ? LAYER_LLC : stop(c, FB_DECODE_NON_IP);
}

/* Passes a header of n bytes that has an ethertype in it. */
static enum layer pass_typed_header(struct cursor *c, uint32_t n, uint32_t type_off) {
    if (!has_bytes(c, n))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint16_t type = load_be16(cur(c) + type_off);
    c->off += n;
    return layer_of_ethertype(c, type);
}

/* LINKTYPE_APPLE_IP_OVER_IEEE1394. */
enum layer decode_firewire(struct cursor *c) {
    return pass_typed_header(c, FIREWIRE_BYTES, FIREWIRE_BYTES - 2);
}

/* LINKTYPE_IPOIB, RFC 4391. */
enum layer decode_infiniband(struct cursor *c) {
    return pass_typed_header(c, INFINIBAND_BYTES, INFINIBAND_BYTES - 4);
}

/* LINKTYPE_DSA_TAG_...: the port of the switch, which differs by direction. */
static enum layer pass_switch_tag(struct cursor *c, uint32_t bytes) {
    if (!has_bytes(c, ETHERNET_BYTES + bytes))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint16_t type = load_be16(cur(c) + 2 * MAC_BYTES + bytes);
    c->mac_off = c->off;
    c->mac_count = 2;
    c->off += ETHERNET_BYTES + bytes;
    return layer_of_type_or_length(c, type);
}

enum layer decode_switch_tag_4(struct cursor *c) {
    return pass_switch_tag(c, 4);
}

enum layer decode_switch_tag_8(struct cursor *c) {
    return pass_switch_tag(c, 8);
}

/* LINKTYPE_ETHERNET_MPACKET, IEEE 802.3br: seven bytes of preamble, then a byte that says what
 * begins: a frame, or one of four starts of a preempted one. Any other value continues a preempted
 * frame, and no addresses follow. */
enum layer decode_mpacket(struct cursor *c) {
    if (!has_bytes(c, PREAMBLE_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint8_t begins = cur(c)[PREAMBLE_BYTES - 1];
    c->off += PREAMBLE_BYTES;
    switch (begins) {
    case 0xd5:
    case 0xe6:
    case 0x4c:
    case 0x7f:
    case 0xb3:
        return LAYER_ETHERNET;
    default:
        return stop(c, FB_DECODE_NON_IP);
    }
}
