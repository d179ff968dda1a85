/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/life.h"

#include "shm/view/metric_delay.h"
#include "shm/view/metric_kind.h"
#include "shm/view/metric_text.h"
#include "shm/view/view.h"

#define NAME_MAX_BYTES 96
#define NS "_ns"

/* ---- the lists of counters.h */

/* A list whose counters are families of their own; what is counted of several has a label. */
static const struct own_families {
    const char *prefix; /* of the names */
    const char *at;     /* the object in the report, or the array of objects */
    const char *label;  /* of an array; NULL: there is one object */
    const char *key;    /* in each object: the value of the label */
    const struct fb_counter_text *texts;
    const enum metric_kind *kinds;
    unsigned count;
} own_families[] = {
    {"", "run", NULL, NULL, fb_run_texts, metric_run_kinds, FB_RUN_COUNT},
    {"fragments_", "fragments", NULL, NULL, fb_fragment_texts, metric_fragment_kinds,
     FB_FRAGMENT_COUNT},
    {"worker_", "workers", "worker", "worker", fb_lane_texts, metric_lane_kinds, FB_LANE_COUNT},
    {"worker_", "workers", "worker", "worker", fb_worker_texts, metric_worker_kinds,
     FB_WORKER_COUNT},
    {"interface_", "capture.interfaces", "interface", "name", fb_interface_texts,
     metric_interface_kinds, FB_INTERFACE_COUNT},
};
#define OWN_FAMILIES (sizeof own_families / sizeof *own_families)

