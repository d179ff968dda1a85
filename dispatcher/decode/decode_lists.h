/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_LISTS_H
#define DISPATCHER_DECODE_DECODE_LISTS_H

/*
 * Which number leads to which header. To decode a further header, write its function
 * in a file of this folder and add a line here. The line gives it its place in enum
 * layer (LAYER_ and its name), declares it and has it called. SAME lines give further
 * numbers to a header.
 */

/*
 * Link layers: name, function of the first header, bytes to skip before it, and the
 * DLT_ values of libpcap (pcap/dlt.h, tcpdump.org/linktypes.html), at most four; -1:
 * none.
 */
#define DECODE_LINKS(X)                                                                            \
    X(LINK_UNKNOWN, decode_unknown_link, 0, -1) /* not decoded: every frame has the same key */    \
    X(LINK_ETHERNET, decode_ethernet, 0, 1)                                                        \
    X(LINK_SLL, decode_sll, 0, 113)        /* Linux cooked capture, version 1 */                   \
    X(LINK_SLL2, decode_sll2, 0, 276)      /* Linux cooked capture, version 2 */                   \
    X(LINK_RAW, decode_ip, 0, 12, 14, 101) /* by system, 101 in files: IPv4 or IPv6 */             \
    X(LINK_IPV4, decode_ip, 0, 228)                                                                \
    X(LINK_IPV6, decode_ip, 0, 229)                                                                \
    X(LINK_NULL, decode_null_family, 0, 0)   /* address family in the capturing host's order */    \
    X(LINK_LOOP, decode_loop_family, 0, 108) /* address family in network byte order */            \
    X(LINK_PPP, decode_ppp_link, 0, 9, 50)                                                         \
    X(LINK_HDLC, decode_hdlc, 0, 104)               /* Cisco HDLC */                               \
    X(LINK_FRAME_RELAY, decode_frame_relay, 0, 107) /* RFC 2427, or Cisco's encapsulation */       \
    X(LINK_WIFI, decode_wifi, 0, 105)               /* IEEE 802.11 */                              \
    X(LINK_RADIOTAP, decode_radiotap, 0, 127)       /* IEEE 802.11 behind a radiotap header */     \
    X(LINK_PPI, decode_ppi, 0, 192)                 /* another of these behind a PPI header */     \
    X(LINK_PPP_ETHER, decode_ppp_ether, 0, 51)      /* PPPoE without the Ethernet header */        \
    X(LINK_PPP_PPPD, decode_ppp_pppd, 0, 166)       /* a direction instead of PPP's address */     \
    X(LINK_PPP_DIRECTION, decode_ppp_link, 1, 204)  /* these three: behind a byte that says the */ \
    X(LINK_HDLC_DIRECTION, decode_hdlc, 1, 205)     /* direction */                                \
    X(LINK_FRAME_RELAY_DIRECTION, decode_frame_relay, 1, 206)                                      \
    X(LINK_SLIP, decode_ip, 16, 8) /* behind 16 bytes about the compression of its header */       \
    X(LINK_MPLS, decode_mpls, 0, 219)                                                              \
    X(LINK_TOKEN_RING, decode_token_ring, 0, 6)                                                    \
    X(LINK_FDDI, decode_fddi, 0, 10)                                                               \
    X(LINK_ATM, decode_llc, 0, 11)                /* LLC in AAL5 */                                \
    X(LINK_FIBRE_CHANNEL, decode_llc, 16, 122)    /* RFC 4338: behind two port names */            \
    X(LINK_FIREWIRE, decode_firewire, 0, 138)     /* Apple's IP over IEEE 1394 */                  \
    X(LINK_INFINIBAND, decode_infiniband, 0, 242) /* IP over InfiniBand, global route header */    \
    X(LINK_PRISM, decode_prism, 0, 119) /* IEEE 802.11 behind a Prism header, or an AVS one */     \
    X(LINK_AVS, decode_avs, 0, 163)     /* IEEE 802.11 behind an AVS header */                     \
    X(LINK_SWITCH_TAG_4, decode_switch_tag_4, 0, 281,                                              \
      284)                                            /* Broadcom, Marvell: Ethernet with a */     \
    X(LINK_SWITCH_TAG_8, decode_switch_tag_8, 0, 285) /* switch's tag before the ethertype */      \
    X(LINK_SWITCH_PREPENDED, decode_ethernet, 4, 282) /* the tag before all of it */               \
    X(LINK_EPON, decode_ethernet, 8, 259)             /* behind the preamble */                    \
    X(LINK_MPACKET, decode_mpacket, 0, 274) /* Ethernet with preamble, perhaps preempted */        \
    X(LINK_NETANALYZER, decode_netanalyzer, 0, 240, 241)                                           \
    X(LINK_ENC, decode_enc, 0, 109)     /* OpenBSD's IPsec interface */                            \
    X(LINK_PFLOG, decode_pflog, 0, 117) /* OpenBSD's packet filter log */                          \
    X(LINK_IPNET, decode_ipnet, 0, 226) /* Solaris */                                              \
    X(LINK_NFLOG, decode_nflog, 0, 239) /* Linux netfilter log */                                  \
    X(LINK_PKTAP, decode_pktap, 0, 258) /* another of these behind Apple's header */               \
    X(LINK_ERF, decode_erf, 0, 197)     /* Endace: Ethernet, IP, HDLC */

