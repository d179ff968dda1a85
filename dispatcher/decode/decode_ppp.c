/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* PPP on its own links, and PPPoE. */

#define PPPOE_BYTES 6u

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

/* LINKTYPE_PPP, LINKTYPE_PPP_HDLC: where PPP has its address, Cisco HDLC has one of its own (RFC
 * 1547, section 4.3.1), which is no compressed protocol number either. */
enum layer decode_ppp_link(struct cursor *c) {
    if (has_bytes(c, 2) && (cur(c)[0] == 0x0f || cur(c)[0] == 0x8f) && cur(c)[1] == 0)
        return LAYER_LINK_HDLC;
    return LAYER_PPP;
}

/* LINKTYPE_PPP_PPPD: instead of the address 0 (received) or 1 (sent); then control as usual. */
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

/* RFC 2516: version and type 1, code 0 (session), session, length. Without IP in it, the key has
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
