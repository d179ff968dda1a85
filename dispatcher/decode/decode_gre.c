/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* GRE in IP and over UDP, and what is in it: ERSPAN, WCCP, PPTP, EoIP, Aruba. */

#define GRE_BYTES 4u
#define GRE_CHECKSUM 0x8000u
#define GRE_ROUTING 0x4000u
#define GRE_KEY 0x2000u
#define GRE_SEQUENCE 0x1000u
#define GRE_ACKNOWLEDGE 0x0080u /* version 1 */
#define GRE_RESERVED 0x0ff8u    /* version 0; some of them once limited routing */
#define GRE_VERSION 0x0007u

/* Protocol types of GRE that are not among the ethertypes of links, or mean something else there.
 */
#define GRE_PPP 0x880bu
#define GRE_ERSPAN 0x88beu
#define GRE_ERSPAN_3 0x22ebu
#define GRE_WCCP 0x883eu
#define GRE_EOIP 0x6400u  /* MikroTik */
#define GRE_ARUBA 0x8200u /* and up to the next: one for each virtual access point */
#define GRE_ARUBA_END 0x8400u

#define ERSPAN_2_BYTES 8u
#define ERSPAN_3_BYTES 12u
#define ERSPAN_PLATFORM_BYTES 8u
#define WCCP_BYTES 4u

/* RFC 1701: each has family, offset, length, data; the last has neither family nor length. */
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
static enum layer decode_erspan(struct cursor *c, bool sequence) {
    if (!sequence)
        return decode_enter(c, FB_TUNNEL_ERSPAN, LAYER_ETHERNET);
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
    return inner == LAYER_DONE ? decode_unopened_tunnel(c)
                               : decode_enter(c, FB_TUNNEL_ERSPAN, inner);
}

/* Version 2 has a redirect header of 4 bytes before the packet; only its bytes show it. */
static enum layer decode_wccp(struct cursor *c) {
    if (!is_plausible_ip(c, 0) && has_bytes(c, WCCP_BYTES))
        c->off += WCCP_BYTES;
    return decode_enter(c, FB_TUNNEL_GRE, LAYER_IP);
}

static enum layer enter_gre_payload(struct cursor *c, uint16_t type, bool sequence) {
    enum layer inner = layer_of_known_type(type);
    switch (type) {
    case ETHERTYPE_BRIDGED:
        return decode_enter(c, FB_TUNNEL_GRE, LAYER_ETHERNET);
    case GRE_PPP:
        return decode_enter(c, FB_TUNNEL_GRE, LAYER_PPP);
    case GRE_ERSPAN:
    case GRE_ERSPAN_3:
        return decode_erspan(c, sequence || type == GRE_ERSPAN_3);
    case GRE_WCCP:
        return decode_wccp(c);
    default:
        if (type >= GRE_ARUBA && type < GRE_ARUBA_END)
            return decode_enter(c, FB_TUNNEL_GRE, LAYER_LINK_WIFI);
        return inner == LAYER_DONE ? decode_unopened_tunnel(c)
                                   : decode_enter(c, FB_TUNNEL_GRE, inner);
    }
}

/* RFC 2637: the key is the length of the PPP frame and a call. Without a sequence number there is
 * no frame, only an acknowledgement. */
static enum layer decode_pptp(struct cursor *c, uint32_t flags) {
    uint32_t options = 4u + (flags & GRE_SEQUENCE ? 4u : 0u) + (flags & GRE_ACKNOWLEDGE ? 4u : 0u);
    if ((flags & (GRE_CHECKSUM | GRE_ROUTING | GRE_KEY)) != GRE_KEY || !has_bytes(c, options))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    uint32_t length = load_be16(cur(c));
    note_tunnel(c, ID_GRE_KEY, load_be16(cur(c) + 2));
    c->off += options;
    limit(c, length);
    return length == 0 || !(flags & GRE_SEQUENCE) ? decode_unopened_tunnel(c)
                                                  : decode_enter(c, FB_TUNNEL_GRE, LAYER_PPP);
}

/* MikroTik: the key is the length of a frame and a tunnel's number. Length 0 keeps it alive. */
static enum layer decode_eoip(struct cursor *c) {
    if (!has_bytes(c, 4))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    uint32_t length = load_be16(cur(c));
    note_tunnel(c, ID_EOIP, load_be16(cur(c) + 2));
    c->off += 4;
    limit(c, length);
    return length == 0 ? decode_unopened_tunnel(c) : decode_enter(c, FB_TUNNEL_GRE, LAYER_ETHERNET);
}

/* Whether version 1 without PPP has an acknowledgement number `at` bytes from here: its bit is set
 * by some who have none, so what follows decides. */
static bool has_acknowledgement(const struct cursor *c, uint32_t at, uint32_t flags,
                                uint16_t type) {
    enum layer inner = type == ETHERTYPE_BRIDGED ? LAYER_ETHERNET : layer_of_known_type(type);
    return (flags & GRE_VERSION) == 1 && flags & GRE_ACKNOWLEDGE &&
           (!is_plausible_inner(c, at, inner) || is_plausible_inner(c, at + 4, inner));
}

/* RFC 2784, RFC 2890, RFC 1701; version 1 is PPTP's by RFC 2637, and sent by others for any type,
 * perhaps with its acknowledgement number. */
enum layer decode_gre_header(struct cursor *c) {
    if (!has_bytes(c, GRE_BYTES))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    uint32_t flags = load_be16(cur(c));
    uint16_t type = load_be16(cur(c) + 2);
    c->off += GRE_BYTES;
    uint32_t version = flags & GRE_VERSION;
    if (version == 1 && type == GRE_PPP)
        return decode_pptp(c, flags);
    if (version == 1 && type == GRE_EOIP && flags & GRE_KEY)
        return decode_eoip(c);
    uint32_t key = flags & (GRE_CHECKSUM | GRE_ROUTING) ? 4u : 0u;
    uint32_t sequence = key + (flags & GRE_KEY ? 4u : 0u);
    uint32_t options = sequence + (flags & GRE_SEQUENCE ? 4u : 0u);
    options += has_acknowledgement(c, options, flags, type) ? 4u : 0u;
    if (version > 1 || !has_bytes(c, options))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    if (flags & GRE_KEY)
        note_tunnel(c, ID_GRE_KEY, load_be32(cur(c) + key));
    c->off += options;
    if (flags & GRE_ROUTING && !skip_source_routes(c))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    return enter_gre_payload(c, type, flags & GRE_SEQUENCE);
}

enum layer decode_gre(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_gre_header(c) : LAYER_DONE;
}

/* RFC 8086: version 0; checksum, key and sequence number are optional, bits 4 to 12 reserved. */
enum layer decode_gre_over_udp(struct cursor *c) {
    if (!has_bytes(c, GRE_BYTES))
        return LAYER_DONE;
    uint32_t flags = load_be16(cur(c));
    uint16_t type = load_be16(cur(c) + 2);
    enum layer inner = type == ETHERTYPE_BRIDGED ? LAYER_ETHERNET : layer_of_known_type(type);
    uint32_t header = GRE_BYTES + (flags & GRE_CHECKSUM ? 4u : 0u) + (flags & GRE_KEY ? 4u : 0u) +
                      (flags & GRE_SEQUENCE ? 4u : 0u);
    if ((flags & (GRE_ROUTING | GRE_VERSION)) != 0 || inner == LAYER_DONE ||
        (flags & GRE_RESERVED && !is_plausible_inner(c, header, inner)))
        return LAYER_DONE;
    return decode_gre_header(c);
}
