/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_H
#define DISPATCHER_DECODE_DECODE_H

/*
 * ---- dispatcher/decode/: from the bytes of a frame to the key of its flow
 *
 * Finds the headers of a frame, opens tunnels, and returns the key of the flow, the
 * direction, the offsets of the headers and what is wrong with the frame, if anything.
 * A pure function of (bytes, captured length, link type, options): nothing is kept from
 * one frame to the next, nothing is read beyond the captured length, and it cannot
 * fail.
 *
 * May touch: the bytes of the frame and its own result. No system call, no allocation,
 * no log.
 * Must not know: where frames come from (capture/), flows, fragments of other frames,
 * workers, shared memory, libpcap.
 *
 * Door: decode.h. In reading order:
 *
 *   decode.c               the fast path for plain TCP and UDP, the walk over the headers
 *                          of everything else (slow path), and the key
 *   decode_lists.h         which number leads to which header
 *   decode_layers.h        the cursor, and what the functions of headers share
 *   decode_load.h          numbers out of bytes
 *   decode_link.c          Ethernet, 802.2, cooked captures and other simple links
 *   decode_lan.c             other networks, Ethernet with switch tags
 *   decode_wifi.c            IEEE 802.11
 *   decode_pseudo.c          what capturing devices put before a frame
 *   decode_tag.c           tags between a link layer and IP
 *   decode_mpls.c            MPLS
 *   decode_ppp.c             PPP and PPPoE
 *   decode_ip.c            IPv4, IPv6 and its extensions, TCP, UDP, SCTP, DCCP, ICMP
 *   decode_guess.c         whether something looks like the start of a packet
 *   decode_tunnel.c        into and out of tunnels; IP in IP, Ethernet in IP
 *   decode_gre.c             GRE, ERSPAN, PPTP, WCCP, EoIP, Aruba
 *   decode_l2tp.c            L2TP
 *   decode_tunnel_udp.c      tunnels over UDP: VXLAN, Geneve, GTP, Teredo, CAPWAP,
 *                            LISP, TZSP
 *   decode_ports.c           their ports
 *   decode_ids.c           VLAN and tunnel ids as part of keys
 *
 * To add a link layer, a tag, a protocol or a tunnel: its function in one of these
 * files, and a line in decode_lists.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/decode/decode_lists.h"
#include "flow_balancer/counters.h"
#include "flow_balancer/descriptor.h"
#include "flow_balancer/flow_key.h"

/*
 * Tunnels are opened, and the flow is that of the innermost IP header; with
 * decode_options.outer it is that of the outermost. If a tunnel carries something other
 * than IP (tunnel_non_ip), or its header is cut short or invalid (tunnel_header,
 * tunnel_inner), the flow is that of the header outside the tunnel. A tunnel over UDP
 * is recognised by its port and by a header that is right in all that can be checked;
 * otherwise it is plain UDP. A first fragment is decoded as far as its bytes go. MPLS,
 * PPPoE and the tags of bridges are no tunnels in this sense: there is no IP header
 * outside them.
 *
 * A frame always gets a key, the most specific one that its bytes really hold:
 *
 *   transport header with ports   addresses, protocol, ports
 *   ICMP, ICMPv6                  addresses, protocol, type and answering type (or code)
 *   other or cut short            addresses, protocol
 *   later fragment                addresses, protocol
 *   no IP, or IP cut short        MAC pair and ethertype (cooked: the sender's address only;
 *                                 802.11: receiver and transmitter, control frames the receiver)
 *   link type without addresses   FB_KEY_NONE: number of the link type, and its protocol number
 *   shorter than its link header  FB_KEY_NONE: number of the link type
 *
 * In an FB_KEY_NONE key word[1] is the enum link_layer, and the ethertype field of
 * word[4] is what the link header names as its payload, 0 if nothing.
 */

/* LINK_UNKNOWN, LINK_ETHERNET and the other link layers of decode_lists.h. */
enum link_layer {
#define NAME(link, ...) link,
    DECODE_LINKS(NAME)
#undef NAME
        LINK_COUNT
};

/* DECODE_L2TP and the other tunnels over UDP of decode_lists.h. */
enum decode_tunnel {
#define NAME(name, text, function) DECODE_##name,
    DECODE_UDP_TUNNELS(NAME)
#undef NAME
        DECODE_TUNNEL_COUNT
};
extern const char *const decode_tunnel_names[DECODE_TUNNEL_COUNT + 1]; /* ends with NULL */

#define DECODE_PORTS_MAX 64u /* of all tunnels */

/* Which UDP ports are whose. */
struct decode_ports {
    uint8_t near[256]; /* 1: one of them has this upper byte */
    unsigned count;
    struct decode_port {
        uint16_t port;
        uint8_t tunnel; /* enum decode_tunnel */
    } all[DECODE_PORTS_MAX];
};

extern const struct decode_ports decode_usual_ports;

/*
 * Gives a tunnel these ports instead of those it has. Returns NULL, or what is wrong, in a
 * static text, with *ports unchanged: a port that another tunnel has or that is given
 * twice, or more than DECODE_PORTS_MAX.
 */
