/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/vm_flags.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool has_vm_flag(const void *base, const char *flag) {
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[512], word[8];
    bool mine = false, found = false;
    snprintf(word, sizeof word, " %s", flag);
    while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
        uintptr_t low, high;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2)
            mine = low == (uintptr_t)base;
        else if (mine && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, word) != NULL;
    }
    if (smaps != NULL)
        fclose(smaps);
    return found;
}
