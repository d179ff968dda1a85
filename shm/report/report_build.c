/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <string.h>
#include <time.h>

#include "flow_balancer/common/json_text.h"
#include "shm/report/report_balance.h"
#include "shm/report/report_ids.h"
#include "shm/report/report_inspectors.h"
#include "shm/report/report_table.h"

static const char *const run_state_names[] = {
    [FB_RUN_STARTING] = "starting",
    [FB_RUN_RUNNING] = "running",
    [FB_RUN_STOPPING] = "stopping",
    [FB_RUN_ENDED] = "ended",
};
#define RUN_STATES (sizeof run_state_names / sizeof *run_state_names)

/* What a report is built of. */
struct build {
    const struct fb_ctl *ctl;
    const struct fb_snapshot *s;
    const struct fb_worker_totals *totals; /* of each worker number */
    unsigned workers;                      /* numbers: rows of s->lane and totals */
    json_t *report;
    bool failed; /* memory ran out */
};

/* ---- values */

static json_t *number(uint64_t value) {
    return json_integer(report_count(value));
}

/* A string of shared memory, at most max bytes long. */
static json_t *text(const char *from, size_t max) {
    return fb_json_text(from, strnlen(from, max));
}

/* The name of an enum value from shared memory. */
static json_t *name(const char *const *names, size_t count, uint32_t index) {
    return json_string(index < count ? names[index] : "unknown");
}

/* Sets a key. Returns the value, which is the object's, or NULL: then it is freed. */
static json_t *put(struct build *b, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) == 0)
        return value;
    b->failed = true;
    return NULL;
}

/* The same for an array. */
static json_t *append(struct build *b, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) == 0)
        return value;
    b->failed = true;
    return NULL;
}

/* ---- counts */

static void put_counters(struct build *b, json_t *object, const struct fb_counter_text *texts,
                         const uint64_t *values, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        put(b, object, texts[i].name, number(values[i]));
}

static void put_section(struct build *b, const struct report_section *section,
                        const uint64_t *const *values) {
    struct report_row rows[REPORT_ROWS_MAX];
    unsigned count = report_rows(section, values, rows);
    const char *path = section->object, *dot = strchr(path, '.');
    json_t *parent = dot == NULL ? b->report : report_object(b->report, path, (size_t)(dot - path));
    json_t *object = put(b, parent, dot == NULL ? path : dot + 1, json_object());
    for (unsigned i = 0; i < count; i++) {
        if (rows[i].value != 0 || !section->sparse)
            put(b, object, rows[i].key, number(rows[i].value));
    }
}

static void put_sections(struct build *b) {
    const struct fb_snapshot *s = b->s;
    uint64_t rings[FB_LANE_COUNT] = {0}, self[FB_WORKER_COUNT] = {0};
    for (unsigned k = 0; k < b->workers; k++) {
        for (unsigned i = 0; i < FB_LANE_COUNT; i++)
            rings[i] += s->lane[k][i];
        for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
            self[i] += b->totals[k].counters[i];
    }
    const uint64_t *const values[REPORT_LISTS] = {
        [REPORT_RUN] = s->run,
        [REPORT_RINGS] = rings,
        [REPORT_SELF] = self,
        [REPORT_DROPPED] = s->dropped,
        [REPORT_ENDED] = s->ended,
        [REPORT_DECODE] = s->decode,
        [REPORT_FRAGMENTS] = s->fragments,
        [REPORT_VIOLATIONS] = s->violations,
    };
    for (const struct report_section *each = report_sections; each->object != NULL; each++)
        put_section(b, each, values);
}

/* ---- latency */

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

static void put_latency(struct build *b, json_t *parent, const uint64_t *latency) {
    /* Not integers: counts that a hostile worker made up cannot overflow these. */
    double samples = 0.0;
    double highest_us = 0.0;
    for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++) {
        samples += (double)latency[i];
        if (latency[i] != 0)
            highest_us = (double)fb_latency_bound(i) / 1e3;
    }
    json_t *object = put(b, parent, "latency", json_object());
    put(b, object, "samples", json_integer(samples < 9e18 ? (json_int_t)samples : INT64_MAX));
    put(b, object, "p50_us", json_real(percentile_us(latency, samples, 0.50)));
    put(b, object, "p99_us", json_real(percentile_us(latency, samples, 0.99)));
    put(b, object, "max_us", json_real(highest_us));
}

