/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_FLOW_H
#define FLOW_BALANCER_FLOW_H

#include <stddef.h>
#include <stdint.h>

/*
 * Flows and packets as an inspector sees them. Part of the interface that inspectors and
 * consumers are compiled against, so it includes nothing else of ours, may be used from
 * C++, and keeps its layout: a later minor version may add members at the end of a struct
 * and values at the end of a list, and changes nothing else. Structs are only ever handed
 * out by pointer, so what was built against an older minor version goes on working.
 */

/*
 * Flags of a packet: value FB_F_ and its name, name in output, meaning. The last value of
 * the list is 1 << 11. END and SKIP belong to the ring: no packet that is handed to an
 * inspector has them.
 */
#define FB_DESC_FLAGS(X)                                                                           \
    X(START, "start")             /* first packet of a flow */                                     \
    X(GAP, "gap")                 /* packets of this flow were lost before */                      \
    X(REDELIVERED, "redelivered") /* was under inspection when a worker died */                    \
    X(MID_STREAM, "mid-stream")   /* this process has no state of the flow, and it is no start */  \
    X(FRAGMENT, "fragment")       /* an IP fragment */                                             \
    X(TRUNCATED, "truncated")     /* caplen is less than wirelen */                                \
    X(TUNNEL, "tunnel")           /* the offsets point into a tunnel */                            \
    X(MALFORMED, "malformed")     /* a header was cut short or is invalid */                       \
    X(END, "end")                 /* no packet: the flow has ended */                              \
    X(SKIP, "skip")               /* to be passed over uninspected */                              \
    X(ICMP_ERROR, "icmp-error")   /* goes with the flow that it quotes, against its direction */

enum fb_desc_flag_bit {
#define X(id, name) FB_BIT_##id,
    FB_DESC_FLAGS(X)
#undef X
        FB_DESC_FLAG_COUNT
};

enum fb_desc_flag {
#define X(id, name) FB_F_##id = 1u << FB_BIT_##id,
    FB_DESC_FLAGS(X)
#undef X
};

/*
 * How a frame decoded. Each frame received counts in exactly one of these; those in which a header
 * is cut short or invalid are told with the packet.
 */
#define FB_DECODE_REASONS(X)                                                                       \
    X(OK, "ok", "all headers up to the transport layer are whole")                                 \
    X(NON_IP, "non_ip", "no IP header: keyed by MAC addresses and ethertype")                      \
    X(FRAGMENT_FIRST, "fragment_first", "first fragment of a datagram")                            \
    X(FRAGMENT_LATER, "fragment_later", "later fragment: goes with the first of its datagram")     \
    X(ICMP_ERROR, "icmp_error", "ICMP or ICMPv6 error: goes with the flow that it quotes")         \
    X(NO_NEXT_HEADER, "no_next_header", "IPv6 header chain ends with no next header (59)")         \
    X(LINK_SHORT, "link_short", "link-layer header cut short")                                     \
    X(VLAN_SHORT, "vlan_short", "VLAN or other bridge tag cut short")                              \
    X(IP_VERSION, "ip_version", "IP version neither 4 nor 6, or not what the layer below says")    \
    X(IP4_SHORT, "ip4_short", "IPv4 header cut short")                                             \
    X(IP4_HEADER_LENGTH, "ip4_header_length", "IPv4 header length below 5 words")                  \
    X(IP4_TOTAL_LENGTH, "ip4_total_length", "IPv4 total length below the header length")           \
    X(IP6_SHORT, "ip6_short", "IPv6 header cut short")                                             \
    X(IP6_EXT_SHORT, "ip6_ext_short", "IPv6 extension or authentication header cut short")         \
    X(TCP_SHORT, "tcp_short", "TCP header cut short")                                              \
    X(TCP_HEADER_LENGTH, "tcp_header_length", "TCP data offset below 5 words or past the segment") \
    X(UDP_SHORT, "udp_short", "UDP header cut short")                                              \
    X(UDP_LENGTH, "udp_length", "UDP length below 8 or past the datagram")                         \
    X(SCTP_SHORT, "sctp_short", "SCTP common header cut short")                                    \
    X(DCCP_SHORT, "dccp_short", "DCCP header cut short")                                           \
    X(ICMP_SHORT, "icmp_short", "ICMP or ICMPv6 header cut short")                                 \
    X(MPLS_SHORT, "mpls_short", "MPLS label stack cut short")                                      \
    X(PPPOE, "pppoe", "PPPoE session header cut short or invalid")                                 \
    X(TUNNEL_NON_IP, "tunnel_non_ip", "tunnel that carries no IP: keyed by the outer header")      \
    X(TUNNEL_HEADER, "tunnel_header",                                                              \
      "tunnel header cut short or invalid: keyed by the outer header")                             \
    X(TUNNEL_INNER, "tunnel_inner",                                                                \
      "tunnel for IP without a valid header: keyed by the outer one")                              \
    X(TUNNEL_DEEP, "tunnel_deep", "more tunnels in each other than are opened")

