/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FLOWS_H
#define DISPATCHER_FLOWS_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/names.h"
#include "flow_balancer/region.h"

#include "dispatcher/flows/flow_class.h"
#include "dispatcher/flows/flow_table.h"
#include "dispatcher/flows/handles.h"
#include "dispatcher/flows/key_hash.h"
#include "dispatcher/flows/pairs.h"
#include "dispatcher/flows/timer_wheel.h"
#include "dispatcher/flows/top.h"

/*
 * The room of the flows: which flow a packet belongs to, and for how long.
 *
 *   flows.c                     the flows that are alive
 *   flow_table.c, key_hash.c    from a key to its flow
 *   flow_class.c                protocol states and timeouts
 *   timer_wheel.c               when a flow is due
 *   flow_clock.h                what time it is
 *   top.c                       the largest
 *   pairs.h                     from which interface each direction came
 *   handles.c, forwards.c       the small numbers under which a worker knows its flows;
 *                               where flows of a lost worker went
 *   fragments.c, fragments_read.c
 *                               IP fragments: which datagram each belongs to
 *
 * Private memory of the dispatcher. It knows frames and keys, but no worker beyond its
 * number, no ring, and nothing shared.
 *
 * The flows that are alive: table, timers, protocol state and ends in one.
 * Dispatcher only, one thread.
 *
 *   flow_expired()          whether a packet finds its flow overdue or re-used: end it first
 *   flows_create()        a new flow; evicts the oldest of the least valuable class if full
 *   flows_touch()         a packet of a flow: time, protocol state, class
 *   flows_bind()          gives the flow a handle of its worker
 *   flows_expire()        ends what is overdue, a bounded number per call
 *
 * Timers are lazy: a packet stores only the time of its arrival, and a timer
 * that comes due for a flow that was used since is set again. Each class has a
 * wheel of its own, so the front of a wheel is also the oldest of its class.
 * A class that never times out has its flows in a wheel too, for eviction
 * alone: its timers are never looked at otherwise.
 *
 * The end of a bound flow goes to its worker's list of pending ends.
 *
 * A worker that is lost takes no table scan: the tick of its loss is noted, and
 * a flow bound to it whose last packet is not later has no worker any more. No
 * packet has a tick between, since the clock steps on at a loss; a flow bound
 * later to the number's next process was touched later. Who looks at a binding
 * asks flows_has_worker(), or flows_forget_lost() before it touches the flow.
 */
struct flows {
    struct flow_table table;
    struct key_hash hash;
    struct flow_rules rules;
    struct timer_wheel wheels[FLOW_CLASS_COUNT];
    uint32_t pace_ticks[FLOW_CLASS_COUNT]; /* after its last packet, when a flow's timer is due */
    struct timer_link *links;
    struct key_digest {
        uint64_t word[2];
    } * digests; /* by flow: what is over word[0] and word[2] of its key; NULL: keys have none */
    struct handles *const *handles;      /* by worker number */
    uint32_t lost_ticks[FB_MAX_WORKERS]; /* see flows_lose() */
    uint32_t now;                        /* tick */
    uint32_t expired;                    /* tick of which all that is due has ended; 0: none */
    unsigned expire_first;               /* class that leads the next expiry */
    uint64_t ends_pending;               /* at all workers; staging takes them off */
    uint64_t created;
    uint64_t ended[FB_END_COUNT];
    uint64_t peak;
    uint64_t stray_syns;
    struct top top; /* the largest */
    struct pairs pairs;
    struct fb_region region;
};

#define FLOW_EXPIRE_BUDGET 64u /* due timers looked at per burst: twice what a burst can start */

struct flows_config {
    uint32_t max_flows;
    const struct flow_timeouts *timeouts; /* read by flows_init() only */
    uint32_t ticks_per_second;
    enum fb_hugepages hugepages;
    uint64_t now_ns;                /* CLOCK_MONOTONIC */
    bool digests;                   /* keys of IPv6 may have a digest, which is kept beside them */
    struct handles *const *handles; /* by worker number; the caller's, outlive the flows */
};

/* Makes room for the flows. Returns 0, or -errno after one logged line. */
int flows_init(struct flows *flows, const struct flows_config *config);
void flows_fini(struct flows *flows);

/*
 * Ends a flow for a reason. Its entry is free immediately; the end is pending at
 * its worker, or counted as worker_lost if it was never bound.
 */
void flows_end(struct flows *flows, uint32_t flow, enum fb_end_reason reason);

/* Creates the flow of a first packet. The caller made sure that there is none, and tells
 * pairs_forward() where that packet came from. */
uint32_t flows_create(struct flows *flows, uint64_t hash, const struct fb_flow_key *key,
                      bool swapped, uint8_t proto, unsigned tcp_flags, uint32_t payload_len);

/* Notes the digest that is in the key of an IPv6 flow; where digests are kept. */
static inline void flows_set_digest(struct flows *flows, uint32_t flow, const uint64_t digest[2]) {
    flows->digests[flow] = (struct key_digest){{digest[0], digest[1]}};
}

/* The key of a flow with its addresses as they are on the wire; where digests are kept. */
static inline struct fb_flow_key flows_clear_key(const struct flows *flows, uint32_t flow) {
    struct fb_flow_key key = flow_plain_key(&flows->table.entries[flow]);
    if (fb_flow_key_kind(&key) == FB_KEY_IP6) {
        key.word[0] ^= flows->digests[flow].word[0];
        key.word[2] ^= flows->digests[flow].word[1];
    }
    return key;
}

