/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/history_report.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"
#include "shm/report/report_text.h"

#define SHARES_MOST 16u          /* workers with a share of their own in a line */
#define HEADING_EVERY 20u        /* lines */
#define TIME_MOST 253402300799.0 /* the end of the year 9999: a file may say anything */
#define COUNT_MOST 1e15          /* a second: what is above is not a rate */

/* ---- values: whatever is in a file */

static double time_of(const json_t *object) {
    double time = json_number_value(json_object_get(object, "time"));
    return time >= 0 && time <= TIME_MOST ? time : 0;
}

static json_int_t count_of(const json_t *object, const char *key) {
    json_int_t count = report_number(object, key);
    return count > 0 ? count : 0;
}

/* How much more a second; a total that goes back has no rate. */
static double rate(const json_t *before, const json_t *now, const char *key, double span_s) {
    double rate = ((double)count_of(now, key) - (double)count_of(before, key)) / span_s;
    return rate > 0 && rate < COUNT_MOST ? rate : 0;
}

/* ---- parts of a line */

static void print_time(FILE *out, double time, bool with_ms) {
    time_t second = (time_t)time;
    struct tm local;
    char text[32] = "--:--:--";
    if (localtime_r(&second, &local) != NULL)
        strftime(text, sizeof text, "%H:%M:%S", &local);
    fputs(text, out);
    if (with_ms)
        fprintf(out, ".%03d", (int)((time - (double)second) * 1000));
}

/* Without control characters, of which UTF-8 has more: U+0080 to U+009F. */
static void print_text(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];
        bool is_c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
        fputc(byte < ' ' || byte == 0x7f || is_c1 ? '?' : byte, out);
        text += is_c1;
    }
}

static void print_column(FILE *out, int width, double count) {
    fprintf(out, " %*s", width, fb_grouped((uint64_t)(count + 0.5)).text);
}

static const json_t *worker_of(const json_t *sample, size_t k) {
    return json_array_get(json_object_get(sample, "workers"), k);
}

static double packets_between(const json_t *before, const json_t *now, size_t k) {
    double more = (double)count_of(worker_of(now, k), "packets") -
                  (double)count_of(worker_of(before, k), "packets");
    return more > 0 && more < COUNT_MOST ? more : 0;
}

/* What part of the packets each worker inspected, in percent; of many only the ends. */
static void print_shares(FILE *out, const json_t *before, const json_t *now) {
    size_t workers = json_array_size(json_object_get(now, "workers")), most = 0, least = 0;
    double sum = 0;
    for (size_t k = 0; k < workers; k++)
        sum += packets_between(before, now, k);
    double percent = sum > 0 ? 100 / sum : 0;
    for (size_t k = 0; k < workers; k++) {
        double own = packets_between(before, now, k);
        if (workers <= SHARES_MOST)
            fprintf(out, " %3.0f", own * percent);
        most = own > packets_between(before, now, most) ? k : most;
        least = own < packets_between(before, now, least) ? k : least;
    }
    if (workers > SHARES_MOST)
        fprintf(out, "  most %.0f (%zu), least %.0f (%zu)",
                packets_between(before, now, most) * percent, most,
                packets_between(before, now, least) * percent, least);
}

/* As wide as the columns of print_sample(). */
static void print_heading(FILE *out, const json_t *now) {
    size_t workers = json_array_size(json_object_get(now, "workers"));
    fprintf(out, "%-72s | dropped a second by                 | %% of the packets\n", "");
    fprintf(out, "%-8s %11s %11s %8s %9s %9s %9s | %8s %8s %8s %9s |", "time", "received/s",
            "inspected/s", "MB/s", "flows/s", "flows", "backlog", "nic", "kernel", "ring",
            "no worker");
    for (size_t k = 0; k < workers && workers <= SHARES_MOST; k++)
        fprintf(out, " %3zu", k);
    fputs(workers > SHARES_MOST ? " (worker)\n" : "\n", out);
}

