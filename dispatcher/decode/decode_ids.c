/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

#include "flow_balancer/common/sip_round.h"

/* One block: what it is an id of, and the id. */
static void absorb(uint64_t v[4], uint64_t block) {
    v[3] ^= block;
    FB_SIP_ROUND(v[0], v[1], v[2], v[3]);
    v[0] ^= block;
}

/* Keeps an id for the record of the flow. Returns whether it is part of the key as well. */
static bool collect(struct cursor *c, struct collector *to, enum id_kind kind, uint32_t id) {
    if (kind == ID_VLAN || kind == ID_SERVICE) {
        if (kind == ID_VLAN && id != 0 && c->vlans < 2)
            to->vlan[c->vlans++] = (uint16_t)id;
        return to->asked->key_vlan;
    }
    to->last[c->tunnels].kind = kind;
    to->last[c->tunnels].id = id;
    return to->asked->key_tunnel;
}

/* Of the ids before a tunnel, that of PPPoE for one, the tunnel's own has the kind that it has. */
static bool is_id_of(enum fb_tunnel tunnel, enum id_kind kind) {
    switch (tunnel) {
    case FB_TUNNEL_GRE:
        return kind == ID_GRE_KEY || kind == ID_EOIP;
    case FB_TUNNEL_ERSPAN:
        return kind == ID_ERSPAN;
    case FB_TUNNEL_L2TP:
        return kind == ID_L2TP;
    case FB_TUNNEL_VXLAN:
    case FB_TUNNEL_GENEVE:
        return kind == ID_VNI;
    case FB_TUNNEL_GTP:
        return kind == ID_TEID;
    case FB_TUNNEL_LISP:
        return kind == ID_LISP;
    default:
        return false;
    }
}

void decode_collected(const struct cursor *c, struct decoded_ids *out) {
    const struct collector *from = c->options->collector;
    *out = (struct decoded_ids){.tunnel = (enum fb_tunnel)c->tunnel};
    for (unsigned i = 0; i < c->vlans; i++)
        out->vlan[i] = from->vlan[i];
    if (c->tunnels != 0 && is_id_of(out->tunnel, from->last[c->tunnels - 1].kind))
        out->tunnel_id = from->last[c->tunnels - 1].id;
    decode_digest(c, out->digest);
}

void decode_add_id(struct cursor *c, enum id_kind kind, uint32_t id) {
    struct collector *collector = c->options->collector;
    if (__builtin_expect(collector != NULL, 0) && !collect(c, collector, kind, id))
        return;
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

void decode_digest(const struct cursor *c, uint64_t digest[2]) {
    digest[0] = digest[1] = 0;
    if (c->ids == 0)
        return;
    uint64_t v[4];
    memcpy(v, c->cold->sip, sizeof v);
    absorb(v, (uint64_t)(c->ids * 8) << 56);
    v[2] ^= 0xee;
    digest[0] = squeeze(v);
    v[1] ^= 0xdd;
    digest[1] = squeeze(v);
}

/*
 * An IPv6 key has no free field, so the digest is XORed into the addresses. Two flows
 * with different ids get the same key only if their addresses differ exactly as their
 * digests do: in 128 bits that a sender who chooses the addresses does not know.
 */
void decode_put_ids(const struct cursor *c, struct fb_flow_key *key) {
    uint64_t digest[2];
    decode_digest(c, digest);
    key->word[0] ^= digest[0];
    key->word[2] ^= digest[1];
}
