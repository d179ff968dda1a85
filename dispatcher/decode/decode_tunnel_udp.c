/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/*
 * Tunnels over UDP. A port is only a hint: anybody may use it. So each function returns
 * LAYER_DONE, which leaves the packet plain UDP, unless its header is right in all that
 * can be checked. Reserved bits cannot: they are ignored on receipt, and senders set
 * them. Where one is set, what is inside has to look right instead. Both ports are tried:
 * an answer from a well-known port belongs to the same tunnel.
 */
#define VXLAN_BYTES 8u
#define GENEVE_BYTES 8u
#define GTP_BYTES 8u
#define GTP_SPARE 8u
#define GTP_OPTION_BYTES 4u /* sequence number (2), N-PDU number, type of the first extension */
#define CAPWAP_BYTES 8u
#define LISP_BYTES 8u
#define TZSP_BYTES 4u
#define TEREDO_ORIGIN_BYTES 8u
#define TEREDO_AUTH_BYTES 13u /* without client id and authentication value */

/* What follows the header of draft-ietf-nvo3-vxlan-gpe: I and P set, version 0, no OAM; B is
 * optional, the last byte before the VNI is a protocol. */
static enum layer layer_of_vxlan_gpe(const uint8_t *h) {
    static const uint8_t next[] = {[1] = LAYER_IP,
                                   [2] = LAYER_IP,
                                   [3] = LAYER_ETHERNET,
                                   [4] = LAYER_SERVICE_CHAIN,
                                   [5] = LAYER_MPLS};
    return (h[0] & 0x3du) == 0x0c && h[3] < sizeof next ? (enum layer)next[h[3]] : LAYER_DONE;
}

/* Whether a reserved bit is set, where `gpe` is the header of GPE. */
static bool has_vxlan_reserved(const uint8_t *h, bool gpe) {
    uint32_t known = gpe ? load_be32(h) & ~0x020000ffu : load_be32(h);
    return known != (gpe ? 0x0c000000u : 0x08000000u) || h[7] != 0;
}

/*
 * RFC 7348: flags, of which I is set and the others are reserved, 24 reserved bits, VNI, 8
 * reserved bits. The group policy extension has flags and a group id in the reserved
 * ones. GPE is told by its flags, on either port.
 */
enum layer decode_vxlan(struct cursor *c) {
    if (!has_bytes(c, VXLAN_BYTES) || !(cur(c)[0] & 8u))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    enum layer inner = layer_of_vxlan_gpe(h);
    if (!is_plausible_inner(c, VXLAN_BYTES, inner)) {
        bool ethernet = is_plausible_ethernet(c, VXLAN_BYTES);
        if (!ethernet && has_vxlan_reserved(h, inner != LAYER_DONE))
            return LAYER_DONE;
        inner = ethernet || inner == LAYER_DONE ? LAYER_ETHERNET : inner;
    }
    note_tunnel(c, ID_VNI, load_be32(h + 4) >> 8);
    c->off += VXLAN_BYTES;
    return decode_enter(c, FB_TUNNEL_VXLAN, inner);
}

/* RFC 8926: version 0 and words of options, O and C, 6 reserved bits, protocol, VNI, 8 reserved
 * bits. */
