/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stdint.h>

/* xorshift64*: of one seed the same numbers every time. */
struct random {
    uint64_t state;
};

static inline struct random random_from(uint64_t seed) {
    return (struct random){seed * UINT64_C(0x9e3779b97f4a7c15) | 1u};
}

static inline uint64_t random_word(struct random *random) {
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* From 0 to n - 1. */
static inline uint32_t random_below(struct random *random, uint32_t n) {
    return (uint32_t)((random_word(random) >> 32) * n >> 32);
}

#endif
