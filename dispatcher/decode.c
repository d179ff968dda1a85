/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode_layers.h"

#include "flow_balancer/icmp_pairs.h"

/* IANA protocol numbers. ICMP and ICMPv6 are in icmp_pairs.h. */
#define PROTO_HOP_BY_HOP 0u
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define PROTO_DCCP 33u
#define PROTO_ROUTING 43u
#define PROTO_FRAGMENT 44u
#define PROTO_AUTHENTICATION 51u
#define PROTO_NO_NEXT_HEADER 59u
#define PROTO_DESTINATION 60u
#define PROTO_SCTP 132u
#define PROTO_MOBILITY 135u
#define PROTO_UDP_LITE 136u
#define PROTO_HIP 139u
#define PROTO_SHIM6 140u

/* Header lengths in bytes: the smallest that is legal. */
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define EXTENSION_BYTES 8u
#define PORT_BYTES 4u
#define TCP_BYTES 20u
#define TCP_FLAGS_END 14u
#define UDP_BYTES 8u
#define SCTP_BYTES 12u
#define DCCP_BYTES 12u
#define ICMP_TYPE_BYTES 2u
#define ICMP_BYTES 8u

/* RFC 8200 names six headers, one of them twice; beyond twice that it is no honest packet. */
#define EXTENSIONS_MAX 16u

/* The transport header is whole: n bytes, proven by the caller. */
static inline enum layer whole(struct cursor *c, uint32_t n) {
    c->payload_off = (uint16_t)(c->off + n);
    return LAYER_DONE;
}

/* ---- network layers ---- */

static enum layer layer_of_protocol(struct cursor *c) {
    switch (c->proto) {
    case PROTO_TCP:
        return LAYER_TCP;
    case PROTO_UDP:
        return LAYER_UDP;
    case PROTO_UDP_LITE:
        return LAYER_UDP_LITE;
    case PROTO_SCTP:
        return LAYER_SCTP;
    case PROTO_DCCP:
        return LAYER_DCCP;
    case FB_PROTO_ICMP:
    case FB_PROTO_ICMP6:
        return LAYER_ICMP;
    case PROTO_AUTHENTICATION:
        return LAYER_AUTHENTICATION;
    default:
        break;
    }
    if (c->kind == FB_KEY_IP6) {
        switch (c->proto) {
        case PROTO_HOP_BY_HOP:
        case PROTO_ROUTING:
        case PROTO_DESTINATION:
        case PROTO_MOBILITY:
        case PROTO_HIP:
        case PROTO_SHIM6:
            return LAYER_IP6_EXTENSION;
        case PROTO_FRAGMENT:
            return LAYER_IP6_FRAGMENT;
        case PROTO_NO_NEXT_HEADER:
            return stop(c, FB_DECODE_NO_NEXT_HEADER);
        default:
            break;
        }
    }
    if (holds(c, 1))
        c->l4_off = (uint16_t)c->off;
    return LAYER_DONE;
}

/* The packet says that it ends `bytes` from here: what follows is padding of the link. */
static void bound(struct cursor *c, uint32_t bytes) {
    c->announced = c->off + bytes;
    if (c->announced < c->end)
        c->end = c->announced;
}

/* RFC 791. A total length of 0 is what segmentation offload leaves: to the end of the frame. */
static enum layer ip4(struct cursor *c) {
    if (!holds(c, IP4_BYTES))
        return stop(c, FB_DECODE_IP4_SHORT);
    const uint8_t *h = here(c);
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
        bound(c, total);
    }
    if (!holds(c, header))
        return stop(c, FB_DECODE_IP4_SHORT);
    c->off += header;
    if (fragment != 0) {
        c->fragment = 1;
        if ((fragment & 0x1fffu) != 0)
            return stop(c, FB_DECODE_FRAGMENT_LATER);
        c->reason = FB_DECODE_FRAGMENT_FIRST;
    }
    return layer_of_protocol(c);
}

/* RFC 8200; a payload length of 0 is a jumbogram (RFC 2675) or offload: to the end of the frame. */
static enum layer ip6(struct cursor *c) {
    if (!holds(c, IP6_BYTES))
        return stop(c, FB_DECODE_IP6_SHORT);
    const uint8_t *h = here(c);
    uint32_t payload = load_be16(h + 4);
    c->l3_off = (uint16_t)c->off;
    c->kind = FB_KEY_IP6;
    c->proto = h[6];
    if (payload != 0)
        bound(c, IP6_BYTES + payload);
    c->off += IP6_BYTES;
    return layer_of_protocol(c);
}

