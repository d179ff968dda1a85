/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_TRACEGEN_RANDOM_H
#define TESTS_TOOLS_TRACEGEN_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Random numbers that are the same on every machine: integer arithmetic only,
 * no libm. The generator is xoshiro256** (Blackman and Vigna, "Scrambled
 * Linear Pseudorandom Number Generators", ACM TOMS 47, 2021), its state filled
 * by splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014). One thread; nothing here fails.
 */
struct tg_random {
    uint64_t state[4];
};

/* A probability as a count of 2^-32, 0 to TG_ALWAYS. */
#define TG_ALWAYS (UINT64_C(1) << 32)

/* An exponent alpha as a count of 2^-16. */
#define TG_ALPHA_ONE (UINT64_C(1) << 16)

void tg_random_init(struct tg_random *random, uint64_t seed);

uint64_t tg_random_next(struct tg_random *random);

/* A number from 0 to bound - 1; the bias is below bound / 2^32. */
static inline uint32_t tg_random_below(struct tg_random *random, uint32_t bound) {
    return (uint32_t)(((tg_random_next(random) >> 32) * bound) >> 32);
}

/* True with the given probability. */
static inline bool tg_random_hit(struct tg_random *random, uint64_t probability) {
    return (tg_random_next(random) >> 32) < probability;
}

/* Draws whole numbers of a bounded Pareto distribution, for any number of minima and maxima. */
struct tg_pareto {
    uint64_t alpha;    /* count of 2^-16 */
    uint64_t root[31]; /* 2^(2^-i) as a count of 2^-30 */
};

/* alpha is a count of 2^-16, at least 2^-16 x 1. */
void tg_pareto_init(struct tg_pareto *pareto, uint64_t alpha);

/*
 * The chance of a result of at least x falls as (smallest / x)^alpha; results
 * beyond largest are drawn again, which is what bounds a Pareto distribution.
 * smallest is 1 to 2^20, largest above smallest and below 2^32.
 */
uint32_t tg_pareto_draw(const struct tg_pareto *pareto, struct tg_random *random, uint32_t smallest,
                        uint32_t largest);

#endif
