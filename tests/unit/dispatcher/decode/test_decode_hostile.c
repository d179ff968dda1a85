/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/decode/decode.c and the other files of the decoder: damaged, cut and random
 * frames are never read past their end, and the fast path gives what the slow path gives.
 */
#include "tests/lib/frames_hostile.h"

#include <stdlib.h>
#include <string.h>

/* Raw IP takes the slow path only; shifted by what is before it, the result must be the same. */
static void assert_both_paths_agree(const uint8_t *frame, uint32_t caplen, uint32_t before) {
    struct decoded a;
    struct decoded b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    decode(frame, caplen, LINK_ETHERNET, &by_default, &a);
    decode(frame + before, caplen - before, LINK_RAW, &by_default, &b);
    if (b.l3_off == FB_NO_OFFSET)
        return;
    uint16_t *offsets[] = {&b.l3_off, &b.l4_off, &b.payload_off};
    for (int i = 0; i < 3; i++)
        *offsets[i] = *offsets[i] == FB_NO_OFFSET ? FB_NO_OFFSET : (uint16_t)(*offsets[i] + before);
    if ((b.flags & FB_F_FRAGMENT) != 0) {
        b.fragment_off = (uint16_t)(b.fragment_off + before);
        if (b.fragment_extension_off != 0)
            b.fragment_extension_off = (uint16_t)(b.fragment_extension_off + before);
    }
    assert_memory_equal(&a, &b, sizeof a);
}

static void fast_path_gives_what_the_slow_path_gives(void **state) {
    const struct packet plain[] = {tcp4(), udp4(), tcp6(), udp6()};
    (void)state;
    srandom(2);
    for (unsigned i = 0; i < 200000; i++) {
        struct packet f = plain[i % 4];
        if (i % 3 == 0) /* to a port near that of a tunnel, or that one, where it is UDP */
            memcpy(f.bytes + (i % 4 < 2 ? ETHERNET + IP4 : ETHERNET + IP6) + 2,
                   (const uint8_t[]){0x12, (uint8_t)(0xb0 + i % 16)}, 2);
        uint32_t before = ETHERNET;
        if (random() % 2) { /* one tag */
            static const uint8_t tag[] = {0x81, 0, 0, 7};
            before += sizeof tag;
            memmove(f.bytes + 16, f.bytes + 12, f.n - 12);
            memcpy(f.bytes + 12, tag, sizeof tag);
            f.n += (uint32_t)sizeof tag;
        }
        unsigned changes = (unsigned)random() % 3;
        for (unsigned k = 0; k < changes; k++)
            f.bytes[before + (unsigned)random() % (f.n - before)] = (uint8_t)random();
        uint32_t caplen =
            random() % 4 == 0 ? before + (uint32_t)random() % (f.n - before + 1) : f.n;
        assert_both_paths_agree(f.bytes, caplen, before);
    }
}

static void truncated_frame_is_never_read_past_its_end(void **state) {
    struct packet all[SAMPLES];
    struct packet relayed = {0};
    uint8_t *end = guarded_end();
    (void)state;
    for (unsigned i = 0; i < samples(all); i++)
        assert_safe_at_every_length(end, &all[i]);
    ADD(&relayed, 0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0); /* frame relay, SNAP */
    assert_safe_at_every_length(end, &relayed);
    free_guarded(end);
}

static void random_bytes_are_never_read_past_their_end(void **state) {
    uint8_t *end = guarded_end();
    (void)state;
    srandom(1);
    for (unsigned i = 0; i < 400000; i++) {
        uint32_t n = (uint32_t)random() % 128;
        uint8_t *bytes = end - n;
        enum link_layer link = (enum link_layer)(random() % LINK_COUNT);
        for (uint32_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)random();
        if (n > ETHERNET + IP4 && random() % 4 != 0) { /* else few get beyond the ethertype */
            static const uint8_t types[][2] = {{8, 0}, {0x86, 0xdd}, {0x81, 0}, {0, 40}};
            static const uint8_t protos[] = {6, 17, 0, 43, 44, 51, 60, 58, 132, 33};
            memcpy(bytes + 12, types[random() % 4], 2);
            bytes[14] = random() % 2 ? 0x45 : 0x60;
            bytes[bytes[14] == 0x45 ? 23 : 20] = protos[random() % 10];
            link = LINK_ETHERNET;
        }
        struct decoded d;
        decode(bytes, n, link, &by_default, &d);
        assert_consistent(&d, n);
    }
    free_guarded(end);
}

