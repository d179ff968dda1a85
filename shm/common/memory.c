/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/memory.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t fb_memory_available(void) {
    uint64_t kib = UINT64_MAX;
    char line[128];
    FILE *info = fopen("/proc/meminfo", "re");

    if (info == NULL)
        return UINT64_MAX;
    while (fgets(line, sizeof line, info) != NULL) {
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1)
            break;
    }
    fclose(info);
    return kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
}
