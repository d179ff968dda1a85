/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_text.h"

#include <stdbool.h>
#include <string.h>

#include "flow_balancer/life.h"

/* Counters of a ring that are columns: those whose path is `workers`, see counters.h. */
static const struct column {
    const char *key, *title;
    int width;
} columns[] = {
    {"flows", "flows", 10},      {"backlog", "backlog", 7}, {"max_backlog", "max", 7},
    {"restarts", "restarts", 8}, {"dropped", "dropped", 9}, {"bytes", "bytes", 15},
};
#define COLUMNS (sizeof columns / sizeof *columns)

bool report_worker_is_unused(const json_t *worker, json_int_t wanted) {
    return report_number(worker, "worker") >= wanted && report_number(worker, "entered") == 0 &&
           strcmp(report_word(worker, "state"), fb_state_names[FB_STATE_ABSENT]) == 0;
}

const char *report_worker_state(const json_t *worker) {
    bool finished = json_is_true(json_object_get(worker, "finished"));
    return finished ? "finished" : report_word(worker, "state");
}

static void print_worker(FILE *out, const json_t *worker) {
    fprintf(out, "%6" JSON_INTEGER_FORMAT " %-8s %13s %5.1f%%", report_number(worker, "worker"),
            report_worker_state(worker), report_grouped(report_number(worker, "packets")).text,
            100.0 * report_real(worker, "share"));
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out, " %*s", columns[i].width,
                report_grouped(report_number(worker, columns[i].key)).text);
    fputc('\n', out);
}

void report_print_workers(FILE *out, const json_t *report) {
    json_int_t wanted = report_number(json_object_get(report, "geometry"), "workers");
    fprintf(out, "%6s %-8s %13s %6s", "worker", "state", "packets", "share");
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out, " %*s", columns[i].width, columns[i].title);
    fputc('\n', out);
    size_t i;
    const json_t *worker;
    json_array_foreach(json_object_get(report, "workers"), i, worker) {
        if (!report_worker_is_unused(worker, wanted))
            print_worker(out, worker);
    }
}

static void print_difference(FILE *out, const json_t *worker) {
    json_int_t k = report_number(worker, "worker"), packets = report_number(worker, "packets");
    json_int_t accounted = packets;
    static const char *const others[] = {"quarantined", "removed", "backlog"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        accounted = report_add(accounted, report_number(worker, others[i]));
    if (report_number(worker, "entered") != accounted)
        fprintf(out,
                "worker %" JSON_INTEGER_FORMAT
                ": %s packets entered its ring, %s are accounted for\n",
                k, report_grouped(report_number(worker, "entered")).text,
                report_grouped(accounted).text);
    if (!json_is_true(json_object_get(worker, "self_partial")) &&
        report_number(worker, "self_packets") != packets)
        fprintf(out,
                "worker %" JSON_INTEGER_FORMAT ": counted %s packets itself, the ledger has %s\n",
                k, report_grouped(report_number(worker, "self_packets")).text,
                report_grouped(packets).text);
    json_int_t left_out = report_number(worker, "inspectors_left_out");
    if (left_out != 0)
        fprintf(out,
                "worker %" JSON_INTEGER_FORMAT
                ": %s counters of its inspectors are left out: no valid name, or too many\n",
                k, report_grouped(left_out).text);
}

void report_print_differences(FILE *out, const json_t *report) {
    size_t i;
    const json_t *worker;
    json_array_foreach(json_object_get(report, "workers"), i, worker) print_difference(out, worker);
}
