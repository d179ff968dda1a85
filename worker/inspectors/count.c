/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "flow_balancer/common/log.h"

/* The least that an inspector can do: what a packet costs without any inspection. */
struct count {
    uint64_t packets;
    uint64_t bytes;
};

static int count_open(struct fb_setup *setup) {
    if (setup->args != NULL) {
        fb_error("--inspector count:%s: count takes no arguments: leave out \":%s\"", setup->args,
                 setup->args);
        return -EINVAL;
    }
    struct count *count = calloc(1, sizeof *count);
    if (count == NULL) {
        fb_error("inspector count: no memory for %zu bytes", sizeof *count);
        return -ENOMEM;
    }
    setup->self = count;
    return 0;
}

static int count_packet(void *self, void *state, const struct fb_packet *packet) {
    struct count *count = self;
    (void)state;
    count->packets++;
    count->bytes += packet->caplen;
    return 0;
}

static void count_close(void *self) {
    const struct count *count = self;
    fb_debug("inspector count: %" PRIu64 " packets, %" PRIu64 " bytes", count->packets,
             count->bytes);
    free(self);
}

const struct fb_inspector inspect_count_ops = {
    FB_INSPECTOR_HEAD,  .name = "count",        .help = "count: counts packets and captured bytes",
    .open = count_open, .packet = count_packet, .close = count_close,
};
