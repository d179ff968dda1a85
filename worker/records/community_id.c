/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/community_id.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "flow_balancer/common/icmp_pairs.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/descriptor.h"

#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define PROTO_SCTP 132u

#define SHA1_BYTES 20u
#define PORT_BYTES 4u      /* both ports */
#define ICMP_TYPE_BYTES 2u /* type and code */
#define ADDRESS_MAX 16u

/* Seed, two addresses, protocol, padding, two ports. */
#define TUPLE_MAX (2u + 2 * ADDRESS_MAX + 2u + PORT_BYTES)

struct endpoints {
    const uint8_t *src;
    const uint8_t *dst;
    uint32_t address_bytes;
    bool has_ports;
    bool one_way;     /* not ordered: an ICMP message that nothing answers */
    uint8_t sport[2]; /* network byte order */
    uint8_t dport[2];
};

static bool find_addresses(const struct community_id_packet *p, struct endpoints *e) {
    if (p->l3_off >= p->caplen)
        return false;
    const uint8_t *h = p->bytes + p->l3_off;
    uint32_t left = p->caplen - p->l3_off;
    unsigned version = h[0] >> 4;
    if (version == 4 && left >= 20) {
        e->src = h + 12;
        e->address_bytes = 4;
    } else if (version == 6 && left >= 40) {
        e->src = h + 8;
        e->address_bytes = 16;
    } else {
        return false;
    }
    e->dst = e->src + e->address_bytes;
    return true;
}

static void find_ports(const struct community_id_packet *p, struct endpoints *e) {
    if (p->l4_off >= p->caplen)
        return;
    const uint8_t *h = p->bytes + p->l4_off;
    uint32_t left = p->caplen - p->l4_off;
    switch (p->proto) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_SCTP:
        if (left < PORT_BYTES)
            return;
        memcpy(e->sport, h, sizeof e->sport);
        memcpy(e->dport, h + 2, sizeof e->dport);
        e->has_ports = true;
        return;
    case FB_PROTO_ICMP:
    case FB_PROTO_ICMP6:
        if (left < ICMP_TYPE_BYTES)
            return;
        e->sport[1] = h[0];
        e->dport[1] = h[1];
        e->one_way = !fb_icmp_answer(p->proto, h[0], &e->dport[1]);
        e->has_ports = true;
        return;
    default: /* the specification knows no ports of other protocols, UDP-Lite and DCCP too */
        return;
    }
}

static bool in_order(const struct endpoints *e) {
    if (e->one_way)
        return true;
    int addresses = memcmp(e->src, e->dst, e->address_bytes);
    return addresses != 0 ? addresses < 0 : memcmp(e->sport, e->dport, sizeof e->sport) <= 0;
}

static size_t append(uint8_t *tuple, size_t used, const void *bytes, size_t n) {
    memcpy(tuple + used, bytes, n);
    return used + n;
}

static size_t build_tuple(const struct endpoints *e, uint8_t proto, uint8_t tuple[TUPLE_MAX]) {
    static const uint8_t seed[2] = {0, 0};
    bool keep = in_order(e);
    const uint8_t proto_and_padding[2] = {proto, 0};
    size_t n = append(tuple, 0, seed, sizeof seed);
    n = append(tuple, n, keep ? e->src : e->dst, e->address_bytes);
    n = append(tuple, n, keep ? e->dst : e->src, e->address_bytes);
    n = append(tuple, n, proto_and_padding, sizeof proto_and_padding);
    if (e->has_ports) {
        n = append(tuple, n, keep ? e->sport : e->dport, sizeof e->sport);
        n = append(tuple, n, keep ? e->dport : e->sport, sizeof e->dport);
    }
    return n;
}

int community_id_init(struct community_id *id) {
    id->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    id->context = EVP_MD_CTX_new();
    if (id->sha1 != NULL && id->context != NULL)
        return 0;
    fb_error("community ID: libcrypto offers no SHA-1: check its provider configuration");
    community_id_fini(id);
    return -ENOTSUP;
}

void community_id_fini(struct community_id *id) {
    EVP_MD_CTX_free(id->context);
    EVP_MD_free(id->sha1);
    id->context = NULL;
    id->sha1 = NULL;
}

static bool write_id(struct community_id *id, const struct endpoints *e, uint8_t proto,
                     char text[COMMUNITY_ID_SIZE]) {
    uint8_t tuple[TUPLE_MAX];
    uint8_t digest[SHA1_BYTES];
    size_t n = build_tuple(e, proto, tuple);
    if (EVP_DigestInit_ex2(id->context, id->sha1, NULL) != 1 ||
        EVP_DigestUpdate(id->context, tuple, n) != 1 ||
        EVP_DigestFinal_ex(id->context, digest, NULL) != 1)
        return false;
    memcpy(text, "1:", 2);
    EVP_EncodeBlock((unsigned char *)text + 2, digest, sizeof digest); /* writes the NUL too */
    return true;
}

bool community_id_of(struct community_id *id, const struct community_id_packet *packet,
                     char text[COMMUNITY_ID_SIZE]) {
    struct endpoints e = {0};
    memcpy(text, "-", 2);
    if (!find_addresses(packet, &e))
        return false;
    find_ports(packet, &e);
    return write_id(id, &e, packet->proto, text);
}

static void put_port(uint8_t bytes[2], uint16_t port) {
    bytes[0] = (uint8_t)(port >> 8);
    bytes[1] = (uint8_t)port;
}

/* The record has what find_ports() makes of ICMP: the type, and what answers it, or the code. */
static bool flow_has_ports(const struct fb_flow *flow) {
    switch (flow->proto) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_SCTP:
    case FB_PROTO_ICMP:
    case FB_PROTO_ICMP6:
        return true;
    default:
        return false;
    }
}

bool community_id_of_flow(struct community_id *id, const struct fb_flow *flow, bool has_ports,
                          char text[COMMUNITY_ID_SIZE]) {
    bool is_icmp = flow->proto == FB_PROTO_ICMP || flow->proto == FB_PROTO_ICMP6;
    uint8_t ignored;
    memcpy(text, "-", 2);
    if (flow->layer != FB_LAYER_IP4 && flow->layer != FB_LAYER_IP6)
        return false;
    struct endpoints e = {.src = flow->src,
                          .dst = flow->dst,
                          .address_bytes = flow->layer == FB_LAYER_IP4 ? 4 : ADDRESS_MAX};
    e.has_ports = has_ports && flow_has_ports(flow);
    e.one_way =
        e.has_ports && is_icmp && !fb_icmp_answer(flow->proto, (uint8_t)flow->src_port, &ignored);
    put_port(e.sport, flow->src_port);
    put_port(e.dport, flow->dst_port);
    return write_id(id, &e, flow->proto, text);
}
