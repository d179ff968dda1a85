/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stdint.h>

/* xorshift64: the same run every time. Start it with random_begin() in each test that uses it. */
static uint64_t random_state = 88172645463325252u;

static inline void random_begin(uint64_t seed) {
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1u;
}

static inline uint64_t random_word(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint32_t random_below(uint32_t n) {
    return (uint32_t)((random_word() >> 32) * n >> 32);
}

#endif
