/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* ---- the key ---- */

/* Exchanges a and b if `swap` is all ones. Without a branch: the direction of a packet is random,
 * and a branch on it would be mispredicted half of the time. */
static inline void swap_if(uint64_t *a, uint64_t *b, uint64_t swap) {
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
    swap_if(&low, &high, 0 - (uint64_t)swapped);
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
    swap_if(&key.word[0], &key.word[2], swap);
    swap_if(&key.word[1], &key.word[3], swap);
    swap_if(&low_port, &high_port, swap);
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
    swap_if(&low, &high, 0 - (uint64_t)swapped);
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
    if (c->ids != 0)
        decode_put_ids(c, &out->key);
}

/* ---- slow path: one header after the other ---- */

static uint16_t flags_of(const struct cursor *c) {
    static const uint64_t sound = 1u << FB_DECODE_OK | 1u << FB_DECODE_NON_IP |
                                  1u << FB_DECODE_FRAGMENT_FIRST | 1u << FB_DECODE_FRAGMENT_LATER |
                                  1u << FB_DECODE_NO_NEXT_HEADER | 1u << FB_DECODE_TUNNEL_NON_IP |
                                  1u << FB_DECODE_ICMP_ERROR;
    _Static_assert(FB_DECODE_COUNT <= 64, "one bit a reason");
    uint64_t malformed = ~(sound >> c->reason) & 1u;
    uint64_t tunnel = c->tunnels != 0;
    return (uint16_t)(c->fragment * FB_F_FRAGMENT + tunnel * FB_F_TUNNEL +
                      malformed * FB_F_MALFORMED);
}

static void fill_decoded(const struct cursor *c, struct decoded *out) {
    uint32_t packet_end = c->ip_end != 0 ? c->ip_end : c->caplen;
    out->payload_len = c->payload_off == FB_NO_OFFSET ? 0 : packet_end - c->payload_off;
    out->l3_off = c->l3_off;
    out->l4_off = c->l4_off;
    out->payload_off = c->payload_off;
    out->flags = flags_of(c);
    out->proto = c->proto;
    out->tcp_flags = c->tcp_flags;
    out->reason = c->reason;
    if (c->fragment) {
        out->fragment_off = c->fragment_off;
        out->fragment_extension_off = c->fragment_extension_off;
        out->fragment_scope = c->cold->fragment_scope;
    }
}

#define LINK(link, function, ...) [LAYER_##link] = function,
#define HEADER(number, name, function) [LAYER_##name] = function,
#define TAG(number, name, function, bytes) [LAYER_##name] = function,
#define OTHER(name, function) [LAYER_##name] = function,
#define SAME(number, name)
static enum layer (*const layer_decoders[LAYER_COUNT])(struct cursor *) = {
    DECODE_LAYERS(LINK, HEADER, TAG, OTHER, SAME)};
#undef LINK
#undef HEADER
#undef TAG
#undef OTHER
#undef SAME

/* From the first header to the last. The caller has set what it goes by: options, cold, quoting. */
static inline __attribute__((always_inline)) void walk(struct cursor *c, const uint8_t *bytes,
                                                       uint32_t caplen, enum link_layer link) {
    c->bytes = bytes;
    c->caplen = caplen;
    c->end = caplen < FB_NO_OFFSET ? caplen : FB_NO_OFFSET - 1u;
    c->l3_off = c->l4_off = c->payload_off = FB_NO_OFFSET;
    c->reason = FB_DECODE_OK;
    enum layer layer = layer_of_link(link);
    if (__builtin_expect(c->end < link_skips[link], 0))
        layer = stop(c, FB_DECODE_LINK_SHORT);
    else
        c->off = link_skips[link];
    while (layer != LAYER_DONE)
        layer = layer_decoders[layer](c);
    decode_unwind_tunnel(c);
}

/* Returns whether there is an IP header, when quoting one in the quote. */
static inline __attribute__((always_inline)) bool
decode_layers(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
              const struct decode_options *options, bool quoting, struct decoded *out) {
    struct cold cold;
    struct cursor c = {.options = options, .cold = &cold, .quoting = quoting};
    walk(&c, bytes, caplen, link);
    bool found = c.ip_found && !c.quoting;
    find_key(&c, link, out);
    fill_decoded(&c, out);
    return found;
}

