/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/key_hash.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/sip_round.h"

#define KEY_WORDS 5u
/* The last block of a message holds its length in the top byte. */
#define LENGTH_BLOCK ((uint64_t)(KEY_WORDS * 8) << 56)

uint64_t key_hash_one(const struct key_hash *hash, const struct fb_flow_key *key) {
    uint64_t k0 = hash->secret[0], k1 = hash->secret[1];
    uint64_t v0 = k0 ^ UINT64_C(0x736f6d6570736575), v1 = k1 ^ UINT64_C(0x646f72616e646f6d);
    uint64_t v2 = k0 ^ UINT64_C(0x6c7967656e657261), v3 = k1 ^ UINT64_C(0x7465646279746573);
    for (unsigned i = 0; i <= KEY_WORDS; i++) {
        uint64_t m = i < KEY_WORDS ? key->word[i] : LENGTH_BLOCK;
        v3 ^= m;
        FB_SIP_ROUND(v0, v1, v2, v3);
        v0 ^= m;
    }
    v2 ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        FB_SIP_ROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

/* Four words; two of them fill the registers of AVX2, and are four of SSE2 or NEON. */
typedef uint64_t four __attribute__((vector_size(4 * sizeof(uint64_t))));

typedef uint32_t halves __attribute__((vector_size(4 * sizeof(uint64_t))));
typedef uint16_t quarters __attribute__((vector_size(4 * sizeof(uint64_t))));

/* One instruction each with AVX2, where shifts take three; for others the compiler makes worse of
 * it. Macros: vectors cannot be returned by what is compiled without AVX2. */
#define ROTATE_32(v)                                                                               \
    (shuffles ? (four)__builtin_shufflevector((halves)(v), (halves)(v), 1, 0, 3, 2, 5, 4, 7, 6)    \
              : FB_ROTATE(v, 32))
#define ROTATE_16(v)                                                                               \
    (shuffles ? (four)__builtin_shufflevector((quarters)(v), (quarters)(v), 3, 0, 1, 2, 7, 4, 5,   \
                                              6, 11, 8, 9, 10, 15, 12, 13, 14)                     \
              : FB_ROTATE(v, 16))
#define ROUND(v0, v1, v2, v3) FB_SIP_ROUND_BY(ROTATE_16, ROTATE_32, v0, v1, v2, v3)
#define KEY_WORD(i) (((const struct fb_flow_key *)(const void *)(first + (i)*stride))->word[w])

/*
 * The words of a message block are put together in registers: stored one by
 * one and loaded as a vector they would have to wait for the store buffer. The
 * loops are unrolled because gcc -O2 else keeps the state in memory (39 ns a
 * key instead of 7).
 */
static inline __attribute__((always_inline)) void hash_eight(bool shuffles,
                                                             const uint64_t secret[2],
                                                             const char *first, size_t stride,
                                                             uint64_t hashes[KEY_HASH_LANES]) {
    const four zero = {0};
    four a0 = zero + (secret[0] ^ UINT64_C(0x736f6d6570736575)), b0 = a0;
    four a1 = zero + (secret[1] ^ UINT64_C(0x646f72616e646f6d)), b1 = a1;
    four a2 = zero + (secret[0] ^ UINT64_C(0x6c7967656e657261)), b2 = a2;
    four a3 = zero + (secret[1] ^ UINT64_C(0x7465646279746573)), b3 = a3;
#pragma GCC unroll 5
    for (unsigned w = 0; w < KEY_WORDS; w++) {
        const four a = {KEY_WORD(0), KEY_WORD(1), KEY_WORD(2), KEY_WORD(3)};
        const four b = {KEY_WORD(4), KEY_WORD(5), KEY_WORD(6), KEY_WORD(7)};
        a3 ^= a;
        b3 ^= b;
        ROUND(a0, a1, a2, a3);
        ROUND(b0, b1, b2, b3);
        a0 ^= a;
        b0 ^= b;
    }
    a3 ^= zero + LENGTH_BLOCK;
    b3 ^= zero + LENGTH_BLOCK;
    ROUND(a0, a1, a2, a3);
    ROUND(b0, b1, b2, b3);
    a0 ^= zero + LENGTH_BLOCK;
    b0 ^= zero + LENGTH_BLOCK;
    a2 ^= zero + 0xff;
    b2 ^= zero + 0xff;
#pragma GCC unroll 3
    for (unsigned i = 0; i < 3; i++) {
        ROUND(a0, a1, a2, a3);
        ROUND(b0, b1, b2, b3);
    }
    a0 ^= a1 ^ a2 ^ a3;
    b0 ^= b1 ^ b2 ^ b3;
    memcpy(hashes, &a0, sizeof a0);
    memcpy(hashes + 4, &b0, sizeof b0);
}

static void hash_eight_portable(const uint64_t secret[2], const char *first, size_t stride,
                                uint64_t hashes[KEY_HASH_LANES]) {
    hash_eight(false, secret, first, stride, hashes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void hash_eight_avx2(const uint64_t secret[2],
                                                            const char *first, size_t stride,
                                                            uint64_t hashes[KEY_HASH_LANES]) {
    hash_eight(true, secret, first, stride, hashes);
}
#endif

int key_hash_init(struct key_hash *hash) {
    hash->eight = hash_eight_portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        hash->eight = hash_eight_avx2;
#endif
    if (getrandom(hash->secret, sizeof hash->secret, 0) == (ssize_t)sizeof hash->secret)
        return 0;
    int error = errno;
    fb_error("cannot get a random key for the flow table: %s", strerror(error));
    return -error;
}

void key_hash_burst(const struct key_hash *hash, const struct fb_flow_key *first, size_t stride,
                    unsigned n, uint64_t *hashes) {
    for (unsigned done = 0; done < n; done += KEY_HASH_LANES)
        hash->eight(hash->secret, (const char *)first + done * stride, stride, hashes + done);
}
