/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* IEEE 802 numbers registry. Below 1536 the field is a length (IEEE 802.3 clause 3.2.6). */
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_QINQ 0x88a8u      /* IEEE 802.1ad */
#define ETHERTYPE_QINQ_9100 0x9100u /* before 802.1ad, by usage */
#define ETHERTYPE_QINQ_9200 0x9200u
#define ETHERTYPE_SERVICE 0x88e7u /* 802.1ah */
#define ETHERTYPE_PORT 0x893fu    /* 802.1BR */
#define ETHERTYPE_VN 0x8926u      /* before 802.1BR, by usage */
#define ETHERTYPE_CISCO_METADATA 0x8909u
#define ETHERTYPE_SERVICE_CHAIN 0x894fu /* NSH, RFC 8300 */
#define ETHERTYPE_MPLS 0x8847u
#define ETHERTYPE_MPLS_UPSTREAM 0x8848u
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

/* Numbers of the DLT_ list of libpcap (pcap/dlt.h, tcpdump.org/linktypes.html). */
static const struct {
    uint16_t dlt;
    uint8_t link; /* enum link_layer */
} known[] = {
    {0, LINK_NULL},
    {1, LINK_ETHERNET},
    {6, LINK_TOKEN_RING},
    {8, LINK_SLIP},
    {9, LINK_PPP},
    {10, LINK_FDDI},
    {11, LINK_ATM},
    {12, LINK_RAW}, /* on most systems */
    {14, LINK_RAW}, /* OpenBSD */
    {50, LINK_PPP}, /* serial line */
    {51, LINK_PPP_ETHER},
    {101, LINK_RAW}, /* in files; libpcap maps it to the system's own */
    {104, LINK_HDLC},
    {105, LINK_WIFI},
    {107, LINK_FRAME_RELAY},
    {108, LINK_LOOP},
    {109, LINK_ENC},
    {113, LINK_SLL},
    {117, LINK_PFLOG},
    {119, LINK_PRISM},
    {122, LINK_FIBRE_CHANNEL},
    {127, LINK_RADIOTAP},
    {138, LINK_FIREWIRE},
    {163, LINK_AVS},
    {166, LINK_PPP_PPPD},
    {192, LINK_PPI},
    {197, LINK_ERF},
    {204, LINK_PPP_DIRECTION},
    {205, LINK_HDLC_DIRECTION},
    {206, LINK_FRAME_RELAY_DIRECTION},
    {219, LINK_MPLS},
    {226, LINK_IPNET},
    {228, LINK_IPV4},
    {229, LINK_IPV6},
    {239, LINK_NFLOG},
    {240, LINK_NETANALYZER},
    {241, LINK_NETANALYZER}, /* transparent, as each frame says */
    {242, LINK_INFINIBAND},
    {258, LINK_PKTAP},
    {259, LINK_EPON},
    {274, LINK_MPACKET},
    {276, LINK_SLL2},
    {281, LINK_SWITCH_TAG_4}, /* Broadcom */
    {282, LINK_SWITCH_PREPENDED},
    {284, LINK_SWITCH_TAG_4}, /* Marvell */
    {285, LINK_SWITCH_TAG_8},
};

const struct link_start link_starts[LINK_COUNT] = {
    [LINK_UNKNOWN] = {LAYER_DONE, 0},
    [LINK_ETHERNET] = {LAYER_ETHERNET, 0},
    [LINK_SLL] = {LAYER_SLL, 0},
    [LINK_SLL2] = {LAYER_SLL2, 0},
    [LINK_RAW] = {LAYER_IP, 0},
    [LINK_IPV4] = {LAYER_IP, 0},
    [LINK_IPV6] = {LAYER_IP, 0},
    [LINK_NULL] = {LAYER_NULL, 0},
    [LINK_LOOP] = {LAYER_LOOP, 0},
    [LINK_PPP] = {LAYER_PPP_LINK, 0},
    [LINK_HDLC] = {LAYER_HDLC, 0},
    [LINK_FRAME_RELAY] = {LAYER_FRAME_RELAY, 0},
    [LINK_WIFI] = {LAYER_WIFI, 0},
    [LINK_RADIOTAP] = {LAYER_RADIOTAP, 0},
    [LINK_PPI] = {LAYER_PPI, 0},
    [LINK_PPP_ETHER] = {LAYER_PPP_ETHER, 0},
    [LINK_PPP_PPPD] = {LAYER_PPP_PPPD, 0},
    [LINK_PPP_DIRECTION] = {LAYER_PPP_LINK, 1},
    [LINK_HDLC_DIRECTION] = {LAYER_HDLC, 1},
    [LINK_FRAME_RELAY_DIRECTION] = {LAYER_FRAME_RELAY, 1},
    [LINK_SLIP] = {LAYER_IP, 16},
    [LINK_MPLS] = {LAYER_MPLS, 0},
    [LINK_TOKEN_RING] = {LAYER_TOKEN_RING, 0},
    [LINK_FDDI] = {LAYER_FDDI, 0},
    [LINK_ATM] = {LAYER_LLC, 0},
    [LINK_FIBRE_CHANNEL] = {LAYER_LLC, 16}, /* RFC 4338: two port names */
    [LINK_FIREWIRE] = {LAYER_FIREWIRE, 0},
    [LINK_INFINIBAND] = {LAYER_INFINIBAND, 0},
    [LINK_PRISM] = {LAYER_PRISM, 0},
    [LINK_AVS] = {LAYER_AVS, 0},
    [LINK_SWITCH_TAG_4] = {LAYER_SWITCH_TAG_4, 0},
    [LINK_SWITCH_TAG_8] = {LAYER_SWITCH_TAG_8, 0},
    [LINK_SWITCH_PREPENDED] = {LAYER_ETHERNET, 4},
    [LINK_EPON] = {LAYER_ETHERNET, 8}, /* the preamble */
    [LINK_MPACKET] = {LAYER_MPACKET, 0},
    [LINK_NETANALYZER] = {LAYER_NETANALYZER, 0},
    [LINK_ENC] = {LAYER_ENC, 0},
    [LINK_PFLOG] = {LAYER_PFLOG, 0},
    [LINK_IPNET] = {LAYER_IPNET, 0},
    [LINK_NFLOG] = {LAYER_NFLOG, 0},
    [LINK_PKTAP] = {LAYER_PKTAP, 0},
    [LINK_ERF] = {LAYER_ERF, 0},
};