/* Not inlined: the fast path behind a tag then stays small. */
static __attribute__((noinline)) void decode_by_layers(const uint8_t *bytes, uint32_t caplen,
                                                       enum link_layer link,
                                                       const struct decode_options *options,
                                                       struct decoded *out) {
    decode_layers(bytes, caplen, link, options, false, out);
}

bool decode_quoted(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                   const struct decode_options *options, struct decoded *out) {
    return decode_layers(bytes, caplen, link, options, true, out);
}

/* As the caller's options have it, but with every id noted that is not in a tunnel left shut. */
void decode_ids(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                const struct decode_options *options, struct decoded_ids *out) {
    struct collector collector = {.asked = options};
    struct decode_options noting = *options;
    noting.collector = &collector;
    noting.key_vlan = true;
    noting.key_tunnel = options->key_tunnel || !options->outer;
    struct cold cold;
    struct cursor c = {.options = &noting, .cold = &cold};
    walk(&c, bytes, caplen, link);
    decode_collected(&c, out);
}

/* ---- fast path: plain TCP and UDP ---- */

/* What the fast path has made of a frame: it is filled, or is for the slow path, or is UDP with a
 * port near one of a tunnel, so that the port has to be looked up. */
enum plain { PLAIN, PLAIN_NOT, PLAIN_NEAR };

/* From the ports of UDP on. */
static bool has_tunnel_port(const struct decode_ports *ports, const uint8_t *l4) {
    return tunnel_of_port(ports, load_be16(l4)) != DECODE_TUNNEL_COUNT ||
           tunnel_of_port(ports, load_be16(l4 + 2)) != DECODE_TUNNEL_COUNT;
}

/*
 * Whether this is UDP to or from a port that has the upper byte of one of a tunnel: so
 * nearly all ports are ruled out, without a branch on the protocol: it changes from
 * packet to packet.
 */
static inline bool is_near_tunnel(const struct decode_ports *ports, const uint8_t *l4,
                                  uint8_t proto) {
    return (ports->near[l4[0]] | ports->near[l4[2]]) & (proto == PROTO_UDP);
}

/*
 * TCP or UDP at `l4`, captured at least as far as TCP's flags, in a packet of `segment`
 * bytes from there on. Returns PLAIN if all is sound, and has then filled *out except
 * for the key. Without a branch on the protocol: it changes from packet to packet.
 */
static inline __attribute__((always_inline)) enum plain
plain_transport(const uint8_t *bytes, uint32_t caplen, uint32_t l4, uint8_t proto, uint32_t segment,
                const struct decode_options *options, bool exact, struct decoded *out) {
    const uint8_t *h = bytes + l4;
    bool is_tcp = proto == PROTO_TCP;
    uint32_t tcp_header = (h[12] >> 4) * 4u;
    uint32_t header = is_tcp ? tcp_header : UDP_BYTES;
    uint32_t length = is_tcp ? tcp_header : load_be16(h + 4);
    uint32_t least = is_tcp ? TCP_BYTES : UDP_BYTES;
    bool sound = (is_tcp | (proto == PROTO_UDP)) & (length >= least) & (length <= segment) &
                 (l4 + header <= caplen);
    if (!sound)
        return PLAIN_NOT;
    if (__builtin_expect(is_near_tunnel(options->ports, h, proto), 0) &&
        (!exact || has_tunnel_port(options->ports, h)))
        return exact ? PLAIN_NOT : PLAIN_NEAR;
    out->payload_len = segment - header;
    out->l4_off = (uint16_t)l4;
    out->payload_off = (uint16_t)(l4 + header);
    out->flags = 0;
    out->proto = proto;
    out->tcp_flags = is_tcp ? h[TCP_FLAGS_END - 1] : 0;
    out->reason = FB_DECODE_OK;
    return PLAIN;
}

