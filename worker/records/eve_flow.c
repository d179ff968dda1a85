/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve.h"

#include <stdbool.h>
#include <stdio.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/icmp_pairs.h"

#include "worker/records/eve_anomaly.h"
#include "worker/records/eve_event.h"
#include "worker/records/eve_tcp.h"
#include "worker/records/sinks.h"

#define PROTO_TCP 6u
#define TCP_FLAGS_OFFSET 13u

/* marks of a flow */
enum {
    MARK_ICMP = 1,       /* icmp[0] was seen; shifted by one: icmp[1] */
    MARK_REVERSED = 4,   /* who sent the flow's first packet is the server */
    MARK_MID_STREAM = 8, /* this process has not seen its first packet */
    MARK_PORTS = 16,     /* a packet with a transport header was seen */
    MARK_SENT = 32,      /* its first sender has sent; shifted by one: the other has */
};

/* ---- packets --------------------------------------------------------------------------------- */

/* Its first packet here that has a SYN and an ACK is the answer of a server to a SYN that was not
 * captured: Suricata turns such flows round too, where it takes up connections in their middle. */
static void take_tcp(struct eve_flow *flow, const struct fb_packet *packet, bool is_first) {
    if (packet->caplen <= packet->l4_off + TCP_FLAGS_OFFSET)
        return;
    uint8_t flags = packet->data[packet->l4_off + TCP_FLAGS_OFFSET];
    uint8_t answer = EVE_TCP_SYN | EVE_TCP_ACK;
    if (is_first && packet->dir == 0 && (flags & (answer | EVE_TCP_RST)) == answer)
        flow->marks |= MARK_REVERSED;
    bool of_server = (packet->dir != 0) != ((flow->marks & MARK_REVERSED) != 0);
    flow->tcp_flags[packet->dir] |= flags;
    flow->tcp_state = (uint8_t)eve_tcp_next((enum eve_tcp_state)flow->tcp_state, of_server, flags);
}

static void take_icmp(struct eve_flow *flow, const struct fb_packet *packet) {
    unsigned mark = (unsigned)MARK_ICMP << packet->dir;
    if ((flow->marks & mark) != 0)
        return;
    flow->marks |= (uint8_t)mark;
    flow->icmp[packet->dir][0] = packet->data[packet->l4_off];
    flow->icmp[packet->dir][1] = packet->data[packet->l4_off + 1];
}

/* An ICMP error that goes with the flow it quotes has another header than those of the flow. */
static void take_transport(struct eve_flow *flow, const struct fb_packet *packet, bool is_first) {
    if (packet->l4_off == FB_NO_OFFSET || (packet->flags & FB_F_ICMP_ERROR) != 0)
        return;
    flow->marks |= MARK_PORTS;
    if (packet->proto == PROTO_TCP)
        take_tcp(flow, packet, is_first);
    else if (packet->proto == FB_PROTO_ICMP || packet->proto == FB_PROTO_ICMP6)
        take_icmp(flow, packet);
}

void eve_flow_packet(struct eve_flow *flow, const struct fb_packet *packet) {
    bool is_first = flow->packets[0] + flow->packets[1] == 0;
    if (is_first) {
        flow->first_ns = packet->time_ns;
        if ((packet->flags & FB_F_MID_STREAM) != 0)
            flow->marks |= MARK_MID_STREAM;
    }
    if ((packet->flags & FB_F_ICMP_ERROR) == 0) /* which is no answer */
        flow->marks |= (uint8_t)(MARK_SENT << packet->dir);
    flow->packets[packet->dir]++;
    flow->bytes[packet->dir] += packet->wirelen;
    flow->last_ns = packet->time_ns;
    flow->lost += packet->gap;
    flow->redelivered += (packet->flags & FB_F_REDELIVERED) != 0;
    if (__builtin_expect((packet->flags & FB_F_MALFORMED) != 0, 0)) {
        flow->malformed++;
        eve_anomaly_packet(packet);
    }
    take_transport(flow, packet, is_first);
}

/* ---- the event ------------------------------------------------------------------------------- */

static bool is_marked(const struct eve_flow *flow, unsigned mark) {
    return (flow->marks & mark) != 0;
}

/* Why Suricata would say that it ended. */
static const char *suricata_reason(uint32_t reason) {
    static const char *const names[] = {
        [FB_END_CLOSED] = "timeout",     [FB_END_TIMED_OUT] = "timeout",
        [FB_END_EVICTED] = "forced",     [FB_END_REUSED] = "tcp_reuse",
        [FB_END_VERDICT] = "forced",     [FB_END_SHUTDOWN] = "shutdown",
        [FB_END_WORKER_LOST] = "forced", [FB_END_ORPHANED] = "shutdown",
    };
    return reason < FB_END_COUNT ? names[reason] : "forced";
}

static const char *end_name(uint32_t reason) {
    static const char *const names[] = {
#define X(id, name, text) [FB_END_##id] = name,
        FB_END_REASONS(X)
#undef X
    };
    return reason < FB_END_COUNT ? names[reason] : "unknown";
}

/* What the dispatcher has seen of both directions counts, where it closed the flow. */
static const char *state_name(const struct eve_flow *flow, const struct fb_flow_end *end) {
    if (end->reason == FB_END_VERDICT)
        return "bypassed";
    if (end->reason == FB_END_CLOSED)
        return "closed";
    if (end->flow->proto == PROTO_TCP)
        return eve_tcp_flow_state((enum eve_tcp_state)flow->tcp_state);
    unsigned both = MARK_SENT | MARK_SENT << 1;
    return (flow->marks & both) == both ? "established" : "new";
}