enum fb_decode_reason {
#define X(id, name, text) FB_DECODE_##id,
    FB_DECODE_REASONS(X)
#undef X
        FB_DECODE_COUNT
};

/* Why a flow ended. `orphaned` is the worker's own, when its dispatcher is gone. */
#define FB_END_REASONS(X)                                                                          \
    X(CLOSED, "closed", "TCP FIN both ways or RST, and the linger ran out")                        \
    X(TIMED_OUT, "timed_out", "idle for the timeout of its class")                                 \
    X(EVICTED, "evicted", "the flow table was full")                                               \
    X(REUSED, "reused", "a new SYN on a closing connection")                                       \
    X(VERDICT, "verdict", "an inspector had seen enough")                                          \
    X(SHUTDOWN, "shutdown", "the run ended")                                                       \
    X(WORKER_LOST, "worker_lost", "expired or evicted while it had no worker")                     \
    X(ORPHANED, "orphaned", "the dispatcher was gone; counted by the worker only")

enum fb_end_reason {
#define X(id, name, text) FB_END_##id,
    FB_END_REASONS(X)
#undef X
        FB_END_COUNT
};

/* What a flow's key is made of: its layer. */
enum fb_flow_layer {
    FB_LAYER_NONE, /* no addresses: one flow per link type and protocol */
    FB_LAYER_MAC,  /* MAC addresses and ethertype: no IP header, or it was cut short */
    FB_LAYER_IP4,
    FB_LAYER_IP6,
};

/* The innermost tunnel that the flow's packets are in. */
#define FB_TUNNELS(X)                                                                              \
    X(NONE, "none", "in no tunnel")                                                                \
    X(IP, "ip", "IP in IP; no id")                                                                 \
    X(GRE, "gre", "GRE: its key; NVGRE: subnet and flow; PPTP: the call; EoIP: the tunnel")        \
    X(ERSPAN, "erspan", "ERSPAN: the session")                                                     \
    X(L2TP, "l2tp", "L2TP: tunnel << 16 | session; version 3: the session")                        \
    X(VXLAN, "vxlan", "VXLAN and its kin: the network identifier")                                 \
    X(GENEVE, "geneve", "Geneve: the network identifier")                                          \
    X(GTP, "gtp", "GTP-U: the tunnel endpoint identifier")                                         \
    X(LISP, "lisp", "LISP: the instance")                                                          \
    X(OTHER, "other", "another tunnel, whose id, if it has one, is not told")

enum fb_tunnel {
#define X(id, name, text) FB_TUNNEL_##id,
    FB_TUNNELS(X)
#undef X
        FB_TUNNEL_COUNT
};

/*
 * The record of a flow: what belongs to all of its packets. The dispatcher writes it once,
 * when it binds the flow to a worker, and every process of that number reads it: it is
 * there with the flow's first packet, with the first packet that a process gets after a
 * restart, and until the end of the flow has been told. Read-only; 64 bytes.
 *
 * Source is the sender of the flow's first packet. Numbers are in host byte order,
 * addresses in network byte order, from byte 0 on: IPv4 4 bytes, IPv6 16, MAC 6, the rest
 * zero, so that inet_ntop() may be given src and dst.
 *
 * VLAN ids, tunnel and interface are those of the packet that the record was made from: the
 * first of the flow. A flow that comes from a worker that is lost has the record that it
 * had there, or, if that is gone, one made from its next packet, with first_ns 0.
 *
 * Where /dev/shm is full a flow has no record. Each packet of it comes with one made from that
 * packet alone: id, addresses, ports, proto, layer, the rest 0; its end with the id only.
 */
