/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Header lengths in bytes: the smallest valid one. */
#define EXTENSION_BYTES 8u
#define PORT_BYTES 4u
#define SCTP_BYTES 12u
#define DCCP_BYTES 12u
#define ICMP_TYPE_BYTES 2u
#define ICMP_BYTES 8u

/* The transport header is complete: n bytes, proven by the caller. */
static inline enum layer header_complete(struct cursor *c, uint32_t n) {
    c->payload_off = (uint16_t)(c->off + n);
    return LAYER_DONE;
}

/* ---- network layers ---- */

#define HEADER(number, name, function)                                                             \
    case number:                                                                                   \
        return LAYER_##name;
#define SAME(number, name)                                                                         \
    case number:                                                                                   \
        return LAYER_##name;

static enum layer layer_of_known_protocol(const struct cursor *c) {
    switch (c->proto) {
        DECODE_PROTOCOLS(HEADER, SAME)
    default:
        break;
    }
    if (c->kind == FB_KEY_IP6) {
        switch (c->proto) {
            DECODE_IP6_PROTOCOLS(HEADER, SAME)
        default:
            break;
        }
    }
    return LAYER_DONE;
}
#undef HEADER
#undef SAME

static enum layer layer_of_protocol(struct cursor *c) {
    enum layer known = layer_of_known_protocol(c);
    if (known == LAYER_DONE && has_bytes(c, 1))
        c->l4_off = (uint16_t)c->off;
    return known;
}

/* By its own length the packet ends `bytes` from here: what follows is padding of the link. */
static void clip_to_ip_length(struct cursor *c, uint32_t bytes) {
    c->ip_end = c->off + bytes;
    limit(c, bytes);
}

bool is_plausible_ip(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + IP4_BYTES))
        return false;
    const uint8_t *h = cur(c) + at;
    uint32_t header = (h[0] & 15u) * 4;
    uint32_t total = load_be16(h + 2);
    if (h[0] >> 4 == 4)
        return header >= IP4_BYTES && (total == 0 || total >= header);
    return h[0] >> 4 == 6 && has_bytes(c, at + IP6_BYTES);
}

bool is_whole_ip(const struct cursor *c, uint32_t at) {
    if (!is_plausible_ip(c, at))
        return false;
    const uint8_t *h = cur(c) + at;
    bool six = h[0] >> 4 == 6;
    uint32_t length = load_be16(h + (six ? 4 : 2));
    uint32_t end = c->off + at + length + (six ? IP6_BYTES : 0);
    return length == 0 || c->ip_end == 0 || c->fragment || end == c->ip_end;
}

/* The packet at l3_off is a fragment. */
static void note_fragment(struct cursor *c, uint32_t extension_off) {
    c->fragment = 1;
    c->fragment_off = c->l3_off;
    c->fragment_extension_off = (uint16_t)extension_off;
    c->cold->fragment_scope = decode_scope(c);
}

/* RFC 791. A total length of 0 is what segmentation offload leaves: to the end of the frame. */
static enum layer decode_ip4(struct cursor *c) {
    if (!has_bytes(c, IP4_BYTES))
        return stop(c, FB_DECODE_IP4_SHORT);
    const uint8_t *h = cur(c);
    uint32_t header = (h[0] & 15u) * 4;
    uint32_t total = load_be16(h + 2);
    uint32_t fragment = load_be16(h + 6) & 0x3fffu; /* more fragments, offset */
    c->l3_off = (uint16_t)c->off;
    c->kind = FB_KEY_IP4;
    c->proto = h[9];
    if (header < IP4_BYTES)
        return stop(c, FB_DECODE_IP4_HEADER_LENGTH);
    if (total != 0) {
        if (total < header)
            return stop(c, FB_DECODE_IP4_TOTAL_LENGTH);
        clip_to_ip_length(c, total);
    }
    if (!has_bytes(c, header))
        return stop(c, FB_DECODE_IP4_SHORT);
    c->ip_found = 1;
    c->off += header;
    if (fragment != 0) {
        note_fragment(c, 0);
        if ((fragment & 0x1fffu) != 0)
            return stop(c, FB_DECODE_FRAGMENT_LATER);
        c->reason = FB_DECODE_FRAGMENT_FIRST;
    }
    return layer_of_protocol(c);
}

/* RFC 8200; a payload length of 0 means segmentation offload, to the end of the frame, or a
 * jumbogram, whose length is in a hop-by-hop option. */
static enum layer decode_ip6(struct cursor *c) {
    if (!has_bytes(c, IP6_BYTES))
        return stop(c, FB_DECODE_IP6_SHORT);
    const uint8_t *h = cur(c);
    uint32_t payload = load_be16(h + 4);
    c->l3_off = (uint16_t)c->off;
    c->kind = FB_KEY_IP6;
    c->proto = h[6];
    if (payload != 0)
        clip_to_ip_length(c, IP6_BYTES + payload);
    c->ip_found = 1;
    c->off += IP6_BYTES;
    return layer_of_protocol(c);
}

