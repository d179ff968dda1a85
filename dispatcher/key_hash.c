/* SPDX-License-Identifier: BSD-2-Clause */
#include "key_hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "flow_balancer/log.h"

#define ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* One SipRound, for plain words and for vectors of them alike. */
#define SIPROUND(v0, v1, v2, v3)                                                                   \
    do {                                                                                           \
        v0 += v1;                                                                                  \
        v2 += v3;                                                                                  \
        v1 = ROTATE(v1, 13) ^ v0;                                                                  \
        v3 = ROTATE(v3, 16) ^ v2;                                                                  \
        v0 = ROTATE(v0, 32);                                                                       \
        v2 += v1;                                                                                  \
        v0 += v3;                                                                                  \
        v1 = ROTATE(v1, 17) ^ v2;                                                                  \
        v3 = ROTATE(v3, 21) ^ v0;                                                                  \
        v2 = ROTATE(v2, 32);                                                                       \
    } while (0)

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
        SIPROUND(v0, v1, v2, v3);
        v0 ^= m;
    }
    v2 ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        SIPROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

typedef uint64_t lanes __attribute__((vector_size(KEY_HASH_LANES * sizeof(uint64_t))));

static inline __attribute__((always_inline)) void
hash_eight(const uint64_t secret[2], uint64_t words[KEY_WORDS][KEY_HASH_LANES],
           uint64_t hashes[KEY_HASH_LANES]) {
    const lanes zero = {0};
    lanes v0 = zero + (secret[0] ^ UINT64_C(0x736f6d6570736575));
    lanes v1 = zero + (secret[1] ^ UINT64_C(0x646f72616e646f6d));
    lanes v2 = zero + (secret[0] ^ UINT64_C(0x6c7967656e657261));
    lanes v3 = zero + (secret[1] ^ UINT64_C(0x7465646279746573));
    for (unsigned i = 0; i <= KEY_WORDS; i++) {
        lanes m = zero + LENGTH_BLOCK;
        if (i < KEY_WORDS)
            memcpy(&m, words[i], sizeof m);
        v3 ^= m;
        SIPROUND(v0, v1, v2, v3);
        v0 ^= m;
    }
    v2 ^= zero + 0xff;
    for (unsigned i = 0; i < 3; i++)
        SIPROUND(v0, v1, v2, v3);
    v0 ^= v1 ^ v2 ^ v3;
    memcpy(hashes, &v0, sizeof v0);
}

static void hash_eight_portable(const uint64_t secret[2],
                                uint64_t words[KEY_WORDS][KEY_HASH_LANES],
                                uint64_t hashes[KEY_HASH_LANES]) {
    hash_eight(secret, words, hashes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
hash_eight_avx2(const uint64_t secret[2], uint64_t words[KEY_WORDS][KEY_HASH_LANES],
                uint64_t hashes[KEY_HASH_LANES]) {
    hash_eight(secret, words, hashes);
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
    const char *at = (const char *)first;
    for (unsigned done = 0; done < n; done += KEY_HASH_LANES) {
        uint64_t words[KEY_WORDS][KEY_HASH_LANES];
        for (unsigned lane = 0; lane < KEY_HASH_LANES; lane++) {
            const struct fb_flow_key *key = (const void *)at;
            for (unsigned i = 0; i < KEY_WORDS; i++)
                words[i][lane] = key->word[i];
            /* The lanes beyond the last key hash it again. */
            at += done + lane + 1 < n ? stride : 0;
        }
        hash->eight(hash->secret, words, hashes + done);
    }
}