static const char *const kind_names[] = {
    [METRIC_UNDECIDED] = "untyped", [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge"};

/* A counter of nanoseconds, whose family is of seconds. */
static bool is_in_ns(const struct fb_counter_text *counter) {
    size_t length = strlen(counter->name);
    return length > strlen(NS) && strcmp(counter->name + length - strlen(NS), NS) == 0;
}

/* Its sentence then begins with "seconds" where that of the counter does with "nanoseconds". */
static const char *help_of(const struct fb_counter_text *counter) {
    bool says_ns = is_in_ns(counter) && strncmp(counter->text, "nano", 4) == 0;
    return counter->text + (says_ns ? 4 : 0);
}

static void name_family(char name[NAME_MAX_BYTES], const struct own_families *list, unsigned i) {
    const char *own = list->texts[i].name;
    bool in_ns = is_in_ns(&list->texts[i]);
    snprintf(name, NAME_MAX_BYTES, "%s%.*s%s%s", list->prefix,
             (int)(strlen(own) - (in_ns ? strlen(NS) : 0)), own, in_ns ? "_seconds" : "",
             list->kinds[i] == METRIC_COUNTER ? "_total" : "");
}

static void put_counter(struct metric_text *text, const struct metric_label *labels,
                        const json_t *value, bool in_ns) {
    if (in_ns)
        metric_nanoseconds(text, labels, json_integer_value(value));
    else
        metric_sample(text, labels, value);
}

/* What tells an object of an array from its neighbours: a name, or a number. */
static struct metric_label label_of(const struct own_families *list, const json_t *object,
                                    struct metric_number *room) {
    const json_t *value = json_object_get(object, list->key);
    *room = metric_number(json_integer_value(value));
    return (struct metric_label){list->label,
                                 json_is_string(value) ? json_string_value(value) : room->text};
}

static void put_own_family(struct metric_text *text, const json_t *report,
                           const struct own_families *list, unsigned i) {
    char name[NAME_MAX_BYTES];
    bool in_ns = is_in_ns(&list->texts[i]);
    name_family(name, list, i);
    metric_family(text, name, kind_names[list->kinds[i]], help_of(&list->texts[i]));
    const json_t *at = view_at(report, list->at), *object;
    if (list->label == NULL)
        put_counter(text, METRIC_NO_LABELS, json_object_get(at, list->texts[i].name), in_ns);
    size_t k;
    json_array_foreach(at, k, object) {
        struct metric_number room;
        put_counter(text, METRIC_LABELS(label_of(list, object, &room)),
                    json_object_get(object, list->texts[i].name), in_ns);
    }
}

static void put_own_families(struct metric_text *text, const json_t *report) {
    for (size_t list = 0; list < OWN_FAMILIES; list++) {
        for (unsigned i = 0; i < own_families[list].count; i++)
            put_own_family(text, report, &own_families[list], i);
    }
}

/* A list that is one family, with its counters as the values of a label. Zero where the report has
 * nothing. */
static void put_labelled(struct metric_text *text, const json_t *object,
                         const struct fb_counter_text *texts, unsigned count, const char *label) {
    for (unsigned i = 0; i < count; i++)
        metric_integer(text, METRIC_LABELS({label, texts[i].name}),
                       json_integer_value(json_object_get(object, texts[i].name)));
}

static void put_labelled_lists(struct metric_text *text, const json_t *report) {
    metric_family(text, "flows_ended_total", "counter", "flows ended, by reason");
    put_labelled(text, view_at(report, "flows.ended"), fb_end_texts, FB_END_COUNT, "reason");
    metric_family(text, "frames_decoded_total", "counter", "frames received, by how they decoded");
    put_labelled(text, view_at(report, "decode"), fb_decode_texts, FB_DECODE_COUNT, "result");
    metric_family(text, "violations_total", "counter", "what workers did wrong in their up sides");
    put_labelled(text, view_at(report, "violations"), fb_violation_texts, FB_VIOLATION_COUNT,
                 "violation");
}

/* ---- the ledger */

static void put_ledger(struct metric_text *text, const json_t *report) {
    static const struct {
        const char *fate, *key;
    } fates[] = {
        {"inspected", "inspected"}, {"bypassed", "shunted"}, {"quarantined", "quarantined"}};
    metric_family(text, "packets_total", "counter",
                  "packets received that are not in flight any more, by what became of them");
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        metric_sample(text, METRIC_LABELS({"fate", fates[i].fate}),
                      json_object_get(view_at(report, "ledger"), fates[i].key));
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        metric_sample(text, METRIC_LABELS({"fate", "dropped"}, {"reason", fb_drop_texts[i].name}),
                      json_object_get(view_at(report, "ledger.dropped"), fb_drop_texts[i].name));
}

/* ---- single values of the report */

static const struct single {
    const char *name, *kind, *at, *help;
} singles[] = {
    {"start_time_seconds", "gauge", "started_s",
     "when the dispatcher started, in seconds since 1970"},
    {"heartbeat_age_seconds", "gauge", "dispatcher.heartbeat_age_s",
     "time since the dispatcher was last seen to run"},
    {"packets_in_flight", "gauge", "ledger.in_flight",
     "packets in rings, held as fragments, or not yet in a ring"},
    {"ledger_balanced", "gauge", "ledger.balanced", "1 if every packet is accounted for"},
    {"workers_max", "gauge", "geometry.max_workers", "worker numbers that there may be"},
    {"ring_depth_packets", "gauge", "geometry.depth", "packets that a ring can hold"},
    {"ring_size_bytes", "gauge", "geometry.arena_bytes", "bytes of packets that a ring can hold"},
    {"flow_table_size", "gauge", "geometry.max_flows", "flows that can be alive at the same time"},
};

static void put_singles(struct metric_text *text, const json_t *report) {
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        metric_family(text, singles[i].name, singles[i].kind, singles[i].help);
        metric_sample(text, METRIC_NO_LABELS, view_at(report, singles[i].at));
    }
    double size = view_number(report, "geometry.max_flows");
    metric_family(text, "flow_table_fill_ratio", "gauge", "part of the flow table that is in use");
    json_t *fill = json_real(size > 0 ? view_number(report, "flows.active") / size : 0);
    metric_sample(text, METRIC_NO_LABELS, fill);
    json_decref(fill);
}

/* ---- states, which are labels of a constant 1 */

static const char *word_at(const json_t *report, const char *path) {
    return json_string_value(view_at(report, path));
}

static void put_pages(struct metric_text *text, const json_t *report) {
    metric_family(text, "pages", "gauge", "1, with the kind of pages that this memory has");
    metric_integer(
        text, METRIC_LABELS({"memory", "rings"}, {"kind", word_at(report, "hugepages.down")}), 1);
    metric_integer(
        text,
        METRIC_LABELS({"memory", "flow_table"}, {"kind", word_at(report, "hugepages.flow_table")}),
        1);
}

/* How many workers there are in each state, none of them left out. */
static void put_worker_states(struct metric_text *text, const json_t *report) {
    const json_t *workers = view_at(report, "workers"), *worker;
    int64_t in_state[FB_STATE_COUNT] = {0};
    size_t k;
    metric_family(text, "worker_state", "gauge", "1, with the state of the worker number");
    json_array_foreach(workers, k, worker) {
        const char *state = word_at(worker, "state");
        struct metric_number number = metric_number((int64_t)view_number(worker, "worker"));
        metric_integer(text, METRIC_LABELS({"worker", number.text}, {"state", state}), 1);
        for (unsigned i = 0; i < FB_STATE_COUNT; i++)
            in_state[i] += state != NULL && strcmp(state, fb_state_names[i]) == 0;
    }
    metric_family(text, "workers", "gauge", "worker numbers in this state");
    for (unsigned i = 0; i < FB_STATE_COUNT; i++)
        metric_integer(text, METRIC_LABELS({"state", fb_state_names[i]}), in_state[i]);
}

static void put_states(struct metric_text *text, const json_t *report) {
    metric_family(text, "build_info", "gauge", "1, with the version of the programs");
    metric_integer(text,
                   METRIC_LABELS({"version", word_at(report, "version")},
                                 {"policy", word_at(report, "policy")}),
                   1);
    metric_family(text, "dispatcher_state", "gauge", "1, with the state of the dispatcher");
    metric_integer(text, METRIC_LABELS({"state", word_at(report, "dispatcher.state")}), 1);
    put_pages(text, report);
    put_worker_states(text, report);
    const json_t *interface;
    size_t i;
    metric_family(text, "interface_state", "gauge", "1, with the state of the interface");
    json_array_foreach(view_at(report, "capture.interfaces"), i, interface) {
        metric_integer(text,
                       METRIC_LABELS({"interface", word_at(interface, "name")},
                                     {"state", word_at(interface, "state")}),
                       1);
    }
}

/* ---- what the report names itself */

static void put_inspectors(struct metric_text *text, const json_t *report) {
    const json_t *worker, *value;
    json_t *counters;
    const char *inspector, *counter;
    size_t k;
    metric_family(text, "inspector_total", "counter",
                  "what an inspector, or a sink of records, counts under a name of its own");
    json_array_foreach(view_at(report, "workers"), k, worker) {
        struct metric_number number = metric_number((int64_t)view_number(worker, "worker"));
        json_object_foreach(json_object_get(worker, "inspectors"), inspector, counters) {
            json_object_foreach(counters, counter, value) {
                metric_sample(text,
                              METRIC_LABELS({"worker", number.text}, {"inspector", inspector},
                                            {"counter", counter}),
                              value);
            }
        }
    }
}

static void put_pairs(struct metric_text *text, const json_t *report) {
    static const struct {
        const char *key, *family, *help;
    } counts[] = {
        {"flows", "pair_flows_total", "flows of a pair of interfaces"},
        {"one_sided", "pair_one_sided_total", "flows of which one direction only was seen"},
        {"guessed", "pair_guessed_total", "flows whose direction was guessed"},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t k;
        const json_t *pair;
        metric_family(text, counts[i].family, "counter", counts[i].help);
        json_array_foreach(view_at(report, "capture.pairs"), k, pair) {
            metric_sample(text,
                          METRIC_LABELS({"forward", word_at(pair, "forward")},
                                        {"reverse", word_at(pair, "reverse")}),
                          json_object_get(pair, counts[i].key));
        }
    }
}

/* ---- the whole */

static void put_report(struct metric_text *text, const json_t *report) {
    put_states(text, report);
    put_singles(text, report);
    put_ledger(text, report);
    put_own_families(text, report);
    put_labelled_lists(text, report);
    put_inspectors(text, report);
    metric_put_delays(text, report);
    put_pairs(text, report);
}

char *metrics_of(const char *name, const json_t *report, size_t *size) {
    char *made = NULL;
    FILE *out = open_memstream(&made, size);
    if (out == NULL)
        return NULL;
    struct metric_text text = {.out = out, .balancer = name};
    metric_family(&text, "up", "gauge", "1 if the instance is running and can be read");
    metric_integer(&text, METRIC_NO_LABELS, report != NULL);
    if (report != NULL)
        put_report(&text, report);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return made;
    free(made);
    return NULL;
}
