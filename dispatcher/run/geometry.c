/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/geometry.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/region.h"
#include "flow_balancer/sides.h"

#include "dispatcher/capture/capture.h"

#define RING_BYTES_AUTO (UINT64_C(16) << 20)
#define RING_BYTES_LEAST (UINT64_C(4) * FB_FRAME_MAX)

static uint32_t power_of_two_above(uint64_t n) {
    uint32_t power = 1;
    while (power <= n)
        power <<= 1;
    return power;
}

/*
 * Rings of 16 MB each where /dev/shm has room for so many of them, else smaller ones. A quarter
 * of it is left for the records of flows: 250,000 of them where it has 64 MB, as in a container.
 */
static uint64_t choose_ring_bytes(struct fb_geometry *geometry, uint32_t rings) {
    struct statvfs fs;
    geometry->arena_bytes = RING_BYTES_AUTO;
    if (statvfs(FB_SHM_DIR, &fs) != 0)
        return RING_BYTES_AUTO;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_bsize / 4 * 3;
    while (geometry->arena_bytes > RING_BYTES_LEAST &&
           rings * (uint64_t)fb_down_footprint(geometry) > room)
        geometry->arena_bytes /= 2;
    if (geometry->arena_bytes < RING_BYTES_AUTO)
        fb_warning("%s has %" PRIu64 " MB free: rings take %" PRIu64 " MB of packets each, not "
                   "%" PRIu64 "; 'mount -o remount,size=1G %s' gives more",
                   FB_SHM_DIR, room / 3 * 4 >> 20, geometry->arena_bytes >> 20,
                   RING_BYTES_AUTO >> 20, FB_SHM_DIR);
    return geometry->arena_bytes;
}

void geometry_fill(struct fb_ctl *ctl, const struct options *o) {
    struct fb_geometry *geometry = &ctl->geometry;
    geometry->workers = o->workers;
    geometry->max_workers = o->max_workers;
    geometry->depth = o->depth;
    geometry->slots = power_of_two_above((uint64_t)o->depth + o->depth / 8);
    geometry->worker_burst = o->depth / 4 < 1 ? 1 : o->depth / 4 > 32 ? 32 : o->depth / 4;
    geometry->max_flows = o->max_flows;
    if (o->ring_bytes != 0)
        while (geometry->arena_bytes < o->ring_bytes)
            geometry->arena_bytes = geometry->arena_bytes == 0 ? 4096 : geometry->arena_bytes * 2;
    else
        choose_ring_bytes(geometry, o->rings);
    strncpy(ctl->policy, o->policy->name, sizeof ctl->policy - 1);
    strcpy(ctl->options, strlen(o->json) < sizeof ctl->options ? o->json : "{\"omitted\":true}");
    ctl->interfaces = o->interface_count;
    for (unsigned i = 0; i < o->interface_count; i++)
        snprintf(ctl->interface_names[i], sizeof ctl->interface_names[i], "%s", o->interfaces[i]);
    ctl->started_ns = fb_realtime_ns();
}