/* The version nibble decides, whatever the link layer says. */
enum layer decode_ip(struct cursor *c) {
    if (!has_bytes(c, 1))
        return stop(c, c->ethertype == ETHERTYPE_IP6 ? FB_DECODE_IP6_SHORT : FB_DECODE_IP4_SHORT);
    switch (cur(c)[0] >> 4) {
    case 4:
        return decode_ip4(c);
    case 6:
        return decode_ip6(c);
    default:
        return stop(c, FB_DECODE_IP_VERSION);
    }
}

/* Moves past an extension or authentication header of n bytes that names what follows. RFC 8200 has
 * receivers accept them in any order and number; the bytes of the frame are the bound. */
static enum layer pass_extension(struct cursor *c, uint32_t n) {
    if (!has_bytes(c, n))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    c->proto = cur(c)[0];
    c->off += n;
    return layer_of_protocol(c);
}

/* RFC 8200 section 4.2: the value of an option among n bytes at h, or NULL if it is not complete
 * there. An option is a type, a length and a value; type 0 is a single byte. */
static const uint8_t *find_option(const uint8_t *h, uint32_t n, unsigned type, uint32_t bytes) {
    for (uint32_t at = 0; at + 2 <= n; at += h[at] == 0 ? 1 : 2u + h[at + 1]) {
        if (h[at] == type)
            return h[at + 1] == bytes && at + 2 + bytes <= n ? h + at + 2 : NULL;
    }
    return NULL;
}

/*
 * RFC 2675: the header is directly behind an IPv6 header whose payload length is 0. A
 * length that would have fitted there is invalid, and ignored. The end of the packet is
 * cut to 32 bits.
 */
static void take_jumbo_length(struct cursor *c, uint32_t n) {
    enum { JUMBO = 0xc2, VALUE_BYTES = 4 };
    const uint8_t *h = cur(c);
    if (c->off != c->l3_off + IP6_BYTES || load_be16(c->bytes + c->l3_off + 4) != 0)
        return;
    const uint8_t *value = find_option(h + 2, n - 2, JUMBO, VALUE_BYTES);
    uint32_t length = value == NULL ? 0 : load_be32(value);
    if (length > UINT16_MAX)
        clip_to_ip_length(c, length < UINT32_MAX - c->off ? length : UINT32_MAX - c->off);
}

/* RFC 8200 section 4, RFC 6275, RFC 7401, RFC 5533: next header, length in 8 bytes beyond the
 * first 8. */
