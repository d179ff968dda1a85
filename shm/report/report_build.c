/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <string.h>

#define CPU_LIMIT 65536 /* above what any kernel is built for (CONFIG_NR_CPUS) */

static const char *const run_state_names[] = {
    [FB_RUN_STARTING] = "starting",
    [FB_RUN_RUNNING] = "running",
    [FB_RUN_STOPPING] = "stopping",
    [FB_RUN_ENDED] = "ended",
};
#define RUN_STATES (sizeof run_state_names / sizeof *run_state_names)

static int id_or_none(int32_t id) {
    return id >= 0 && id < CPU_LIMIT ? id : -1;
}

void fb_worker_totals_add(struct fb_worker_totals *totals, const struct fb_up *up) {
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        totals->counters[i] += fb_up_counter(up, (enum fb_worker_counter)i);
    for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++)
        totals->latency[i] += fb_up_latency(up, i);
    if (fb_up_worker_status(up) == FB_STATUS_VACANT)
        return;
    /* Relaxed: for display, and each is a fact of its own. */
    totals->cpu = id_or_none(atomic_load_explicit(&up->cpu, memory_order_relaxed));
    totals->numa_node = id_or_none(atomic_load_explicit(&up->numa_node, memory_order_relaxed));
}

/* JSON integers are signed here; only a worker that lies about its own counts comes beyond. */
static json_int_t number(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

/* A string of shared memory, at most max bytes long; what is not UTF-8 becomes "". */
static json_t *text(const char *from, size_t max) {
    json_t *string = json_stringn(from, strnlen(from, max));
    return string != NULL ? string : json_string("");
}

static const char *name_of(const char *const *names, size_t count, uint32_t index) {
    return index < count ? names[index] : "unknown";
}

/* Sets a key. *object becomes NULL if memory runs out, and stays so. */
static void put(json_t **object, const char *key, json_t *value) {
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

static void put_number(json_t **object, const char *key, uint64_t value) {
    put(object, key, json_integer(number(value)));
}

static void put_counters(json_t **object, const struct fb_counter_text *texts,
                         const uint64_t *values, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        put_number(object, texts[i].name, values[i]);
}

static json_t *build_counters(const struct fb_counter_text *texts, const uint64_t *values,
                              unsigned count) {
    json_t *object = json_object();
    put_counters(&object, texts, values, count);
    return object;
}

/* Violations are listed only where there are any: a clean run has an empty object. */
static json_t *build_violations(const struct fb_snapshot *s) {
    json_t *object = json_object();
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++) {
        if (s->violations[i] != 0)
            put_number(&object, fb_violation_texts[i].name, s->violations[i]);
    }
    return object;
}

static unsigned worker_numbers(const struct fb_ctl *ctl) {
    uint32_t max = ctl->geometry.max_workers;
    return max < FB_MAX_WORKERS ? max : FB_MAX_WORKERS;
}

struct ledger {
    uint64_t entered, inspected, quarantined, removed, waiting;
    uint64_t accounted; /* where received packets are or ended */
    bool balanced;
};

static struct ledger add_up(const struct fb_snapshot *s, unsigned lanes) {
    struct ledger sum = {.balanced = true};
    for (unsigned k = 0; k < lanes; k++) {
        const uint64_t *lane = s->lane[k];
        sum.entered += lane[FB_LANE_ENTERED];
        sum.inspected += lane[FB_LANE_INSPECTED];
        sum.quarantined += lane[FB_LANE_QUARANTINED];
        sum.removed += lane[FB_LANE_REMOVED];
        sum.waiting += lane[FB_LANE_WAITING];
        if (lane[FB_LANE_ENTERED] != lane[FB_LANE_INSPECTED] + lane[FB_LANE_QUARANTINED] +
                                         lane[FB_LANE_REMOVED] + lane[FB_LANE_WAITING])
            sum.balanced = false;
    }
    sum.accounted = sum.entered - sum.removed + s->run[FB_RUN_BYPASSED] + s->run[FB_RUN_HELD] +
                    s->run[FB_RUN_PENDING];
    for (unsigned i = 0; i < FB_DROP_COUNT; i++)
        sum.accounted += s->dropped[i];
    if (sum.accounted != s->run[FB_RUN_RECEIVED])
        sum.balanced = false;
    return sum;
}

static json_t *build_ledger(const struct fb_snapshot *s, const struct ledger *sum) {
    json_t *object = json_object();
    put_number(&object, "received", s->run[FB_RUN_RECEIVED]);
    put_number(&object, "inspected", sum->inspected);
    put_number(&object, "shunted", s->run[FB_RUN_BYPASSED]);
    put_number(&object, "quarantined", sum->quarantined);
    put_number(&object, "in_flight", sum->waiting + s->run[FB_RUN_HELD] + s->run[FB_RUN_PENDING]);
    put(&object, "dropped", build_counters(fb_drop_texts, s->dropped, FB_DROP_COUNT));
    put(&object, "balanced", json_boolean(sum->balanced));
    put_number(&object, "accounted", sum->accounted);
    put_number(&object, "entered", sum->entered);
    put_number(&object, "removed", sum->removed);
    return object;
}

/* Upper bound in microseconds of the bucket in which a fraction of the samples is passed. */
static double percentile_us(const uint64_t *latency, double samples, double fraction) {
    double passed = 0.0;
    unsigned last = 0;
    for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++) {
        if (latency[i] == 0)
            continue;
        passed += (double)latency[i];
        last = i;
        if (passed >= samples * fraction)
            break;
    }
    return (double)fb_latency_bound(last) / 1e3;
}

