/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/frames_links.h"

const struct link_case link_cases[LINK_CASES] = {
    {"PPP, Cisco HDLC", 50, false, 4, 1, {0x0f, 0, 8, 0}},
    {"PPP, Cisco HDLC multicast", 9, true, 4, 1, {0x8f, 0, 0x86, 0xdd}},
    {"PPPoE", 51, false, 8, 6, {0x11, 0, 0, 7, 5, 0xd4, 0, 0x21}},
    {"pppd received", 166, false, 4, 4, {0, 3, 0, 0x21}},
    {"pppd sent", 166, true, 3, 3, {1, 3, 0x57}},
    {"PPP direction", 204, false, 5, 5, {0, 0xff, 3, 0, 0x21}},
    {"PPP direction, compressed", 204, true, 2, 2, {1, 0x57}},
    {"HDLC direction", 205, false, 5, 5, {0, 0x0f, 0, 8, 0}},
    {"frame relay direction", 206, false, 5, 4, {1, 0x18, 0x41, 3, 0xcc}},
    {"SLIP", 8, false, 16, 16, {1, 0x70}},
    {"MPLS", 219, true, 8, 0, {0, 1, 0, 64, 0, 1, 1, 64}},
    {"token ring", 6, false, 22, 14, {0x10, 0x40, MACS, SNAP4}},
    {"token ring, routed", 6, true, 28, 20, {0x10, 0x40, 2,   0, 0,    0, 0, 0xb, 0x82, 0,    0,
                                             0,    0,    0xa, 6, 0x30, 0, 1, 0,   2,    SNAP6}},
    {"FDDI", 10, false, 21, 13, {0x54, MACS, SNAP4}},
    {"FDDI synchronous", 10, true, 21, 13, {0xd0, MACS, SNAP6}},
    {"ATM", 11, false, 8, 0, {SNAP4}},
    {"fibre channel", 122, false, 24, 16, {0x10, 0, MACS, [16] = SNAP4}},
    {"FireWire", 138, true, 18, 18, {[16] = 0x86, 0xdd}},
    {"InfiniBand", 242, false, 44, 44, {0x60, [40] = 8, 0}},
    {"Prism", 119, false, 144 + 32, 144 + WIFI_BYTES, {0x44, [4] = 144, [144] = WIFI4}},
    {"Prism big", 119, false, 148 + 32, 148 + WIFI_BYTES, {[3] = 0x41, [7] = 148, [148] = WIFI4}},
    {"Prism is AVS",
     119,
     false,
     64 + 32,
     64 + WIFI_BYTES,
     {0x80, 0x21, 0x10, 1, [7] = 64, [64] = WIFI4}},
    {"AVS", 163, false, 68 + 32, 68 + WIFI_BYTES, {0x80, 0x21, 0x10, 2, [7] = 68, [68] = WIFI4}},
    {"Broadcom tag", 281, false, 18, 18, {MACS, 0x20, 0, 0, 1, 8, 0}},
    {"Broadcom tag, VLAN", 281, true, 22, 18, {MACS, 0, 0, 0, 1, 0x81, 0, 0, 7, 0x86, 0xdd}},
    {"Broadcom tag first", 282, false, 18, 18, {0x20, 0, 0, 1, ETHERNET4}},
    {"Marvell tag", 284, true, 18, 18, {MACS, 0x40, 0, 0, 1, 0x86, 0xdd}},
    {"Marvell ethertype tag", 285, false, 22, 22, {MACS, 0xda, 0xda, 0, 0, 0x40, 0, 0, 1, 8, 0}},
    {"EPON", 259, true, 22, 22, {0x55, 0x55, 0xd5, 0x55, [8] = ETHERNET6}},
    {"mPacket", 274, false, 22, 22, {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5, ETHERNET4}},
    {"mPacket, preempted",
     274,
     true,
     22,
     22,
     {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x4c, ETHERNET6}},
    {"NetAnalyzer", 240, false, 18, 18, {0, 4, 60, 0, ETHERNET4}},
    {"NetAnalyzer transparent", 241, true, 26, 26, {0, 6, 60, 0, [12] = ETHERNET6}},
    {"enc little", 109, false, 12, 12, {2}},
    {"enc big", 109, true, 12, 12, {0, 0, 0, 24}},
    {"pflog", 117, false, 48, 48, {45, 2}},
    {"pflog FreeBSD", 117, true, 64, 64, {61, 28}},
    {"pflog OpenBSD", 117, true, 100, 100, {100, 24}},
    {"ipnet", 226, false, 24, 24, {1, 2}},
    {"ipnet ip6", 226, true, 24, 24, {2, 26}},
    {"pktap Ethernet", 258, false, 122, 122, {108, [4] = 1, [8] = 1, [108] = ETHERNET4}},
    {"pktap raw", 258, true, 156, 156, {156, [4] = 1, [8] = 12}},
    {"pktap SLIP", 258, false, 124, 124, {108, [4] = 1, [8] = 8}},
    {"pktap 2", 258, false, 44 + 4, 44 + 4, {44, [6] = 0, [38] = 8, [44] = 2}},
    {"PPI raw", 192, true, 8, 8, {0, 0, 8, 0, 101}},
    {"ERF Ethernet", 197, false, 32, 32, {[8] = 2, [18] = ETHERNET4}},
    {"ERF Ethernet, extensions",
     197,
     true,
     48,
     48,
     {[8] = 0x80 + 11, [16] = 0x85, [24] = 3, [34] = ETHERNET6}},
    {"ERF IPv4", 197, false, 16, 16, {[8] = 22}},
    {"ERF HDLC", 197, false, 20, 20, {[8] = 1, [16] = 0x0f, 0, 8, 0}},
    {"ERF PPP", 197, true, 20, 20, {[8] = 10, [16] = 0xff, 3, 0, 0x57}},
};

enum link_layer link_of(int dlt) {
    enum link_layer link;
    assert_true(link_layer_of(dlt, &link));
    return link;
}

struct packet frame_of(const struct link_case *t) {
    struct packet f = {0};
    add_bytes(&f, t->header, t->n);
    add_inner(&f, t->six);
    return f;
}