/* Ethertypes (IEEE 802 numbers registry): number, name, function. GRE and Geneve use them too. */
#define DECODE_ETHERTYPES(X, SAME)                                                                 \
    X(ETHERTYPE_IP4, IP, decode_ip)                                                                \
    SAME(ETHERTYPE_IP6, IP)                                                                        \
    X(ETHERTYPE_VLAN, VLAN, decode_vlan) /* IEEE 802.1Q */                                         \
    SAME(0x88a8, VLAN)                   /* IEEE 802.1ad */                                        \
    SAME(0x9100, VLAN)                   /* these three before 802.1ad, by usage */                \
    SAME(0x9200, VLAN)                                                                             \
    SAME(0x9300, VLAN)                                                                             \
    X(0x88e7, SERVICE_TAG, decode_service_tag)     /* IEEE 802.1ah */                              \
    X(0x894f, SERVICE_CHAIN, decode_service_chain) /* NSH, RFC 8300 */                             \
    X(0xd28b, ARISTA_TIME, decode_arista_time)     /* when a switch saw it */                      \
    X(0x88e5, MACSEC, decode_macsec)               /* IEEE 802.1AE, where it is not encrypted */   \
    X(0x8903, FABRICPATH, decode_fabricpath)       /* Cisco */                                     \
    X(0x22f3, TRILL, decode_trill)                 /* RFC 6325 */                                  \
    X(0x4305, BATMAN, decode_batman)               /* batman-adv, unregistered */                  \
    X(0x8847, MPLS, decode_mpls)                                                                   \
    SAME(0x8848, MPLS) /* upstream-assigned labels */                                              \
    X(ETHERTYPE_PPPOE, PPPOE, decode_pppoe)

/*
 * Ethertypes of tags of a fixed length: number, name, function, bytes behind the
 * ethertype. The last two of them are the type of what follows. The functions are made
 * from this list; tags of other kinds are ethertypes as above.
 */
#define DECODE_TAGS(X)                                                                             \
    X(0x893f, PORT_TAG, decode_port_tag, 8) /* IEEE 802.1BR: ports, which differ by direction */   \
    X(0x8926, VN_TAG, decode_vn_tag, 6)     /* before 802.1BR, by usage */                         \
    X(0x8909, CISCO_METADATA, decode_cisco_metadata, 8) /* version, length, option, group */       \
    X(0x8988, CISCO_TIME, decode_cisco_time, 8)         /* TTag: when a switch saw it */           \
    X(0x892f, HSR, decode_hsr, 6)     /* IEC 62439-3: path and size, number; PRP has a trailer */  \
    X(0xf1c1, R_TAG, decode_r_tag, 6) /* IEEE 802.1CB: reserved, number */

/* IP protocol numbers (IANA), behind IPv4 or IPv6: number, name, function. */
#define DECODE_PROTOCOLS(X, SAME)                                                                  \
    X(FB_PROTO_ICMP, ICMP, decode_icmp)                                                            \
    SAME(FB_PROTO_ICMP6, ICMP)                                                                     \
    X(4, IP4_IN_IP, decode_ip4_in_ip)                                                              \
    X(PROTO_TCP, TCP, decode_tcp)                                                                  \
    X(PROTO_UDP, UDP, decode_udp)                                                                  \
    X(33, DCCP, decode_dccp)                                                                       \
    X(41, IP6_IN_IP, decode_ip6_in_ip)                                                             \
    X(47, GRE, decode_gre)                                                                         \
    X(51, AUTHENTICATION, decode_authentication)                                                   \
    X(97, ETHERIP, decode_etherip)                                                                 \
    X(115, L2TP_IN_IP, decode_l2tp_in_ip)                                                          \
    X(132, SCTP, decode_sctp)                                                                      \
    X(136, UDP_LITE, decode_udp_lite)                                                              \
    X(137, MPLS_IN_IP, decode_mpls_in_ip)                                                          \
    X(143, ETHERNET_IN_IP, decode_ethernet_in_ip)