struct fb_flow {
    uint64_t id;       /* unique in the run, below 2^53; 0 is an id like any other */
    uint64_t first_ns; /* capture time of the first packet, ns since 1970; 0: not known */
    uint8_t src[16];
    uint8_t dst[16];
    /* FB_LAYER_IP4 and IP6: ports of TCP, UDP, SCTP, DCCP, UDP-Lite, else 0. ICMP: the type of
     * the first packet and the type that answers it, or its code if none does (as Community ID
     * version 1). FB_LAYER_MAC: src_port is the ethertype, dst_port 0. */
    uint16_t src_port;
    uint16_t dst_port;
    uint8_t proto;      /* IP protocol number; 0 where there is no IP */
    uint8_t layer;      /* enum fb_flow_layer */
    uint16_t vlan[2];   /* VLAN ids, the outer one first; 0: none. Further ones are not told. */
    uint8_t tunnel;     /* enum fb_tunnel */
    uint8_t interface;  /* index among the interfaces captured on; 0 for files */
    uint32_t tunnel_id; /* see FB_TUNNELS; 0: none */
};

#define FB_NO_OFFSET ((uint16_t)0xffff)

/*
 * One packet. Valid, with all that it points to, until the function that was given it
 * returns, or the next event is taken; nothing of it may be written to.
 *
 * Offsets count from data. One that is not FB_NO_OFFSET lies within the captured bytes:
 *
 *   l3_off       the innermost IP header, whose addresses are captured; FB_NO_OFFSET if there
 *                is none. In a later fragment too: of a datagram with a tunnel in it that is
 *                the outer header, whose addresses are not those of the flow.
 *   l4_off       the transport header, whose ports (ICMP: type and code) are captured, where it
 *                has such; FB_NO_OFFSET if there is none, as in later fragments.
 *   payload_off  the first byte after a whole transport header (at most caplen); FB_NO_OFFSET
 *                if that is not known, as in later fragments and where the header is cut short.
 *   payload_len  captured bytes from payload_off to the end of the IP packet, without padding
 *                behind it; 0 where payload_off is FB_NO_OFFSET.
 *
 * A fragment goes with the flow of its datagram's first one; flow->src_port is then known,
 * though the packet has no port. An ICMP error (FB_F_ICMP_ERROR) goes with the flow that it
 * quotes: its offsets are those of the ICMP message itself (proto is ICMP, payload_off is
 * where the quoted packet begins), not of the quoted packet, and flow->proto differs from
 * proto. With FB_F_MALFORMED the offsets are as far as the headers were valid.
 */
struct fb_packet {
    uint64_t time_ns; /* capture time, nanoseconds since 1970 */
    uint64_t frame;   /* frame number in the run, from 1 */
    const uint8_t *data;
    const struct fb_flow *flow;
    uint32_t caplen;   /* bytes at data */
    uint32_t wirelen;  /* bytes on the wire; at least caplen */
    uint32_t flow_seq; /* captured packets of this flow before this one */
    int32_t link_type; /* libpcap's DLT_ value of the frame */
    uint32_t gap;      /* packets of this flow lost just before this one */
    uint16_t deaths;   /* how many processes died while they inspected this packet, 0 to 3 */
    uint16_t l3_off;
    uint16_t l4_off;
    uint16_t payload_off;
    uint16_t flags;       /* FB_F_*; never FB_F_END or FB_F_SKIP */
    uint8_t proto;        /* IP protocol number of the packet; 0 where there is no IP */
    uint8_t dir;          /* 0: from flow->src; 1: from flow->dst */
    uint32_t payload_len; /* see above */
    uint32_t decode;      /* FB_F_MALFORMED: what is wrong, enum fb_decode_reason; else 0. Since
                             minor version 1. */
};

/*
 * The end of a flow; valid as a packet is. One on which a process died comes once more, to the next
 * process of the number, if that asks for the ends of flows that it does not know: what the
 * process before knew of the flow is gone. A flow that ended as orphaned has no time and no frame.
 */
struct fb_flow_end {
    const struct fb_flow *flow;
    uint64_t time_ns; /* capture time at which it ended, as the dispatcher's clock was */
    uint64_t frame;   /* last frame taken before it ended */
    uint32_t reason;  /* enum fb_end_reason */
    uint32_t flags;   /* FB_F_REDELIVERED; FB_F_MID_STREAM: this process had no packet of it */
};

#endif
