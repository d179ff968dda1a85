/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve_anomaly.h"

#include <stdbool.h>
#include <string.h>

#include "flow_balancer/common/icmp_pairs.h"

#include "worker/records/eve_event.h"
#include "worker/records/sinks.h"

static struct {
    unsigned left; /* of this second */
    uint64_t told; /* of those that were suppressed */
    struct eve_anomaly_counts counts;
} anomaly = {.left = EVE_ANOMALIES_PER_S};

void eve_anomaly_refill(void) {
    anomaly.left = EVE_ANOMALIES_PER_S;
}

void eve_anomaly_reset(void) {
    memset(&anomaly, 0, sizeof anomaly);
    eve_anomaly_refill();
}

struct eve_anomaly_counts eve_anomaly_counts(void) {
    return anomaly.counts;
}

/* What Suricata calls it; where it has no name, one like those. */
static const char *event_name(const struct fb_packet *packet) {
    static const char *const names[FB_DECODE_COUNT] = {
        [FB_DECODE_LINK_SHORT] = "decoder.ethernet.pkt_too_small",
        [FB_DECODE_VLAN_SHORT] = "decoder.vlan.header_too_small",
        [FB_DECODE_IP_VERSION] = "decoder.ipraw.invalid_ip_version",
        [FB_DECODE_IP4_SHORT] = "decoder.ipv4.pkt_too_small",
        [FB_DECODE_IP4_HEADER_LENGTH] = "decoder.ipv4.hlen_too_small",
        [FB_DECODE_IP4_TOTAL_LENGTH] = "decoder.ipv4.iplen_smaller_than_hlen",
        [FB_DECODE_IP6_SHORT] = "decoder.ipv6.pkt_too_small",
        [FB_DECODE_IP6_EXT_SHORT] = "decoder.ipv6.trunc_exthdr",
        [FB_DECODE_TCP_SHORT] = "decoder.tcp.pkt_too_small",
        [FB_DECODE_TCP_HEADER_LENGTH] = "decoder.tcp.hlen_too_small",
        [FB_DECODE_UDP_SHORT] = "decoder.udp.pkt_too_small",
        [FB_DECODE_UDP_LENGTH] = "decoder.udp.len_invalid",
        [FB_DECODE_SCTP_SHORT] = "decoder.sctp.pkt_too_small",
        [FB_DECODE_DCCP_SHORT] = "decoder.dccp.pkt_too_small",
        [FB_DECODE_ICMP_SHORT] = "decoder.icmpv4.pkt_too_small",
        [FB_DECODE_MPLS_SHORT] = "decoder.mpls.header_too_small",
        [FB_DECODE_PPPOE] = "decoder.pppoe.pkt_too_small",
        [FB_DECODE_TUNNEL_HEADER] = "decoder.tunnel.header_invalid",
        [FB_DECODE_TUNNEL_INNER] = "decoder.tunnel.inner_invalid",
        [FB_DECODE_TUNNEL_DEEP] = "decoder.tunnel.too_many_layers",
    };
    if (packet->decode == FB_DECODE_ICMP_SHORT && packet->proto == FB_PROTO_ICMP6)
        return "decoder.icmpv6.pkt_too_small";
    const char *name = packet->decode < FB_DECODE_COUNT ? names[packet->decode] : NULL;
    return name != NULL ? name : "decoder.malformed";
}

static const char *decode_reason_name(const struct fb_packet *packet) {
    static const char *const names[FB_DECODE_COUNT] = {
#define X(id, name, text) [FB_DECODE_##id] = name,
        FB_DECODE_REASONS(X)
#undef X
    };
    return packet->decode < FB_DECODE_COUNT ? names[packet->decode] : "unknown";
}

static void put_packet_detail(struct eve_event *event, const struct fb_packet *packet) {
    eve_begin_ours(event, packet->flow);
    eve_put_number(event, event->ours, "frame", packet->frame);
    eve_put_word(event, event->ours, "reason", decode_reason_name(packet));
    if (anomaly.counts.suppressed != anomaly.told)
        eve_put_number(event, event->ours, "suppressed", anomaly.counts.suppressed - anomaly.told);
}

static int write_anomaly(const struct fb_packet *packet) {
    struct eve_event event;
    const struct eve_subject subject = {
        .type = "anomaly",
        .time_ns = packet->time_ns,
        .flow = packet->flow,
        .reversed = packet->dir != 0,
        .has_ports = packet->flow->src_port != 0 || packet->flow->dst_port != 0,
    };
    eve_begin(&event, &subject);
    eve_put_community_id(&event, &subject);
    json_t *detail = json_object();
    eve_put_word(&event, detail, "type", "decode");
    eve_put_word(&event, detail, "event", event_name(packet));
    eve_put(&event, event.root, "anomaly", detail);
    put_packet_detail(&event, packet);
    return eve_end_later(&event);
}

void eve_anomaly_packet(const struct fb_packet *packet) {
    anomaly.counts.malformed++;
    if (anomaly.left == 0 || !sinks_any()) {
        anomaly.counts.suppressed++;
        return;
    }
    anomaly.left--;
    uint64_t suppressed = anomaly.counts.suppressed;
    if (write_anomaly(packet) == 0)
        anomaly.told = suppressed;
    else
        anomaly.counts.suppressed++;
}
