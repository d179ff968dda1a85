/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/flow_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One end: an address, with a port where the protocol has them. */
struct end_text {
    char text[64];
};

static const char *word_of(const json_t *flow, const char *key) {
    const char *word = json_string_value(json_object_get(flow, key));
    return word != NULL ? word : "";
}

static struct end_text end_of(const json_t *flow, const char *ip, const char *mac,
                              const char *port) {
    struct end_text out;
    bool has_ip = json_object_get(flow, ip) != NULL;
    const char *address = word_of(flow, has_ip ? ip : mac);
    const json_t *number = json_object_get(flow, port);
    if (number == NULL)
        snprintf(out.text, sizeof out.text, "%.45s", address);
    else
        snprintf(out.text, sizeof out.text,
                 strchr(address, ':') != NULL ? "[%.45s]:%d" : "%.45s:%d", address,
                 (int)json_integer_value(number));
    return out;
}

struct flow_text flow_text_of(const json_t *flow) {
    struct flow_text out;
    struct end_text from = end_of(flow, "src_ip", "src_mac", "src_port");
    struct end_text to = end_of(flow, "dest_ip", "dest_mac", "dest_port");
    bool has_ends = from.text[0] != '\0' || to.text[0] != '\0';
    snprintf(out.text, sizeof out.text, "%s%s%s%s%.20s", from.text, has_ends ? " > " : "", to.text,
             has_ends ? " " : "", word_of(flow, "proto"));
    return out;
}
