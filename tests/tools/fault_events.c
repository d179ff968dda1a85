/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inspector `events` of flow-worker-fault: all that an inspector is told, a line each, to be
 * compared. In the state of each flow it keeps how many packets it saw, and finds a state that is
 * not as it left it.
 */
#include "tests/tools/fault_events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"

struct events {
    FILE *file;
    uint64_t packets, ends, ticks;
};

struct events_flow {
    uint64_t id, packets;
};

static int events_open(struct fb_setup *setup) {
    static const char *const stats[] = {"packets", "flow_ends", "ticks", NULL};
    struct events *events = calloc(1, sizeof *events);
    if (events == NULL || setup->args == NULL) {
        free(events);
        return -EINVAL;
    }
    events->file = fopen(setup->args, "we");
    if (events->file == NULL) {
        fb_error("inspector events: cannot open %s: %s", setup->args, strerror(errno));
        free(events);
        return -EIO;
    }
    setup->self = events;
    setup->state_bytes = sizeof(struct events_flow);
    setup->tick_ms = 20;
    setup->stats = stats;
    return 0;
}

static int events_claimed(void *self, const struct fb_instance *instance) {
    struct events *events = self;
    fprintf(events->file, "claimed %u %u\n", instance->worker, instance->interfaces);
    return 0;
}

/* The bytes, so that a difference is one of the line (FNV-1a). */
static uint64_t digest(const uint8_t *bytes, uint32_t count) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void print_flow(FILE *file, const struct fb_flow *flow) {
    fprintf(file, " flow %" PRIu64 " %" PRIu64 " ", flow->id, flow->first_ns);
    for (unsigned i = 0; i < sizeof flow->src; i++)
        fprintf(file, "%02x", flow->src[i]);
    fputc(' ', file);
    for (unsigned i = 0; i < sizeof flow->dst; i++)
        fprintf(file, "%02x", flow->dst[i]);
    fprintf(file, " %u %u %u %u %u,%u %u %u %u\n", flow->src_port, flow->dst_port, flow->proto,
            flow->layer, flow->vlan[0], flow->vlan[1], flow->tunnel, flow->interface,
            flow->tunnel_id);
}

static int events_flow_start(void *self, void *state, const struct fb_packet *packet) {
    static const struct events_flow zero;
    struct events *events = self;
    struct events_flow *flow = state;
    if (memcmp(flow, &zero, sizeof zero) != 0)
        fprintf(events->file, "the state is not zero\n");
    flow->id = packet->flow->id;
    fprintf(events->file, "start %" PRIu64, packet->frame);
    print_flow(events->file, packet->flow);
    return 0;
}

static int events_packet(void *self, void *state, const struct fb_packet *p) {
    struct events *events = self;
    struct events_flow *flow = state;
    if (flow->id != p->flow->id)
        fprintf(events->file, "the state is that of flow %" PRIu64 "\n", flow->id);
    flow->packets++;
    events->packets++;
    fprintf(events->file,
            "packet %" PRIu64 " %" PRIu64 " %u %u %u %d %u %u %u %u %u %x %u %u %u %016" PRIx64,
            p->frame, p->time_ns, p->caplen, p->wirelen, p->flow_seq, p->link_type, p->gap,
            p->deaths, p->l3_off, p->l4_off, p->payload_off, p->flags, p->proto, p->dir,
            p->payload_len, digest(p->data, p->caplen));
    print_flow(events->file, p->flow);
    return 0;
}

static int events_flow_end(void *self, void *state, const struct fb_flow_end *end) {
    struct events *events = self;
    const struct events_flow *flow = state;
    events->ends++;
    fprintf(events->file, "end %" PRIu64 " %" PRIu64 " %u %u %" PRIu64 " %" PRIu64, end->frame,
            end->time_ns, end->reason, end->flags, flow->id, flow->packets);
    print_flow(events->file, end->flow);
    return 0;
}

/* Counted only: when they come is nothing to be compared. */
static int events_tick(void *self, uint64_t now_ns) {
    struct events *events = self;
    (void)now_ns;
    events->ticks++;
    return 0;
}

static int events_reload(void *self) {
    struct events *events = self;
    fprintf(events->file, "reload\n");
    fflush(events->file);
    return 0;
}

static void events_stats(void *self, uint64_t *values) {
    const struct events *events = self;
    values[0] = events->packets;
    values[1] = events->ends;
    values[2] = events->ticks;
}

static void events_close(void *self) {
    struct events *events = self;
    fprintf(events->file, "closed\n");
    fclose(events->file);
    free(events);
}

const struct fb_inspector inspect_events_ops = {
    FB_INSPECTOR_HEAD,
    .name = "events",
    .help = "events:FILE: writes all that it is told, a line each",
    .open = events_open,
    .claimed = events_claimed,
    .flow_start = events_flow_start,
    .packet = events_packet,
    .flow_end = events_flow_end,
    .tick = events_tick,
    .reload = events_reload,
    .stats = events_stats,
    .close = events_close,
};
