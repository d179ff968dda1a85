/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/memory.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

void *zeroed_pages(size_t size) {
    size_t bytes = (size + PAGE - 1) / PAGE * PAGE;
    void *memory = aligned_alloc(PAGE, bytes);
    if (memory == NULL)
        abort();
    return memset(memory, 0, bytes);
}
