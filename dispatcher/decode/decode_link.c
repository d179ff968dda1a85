/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

#define ETHERTYPE_ARP 0x0806u
/* Below this the field is a length (IEEE 802.3 clause 3.2.6). */
#define ETHERTYPE_MIN 1536u
#define LLC_LENGTH_MAX 1500u
/* Linux's number for 802.2 frames (linux/if_ether.h), also in cooked headers: one key for all LLC.
 */
#define ETHERTYPE_802_2 0x0004u

/* Header lengths in bytes. */
#define SNAP_BYTES 8u
#define SLL_BYTES 16u
#define SLL2_BYTES 20u
#define FAMILY_BYTES 4u
#define HDLC_BYTES 4u

const uint8_t link_skips[LINK_COUNT] = {
#define SKIP(link, function, bytes, ...) [link] = bytes,
    DECODE_LINKS(SKIP)
#undef SKIP
};

bool link_layer_of(int dlt, enum link_layer *link) {
    static const int16_t known[LINK_COUNT][5] = {
#define TYPES(link, function, bytes, ...) [link] = {__VA_ARGS__, -1},
        DECODE_LINKS(TYPES)
#undef TYPES
    };
    *link = LINK_UNKNOWN;
    for (unsigned i = 0; i < LINK_COUNT; i++) {
        for (const int16_t *type = known[i]; *type != -1; type++) {
            if (*type == dlt)
                *link = (enum link_layer)i;
        }
    }
    return *link != LINK_UNKNOWN;
}

enum layer decode_unknown_link(struct cursor *c) {
    return stop(c, FB_DECODE_NON_IP);
}

/* Headers that name a link type are not followed into each other: there would be no bound. */
enum layer layer_of_link_type(struct cursor *c, uint32_t dlt) {
    enum link_layer link;
    if (dlt > UINT16_MAX || !link_layer_of((int)dlt, &link) || link == LINK_PPI ||
        link == LINK_PKTAP)
        return stop(c, FB_DECODE_NON_IP);
    if (!has_bytes(c, link_skips[link]))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += link_skips[link];
    return layer_of_link(link);
}

enum layer layer_of_known_type(uint16_t type) {
    switch (type) {
#define HEADER(number, name, function)                                                             \
    case number:                                                                                   \
        return LAYER_##name;
#define TAG(number, name, function, bytes)                                                         \
    case number:                                                                                   \
        return LAYER_##name;
#define SAME(number, name)                                                                         \
    case number:                                                                                   \
        return LAYER_##name;
        DECODE_ETHERTYPES(HEADER, SAME)
        DECODE_TAGS(TAG)
#undef HEADER
#undef TAG
#undef SAME
    default:
        return LAYER_DONE;
    }
}

enum layer layer_of_ethertype(struct cursor *c, uint16_t type) {
    enum layer known = layer_of_known_type(type);
    c->ethertype = type;
    return known != LAYER_DONE ? known : stop(c, FB_DECODE_NON_IP);
}

enum layer layer_of_type_or_length(struct cursor *c, uint16_t type) {
    if (type >= ETHERTYPE_MIN)
        return layer_of_ethertype(c, type);
    if (type <= LLC_LENGTH_MAX)
        limit(c, type); /* what follows is padding */
    return LAYER_LLC;
}

/* RFC 1042: 802.2 with unnumbered information, and vendor 0, which says that a type follows. */
static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00};

/* Whether a type that is decoded, or ARP, follows behind SNAP. */
static bool is_plausible_snap(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + SNAP_BYTES + 1) || memcmp(cur(c) + at, snap, sizeof snap) != 0)
        return false;
    uint16_t type = load_be16(cur(c) + at + sizeof snap);
    return type == ETHERTYPE_ARP || layer_of_known_type(type) != LAYER_DONE;
}

bool is_plausible_ethernet(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + ETHERNET_BYTES + 1))
        return false;
    const uint8_t *h = cur(c) + at;
    uint16_t type = load_be16(h + 2 * MAC_BYTES);
    if (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6)
        return h[ETHERNET_BYTES] >> 4 == (type == ETHERTYPE_IP4 ? 4 : 6) &&
               is_plausible_ip(c, at + ETHERNET_BYTES);
    if (type <= LLC_LENGTH_MAX)
        return is_plausible_snap(c, at + ETHERNET_BYTES);
    return type == ETHERTYPE_ARP || layer_of_known_type(type) != LAYER_DONE;
}