static void put_counts(struct eve_event *event, const struct eve_flow *flow,
                       const struct fb_flow_end *end) {
    unsigned client = is_marked(flow, MARK_REVERSED) ? 1 : 0, server = 1 - client;
    uint64_t last_ns = flow->last_ns != 0 ? flow->last_ns : end->time_ns;
    uint64_t first_ns = flow->first_ns != 0 ? flow->first_ns : last_ns;
    uint64_t start_ns = end->flow->first_ns != 0 ? end->flow->first_ns : first_ns;
    uint64_t start_s = start_ns / FB_NS_PER_S, end_s = last_ns / FB_NS_PER_S;
    json_t *counts = json_object();
    eve_put_number(event, counts, "pkts_toserver", flow->packets[client]);
    eve_put_number(event, counts, "pkts_toclient", flow->packets[server]);
    eve_put_number(event, counts, "bytes_toserver", flow->bytes[client]);
    eve_put_number(event, counts, "bytes_toclient", flow->bytes[server]);
    eve_put_time(event, counts, "start", start_ns);
    eve_put_time(event, counts, "end", last_ns);
    eve_put_number(event, counts, "age", end_s > start_s ? end_s - start_s : 0);
    eve_put_word(event, counts, "state", state_name(flow, end));
    if (end->reason == FB_END_VERDICT)
        eve_put_word(event, counts, "bypass", "local");
    eve_put_word(event, counts, "reason", suricata_reason(end->reason));
    eve_put(event, counts, "alerted", json_boolean(eve_has_alert(end->flow->id)));
    eve_put(event, event->root, "flow", counts);
}

static void put_icmp(struct eve_event *event, const struct eve_flow *flow) {
    if (is_marked(flow, MARK_ICMP)) {
        eve_put_number(event, event->root, "icmp_type", flow->icmp[0][0]);
        eve_put_number(event, event->root, "icmp_code", flow->icmp[0][1]);
    }
    if (is_marked(flow, (unsigned)MARK_ICMP << 1)) {
        eve_put_number(event, event->root, "response_icmp_type", flow->icmp[1][0]);
        eve_put_number(event, event->root, "response_icmp_code", flow->icmp[1][1]);
    }
}

static void put_hex(struct eve_event *event, json_t *object, const char *key, uint8_t flags) {
    char text[3];
    snprintf(text, sizeof text, "%02x", flags);
    eve_put_word(event, object, key, text);
}

/* Flags that were not seen are not there, as with Suricata. */
static void put_tcp(struct eve_event *event, const struct eve_flow *flow) {
    static const char *const flag_keys[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
    unsigned client = is_marked(flow, MARK_REVERSED) ? 1 : 0;
    uint8_t all = flow->tcp_flags[0] | flow->tcp_flags[1];
    json_t *tcp = json_object();
    put_hex(event, tcp, "tcp_flags", all);
    put_hex(event, tcp, "tcp_flags_ts", flow->tcp_flags[client]);
    put_hex(event, tcp, "tcp_flags_tc", flow->tcp_flags[1 - client]);
    for (unsigned i = 0; i < 8; i++) {
        if ((all >> i & 1) != 0)
            eve_put(event, tcp, flag_keys[i], json_true());
    }
    eve_put_word(event, tcp, "state", eve_tcp_state_name((enum eve_tcp_state)flow->tcp_state));
    eve_put(event, event->root, "tcp", tcp);
}

/* Of a flow whose packets another process had. */
static const struct eve_flow unknown_flow = {.marks = MARK_MID_STREAM};

static void put_more_than_0(struct eve_event *event, const char *key, uint64_t value) {
    if (value != 0)
        eve_put_number(event, event->ours, key, value);
}

static void put_flow_detail(struct eve_event *event, const struct eve_flow *flow,
                            const struct fb_flow_end *end) {
    eve_begin_ours(event, end->flow);
    eve_put_word(event, event->ours, "end", end_name(end->reason));
    put_more_than_0(event, "lost", flow->lost);
    put_more_than_0(event, "redelivered", flow->redelivered);
    put_more_than_0(event, "malformed", flow->malformed);
    if (is_marked(flow, MARK_MID_STREAM))
        eve_put(event, event->ours, "mid_stream", json_true());
    if ((end->flags & FB_F_REDELIVERED) != 0)
        eve_put(event, event->ours, "end_redelivered", json_true());
}

int eve_flow_write(const struct eve_flow *flow, const struct fb_flow_end *end,
                   const char *app_proto, json_t *more) {
    struct eve_event event;
    uint8_t proto = end->flow->proto;
    if (!sinks_any())
        return 0;
    if (flow == NULL)
        flow = &unknown_flow;
    const struct eve_subject subject = {
        .type = "flow",
        .time_ns = end->time_ns != 0 ? end->time_ns : flow->last_ns,
        .flow = end->flow,
        .reversed = is_marked(flow, MARK_REVERSED),
        .has_ports =
            is_marked(flow, MARK_PORTS) || end->flow->src_port != 0 || end->flow->dst_port != 0,
    };
    eve_begin(&event, &subject);
    if (proto == FB_PROTO_ICMP || proto == FB_PROTO_ICMP6)
        put_icmp(&event, flow);
    if (app_proto != NULL)
        eve_put_word(&event, event.root, "app_proto", app_proto);
    put_counts(&event, flow, end);
    eve_put_community_id(&event, &subject);
    if (proto == PROTO_TCP)
        put_tcp(&event, flow);
    put_flow_detail(&event, flow, end);
    if (more != NULL && json_object_update_missing(event.root, more) != 0)
        event.failed = true;
    return eve_end(&event);
}