/* Those that mean something behind IPv6 only. */
#define DECODE_IP6_PROTOCOLS(X, SAME)                                                              \
    X(PROTO_HOP_BY_HOP, IP6_EXTENSION, decode_ip6_extension)                                       \
    SAME(43, IP6_EXTENSION)  /* routing */                                                         \
    SAME(60, IP6_EXTENSION)  /* destination options */                                             \
    SAME(135, IP6_EXTENSION) /* mobility */                                                        \
    SAME(139, IP6_EXTENSION) /* HIP */                                                             \
    SAME(140, IP6_EXTENSION) /* shim6 */                                                           \
    X(44, IP6_FRAGMENT, decode_ip6_fragment)                                                       \
    X(59, NO_NEXT_HEADER, decode_no_next_header)

/* Headers that no number of these lists leads to, only other headers: name, function. */
#define DECODE_OTHERS(X)                                                                           \
    X(ETHERNET, decode_ethernet)                                                                   \
    X(LLC, decode_llc)                                                                             \
    X(PPP, decode_ppp)                                                                             \
    X(WIFI_SWAPPED, decode_wifi_swapped)                                                           \
    X(UDP_TUNNEL, decode_udp_tunnel)

/*
 * Tunnels over UDP: name, text of it in options, function. It is called behind UDP's
 * header, for the destination port and then for the source port, and returns LAYER_DONE
 * with nothing changed if what it finds is not its tunnel.
 */
#define DECODE_UDP_TUNNELS(X)                                                                      \
    X(L2TP, "l2tp", decode_l2tp_over_udp)                                                          \
    X(GTP, "gtp", decode_gtp)                                                                      \
    X(TEREDO, "teredo", decode_teredo)                                                             \
    X(LISP, "lisp", decode_lisp)                                                                   \
    X(GRE, "gre", decode_gre_over_udp)                                                             \
    X(VXLAN, "vxlan", decode_vxlan)                                                                \
    X(VXLAN_GPE, "vxlan-gpe", decode_vxlan)                                                        \
    X(CAPWAP, "capwap", decode_capwap)                                                             \
    X(GENEVE, "geneve", decode_geneve)                                                             \
    X(MPLS, "mpls", decode_mpls_over_udp)                                                          \
    X(TZSP, "tzsp", decode_tzsp)                                                                   \
    X(IVXLAN, "ivxlan", decode_vxlan) /* Cisco ACI's */                                            \
    X(GUE, "gue", decode_gue)                                                                      \
    X(HP_ERM, "hp-erm", decode_hp_erm)

/* The ports that are theirs unless others are given (IANA): number, tunnel. */
#define DECODE_UDP_PORTS(X)                                                                        \
    X(1701, L2TP)                                                                                  \
    X(2152, GTP)                                                                                   \
    X(3544, TEREDO)                                                                                \
    X(4341, LISP)                                                                                  \
    X(4754, GRE)                                                                                   \
    X(4789, VXLAN)                                                                                 \
    X(4790, VXLAN_GPE)                                                                             \
    X(5247, CAPWAP)                                                                                \
    X(6081, GENEVE)                                                                                \
    X(6635, MPLS)                                                                                  \
    X(8472, VXLAN) /* Linux's default, from before it had a number */                              \
    X(37008, TZSP) /* not IANA's */

/* All of them but the tunnels over UDP, which decode_udp_tunnel() calls itself. */
#define DECODE_LAYERS(LINK, HEADER, TAG, OTHER, SAME)                                              \
    DECODE_LINKS(LINK)                                                                             \
    DECODE_ETHERTYPES(HEADER, SAME)                                                                \
    DECODE_TAGS(TAG)                                                                               \
    DECODE_PROTOCOLS(HEADER, SAME)                                                                 \
    DECODE_IP6_PROTOCOLS(HEADER, SAME)                                                             \
    DECODE_OTHERS(OTHER)

#endif
