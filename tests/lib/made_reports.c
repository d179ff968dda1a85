/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/made_reports.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static json_t *parsed(const char *text) {
    char json[4096];
    assert_true(strlen(text) < sizeof json);
    snprintf(json, sizeof json, "%s", text);
    for (char *c = json; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    json_error_t error;
    json_t *value = json_loads(json, JSON_DECODE_ANY, &error);
    if (value == NULL)
        fail_msg("no JSON: %s: %s", error.text, json);
    return value;
}

json_t *made_report(unsigned workers) {
    json_t *report = parsed(
        "{'version':'0.1.0','instance':'sensor','policy':'backlog-share','running_s':3723,"
        "'dispatcher':{'pid':4711,'state':'running','heartbeat_age_s':0.05},"
        "'hugepages':{'down':'thp','flow_table':'thp'},'options':{'buffer-size':'4096'},"
        "'capture':{'received':0,'kernel_drops':0,'interface_drops':0,'interfaces':[{'name':'eth0',"
        "'state':'up','received':0,'kernel_drops':0,'interface_drops':0}]},"
        "'ledger':{'received':0,'inspected':0,'shunted':0,'quarantined':0,'in_flight':0,"
        "'balanced':true,'dropped':{'ring_full':0,'no_worker':0,'abandoned':0}},"
        "'flows':{'created':500,'active':400},'violations':{},'run':{},'workers':[],"
        "'inspectors':{'ids':{'alerts':17}},"
        "'latency':{'samples':100,'p50_us':82.0,'p99_us':2100.0,'max_us':15000.0}}");
    made_set(report, "geometry.workers", workers);
    made_set(report, "run.workers_wanted", workers);
    made_set(report, "geometry.depth", 10000);
    made_set(report, "geometry.max_flows", 1000000);
    for (unsigned k = 0; k < workers; k++) {
        json_t *worker = parsed(
            "{'state':'ready','finished':false,'numa_node':0,'cpu':-1,'ring_numa_node':0,"
            "'entered':1000,'packets':1000,'backlog':0,'max_backlog':0,'bytes':64000,'flows':10,"
            "'flows_bound':8,'restarts':0,'hangs':0,'dropped':0,'quarantined':0,'removed':0,"
            "'latency':{'samples':10,'p50_us':20.0,'p99_us':400.0,'max_us':900.0}}");
        made_set(worker, "worker", k);
        made_set(worker, "pid", 1000 + k);
        made_set(worker, "share", 1.0 / workers);
        json_array_append_new(json_object_get(report, "workers"), worker);
    }
    made_set(report, "ledger.received", 1000.0 * workers);
    made_set(report, "ledger.inspected", 1000.0 * workers);
    return report;
}

static void put(json_t *at, const char *path, json_t *value) {
    for (;;) {
        size_t length = strcspn(path, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        if (path[length] == '\0') {
            assert_int_equal(json_object_set_new(at, key, value), 0);
            return;
        }
        json_t *next = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                                         : json_object_get(at, key);
        if (next == NULL) {
            next = json_object();
            assert_int_equal(json_object_set_new(at, key, next), 0);
        }
        at = next;
        path += length + 1;
    }
}

void made_set(json_t *report, const char *path, double value) {
    bool is_whole = value < 9e15 && value > -9e15 && (double)(json_int_t)value - value == 0.0;
    put(report, path, is_whole ? json_integer((json_int_t)value) : json_real(value));
}

void made_set_text(json_t *report, const char *path, const char *text) {
    put(report, path, json_string(text));
}

void made_set_json(json_t *report, const char *path, const char *text) {
    put(report, path, parsed(text));
}
