/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "dispatcher/flows/fragments.h"
#include "tests/fuzz/decode_input.h"

/*
 * dispatcher/decode/decode.c: decode() and decode_quoted() over any bytes. Each
 * frame is in a block of its own length, so that AddressSanitizer sees any read
 * beyond caplen.
 */

/* What is put behind a frame: nothing may come of it. */
#define BEHIND 128u

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_abort_on_failure();
    return 0;
}

/* Fields that are undefined stay as they were before. */
static struct decoded take(const uint8_t *bytes, uint32_t caplen, const struct decode_input *in) {
    struct decoded d;
    memset(&d, 0xa5, sizeof d);
    decode(bytes, caplen, in->link, &in->options, &d);
    return d;
}

static bool take_quoted(const uint8_t *bytes, uint32_t caplen, const struct decode_input *in,
                        struct decoded *d) {
    memset(d, 0x5a, sizeof *d);
    return decode_quoted(bytes, caplen, in->link, &in->options, d);
}

static unsigned kind_of(const struct decoded *d) {
    return (unsigned)d->key.word[4] & 0xffu;
}

static void offsets_are_in_the_frame(const struct decoded *d, uint32_t caplen) {
    bool ip = d->l3_off != FB_NO_OFFSET, transport = d->l4_off != FB_NO_OFFSET;
    assert_true(!ip || d->l3_off + (kind_of(d) == FB_KEY_IP6 ? 40u : 20u) <= caplen);
    assert_true(!transport || (ip && d->l4_off > d->l3_off && d->l4_off < caplen));
    assert_true(d->payload_off == FB_NO_OFFSET ||
                (transport && d->payload_off > d->l4_off && d->payload_off <= caplen));
    assert_true(d->payload_off != FB_NO_OFFSET || d->payload_len == 0);
    assert_int_equal(ip, kind_of(d) == FB_KEY_IP4 || kind_of(d) == FB_KEY_IP6);
}

/* No part of a descriptor or a key has a value that its reader does not know. */
static void values_are_valid(const struct decoded *d) {
    static const uint16_t known = FB_F_FRAGMENT | FB_F_TUNNEL | FB_F_MALFORMED;
    assert_true(d->reason < FB_DECODE_COUNT);
    assert_true(d->swapped <= 1);
    assert_int_equal(d->flags & ~known, 0);
    assert_true(kind_of(d) <= FB_KEY_IP6);
    assert_true(d->l3_off != FB_NO_OFFSET || (d->proto == 0 && (d->flags & FB_F_TUNNEL) == 0));
    assert_true(d->reason != FB_DECODE_OK || (d->flags & FB_F_MALFORMED) == 0);
}

static void fragment_is_where_it_is_said_to_be(const uint8_t *bytes, uint32_t caplen,
                                               const struct decoded *d) {
    struct fragment f;
    if ((d->flags & FB_F_FRAGMENT) == 0)
        return;
    assert_true(d->fragment_off <= d->l3_off);
    assert_true(fragment_read(bytes, caplen, d->fragment_off, d->fragment_extension_off,
                              d->fragment_scope, &f));
    assert_true(f.more || f.offset != 0);
}

static void options_are_kept(const struct decode_input *in, const struct decoded *d) {
    assert_false(in->options.outer && (d->flags & FB_F_TUNNEL) != 0);
    if ((d->flags & FB_F_FRAGMENT) != 0 && !in->options.key_vlan && !in->options.key_tunnel)
        assert_true(d->fragment_scope == 0);
}

static void all_of_it_holds(const uint8_t *bytes, uint32_t caplen, const struct decode_input *in,
                            const struct decoded *d) {
    offsets_are_in_the_frame(d, caplen);
    values_are_valid(d);
    fragment_is_where_it_is_said_to_be(bytes, caplen, d);
    options_are_kept(in, d);
}

/* Whether the packet says how long it is: else that depends on what is around it. */
static bool says_its_length(const uint8_t *ip, uint32_t n) {
    unsigned at = n != 0 && ip[0] >> 4 == 6 ? 4 : 2;
    return n >= at + 2 && (ip[at] | ip[at + 1]) != 0;
}

/* The packet that is quoted has the flow that it would have by itself, or no sound IP header. */
static void quote_is_a_packet(const uint8_t *bytes, const struct decode_input *in,
                              const struct decoded *error, bool found, const struct decoded *d) {
    const uint32_t unsound = 1u << FB_DECODE_IP4_SHORT | 1u << FB_DECODE_IP4_HEADER_LENGTH |
                             1u << FB_DECODE_IP4_TOTAL_LENGTH;
    bool by_itself = in->link == LINK_RAW || in->link == LINK_IPV4 || in->link == LINK_IPV6;
    if (!by_itself || error->reason != FB_DECODE_ICMP_ERROR || (error->flags & FB_F_TUNNEL) != 0)
        return;
    const uint8_t *quote = bytes + error->payload_off;
    uint32_t n = in->caplen - error->payload_off;
    n = n < error->payload_len ? n : error->payload_len;
    if (!says_its_length(quote, n))
        return;
    struct decode_input raw = {.link = LINK_RAW, .options = in->options};
    struct decoded packet = take(quote, n, &raw);
    bool sound = packet.l3_off != FB_NO_OFFSET &&
                 (packet.reason >= 32 || (unsound >> packet.reason & 1) == 0);
    assert_int_equal(found, sound);
    if (!found)
        return;
    assert_memory_equal(&d->key, &packet.key, sizeof packet.key);
    assert_int_equal(d->swapped, packet.swapped);
    assert_int_equal(d->l3_off, packet.l3_off + error->payload_off);
    assert_int_equal(d->flags & (FB_F_TUNNEL | FB_F_FRAGMENT),
                     packet.flags & (FB_F_TUNNEL | FB_F_FRAGMENT));
}

/* The quote of a frame, if it has one that is an IP packet. */
static void judge_quote(const uint8_t *bytes, const struct decode_input *in,
                        const struct decoded *error, const uint8_t *with_more_behind) {
    struct decoded one, two;
    bool found = take_quoted(bytes, in->caplen, in, &one);
    assert_int_equal(take_quoted(with_more_behind, in->caplen, in, &two), found);
    quote_is_a_packet(bytes, in, error, found, &one);
    if (!found)
        return;
    all_of_it_holds(bytes, in->caplen, in, &one);
    assert_int_not_equal(one.l3_off, FB_NO_OFFSET);
    assert_memory_equal(&one, &two, sizeof one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct decode_input in;
    if (!decode_input_read(data, size, &in))
        return 0;
    uint8_t *exact = malloc(in.caplen);
    uint8_t *longer = malloc(in.caplen + BEHIND);
    assert_true(longer != NULL && (exact != NULL || in.caplen == 0));
    if (in.caplen != 0)
        memcpy(exact, in.bytes, in.caplen);
    for (uint32_t i = 0; i < in.caplen + BEHIND; i++)
        longer[i] = in.caplen == 0 ? 0x45 : in.bytes[i % in.caplen];

    struct decoded first = take(exact, in.caplen, &in);
    all_of_it_holds(exact, in.caplen, &in, &first);
    struct decoded again = take(exact, in.caplen, &in);
    assert_memory_equal(&first, &again, sizeof first);
    struct decoded more_behind = take(longer, in.caplen, &in);
    assert_memory_equal(&first, &more_behind, sizeof first);
    if (first.reason == FB_DECODE_ICMP_ERROR)
        assert_int_not_equal(first.payload_off, FB_NO_OFFSET);
    judge_quote(exact, &in, &first, longer);

    free(exact);
    free(longer);
    return 0;
}