const char *decode_ports_replace(struct decode_ports *ports, enum decode_tunnel tunnel,
                                 const uint16_t *list, unsigned count);

struct decode_options {
    const struct decode_ports *ports; /* the caller's, for as long as the options are used */
    bool outer;                       /* the flow is that of the outermost IP header */
    bool key_vlan;                    /* VLAN ids and 802.1ah service ids are part of the key */
    bool key_tunnel;    /* so are VNI, TEID, GRE key, call and session; where each side chooses its
                           own (TEID, PPTP, L2TP), the two directions are then two flows */
    uint64_t secret[2]; /* random: makes the digest of the ids in the key unpredictable */
    struct collector *collector; /* decode_ids()'s own: NULL */
};

struct decoded {
    struct fb_flow_key key;
    uint32_t payload_len; /* bytes after the transport header by the IP length, also where the
                             snapshot length cut them off; 0 if none or unknown */
    uint16_t l3_off;      /* of an IP header whose addresses are captured, or FB_NO_OFFSET */
    uint16_t l4_off;      /* of the transport header; if it has ports (or type and code), they are
                             captured. FB_NO_OFFSET if there is none, and in later fragments */
    uint16_t payload_off; /* first byte after a complete transport header, or FB_NO_OFFSET */
    uint16_t flags;       /* FB_F_FRAGMENT, FB_F_TUNNEL, FB_F_MALFORMED */
    uint8_t proto;        /* IP protocol number, 0 where there is no IP */
    uint8_t tcp_flags;    /* the flags byte of the TCP header, else 0 */
    uint8_t swapped;      /* 1: the sender is the key's higher endpoint */
    uint8_t reason;       /* enum fb_decode_reason */

    /* Undefined without FB_F_FRAGMENT. Of the innermost datagram that is fragmented: */
    uint16_t fragment_off;           /* its IP header */
    uint16_t fragment_extension_off; /* IPv6: its fragment header */
    uint64_t fragment_scope;         /* digest of the ids outside it that are part of keys; or 0 */
};

/*
 * Finds the link layer of `dlt`, a DLT_ value as libpcap's pcap_datalink() returns it
 * (LINKTYPE_RAW is taken too). Stores it in *link, which the caller owns. Returns false
 * for one that is not decoded, with LINK_UNKNOWN in *link: the caller may refuse it, or
 * decode frames with that. Dispatcher; any thread.
 */
bool link_layer_of(int dlt, enum link_layer *link);

/*
 * Decodes one frame of link layer `link`: `caplen` bytes at `bytes`, read during the
 * call only, never beyond caplen. Headers beyond the first 65,534 bytes count as cut
 * off. Fills all of *out, which the caller owns. Dispatcher; any thread, frames in any
 * order. Cannot fail: out->reason says what is wrong with a frame. Time: a constant for
 * each header, of which there are at most caplen / 4.
 *
 * Where lengths disagree:
 *   - bytes of the frame behind the end of the IP packet are padding, and not read
 *   - bytes of the packet beyond caplen were not captured: headers there count as cut
 *     short, payload_len still counts them
 *   - an IP length of 0 (segmentation offload) means: up to the end of what the packet
 *     is in, unless a jumbo payload option gives the length (RFC 2675: more than 65,535
 *     bytes)
 * The same holds for the lengths of tunnels.
 */
void decode(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
            const struct decode_options *options, struct decoded *out);

/*
 * Decodes the packet that an ICMP or ICMPv6 error quotes (a frame for which decode()
 * gave FB_DECODE_ICMP_ERROR), as decode() would if that packet had come on the same
 * link, through the same tunnels. Quotes are always cut short, so out->reason means
 * nothing. Returns false if there is no IP header in it; *out is then undefined.
 */
bool decode_quoted(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                   const struct decode_options *options, struct decoded *out);

/* Whether a frame may be in a VLAN or a tunnel: false for nearly all, of which decode_ids() would
 * tell nothing. */
static inline bool decoded_may_have_ids(const struct decoded *decoded, enum link_layer link) {
    enum { BEHIND_ETHERNET = 14 };
    return link != LINK_ETHERNET || decoded->l3_off != BEHIND_ETHERNET ||
           (decoded->flags & FB_F_TUNNEL) != 0;
}

/* What is said of a flow and is not in its key. */
struct decoded_ids {
    uint16_t vlan[2];      /* of all tags, those in tunnels too, the first two ids that are not 0 */
    enum fb_tunnel tunnel; /* the innermost that the flow is in; of the outer flow none */
    uint32_t tunnel_id;    /* its id as of FB_TUNNELS, or 0 */
    uint64_t digest[2];    /* what was put over word[0] and word[2] of the key; zeros: no ids */
};

/*
 * Walks over the headers of a frame again, as decode() did with the same arguments, for the ids
 * of its VLANs and its tunnel. Fills all of *out. For a flow's record: off the fast path.
 */
void decode_ids(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                const struct decode_options *options, struct decoded_ids *out);

#endif
