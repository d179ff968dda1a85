/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_ICMP_PAIRS_H
#define FLOW_BALANCER_COMMON_ICMP_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which ICMP and ICMPv6 messages answer each other, as the Community ID
 * specification, version 1, lists them: a query has its own type where a port
 * would be at the sender and the answering type at the receiver. All other
 * types are one-way and have type and code there.
 * Types: RFC 792, 950, 1256 (ICMP); RFC 4443, 2710, 4861, 4620, 6275 (ICMPv6).
 */
#define FB_PROTO_ICMP 1u
#define FB_PROTO_ICMP6 58u

/* X(protocol, type, type that answers it), each pair once. */
#define FB_ICMP_PAIRS(X)                                                                           \
    X(FB_PROTO_ICMP, 8u, 0u)      /* echo, echo reply */                                           \
    X(FB_PROTO_ICMP, 10u, 9u)     /* router solicitation, advertisement */                         \
    X(FB_PROTO_ICMP, 13u, 14u)    /* timestamp, reply */                                           \
    X(FB_PROTO_ICMP, 15u, 16u)    /* information request, reply */                                 \
    X(FB_PROTO_ICMP, 17u, 18u)    /* address mask request, reply */                                \
    X(FB_PROTO_ICMP6, 128u, 129u) /* echo request, reply */                                        \
    X(FB_PROTO_ICMP6, 130u, 131u) /* multicast listener query, report */                           \
    X(FB_PROTO_ICMP6, 133u, 134u) /* router solicitation, advertisement */                         \
    X(FB_PROTO_ICMP6, 135u, 136u) /* neighbour solicitation, advertisement */                      \
    X(FB_PROTO_ICMP6, 139u, 140u) /* node information query, response */                           \
    X(FB_PROTO_ICMP6, 144u, 145u) /* home agent address discovery request, reply */

/*
 * Finds the type that answers `type` of protocol `proto` (FB_PROTO_ICMP or
 * FB_PROTO_ICMP6). Returns true and stores it in *answer (the caller's); false
 * for a one-way type, then *answer is untouched. Any process, any thread;
 * cannot fail.
 */
static inline bool fb_icmp_answer(uint8_t proto, uint8_t type, uint8_t *answer) {
    switch ((unsigned)proto << 8 | type) {
#define X(p, query, reply)                                                                         \
    case (p) << 8 | (query):                                                                       \
        *answer = (uint8_t)(reply);                                                                \
        return true;                                                                               \
    case (p) << 8 | (reply):                                                                       \
        *answer = (uint8_t)(query);                                                                \
        return true;
        FB_ICMP_PAIRS(X)
#undef X
    default:
        return false;
    }
}

#endif
