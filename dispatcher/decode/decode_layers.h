/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_LAYERS_H
#define DISPATCHER_DECODE_DECODE_LAYERS_H

#include "dispatcher/decode/decode.h"
#include "dispatcher/decode/decode_load.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What the parts of the decoder share; nobody else includes it.
 *
 * One function per layer. Each is handed the cursor, proves with has_bytes() that
 * its header lies before `end`, notes what it found, moves `off` past the
 * header and returns the layer that follows. A tunnel is one more layer
 * function, and leaves through decode_enter(): the inner headers then overwrite
 * what the outer ones noted.
 */
enum layer {
    LAYER_DONE,
    LAYER_ETHERNET,
    LAYER_VLAN,
    LAYER_SERVICE_TAG,
    LAYER_PORT_TAG,
    LAYER_VN_TAG,
    LAYER_CISCO_METADATA,
    LAYER_SERVICE_CHAIN,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_LLC,
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_NULL,
    LAYER_LOOP,
    LAYER_PPP,
    LAYER_PPP_LINK,
    LAYER_PPP_PPPD,
    LAYER_PPP_ETHER,
    LAYER_HDLC,
    LAYER_FRAME_RELAY,
    LAYER_TOKEN_RING,
    LAYER_FDDI,
    LAYER_FIREWIRE,
    LAYER_INFINIBAND,
    LAYER_SWITCH_TAG_4,
    LAYER_SWITCH_TAG_8,
    LAYER_MPACKET,
    LAYER_WIFI,
    LAYER_RADIOTAP,
    LAYER_PRISM,
    LAYER_AVS,
    LAYER_PPI,
    LAYER_PKTAP,
    LAYER_NETANALYZER,
    LAYER_ENC,
    LAYER_PFLOG,
    LAYER_IPNET,
    LAYER_NFLOG,
    LAYER_ERF,
    LAYER_IP,
    LAYER_IP6_EXTENSION,
    LAYER_IP6_FRAGMENT,
    LAYER_AUTHENTICATION,
    LAYER_TCP,
    LAYER_UDP,
    LAYER_UDP_LITE,
    LAYER_SCTP,
    LAYER_DCCP,
    LAYER_ICMP,
    LAYER_IP4_IN_IP,
    LAYER_IP6_IN_IP,
    LAYER_MPLS_IN_IP,
    LAYER_GRE,
    LAYER_L2TP_IN_IP,
    LAYER_UDP_TUNNEL,
    LAYER_COUNT
};

/* Invariant: off <= end <= caplen and end < FB_NO_OFFSET, so that every offset fits 16 bits. */
struct cursor {
    const uint8_t *bytes;
    const struct decode_options *options;
    struct cold *cold;
    uint32_t ids;        /* in the digest of the ids */
    uint32_t tunnels;    /* entered */
    uint32_t off;        /* where the next header starts */
    uint32_t end;        /* headers end here: captured, and inside the packet by its IP length */
    uint32_t caplen;     /* bytes captured */
    uint32_t ip_end;     /* where the IP packet ends by its own length; 0: it does not say */
    uint32_t extensions; /* IPv6 extension and authentication headers so far */
    uint32_t mac_off;    /* first of mac_count MAC addresses */
    uint32_t mac_count;  /* 2: receiver, sender; 1: one of them; 0: none */
    uint16_t ethertype;
    uint16_t l3_off;
    uint16_t l4_off;
    uint16_t payload_off;
    uint16_t sport;
    uint16_t dport;
    uint8_t kind; /* enum fb_key_kind: FB_KEY_IP4 and FB_KEY_IP6 once the addresses are there */
    uint8_t proto;
    uint8_t tcp_flags;
    uint8_t reason;
    uint8_t fragment; /* 1: some fragment of a datagram */
    uint8_t quoting;  /* 1: to go on into what an ICMP error quotes */
    uint16_t fragment_off;
    uint16_t fragment_extension_off;
    uint8_t ip_found; /* 1: a sound IP header, since the innermost tunnel was entered */
};