bool link_layer_of(int dlt, enum link_layer *link) {
    *link = LINK_UNKNOWN;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].dlt == dlt)
            *link = (enum link_layer)known[i].link;
    }
    return *link != LINK_UNKNOWN;
}

/* Headers that name a link type are not looked for within each other: that would have no bound. */
enum layer decode_link_within(struct cursor *c, uint32_t dlt) {
    enum link_layer link;
    if (dlt > UINT16_MAX || !link_layer_of((int)dlt, &link) || link == LINK_PPI ||
        link == LINK_PKTAP)
        return stop(c, FB_DECODE_NON_IP);
    if (!has_bytes(c, link_starts[link].skip))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += link_starts[link].skip;
    return (enum layer)link_starts[link].layer;
}

enum layer known_layer(uint16_t type) {
    switch (type) {
    case ETHERTYPE_IP4:
    case ETHERTYPE_IP6:
        return LAYER_IP;
    case ETHERTYPE_VLAN:
    case ETHERTYPE_QINQ:
    case ETHERTYPE_QINQ_9100:
    case ETHERTYPE_QINQ_9200:
        return LAYER_VLAN;
    case ETHERTYPE_SERVICE:
        return LAYER_SERVICE_TAG;
    case ETHERTYPE_PORT:
        return LAYER_PORT_TAG;
    case ETHERTYPE_VN:
        return LAYER_VN_TAG;
    case ETHERTYPE_CISCO_METADATA:
        return LAYER_CISCO_METADATA;
    case ETHERTYPE_SERVICE_CHAIN:
        return LAYER_SERVICE_CHAIN;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_UPSTREAM:
        return LAYER_MPLS;
    case ETHERTYPE_PPPOE:
        return LAYER_PPPOE;
    default:
        return LAYER_DONE;
    }
}

enum layer layer_of_ethertype(struct cursor *c, uint16_t type) {
    enum layer layer = known_layer(type);
    c->ethertype = type;
    return layer != LAYER_DONE ? layer : stop(c, FB_DECODE_NON_IP);
}

enum layer layer_of_type_or_length(struct cursor *c, uint16_t type) {
    if (type >= ETHERTYPE_MIN)
        return layer_of_ethertype(c, type);
    if (type <= LLC_LENGTH_MAX)
        limit(c, type); /* what follows is padding */
    return LAYER_LLC;
}

bool ethernet_plausible(const struct cursor *c, uint32_t at) {
    if (!has_bytes(c, at + ETHERNET_BYTES + 1))
        return false;
    const uint8_t *h = cur(c) + at;
    uint16_t type = load_be16(h + 2 * MAC_BYTES);
    if (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6)
        return h[ETHERNET_BYTES] >> 4 == (type == ETHERTYPE_IP4 ? 4 : 6) &&
               ip_plausible(c, at + ETHERNET_BYTES);
    return type == ETHERTYPE_ARP || known_layer(type) != LAYER_DONE;
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

/* IEEE 802.2, RFC 1042: with SNAP and no vendor an ethertype follows; all else is one protocol. */
enum layer decode_llc(struct cursor *c) {
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00};
    c->ethertype = ETHERTYPE_802_2;
    if (!has_bytes(c, SNAP_BYTES) || memcmp(cur(c), snap, sizeof snap) != 0)
        return stop(c, FB_DECODE_NON_IP);
    uint16_t type = load_be16(cur(c) + sizeof snap);
    c->off += SNAP_BYTES;
    return layer_of_ethertype(c, type);
}

/* Hardware types whose cooked protocol field is no ethertype (LINKTYPE_LINUX_SLL; linux/if_arp.h).
 */
static bool cooked_without_ethertype(uint16_t hardware) {
    return hardware == 770 /* FRAD */ || hardware == 801 /* 802.11 */ || hardware == 802 ||
           hardware == 803 /* radiotap */ || hardware == 824 /* netlink */;
}

static enum layer cooked(struct cursor *c, uint16_t hardware, uint16_t type) {
    c->mac_count = 1;
    c->ethertype = type;
    if (cooked_without_ethertype(hardware))
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
    return cooked(c, load_be16(h + 2), load_be16(h + 14));
}

/* LINKTYPE_LINUX_SLL2: protocol, reserved, interface (4), hardware, packet type, length, address.
 */
enum layer decode_sll2(struct cursor *c) {
    if (!has_bytes(c, SLL2_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    c->mac_off = c->off + 12;
    c->off += SLL2_BYTES;
    return cooked(c, load_be16(h + 8), load_be16(h));
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