enum layer decode_ip6_extension(struct cursor *c) {
    if (!has_bytes(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    uint32_t n = (cur(c)[1] + 1u) * 8;
    if (c->proto == PROTO_HOP_BY_HOP && has_bytes(c, n))
        take_jumbo_length(c, n);
    return pass_extension(c, n);
}

/* RFC 8200 section 4.7. */
enum layer decode_no_next_header(struct cursor *c) {
    return stop(c, FB_DECODE_NO_NEXT_HEADER);
}

/* RFC 8200 section 4.5; an atomic fragment (RFC 6946) is a whole packet. */
enum layer decode_ip6_fragment(struct cursor *c) {
    if (!has_bytes(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    uint32_t fragment = load_be16(cur(c) + 2) & 0xfff9u; /* offset, more fragments */
    if (fragment != 0) {
        note_fragment(c, c->off);
        if ((fragment & 0xfff8u) != 0) {
            c->proto = cur(c)[0];
            return stop(c, FB_DECODE_FRAGMENT_LATER);
        }
        c->reason = FB_DECODE_FRAGMENT_FIRST;
    }
    return pass_extension(c, EXTENSION_BYTES);
}

/* RFC 4302: next header, length in 4 bytes less 2. */
enum layer decode_authentication(struct cursor *c) {
    if (!has_bytes(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    return pass_extension(c, (cur(c)[1] + 2u) * 4);
}

/* ---- transport layers ---- */

static bool take_ports(struct cursor *c) {
    if (!has_bytes(c, PORT_BYTES))
        return false;
    c->l4_off = (uint16_t)c->off;
    uint32_t ports = load_be32(cur(c));
    c->sport = (uint16_t)(ports >> 16);
    c->dport = (uint16_t)ports;
    return true;
}

/* A length beyond the datagram is wrong, unless the datagram goes on in further fragments. */
static bool beyond_datagram(const struct cursor *c, uint32_t n) {
    return c->ip_end != 0 && n > c->ip_end - c->off && !c->fragment;
}

/* RFC 9293. The flags may be captured where the header is not. */
enum layer decode_tcp(struct cursor *c) {
    if (!take_ports(c))
        return stop(c, FB_DECODE_TCP_SHORT);
    if (has_bytes(c, TCP_FLAGS_END))
        c->tcp_flags = cur(c)[TCP_FLAGS_END - 1];
    if (!has_bytes(c, TCP_BYTES))
        return stop(c, FB_DECODE_TCP_SHORT);
    uint32_t header = (cur(c)[12] >> 4) * 4u;
    if (header < TCP_BYTES || beyond_datagram(c, header))
        return stop(c, FB_DECODE_TCP_HEADER_LENGTH);
    return has_bytes(c, header) ? header_complete(c, header) : stop(c, FB_DECODE_TCP_SHORT);
}

/* RFC 768; length 0 means a jumbogram (RFC 2675), or segmentation offload if the IP length is 0
 * too.
 */
enum layer decode_udp(struct cursor *c) {
    if (!take_ports(c) || !has_bytes(c, UDP_BYTES))
        return stop(c, FB_DECODE_UDP_SHORT);
    uint32_t length = load_be16(cur(c) + 4);
    bool jumbo = c->ip_end == 0 || c->ip_end - c->off > UINT16_MAX;
    if ((length < UDP_BYTES && !(length == 0 && jumbo)) || beyond_datagram(c, length))
        return stop(c, FB_DECODE_UDP_LENGTH);
    header_complete(c, UDP_BYTES);
    const struct decode_ports *ports = c->options->ports;
    bool tunnel = tunnel_of_port(ports, c->sport) != DECODE_TUNNEL_COUNT ||
                  tunnel_of_port(ports, c->dport) != DECODE_TUNNEL_COUNT;
    return tunnel ? LAYER_UDP_TUNNEL : LAYER_DONE;
}

/* RFC 3828: the field of UDP's length is the checksum coverage. */
enum layer decode_udp_lite(struct cursor *c) {
    if (!take_ports(c) || !has_bytes(c, UDP_BYTES))
        return stop(c, FB_DECODE_UDP_SHORT);
    return header_complete(c, UDP_BYTES);
}

/* RFC 9260: the common header; chunks are payload. */
enum layer decode_sctp(struct cursor *c) {
    if (!take_ports(c) || !has_bytes(c, SCTP_BYTES))
        return stop(c, FB_DECODE_SCTP_SHORT);
    return header_complete(c, SCTP_BYTES);
}

/* RFC 4340: the data offset counts words from the start of the header. */
enum layer decode_dccp(struct cursor *c) {
    if (!take_ports(c) || !has_bytes(c, DCCP_BYTES))
        return stop(c, FB_DECODE_DCCP_SHORT);
    uint32_t header = cur(c)[4] * 4u;
    if (header < DCCP_BYTES || !has_bytes(c, header))
        return stop(c, FB_DECODE_DCCP_SHORT);
    return header_complete(c, header);
}

/* RFC 792: destination unreachable, source quench, redirect, time exceeded, parameter problem; RFC
 * 4443: below 128. */
static bool is_icmp_error(uint8_t proto, uint8_t type) {
    static const uint32_t icmp4 = 1u << 3 | 1u << 4 | 1u << 5 | 1u << 11 | 1u << 12;
    return proto == FB_PROTO_ICMP ? type < 32 && (icmp4 >> type & 1) != 0 : type >= 1 && type < 128;
}

/* Goes on into the packet that an error quotes; what was found so far is about another packet. */
static enum layer enter_quote(struct cursor *c) {
    c->off += ICMP_BYTES;
    c->quoting = 0;
    c->ip_found = 0;
    c->fragment = 0;
    c->sport = 0;
    c->dport = 0;
    c->tcp_flags = 0;
    c->l4_off = FB_NO_OFFSET;
    c->payload_off = FB_NO_OFFSET;
    c->reason = FB_DECODE_OK;
    c->cold->outer = *c;
    return LAYER_IP;
}

/* RFC 792, RFC 4443. */
enum layer decode_icmp(struct cursor *c) {
    if (!has_bytes(c, ICMP_TYPE_BYTES))
        return stop(c, FB_DECODE_ICMP_SHORT);
    uint8_t type = cur(c)[0];
    uint8_t counterpart = cur(c)[1];
    fb_icmp_answer(c->proto, type, &counterpart);
    c->l4_off = (uint16_t)c->off;
    c->sport = type;
    c->dport = counterpart;
    if (!has_bytes(c, ICMP_BYTES))
        return stop(c, FB_DECODE_ICMP_SHORT);
    header_complete(c, ICMP_BYTES);
    if (!is_icmp_error(c->proto, type))
        return LAYER_DONE;
    if (c->reason == FB_DECODE_OK)
        c->reason = FB_DECODE_ICMP_ERROR;
    return c->quoting ? enter_quote(c) : LAYER_DONE;
}