static void print_sample(FILE *out, const json_t *before, const json_t *now) {
    double span_s = time_of(now) - time_of(before);
    if (span_s <= 0) /* the clock was set back */
        span_s = 1;
    const json_t *dropped = json_object_get(now, "dropped");
    const json_t *dropped_before = json_object_get(before, "dropped");
    print_time(out, time_of(now), false);
    print_column(out, 11, rate(before, now, "received", span_s));
    print_column(out, 11, rate(before, now, "inspected", span_s));
    fprintf(out, " %8.1f", rate(before, now, "bytes", span_s) / 1e6);
    print_column(out, 9, rate(before, now, "flows_created", span_s));
    print_column(out, 9, (double)count_of(now, "flows_active"));
    print_column(out, 9, (double)count_of(now, "in_flight"));
    fputs(" |", out);
    print_column(out, 8, rate(before, now, "interface_drops", span_s));
    print_column(out, 8, rate(before, now, "kernel_drops", span_s));
    print_column(out, 8, rate(dropped_before, dropped, "ring_full", span_s));
    print_column(out, 9, rate(dropped_before, dropped, "no_worker", span_s));
    fputs(" |", out);
    print_shares(out, before, now);
    fputc('\n', out);
}

static void print_event(FILE *out, const json_t *event) {
    print_time(out, time_of(event), true);
    fputs("  ", out);
    print_text(out, report_word(event, "severity"));
    fputs(": ", out);
    print_text(out, report_word(event, "text"));
    fputc('\n', out);
}

/* ---- all of it */

void fb_history_print(FILE *out, const json_t *history) {
    const json_t *samples = json_object_get(history, "samples");
    const json_t *events = json_object_get(history, "events");
    size_t event = 0, lines = 0;
    fputs("instance '", out);
    print_text(out, report_word(history, "instance"));
    fputs("', version ", out);
    print_text(out, report_word(history, "version"));
    fprintf(out, ", %zu samples\n", json_array_size(samples));
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *now = json_array_get(samples, i);
        for (; event < json_array_size(events) &&
               time_of(json_array_get(events, event)) <= time_of(now);
             event++)
            print_event(out, json_array_get(events, event));
        if (i == 0) /* for the rates of the next one */
            continue;
        if (lines++ % HEADING_EVERY == 0)
            print_heading(out, now);
        print_sample(out, json_array_get(samples, i - 1), now);
    }
    for (; event < json_array_size(events); event++)
        print_event(out, json_array_get(events, event));
}

/* Removes from the front what is before that time, but `spare` of them. */
static void cut_before(json_t *list, double from, size_t spare) {
    size_t first = 0, count = json_array_size(list);
    while (first < count && time_of(json_array_get(list, first)) < from)
        first++;
    json_t *rest = json_array();
    for (size_t i = first > spare ? first - spare : 0; rest != NULL && i < count; i++)
        json_array_append(rest, json_array_get(list, i));
    if (rest != NULL && json_array_clear(list) == 0)
        json_array_extend(list, rest);
    json_decref(rest);
}

void fb_history_cut(json_t *history, uint64_t seconds) {
    json_t *samples = json_object_get(history, "samples");
    size_t count = json_array_size(samples);
    if (count == 0)
        return;
    double from = time_of(json_array_get(samples, count - 1)) - (double)seconds;
    cut_before(samples, from, 1);
    cut_before(json_object_get(history, "events"), from, 0);
}

int fb_history_load(const char *path, json_t **history) {
    json_error_t problem;
    bool is_input = strcmp(path, "-") == 0;
    FILE *in = is_input ? stdin : fopen(path, "re");
    *history = NULL;
    if (in == NULL) {
        int error = -errno;
        fb_error("cannot open %s: %s", path, strerror(-error));
        return error;
    }
    *history = json_loadf(in, 0, &problem);
    if (!is_input)
        fclose(in);
    const char *schema = report_word(*history, "schema");
    if (*history != NULL && strcmp(schema, FB_HISTORY_SCHEMA) == 0)
        return 0;
    if (*history == NULL)
        fb_error("%s is no history: line %d: %s: give what 'flow-stat --history --json' wrote",
                 path, problem.line, problem.text);
    else
        fb_error("%s has schema '%.64s', expected %s: give what 'flow-stat --history --json' wrote",
                 path, schema, FB_HISTORY_SCHEMA);
    json_decref(*history);
    *history = NULL;
    return -EBADMSG;
}
