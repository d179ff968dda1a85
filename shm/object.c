/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/object.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/sides.h"

/* FNV-1a (draft-eastlake-fnv): tells layouts apart, guards against nothing else. */
static uint64_t fnv1a(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_names(uint64_t hash, const struct fb_counter_text *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = fnv1a(hash, texts[i].name, strlen(texts[i].name) + 1);
    return hash;
}

uint64_t fb_layout_fingerprint(void) {
    const uint64_t facts[] = {
        sizeof(struct fb_header),
        sizeof(struct fb_desc),
        sizeof(struct fb_geometry),
        offsetof(struct fb_desc, flow_id),
        offsetof(struct fb_desc, flow_seq),
        offsetof(struct fb_desc, generation),
        offsetof(struct fb_down, arena_offset),
        offsetof(struct fb_desc, flags),
        sizeof(struct fb_ctl),
        offsetof(struct fb_ctl, heartbeat_ns),
        offsetof(struct fb_ctl, snapshot),
        offsetof(struct fb_ctl, directory),
        sizeof(struct fb_worker_entry),
        FB_DESC_FLAG_COUNT,
        FB_RUN_COUNT,
        FB_DECODE_COUNT,
        FB_END_COUNT,
        FB_DROP_COUNT,
        FB_VIOLATION_COUNT,
        FB_LANE_COUNT,
        FB_WORKER_COUNT,
        FB_STATE_COUNT,
        FB_STATUS_COUNT,
        sizeof(struct fb_down),
        offsetof(struct fb_down, published),
        offsetof(struct fb_down, epoch),
        offsetof(struct fb_down, stamps),
        sizeof(struct fb_up),
        offsetof(struct fb_up, consumed),
        offsetof(struct fb_up, cursor),
        offsetof(struct fb_up, worker_status),
        offsetof(struct fb_up, latency),
        FB_LATENCY_BUCKETS,
    };
    uint64_t hash = fnv1a(UINT64_C(0xcbf29ce484222325), facts, sizeof facts);
    /* The lists too: a counter that changed places would be read as another one. */
    hash = hash_names(hash, fb_run_texts, FB_RUN_COUNT);
    hash = hash_names(hash, fb_decode_texts, FB_DECODE_COUNT);
    hash = hash_names(hash, fb_end_texts, FB_END_COUNT);
    hash = hash_names(hash, fb_drop_texts, FB_DROP_COUNT);
    hash = hash_names(hash, fb_violation_texts, FB_VIOLATION_COUNT);
    hash = hash_names(hash, fb_lane_texts, FB_LANE_COUNT);
    return hash_names(hash, fb_worker_texts, FB_WORKER_COUNT);
}

void fb_header_format(struct fb_header *header, const uint8_t instance[16], enum fb_kind kind,
                      unsigned worker, uint64_t size) {
    header->fingerprint = fb_layout_fingerprint();
    memmove(header->instance, instance, sizeof header->instance);
    header->size = size;
    header->kind = kind;
    header->worker = worker;
    /* M1: pairs with M2 in check_object */
    atomic_store_explicit(&header->magic, FB_MAGIC, memory_order_release);
}

static enum fb_join check_header(const struct fb_header *header, size_t size,
                                 const struct fb_join_config *config) {
    if (header->fingerprint != fb_layout_fingerprint()) {
        fb_error("%s has layout %016" PRIx64 ", this program (version %s) has %016" PRIx64
                 ": use programs of one build",
                 config->path, header->fingerprint, FB_VERSION, fb_layout_fingerprint());
        return FB_WRONG;
    }
    if (header->kind != (uint32_t)config->kind || header->worker != config->worker ||
        header->size > size) {
        fb_error("%s says kind %u, worker %u, %" PRIu64 " bytes; expected kind %u, worker %u, at "
                 "most %zu bytes",
                 config->path, header->kind, header->worker, header->size, (unsigned)config->kind,
                 config->worker, size);
        return FB_WRONG;
    }
    if (config->instance != NULL &&
        memcmp(header->instance, config->instance, sizeof header->instance) != 0)
        return FB_NOT_YET; /* of an earlier run: its successor is about to replace it */
    return FB_JOINED;
}

/* It may be truncated meanwhile: guarded here, and by the caller from then on. */
static enum fb_join check_object(const struct fb_region *region,
                                 const struct fb_join_config *config) {
    const struct fb_header *header = region->base;
    int slot = fb_guard_add(region->base, region->size);
    if (slot < 0)
        return FB_WRONG;
    /* M2: pairs with M1 in fb_header_format */
    uint64_t magic = atomic_load_explicit(&header->magic, memory_order_acquire);
    enum fb_join joined = FB_NOT_YET;
    if (magic == FB_MAGIC) {
        joined = check_header(header, region->size, config);
    } else if (magic != 0) {
        fb_error("%s has magic %016" PRIx64 ", expected %016" PRIx64 ": not a flow-balancer object",
                 config->path, magic, FB_MAGIC);
        joined = FB_WRONG;
    }
    if (fb_guard_faulted(slot))
        joined = FB_NOT_YET;
    fb_guard_remove(slot);
    return joined;
}

enum fb_join fb_object_join(struct fb_region *region, const struct fb_join_config *config) {
    int error = fb_region_open(region, config->path, config->writable, sizeof(struct fb_header),
                               (unsigned)geteuid());
    if (error == -ENOENT || error == -EAGAIN)
        return FB_NOT_YET;
    if (error != 0)
        return FB_WRONG;
    enum fb_join joined = check_object(region, config);
    if (joined != FB_JOINED)
        fb_region_close(region);
    return joined;
}