/* What few frames need of a cursor: not zeroed for each one, which would take longer than the rest.
 */
struct cold {
    struct cursor outer; /* as it was before the innermost tunnel: to go back to */
    uint64_t sip[4];     /* state of the digest of the ids, if there are any */
    uint64_t sip_around[4];
    uint64_t fragment_scope; /* set where `fragment` is */
};

/* IEEE 802 numbers registry. */
#define ETHERTYPE_IP4 0x0800u
#define ETHERTYPE_IP6 0x86ddu
#define ETHERTYPE_VLAN 0x8100u
#define ETHERTYPE_BRIDGED 0x6558u /* Ethernet, in a tunnel */
#define ETHERTYPE_PPPOE_DISCOVERY 0x8863u
#define ETHERTYPE_PPPOE 0x8864u /* session */

#define ETHERNET_BYTES 14u
#define MAC_BYTES 6u
#define VLAN_BYTES 4u

/* IANA protocol numbers that more than one file needs; and the smallest legal header lengths. */
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define TCP_BYTES 20u
#define TCP_FLAGS_END 14u
#define UDP_BYTES 8u

/* The proof that every layer needs before it reads: n bytes are there. */
static inline bool has_bytes(const struct cursor *c, uint32_t n) {
    return c->end - c->off >= n;
}

static inline const uint8_t *cur(const struct cursor *c) {
    return c->bytes + c->off;
}

/* What is read of the frame ends n bytes from here, or earlier. */
static inline void limit(struct cursor *c, uint32_t n) {
    if (n < c->end - c->off)
        c->end = c->off + n;
}

static inline enum layer stop(struct cursor *c, enum fb_decode_reason reason) {
    c->reason = (uint8_t)reason;
    return LAYER_DONE;
}

/* What an id is of: equal numbers of two kinds are two ids. */
enum id_kind { ID_VLAN, ID_SERVICE, ID_PPPOE, ID_GRE_KEY, ID_ERSPAN, ID_VNI, ID_TEID, ID_L2TP };

/* A number for the ids so far that nobody can foretell, 0 if there are none. */
uint64_t decode_scope(const struct cursor *c);

/* The digest of the ids (SipHash-1-3, 128 bits), in decode_ids.c. */
void decode_add_id(struct cursor *c, enum id_kind kind, uint32_t id);
void decode_put_ids(const struct cursor *c, struct fb_flow_key *key);

static inline void note_vlan(struct cursor *c, enum id_kind kind, uint32_t id) {
    if (c->options->key_vlan)
        decode_add_id(c, kind, id);
}

static inline void note_tunnel(struct cursor *c, enum id_kind kind, uint32_t id) {
    if (c->options->key_tunnel)
        decode_add_id(c, kind, id);
}

/*
 * Tunnels, in decode_tunnel.c. decode_enter(): c->off is past the header of a
 * tunnel that lies in an IP packet; `layer` is what it carries. Returns it, or
 * LAYER_DONE if the tunnel is not to be opened. decode_unwind_tunnel(): after the last
 * layer; goes back to the header around a tunnel with nothing sound in it.
 */
enum layer decode_enter(struct cursor *c, enum layer layer);
void decode_unwind_tunnel(struct cursor *c);
enum layer decode_ip4_in_ip(struct cursor *c);
enum layer decode_ip6_in_ip(struct cursor *c);
enum layer decode_mpls_in_ip(struct cursor *c);
enum layer decode_gre(struct cursor *c);
enum layer decode_l2tp_in_ip(struct cursor *c);
/* From GRE's header, or L2TPv3's session, on: wherever it lies. */
enum layer decode_gre_header(struct cursor *c);
enum layer decode_l2tp_session(struct cursor *c);

/* What stands between a link layer and IP, in decode_tunnel_link.c. */
enum layer decode_vlan(struct cursor *c);
enum layer decode_service_tag(struct cursor *c);
enum layer decode_port_tag(struct cursor *c);
enum layer decode_vn_tag(struct cursor *c);
enum layer decode_cisco_metadata(struct cursor *c);
enum layer decode_service_chain(struct cursor *c);
enum layer decode_mpls(struct cursor *c);
enum layer decode_ppp(struct cursor *c);
enum layer decode_ppp_link(struct cursor *c);
enum layer decode_ppp_pppd(struct cursor *c);
enum layer decode_ppp_ether(struct cursor *c);
enum layer decode_pppoe(struct cursor *c);

