/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/flows/key_hash.c: SipHash-1-3 of keys, one by one and eight at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

/* The functions for each processor cannot be told apart from outside. */
#include "dispatcher/flows/key_hash.c"
#include "tests/lib/random.h"

#define MOST_KEYS 64u
#define LONGEST_STRIDE 96u

static struct key_hash hash;
static struct random choices; /* of keys and secrets; begun for each test */

static int fresh_hash(void **state) {
    (void)state;
    choices = random_from(7);
    return key_hash_init(&hash);
}

static struct fb_flow_key random_key(void) {
    struct fb_flow_key key;
    for (unsigned i = 0; i < 5; i++)
        key.word[i] = random_word(&choices);
    return key;
}

/* SipHash-1-3 of 40 bytes by another implementation. Words are stored little-endian, as SipHash
 * reads them.
 */
static uint64_t siphash_of_library(const uint64_t secret[2], const struct fb_flow_key *key) {
    static const union {
        uint16_t number;
        uint8_t bytes[2];
    } order = {.number = 1};
    if (order.bytes[0] != 1) {
        print_message("SKIPPED: this machine is big-endian\n");
        skip();
    }
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    unsigned c_rounds = 1, d_rounds = 3;
    size_t size = 8, written = 0;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
        OSSL_PARAM_construct_end(),
    };
    uint64_t result = 0;
    assert_int_equal(EVP_MAC_init(context, (const uint8_t *)secret, 16, params), 1);
    assert_int_equal(EVP_MAC_update(context, (const uint8_t *)key, sizeof *key), 1);
    assert_int_equal(EVP_MAC_final(context, (uint8_t *)&result, &written, sizeof result), 1);
    assert_int_equal(written, 8);
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return result;
}

static void it_is_siphash_1_3(void **state) {
    (void)state;
    for (unsigned n = 0; n < 500; n++) {
        hash.secret[0] = random_word(&choices);
        hash.secret[1] = random_word(&choices);
        struct fb_flow_key key = random_key();
        if (n % 4 == 0)
            memset(&key, n % 8 == 0 ? 0 : 0xff, sizeof key);
        assert_int_equal(key_hash_one(&hash, &key), siphash_of_library(hash.secret, &key));
    }
}

static void two_runs_have_different_secrets(void **state) {
    (void)state;
    struct key_hash other;
    assert_int_equal(key_hash_init(&other), 0);
    assert_memory_not_equal(hash.secret, other.secret, sizeof hash.secret);
    struct fb_flow_key key = random_key();
    assert_int_not_equal(key_hash_one(&hash, &key), key_hash_one(&other, &key));
}

static void every_bit_of_key_and_secret_changes_the_hash(void **state) {
    (void)state;
    struct fb_flow_key key = random_key();
    uint64_t first = key_hash_one(&hash, &key);
    for (unsigned bit = 0; bit < 320; bit++) {
        key.word[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_int_not_equal(key_hash_one(&hash, &key), first);
        key.word[bit / 64] ^= UINT64_C(1) << bit % 64;
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        hash.secret[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_int_not_equal(key_hash_one(&hash, &key), first);
        hash.secret[bit / 64] ^= UINT64_C(1) << bit % 64;
    }
}

/* A burst of n keys at a stride; what is behind the hashes stays. */
static void burst_is_one_by_one(unsigned n, size_t stride) {
    static _Alignas(64) char keys[MOST_KEYS * LONGEST_STRIDE];
    uint64_t hashes[MOST_KEYS + KEY_HASH_LANES];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (char)random_word(&choices);
    memset(hashes, 0x5a, sizeof hashes);
    key_hash_burst(&hash, (const void *)keys, stride, n, hashes);
    for (unsigned i = 0; i < n; i++) {
        struct fb_flow_key key;
        memcpy(&key, keys + i * stride, sizeof key);
        assert_int_equal(hashes[i], key_hash_one(&hash, &key));
    }
    for (unsigned i = (n + KEY_HASH_LANES - 1) & ~(KEY_HASH_LANES - 1); i < n + KEY_HASH_LANES; i++)
        assert_int_equal(hashes[i], UINT64_C(0x5a5a5a5a5a5a5a5a));
}

static void a_burst_gives_what_one_by_one_gives(void **state) {
    (void)state;
    for (unsigned n = 1; n <= MOST_KEYS; n++)
        for (size_t stride = sizeof(struct fb_flow_key); stride <= LONGEST_STRIDE; stride += 8)
            burst_is_one_by_one(n, stride);
}

static void eight_lanes_give_the_same_on_every_processor(void **state) {
    (void)state;
    static const size_t strides[] = {sizeof(struct fb_flow_key), 64, LONGEST_STRIDE};
    for (unsigned n = 0; n < 300; n++) {
        static _Alignas(64) char keys[KEY_HASH_LANES * LONGEST_STRIDE];
        uint64_t portable[KEY_HASH_LANES];
        size_t stride = strides[n % 3];
        for (size_t i = 0; i < sizeof keys; i++)
            keys[i] = (char)random_word(&choices);
        hash_eight_portable(hash.secret, keys, stride, portable);
        for (unsigned lane = 0; lane < KEY_HASH_LANES; lane++) {
            struct fb_flow_key key;
            memcpy(&key, keys + lane * stride, sizeof key);
            assert_int_equal(portable[lane], key_hash_one(&hash, &key));
        }
#if defined(__x86_64__)
        if (!__builtin_cpu_supports("avx2")) {
            print_message("SKIPPED: this processor has no AVX2\n");
            skip();
        }
        uint64_t avx2[KEY_HASH_LANES];
        hash_eight_avx2(hash.secret, keys, stride, avx2);
        assert_memory_equal(avx2, portable, sizeof avx2);
#endif
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_siphash_1_3, fresh_hash),
        cmocka_unit_test_setup(two_runs_have_different_secrets, fresh_hash),
        cmocka_unit_test_setup(every_bit_of_key_and_secret_changes_the_hash, fresh_hash),
        cmocka_unit_test_setup(a_burst_gives_what_one_by_one_gives, fresh_hash),
        cmocka_unit_test_setup(eight_lanes_give_the_same_on_every_processor, fresh_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
