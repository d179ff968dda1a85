/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_COMMUNITY_ID_H
#define WORKER_RECORDS_COMMUNITY_ID_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "flow_balancer/flow.h"

/*
 * Community ID, version 1, seed 0: a name for a flow that tools agree on,
 * "1:" and the base64 of the SHA-1 over seed, addresses, protocol and ports,
 * the lower endpoint first (github.com/corelight/community-id-spec).
 */
struct community_id {
    EVP_MD *sha1;
    EVP_MD_CTX *context;
};

/* "1:", 28 characters for the 20 bytes of SHA-1, and the final NUL. */
#define COMMUNITY_ID_SIZE 31u

/* Which packet: as the descriptor tells it (struct fb_desc). */
struct community_id_packet {
    const uint8_t *bytes; /* caplen of them, read during the call only */
    uint32_t caplen;
    uint16_t l3_off; /* IPv4 or IPv6 header, or FB_NO_OFFSET */
    uint16_t l4_off; /* transport header with ports or ICMP type and code, or FB_NO_OFFSET */
    uint8_t proto;
};

/*
 * Makes *id ready: fetches SHA-1 and a context, owned by *id until
 * community_id_fini(). Worker, once. Returns 0, or -errno after one logged line.
 */
int community_id_init(struct community_id *id);

/* Frees what community_id_init() took; cannot fail. Worker, once; *id is unusable then. */
void community_id_fini(struct community_id *id);

/*
 * Writes the ID of one packet and a NUL to text, which the caller owns. What
 * has ports (TCP, UDP, SCTP, ICMP, ICMPv6) but no l4_off, as a later fragment,
 * is named by addresses and protocol. Never reads past caplen. Worker, one
 * thread per *id. Returns false, with "-" in text, where there is no IP header
 * or libcrypto failed.
 */
bool community_id_of(struct community_id *id, const struct community_id_packet *packet,
                     char text[COMMUNITY_ID_SIZE]);

/*
 * The same of a flow, from its record: what community_id_of() gives for each of its packets.
 * has_ports: false if all that was seen of it are later fragments.
 */
bool community_id_of_flow(struct community_id *id, const struct fb_flow *flow, bool has_ports,
                          char text[COMMUNITY_ID_SIZE]);

#endif