static void headers_beyond_what_an_offset_holds_count_as_cut_off(void **state) {
    uint32_t n = 70000;
    uint8_t *bytes = calloc(1, n);
    (void)state;
    assert_non_null(bytes);
    for (uint32_t i = 12; i + 1 < n; i += 4)
        memcpy(bytes + i, "\x81\x00", 2);
    struct decoded d;
    decode(bytes, n, LINK_ETHERNET, &by_default, &d);
    assert_reason(&d, FB_DECODE_VLAN_SHORT);
    assert_int_equal(key_kind(&d), FB_KEY_MAC);
    free(bytes);
}

/* What is cut or broken, how it is counted, and what the key still holds. */
static void check_cut(struct packet f, uint32_t n, enum fb_decode_reason reason,
                      enum fb_key_kind kind) {
    f.n = n;
    struct decoded d = decoded(&f);
    assert_reason(&d, reason);
    assert_int_equal(key_kind(&d), kind);
    assert_int_equal(d.flags, FB_F_MALFORMED);
}

static void each_malformation_has_its_reason_and_the_best_key(void **state) {
    (void)state;
    struct packet f = tcp4();
    check_cut(f, 13, FB_DECODE_LINK_SHORT, FB_KEY_NONE);
    check_cut(vlans(1), 17, FB_DECODE_VLAN_SHORT, FB_KEY_MAC);
    check_cut(f, 14, FB_DECODE_IP4_SHORT, FB_KEY_MAC);
    check_cut(f, 33, FB_DECODE_IP4_SHORT, FB_KEY_MAC);
    check_cut(tcp6(), 53, FB_DECODE_IP6_SHORT, FB_KEY_MAC);
    check_cut(tcp6(), 14, FB_DECODE_IP6_SHORT, FB_KEY_MAC);
    check_cut(f, 37, FB_DECODE_TCP_SHORT, FB_KEY_IP4);
    check_cut(f, 53, FB_DECODE_TCP_SHORT, FB_KEY_IP4);
    check_cut(udp4(), 41, FB_DECODE_UDP_SHORT, FB_KEY_IP4);
    check_cut(icmp_message(1, 8, 0), 35, FB_DECODE_ICMP_SHORT, FB_KEY_IP4);
    check_cut(extended(), ETHERNET + IP6 + 20, FB_DECODE_IP6_EXT_SHORT, FB_KEY_IP6);
    static const uint8_t header[12] = {0, 1, 0, 2, 2};
    check_cut(transport4(132, header, 11), ETHERNET + IP4 + 11, FB_DECODE_SCTP_SHORT, FB_KEY_IP4);
    check_cut(transport4(33, header, 12), ETHERNET + IP4 + 12, FB_DECODE_DCCP_SHORT, FB_KEY_IP4);
    f.bytes[ETHERNET] = 0x75;
    check_cut(f, f.n, FB_DECODE_IP_VERSION, FB_KEY_MAC);
    f.bytes[ETHERNET] = 0x44;
    check_cut(f, f.n, FB_DECODE_IP4_HEADER_LENGTH, FB_KEY_IP4);
    f.bytes[ETHERNET] = 0x46;
    f.bytes[ETHERNET + 3] = 23;
    check_cut(f, f.n, FB_DECODE_IP4_TOTAL_LENGTH, FB_KEY_IP4);
    f = tcp4();
    f.bytes[46] = 0x40;
    check_cut(f, f.n, FB_DECODE_TCP_HEADER_LENGTH, FB_KEY_IP4);
    f.bytes[46] = 0x70;
    check_cut(f, f.n, FB_DECODE_TCP_HEADER_LENGTH, FB_KEY_IP4);
    f.bytes[46] = 0x60; /* one word of options, captured but for its last byte */
    check_cut(f, f.n - 1, FB_DECODE_TCP_SHORT, FB_KEY_IP4);
    f = udp4();
    f.bytes[39] = 13;
    check_cut(f, f.n, FB_DECODE_UDP_LENGTH, FB_KEY_IP4);
    f.bytes[39] = 7;
    check_cut(f, f.n, FB_DECODE_UDP_LENGTH, FB_KEY_IP4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_path_gives_what_the_slow_path_gives),
        cmocka_unit_test(truncated_frame_is_never_read_past_its_end),
        cmocka_unit_test(random_bytes_are_never_read_past_their_end),
        cmocka_unit_test(headers_beyond_what_an_offset_holds_count_as_cut_off),
        cmocka_unit_test(each_malformation_has_its_reason_and_the_best_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
