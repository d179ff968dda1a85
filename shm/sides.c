/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/sides.h"

#include <inttypes.h>
#include <string.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/log.h"

#define PAGE_BYTES UINT64_C(4096)

static uint64_t desc_offset(void) {
    return fb_align_up(sizeof(struct fb_down), PAGE_BYTES);
}

static uint64_t arena_offset(uint32_t slots) {
    return fb_align_up(desc_offset() + (uint64_t)slots * sizeof(struct fb_desc), PAGE_BYTES);
}

size_t fb_down_footprint(const struct fb_geometry *geometry) {
    return arena_offset(geometry->slots) + geometry->arena_bytes;
}

size_t fb_up_footprint(void) {
    return fb_align_up(sizeof(struct fb_up), PAGE_BYTES);
}

void fb_down_format(struct fb_down *down, const struct fb_geometry *geometry,
                    const uint8_t instance[16], unsigned worker, uint64_t first_seq) {
    down->depth = geometry->depth;
    down->slots = geometry->slots;
    down->worker_burst = geometry->worker_burst;
    down->arena_bytes = geometry->arena_bytes;
    down->desc_offset = desc_offset();
    down->arena_offset = arena_offset(geometry->slots);
    /* Relaxed: the magic below is stored with release. */
    atomic_store_explicit(&down->published, first_seq, memory_order_relaxed);
    fb_header_format(&down->header, instance, FB_KIND_DOWN, worker, fb_down_footprint(geometry));
}

void fb_up_format(struct fb_up *up, const uint8_t instance[16], unsigned worker, uint64_t epoch,
                  uint64_t resume_seq) {
    up->epoch = epoch;
    /* Relaxed: the magic below is stored with release. */
    atomic_store_explicit(&up->consumed, resume_seq, memory_order_relaxed);
    atomic_store_explicit(&up->cursor, resume_seq * 2, memory_order_relaxed);
    atomic_store_explicit(&up->cpu, -1, memory_order_relaxed);
    atomic_store_explicit(&up->numa_node, -1, memory_order_relaxed);
    fb_up_set_worker_status(up, FB_STATUS_VACANT);
    fb_header_format(&up->header, instance, FB_KIND_UP, worker, fb_up_footprint());
}

static bool is_power_of_two(uint64_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

bool fb_down_plausible(const struct fb_down *down, size_t size) {
    if (is_power_of_two(down->slots) && is_power_of_two(down->arena_bytes) &&
        down->depth <= down->slots && down->worker_burst >= 1 &&
        down->desc_offset == desc_offset() && down->arena_offset == arena_offset(down->slots) &&
        size >= down->arena_offset && size - down->arena_offset >= down->arena_bytes)
        return true;
    fb_error("down side of worker %u: %u slots at %" PRIu64 ", %" PRIu64 " arena bytes at %" PRIu64
             " do not fit its %zu bytes",
             down->header.worker, down->slots, down->desc_offset, down->arena_bytes,
             down->arena_offset, size);
    return false;
}
