/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve_event.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/protocol_name.h"
#include "flow_balancer/names.h"

#include "worker/records/community_id.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

#define FLOW_ID_BITS 53u  /* what a JSON number has in every program */
#define LINE_FIRST 4096u  /* bytes; a line that is longer makes room for itself */
#define TIME_SIZE 40u     /* "2026-11-29T15:58:37.123456+0000" */
#define MAC_TEXT_SIZE 18u /* "00:11:22:33:44:55" */

/* Of the process: who it is in events, and what lines are made in. */
static struct {
    bool is_open;
    struct community_id id;
    uint64_t salt; /* over the ids of flows */
    uint32_t worker;
    uint64_t incarnation;
    uint32_t interfaces;
    char interface_names[FB_MAX_INTERFACES][FB_INTERFACE_NAME_MAX];
    char *line;
    size_t room;
    char *kept; /* a line that waits, or NULL */
    size_t kept_length;
} eve;

/* ---- the process ----------------------------------------------------------------------------- */

/* A run is a random number, or 0: its bits all count (the multiplier is that of splitmix64). */
static uint64_t salt_of(uint64_t run) {
    uint64_t mixed =
        (run ^ run >> 30) * UINT64_C(0xbf58476d1ce4e5b9) + UINT64_C(0x9e3779b97f4a7c15);
    return mixed >> (64 - FLOW_ID_BITS);
}

static int no_memory(size_t bytes) {
    fb_error("EVE: no memory for a record of %zu bytes", bytes);
    return -ENOMEM;
}

static int open_once(void) {
    int error = 0;
    if (eve.is_open)
        return 0;
    eve.line = malloc(LINE_FIRST);
    if (eve.line == NULL)
        return no_memory(LINE_FIRST);
    eve.room = LINE_FIRST;
    error = community_id_init(&eve.id);
    eve.is_open = error == 0;
    if (error != 0)
        eve_event_close();
    return error;
}

int eve_event_claimed(const struct fb_instance *instance, uint64_t run) {
    eve.salt = salt_of(run);
    eve.worker = instance->worker;
    eve.incarnation = instance->incarnation;
    eve.interfaces =
        instance->interfaces < FB_MAX_INTERFACES ? instance->interfaces : FB_MAX_INTERFACES;
    for (unsigned i = 0; i < eve.interfaces; i++)
        snprintf(eve.interface_names[i], FB_INTERFACE_NAME_MAX, "%s", instance->interface_names[i]);
    return open_once();
}

void eve_event_close(void) {
    if (eve.is_open)
        community_id_fini(&eve.id);
    free(eve.line);
    free(eve.kept);
    memset(&eve, 0, sizeof eve);
}

/* ---- members --------------------------------------------------------------------------------- */

void eve_put(struct eve_event *event, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new_nocheck(object, key, value) != 0)
        event->failed = true;
}

void eve_put_number(struct eve_event *event, json_t *object, const char *key, uint64_t value) {
    eve_put(event, object, key, json_integer((json_int_t)value));
}

void eve_put_word(struct eve_event *event, json_t *object, const char *key, const char *word) {
    eve_put(event, object, key, json_string_nocheck(word));
}

void eve_put_time(struct eve_event *event, json_t *object, const char *key, uint64_t time_ns) {
    char date[TIME_SIZE] = "", text[2 * TIME_SIZE];
    struct tm t;
    time_t seconds = (time_t)(time_ns / FB_NS_PER_S);
    if (gmtime_r(&seconds, &t) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(text, sizeof text, "%s.%06u+0000", date,
             (unsigned)(time_ns % FB_NS_PER_S / FB_NS_PER_US));
    eve_put_word(event, object, key, text);
}

uint64_t eve_wall_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * FB_NS_PER_S + (uint64_t)t.tv_nsec;
}

json_t *eve_text(const char *bytes, size_t length) {
    json_t *text = json_stringn(bytes, length);
    if (text != NULL)
        return text;
    char *ascii = malloc(length + 1);
    if (ascii == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++)
        ascii[i] = (unsigned char)bytes[i] < 0x80 ? bytes[i] : '?';
    text = json_stringn(ascii, length);
    free(ascii);
    return text;
}

static void put_mac(struct eve_event *event, json_t *object, const char *key, const uint8_t *mac) {
    char text[MAC_TEXT_SIZE];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    eve_put_word(event, object, key, text);
}

/* ---- what all events have -------------------------------------------------------------------- */

static bool is_ip(const struct fb_flow *flow) {
    return flow->layer == FB_LAYER_IP4 || flow->layer == FB_LAYER_IP6;
}

static bool proto_has_ports(uint8_t proto) {
    enum { TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };
    return proto == TCP || proto == UDP || proto == DCCP || proto == SCTP || proto == UDP_LITE;
}

static void put_vlan(struct eve_event *event, const struct fb_flow *flow) {
    json_t *ids = json_array();
    for (unsigned i = 0; i < 2 && flow->vlan[i] != 0; i++) {
        if (json_array_append_new(ids, json_integer(flow->vlan[i])) != 0)
            event->failed = true;
    }
    eve_put(event, event->root, "vlan", ids);
}

/* The ends of the flow: address, and port if there are ports. */
static void put_ends(struct eve_event *event, const struct eve_subject *subject) {
    static const char *const address_keys[] = {"src_ip", "dest_ip"};
    static const char *const port_keys[] = {"src_port", "dest_port"};
    const struct fb_flow *flow = subject->flow;
    const uint8_t *const addresses[] = {flow->src, flow->dst};
    const uint16_t ports[] = {flow->src_port, flow->dst_port};
    bool has_ports = subject->has_ports && proto_has_ports(flow->proto);
    char text[INET6_ADDRSTRLEN];
    for (unsigned i = 0; i < 2; i++) {
        unsigned end = i ^ subject->reversed;
        inet_ntop(flow->layer == FB_LAYER_IP4 ? AF_INET : AF_INET6, addresses[end], text,
                  sizeof text);
        eve_put_word(event, event->root, address_keys[i], text);
        if (has_ports)
            eve_put_number(event, event->root, port_keys[i], ports[end]);
    }
}

