/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_ids.c: the digest of VLAN and tunnel ids, held against OpenSSL's
 * SipHash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "dispatcher/decode/decode_layers.h"

#define IDS_MOST 5u

static const struct id {
    enum id_kind kind;
    uint32_t id;
} all_ids[IDS_MOST] = {
    {ID_VLAN, 1}, {ID_VLAN, 4095}, {ID_VNI, 0}, {ID_TEID, 0xffffffff}, {ID_L2TP, 7}};

static const struct decode_options options = {
    .secret = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

static struct cold cold;

static struct cursor cursor_with(const struct id *ids, unsigned count,
                                 const struct decode_options *with) {
    struct cursor c = {.options = with, .cold = &cold};
    for (unsigned i = 0; i < count; i++)
        decode_add_id(&c, ids[i].kind, ids[i].id);
    return c;
}

static struct fb_flow_key key_with(const struct id *ids, unsigned count,
                                   const struct decode_options *with) {
    struct cursor c = cursor_with(ids, count, with);
    struct fb_flow_key key = {{0}};
    decode_put_ids(&c, &key);
    return key;
}

static void put_little_endian(uint8_t *to, uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_little_endian(const uint8_t *from) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

/* SipHash-1-3 with 128 bits, over a block of kind and id for each id. */
static void siphash_of_library(const struct id *ids, unsigned count, uint64_t digest[2]) {
    uint8_t secret[16], blocks[8 * IDS_MOST], out[16];
    unsigned c_rounds = 1, d_rounds = 3;
    size_t size = sizeof out, written = 0;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    put_little_endian(secret, options.secret[0]);
    put_little_endian(secret + 8, options.secret[1]);
    for (unsigned i = 0; i < count; i++)
        put_little_endian(blocks + 8 * (size_t)i, (uint64_t)ids[i].kind << 32 | ids[i].id);
    assert_int_equal(EVP_MAC_init(context, secret, sizeof secret, params), 1);
    assert_int_equal(EVP_MAC_update(context, blocks, 8 * (size_t)count), 1);
    assert_int_equal(EVP_MAC_final(context, out, &written, sizeof out), 1);
    assert_int_equal(written, sizeof out);
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    digest[0] = get_little_endian(out);
    digest[1] = get_little_endian(out + 8);
}

static void digest_is_siphash_over_kinds_and_ids(void **state) {
    (void)state;
    for (unsigned count = 1; count <= IDS_MOST; count++) {
        struct fb_flow_key key = key_with(all_ids, count, &options);
        uint64_t digest[2];
        siphash_of_library(all_ids, count, digest);
        assert_int_equal(key.word[0], digest[0]);
        assert_int_equal(key.word[2], digest[1]);
        assert_int_equal(key.word[1] | key.word[3] | key.word[4], 0);
    }
}

static void digest_is_added_to_the_addresses(void **state) {
    struct cursor c = cursor_with(all_ids, 2, &options);
    struct fb_flow_key none = {{0}}, key = {{1, 2, 3, 4, 5}};
    (void)state;
    decode_put_ids(&c, &none);
    decode_put_ids(&c, &key);
    assert_int_equal(key.word[0], none.word[0] ^ 1);
    assert_int_equal(key.word[1], 2);
    assert_int_equal(key.word[2], none.word[2] ^ 3);
    assert_int_equal(key.word[3], 4);
    assert_int_equal(key.word[4], 5);
}

static void kind_order_and_secret_make_a_difference(void **state) {
    static const struct id one[] = {{ID_VLAN, 1}, {ID_VLAN, 2}},
                           swapped[] = {{ID_VLAN, 2}, {ID_VLAN, 1}},
                           other_kind[] = {{ID_SERVICE, 1}, {ID_VLAN, 2}};
    struct decode_options other_secret = options;
    struct fb_flow_key key = key_with(one, 2, &options), other;
    (void)state;
    other_secret.secret[1]++;
    other = key_with(swapped, 2, &options);
    assert_memory_not_equal(&key, &other, sizeof key);
    other = key_with(other_kind, 2, &options);
    assert_memory_not_equal(&key, &other, sizeof key);
    other = key_with(one, 1, &options);
    assert_memory_not_equal(&key, &other, sizeof key);
    other = key_with(one, 2, &other_secret);
    assert_memory_not_equal(&key, &other, sizeof key);
}

static void scope_is_of_the_same_ids_and_no_part_of_the_key(void **state) {
    struct cursor none = cursor_with(NULL, 0, &options), one, two;
    uint64_t first, second;
    (void)state;
    assert_int_equal(decode_scope(&none), 0);
    one = cursor_with(all_ids, 1, &options);
    first = decode_scope(&one);
    assert_int_equal(decode_scope(&one), first); /* asking changes nothing */
    two = cursor_with(all_ids, 2, &options);
    second = decode_scope(&two);
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, second);
    assert_int_not_equal(first, key_with(all_ids, 1, &options).word[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_is_siphash_over_kinds_and_ids),
        cmocka_unit_test(digest_is_added_to_the_addresses),
        cmocka_unit_test(kind_order_and_secret_make_a_difference),
        cmocka_unit_test(scope_is_of_the_same_ids_and_no_part_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