static json_t *build_latency(const uint64_t *latency) {
    /* Not integers: counts that a hostile worker made up cannot overflow these. */
    double samples = 0.0;
    double highest_us = 0.0;
    for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++) {
        samples += (double)latency[i];
        if (latency[i] != 0)
            highest_us = (double)fb_latency_bound(i) / 1e3;
    }
    json_t *object = json_object();
    put(&object, "samples", json_integer(samples < 9e18 ? (json_int_t)samples : INT64_MAX));
    put(&object, "p50_us", json_real(percentile_us(latency, samples, 0.50)));
    put(&object, "p99_us", json_real(percentile_us(latency, samples, 0.99)));
    put(&object, "max_us", json_real(highest_us));
    return object;
}

/* Ids of processors and nodes, or -1. */
static void put_id(json_t **object, const char *key, int32_t id) {
    put(object, key, json_integer(id_or_none(id)));
}

static json_t *build_worker(const struct fb_ctl *ctl, unsigned k, const uint64_t *lane,
                            const struct fb_worker_totals *totals, uint64_t all_inspected) {
    double share =
        all_inspected != 0 ? (double)lane[FB_LANE_INSPECTED] / (double)all_inspected : 0.0;
    const char *state = name_of(fb_state_names, FB_STATE_COUNT, fb_ctl_state(ctl, k));
    json_t *object = json_object();
    put_number(&object, "worker", k);
    put(&object, "pid", json_integer(fb_ctl_pid(ctl, k)));
    put(&object, "state", json_string(state));
    put(&object, "numa_node", json_integer(totals->numa_node));
    put(&object, "cpu", json_integer(totals->cpu));
    put_id(&object, "ring_numa_node", fb_ctl_ring_numa_node(ctl, k));
    put(&object, "share", json_real(share));
    put_counters(&object, fb_lane_texts, lane, FB_LANE_COUNT);
    put_counters(&object, fb_worker_texts, totals->counters, FB_WORKER_COUNT);
    put(&object, "self_partial", json_boolean(totals->partial));
    put(&object, "latency", build_latency(totals->latency));
    return object;
}

static json_t *build_workers(const struct fb_ctl *ctl, const struct fb_snapshot *s,
                             const struct fb_worker_totals *totals, uint64_t all_inspected) {
    json_t *workers = json_array();
    for (unsigned k = 0; k < worker_numbers(ctl); k++) {
        json_t *worker = build_worker(ctl, k, s->lane[k], &totals[k], all_inspected);
        if (json_array_append_new(workers, worker) == 0)
            continue;
        json_decref(workers);
        return NULL;
    }
    return workers;
}

static json_t *build_all_latency(const struct fb_ctl *ctl, const struct fb_worker_totals *totals) {
    uint64_t sum[FB_LATENCY_BUCKETS] = {0};
    for (unsigned k = 0; k < worker_numbers(ctl); k++) {
        for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++)
            sum[i] += totals[k].latency[i];
    }
    return build_latency(sum);
}

/* The pages of all down sides in one word. A number has a down side once it has an epoch. */
static const char *down_pages(const struct fb_ctl *ctl) {
    const char *pages = NULL;
    for (unsigned k = 0; k < worker_numbers(ctl); k++) {
        if (fb_ctl_epoch(ctl, k) == 0)
            continue;
        const char *own = name_of(fb_page_kind_names, FB_PAGES_COUNT, fb_ctl_page_kind(ctl, k));
        if (pages != NULL && pages != own)
            return "mixed";
        pages = own;
    }
    return pages != NULL ? pages : fb_page_kind_names[FB_PAGES_4K];
}

static json_t *build_links(const struct fb_ctl *ctl) {
    json_t *links = json_array();
    /* Relaxed: for display. */
    uint32_t count = atomic_load_explicit(&ctl->links, memory_order_relaxed);
    for (unsigned i = 0; i < count && i < FB_MAX_LINKS; i++)
        json_array_append_new(links, json_integer(fb_ctl_link_type(ctl, i)));
    return links;
}

static json_t *build_options(const struct fb_ctl *ctl) {
    json_t *options = json_loadb(ctl->options, strnlen(ctl->options, sizeof ctl->options), 0, NULL);
    if (json_is_object(options))
        return options;
    json_decref(options);
    return json_object();
}

