/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Honest nesting ends at three or four (RFC 2473 proposes to allow four); each
 * level costs a nanosecond or ten, and a frame has bytes for thousands. */
#define TUNNELS_MAX 8u

/* ---- in and out */

enum layer decode_enter(struct cursor *c, enum layer inner) {
    if (c->options->outer)
        return LAYER_DONE;
    if (c->tunnels == TUNNELS_MAX)
        return stop(c, FB_DECODE_TUNNEL_DEEP);
    c->cold->outer = *c;
    memcpy(c->cold->outer_sip, c->cold->sip, c->ids != 0 ? sizeof c->cold->sip : 0);
    c->tunnels++;
    c->ip_found = 0;
    c->extensions = 0;
    c->l4_off = FB_NO_OFFSET;
    c->payload_off = FB_NO_OFFSET;
    c->sport = 0;
    c->dport = 0;
    c->tcp_flags = 0;
    return inner;
}

void decode_unwind_tunnel(struct cursor *c) {
    if (c->tunnels == 0 || c->ip_found)
        return;
    enum fb_decode_reason reason =
        c->reason == FB_DECODE_NON_IP ? FB_DECODE_TUNNEL_NON_IP : FB_DECODE_TUNNEL_INNER;
    *c = c->cold->outer;
    memcpy(c->cold->sip, c->cold->outer_sip, c->ids != 0 ? sizeof c->cold->sip : 0);
    c->reason = (uint8_t)reason;
}

bool decode_begin_tunnel(struct cursor *c) {
    if (has_bytes(c, 1))
        c->l4_off = (uint16_t)c->off;
    return !c->options->outer || c->options->key_tunnel;
}

enum layer decode_unopened_tunnel(struct cursor *c) {
    return c->options->outer ? LAYER_DONE : stop(c, FB_DECODE_TUNNEL_NON_IP);
}

/* ---- IP and MPLS in IP */

/* RFC 2003, RFC 2473, RFC 4213: the protocol number says the version of what is inside. */
static enum layer ip_in_ip(struct cursor *c, unsigned version) {
    if (!decode_begin_tunnel(c) || c->options->outer)
        return LAYER_DONE;
    if (!has_bytes(c, 1) || cur(c)[0] >> 4 != version)
        return stop(c, FB_DECODE_TUNNEL_INNER);
    return decode_enter(c, LAYER_IP);
}

enum layer decode_ip4_in_ip(struct cursor *c) {
    return ip_in_ip(c, 4);
}

enum layer decode_ip6_in_ip(struct cursor *c) {
    return ip_in_ip(c, 6);
}

/* RFC 4023. */
enum layer decode_mpls_in_ip(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_enter(c, LAYER_MPLS) : LAYER_DONE;
}

/* ---- GRE */

#define GRE_BYTES 4u
#define GRE_CHECKSUM 0x8000u
#define GRE_ROUTING 0x4000u
#define GRE_KEY 0x2000u
#define GRE_SEQUENCE 0x1000u
#define GRE_ACKNOWLEDGE 0x0080u /* version 1 */
#define GRE_VERSION 0x0007u

/* Protocol types of GRE that are no ethertypes of a link, or mean something else there. */
#define GRE_PPP 0x880bu
#define GRE_ERSPAN 0x88beu
#define GRE_ERSPAN_3 0x22ebu
#define GRE_WCCP 0x883eu

#define ERSPAN_2_BYTES 8u
#define ERSPAN_3_BYTES 12u
#define ERSPAN_PLATFORM_BYTES 8u
#define WCCP_BYTES 4u

/* RFC 1701: family, offset, length, data, until one with neither family nor length. */
static bool skip_source_routes(struct cursor *c) {
    uint32_t family, length;
    do {
        if (!has_bytes(c, 4))
            return false;
        family = load_be16(cur(c));
        length = cur(c)[3];
        if (!has_bytes(c, 4 + length))
            return false;
        c->off += 4 + length;
    } while (family != 0 || length != 0);
    return true;
}

/* draft-foschiano-erspan: type I has no header and no sequence number, II is version 1, III is 2.
 */
