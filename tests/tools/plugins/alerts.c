/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin that writes events to --eve: an alert with the first packet of each flow, and one of its
 * own, `size`, at its end. Copy it and change what is worth an alert.
 */
#include <inttypes.h>
#include <stdio.h>

#include "flow_balancer/inspector.h"

struct size {
    uint64_t bytes; /* of payload */
};

static const struct fb_host *host;

static int alerts_open(struct fb_setup *setup) {
    host = setup->host;
    setup->state_bytes = sizeof(struct size);
    setup->state_kind = FB_STATE_FLAT;
    return 0;
}

static int alerts_flow_start(void *self, void *state, const struct fb_packet *packet) {
    const struct fb_host_event event = {
        .type = "alert",
        .members = "{\"signature_id\": 1000001, \"signature\": \"a flow begins\"}",
        .packet = packet};
    (void)self, (void)state;
    return host->event(host, &event);
}

static int alerts_packet(void *self, void *state, const struct fb_packet *packet) {
    (void)self;
    ((struct size *)state)->bytes += packet->payload_len;
    return 0;
}

static int alerts_flow_end(void *self, void *state, const struct fb_flow_end *end) {
    char members[64];
    (void)self;
    snprintf(members, sizeof members, "{\"bytes\": %" PRIu64 "}",
             ((const struct size *)state)->bytes);
    const struct fb_host_event event = {.type = "size", .members = members, .end = end};
    return host->event(host, &event);
}

extern const struct fb_inspector fb_plugin;
FB_PLUGIN = {
    FB_INSPECTOR_HEAD,       .name = "alerts",
    .open = alerts_open,     .flow_start = alerts_flow_start,
    .packet = alerts_packet, .flow_end = alerts_flow_end,
};