static void put_flow(struct eve_event *event, const struct eve_subject *subject) {
    const struct fb_flow *flow = subject->flow;
    char proto[FB_PROTOCOL_NAME_SIZE];
    if (flow->vlan[0] != 0)
        put_vlan(event, flow);
    if (!is_ip(flow))
        return;
    put_ends(event, subject);
    fb_protocol_name(flow->proto, proto);
    eve_put_word(event, event->root, "proto", proto);
}

void eve_begin(struct eve_event *event, const struct eve_subject *subject) {
    const struct fb_flow *flow = subject->flow;
    *event = (struct eve_event){.root = json_object()};
    eve_put_time(event, event->root, "timestamp", subject->time_ns);
    if (flow != NULL)
        eve_put_number(event, event->root, "flow_id", flow->id ^ eve.salt);
    if (flow != NULL && flow->interface < eve.interfaces) {
        const char *name = eve.interface_names[flow->interface];
        eve_put(event, event->root, "in_iface", eve_text(name, strlen(name)));
    }
    eve_put_word(event, event->root, "event_type", subject->type);
    if (flow != NULL)
        put_flow(event, subject);
}

void eve_put_community_id(struct eve_event *event, const struct eve_subject *subject) {
    char text[COMMUNITY_ID_SIZE];
    if (community_id_of_flow(&eve.id, subject->flow, subject->has_ports, text))
        eve_put_word(event, event->root, "community_id", text);
}

/* A flow that is told apart by what is not IP, and the tunnel that it is in. */
static void put_key(struct eve_event *event, const struct fb_flow *flow) {
    static const char *const tunnels[] = {
#define X(id, name, text) [FB_TUNNEL_##id] = name,
        FB_TUNNELS(X)
#undef X
    };
    if (flow->layer == FB_LAYER_MAC) {
        put_mac(event, event->ours, "src_mac", flow->src);
        put_mac(event, event->ours, "dest_mac", flow->dst);
        eve_put_number(event, event->ours, "ethertype", flow->src_port);
    }
    if (flow->tunnel == FB_TUNNEL_NONE || flow->tunnel >= FB_TUNNEL_COUNT)
        return;
    json_t *tunnel = json_object();
    eve_put_word(event, tunnel, "type", tunnels[flow->tunnel]);
    if (flow->tunnel_id != 0)
        eve_put_number(event, tunnel, "id", flow->tunnel_id);
    eve_put(event, event->ours, "tunnel", tunnel);
}

void eve_begin_ours(struct eve_event *event, const struct fb_flow *flow) {
    static const char *const layers[] = {[FB_LAYER_NONE] = "none",
                                         [FB_LAYER_MAC] = "mac",
                                         [FB_LAYER_IP4] = "ip4",
                                         [FB_LAYER_IP6] = "ip6"};
    event->ours = json_object();
    eve_put(event, event->root, "flow_balancer", event->ours);
    eve_put_number(event, event->ours, "worker", eve.worker);
    eve_put_number(event, event->ours, "incarnation", eve.incarnation);
    if (flow == NULL)
        return;
    eve_put_number(event, event->ours, "flow", flow->id);
    if (flow->layer <= FB_LAYER_IP6)
        eve_put_word(event, event->ours, "layer", layers[flow->layer]);
    put_key(event, flow);
}

/* ---- from the object to the line ------------------------------------------------------------- */

/* Into eve.line, with the line end. Returns its length, or 0 if there is no memory. */
static size_t write_line(const json_t *root) {
    size_t length = json_dumpb(root, eve.line, eve.room, JSON_COMPACT);
    if (length + 1 > eve.room) {
        char *longer = realloc(eve.line, 2 * length);
        if (longer == NULL)
            return 0;
        eve.line = longer;
        eve.room = 2 * length;
        length = json_dumpb(root, eve.line, eve.room, JSON_COMPACT);
    }
    if (length == 0)
        return 0;
    eve.line[length] = '\n';
    return length + 1;
}

int eve_hand_on_kept(void) {
    int rc = eve.kept != NULL ? sinks_write(eve.kept, eve.kept_length) : 0;
    if (rc == 0) {
        free(eve.kept);
        eve.kept = NULL;
    }
    return rc;
}

/* Makes the line, of an event that is not needed any more. Returns its length, or 0 after one
 * logged line. */
static size_t finish_line(struct eve_event *event) {
    size_t length = event->failed ? 0 : write_line(event->root);
    json_decref(event->root);
    if (length == 0)
        fb_error("EVE: no memory for a record of more than %zu bytes", eve.room);
    return length;
}

int eve_end(struct eve_event *event) {
    size_t length = finish_line(event);
    if (length == 0)
        return -ENOMEM;
    int rc = eve_hand_on_kept();
    return rc == 0 ? sinks_write(eve.line, length) : rc;
}

static int keep_line(size_t length) {
    eve.kept = malloc(length);
    if (eve.kept == NULL)
        return no_memory(length);
    memcpy(eve.kept, eve.line, length);
    eve.kept_length = length;
    return 0;
}

int eve_end_later(struct eve_event *event) {
    size_t length = finish_line(event);
    if (length == 0)
        return -ENOMEM;
    int rc = eve_hand_on_kept();
    if (rc != 0)
        return rc;
    rc = sinks_write(eve.line, length);
    return rc == 0 ? 0 : keep_line(length);
}