static enum layer erspan(struct cursor *c, bool sequence) {
    if (!sequence)
        return decode_enter(c, LAYER_ETHERNET);
    unsigned version = has_bytes(c, 1) ? cur(c)[0] >> 4 : 0;
    uint32_t header = version == 1 ? ERSPAN_2_BYTES : ERSPAN_3_BYTES;
    if ((version != 1 && version != 2) || !has_bytes(c, header))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    enum layer inner = LAYER_ETHERNET;
    if (version == 2) {
        unsigned type = cur(c)[10] >> 2 & 31u;
        inner = type == 0 ? LAYER_ETHERNET : type == 2 ? LAYER_IP : LAYER_DONE;
        header += cur(c)[11] & 1 ? ERSPAN_PLATFORM_BYTES : 0;
    }
    if (!has_bytes(c, header))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    note_tunnel(c, ID_ERSPAN, load_be16(cur(c) + 2) & 0x3ffu);
    c->off += header;
    return inner == LAYER_DONE ? decode_unopened_tunnel(c) : decode_enter(c, inner);
}

/* Version 2 puts a redirect header of 4 bytes before the packet; nothing says so but its bytes. */
static enum layer wccp(struct cursor *c) {
    if (!is_plausible_ip(c, 0) && has_bytes(c, WCCP_BYTES))
        c->off += WCCP_BYTES;
    return decode_enter(c, LAYER_IP);
}

static enum layer gre_payload(struct cursor *c, uint16_t type, bool sequence) {
    enum layer inner = layer_of_known_type(type);
    switch (type) {
    case ETHERTYPE_BRIDGED:
        return decode_enter(c, LAYER_ETHERNET);
    case GRE_PPP:
        return decode_enter(c, LAYER_PPP);
    case GRE_ERSPAN:
    case GRE_ERSPAN_3:
        return erspan(c, sequence || type == GRE_ERSPAN_3);
    case GRE_WCCP:
        return wccp(c);
    default:
        return inner == LAYER_DONE ? decode_unopened_tunnel(c) : decode_enter(c, inner);
    }
}

/* RFC 2637: PPP, with the length of it and a call in the key; without a sequence number there is
 * none, but an acknowledgement. */
static enum layer enhanced_gre(struct cursor *c, uint32_t flags, uint16_t type) {
    uint32_t options = 4u + (flags & GRE_SEQUENCE ? 4u : 0u) + (flags & GRE_ACKNOWLEDGE ? 4u : 0u);
    if (type != GRE_PPP || (flags & (GRE_CHECKSUM | GRE_ROUTING | GRE_KEY)) != GRE_KEY ||
        !has_bytes(c, options))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    uint32_t length = load_be16(cur(c));
    note_tunnel(c, ID_GRE_KEY, load_be16(cur(c) + 2));
    c->off += options;
    limit(c, length);
    return length == 0 || !(flags & GRE_SEQUENCE) ? decode_unopened_tunnel(c)
                                                  : decode_enter(c, LAYER_PPP);
}

/* RFC 2784, RFC 2890, RFC 1701. */
enum layer decode_gre_header(struct cursor *c) {
    if (!has_bytes(c, GRE_BYTES))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    uint32_t flags = load_be16(cur(c));
    uint16_t type = load_be16(cur(c) + 2);
    c->off += GRE_BYTES;
    if ((flags & GRE_VERSION) == 1)
        return enhanced_gre(c, flags, type);
    uint32_t key = flags & (GRE_CHECKSUM | GRE_ROUTING) ? 4u : 0u;
    uint32_t sequence = key + (flags & GRE_KEY ? 4u : 0u);
    uint32_t options = sequence + (flags & GRE_SEQUENCE ? 4u : 0u);
    if ((flags & GRE_VERSION) != 0 || !has_bytes(c, options))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    if (flags & GRE_KEY)
        note_tunnel(c, ID_GRE_KEY, load_be32(cur(c) + key));
    c->off += options;
    if (flags & GRE_ROUTING && !skip_source_routes(c))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    return gre_payload(c, type, flags & GRE_SEQUENCE);
}

enum layer decode_gre(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_gre_header(c) : LAYER_DONE;
}

/* ---- L2TPv3 */

#define SESSION_BYTES 4u

static bool is_plausible_ppp(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + 4) || load_be16(cur(c) + at) != 0xff03)
        return false;
    uint16_t protocol = load_be16(cur(c) + at + 2);
    return (protocol == 0x0021 || protocol == 0x0057) && is_plausible_ip(c, at + 4);
}

/*
 * RFC 3931: a cookie of 0, 4 or 8 bytes and a sublayer of 0 or 4 are agreed upon
 * elsewhere, and so is what the session carries: taken where it looks right.
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
        return decode_enter(c, ethernet ? LAYER_ETHERNET : LAYER_PPP);
    }
    return LAYER_DONE;
}

enum layer decode_l2tp_in_ip(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_l2tp_session(c) : LAYER_DONE;
}
