/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/forwards.h"

#include <string.h>

int forwards_init(struct forwards *forwards, uint32_t capacity) {
    int error = fb_region_private(&forwards->region, (size_t)capacity * sizeof(struct forward),
                                  FB_HUGEPAGES_NEVER, false);
    forwards->table = error == 0 ? forwards->region.base : NULL;
    forwards->used = false;
    return error;
}

void forwards_fini(struct forwards *forwards) {
    fb_region_close(&forwards->region);
}

struct forward *forwards_at(struct forwards *forwards, uint32_t handle) {
    forwards->used = true;
    return &forwards->table[handle];
}

void forwards_reset(struct forwards *forwards, uint32_t count) {
    if (forwards->used)
        memset(forwards->table, 0, (size_t)count * sizeof(struct forward));
    forwards->used = false;
}
