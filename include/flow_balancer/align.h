/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_ALIGN_H
#define FLOW_BALANCER_ALIGN_H

#include <stdint.h>

/*
 * The least multiple of unit, a power of two, that is not below value. Sizes
 * near 2^64 wrap: what comes from outside is bounded before. Any process.
 */
static inline uint64_t fb_align_up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) & ~(unit - 1);
}

#endif
