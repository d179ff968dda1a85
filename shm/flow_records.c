/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/flow_records.h"

#include <inttypes.h>

#include "flow_balancer/common/log.h"

#define PAGE_BYTES 4096u

_Static_assert(sizeof(struct fb_flow_records) <= PAGE_BYTES, "the head is one page");

size_t fb_flow_records_head(void) {
    return PAGE_BYTES;
}

/* Whole chunks: what is populated never goes beyond the end. */
size_t fb_flow_records_footprint(uint64_t capacity) {
    uint64_t chunks = (capacity + FB_FLOW_CHUNK - 1) / FB_FLOW_CHUNK;
    return fb_flow_records_head() + chunks * FB_FLOW_CHUNK * sizeof(struct fb_flow);
}

void fb_flow_records_format(struct fb_flow_records *records, const uint8_t instance[16],
                            unsigned worker, uint64_t capacity) {
    records->capacity = capacity;
    records->offset = fb_flow_records_head();
    fb_header_format(&records->header, instance, FB_KIND_FLOWS, worker,
                     fb_flow_records_footprint(capacity));
}

bool fb_flow_records_plausible(const struct fb_flow_records *records, size_t size) {
    if (records->offset == fb_flow_records_head() && size >= records->offset &&
        records->capacity <= (size - records->offset) / sizeof(struct fb_flow))
        return true;
    fb_error("flow records of worker %u: %" PRIu64 " at %" PRIu64 " do not fit their %zu bytes",
             records->header.worker, records->capacity, records->offset, size);
    return false;
}
