/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include "flow_balancer/common/log.h"

/* In the place of ndpi.c where libndpi was not there. */

static int refuse_ndpi(struct fb_setup *setup) {
    (void)setup;
    fb_error("--inspector ndpi: this worker was built without libndpi 4.2: install libndpi-dev "
             "(Debian 12) and build it again");
    return -EINVAL;
}

/* Never called: it cannot be opened. */
static int take_no_packet(void *self, void *state, const struct fb_packet *packet) {
    (void)self, (void)state, (void)packet;
    return -ENOTSUP;
}

const struct fb_inspector inspect_ndpi_ops = {
    FB_INSPECTOR_HEAD,         .name = "ndpi",
    .version = "not built in", .help = "ndpi: not built in: install libndpi-dev and build again",
    .open = refuse_ndpi,       .packet = take_no_packet,
};