/* A packet of the flow that is looked at closer; off the fast path of flows_count(). */
void flows_offer(struct flows *flows, uint32_t flow, uint32_t wirelen);

/* Counts a packet in its flow, once a packet, wherever it goes. */
static inline void flows_count(struct flows *flows, uint32_t flow, uint32_t wirelen) {
    struct flow_entry *entry = &flows->table.entries[flow];
    if (__builtin_expect(top_is_sample(entry->seq), 0))
        flows_offer(flows, flow, wirelen);
    entry->seq++;
}

/* Gives the flow a handle of a worker. It was touched after that worker's last loss. */
void flows_bind(struct flows *flows, uint32_t flow, uint8_t worker);

/*
 * All flows bound to the worker have lost it. tick: no packet so far has a
 * later one, and every one to come has; or 0 if the clock cannot step, and
 * then the table is searched.
 */
void flows_lose(struct flows *flows, unsigned worker, uint32_t tick);

/* The live flow with this id, or NO_FLOW. */
uint32_t flows_by_id(const struct flows *flows, uint64_t flow_id);

/* A packet of the flow, if it is alive, was quarantined: at FLOW_QUARANTINED_MOST it is bypassed.
 */
void flows_count_quarantined(struct flows *flows, uint64_t flow_id);

/* Ends overdue flows, at most FLOW_EXPIRE_BUDGET timers a call. */
void flows_expire(struct flows *flows);

/* Ends up to count flows with the reason shutdown, from entry *from on. Returns false when all are.
 */
bool flows_end_all(struct flows *flows, uint32_t *from, uint32_t count);

/* Moves a flow's timer to the wheel of another class. */
void flows_change_class(struct flows *flows, uint32_t flow, enum flow_class from,
                        enum flow_class to);

/* It is this tick, or later if that was told already. */
static inline void flows_set_now(struct flows *flows, uint32_t tick) {
    flows->now = tick > flows->now ? tick : flows->now;
}

/* Whether a flow has a worker, which holds a handle of it. */
static inline bool flows_has_worker(const struct flows *flows, const struct flow_entry *entry) {
    return flow_is_bound(entry) && entry->last > flows->lost_ticks[entry->worker];
}

/* Unbinds a flow whose worker is lost. Returns true if it did. */
static inline bool flows_forget_lost(const struct flows *flows, struct flow_entry *entry) {
    if (__builtin_expect(entry->last > flows->lost_ticks[entry->worker], 1) ||
        !flow_is_bound(entry))
        return false;
    flow_clear_bits(entry, FLOW_BOUND);
    return true;
}

/*
 * True if the live flow ends before this packet: it is overdue by its class's
 * timeout though its timer was not looked at yet, or the packet is a new SYN
 * on a closing connection. *reason tells which.
 */
static inline bool flow_expired(const struct flows *flows, const struct flow_entry *entry,
                                unsigned tcp_flags, enum fb_end_reason *reason) {
    enum flow_class class = flow_state_class(&flows->rules, entry->state);
    uint32_t timeout = flows->rules.timeout_ticks[class];
    if (__builtin_expect(flows->now - entry->last >= timeout && timeout != FLOW_TIMEOUT_NEVER, 0)) {
        *reason = flow_expiry_reason(class);
        return true;
    }
    if (__builtin_expect(flow_syn_meaning(&flows->rules, entry->state, tcp_flags) == FLOW_SYN_REUSE,
                         0)) {
        *reason = FB_END_REUSED;
        return true;
    }
    return false;
}

/*
 * True if a packet of a flow that was given to a worker, and still has it, changes nothing of it
 * but the time of its last packet: flow_expired(), flows_forget_lost() and flows_touch() have
 * nothing to do.
 */
static inline bool flows_is_usual(const struct flows *flows, const struct flow_entry *entry,
                                  unsigned dir, unsigned tcp_flags, uint32_t payload_len) {
    enum flow_class class = flow_state_class(&flows->rules, entry->state);
    return flows->now - entry->last < flows->rules.timeout_ticks[class] &&
           entry->last > flows->lost_ticks[entry->worker] && !flow_is_syn(tcp_flags) &&
           flow_state_next(&flows->rules, entry->state, dir, tcp_flags, payload_len) ==
               entry->state;
}

/* Takes one more packet of a flow that is not over. True if it is the first of a TCP flow in the
 * other direction: pairs_reverse() has to be told. */
static inline bool flows_touch(struct flows *flows, uint32_t flow, unsigned dir, unsigned tcp_flags,
                               uint32_t payload_len) {
    struct flow_entry *entry = &flows->table.entries[flow];
    flows->stray_syns += flow_syn_meaning(&flows->rules, entry->state, tcp_flags) == FLOW_SYN_STRAY;
    uint8_t before = entry->state;
    uint8_t after = flow_state_next(&flows->rules, before, dir, tcp_flags, payload_len);
    entry->last = flows->now;
    if (after == before)
        return false;
    entry->state = after;
    enum flow_class from = flow_state_class(&flows->rules, before);
    enum flow_class to = flow_state_class(&flows->rules, after);
    if (from != to)
        flows_change_class(flows, flow, from, to);
    return ((after ^ before) & FLOW_REVERSE) != 0;
}

#endif
