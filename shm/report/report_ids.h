/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_REPORT_IDS_H
#define SHM_REPORT_REPORT_IDS_H

#include <stdint.h>

#define REPORT_ID_LIMIT 65536 /* above what any kernel is built for (CONFIG_NR_CPUS) */

/* The number of a processor or node as shared memory has it, or -1: none, or no such number. */
static inline int report_id(int32_t id) {
    return id >= 0 && id < REPORT_ID_LIMIT ? id : -1;
}

/* A count as JSON has it, where integers are signed: only a worker that lies comes beyond. */
static inline int64_t report_count(uint64_t count) {
    return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

#endif
