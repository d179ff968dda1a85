/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_pin(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof set, &set);
}

void bench_die(const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t bench_number(const char *what, const char *text, uint64_t min, uint64_t max) {
    errno = 0;
    uint64_t value = strtoull(text, NULL, 10);
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0 || value < min ||
        value > max) {
        fprintf(stderr, "%s: %s '%s': give a whole number from %" PRIu64 " to %" PRIu64 "\n",
                program_invocation_short_name, what, text, min, max);
        exit(2);
    }
    return value;
}

void bench_add(struct bench_series *series, double figure) {
    if (series->runs == BENCH_RUNS_MAX)
        bench_die("more than %u runs", BENCH_RUNS_MAX);
    series->of[series->runs++] = figure;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(struct bench_series *series) {
    qsort(series->of, series->runs, sizeof *series->of, compare);
    unsigned upper = series->runs / 2;
    return series->runs % 2 == 1 ? series->of[upper]
                                 : (series->of[upper - 1] + series->of[upper]) / 2;
}

const char *bench_spread(struct bench_series *series, char *text, size_t size) {
    double median = bench_median(series);
    snprintf(text, size, "%.1f (%.1f - %.1f)", median, series->of[0], series->of[series->runs - 1]);
    return text;
}

uint64_t bench_memory_available(void) {
    unsigned long long kib = 0;
    char line[128];
    FILE *info = fopen("/proc/meminfo", "re");
    if (info == NULL)
        return UINT64_MAX;
    while (kib == 0 && fgets(line, sizeof line, info) != NULL)
        (void)sscanf(line, "MemAvailable: %llu", &kib);
    fclose(info);
    return kib == 0 ? UINT64_MAX : kib * 1024;
}
