/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_flows.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "flow_balancer/common/protocol_name.h"

#include "shm/report/report_ids.h"
#include "shm/report/report_text.h"

#define FLOWS_PRINTED 5u
#define COLUMNS_MOST 100 /* of a line of the text */

/* ---- as JSON */

static const char *const layer_names[] = {
    [FB_KEY_NONE] = "none", [FB_KEY_MAC] = "mac", [FB_KEY_IP4] = "ip4", [FB_KEY_IP6] = "ip6"};

/* The keys of a flow's two ends. */
struct ends {
    const char *from, *to;
};

/* The two words of an address: see flow_key.h. */
static void format_address(const uint64_t word[2], enum fb_key_kind kind,
                           char text[INET6_ADDRSTRLEN]) {
    struct in_addr ip4 = {.s_addr = htonl((uint32_t)word[1])};
    uint64_t mac = word[1];
    if (kind == FB_KEY_IP4)
        inet_ntop(AF_INET, &ip4, text, INET6_ADDRSTRLEN);
    else if (kind == FB_KEY_IP6)
        inet_ntop(AF_INET6, word, text, INET6_ADDRSTRLEN);
    else
        snprintf(text, INET6_ADDRSTRLEN, "%02x:%02x:%02x:%02x:%02x:%02x",
                 (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
                 (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
                 (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff));
}

static int put_addresses(json_t *object, const struct fb_flow_key *key, unsigned sender,
                         struct ends keys) {
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
    enum fb_key_kind kind = fb_flow_key_kind(key);
    format_address(&key->word[2 * sender], kind, from);
    format_address(&key->word[2 - 2 * sender], kind, to);
    return json_object_set_new(object, keys.from, json_string(from)) |
           json_object_set_new(object, keys.to, json_string(to));
}

static bool has_ports(unsigned proto) {
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
           proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static int put_ip(json_t *object, const struct fb_flow_key *key, unsigned sender) {
    char proto[FB_PROTOCOL_NAME_SIZE];
    fb_protocol_name(fb_flow_key_proto(key), proto);
    int failed = put_addresses(object, key, sender, (struct ends){"src_ip", "dest_ip"});
    if (has_ports(fb_flow_key_proto(key))) {
        failed |=
            json_object_set_new(object, "src_port", json_integer(fb_flow_key_port(key, sender)));
        failed |= json_object_set_new(object, "dest_port",
                                      json_integer(fb_flow_key_port(key, 1 - sender)));
    }
    return failed | json_object_set_new(object, "proto", json_string(proto));
}

static int put_mac(json_t *object, const struct fb_flow_key *key, unsigned sender) {
    char proto[24];
    snprintf(proto, sizeof proto, "ethertype 0x%04x", (unsigned)fb_flow_key_ethertype(key));
    return put_addresses(object, key, sender, (struct ends){"src_mac", "dest_mac"}) |
           json_object_set_new(object, "proto", json_string(proto));
}

/* What it is a flow of. Returns 0, or not if memory ran out. */
static int put_key(json_t *object, const struct fb_large_flow *flow) {
    unsigned sender = flow->sender & 1;
    enum fb_key_kind kind = fb_flow_key_kind(&flow->key);
    int failed = json_object_set_new(object, "layer", json_string(layer_names[kind]));
    if (kind == FB_KEY_IP4 || kind == FB_KEY_IP6)
        return failed | put_ip(object, &flow->key, sender);
    if (kind == FB_KEY_MAC)
        return failed | put_mac(object, &flow->key, sender);
    return failed | json_object_set_new(object, "proto", json_string("unknown"));
}

static json_t *make_flow(const struct fb_large_flow *flow, uint64_t received) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "flow", json_integer(report_count(flow->id)));
    failed |= put_key(object, flow);
    const struct {
        const char *key;
        json_t *value;
    } rest[] = {
        {"worker",
         flow->worker == FB_NO_WORKER ? json_null() : json_integer(report_count(flow->worker))},
        {"packets", json_integer(report_count(flow->packets))},
        {"bytes", json_integer(report_count(flow->bytes))},
        {"error", json_integer(0)},
        {"share", json_real(received == 0 ? 0.0 : (double)flow->packets / (double)received)},
        {"packets_per_s", json_integer(report_count(flow->per_s))},
        {"error_per_s", json_integer(report_count(flow->over_per_s))},
        {"ended", json_boolean(flow->ended != 0)},
    };
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        failed |= json_object_set_new(object, rest[i].key, rest[i].value);
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

json_t *report_flows(const struct fb_large_flow flows[FB_LARGE_FLOWS], uint64_t received) {
    json_t *array = json_array();
    int failed = array == NULL;
    for (unsigned i = 0; i < FB_LARGE_FLOWS && flows[i].packets != 0; i++)
        failed |= json_array_append_new(array, make_flow(&flows[i], received));
    if (failed == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- as text */

struct end {
    char text[INET6_ADDRSTRLEN + 16];
};

/* An address, with a port where there is one. */
static struct end end_of(const json_t *flow, const char *ip, const char *mac, const char *port) {
    struct end end;
    const char *address = report_word(flow, json_object_get(flow, ip) != NULL ? ip : mac);
    if (json_object_get(flow, port) == NULL)
        snprintf(end.text, sizeof end.text, "%s", address);
    else
        snprintf(end.text, sizeof end.text,
                 strchr(address, ':') != NULL ? "[%s]:%" JSON_INTEGER_FORMAT
                                              : "%s:%" JSON_INTEGER_FORMAT,
                 address, report_number(flow, port));
    return end;
}

static void print_flow(FILE *out, const json_t *flow, bool tells_ends) {
    struct end from = end_of(flow, "src_ip", "src_mac", "src_port");
    struct end to = end_of(flow, "dest_ip", "dest_mac", "dest_port");
    bool ended = tells_ends && json_is_true(json_object_get(flow, "ended"));
    int columns =
        fprintf(out, "%15s %5.1f%%  %s%s%s", report_grouped(report_number(flow, "packets")).text,
                100.0 * report_real(flow, "share"), report_word(flow, "proto"),
                from.text[0] != '\0' ? " " : "", from.text);
    if (to.text[0] != '\0') {
        bool fits = columns + 4 + (int)strlen(to.text) + (ended ? 7 : 0) <= COLUMNS_MOST;
        fprintf(out, "%s> %s", fits ? " " : "\n                          ", to.text);
    }
    fprintf(out, "%s\n", ended ? ", ended" : "");
}

/* Whether all flows have ended, as they have at the end of a run: then it need not be said. */
static bool is_over(const json_t *report) {
    return report_number(json_object_get(report, "flows"), "active") == 0;
}

void report_print_flows(FILE *out, const json_t *report) {
    const json_t *flows = json_object_get(report, "largest_flows"), *flow;
    bool over = is_over(report);
    size_t i;
    if (json_array_size(flows) != 0)
        fprintf(out, "largest flows:\n");
    json_array_foreach(flows, i, flow) {
        if (i < FLOWS_PRINTED)
            print_flow(out, flow, !over);
    }
}
