/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_MEMORY_H
#define TESTS_LIB_MEMORY_H

#include <stddef.h>

/* Zeroed memory of whole pages, as shared memory comes from the kernel; free() it. Aborts if there
 * is none. */
void *zeroed_pages(size_t size);

#endif
