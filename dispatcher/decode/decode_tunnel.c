/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* ---- in and out */

enum layer decode_enter(struct cursor *c, enum fb_tunnel tunnel, enum layer inner) {
    if (c->options->outer)
        return LAYER_DONE;
    if (c->tunnels == TUNNELS_MAX)
        return stop(c, FB_DECODE_TUNNEL_DEEP);
    c->cold->outer = *c;
    memcpy(c->cold->outer_sip, c->cold->sip, c->ids != 0 ? sizeof c->cold->sip : 0);
    c->tunnels++;
    c->tunnel = (uint8_t)tunnel;
    c->ip_found = 0;
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

/* ---- IP in IP */

/* RFC 2003, RFC 2473, RFC 4213: the protocol number gives the version of the inner packet. */
static enum layer decode_ip_in_ip(struct cursor *c, unsigned version) {
    if (!decode_begin_tunnel(c) || c->options->outer)
        return LAYER_DONE;
    if (!has_bytes(c, 1) || cur(c)[0] >> 4 != version)
        return stop(c, FB_DECODE_TUNNEL_INNER);
    return decode_enter(c, FB_TUNNEL_IP, LAYER_IP);
}

enum layer decode_ip4_in_ip(struct cursor *c) {
    return decode_ip_in_ip(c, 4);
}

enum layer decode_ip6_in_ip(struct cursor *c) {
    return decode_ip_in_ip(c, 6);
}

/* ---- Ethernet in IP */

/* RFC 8986: by a segment that ends in a bridge. */
enum layer decode_ethernet_in_ip(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_enter(c, FB_TUNNEL_OTHER, LAYER_ETHERNET) : LAYER_DONE;
}

/* RFC 3378: version 3, 12 reserved bits. Some senders have the version in the other half of its
 * byte, and some an id in the rest: what is inside has to look right then. */
enum layer decode_etherip(struct cursor *c) {
    enum { HEADER_BYTES = 2, VERSION = 3 };
    if (!decode_begin_tunnel(c))
        return LAYER_DONE;
    if (!has_bytes(c, HEADER_BYTES) ||
        (cur(c)[0] >> 4 != VERSION && !is_plausible_ethernet(c, HEADER_BYTES)))
        return stop(c, FB_DECODE_TUNNEL_HEADER);
    c->off += HEADER_BYTES;
    return decode_enter(c, FB_TUNNEL_OTHER, LAYER_ETHERNET);
}