/* The layer that an ethertype names, LAYER_DONE if it is not looked into. In decode_link.c. */
enum layer known_layer(uint16_t type);

/* The same, noted for the key; and behind MAC addresses and tags, where
 * the field may be the length of an 802.2 frame instead. In decode_link.c. */
enum layer layer_of_ethertype(struct cursor *c, uint16_t type);
enum layer layer_of_type_or_length(struct cursor *c, uint16_t type);

/* Whether what lies `at` bytes from here looks like an Ethernet frame of a protocol that is looked
 * into, or ARP: for where nothing says so. */
bool ethernet_plausible(const struct cursor *c, uint32_t at);
/* Whether an IP header may start there: version, and IPv4's lengths. In decode_ip.c. */
bool ip_plausible(const struct cursor *c, uint32_t at);

/* Tunnels over UDP, in decode_tunnel_udp.c; from UDP's header on, which is whole. */
enum layer decode_udp_tunnel(struct cursor *c);

/* Where a frame of a link layer begins: its first layer, behind bytes that say nothing. */
struct link_start {
    uint8_t layer; /* enum layer */
    uint8_t skip;
};
extern const struct link_start link_starts[LINK_COUNT]; /* in decode_link.c */

/* The first layer of a frame of a link type within this one, whose header is passed. */
enum layer decode_link_within(struct cursor *c, uint32_t dlt);

/* The layer that an address family names, of whichever system. */
enum layer layer_of_family(struct cursor *c, uint32_t family);

/* Link layers, in decode_link.c; contract as for every layer, above. */
enum layer decode_ethernet(struct cursor *c);
enum layer decode_llc(struct cursor *c);
enum layer decode_sll(struct cursor *c);
enum layer decode_sll2(struct cursor *c);
enum layer decode_null_family(struct cursor *c);
enum layer decode_loop_family(struct cursor *c);
enum layer decode_hdlc(struct cursor *c);
enum layer decode_frame_relay(struct cursor *c);

/* Wireless link layers, in decode_wifi.c. */
enum layer decode_wifi(struct cursor *c);
enum layer decode_radiotap(struct cursor *c);
enum layer decode_prism(struct cursor *c);
enum layer decode_avs(struct cursor *c);

/* Other networks, in decode_lan.c. */
enum layer decode_token_ring(struct cursor *c);
enum layer decode_fddi(struct cursor *c);
enum layer decode_firewire(struct cursor *c);
enum layer decode_infiniband(struct cursor *c);
enum layer decode_switch_tag_4(struct cursor *c);
enum layer decode_switch_tag_8(struct cursor *c);
enum layer decode_mpacket(struct cursor *c);

/* What a capturing system or device puts before a frame, in decode_pseudo.c. */
enum layer decode_ppi(struct cursor *c);
enum layer decode_pktap(struct cursor *c);
enum layer decode_netanalyzer(struct cursor *c);
enum layer decode_enc(struct cursor *c);
enum layer decode_pflog(struct cursor *c);
enum layer decode_ipnet(struct cursor *c);
enum layer decode_nflog(struct cursor *c);
enum layer decode_erf(struct cursor *c);

/* Network and transport layers, in decode_ip.c. */
enum layer decode_ip(struct cursor *c);
enum layer decode_ip6_extension(struct cursor *c);
enum layer decode_ip6_fragment(struct cursor *c);
enum layer decode_authentication(struct cursor *c);
enum layer decode_tcp(struct cursor *c);
enum layer decode_udp(struct cursor *c);
enum layer decode_udp_lite(struct cursor *c);
enum layer decode_sctp(struct cursor *c);
enum layer decode_dccp(struct cursor *c);
enum layer decode_icmp(struct cursor *c);

#endif
