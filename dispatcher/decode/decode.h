/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_H
#define DISPATCHER_DECODE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/decode/decode_lists.h"
#include "flow_balancer/counters.h"
#include "flow_balancer/descriptor.h"
#include "flow_balancer/flow_key.h"

/*
 * From the bytes of a frame to the key of its flow and the offsets of its
 * headers: a pure function, with nothing kept from one frame to the next.
 *
 * Tunnels are opened, and the flow is that of the innermost IP header, or with
 * decode_options.outer that of the outermost. Where what a tunnel carries is no
 * IP (tunnel_non_ip), or its header is cut short or not legal (tunnel_header,
 * tunnel_inner), the flow is that of the header around it. A tunnel over UDP is
 * one by its port and by a header that is right in all that can be checked; else
 * it is plain UDP. A first fragment is looked into as far as it goes. MPLS, PPPoE and
 * the tags of bridges are no tunnels in this sense: no IP header is around them.
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
 * In an FB_KEY_NONE key word[1] is the enum link_layer and the ethertype field
 * of word[4] what the link header names as its payload, 0 if nothing.
 */
enum link_layer { /* LINK_ETHERNET and the others of DECODE_LINKS */
#define NAME(link, ...) link,
                  DECODE_LINKS(NAME)
#undef NAME
                      LINK_COUNT
};

struct decode_options {
    bool outer;         /* the flow is that of the outermost IP header */
    bool key_vlan;      /* VLAN ids and 802.1ah service ids are part of the key */
    bool key_tunnel;    /* so are VNI, TEID, GRE key, call, session; where each side gives its own
                           (TEID, PPTP, L2TP), the two directions are then two flows */
    uint64_t secret[2]; /* random: ids go into the key as a digest that nobody can foretell */
};

struct decoded {
    struct fb_flow_key key;
    uint32_t payload_len; /* bytes after the transport header as the IP length announces them, not
                             cut by the snap length; 0 if none or unknown */
    uint16_t l3_off;      /* IP header whose addresses are there, or FB_NO_OFFSET */
    uint16_t l4_off;      /* transport header; one with ports (type and code) has them there.
                             FB_NO_OFFSET where there is none, and in later fragments */
    uint16_t payload_off; /* first byte after a whole transport header, or FB_NO_OFFSET */
    uint16_t flags;       /* FB_F_FRAGMENT, FB_F_TUNNEL, FB_F_MALFORMED */
    uint8_t proto;        /* IP protocol number, 0 where there is no IP */
    uint8_t tcp_flags;    /* the flags byte of the TCP header, else 0 */
    uint8_t swapped;      /* 1: the sender is the key's higher endpoint */
    uint8_t reason;       /* enum fb_decode_reason */

    /* Undefined without FB_F_FRAGMENT. Of the innermost datagram that is in fragments: */
    uint16_t fragment_off;           /* its IP header */
    uint16_t fragment_extension_off; /* IPv6: its fragment header */
    uint64_t fragment_scope;         /* digest of the ids around it that are part of keys; or 0 */
};

/*
 * Finds the link layer of `dlt`, a DLT_ value as libpcap's pcap_datalink()
 * returns it (LINKTYPE_RAW is taken too). Stores it in *link, which the caller
 * owns. Returns false for one that is not decoded, with LINK_UNKNOWN in *link:
 * the caller may refuse it or go on with that. Dispatcher; any thread.
 */
bool link_layer_of(int dlt, enum link_layer *link);

/*
 * Decodes one frame of link layer `link`: `caplen` bytes at `bytes`, read
 * during the call only, never beyond caplen; headers beyond the first 65,534
 * bytes count as cut off. Fills all of *out, which the caller owns.
 * Dispatcher; any thread, frames in any order. Cannot fail: what is wrong with
 * a frame is told by out->reason. Time is bounded by a constant per header and
 * by caplen / 4 headers.
 *
 * Where the lengths disagree: what the IP length leaves of the frame is padding,
 * read by nobody; what lies beyond caplen was cut off when it was captured, so
 * that headers there count as cut short while payload_len still counts it; an IP
 * length of 0 means to the end of what is around the packet (segmentation
 * offload), unless a jumbo payload option tells the length (RFC 2675: more than
 * 65,535 bytes). The same holds for the lengths of tunnels.
 */
void decode(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
            const struct decode_options *options, struct decoded *out);

/*
 * Decodes the packet that an ICMP or ICMPv6 error quotes (a frame for which
 * decode() gave FB_DECODE_ICMP_ERROR), as decode() would if it had come on the
 * same link, through the same tunnels. A quote is cut short by nature, so
 * out->reason means nothing. Returns false if it has no IP header; *out is then
 * undefined.
 */
bool decode_quoted(const uint8_t *bytes, uint32_t caplen, enum link_layer link,
                   const struct decode_options *options, struct decoded *out);

#endif
