/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_MEMORY_H
#define FLOW_BALANCER_COMMON_MEMORY_H

#include <stdint.h>

/*
 * Bytes of memory that the kernel could give without swapping (MemAvailable in
 * /proc/meminfo); UINT64_MAX where it does not say. Any process, any thread.
 */
uint64_t fb_memory_available(void);

#endif
