/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <string.h>

#include "flow_balancer/common/grouped.h"

static json_int_t get(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

/* Counts are not negative. */
static struct fb_grouped grouped(json_int_t count) {
    return fb_grouped((uint64_t)count);
}

static const char *get_text(const json_t *object, const char *key) {
    const char *found = json_string_value(json_object_get(object, key));
    return found != NULL ? found : "";
}

static void print_count(FILE *out, json_int_t count, const char *name, const char *sentence) {
    fprintf(out, "%17s  %-*s%s\n", grouped(count).text, sentence[0] != '\0' ? 19 : 0, name,
            sentence);
}

/* One line for each counter of a list that is not zero. */
static void print_counters(FILE *out, const json_t *object, const struct fb_counter_text *texts,
                           unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        json_int_t value = get(object, texts[i].name);
        if (value != 0)
            print_count(out, value, texts[i].name, texts[i].text);
    }
}

/* Frames that were never ours: the ledger has none of those dropped here. */
static void print_capture(FILE *out, const json_t *capture) {
    static const enum fb_run_counter shown[] = {FB_RUN_CAPTURE_RECEIVED, FB_RUN_KERNEL_DROPS,
                                                FB_RUN_INTERFACE_DROPS};
    static const char *const names[] = {"received", "kernel_drops", "interface_drops"};
    const json_t *interfaces = json_object_get(capture, "interfaces"), *each;
    size_t i;
    fprintf(out, "capture:\n");
    for (i = 0; i < sizeof shown / sizeof *shown; i++)
        print_count(out, get(capture, names[i]), names[i], fb_run_texts[shown[i]].text);
    if (json_array_size(interfaces) == 0)
        return;
    fprintf(out, "%17s  %-5s %15s %15s %15s\n", "interface", "state", names[0], names[1], names[2]);
    json_array_foreach(interfaces, i, each)
        fprintf(out, "%17s  %-5s %15s %15s %15s\n", get_text(each, "name"), get_text(each, "state"),
                grouped(get(each, names[0])).text, grouped(get(each, names[1])).text,
                grouped(get(each, names[2])).text);
}

static void print_ledger(FILE *out, const json_t *report) {
    const json_t *ledger = json_object_get(report, "ledger");
    fprintf(out, "ledger: %s\n", fb_report_balanced(report) ? "BALANCED" : "NOT BALANCED");
    print_count(out, get(ledger, "received"), "received", "");
    if (get(ledger, "accounted") != get(ledger, "received"))
        print_count(out, get(ledger, "accounted"), "accounted for: this should be the same", "");
    print_count(out, get(ledger, "inspected"), "inspected", "");
    print_count(out, get(ledger, "shunted"), "shunted", "");
    print_count(out, get(ledger, "quarantined"), "quarantined", "");
    print_count(out, get(ledger, "in_flight"), "in flight", "");
    const json_t *dropped = json_object_get(ledger, "dropped");
    json_int_t all = 0;
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        all += get(dropped, fb_drop_texts[i].name);
    print_count(out, all, all != 0 ? "dropped, of these" : "dropped", "");
    print_counters(out, dropped, fb_drop_texts, FB_DROP_COUNT);
}

/* What happened besides, but for what has a place of its own in the text. */
static void print_events(FILE *out, const json_t *report) {
    static const bool shown_elsewhere[FB_RUN_COUNT] = {
        [FB_RUN_RECEIVED] = true,     [FB_RUN_CAPTURE_RECEIVED] = true,
        [FB_RUN_KERNEL_DROPS] = true, [FB_RUN_INTERFACE_DROPS] = true,
        [FB_RUN_PENDING] = true,      [FB_RUN_HELD] = true,
        [FB_RUN_BYPASSED] = true,     [FB_RUN_FLOWS_CREATED] = true,
        [FB_RUN_FLOWS_ACTIVE] = true, [FB_RUN_FLOWS_PEAK] = true,
        [FB_RUN_ELAPSED_NS] = true,
    };
    const json_t *run = json_object_get(report, "run");
    bool titled = false;
    for (unsigned i = 0; i < FB_RUN_COUNT; i++) {
        if (shown_elsewhere[i] || get(run, fb_run_texts[i].name) == 0)
            continue;
        if (!titled)
            fprintf(out, "events:\n");
        titled = true;
        print_counters(out, run, &fb_run_texts[i], 1);
    }
}

/* Numbers beyond -w that never had a worker are left out of the table. */
static bool is_unused(const json_t *worker, json_int_t wanted) {
    return get(worker, "worker") >= wanted && get(worker, "entered") == 0 &&
           strcmp(get_text(worker, "state"), fb_state_names[FB_STATE_ABSENT]) == 0;
}

