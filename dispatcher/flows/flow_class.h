/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FLOW_CLASS_H
#define DISPATCHER_FLOWS_FLOW_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"

/*
 * How long a flow may be idle: its class, from what its packets have shown.
 * One byte of state per flow, one table look-up per packet.
 *
 *             data, or both directions              FIN both ways,
 *             seen and not SYN alone                or RST
 *   tcp-opening ----------------> tcp-established ----------------> tcp-closing
 *        |                              ^                             ^   |
 *        |                              +-----------------------------|---+
 *        |                                 data both ways after RST   |
 *        +------------------------------------------------------------+
 *                        RST
 *
 *   udp-oneway -----> udp-twoway                      other
 *          a packet the other way
 *
 *   SYN without ACK:  on tcp-opening nothing (sent again), on tcp-established
 *   counted, on tcp-closing the flow is reused: it ends and another begins.
 *
 * A flow that begins in mid-stream, with data or an ACK and no SYN, is picked up
 * as established: of an old connection perhaps one direction passes here, with a
 * minute between packets. Until its second packet it is the first to be evicted,
 * so that a flood of forged ACKs takes the place of nothing but itself.
 *
 * What a SYN carries is no data: a flood of SYNs that carry some stays opening.
 * `tcp-closing=never` takes FIN, RST and reuse out: no flow is ever tcp-closing.
 * Packets in tcp-closing re-arm its timer as they do in every class.
 *
 * The state: family in bits 0-1; bits 2-3 the halves of what makes the flow
 * established; bits 4-5 FIN seen in direction 0, 1; bit 6 RST seen; bit 7, of TCP,
 * a packet in direction 1 seen, which no class depends on.
 *
 *   family, RST      half A             half B               both
 *   tcp, no RST      direction 1 seen   not SYN alone seen   established
 *   tcp, RST         data direction 0   data direction 1     picked up, one packet so far
 *   udp              direction 1 seen   -                    -
 *
 * Where both directions carry data after an RST, the RST is forgotten: the flow is
 * established, so that the last state of that row is free for what is picked up.
 * An RST forgets the halves and the FINs: a forged one moves no flow for long.
 * Dispatcher only.
 */

/* X(ID, name, default timeout in seconds) */
#define FLOW_CLASSES(X)                                                                            \
    X(TCP_OPENING, "tcp-opening", 30)                                                              \
    X(TCP_ESTABLISHED, "tcp-established", 3600)                                                    \
    X(TCP_CLOSING, "tcp-closing", 10)                                                              \
    X(UDP_ONEWAY, "udp-oneway", 30)                                                                \
    X(UDP_TWOWAY, "udp-twoway", 180)                                                               \
    X(OTHER, "other", 60)

enum flow_class {
#define X(id, name, seconds) FLOW_CLASS_##id,
    FLOW_CLASSES(X)
#undef X
        FLOW_CLASSES_NAMED,
    /* One packet of an established flow, its first: the timeout is that of tcp-established. */
    FLOW_CLASS_TCP_PICKED_UP = FLOW_CLASSES_NAMED,
    FLOW_CLASS_COUNT
};

/* As --timeout has them. */
extern const char *const flow_class_names[FLOW_CLASSES_NAMED];

/* Every class once, the least valuable first: whose oldest flow goes when the table is full. */
extern const enum flow_class flow_eviction_order[FLOW_CLASS_COUNT];

#define FLOW_TIMEOUT_NEVER UINT32_MAX  /* in seconds and in ticks */
#define FLOW_TIMEOUT_MAX_S 31536000u   /* a year; 2^30 ticks at 32 a second */
#define FLOW_MAX_TICKS_PER_SECOND 128u /* so that the longest timeout is below 2^32 ticks */

struct flow_timeouts {
    uint32_t seconds[FLOW_CLASSES_NAMED]; /* 1 to FLOW_TIMEOUT_MAX_S, or FLOW_TIMEOUT_NEVER */
};

/* Sets the defaults. */
void flow_timeouts_init(struct flow_timeouts *t);

/*
 * Applies CLASS=SECONDS|never[,...] to *t; `all` sets every class, later items
 * win. Returns 0, or -EINVAL with *t unchanged and one line in error: what was
 * wrong, with which value, and the fix.
 */
int flow_timeouts_parse(struct flow_timeouts *t, const char *text, char *error, size_t error_size);

/* The longest timeout that is not `never`, in seconds; 0 if all are. */
uint32_t flow_timeouts_longest_s(const struct flow_timeouts *t);

enum flow_state_bit {
    FLOW_FAMILY_OTHER = 0,
    FLOW_FAMILY_UDP = 1,
    FLOW_FAMILY_TCP = 2,
    FLOW_FAMILY_MASK = 3,
    FLOW_HALF_A = 1 << 2,
    FLOW_HALF_B = 1 << 3,
    FLOW_HALVES = FLOW_HALF_A | FLOW_HALF_B,
    FLOW_FIN_0 = 1 << 4,
    FLOW_FIN_1 = 1 << 5,
    FLOW_FINS = FLOW_FIN_0 | FLOW_FIN_1,
    FLOW_RST = 1 << 6,
    FLOW_PICKED_UP = FLOW_RST | FLOW_HALVES,
    FLOW_REVERSE = 1 << 7,
    FLOW_STATES = 1 << 8,
};

