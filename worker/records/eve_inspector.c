/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/clock.h"

#include "worker/records/eve_event.h"
#include "worker/records/sinks.h"

#define TYPE_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define ID_TEXT_SIZE 24u

/* ---- flows with an alert --------------------------------------------------------------------- */

static json_t *alerted; /* an object whose keys are the ids of those that are alive, or NULL */

static const char *id_text(uint64_t id, char text[ID_TEXT_SIZE]) {
    snprintf(text, ID_TEXT_SIZE, "%" PRIu64, id);
    return text;
}

static void note_alert(uint64_t id) {
    char text[ID_TEXT_SIZE];
    if (alerted == NULL)
        alerted = json_object();
    json_object_set_new_nocheck(alerted, id_text(id, text), json_true());
}

bool eve_has_alert(uint64_t id) {
    char text[ID_TEXT_SIZE];
    return alerted != NULL && json_object_get(alerted, id_text(id, text)) != NULL;
}

void eve_forget_flow(const struct fb_flow *flow) {
    char text[ID_TEXT_SIZE];
    if (__builtin_expect(alerted != NULL, 0))
        json_object_del(alerted, id_text(flow->id, text));
}

void eve_forget_flows(void) {
    json_decref(alerted);
    alerted = NULL;
}

/* ---- what an inspector gives ----------------------------------------------------------------- */

/* Into refusal[EVE_REFUSAL_SIZE]. */
__attribute__((format(printf, 2, 3))) static int refuse(char *refusal, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(refusal, EVE_REFUSAL_SIZE, format, args);
    va_end(args);
    return -EINVAL;
}

/* Those of the event itself, and types that are the worker's own. */
static bool is_reserved(const char *type) {
    static const char *const names[] = {"timestamp",
                                        "event_type",
                                        "flow_id",
                                        "in_iface",
                                        "vlan",
                                        "src_ip",
                                        "src_port",
                                        "dest_ip",
                                        "dest_port",
                                        "proto",
                                        "icmp_type",
                                        "icmp_code",
                                        "tcp",
                                        "app_proto",
                                        "tunnel",
                                        "flow_balancer",
                                        "flow",
                                        "stats",
                                        "anomaly",
                                        "ndpi",
                                        "community_id",
                                        "response_icmp_type",
                                        "response_icmp_code"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], type) == 0)
            return true;
    }
    return false;
}

static int check_type(const char *type, char *refusal) {
    size_t length = type != NULL ? strlen(type) : 0;
    if (length == 0 || length > FB_EVENT_TYPE_MAX - 1 || strspn(type, TYPE_LETTERS) != length ||
        type[0] < 'a')
        return refuse(refusal,
                      "event '%.40s': its type must be 1 to %u of a-z, 0-9 and _, the "
                      "first one a letter",
                      type != NULL ? type : "", FB_EVENT_TYPE_MAX - 1);
    return is_reserved(type)
               ? refuse(refusal, "event '%s': that name is the worker's own: choose another", type)
               : 0;
}

/* The members of an alert as Suricata has them, in its order; NULL: must be given. */
static const struct alert_member {
    const char *name;
    json_type type;
    const char *otherwise; /* JSON */
} alert_members[] = {
    {"action", JSON_STRING, "\"allowed\""}, {"gid", JSON_INTEGER, "1"},
    {"signature_id", JSON_INTEGER, NULL},   {"rev", JSON_INTEGER, "1"},
    {"signature", JSON_STRING, NULL},       {"category", JSON_STRING, "\"\""},
    {"severity", JSON_INTEGER, "3"},
};
#define ALERT_MEMBERS (sizeof alert_members / sizeof *alert_members)

static bool fits(const struct alert_member *member, const json_t *value) {
    if (json_typeof(value) != member->type)
        return false;
    if (member->type == JSON_INTEGER)
        return json_integer_value(value) >= 0;
    return strcmp(member->name, "action") != 0 ||
           strcmp(json_string_value(value), "allowed") == 0 ||
           strcmp(json_string_value(value), "blocked") == 0;
}

/* A whole alert of what was given, or NULL with a refusal. */
static json_t *complete_alert(json_t *given, char *refusal) {
    json_t *alert = json_object();
    size_t used = 0;
    for (size_t i = 0; i < ALERT_MEMBERS; i++) {
        const struct alert_member *member = &alert_members[i];
        json_t *value = json_incref(json_object_get(given, member->name));
        used += value != NULL;
        if (value == NULL && member->otherwise != NULL)
            value = json_loads(member->otherwise, JSON_DECODE_ANY, NULL);
        if (value == NULL || !fits(member, value)) {
            refuse(refusal, "event 'alert': its member '%s' %s", member->name,
                   value == NULL ? "is missing" : "has a value that Suricata's has not");
            json_decref(value);
            json_decref(alert);
            return NULL;
        }
        json_object_set_new_nocheck(alert, member->name, value);
    }
    if (used == json_object_size(given))
        return alert;
    refuse(refusal, "event 'alert': it has members that Suricata's has not: action, gid, "
                    "signature_id, rev, signature, category and severity are there");
    json_decref(alert);
    return NULL;
}

/* What is in the event under the name of its type, or NULL with a refusal. */
static json_t *read_members(const struct fb_host_event *given, char *refusal) {
    json_error_t error;
    json_t *members =
        json_loads(given->members != NULL ? given->members : "{}", JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(members)) {
        refuse(refusal, "event '%s': its members are no JSON object: %s", given->type,
               members == NULL ? error.text : "something else");
        json_decref(members);
        return NULL;
    }
    if (strcmp(given->type, "alert") != 0)
        return members;
    json_t *alert = complete_alert(members, refusal);
    json_decref(members);
    return alert;
}

/* ---- the event ------------------------------------------------------------------------------- */

static struct eve_subject subject_of(const struct fb_host_event *given) {
    struct eve_subject subject = {.type = given->type};
    if (given->packet != NULL) {
        subject.time_ns = given->packet->time_ns;
        subject.flow = given->packet->flow;
        subject.reversed = given->packet->dir != 0;
    } else if (given->end != NULL) {
        subject.time_ns = given->end->time_ns;
        subject.flow = given->end->flow;
    }
    /* Packets of a file may be of 1970; an end without a time is that of an orphaned flow. */
    if (subject.time_ns == 0 && given->packet == NULL)
        subject.time_ns = eve_wall_clock_ns();
    subject.has_ports =
        subject.flow != NULL && (subject.flow->src_port != 0 || subject.flow->dst_port != 0);
    return subject;
}

int eve_inspector_event(const char *inspector, const struct fb_host_event *given,
                        char refusal[EVE_REFUSAL_SIZE]) {
    struct eve_event event;
    int error = check_type(given->type, refusal);
    json_t *members = error == 0 ? read_members(given, refusal) : NULL;
    if (members == NULL)
        return -EINVAL;
    if (!sinks_any()) {
        json_decref(members);
        return 0;
    }
    const struct eve_subject subject = subject_of(given);
    bool is_alert = strcmp(given->type, "alert") == 0;
    eve_begin(&event, &subject);
    if (subject.flow != NULL)
        eve_put_community_id(&event, &subject);
    eve_put(&event, event.root, given->type, members);
    eve_begin_ours(&event, subject.flow);
    if (given->packet != NULL)
        eve_put_number(&event, event.ours, "frame", given->packet->frame);
    eve_put_word(&event, event.ours, "inspector", inspector);
    if (subject.flow == NULL)
        return eve_end_later(&event);
    int rc = eve_end(&event);
    if (rc == 0 && is_alert)
        note_alert(subject.flow->id);
    return rc;
}