static json_t *build_geometry(const struct fb_geometry *geometry) {
    json_t *object = json_object();
    put_number(&object, "workers", geometry->workers);
    put_number(&object, "max_workers", geometry->max_workers);
    put_number(&object, "depth", geometry->depth);
    put_number(&object, "slots", geometry->slots);
    put_number(&object, "arena_bytes", geometry->arena_bytes);
    put_number(&object, "max_flows", geometry->max_flows);
    return object;
}

static json_t *build_hugepages(const struct fb_ctl *ctl) {
    json_t *object = json_object();
    put(&object, "down", json_string(down_pages(ctl)));
    put(&object, "flow_table",
        json_string(name_of(fb_page_kind_names, FB_PAGES_COUNT, ctl->flow_table_page_kind)));
    return object;
}

static json_t *build_dispatcher(const struct fb_ctl *ctl) {
    json_t *object = json_object();
    put(&object, "pid", json_integer(ctl->pid));
    put(&object, "state", json_string(name_of(run_state_names, RUN_STATES, fb_ctl_run_state(ctl))));
    put_id(&object, "cpu", ctl->cpu);
    put_id(&object, "numa_node", ctl->numa_node);
    put_id(&object, "flow_table_numa_node", ctl->flow_table_numa_node);
    put_number(&object, "numa_nodes", ctl->numa_nodes);
    return object;
}

static json_t *build_interface(const struct fb_ctl *ctl, const struct fb_snapshot *s, unsigned i) {
    uint64_t state = s->interface_state[i];
    json_t *object = json_object();
    put(&object, "name", text(ctl->interface_names[i], sizeof ctl->interface_names[i]));
    put(&object, "state",
        json_string(state < FB_INTERFACE_STATE_COUNT ? fb_interface_state_texts[state].name
                                                     : "unknown"));
    put_counters(&object, fb_interface_texts, s->interface[i], FB_INTERFACE_COUNT);
    return object;
}

static json_t *build_capture(const struct fb_ctl *ctl, const struct fb_snapshot *s) {
    json_t *object = json_object(), *interfaces = json_array();
    put_number(&object, "received", s->run[FB_RUN_CAPTURE_RECEIVED]);
    put_number(&object, "kernel_drops", s->run[FB_RUN_KERNEL_DROPS]);
    put_number(&object, "interface_drops", s->run[FB_RUN_INTERFACE_DROPS]);
    for (unsigned i = 0; i < ctl->interfaces && i < FB_MAX_INTERFACES; i++)
        json_array_append_new(interfaces, build_interface(ctl, s, i));
    put_number(&object, "merged_late", s->run[FB_RUN_MERGED_LATE]);
    put(&object, "interfaces", interfaces);
    return object;
}

static json_t *build_flows(const struct fb_snapshot *s) {
    json_t *object = json_object();
    put_number(&object, "created", s->run[FB_RUN_FLOWS_CREATED]);
    put(&object, "ended", build_counters(fb_end_texts, s->ended, FB_END_COUNT));
    put_number(&object, "active", s->run[FB_RUN_FLOWS_ACTIVE]);
    put_number(&object, "peak", s->run[FB_RUN_FLOWS_PEAK]);
    return object;
}

json_t *fb_report_build(const struct fb_ctl *ctl, const struct fb_snapshot *s,
                        const struct fb_worker_totals *totals) {
    struct ledger sum = add_up(s, worker_numbers(ctl));
    json_t *report = json_object();
    put(&report, "schema", json_string(FB_REPORT_SCHEMA));
    put(&report, "version", text(ctl->version, sizeof ctl->version));
    put(&report, "instance", text(ctl->name, sizeof ctl->name));
    put(&report, "options", build_options(ctl));
    put(&report, "elapsed_s", json_real((double)s->run[FB_RUN_ELAPSED_NS] / 1e9));
    put(&report, "policy", text(ctl->policy, sizeof ctl->policy));
    put(&report, "hugepages", build_hugepages(ctl));
    put(&report, "dispatcher", build_dispatcher(ctl));
    put(&report, "geometry", build_geometry(&ctl->geometry));
    put(&report, "links", build_links(ctl));
    put(&report, "capture", build_capture(ctl, s));
    put(&report, "ledger", build_ledger(s, &sum));
    put_number(&report, "redelivered", s->run[FB_RUN_REDELIVERED]);
    put_number(&report, "failovers", s->run[FB_RUN_FAILOVERS]);
    put(&report, "violations", build_violations(s));
    put(&report, "flows", build_flows(s));
    put(&report, "decode", build_counters(fb_decode_texts, s->decode, FB_DECODE_COUNT));
    put(&report, "fragments", build_counters(fb_fragment_texts, s->fragments, FB_FRAGMENT_COUNT));
    put(&report, "run", build_counters(fb_run_texts, s->run, FB_RUN_COUNT));
    put(&report, "latency", build_all_latency(ctl, totals));
    put(&report, "workers", build_workers(ctl, s, totals, sum.inspected));
    return report;
}

bool fb_report_balanced(const json_t *report) {
    return json_is_true(json_object_get(json_object_get(report, "ledger"), "balanced"));
}
