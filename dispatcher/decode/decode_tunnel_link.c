/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* What stands between a link layer and IP: tags of bridges, MPLS, PPPoE, PPP. */

/* Header lengths in bytes, without the ethertype before them. */
#define SERVICE_TAG_BYTES 4u
#define CONTROL_WORD_BYTES 4u
#define PPPOE_BYTES 6u
#define SERVICE_CHAIN_BYTES 8u

/* ---- tags: some bytes, then the type of what follows */

/* The tag's bytes were proven. */
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

/* RFC 8300: version 0, length in words (6 bits), protocol, path. Paths differ each way. */
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

/* ---- MPLS */

/*
 * No field says what is behind the last label. RFC 4928: 4 and 6 in the first
 * four bits are IP; RFC 4385: 0 there is a control word, then the frame of a
 * pseudowire. One without control word begins with a MAC address, which may
 * begin with any of these.
 */
static enum layer behind_labels(struct cursor *c) {
    if (!has_bytes(c, 1))
        return stop(c, FB_DECODE_MPLS_SHORT);
    switch (cur(c)[0] >> 4) {
    case 4:
    case 6:
        if (is_plausible_ip(c, 0) || !is_plausible_ethernet(c, 0))
            return LAYER_IP;
        break;
    case 0:
        if (is_plausible_ethernet(c, CONTROL_WORD_BYTES))
            c->off += CONTROL_WORD_BYTES;
        break;
    default:
        break;
    }
    return is_plausible_ethernet(c, 0) ? LAYER_ETHERNET : stop(c, FB_DECODE_NON_IP);
}

/* RFC 3032: label, class, bottom of stack (bit 8), time to live. Labels differ each way. */
enum layer decode_mpls(struct cursor *c) {
    if (!has_bytes(c, LABEL_BYTES))
        return stop(c, FB_DECODE_MPLS_SHORT);
    bool bottom = cur(c)[2] & 1;
    c->off += LABEL_BYTES;
    return bottom ? behind_labels(c) : LAYER_MPLS;
}

/* ---- PPP */

/* RFC 1661, RFC 1662: address and control may be left out, and the protocol's zero byte too. */
static bool take_ppp_protocol(struct cursor *c, uint16_t *protocol) {
    if (has_bytes(c, 2) && cur(c)[0] == 0xff && cur(c)[1] == 0x03)
        c->off += 2;
    if (!has_bytes(c, 2))
        return false;
    bool compressed = cur(c)[0] & 1;
    *protocol = compressed ? cur(c)[0] : load_be16(cur(c));
    c->off += compressed ? 1 : 2;
    return true;
}

static enum layer layer_of_ppp_protocol(struct cursor *c, uint16_t protocol) {
    switch (protocol) {
    case 0x0021: /* IPv4 */
    case 0x0057: /* IPv6 */
        return LAYER_IP;
    case 0x0281: /* MPLS, RFC 3032 section 4.3 */
    case 0x0283:
        return LAYER_MPLS;
    default:
        return stop(c, FB_DECODE_NON_IP);
    }
}

enum layer decode_ppp(struct cursor *c) {
    uint16_t protocol;
    if (!take_ppp_protocol(c, &protocol))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->ethertype = protocol;
    return layer_of_ppp_protocol(c, protocol);
}

/* LINKTYPE_PPP, LINKTYPE_PPP_HDLC: in the place of PPP's address Cisco HDLC has one of its own (RFC
 * 1547, section 4.3.1), which no compressed protocol number is. */
enum layer decode_ppp_link(struct cursor *c) {
    if (has_bytes(c, 2) && (cur(c)[0] == 0x0f || cur(c)[0] == 0x8f) && cur(c)[1] == 0)
        return LAYER_LINK_HDLC;
    return LAYER_PPP;
}

/* LINKTYPE_PPP_PPPD: in its place stands 0, received, or 1, sent; then control, as ever. */
enum layer decode_ppp_pppd(struct cursor *c) {
    if (has_bytes(c, 2) && cur(c)[0] <= 1 && cur(c)[1] == 0x03)
        c->off += 2;
    return LAYER_PPP;
}

/* LINKTYPE_PPP_ETHER: PPPoE, discovery (a code) or session. */
enum layer decode_ppp_ether(struct cursor *c) {
    if (!has_bytes(c, PPPOE_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    bool discovery = cur(c)[1] != 0;
    c->ethertype = discovery ? ETHERTYPE_PPPOE_DISCOVERY : ETHERTYPE_PPPOE;
    return discovery ? stop(c, FB_DECODE_NON_IP) : LAYER_PPPOE;
}

/* RFC 2516: version and type 1, code 0 (session), session, length. The key of what is no IP keeps
 * PPPoE's ethertype. */
enum layer decode_pppoe(struct cursor *c) {
    uint16_t protocol;
    if (!has_bytes(c, PPPOE_BYTES) || load_be16(cur(c)) != 0x1100)
        return stop(c, FB_DECODE_PPPOE);
    note_tunnel(c, ID_PPPOE, load_be16(cur(c) + 2));
    uint32_t length = load_be16(cur(c) + 4);
    c->off += PPPOE_BYTES;
    limit(c, length);
    if (!take_ppp_protocol(c, &protocol))
        return stop(c, FB_DECODE_PPPOE);
    return layer_of_ppp_protocol(c, protocol);
}