enum layer decode_geneve(struct cursor *c) {
    if (!has_bytes(c, GENEVE_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    uint32_t header = GENEVE_BYTES + h[0] * 4u;
    uint16_t type = load_be16(h + 2);
    enum layer inner = type == ETHERTYPE_BRIDGED ? LAYER_ETHERNET : layer_of_known_type(type);
    bool reserved = (h[1] & 0x3f) != 0 || h[7] != 0;
    if (h[0] >> 6 != 0 || inner == LAYER_DONE || !has_bytes(c, header) ||
        (reserved && !is_plausible_inner(c, header, inner)))
        return LAYER_DONE;
    note_tunnel(c, ID_VNI, load_be32(h + 4) >> 8);
    c->off += header;
    return decode_enter(c, FB_TUNNEL_GENEVE, inner);
}

/* 3GPP TS 29.281: version 1, PT, a spare bit, message 255 (a user's packet), length beyond the
 * first 8 bytes; four more bytes if one of E, S, PN is set; extension headers of whole words if E
 * is set. */
enum layer decode_gtp(struct cursor *c) {
    if (!has_bytes(c, GTP_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    uint32_t header = GTP_BYTES + (h[0] & 7u ? GTP_OPTION_BYTES : 0u);
    uint32_t whole = GTP_BYTES + load_be16(h + 2);
    if ((h[0] & 0xf0u) != 0x30u || h[1] != 255 || whole > c->cold->datagram_rest ||
        whole < header || !has_bytes(c, header))
        return LAYER_DONE;
    unsigned extension = h[0] & 4u ? h[header - 1] : 0;
    while (extension != 0) {
        uint32_t bytes = has_bytes(c, header + 1) ? h[header] * 4u : 0;
        if (bytes == 0 || header + bytes > whole || !has_bytes(c, header + bytes))
            return LAYER_DONE;
        header += bytes;
        extension = h[header - 1];
    }
    bool ip = is_plausible_ip(c, header);
    bool ethernet = !ip && is_plausible_ethernet(c, header);
    if (h[0] & GTP_SPARE && !ip && !ethernet)
        return LAYER_DONE;
    note_tunnel(c, ID_TEID, load_be32(h + 4));
    limit(c, whole);
    c->off += header;
    return decode_enter(c, FB_TUNNEL_GTP, ethernet ? LAYER_ETHERNET : LAYER_IP);
}

/* RFC 6081 section 4: behind the IPv6 packet there may be trailers of type, length and value. */
static bool is_trailed_to_end(const struct cursor *c, uint32_t at) {
    while (at < c->cold->datagram_rest && has_bytes(c, at + 2))
        at += 2u + cur(c)[at + 1];
    return at == c->cold->datagram_rest || (at < c->cold->datagram_rest && !has_bytes(c, at + 2));
}

/* RFC 4380: authentication and origin indication, both optional; then IPv6 that fits the datagram.
 */
enum layer decode_teredo(struct cursor *c) {
    uint32_t at = 0;
    if (has_bytes(c, TEREDO_AUTH_BYTES) && load_be16(cur(c)) == 1)
        at = TEREDO_AUTH_BYTES + cur(c)[2] + cur(c)[3];
    if (has_bytes(c, at + TEREDO_ORIGIN_BYTES) && load_be16(cur(c) + at) == 0)
        at += TEREDO_ORIGIN_BYTES;
    if (!has_bytes(c, at + IP6_BYTES) || cur(c)[at] >> 4 != 6 ||
        !is_trailed_to_end(c, at + IP6_BYTES + load_be16(cur(c) + at + 4)))
        return LAYER_DONE;
    c->off += at;
    return decode_enter(c, FB_TUNNEL_OTHER, LAYER_IP);
}

/*
 * RFC 5415 section 4.3, data channel: version and type 0, length in words (5 bits), radio,
 * binding (5, 1 is 802.11), native frame, fragment, last, two optional headers,
 * keep-alive, reserved; fragment id, offset (13 bits). Of a frame in fragments the first
 * is looked into.
 */
enum layer decode_capwap(struct cursor *c) {
    enum { NATIVE = 0x100, FRAGMENT = 0x80, KEEP_ALIVE = 0x08, BINDING_SHIFT = 9, IEEE_802_11 = 1 };
    if (!has_bytes(c, CAPWAP_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    uint32_t fields = load_be32(h);
    uint32_t header = (h[1] >> 3) * 4u;
    bool later = fields & FRAGMENT && load_be16(h + 6) >> 3 != 0;
    if (h[0] != 0 || header < CAPWAP_BYTES || fields & KEEP_ALIVE || later)
        return LAYER_DONE;
    enum layer inner = LAYER_ETHERNET;
    if (fields & NATIVE)
        inner = (fields >> BINDING_SHIFT & 31u) == IEEE_802_11 ? guess_wifi(c, header) : LAYER_DONE;
    else if (!is_plausible_ethernet(c, header))
        inner = LAYER_DONE;
    if (inner == LAYER_DONE)
        return LAYER_DONE;
    c->off += header;
    return decode_enter(c, FB_TUNNEL_OTHER, inner);
}

/* RFC 9300: flags, of which I says that there is an instance id; nonce, or with P a protocol (RFC
 * 9305); instance id (24 bits). The rest is for the routers. No bit is fixed, so that what is
 * inside has to end where the datagram does. */
enum layer decode_lisp(struct cursor *c) {
    static const uint8_t next[] = {
        [1] = LAYER_IP, [2] = LAYER_IP, [3] = LAYER_ETHERNET, [4] = LAYER_SERVICE_CHAIN};
    enum { INSTANCE = 0x08, PROTOCOL = 0x04 };
    if (!has_bytes(c, LISP_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    enum layer inner = LAYER_IP;
    if (h[0] & PROTOCOL)
        inner = h[3] < sizeof next ? (enum layer)next[h[3]] : LAYER_DONE;
    if (!is_plausible_whole(c, LISP_BYTES, inner))
        return LAYER_DONE;
    if (h[0] & INSTANCE)
        note_tunnel(c, ID_LISP, load_be32(h + 4) >> 8);
    c->off += LISP_BYTES;
    return decode_enter(c, FB_TUNNEL_LISP, inner);
}

/* TZSP: version 1, received or sent, link type; then tags of type, length and value, of which type
 * 0 is a single byte, and so is 1, the last. */
enum layer decode_tzsp(struct cursor *c) {
    static const uint8_t next[] = {
        [1] = LAYER_ETHERNET,   [4] = LAYER_PPP,          [7] = LAYER_IP,
        [18] = LAYER_LINK_WIFI, [119] = LAYER_LINK_PRISM, [127] = LAYER_LINK_AVS};
    enum { PADDING, LAST };
    if (!has_bytes(c, TZSP_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    uint32_t type = load_be16(h + 2), at = TZSP_BYTES;
    if (h[0] != 1 || h[1] > 1 || type >= sizeof next || next[type] == LAYER_DONE)
        return LAYER_DONE;
    while (has_bytes(c, at + 2) && h[at] != LAST)
        at += h[at] == PADDING ? 1 : 2u + h[at + 1];
    if (!has_bytes(c, at + 2) || !is_plausible_inner(c, at + 1, (enum layer)next[type]))
        return LAYER_DONE;
    c->off += at + 1;
    return decode_enter(c, FB_TUNNEL_OTHER, (enum layer)next[type]);
}

/*
 * draft-ietf-intarea-gue: variant 0: variant (2 bits), control, words of extensions (5
 * bits), IP protocol, flags; variant 1 is IP itself, whose version begins with 01.
 */
enum layer decode_gue(struct cursor *c) {
    enum { HEADER_BYTES = 4, CONTROL = 0x20, GRE = 47 };
    static const uint8_t next[] = {
        [4] = LAYER_IP, [41] = LAYER_IP, [137] = LAYER_MPLS, [143] = LAYER_ETHERNET};
    if (!has_bytes(c, HEADER_BYTES))
        return LAYER_DONE;
    const uint8_t *h = cur(c);
    if (h[0] >> 6 == 1)
        return is_whole_ip(c, 0) ? decode_enter(c, FB_TUNNEL_OTHER, LAYER_IP) : LAYER_DONE;
    uint32_t header = HEADER_BYTES + (h[0] & 31u) * 4;
    unsigned protocol = h[1];
    enum layer inner = protocol < sizeof next ? (enum layer)next[protocol] : LAYER_DONE;
    if (h[0] >> 6 != 0 || h[0] & CONTROL || !has_bytes(c, header))
        return LAYER_DONE;
    if (protocol != GRE && !is_plausible_whole(c, header, inner))
        return LAYER_DONE;
    c->off += header;
    if (protocol != GRE)
        return decode_enter(c, FB_TUNNEL_OTHER, inner);
    inner = decode_gre_over_udp(c);
    if (inner == LAYER_DONE && cur(c) == h + header) /* it was none */
        c->off -= header;
    return inner;
}

/* HP's remote mirroring: 12 bytes of which none is known, then a frame. */
enum layer decode_hp_erm(struct cursor *c) {
    enum { HEADER_BYTES = 12 };
    if (!is_plausible_ethernet(c, HEADER_BYTES))
        return LAYER_DONE;
    c->off += HEADER_BYTES;
    return decode_enter(c, FB_TUNNEL_OTHER, LAYER_ETHERNET);
}

static enum layer decode_by_port(struct cursor *c, uint16_t port) {
#define CASE(name, text, function)                                                                 \
    case DECODE_##name:                                                                            \
        return function(c);
    switch (tunnel_of_port(c->options->ports, port)) {
        DECODE_UDP_TUNNELS(CASE)
    case DECODE_TUNNEL_COUNT:
        break;
    }
#undef CASE
    return LAYER_DONE;
}

enum layer decode_udp_tunnel(struct cursor *c) {
    if (c->options->outer && !c->options->key_tunnel)
        return LAYER_DONE;
    uint32_t start = c->off + UDP_BYTES;
    uint32_t length = load_be16(cur(c) + 4);
    uint32_t end = length != 0 ? c->off + length : c->end;
    c->off = start;
    c->cold->datagram_rest = end - start;
    limit(c, end - start);
    uint8_t before = c->reason; /* of a fragment: fragment_first */
    enum layer layer = decode_by_port(c, c->dport);
    bool taken = layer != LAYER_DONE || c->reason != before || c->off != start;
    return taken ? layer : decode_by_port(c, c->sport);
}