/* IEEE 802.3 clause 3. */
enum layer decode_ethernet(struct cursor *c) {
    if (!has_bytes(c, ETHERNET_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint16_t type = load_be16(cur(c) + 2 * MAC_BYTES);
    c->mac_off = c->off;
    c->mac_count = 2;
    c->off += ETHERNET_BYTES;
    return layer_of_type_or_length(c, type);
}

/* IEEE 802.2: behind SNAP with vendor 0 there is an ethertype; all else counts as one protocol. */
enum layer decode_llc(struct cursor *c) {
    c->ethertype = ETHERTYPE_802_2;
    if (!has_bytes(c, SNAP_BYTES) || memcmp(cur(c), snap, sizeof snap) != 0)
        return stop(c, FB_DECODE_NON_IP);
    uint16_t type = load_be16(cur(c) + sizeof snap);
    c->off += SNAP_BYTES;
    return layer_of_ethertype(c, type);
}

/* Hardware types whose cooked protocol field is no ethertype (LINKTYPE_LINUX_SLL; linux/if_arp.h).
 */
static bool is_cooked_without_ethertype(uint16_t hardware) {
    return hardware == 770 /* FRAD */ || hardware == 801 /* 802.11 */ || hardware == 802 ||
           hardware == 803 /* radiotap */ || hardware == 824 /* netlink */;
}

static enum layer layer_of_cooked(struct cursor *c, uint16_t hardware, uint16_t type) {
    c->mac_count = 1;
    c->ethertype = type;
    if (is_cooked_without_ethertype(hardware))
        return stop(c, FB_DECODE_NON_IP);
    return type == ETHERTYPE_802_2 ? LAYER_LLC : layer_of_ethertype(c, type);
}

/* LINKTYPE_LINUX_SLL: packet type, hardware, address length, address (8), protocol. */
enum layer decode_sll(struct cursor *c) {
    if (!has_bytes(c, SLL_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    c->mac_off = c->off + 6;
    c->off += SLL_BYTES;
    return layer_of_cooked(c, load_be16(h + 2), load_be16(h + 14));
}

/* LINKTYPE_LINUX_SLL2: protocol, reserved, interface (4), hardware, packet type, length, address.
 */
enum layer decode_sll2(struct cursor *c) {
    if (!has_bytes(c, SLL2_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    c->mac_off = c->off + 12;
    c->off += SLL2_BYTES;
    return layer_of_cooked(c, load_be16(h + 8), load_be16(h));
}

enum layer layer_of_family(struct cursor *c, uint32_t family) {
    switch (family) {
    case 2:  /* AF_INET everywhere */
    case 10: /* AF_INET6: Linux */
    case 24: /* NetBSD, OpenBSD */
    case 26: /* Solaris */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return LAYER_IP;
    default:
        c->ethertype = (uint16_t)family;
        return stop(c, FB_DECODE_NON_IP);
    }
}

/* LINKTYPE_NULL. */
enum layer decode_null_family(struct cursor *c) {
    if (!has_bytes(c, FAMILY_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t family = load_family(cur(c));
    c->off += FAMILY_BYTES;
    return layer_of_family(c, family);
}

/* LINKTYPE_LOOP. */
enum layer decode_loop_family(struct cursor *c) {
    if (!has_bytes(c, FAMILY_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint32_t family = load_be32(cur(c));
    c->off += FAMILY_BYTES;
    return layer_of_family(c, family);
}

/* LINKTYPE_C_HDLC: address, control, ethertype. */
enum layer decode_hdlc(struct cursor *c) {
    if (!has_bytes(c, HDLC_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    uint16_t type = load_be16(cur(c) + 2);
    c->off += HDLC_BYTES;
    return layer_of_ethertype(c, type);
}

/* Q.922 address of 2 to 4 bytes, the last with its low bit set; then RFC 2427, or an ethertype. */
enum layer decode_frame_relay(struct cursor *c) {
    uint32_t address = 1;
    while (address <= 4 && has_bytes(c, address) && !(cur(c)[address - 1] & 1))
        address++;
    if (address > 4 || !has_bytes(c, address + 2))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += address;
    if (cur(c)[0] != 0x03) { /* no unnumbered information: Cisco's encapsulation */
        uint16_t type = load_be16(cur(c));
        c->off += 2;
        return layer_of_ethertype(c, type);
    }
    c->off += cur(c)[1] == 0 && has_bytes(c, 3) ? 2 : 1; /* one byte of padding before SNAP */
    c->ethertype = cur(c)[0];
    c->off += 1;
    switch (c->ethertype) { /* network layer protocol identifier, ISO/IEC TR 9577 */
    case 0xcc:              /* IPv4 */
    case 0x8e:              /* IPv6 */
        return LAYER_IP;
    case 0x80: /* SNAP: vendor, ethertype */
        if (has_bytes(c, 5) && (load_be32(cur(c)) >> 8) == 0) {
            c->off += 5;
            return layer_of_ethertype(c, load_be16(cur(c) - 2));
        }
        return stop(c, FB_DECODE_NON_IP);
    default:
        return stop(c, FB_DECODE_NON_IP);
    }
}
