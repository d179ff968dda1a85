/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/spread.h"

#include <stdio.h>

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static double pair_value(const json_t *buckets, size_t i, size_t which) {
    return json_number_value(json_array_get(json_array_get(buckets, i), which));
}

/* The count of the bucket with that bound; *from: where to look, and where to look next. */
static double count_at(const json_t *buckets, double bound, size_t *from) {
    while (*from < json_array_size(buckets) && pair_value(buckets, *from, 0) < bound)
        ++*from;
    return *from < json_array_size(buckets) && pair_value(buckets, *from, 0) <= bound
               ? pair_value(buckets, *from, 1)
               : 0;
}

/* A worker that was replaced, or lies, may have counted less than before. */
static double grown(double now, double before) {
    return now > before ? now - before : 0;
}

/* The bound within which `wanted` of the new samples are, or the last one; *sum: all of them. */
static double bound_of(const json_t *buckets, const json_t *before, double wanted, double *sum) {
    double bound = -1;
    size_t at = 0;
    *sum = 0;
    for (size_t i = 0; i < json_array_size(buckets); i++) {
        double here = pair_value(buckets, i, 0);
        double more = grown(pair_value(buckets, i, 1), count_at(before, here, &at));
        *sum += more;
        if (more > 0 && *sum - more < wanted)
            bound = here;
    }
    return bound;
}

/* Of a report without buckets. */
static double told_ns(const json_t *now, double part) {
    const char *key = part > 0.9 ? "p99_us" : "p50_us";
    return number(now, "samples") > 0 && json_object_get(now, key) != NULL ? number(now, key) * 1e3
                                                                           : -1;
}

double spread_quantile_ns(const json_t *now, const json_t *before, double part) {
    const json_t *buckets = json_object_get(now, "buckets");
    const json_t *older = json_object_get(before, "buckets");
    if (!json_is_array(buckets))
        return told_ns(now, part);
    double sum, unused;
    bound_of(buckets, older, 0, &sum);
    return sum > 0 ? bound_of(buckets, older, part * sum, &unused) : -1;
}

double spread_mean_ns(const json_t *now, const json_t *before) {
    double samples = grown(number(now, "samples"), number(before, "samples"));
    if (samples <= 0 || json_object_get(now, "sum_s") == NULL)
        return -1;
    return grown(number(now, "sum_s"), number(before, "sum_s")) * 1e9 / samples;
}
