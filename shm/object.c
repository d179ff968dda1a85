/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/object.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/layout.h"
#include "flow_balancer/sides.h"

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
