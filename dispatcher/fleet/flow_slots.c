/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/flow_slots.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "flow_balancer/sides.h"

#define CHUNK_BYTES (FB_FLOW_CHUNK * sizeof(struct fb_flow))
#define RECORDS_A_PAGE (4096u / sizeof(struct fb_flow)) /* of the smallest pages there are */

int flow_slots_init(struct flow_slots *slots, const struct fb_ctl *ctl, unsigned worker,
                    uint32_t capacity) {
    const struct fb_region_config config = {.instance = ctl->name,
                                            .kind = FB_KIND_FLOWS,
                                            .worker = worker,
                                            .size = fb_flow_records_footprint(capacity),
                                            .head = fb_flow_records_head(),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .secret = true,
                                            .node = fb_ctl_numa_node(ctl, worker)};
    *slots = (struct flow_slots){.region.fd = -1};
    int error = fb_region_create(&slots->region, &config);
    if (error != 0)
        return error;
    fb_flow_records_format(slots->region.base, ctl->header.instance, worker, capacity);
    slots->records = fb_flow_records_first(slots->region.base);
    slots->spared = CHUNK_BYTES + UINT64_C(2) * ctl->geometry.max_workers * fb_up_footprint();
    return fb_region_place(&slots->region, &config);
}

void flow_slots_fini(struct flow_slots *slots) {
    fb_region_close(&slots->region);
}

/* Blocks of 0: it has no limit. */
static bool has_room(const struct flow_slots *slots) {
    struct statvfs fs;
    return fstatvfs(slots->region.fd, &fs) != 0 || fs.f_blocks == 0 ||
           (uint64_t)fs.f_bavail * fs.f_bsize >= CHUNK_BYTES + slots->spared;
}

static int populate_chunk(const struct flow_slots *slots) {
    size_t offset = fb_flow_records_head() + (size_t)slots->populated * sizeof(struct fb_flow);
    return has_room(slots) ? fb_region_populate(&slots->region, offset, CHUNK_BYTES) : -ENOSPC;
}

void flow_slots_get_ready(struct flow_slots *slots, uint32_t count) {
    while (slots->populated < count && populate_chunk(slots) == 0)
        slots->populated += FB_FLOW_CHUNK;
}

void flow_slots_touch(struct flow_slots *slots) {
    volatile struct fb_flow *records = slots->records;
    for (uint32_t i = 0; i < slots->populated; i += RECORDS_A_PAGE)
        records[i].id = FB_FLOW_ID_NONE;
}

/* A flow that was to have one of them has none; all zero would be the record of flow 0. */
static void clear_chunk(struct flow_slots *slots) {
    for (uint32_t i = 0; i < FB_FLOW_CHUNK; i++)
        slots->records[slots->populated + i].id = FB_FLOW_ID_NONE;
}

bool flow_slots_grow(struct flow_slots *slots, uint32_t handle) {
    if (slots->refused != 0 && slots->refused++ < FLOW_SLOTS_RETRY)
        return false;
    if (populate_chunk(slots) != 0) {
        slots->refused = 1;
        slots->gaps = true;
        return false;
    }
    slots->refused = 0;
    if (slots->gaps)
        clear_chunk(slots);
    slots->populated += FB_FLOW_CHUNK;
    return handle < slots->populated;
}
