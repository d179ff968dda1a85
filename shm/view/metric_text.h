/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_METRIC_TEXT_H
#define SHM_VIEW_METRIC_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Prometheus' text format, version 0.0.4: families of samples, each of one name, kind and
 * sentence. Must not know what is measured.
 */
struct metric_text {
    FILE *out;
    const char *balancer; /* the label that every sample has */
    /* The family that was begun last. */
    const char *name; /* without the prefix flow_balancer_; kept by pointer */
    const char *kind; /* "counter", "gauge", "histogram" or "untyped" */
    const char *help;
    bool has_head; /* its first sample has written them */
};

/* One of at most METRIC_LABELS_MAX, the last of which has no name. */
struct metric_label {
    const char *name;
    const char *value; /* any text; NULL is "" */
};
#define METRIC_LABELS_MAX 5
#define METRIC_LABELS(...) ((const struct metric_label[METRIC_LABELS_MAX]){__VA_ARGS__})
#define METRIC_NO_LABELS METRIC_LABELS({NULL, NULL})

/* A number as text, for a label. */
struct metric_number {
    char text[24];
};
struct metric_number metric_number(int64_t number);

/* Begins a family. One without a sample is not written at all. */
void metric_family(struct metric_text *text, const char *name, const char *kind, const char *help);

/* A sample of it: a number as the JSON of the report has it, or a boolean as 0 or 1. What is
 * neither, or NULL, is left out. */
void metric_sample(struct metric_text *text, const struct metric_label *labels,
                   const json_t *value);
void metric_integer(struct metric_text *text, const struct metric_label *labels, int64_t value);

/* The same of nanoseconds, in seconds and exact. */
void metric_nanoseconds(struct metric_text *text, const struct metric_label *labels, int64_t ns);

/* A sample of a histogram, whose name goes on with the suffix, as "_bucket". */
void metric_part(struct metric_text *text, const char *suffix, const struct metric_label *labels,
                 int64_t value);

/* For a caller that writes a value itself: all of a line up to the value, which a line end follows.
 */
void metric_begin(struct metric_text *text, const char *suffix, const struct metric_label *labels);

#endif