/* What a packet says: the three low TCP flags as they are in the header, data, direction. */
enum flow_event_bit {
    FLOW_EVENT_FIN = 1 << 0,
    FLOW_EVENT_SYN = 1 << 1,
    FLOW_EVENT_RST = 1 << 2,
    FLOW_EVENT_TCP = FLOW_EVENT_FIN | FLOW_EVENT_SYN | FLOW_EVENT_RST,
    FLOW_EVENT_DATA_BIT = 3,
    FLOW_EVENT_DIR_BIT = 4,
    FLOW_EVENTS = 1 << 5,
};

#define FLOW_TCP_ACK 0x10u /* of the header's flags; it matters in a first packet only */

/* What a SYN without ACK means to a flow that is there already. */
enum flow_syn {
    FLOW_SYN_NOTHING, /* no such SYN, or one sent again */
    FLOW_SYN_STRAY,   /* on a live flow: to be counted (FB_RUN_SYN_ON_LIVE_FLOW), the flow stays */
    FLOW_SYN_REUSE,   /* end the flow (FB_END_REUSED) and begin one with this packet */
};

/* The timeouts made ready for the data path; 8.5 KB, of which a run touches a few lines. */
struct flow_rules {
    uint8_t next[FLOW_STATES][FLOW_EVENTS];
    uint8_t class_of[FLOW_STATES];
    uint8_t syn_in_class[FLOW_CLASS_COUNT];
    uint32_t timeout_ticks[FLOW_CLASS_COUNT]; /* or FLOW_TIMEOUT_NEVER */
};

/* ticks_per_second: at most FLOW_MAX_TICKS_PER_SECOND. */
void flow_rules_init(struct flow_rules *r, const struct flow_timeouts *t,
                     uint32_t ticks_per_second);

static inline unsigned flow_event(unsigned dir, unsigned tcp_flags, uint32_t payload_len) {
    return (tcp_flags & FLOW_EVENT_TCP) | (unsigned)(payload_len != 0) << FLOW_EVENT_DATA_BIT |
           (dir & 1u) << FLOW_EVENT_DIR_BIT;
}

/*
 * The state after one more packet. dir: 0 is the direction of the flow's first
 * packet, 1 the reverse. tcp_flags: byte 13 of the TCP header, payload_len: the
 * bytes behind it; both 0 where the header is not there, any value if not TCP.
 */
static inline uint8_t flow_state_next(const struct flow_rules *r, uint8_t state, unsigned dir,
                                      unsigned tcp_flags, uint32_t payload_len) {
    return r->next[state][flow_event(dir, tcp_flags, payload_len)];
}

/* The state after a flow's first packet. proto: IP protocol number, 0 if there is none. */
static inline uint8_t flow_state_first(const struct flow_rules *r, uint8_t proto,
                                       unsigned tcp_flags, uint32_t payload_len) {
    uint8_t family = proto == 6    ? FLOW_FAMILY_TCP
                     : proto == 17 ? FLOW_FAMILY_UDP
                                   : FLOW_FAMILY_OTHER;
    bool mid_stream = (tcp_flags & (FLOW_EVENT_SYN | FLOW_EVENT_RST)) == 0 &&
                      ((tcp_flags & FLOW_TCP_ACK) != 0 || payload_len != 0);
    uint8_t state = flow_state_next(r, family, 0, tcp_flags, payload_len);
    return family == FLOW_FAMILY_TCP && mid_stream ? state | FLOW_PICKED_UP : state;
}

static inline enum flow_class flow_state_class(const struct flow_rules *r, uint8_t state) {
    return (enum flow_class)r->class_of[state];
}

/*
 * Whether a TCP flow was a connection, as far as its packets show: both directions were seen, or
 * one with more than SYNs and RSTs, more than the one packet that it was picked up by, and no
 * RST, since that makes forget what was before.
 */
static inline bool flow_state_is_connection(uint8_t state) {
    if ((state & FLOW_FAMILY_MASK) != FLOW_FAMILY_TCP)
        return false;
    return (state & FLOW_REVERSE) != 0 || (state & (FLOW_RST | FLOW_HALF_B)) == FLOW_HALF_B;
}

/* Whether a flow's first packet shows which of its ends opened it, as the SYN of a connection does,
 * or its direction is guessed. proto, tcp_flags: as of flow_state_first(). */
static inline bool flow_direction_is_guessed(uint8_t proto, unsigned tcp_flags) {
    return proto == 6 && (tcp_flags & (FLOW_EVENT_TCP | FLOW_TCP_ACK)) != FLOW_EVENT_SYN;
}

/* A SYN without ACK. */
static inline bool flow_is_syn(unsigned tcp_flags) {
    return (tcp_flags & 0x17u) == 0x02u; /* of ACK, RST, SYN, FIN only SYN */
}

/* To be asked before flow_state_next(): what this packet means if it is a SYN without ACK. */
static inline enum flow_syn flow_syn_meaning(const struct flow_rules *r, uint8_t state,
                                             unsigned tcp_flags) {
    if (!flow_is_syn(tcp_flags))
        return FLOW_SYN_NOTHING;
    return (enum flow_syn)r->syn_in_class[flow_state_class(r, state)];
}

/* Why a flow of this class ends when its timer has run out. */
static inline enum fb_end_reason flow_expiry_reason(enum flow_class class) {
    return class == FLOW_CLASS_TCP_CLOSING ? FB_END_CLOSED : FB_END_TIMED_OUT;
}

#endif
