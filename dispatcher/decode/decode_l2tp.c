/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* L2TP: version 3 in IP, versions 2 and 3 over UDP. */

#define L2TP_BYTES 6u  /* flags, tunnel, session */
#define L2TP3_BYTES 4u /* flags, reserved; then the session */
#define SESSION_BYTES 4u
#define L2TP_RESERVED 0x34f0u

static bool is_plausible_ppp(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + 4) || load_be16(cur(c) + at) != 0xff03)
        return false;
    uint16_t protocol = load_be16(cur(c) + at + 2);
    return (protocol == 0x0021 || protocol == 0x0057) && is_plausible_ip(c, at + 4);
}

/* The same where address and control, and the first byte of the protocol, may be left out. */
static bool is_plausible_short_ppp(const struct cursor *c, uint32_t at) {
    if (is_plausible_ppp(c, at))
        return true;
    if (!has_bytes(c, at + 2))
        return false;
    at += cur(c)[at] == 0;
    return (cur(c)[at] == 0x21 || cur(c)[at] == 0x57) && is_plausible_ip(c, at + 1);
}

/*
 * RFC 3931: the lengths of the cookie (0, 4 or 8 bytes) and of the sublayer (0 or 4),
 * and what the session carries, are agreed upon elsewhere: the first place where a
 * frame looks right is taken.
 */
enum layer decode_l2tp_session(struct cursor *c) {
    if (!has_bytes(c, SESSION_BYTES) || load_be32(cur(c)) == 0) /* 0: control */
        return LAYER_DONE;
    uint32_t session = load_be32(cur(c));
    for (uint32_t at = SESSION_BYTES; at <= SESSION_BYTES + 12; at += 4) {
        bool ethernet = is_plausible_ethernet(c, at);
        if (!ethernet && !is_plausible_ppp(c, at))
            continue;
        note_tunnel(c, ID_L2TP, session);
        c->off += at;
        return decode_enter(c, FB_TUNNEL_L2TP, ethernet ? LAYER_ETHERNET : LAYER_PPP);
    }
    return LAYER_DONE;
}

enum layer decode_l2tp_in_ip(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_l2tp_session(c) : LAYER_DONE;
}

/* RFC 2661: flags T L - - S - O P, of which - are reserved, and so are four bits more; version 2;
 * length, tunnel, session, sequence, offset. T: a control message. */
static enum layer decode_l2tp2(struct cursor *c, uint32_t flags) {
    uint32_t length = flags & 0x4000u ? 2u : 0u;
    uint32_t header = length + L2TP_BYTES + (flags & 0x0800u ? 4u : 0u);
    uint32_t padding = 0;
    if (!has_bytes(c, header + 2))
        return LAYER_DONE;
    if (flags & 0x0200u) {
        padding = load_be16(cur(c) + header);
        header += 2;
    }
    uint32_t whole = length != 0 ? load_be16(cur(c) + 2) : c->cold->datagram_rest;
    if (whole > c->cold->datagram_rest || header + padding > whole ||
        !has_bytes(c, header + padding) ||
        (flags & L2TP_RESERVED && !is_plausible_short_ppp(c, header + padding)))
        return LAYER_DONE;
    note_tunnel(c, ID_L2TP, load_be32(cur(c) + 2 + length));
    limit(c, whole);
    c->off += header + padding;
    return decode_enter(c, FB_TUNNEL_L2TP, LAYER_PPP);
}

enum layer decode_l2tp_over_udp(struct cursor *c) {
    if (!has_bytes(c, L2TP3_BYTES))
        return LAYER_DONE;
    uint32_t flags = load_be16(cur(c));
    if ((flags & 0x800fu) == 2)
        return decode_l2tp2(c, flags);
    if ((flags & 0x800fu) != 3)
        return LAYER_DONE;
    c->off += L2TP3_BYTES; /* RFC 3931 section 4.1.2: the other bits are reserved */
    return decode_l2tp_session(c);
}
