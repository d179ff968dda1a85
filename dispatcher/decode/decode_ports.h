/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DECODE_DECODE_PORTS_H
#define DISPATCHER_DECODE_DECODE_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* UDP ports of tunnels, from IANA's registry. */
#define PORT_L2TP 1701u
#define PORT_GTP 2152u
#define PORT_TEREDO 3544u
#define PORT_GRE 4754u
#define PORT_VXLAN 4789u
#define PORT_VXLAN_GPE 4790u
#define PORT_GENEVE 6081u
#define PORT_MPLS 6635u
#define PORT_VXLAN_LINUX 8472u /* before it had a number */

static inline bool tunnel_port(uint16_t port) {
    switch (port) {
    case PORT_L2TP:
    case PORT_GTP:
    case PORT_TEREDO:
    case PORT_GRE:
    case PORT_VXLAN:
    case PORT_VXLAN_GPE:
    case PORT_GENEVE:
    case PORT_MPLS:
    case PORT_VXLAN_LINUX:
        return true;
    default:
        return false;
    }
}

#endif
