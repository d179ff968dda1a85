/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_delays.h"

#include <stdbool.h>

#include "shm/report/report_ids.h"
#include "shm/report/report_text.h"

/* ---- as JSON */

/* Upper bound in microseconds of the bucket in which a fraction of the samples is passed. */
static double percentile_us(const struct fb_delay_counts *counts, double samples, double fraction) {
    double passed = 0.0;
    unsigned last = 0;
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++) {
        if (counts->buckets[i] == 0)
            continue;
        passed += (double)counts->buckets[i];
        last = i;
        if (passed >= samples * fraction)
            break;
    }
    return (double)fb_delay_bound(last) / 1e3;
}

/* Pairs of a bucket's bound in nanoseconds and its count; NULL if memory ran out. */
static json_t *buckets(const struct fb_delay_counts *counts) {
    json_t *array = json_array();
    bool failed = array == NULL;
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++) {
        if (counts->buckets[i] != 0)
            failed |=
                json_array_append_new(array, json_pack("[I,I]", (json_int_t)fb_delay_bound(i),
                                                       report_count(counts->buckets[i]))) != 0;
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

json_t *report_delay(const struct fb_delay_counts *counts) {
    /* Not integers: counts that a hostile worker made up cannot overflow these. */
    double samples = 0.0;
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++)
        samples += (double)counts->buckets[i];
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "samples",
                     samples < 9e18 ? (json_int_t)samples : INT64_MAX, "p50_us",
                     percentile_us(counts, samples, 0.50), "p90_us",
                     percentile_us(counts, samples, 0.90), "p99_us",
                     percentile_us(counts, samples, 0.99), "max_us",
                     percentile_us(counts, samples, 1.00), "sum_s", (double)counts->sum_ns / 1e9,
                     "buckets", buckets(counts));
}

/* ---- as text */

struct bound {
    char text[24];
};

/* The upper bound of a bucket, which is a quarter of its size wide: two digits, rounded up. */
static struct bound bound_of(const json_t *delay, const char *key) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    uint64_t ns = (uint64_t)(report_real(delay, key) * 1e3 + 0.5), step = 1, per_unit = 1;
    unsigned unit = 0;
    while (ns / step >= 100)
        step *= 10;
    ns = (ns + step - 1) / step * step;
    for (; ns / per_unit >= 1000 && unit < 3; unit++)
        per_unit *= 1000;
    struct bound out;
    snprintf(out.text, sizeof out.text, "%.*f %s", step < per_unit && ns / per_unit < 10 ? 1 : 0,
             (double)ns / (double)per_unit, units[unit]);
    return out;
}

static const struct row {
    const char *key, *name;
} rows[] = {
    {"capture_to_dispatch", "capture to dispatch"},
    {"dispatch_to_inspection", "dispatch to inspection"},
    {"inspection", "inspection of a packet"},
};
#define ROWS (sizeof rows / sizeof *rows)

void report_print_delays(FILE *out, const json_t *report) {
    static const char *const columns[][2] = {
        {"p50_us", "50 %"}, {"p90_us", "90 %"}, {"p99_us", "99 %"}, {"max_us", "all"}};
    const json_t *delays = json_object_get(report, "delays");
    bool titled = false;
    for (size_t i = 0; i < ROWS; i++) {
        const json_t *delay = json_object_get(delays, rows[i].key);
        if (report_number(delay, "samples") == 0)
            continue;
        if (!titled)
            fprintf(out, "%22s  %8s %8s %8s %8s\n", "takes at most", columns[0][1], columns[1][1],
                    columns[2][1], columns[3][1]);
        titled = true;
        fprintf(out, "%22s ", rows[i].name);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            fprintf(out, " %8s", bound_of(delay, columns[c][0]).text);
        fputc('\n', out);
    }
}