static void put_all_inspectors(struct build *b) {
    json_t *object = put(b, b->report, "inspectors", json_object());
    for (unsigned k = 0; k < b->workers; k++)
        b->failed = !report_add_stats(object, &b->totals[k].stats) || b->failed;
}

static void put_all_latency(struct build *b) {
    uint64_t sum[FB_LATENCY_BUCKETS] = {0};
    for (unsigned k = 0; k < b->workers; k++) {
        for (unsigned i = 0; i < FB_LATENCY_BUCKETS; i++)
            sum[i] += b->totals[k].latency[i];
    }
    put_latency(b, b->report, sum);
}

/* ---- workers */

/* What its inspectors count, where they count anything. */
static void put_own_inspectors(struct build *b, json_t *object, const struct fb_stats *stats) {
    if (stats->count != 0 && !report_add_stats(put(b, object, "inspectors", json_object()), stats))
        b->failed = true;
    if (stats->left_out != 0)
        put(b, object, "inspectors_left_out", number(stats->left_out));
}

static void put_worker(struct build *b, json_t *workers, unsigned k, uint64_t all_inspected) {
    const uint64_t *lane = b->s->lane[k];
    const struct fb_worker_totals *totals = &b->totals[k];
    uint32_t state = fb_ctl_state(b->ctl, k);
    double share =
        all_inspected != 0 ? (double)lane[FB_LANE_INSPECTED] / (double)all_inspected : 0.0;
    json_t *object = append(b, workers, json_object());
    put(b, object, "worker", number(k));
    put(b, object, "pid", json_integer(fb_ctl_pid(b->ctl, k)));
    put(b, object, "state", name(fb_state_names, FB_STATE_COUNT, state));
    put(b, object, "finished", json_boolean(state == FB_STATE_ABSENT && totals->left));
    put(b, object, "numa_node", json_integer(totals->numa_node));
    put(b, object, "cpu", json_integer(totals->cpu));
    put(b, object, "ring_numa_node", json_integer(report_id(fb_ctl_ring_numa_node(b->ctl, k))));
    put(b, object, "share", json_real(share));
    put_counters(b, object, fb_lane_texts, lane, FB_LANE_COUNT);
    put_counters(b, object, fb_worker_texts, totals->counters, FB_WORKER_COUNT);
    put(b, object, "self_partial", json_boolean(totals->partial));
    put_own_inspectors(b, object, &totals->stats);
    put_latency(b, object, totals->latency);
}

static void put_workers(struct build *b) {
    uint64_t inspected = 0;
    for (unsigned k = 0; k < b->workers; k++)
        inspected += b->s->lane[k][FB_LANE_INSPECTED];
    json_t *workers = put(b, b->report, "workers", json_array());
    for (unsigned k = 0; k < b->workers; k++) {
        if (k < b->ctl->geometry.workers || fb_ctl_epoch(b->ctl, k) != 0) /* else it has no ring */
            put_worker(b, workers, k, inspected);
    }
}

/* ---- what is not counted */

/* The pages of all down sides in one word. A number has a down side once it has an epoch. */
static const char *down_pages(const struct build *b) {
    const char *pages = NULL;
    for (unsigned k = 0; k < b->workers; k++) {
        if (fb_ctl_epoch(b->ctl, k) == 0)
            continue;
        uint32_t kind = fb_ctl_page_kind(b->ctl, k);
        const char *own = kind < FB_PAGES_COUNT ? fb_page_kind_names[kind] : "unknown";
        if (pages != NULL && pages != own)
            return "mixed";
        pages = own;
    }
    return pages != NULL ? pages : fb_page_kind_names[FB_PAGES_4K];
}

static void put_hugepages(struct build *b) {
    json_t *object = put(b, b->report, "hugepages", json_object());
    put(b, object, "down", json_string(down_pages(b)));
    put(b, object, "flow_table",
        name(fb_page_kind_names, FB_PAGES_COUNT, b->ctl->flow_table_page_kind));
}

