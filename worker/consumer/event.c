/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/consumer/event.h"

#include <stdbool.h>
#include <string.h>

#include "flow_balancer/common/event.h"

enum { IP4_SOURCE = 12, IP4_ADDRESS = 4, IP6_SOURCE = 8, IP6_ADDRESS = 16, PORTS_BYTES = 4 };

static uint16_t load16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool has_ports(uint8_t proto) {
    return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

void event_partial_flow(struct fb_flow *flow, uint64_t flow_id, const struct fb_packet *packet) {
    *flow = (struct fb_flow){.id = flow_id};
    if (packet == NULL || (packet->flags & FB_F_ICMP_ERROR) != 0 ||
        !event_has_ip(packet->data, packet->l3_off, packet->caplen))
        return;
    const uint8_t *ip = packet->data + packet->l3_off;
    bool is_ip6 = ip[0] >> 4 == 6;
    size_t size = is_ip6 ? IP6_ADDRESS : IP4_ADDRESS;
    const uint8_t *sender = ip + (is_ip6 ? IP6_SOURCE : IP4_SOURCE);
    memcpy(packet->dir == 0 ? flow->src : flow->dst, sender, size);
    memcpy(packet->dir == 0 ? flow->dst : flow->src, sender + size, size);
    flow->layer = is_ip6 ? FB_LAYER_IP6 : FB_LAYER_IP4;
    flow->proto = packet->proto;
    if (packet->l4_off == FB_NO_OFFSET || !has_ports(packet->proto) ||
        packet->l4_off + (uint32_t)PORTS_BYTES > packet->caplen)
        return;
    const uint8_t *ports = packet->data + packet->l4_off;
    flow->src_port = load16(ports + (packet->dir == 0 ? 0 : 2));
    flow->dst_port = load16(ports + (packet->dir == 0 ? 2 : 0));
}
