/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_H
#define WORKER_RECORDS_EVE_H

#include <stdint.h>

#include <jansson.h>

#include "flow_balancer/inspector.h"

/*
 * ---- worker/records/: what inspectors found, as records that leave the process
 *
 * Records in Suricata's EVE JSON: one object a line (flow-balancer-eve(7)). The files eve*.c make
 * the lines; sinks.h says where they go. One thread, the worker's main one.
 *
 *   eve.c           from the claim to the end
 *   eve_event.c     what all events have, and from the object to the line
 *   eve_flow.c      the event `flow`, and what is counted for it
 *   eve_tcp.c       how far a TCP connection has come
 *   eve_anomaly.c   the event `anomaly`: malformed packets
 *   eve_stats.c     the event `stats`
 *   eve_inspector.c events of inspectors
 *   community_id.c  the name of a flow that tools agree on
 *   sinks.h         where lines go
 *
 * It may read packets and records of flows, and write to what it is given. It knows nothing of
 * rings, claims, the dispatcher or other workers, nor which inspector calls it.
 */

/* What a flow's record says beyond struct fb_flow; in the inspector's state of the flow, zero when
 * the flow starts. Flat: no pointer. Numbers are of what this process has seen. */
struct eve_flow {
    uint64_t packets[2]; /* from the sender of the flow's first packet, and to it */
    uint64_t bytes[2];   /* of these frames on the wire */
    uint64_t first_ns, last_ns;
    uint64_t lost; /* packets that were dropped before this process could get them */
    uint32_t redelivered, malformed;
    uint8_t icmp[2][2]; /* type and code of the first message each way */
    uint8_t tcp_flags[2];
    uint8_t tcp_state; /* enum eve_tcp_state */
    uint8_t marks;     /* eve_flow.c */
};

/* Takes a packet of the flow into account, the first one too. */
void eve_flow_packet(struct eve_flow *flow, const struct fb_packet *packet);

/*
 * Writes the event `flow` of a flow that ended. flow: NULL if this process had no packet of it, but
 * one before it (fb_setup.all_ends). app_proto: Suricata's name of the application
 * protocol, or NULL if it is not known. more: an object whose members are added to the event
 * (such as {"ndpi": {...}}), which stays the caller's, or NULL; members that the event has are not
 * replaced. Returns 0, FB_OUTPUT_FAILED (call it again with the same arguments), or -ENOMEM after
 * one logged line. Does nothing where there is no sink.
 */
int eve_flow_write(const struct eve_flow *flow, const struct fb_flow_end *end,
                   const char *app_proto, json_t *more);

/*
 * A string of bytes that came from a packet or a name: what is no UTF-8 has a '?' for each byte
 * beyond ASCII. NULL if there is no memory, which json_object_set_new() takes and fails.
 */
json_t *eve_text(const char *bytes, size_t length);

/*
 * A number is claimed: whose events these are. run: the same for all processes of a run and another
 * for each run; ids of flows differ by it. Before the first packet, after sinks are there. Returns
 * 0, or -errno after one logged line.
 */
int eve_claimed(const struct fb_instance *instance, uint64_t run);

/* What a worker has counted since it claimed its number, for the event `stats`. */
struct eve_counts {
    uint64_t packets, bytes; /* captured bytes */
    uint64_t flows;          /* begun here, or taken up in mid-stream */
    uint64_t flows_ended;
};

/* Between packets, as often as is convenient: writes `stats` when its time has come. now_ns:
 * CLOCK_MONOTONIC. counts NULL: there is no such event. */
void eve_tick(uint64_t now_ns, const struct eve_counts *counts);

/* The last packet has come: writes the last `stats`, unless counts is NULL, and what has waited,
 * until until_ns. */
void eve_finish(const struct eve_counts *counts, uint64_t until_ns);

/*
 * Writes an event of an inspector, as fb_host.event() has it. Returns 0, FB_OUTPUT_FAILED, -ENOMEM
 * after one logged line, or -EINVAL with what is wrong in refusal.
 */
#define EVE_REFUSAL_SIZE 256u
int eve_inspector_event(const char *inspector, const struct fb_host_event *given,
                        char refusal[EVE_REFUSAL_SIZE]);

/* A flow is over: whether it had an alert is forgotten. */
void eve_forget_flow(const struct fb_flow *flow);

/* Frees what the others took. */
void eve_close(void);

#endif
