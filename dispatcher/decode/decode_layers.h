/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_LAYERS_H
#define DISPATCHER_DECODE_DECODE_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/decode/decode.h"
#include "dispatcher/decode/decode_lists.h"
#include "dispatcher/decode/decode_load.h"
#include "flow_balancer/common/icmp_pairs.h"

/*
 * What the files of the decoder share; only they include it.
 *
 * One function per header. It gets the cursor at its first byte, proves with
 * has_bytes() that the header ends before `end`, notes what it found, moves `off` past
 * the header and returns what follows. A tunnel is one more such function; it ends
 * with decode_enter(), and the inner headers then overwrite what the outer ones noted.
 *
 * A function returns the name of what follows and decode.c calls it, so that the files
 * of headers do not depend on each other.
 */
enum layer {
    LAYER_DONE, /* nothing: decoding ends here */
#define LINK(link, function, ...) LAYER_##link,
#define HEADER(number, name, function) LAYER_##name,
#define TAG(number, name, function, bytes) LAYER_##name,
#define OTHER(name, function) LAYER_##name,
#define SAME(number, name)
    DECODE_LAYERS(LINK, HEADER, TAG, OTHER, SAME) /* first LAYER_LINK_UNKNOWN and so on */
#undef LINK
#undef HEADER
#undef TAG
#undef OTHER
#undef SAME
    LAYER_COUNT
};
_Static_assert(LAYER_COUNT <= UINT8_MAX, "tables of layers have one byte for each");

static inline enum layer layer_of_link(enum link_layer link) {
    return (enum layer)(LAYER_LINK_UNKNOWN + link);
}

/* Invariant: off <= end <= caplen and end < FB_NO_OFFSET, so that every offset fits 16 bits. */
struct cursor {
    const uint8_t *bytes;
    const struct decode_options *options;
    struct cold *cold;
    uint32_t ids;       /* in the digest of the ids */
    uint32_t tunnels;   /* entered */
    uint32_t off;       /* where the next header starts */
    uint32_t end;       /* headers end here: captured, and inside the packet by its IP length */
    uint32_t caplen;    /* bytes captured */
    uint32_t ip_end;    /* where the IP packet ends by its own length; 0: it does not say */
    uint32_t mac_off;   /* first of mac_count MAC addresses */
    uint32_t mac_count; /* 2: receiver, sender; 1: one of them; 0: none */
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
    uint8_t ip_found; /* 1: a sound IP header was found since the innermost tunnel was entered */
    uint8_t tunnel;   /* enum fb_tunnel: the innermost */
    uint8_t vlans;    /* collected */
};

/*
 * The part of a cursor that few frames need. It is not zeroed for each frame: that would
 * take longer than the rest of the decoding.
 */