/* The version nibble decides, whatever the link layer announced. */
static enum layer ip(struct cursor *c) {
    if (!holds(c, 1))
        return stop(c, c->ethertype == ETHERTYPE_IP6 ? FB_DECODE_IP6_SHORT : FB_DECODE_IP4_SHORT);
    switch (here(c)[0] >> 4) {
    case 4:
        return ip4(c);
    case 6:
        return ip6(c);
    default:
        return stop(c, FB_DECODE_IP_VERSION);
    }
}

/* Moves past an extension or authentication header of n bytes that names what follows. */
static enum layer follow(struct cursor *c, uint32_t n) {
    if (++c->extensions > EXTENSIONS_MAX)
        return stop(c, FB_DECODE_IP6_EXT_MANY);
    if (!holds(c, n))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    c->proto = here(c)[0];
    c->off += n;
    return layer_of_protocol(c);
}

/* RFC 8200 section 4, RFC 6275, RFC 7401, RFC 5533: next header, length in 8 bytes beyond the
 * first 8. */
static enum layer ip6_extension(struct cursor *c) {
    if (!holds(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    return follow(c, (here(c)[1] + 1u) * 8);
}

/* RFC 8200 section 4.5; an atomic fragment (RFC 6946) is a whole packet. */
static enum layer ip6_fragment(struct cursor *c) {
    if (!holds(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    uint32_t fragment = load_be16(here(c) + 2) & 0xfff9u; /* offset, more fragments */
    if (fragment != 0) {
        c->fragment = 1;
        if ((fragment & 0xfff8u) != 0) {
            c->proto = here(c)[0];
            return stop(c, FB_DECODE_FRAGMENT_LATER);
        }
        c->reason = FB_DECODE_FRAGMENT_FIRST;
    }
    return follow(c, EXTENSION_BYTES);
}

/* RFC 4302: next header, length in 4 bytes less 2. */
static enum layer authentication(struct cursor *c) {
    if (!holds(c, EXTENSION_BYTES))
        return stop(c, FB_DECODE_IP6_EXT_SHORT);
    return follow(c, (here(c)[1] + 2u) * 4);
}

/* ---- transport layers ---- */

static bool take_ports(struct cursor *c) {
    if (!holds(c, PORT_BYTES))
        return false;
    c->l4_off = (uint16_t)c->off;
    uint32_t ports = load_be32(here(c));
    c->sport = (uint16_t)(ports >> 16);
    c->dport = (uint16_t)ports;
    return true;
}

/* A length beyond the datagram is wrong, unless the datagram goes on in further fragments. */
static bool beyond_datagram(const struct cursor *c, uint32_t n) {
    return c->announced != 0 && n > c->announced - c->off && !c->fragment;
}

/* RFC 9293. */
static enum layer tcp(struct cursor *c) {
    if (!take_ports(c))
        return stop(c, FB_DECODE_TCP_SHORT);
    if (holds(c, TCP_FLAGS_END))
        c->tcp_flags = here(c)[TCP_FLAGS_END - 1];
    if (!holds(c, TCP_BYTES))
        return stop(c, FB_DECODE_TCP_SHORT);
    uint32_t header = (here(c)[12] >> 4) * 4u;
    if (header < TCP_BYTES || beyond_datagram(c, header))
        return stop(c, FB_DECODE_TCP_HEADER_LENGTH);
    return holds(c, header) ? whole(c, header) : stop(c, FB_DECODE_TCP_SHORT);
}

/* RFC 768; length 0 is a jumbogram (RFC 2675) or offload, where the IP length says nothing either.
 */
static enum layer udp(struct cursor *c) {
    if (!take_ports(c) || !holds(c, UDP_BYTES))
        return stop(c, FB_DECODE_UDP_SHORT);
    uint32_t length = load_be16(here(c) + 4);
    bool unannounced = length == 0 && c->announced == 0;
    if ((length < UDP_BYTES && !unannounced) || beyond_datagram(c, length))
        return stop(c, FB_DECODE_UDP_LENGTH);
    return whole(c, UDP_BYTES);
}

/* RFC 3828: coverage stands where UDP has its length. */
static enum layer udp_lite(struct cursor *c) {
    if (!take_ports(c) || !holds(c, UDP_BYTES))
        return stop(c, FB_DECODE_UDP_SHORT);
    return whole(c, UDP_BYTES);
}

/* RFC 9260: the common header; chunks are payload. */
static enum layer sctp(struct cursor *c) {
    if (!take_ports(c) || !holds(c, SCTP_BYTES))
        return stop(c, FB_DECODE_SCTP_SHORT);
    return whole(c, SCTP_BYTES);
}

/* RFC 4340: the data offset counts words from the start of the header. */
static enum layer dccp(struct cursor *c) {
    if (!take_ports(c) || !holds(c, DCCP_BYTES))
        return stop(c, FB_DECODE_DCCP_SHORT);
    uint32_t header = here(c)[4] * 4u;
    if (header < DCCP_BYTES || !holds(c, header))
        return stop(c, FB_DECODE_DCCP_SHORT);
    return whole(c, header);
}

/* RFC 792, RFC 4443. */
static enum layer icmp(struct cursor *c) {
    if (!holds(c, ICMP_TYPE_BYTES))
        return stop(c, FB_DECODE_ICMP_SHORT);
    uint8_t type = here(c)[0];
    uint8_t counterpart = here(c)[1];
    fb_icmp_answer(c->proto, type, &counterpart);
    c->l4_off = (uint16_t)c->off;
    c->sport = type;
    c->dport = counterpart;
    return holds(c, ICMP_BYTES) ? whole(c, ICMP_BYTES) : stop(c, FB_DECODE_ICMP_SHORT);
}

/* ---- the key ---- */

/* a and b exchanged where `swap` is all ones. Without a branch: the direction of a packet is a coin
 * toss. */
static inline void order(uint64_t *a, uint64_t *b, uint64_t swap) {
    uint64_t difference = (*a ^ *b) & swap;
    *a ^= difference;
    *b ^= difference;
}

static inline uint64_t key_tail(uint64_t low_port, uint64_t high_port, uint8_t proto,
                                enum fb_key_kind kind) {
    return low_port << 48 | high_port << 32 | (uint64_t)proto << 8 | (uint64_t)kind;
}

/* `header` is an IPv4 header whose 20 bytes were proven; ports are the sender's, then the
 * receiver's. */
static inline void key_ip4(const uint8_t *header, uint32_t ports, uint8_t proto,
                           struct decoded *out) {
    uint64_t low = (uint64_t)load_be32(header + 12) << 16 | ports >> 16;
    uint64_t high = (uint64_t)load_be32(header + 16) << 16 | (ports & 0xffffu);
    unsigned swapped = low > high;
    order(&low, &high, 0 - (uint64_t)swapped);
    out->swapped = (uint8_t)swapped;
    out->key = (struct fb_flow_key){
        {0, low >> 16, 0, high >> 16, key_tail(low & 0xffff, high & 0xffff, proto, FB_KEY_IP4)}};
}

/* Likewise for an IPv6 header of 40 bytes. */
static inline void key_ip6(const uint8_t *header, uint32_t ports, uint8_t proto,
                           struct decoded *out) {
    const uint8_t *src = header + 8;
    const uint8_t *dst = header + 24;
    uint64_t low_port = ports >> 16;
    uint64_t high_port = ports & 0xffffu;
    uint64_t src0 = load_be64(src);
    uint64_t src1 = load_be64(src + 8);
    uint64_t dst0 = load_be64(dst);
    uint64_t dst1 = load_be64(dst + 8);
    unsigned port_above = low_port > high_port;
    unsigned tail_above = (unsigned)(src1 > dst1) | ((unsigned)(src1 == dst1) & port_above);
    unsigned swapped = (unsigned)(src0 > dst0) | ((unsigned)(src0 == dst0) & tail_above);
    uint64_t swap = 0 - (uint64_t)swapped;
    struct fb_flow_key key = {{load_64(src), load_64(src + 8), load_64(dst), load_64(dst + 8), 0}};
    order(&key.word[0], &key.word[2], swap);
    order(&key.word[1], &key.word[3], swap);
    order(&low_port, &high_port, swap);
    key.word[4] = key_tail(low_port, high_port, proto, FB_KEY_IP6);
    out->swapped = (uint8_t)swapped;
    out->key = key;
}

/* mac_count says how many addresses at mac_off were proven to be there. */
static void key_link(const struct cursor *c, enum link_layer link, struct decoded *out) {
    uint64_t type = (uint64_t)c->ethertype << 16;
    if (c->mac_count == 0) {
        out->swapped = 0;
        out->key = (struct fb_flow_key){{0, (uint64_t)link, 0, 0, type | FB_KEY_NONE}};
        return;
    }
    const uint8_t *macs = c->bytes + c->mac_off;
    bool pair = c->mac_count == 2;
    uint64_t low = load_be48(pair ? macs + MAC_BYTES : macs);
    uint64_t high = pair ? load_be48(macs) : 0;
    unsigned swapped = low > high;
    order(&low, &high, 0 - (uint64_t)swapped);
    out->swapped = (uint8_t)swapped;
    out->key = (struct fb_flow_key){{0, low, 0, high, type | FB_KEY_MAC}};
}

static void find_key(const struct cursor *c, enum link_layer link, struct decoded *out) {
    uint32_t ports = (uint32_t)c->sport << 16 | c->dport;
    if (c->kind == FB_KEY_IP4)
        key_ip4(c->bytes + c->l3_off, ports, c->proto, out);
    else if (c->kind == FB_KEY_IP6)
        key_ip6(c->bytes + c->l3_off, ports, c->proto, out);
    else
        key_link(c, link, out);
}

/* ---- the long way and the short one ---- */

static uint16_t flags_of(const struct cursor *c) {
    static const uint64_t sound = 1u << FB_DECODE_OK | 1u << FB_DECODE_NON_IP |
                                  1u << FB_DECODE_FRAGMENT_FIRST | 1u << FB_DECODE_FRAGMENT_LATER |
                                  1u << FB_DECODE_NO_NEXT_HEADER;
    _Static_assert(FB_DECODE_COUNT <= 64, "one bit a reason");
    uint64_t malformed = ~(sound >> c->reason) & 1u;
    return (uint16_t)(c->fragment * FB_F_FRAGMENT + malformed * FB_F_MALFORMED);
}

static void report(const struct cursor *c, struct decoded *out) {
    uint32_t packet_end = c->announced != 0 ? c->announced : c->caplen;
    out->payload_len = c->payload_off == FB_NO_OFFSET ? 0 : packet_end - c->payload_off;
    out->l3_off = c->l3_off;
    out->l4_off = c->l4_off;
    out->payload_off = c->payload_off;
    out->flags = flags_of(c);
    out->proto = c->proto;
    out->tcp_flags = c->tcp_flags;
    out->reason = c->reason;
}

static enum layer step(struct cursor *c, enum layer layer) {
    switch (layer) {
    case LAYER_ETHERNET:
        return decode_ethernet(c);
    case LAYER_VLAN:
        return decode_vlan(c);
    case LAYER_LLC:
        return decode_llc(c);
    case LAYER_SLL:
        return decode_sll(c);
    case LAYER_SLL2:
        return decode_sll2(c);
    case LAYER_NULL:
        return decode_null_family(c);
    case LAYER_LOOP:
        return decode_loop_family(c);
    case LAYER_PPP:
        return decode_ppp(c);
    case LAYER_HDLC:
        return decode_hdlc(c);
    case LAYER_FRAME_RELAY:
        return decode_frame_relay(c);
    case LAYER_IP:
        return ip(c);
    case LAYER_IP6_EXTENSION:
        return ip6_extension(c);
    case LAYER_IP6_FRAGMENT:
        return ip6_fragment(c);
    case LAYER_AUTHENTICATION:
        return authentication(c);
    case LAYER_TCP:
        return tcp(c);
    case LAYER_UDP:
        return udp(c);
    case LAYER_UDP_LITE:
        return udp_lite(c);
    case LAYER_SCTP:
        return sctp(c);
    case LAYER_DCCP:
        return dccp(c);
    case LAYER_ICMP:
        return icmp(c);
    case LAYER_DONE:
        break;
    }
    return LAYER_DONE;
}

static void decode_by_layers(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                             struct decoded *out) {
    static const uint8_t first[LINK_COUNT] = {
        [LINK_UNKNOWN] = LAYER_DONE, [LINK_ETHERNET] = LAYER_ETHERNET,
        [LINK_SLL] = LAYER_SLL,      [LINK_SLL2] = LAYER_SLL2,
        [LINK_RAW] = LAYER_IP,       [LINK_IPV4] = LAYER_IP,
        [LINK_IPV6] = LAYER_IP,      [LINK_NULL] = LAYER_NULL,
        [LINK_LOOP] = LAYER_LOOP,    [LINK_PPP] = LAYER_PPP,
        [LINK_HDLC] = LAYER_HDLC,    [LINK_FRAME_RELAY] = LAYER_FRAME_RELAY,
    };
    struct cursor c = {
        .bytes = bytes,
        .end = caplen < FB_NO_OFFSET ? caplen : FB_NO_OFFSET - 1u,
        .caplen = caplen,
        .l3_off = FB_NO_OFFSET,
        .l4_off = FB_NO_OFFSET,
        .payload_off = FB_NO_OFFSET,
        .reason = link == LINK_UNKNOWN ? FB_DECODE_NON_IP : FB_DECODE_OK,
    };
    enum layer layer = (enum layer)first[link];
    while (layer != LAYER_DONE)
        layer = step(&c, layer);
    find_key(&c, link, out);
    report(&c, out);
}

/*
 * TCP or UDP at `l4`, captured as far as TCP's flags, in a packet of
 * `segment` bytes from there on. True if all is sound and out is filled but for
 * the key. Without a branch on the protocol: it changes from packet to packet.
 */
static inline bool plain_transport(const uint8_t *bytes, uint32_t caplen, uint32_t l4,
                                   uint8_t proto, uint32_t segment, struct decoded *out) {
    const uint8_t *h = bytes + l4;
    bool is_tcp = proto == PROTO_TCP;
    uint32_t tcp_header = (h[12] >> 4) * 4u;
    uint32_t header = is_tcp ? tcp_header : UDP_BYTES;
    uint32_t length = is_tcp ? tcp_header : load_be16(h + 4);
    uint32_t least = is_tcp ? TCP_BYTES : UDP_BYTES;
    bool sound = (is_tcp | (proto == PROTO_UDP)) & (length >= least) & (length <= segment) &
                 (l4 + header <= caplen);
    if (!sound)
        return false;
    out->payload_len = segment - header;
    out->l3_off = ETHERNET_BYTES;
    out->l4_off = (uint16_t)l4;
    out->payload_off = (uint16_t)(l4 + header);
    out->flags = 0;
    out->proto = proto;
    out->tcp_flags = is_tcp ? h[TCP_FLAGS_END - 1] : 0;
    out->reason = FB_DECODE_OK;
    return true;
}

/*
 * The short way for the common frame: whole TCP or UDP in IPv4 without options,
 * or IPv6 without extensions, straight on Ethernet. It says what the layers
 * would say (a test compares them) in 8 instead of 17 ns, or returns false.
 */
static inline bool decode_plain(const uint8_t *bytes, uint32_t caplen, struct decoded *out) {
    enum {
        L4_IP4 = ETHERNET_BYTES + IP4_BYTES,
        L4_IP6 = ETHERNET_BYTES + IP6_BYTES,
        IP4_PLAIN = 0x45, /* version 4, 5 words */
    };
    if (caplen < L4_IP4 + TCP_FLAGS_END)
        return false;
    const uint8_t *ip = bytes + ETHERNET_BYTES;
    uint16_t type = load_be16(bytes + 2 * MAC_BYTES);
    if (type == ETHERTYPE_IP4) {
        uint32_t total = load_be16(ip + 2);
        bool plain =
            (ip[0] == IP4_PLAIN) & ((load_be16(ip + 6) & 0x3fffu) == 0) & (total >= IP4_BYTES);
        if (!plain || !plain_transport(bytes, caplen, L4_IP4, ip[9], total - IP4_BYTES, out))
            return false;
        key_ip4(ip, load_be32(bytes + L4_IP4), ip[9], out);
        return true;
    }
    if (type == ETHERTYPE_IP6 && caplen >= L4_IP6 + TCP_FLAGS_END && ip[0] >> 4 == 6) {
        if (!plain_transport(bytes, caplen, L4_IP6, ip[6], load_be16(ip + 4), out))
            return false;
        key_ip6(ip, load_be32(bytes + L4_IP6), ip[6], out);
        return true;
    }
    return false;
}

void decode(const uint8_t *bytes, uint32_t caplen, enum link_layer link, struct decoded *out) {
    if (link == LINK_ETHERNET && decode_plain(bytes, caplen, out))
        return;
    decode_by_layers(bytes, caplen, link, out);
}