static void print_table(FILE *out, const json_t *report) {
    json_int_t wanted = get(json_object_get(report, "geometry"), "workers");
    fprintf(out, "%6s %-8s %13s %6s %10s %7s %7s %8s %9s %15s\n", "worker", "state", "packets",
            "share", "flows", "backlog", "max", "restarts", "dropped", "bytes");
    size_t i;
    const json_t *w;
    json_array_foreach(json_object_get(report, "workers"), i, w) {
        if (is_unused(w, wanted))
            continue;
        fprintf(out, "%6" JSON_INTEGER_FORMAT " %-8s %13s %5.1f%% %10s %7s %7s %8s %9s %15s\n",
                get(w, "worker"), get_text(w, "state"), grouped(get(w, "packets")).text,
                100.0 * json_real_value(json_object_get(w, "share")), grouped(get(w, "flows")).text,
                grouped(get(w, "backlog")).text, grouped(get(w, "max_backlog")).text,
                grouped(get(w, "restarts")).text, grouped(get(w, "dropped")).text,
                grouped(get(w, "bytes")).text);
    }
}

/* A line for each worker whose ring does not add up or who counted otherwise than the ledger. */
static void print_differences(FILE *out, const json_t *report) {
    size_t i;
    const json_t *w;
    json_array_foreach(json_object_get(report, "workers"), i, w) {
        json_int_t passed = get(w, "packets") + get(w, "quarantined") + get(w, "removed");
        if (get(w, "entered") != passed + get(w, "backlog"))
            fprintf(out,
                    "worker %" JSON_INTEGER_FORMAT
                    ": %s packets entered its ring, %s are accounted for\n",
                    get(w, "worker"), grouped(get(w, "entered")).text,
                    grouped(passed + get(w, "backlog")).text);
        if (!json_is_true(json_object_get(w, "self_partial")) &&
            get(w, "self_packets") != get(w, "packets"))
            fprintf(out,
                    "worker %" JSON_INTEGER_FORMAT
                    ": counted %s packets itself, the ledger has %s\n",
                    get(w, "worker"), grouped(get(w, "self_packets")).text,
                    grouped(get(w, "packets")).text);
    }
}

static void print_latency(FILE *out, const json_t *latency) {
    if (get(latency, "samples") == 0)
        return;
    fprintf(out, "dispatch to inspection: p50 %.1f us, p99 %.1f us, longest %.1f us\n",
            json_real_value(json_object_get(latency, "p50_us")),
            json_real_value(json_object_get(latency, "p99_us")),
            json_real_value(json_object_get(latency, "max_us")));
}

void fb_report_print(FILE *out, const json_t *report) {
    const json_t *hugepages = json_object_get(report, "hugepages");
    const json_t *flows = json_object_get(report, "flows");
    const json_t *violations = json_object_get(report, "violations");
    fprintf(out, "flow-balancer %s, instance '%s', policy %s, %.3f s\n",
            get_text(report, "version"), get_text(report, "instance"), get_text(report, "policy"),
            json_real_value(json_object_get(report, "elapsed_s")));
    fprintf(out, "pages: %s for rings, %s for flows\n", get_text(hugepages, "down"),
            get_text(hugepages, "flow_table"));
    print_capture(out, json_object_get(report, "capture"));
    print_ledger(out, report);
    fprintf(out, "flows:\n");
    print_count(out, get(flows, "created"), "created", "");
    print_count(out, get(flows, "active"), "active now", "");
    print_count(out, get(flows, "peak"), "at most at once", "");
    print_counters(out, json_object_get(flows, "ended"), fb_end_texts, FB_END_COUNT);
    fprintf(out, "decoded:\n");
    print_counters(out, json_object_get(report, "decode"), fb_decode_texts, FB_DECODE_COUNT);
    const json_t *fragments = json_object_get(report, "fragments");
    if (get(fragments, fb_fragment_texts[FB_FRAGMENT_TAKEN].name) != 0) {
        fprintf(out, "fragments:\n");
        print_counters(out, fragments, fb_fragment_texts, FB_FRAGMENT_COUNT);
    }
    print_events(out, report);
    if (json_object_size(violations) != 0) {
        fprintf(out, "VIOLATIONS by workers:\n");
        print_counters(out, violations, fb_violation_texts, FB_VIOLATION_COUNT);
    }
    print_latency(out, json_object_get(report, "latency"));
    print_table(out, report);
    fb_report_print_nodes(out, report);
    print_differences(out, report);
}