struct cold {
    struct cursor outer;     /* as it was before the innermost tunnel was entered */
    uint64_t sip[4];         /* state of the digest of the ids, if there are any */
    uint64_t outer_sip[4];   /* likewise, before the innermost tunnel */
    uint64_t fragment_scope; /* set where `fragment` is */
    uint32_t datagram_rest;  /* for tunnels over UDP: bytes behind UDP's header by UDP's length,
                                captured or not */
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
#define LABEL_BYTES 4u        /* of MPLS */
#define CONTROL_WORD_BYTES 4u /* of a pseudowire in it, before its frame */

/* IANA protocol numbers that more than one file needs; the smallest valid header lengths. */
#define PROTO_HOP_BY_HOP 0u
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

/* Real traffic nests three or four tunnels (RFC 2473 proposes to allow four). Each level costs up
 * to ten nanoseconds, and a frame has bytes for thousands. */
#define TUNNELS_MAX 8u

/* ---- ids of VLANs and tunnels, in decode_ids.c */

/* What an id is of: equal numbers of two kinds are two ids. */
enum id_kind {
    ID_VLAN,
    ID_SERVICE,
    ID_PPPOE,
    ID_GRE_KEY,
    ID_ERSPAN,
    ID_VNI,
    ID_TEID,
    ID_L2TP,
    ID_EOIP,
    ID_LISP
};

/* Adds an id to the digest (SipHash-1-3, 128 bits), and collects it where decode_ids() walks. */
void decode_add_id(struct cursor *c, enum id_kind kind, uint32_t id);

/*
 * What decode_ids() collects. It stays outside the cursor, which is set up for each frame; what
 * the cursor counts tells which of it still holds after a tunnel was left.
 */
struct collector {
    const struct decode_options *asked; /* the caller's: whose ids are part of the key */
    uint16_t vlan[2];
    /* The last id before the nth tunnel was entered, or was not. */
    struct {
        enum id_kind kind;
        uint32_t id;
    } last[TUNNELS_MAX + 1];
};

/* What was collected, after the last header. */
void decode_collected(const struct cursor *c, struct decoded_ids *out);

/* The digest, as decode_put_ids() makes it part of a key. */
void decode_digest(const struct cursor *c, uint64_t digest[2]);

/* Makes the digest part of a key. */
void decode_put_ids(const struct cursor *c, struct fb_flow_key *key);

/* An unpredictable number for the ids so far, 0 if there are none. */
uint64_t decode_scope(const struct cursor *c);

static inline void note_vlan(struct cursor *c, enum id_kind kind, uint32_t id) {
    if (c->options->key_vlan)
        decode_add_id(c, kind, id);
}

static inline void note_tunnel(struct cursor *c, enum id_kind kind, uint32_t id) {
    if (c->options->key_tunnel)
        decode_add_id(c, kind, id);
}

/* ---- what follows, by a number; in decode_link.c */

/* What an ethertype leads to, LAYER_DONE if it is not decoded. */
enum layer layer_of_known_type(uint16_t type);

/* The same, with the type noted for the key; and the same behind MAC addresses and tags, where the
 * field may be the length of an 802.2 frame instead. */
enum layer layer_of_ethertype(struct cursor *c, uint16_t type);
enum layer layer_of_type_or_length(struct cursor *c, uint16_t type);

/* What an address family of any operating system leads to. */
enum layer layer_of_family(struct cursor *c, uint32_t family);

/* What the service chain header names that may start `at` bytes from here, and its length, 0 if it
 * is cut short or wrong. In decode_tag.c. */
enum layer layer_behind_service_chain(const struct cursor *c, uint32_t at, uint32_t *bytes);

/* The first header of a frame of link type `dlt` that follows here. */
enum layer layer_of_link_type(struct cursor *c, uint32_t dlt);

extern const uint8_t link_skips[LINK_COUNT]; /* bytes to skip before the first header */

/* ---- guesses, where no number says what follows */

/* Whether an Ethernet frame of a decoded protocol, or ARP, may start `at` bytes from here. In
 * decode_link.c. */
bool is_plausible_ethernet(const struct cursor *c, uint32_t at);

/* Whether an IP header may start there: version, and IPv4's lengths. In decode_ip.c. */
bool is_plausible_ip(const struct cursor *c, uint32_t at);

/* The same where nothing but an IP packet is left of the packet around it, so that both end
 * together. In decode_ip.c. */
bool is_whole_ip(const struct cursor *c, uint32_t at);

/* Whether a stack of labels may start there, with IP or Ethernet behind it. A label whose time to
 * live is 0 would not have been sent on. In decode_guess.c. */
bool is_plausible_mpls(const struct cursor *c, uint32_t at);

/* The kind of an IEEE 802.11 frame that may start there: some devices exchange the two bytes of
 * frame control. LAYER_DONE: none. In decode_guess.c. */
enum layer guess_wifi(const struct cursor *c, uint32_t at);

/* Whether what `inner` names may start there, as far as that can be told. In decode_guess.c. */
bool is_plausible_inner(const struct cursor *c, uint32_t at, enum layer inner);

/* The same, where IP has to end where the packet around it does. In decode_guess.c. */
bool is_plausible_whole(const struct cursor *c, uint32_t at, enum layer inner);

/* ---- tunnels */

/* Whose port it is; DECODE_TUNNEL_COUNT: none's. */
static inline enum decode_tunnel tunnel_of_port(const struct decode_ports *ports, uint16_t port) {
    for (unsigned i = 0; ports->near[port >> 8] && i < ports->count; i++) {
        if (ports->all[i].port == port)
            return (enum decode_tunnel)ports->all[i].tunnel;
    }
    return DECODE_TUNNEL_COUNT;
}

/*
 * Enters a tunnel of a kind whose header has been passed; `inner` is what it carries. Returns
 * that, or LAYER_DONE if the tunnel is not to be opened. In decode_tunnel.c.
 */
enum layer decode_enter(struct cursor *c, enum fb_tunnel tunnel, enum layer inner);

/* To be called after the last header: leaves a tunnel in which there is no sound IP header. */
void decode_unwind_tunnel(struct cursor *c);

/* For a tunnel by protocol number, at its header: notes where that is. Returns whether the tunnel
 * is to be decoded: its id, or what is in it, is wanted. */
bool decode_begin_tunnel(struct cursor *c);

/* For a tunnel with a sound header that carries what is not decoded. */
enum layer decode_unopened_tunnel(struct cursor *c);

/* ---- the functions of headers */

#define LINK(link, function, ...) enum layer function(struct cursor *c);
#define HEADER(number, name, function) enum layer function(struct cursor *c);
#define TAG(number, name, function, bytes) enum layer function(struct cursor *c);
#define OTHER(name, function) enum layer function(struct cursor *c);
#define TUNNEL(name, text, function) enum layer function(struct cursor *c);
#define SAME(number, name)
DECODE_LAYERS(LINK, HEADER, TAG, OTHER, SAME)
DECODE_UDP_TUNNELS(TUNNEL)
#undef LINK
#undef HEADER
#undef TAG
#undef OTHER
#undef TUNNEL
#undef SAME

/* From GRE's header on, and from L2TPv3's session on, wherever it is. */
enum layer decode_gre_header(struct cursor *c);
enum layer decode_l2tp_session(struct cursor *c);

#endif
