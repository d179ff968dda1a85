/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <unistd.h>

#include "tests/lib/process.h"

/* ---- reports */

const json_t *report_of(struct test *t, const char *file) {
    json_error_t error;
    json_decref(t->report);
    t->report = json_load_file(file_in(t, file), 0, &error);
    if (t->report == NULL) {
        processes_print(t);
        fail_msg("report %s: %s", file, error.text);
    }
    return t->report;
}

const json_t *stat_of(struct test *t, const char *instance) {
    struct process *p = process_start(t, "flow-stat -n %s --json", instance);
    int status = process_wait(t, p);
    json_decref(t->report);
    t->report = status == 0 ? json_load_file(p->output, 0, NULL) : NULL;
    if (status == 0)
        assert_non_null(t->report);
    process_forget(t, p);
    return t->report;
}

const json_t *value_at(const json_t *report, const char *path) {
    const json_t *value = report;
    char part[64];
    for (const char *rest = path; *rest != '\0' && value != NULL;) {
        size_t length = strcspn(rest, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, rest);
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
        rest += length + (rest[length] == '.');
    }
    if (value == NULL)
        fail_msg("the report has no %s", path);
    return value;
}

json_int_t number_at(const json_t *report, const char *path) {
    const json_t *value = value_at(report, path);
    if (!json_is_integer(value))
        fail_msg("%s is no whole number", path);
    return json_integer_value(value);
}

const char *text_at(const json_t *report, const char *path) {
    const char *text = json_string_value(value_at(report, path));
    if (text == NULL)
        fail_msg("%s is no text", path);
    return text;
}

json_int_t stat_number(struct test *t, const char *instance, const char *path) {
    const json_t *report = stat_of(t, instance);
    return report == NULL ? -1 : number_at(report, path);
}

bool worker_is(struct test *t, const char *instance, unsigned worker, const char *state) {
    char path[64];
    snprintf(path, sizeof path, "workers.%u.state", worker);
    const json_t *report = stat_of(t, instance);
    return report != NULL && strcmp(text_at(report, path), state) == 0;
}

json_int_t sum_of_workers(const json_t *report, const char *number) {
    json_int_t sum = 0;
    size_t i;
    json_t *worker;
    json_array_foreach(value_at(report, "workers"), i, worker) sum += number_at(worker, number);
    return sum;
}

void expect_number(const json_t *report, const char *path, json_int_t wanted) {
    json_int_t found = number_at(report, path);
    if (found != wanted)
        fail_msg("%s is %" JSON_INTEGER_FORMAT ", not %" JSON_INTEGER_FORMAT, path, found, wanted);
}

static json_int_t sum_of(const json_t *object) {
    json_int_t sum = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) sum += json_integer_value(value);
    return sum;
}

void expect_ledger_balanced(const json_t *report) {
    const json_t *ledger = value_at(report, "ledger");
    assert_true(json_is_true(value_at(ledger, "balanced")));
    expect_number(report, "ledger.in_flight", 0);
    json_int_t ended = number_at(ledger, "inspected") + number_at(ledger, "shunted") +
                       number_at(ledger, "quarantined") + sum_of(value_at(ledger, "dropped"));
    expect_number(report, "ledger.received", ended);
    assert_int_equal(sum_of_workers(report, "packets"), number_at(ledger, "inspected"));
    assert_int_equal(sum_of(value_at(report, "decode")), number_at(ledger, "received"));
    expect_number(report, "flows.created",
                  sum_of(value_at(report, "flows.ended")) + number_at(report, "flows.active"));
    double shares = 0;
    size_t i;
    json_t *worker;
    json_array_foreach(value_at(report, "workers"), i, worker) shares +=
        json_real_value(json_object_get(worker, "share"));
    if (fabs(shares - (number_at(ledger, "inspected") != 0)) > 1e-6)
        fail_msg("shares sum to %f", shares);
}

void expect_balanced(const json_t *report) {
    expect_ledger_balanced(report);
    expect_number(report, "capture.received",
                  number_at(report, "ledger.received") + number_at(report, "capture.kernel_drops"));
}

void expect_all_inspected(const json_t *report, json_int_t received) {
    expect_balanced(report);
    expect_number(report, "ledger.received", received);
    expect_number(report, "ledger.inspected", received);
    assert_int_equal(sum_of_workers(report, "self_packets"), received);
    assert_int_equal(sum_of_workers(report, "self_bytes"), sum_of_workers(report, "bytes"));
    expect_number(report, "flows.active", 0);
}

/* ---- what was logged of drops */

json_int_t drops_logged(struct test *t, const struct process *p, const char *what) {
    char start[128];
    json_int_t sum = 0;
    snprintf(start, sizeof start, " %s: no more drops: ", what);
    for (const char *at = process_errors(t, p); (at = strstr(at, start)) != NULL;) {
        json_int_t n = 0;
        for (at += strlen(start); *at == ',' || (*at >= '0' && *at <= '9'); at++)
            n = *at == ',' ? n : 10 * n + (*at - '0');
        sum += n;
    }
    return sum;
}

static void expect_logged(struct test *t, const struct process *p, const char *what,
                          json_int_t counted) {
    json_int_t logged = drops_logged(t, p, what);
    if (logged != counted)
        fail_msg("%s: %lld drops are logged, and %lld counted: %s", what, (long long)logged,
                 (long long)counted, process_errors(t, p));
}

void expect_drops_logged(struct test *t, const struct process *p, const json_t *report) {
    size_t i;
    json_t *each;
    char what[96];
    json_array_foreach(value_at(report, "workers"), i, each) {
        snprintf(what, sizeof what, "worker %zu", i);
        expect_logged(t, p, what, number_at(each, "dropped"));
    }
    json_array_foreach(value_at(report, "capture.interfaces"), i, each) {
        snprintf(what, sizeof what, "interface %s", text_at(each, "name"));
        expect_logged(t, p, what, number_at(each, "kernel_drops"));
        snprintf(what, sizeof what, "interface %s itself", text_at(each, "name"));
        expect_logged(t, p, what, number_at(each, "interface_drops"));
    }
    expect_logged(t, p, "no worker was ready", number_at(report, "ledger.dropped.no_worker"));
}
