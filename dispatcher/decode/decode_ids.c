/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

#include "flow_balancer/common/sip_round.h"

/* One block: what it is an id of, and the id. */
static void absorb(uint64_t v[4], uint64_t block) {
    v[3] ^= block;
    FB_SIP_ROUND(v[0], v[1], v[2], v[3]);
    v[0] ^= block;
}

void decode_add_id(struct cursor *c, enum id_kind kind, uint32_t id) {
    const uint64_t *k = c->options->secret;
    uint64_t *v = c->cold->sip;
    if (c->ids++ == 0) {
        v[0] = k[0] ^ UINT64_C(0x736f6d6570736575);
        v[1] = k[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee; /* 0xee: for 128 bits */
        v[2] = k[0] ^ UINT64_C(0x6c7967656e657261);
        v[3] = k[1] ^ UINT64_C(0x7465646279746573);
    }
    absorb(v, (uint64_t)kind << 32 | id);
}

static uint64_t squeeze(uint64_t v[4]) {
    for (unsigned i = 0; i < 3; i++)
        FB_SIP_ROUND(v[0], v[1], v[2], v[3]);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t decode_scope(const struct cursor *c) {
    if (c->ids == 0)
        return 0;
    uint64_t v[4];
    memcpy(v, c->cold->sip, sizeof v);
    absorb(v, (uint64_t)(c->ids * 8) << 56);
    v[2] ^= 0xff;
    return squeeze(v);
}

/*
 * An IPv6 key has no free field, so the digest is XORed into the addresses. Two flows
 * with different ids get the same key only if their addresses differ exactly as their
 * digests do: in 128 bits that a sender who chooses the addresses does not know.
 */
void decode_put_ids(const struct cursor *c, struct fb_flow_key *key) {
    uint64_t v[4];
    memcpy(v, c->cold->sip, sizeof v);
    absorb(v, (uint64_t)(c->ids * 8) << 56);
    v[2] ^= 0xee;
    key->word[0] ^= squeeze(v);
    v[1] ^= 0xdd;
    key->word[2] ^= squeeze(v);
}
