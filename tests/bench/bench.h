/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* What all bench programs share: clock, cores, runs and their median, wrong usage. One thread. */
#define BENCH_RUNS_MAX 128u

/* CLOCK_MONOTONIC. */
uint64_t bench_now_ns(void);

/* Pins the calling thread to a core; where there are fewer, they are counted round. */
void bench_pin(unsigned cpu);

/* One line on stderr, NAME of the program first, and exit status 1. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An argument as a whole number from min to max; else the program ends with status 2. */
uint64_t bench_number(const char *what, const char *text, uint64_t min, uint64_t max);

/* The figures of alternating runs of one thing. */
struct bench_series {
    unsigned runs;
    double of[BENCH_RUNS_MAX];
};

void bench_add(struct bench_series *series, double figure);

/* Of at least one run. Both sort the series. */
double bench_median(struct bench_series *series);
/* "median (least - most)" into text; returns text. */
const char *bench_spread(struct bench_series *series, char *text, size_t size);

/* Bytes that the kernel could give without swapping; UINT64_MAX if it does not say. */
uint64_t bench_memory_available(void);

#endif
