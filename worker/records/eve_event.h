/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_EVENT_H
#define WORKER_RECORDS_EVE_EVENT_H

/* How events are made: for the files eve*.c. */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "flow_balancer/inspector.h"

/* Whose events these are: as eve_claimed() has it, where there is a sink. */
int eve_event_claimed(const struct fb_instance *instance, uint64_t run);
void eve_event_close(void);

struct eve_event {
    json_t *root;
    json_t *ours; /* its member flow_balancer, or NULL before eve_begin_ours() */
    bool failed;  /* something could not be added: no memory */
};

/* What an event is about; flow NULL: about none. */
struct eve_subject {
    const char *type;
    uint64_t time_ns; /* since 1970 */
    const struct fb_flow *flow;
    bool reversed;  /* source is the receiver of the flow's first packet */
    bool has_ports; /* false: of the flow nothing but later fragments was seen */
};

/* Begins an event with what all of its kind have: time, flow, addresses. */
void eve_begin(struct eve_event *event, const struct eve_subject *subject);

/* Adds community_id, where the flow has one. */
void eve_put_community_id(struct eve_event *event, const struct eve_subject *subject);

/* Adds the object flow_balancer with worker and incarnation, and the flow's key where it is no IP.
 */
void eve_begin_ours(struct eve_event *event, const struct fb_flow *flow);

/* Adds a member to an object of the event; value is the event's then, NULL: no memory. */
void eve_put(struct eve_event *event, json_t *object, const char *key, json_t *value);
void eve_put_number(struct eve_event *event, json_t *object, const char *key, uint64_t value);
/* A text of ours, which is ASCII. */
void eve_put_word(struct eve_event *event, json_t *object, const char *key, const char *word);
void eve_put_time(struct eve_event *event, json_t *object, const char *key, uint64_t time_ns);

/* Hands the event to the sinks, as one line, and frees it. Returns 0, FB_OUTPUT_FAILED, or -ENOMEM
 * after one logged line. */
int eve_end(struct eve_event *event);

/*
 * The same for an event that no packet waits for: where a sink does not take it now it is kept,
 * goes before the next one, and 0 is returned. FB_OUTPUT_FAILED: one is kept already, and this one
 * is gone.
 */
int eve_end_later(struct eve_event *event);

/* Hands on the line that is kept, if one is. Returns 0, or FB_OUTPUT_FAILED: it still is. */
int eve_hand_on_kept(void);

/* Now, nanoseconds since 1970. */
uint64_t eve_wall_clock_ns(void);

/* Whether an alert of the flow was written; all that was are forgotten. */
bool eve_has_alert(uint64_t id);
void eve_forget_flows(void);

/* The clock of the event `stats` begins at 0. */
void eve_stats_begin(uint64_t now_ns);

#endif
