/* SPDX-License-Identifier: BSD-2-Clause */
/* The inspector `count` as a plugin: what it costs that it is one. */
#include "flow_balancer/inspector.h"

static uint64_t packets, bytes;

static int count_open(struct fb_setup *setup) {
    (void)setup;
    return 0;
}

static int count_packet(void *self, void *state, const struct fb_packet *packet) {
    (void)self, (void)state;
    packets++;
    bytes += packet->caplen;
    return 0;
}

FB_PLUGIN = {FB_INSPECTOR_HEAD, .name = "plugin-count", .open = count_open, .packet = count_packet};