/*
 * The fast path, for the common packet: complete TCP or UDP in IPv4 without options, or
 * in IPv6 without extensions, not to or from a port of a tunnel; `l3` is its offset,
 * behind its ethertype. Gives what the slow path would give (a test compares them) in
 * 7 ns, behind a VLAN tag in 9 instead of 31. If `exact`, ports are looked up.
 */
static inline __attribute__((always_inline)) enum plain
decode_plain(const uint8_t *bytes, uint32_t caplen, uint32_t l3,
             const struct decode_options *options, bool exact, struct decoded *out) {
    enum { IP4_PLAIN = 0x45 }; /* version 4, 5 words */
    uint32_t l4_ip4 = l3 + IP4_BYTES;
    uint32_t l4_ip6 = l3 + IP6_BYTES;
    enum plain found = PLAIN_NOT;
    if (caplen < l4_ip4 + TCP_FLAGS_END)
        return found;
    const uint8_t *ip = bytes + l3;
    uint16_t type = load_be16(ip - 2);
    out->l3_off = (uint16_t)l3;
    if (type == ETHERTYPE_IP4) {
        uint32_t total = load_be16(ip + 2);
        bool plain =
            (ip[0] == IP4_PLAIN) & ((load_be16(ip + 6) & 0x3fffu) == 0) & (total >= IP4_BYTES);
        if (plain)
            found = plain_transport(bytes, caplen, l4_ip4, ip[9], total - IP4_BYTES, options, exact,
                                    out);
        if (found == PLAIN)
            key_ip4(ip, load_be32(bytes + l4_ip4), ip[9], out);
    } else if (type == ETHERTYPE_IP6 && caplen >= l4_ip6 + TCP_FLAGS_END && ip[0] >> 4 == 6) {
        found =
            plain_transport(bytes, caplen, l4_ip6, ip[6], load_be16(ip + 4), options, exact, out);
        if (found == PLAIN)
            key_ip6(ip, load_be32(bytes + l4_ip6), ip[6], out);
    }
    return found;
}

/* UDP near a tunnel. Not inlined: without a call in it the fast path saves no registers. */
static __attribute__((noinline)) void decode_near(const uint8_t *bytes, uint32_t caplen,
                                                  uint32_t l3, const struct decode_options *options,
                                                  struct decoded *out) {
    if (decode_plain(bytes, caplen, l3, options, true, out) != PLAIN)
        decode_by_layers(bytes, caplen, LINK_ETHERNET, options, out);
}

/* Behind one 802.1Q tag whose id is not part of the key. */
static enum plain decode_tagged(const uint8_t *bytes, uint32_t caplen,
                                const struct decode_options *options, struct decoded *out) {
    if (caplen < ETHERNET_BYTES || load_be16(bytes + 2 * MAC_BYTES) != ETHERTYPE_VLAN)
        return PLAIN_NOT;
    return decode_plain(bytes, caplen, ETHERNET_BYTES + VLAN_BYTES, options, false, out);
}

/* Not inlined: decode() then has no stack frame to set up (7.5 instead of 8.4 ns). */
static __attribute__((noinline)) void decode_other(const uint8_t *bytes, uint32_t caplen,
                                                   enum link_layer link,
                                                   const struct decode_options *options,
                                                   struct decoded *out) {
    enum plain found = PLAIN_NOT;
    if (link == LINK_ETHERNET && !options->key_vlan)
        found = decode_tagged(bytes, caplen, options, out);
    if (found == PLAIN_NOT)
        decode_by_layers(bytes, caplen, link, options, out);
    else if (found == PLAIN_NEAR)
        decode_near(bytes, caplen, ETHERNET_BYTES + VLAN_BYTES, options, out);
}

void decode(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
            const struct decode_options *options, struct decoded *out) {
    enum plain found = PLAIN_NOT;
    if (link == LINK_ETHERNET)
        found = decode_plain(bytes, caplen, ETHERNET_BYTES, options, false, out);
    if (found == PLAIN_NOT)
        decode_other(bytes, caplen, link, options, out);
    else if (found == PLAIN_NEAR)
        decode_near(bytes, caplen, ETHERNET_BYTES, options, out);
}