static json_t *options(const struct fb_ctl *ctl) {
    json_t *object = json_loadb(ctl->options, strnlen(ctl->options, sizeof ctl->options), 0, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return json_object();
}

static void put_dispatcher(struct build *b) {
    const struct fb_ctl *ctl = b->ctl;
    json_t *object = put(b, b->report, "dispatcher", json_object());
    put(b, object, "pid", json_integer(ctl->pid));
    put(b, object, "state", name(run_state_names, RUN_STATES, fb_ctl_run_state(ctl)));
    put(b, object, "cpu", json_integer(report_id(ctl->cpu)));
    put(b, object, "numa_node", json_integer(report_id(ctl->numa_node)));
    put(b, object, "flow_table_numa_node", json_integer(report_id(ctl->flow_table_numa_node)));
    put(b, object, "numa_nodes", number(ctl->numa_nodes));
}

static void put_geometry(struct build *b) {
    const struct fb_geometry *geometry = &b->ctl->geometry;
    json_t *object = put(b, b->report, "geometry", json_object());
    put(b, object, "workers", number(geometry->workers));
    put(b, object, "max_workers", number(geometry->max_workers));
    put(b, object, "depth", number(geometry->depth));
    put(b, object, "slots", number(geometry->slots));
    put(b, object, "arena_bytes", number(geometry->arena_bytes));
    put(b, object, "max_flows", number(geometry->max_flows));
}

static void put_links(struct build *b) {
    json_t *links = put(b, b->report, "links", json_array());
    /* Relaxed: for display. */
    uint32_t count = atomic_load_explicit(&b->ctl->links, memory_order_relaxed);
    for (unsigned i = 0; i < count && i < FB_MAX_LINKS; i++)
        append(b, links, json_integer(fb_ctl_link_type(b->ctl, i)));
}

static void put_interfaces(struct build *b, json_t *capture) {
    json_t *interfaces = put(b, capture, "interfaces", json_array());
    for (unsigned i = 0; i < b->ctl->interfaces && i < FB_MAX_INTERFACES; i++) {
        uint64_t state = b->s->interface_state[i];
        json_t *object = append(b, interfaces, json_object());
        put(b, object, "name", text(b->ctl->interface_names[i], sizeof b->ctl->interface_names[i]));
        put(b, object, "state",
            json_string(state < FB_INTERFACE_STATE_COUNT ? fb_interface_state_texts[state].name
                                                         : "unknown"));
        put_counters(b, object, fb_interface_texts, b->s->interface[i], FB_INTERFACE_COUNT);
    }
}

/* ---- the whole */

/* Wall clock since the dispatcher started; 0 if the clock was set back behind that. */
static double running_s(const struct fb_ctl *ctl) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)ctl->started_ns / 1e9;
    return s > 0 ? s : 0;
}

static void put_head(struct build *b) {
    const struct fb_ctl *ctl = b->ctl;
    put(b, b->report, "schema", json_string(FB_REPORT_SCHEMA));
    put(b, b->report, "version", text(ctl->version, sizeof ctl->version));
    put(b, b->report, "instance", text(ctl->name, sizeof ctl->name));
    put(b, b->report, "options", options(ctl));
    put(b, b->report, "started_s", json_real((double)ctl->started_ns / 1e9));
    put(b, b->report, "elapsed_s", json_real((double)b->s->run[FB_RUN_ELAPSED_NS] / 1e9));
    put(b, b->report, "running_s", json_real(running_s(ctl)));
    put(b, b->report, "policy", text(ctl->policy, sizeof ctl->policy));
    put_hugepages(b);
    put_dispatcher(b);
    put_geometry(b);
    put_links(b);
}

static void put_balance(struct build *b) {
    struct report_balance balance = report_balance(b->s, b->workers);
    json_t *ledger = json_object_get(b->report, "ledger");
    put(b, ledger, "balanced", json_boolean(balance.balanced));
    put(b, ledger, "accounted", number(balance.accounted));
}

json_t *fb_report_build(const struct fb_ctl *ctl, const struct fb_snapshot *s,
                        const struct fb_worker_totals *totals) {
    uint32_t workers = ctl->geometry.max_workers;
    struct build b = {.ctl = ctl,
                      .s = s,
                      .totals = totals,
                      .workers = workers < FB_MAX_WORKERS ? workers : FB_MAX_WORKERS,
                      .report = json_object()};
    put_head(&b);
    put_sections(&b);
    put_interfaces(&b, json_object_get(b.report, "capture"));
    put_balance(&b);
    put_counters(&b, json_object_get(b.report, "run"), fb_run_texts, s->run, FB_RUN_COUNT);
    put(&b, b.report, "redelivered", number(s->run[FB_RUN_REDELIVERED]));
    put(&b, b.report, "failovers", number(s->run[FB_RUN_FAILOVERS]));
    put_all_inspectors(&b);
    put_all_latency(&b);
    put_workers(&b);
    if (!b.failed)
        return b.report;
    json_decref(b.report);
    return NULL;
}

bool fb_report_balanced(const json_t *report) {
    return json_is_true(json_object_get(json_object_get(report, "ledger"), "balanced"));
}
