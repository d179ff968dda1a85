/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tools/tracegen_random.h"

/* Logarithms, powers and roots below are fixed point with 30 bits after the binary point. */
#define POINT 30u
#define ONE (UINT64_C(1) << POINT)

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void tg_random_init(struct tg_random *random, uint64_t seed) {
    for (unsigned i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

uint64_t tg_random_next(struct tg_random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The greatest whole number whose square is at most x: one bit at a time from the top. */
static uint64_t whole_root(uint64_t x) {
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        uint64_t tried = root | bit;
        if (tried * tried <= x)
            root = tried;
    }
    return root;
}

/* -log2(u / 2^32) for u from 1 to 2^32. Squaring a number in [1, 2) yields one more bit of its log.
 */
static uint64_t minus_log2(uint64_t u) {
    uint64_t whole = 0;
    while ((u << whole) < TG_ALWAYS)
        whole++;
    uint64_t x = (u << whole) >> (32 - POINT);
    uint64_t fraction = 0;
    for (uint64_t bit = ONE >> 1; bit > 0; bit >>= 1) {
        x = (x * x) >> POINT;
        if (x >= 2 * ONE) {
            x >>= 1;
            fraction |= bit;
        }
    }
    return (whole << POINT) - fraction;
}

/* 2^fraction, in [1, 2), for a fraction below ONE: the product of the roots that its bits name. */
static uint64_t power_of_two(const struct tg_pareto *pareto, uint64_t fraction) {
    uint64_t result = ONE;
    for (unsigned i = 1; i <= POINT; i++) {
        if (fraction & (ONE >> i))
            result = (result * pareto->root[i]) >> POINT;
    }
    return result;
}

void tg_pareto_init(struct tg_pareto *pareto, uint64_t alpha) {
    pareto->alpha = alpha;
    pareto->root[0] = 2 * ONE;
    for (unsigned i = 1; i <= POINT; i++)
        pareto->root[i] = whole_root(pareto->root[i - 1] << POINT);
}

uint32_t tg_pareto_draw(const struct tg_pareto *pareto, struct tg_random *random, uint32_t smallest,
                        uint32_t largest) {
    for (;;) {
        uint64_t u = (tg_random_next(random) >> 32) + 1;
        uint64_t exponent = minus_log2(u) * TG_ALPHA_ONE / pareto->alpha;
        uint64_t whole = exponent >> POINT;
        if (whole >= 32)
            continue;
        /* One shift by the difference: shifted left by whole first, the product could pass 2^64. */
        uint64_t scaled = smallest * power_of_two(pareto, exponent & (ONE - 1));
        uint64_t drawn = whole <= POINT ? scaled >> (POINT - whole) : scaled << (whole - POINT);
        if (drawn <= largest)
            return (uint32_t)drawn;
    }
}
