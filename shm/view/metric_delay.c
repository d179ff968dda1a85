/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/metric_delay.h"

#include <inttypes.h>

#include "shm/view/view.h"

#define BOUNDS (METRIC_DELAY_LAST_LOG2 - METRIC_DELAY_FIRST_LOG2 + 1)

/* Counts that a worker made up may be at the limit: the sum stays there. */
static int64_t add(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* The buckets [upper bound in ns, count], in any order, below each of our bounds; the last is of
 * those beyond all. */
static void fold(const json_t *buckets, int64_t counts[BOUNDS + 1]) {
    size_t i;
    const json_t *bucket;
    json_array_foreach(buckets, i, bucket) {
        int64_t bound_ns = json_integer_value(json_array_get(bucket, 0));
        unsigned b = 0;
        while (b < BOUNDS && bound_ns > INT64_C(1) << (METRIC_DELAY_FIRST_LOG2 + b))
            b++;
        counts[b] = add(counts[b], json_integer_value(json_array_get(bucket, 1)));
    }
}

/* labels: place 2 is free for `le`. */
static void put_histogram(struct metric_text *text, const struct metric_label *labels,
                          const json_t *delay) {
    int64_t counts[BOUNDS + 1] = {0}, sum = 0;
    fold(json_object_get(delay, "buckets"), counts);
    struct metric_label with_le[METRIC_LABELS_MAX] = {{NULL, NULL}};
    unsigned last = 0;
    for (; labels[last].name != NULL; last++)
        with_le[last] = labels[last];
    for (unsigned b = 0; b <= BOUNDS; b++) {
        char bound[32] = "+Inf";
        int64_t ns = INT64_C(1) << (METRIC_DELAY_FIRST_LOG2 + b);
        if (b < BOUNDS)
            snprintf(bound, sizeof bound, "%.12g", (double)ns / 1e9);
        with_le[last] = (struct metric_label){"le", bound};
        sum = add(sum, counts[b]);
        metric_part(text, "_bucket", with_le, sum);
    }
    metric_begin(text, "_sum", labels);
    fprintf(text->out, "%.12g\n", json_number_value(json_object_get(delay, "sum_s")));
    metric_part(text, "_count", labels, sum);
}

/* Where the report has no buckets, there is no histogram. */
static void put_delay(struct metric_text *text, const struct metric_label *labels,
                      const json_t *delay) {
    if (json_is_array(json_object_get(delay, "buckets")))
        put_histogram(text, labels, delay);
}

void metric_put_delays(struct metric_text *text, const json_t *report) {
    metric_family(text, "capture_delay_seconds", "histogram",
                  "time from the kernel's time stamp of a frame to its dispatch");
    put_delay(text, METRIC_NO_LABELS, view_at(report, "delays.capture_to_dispatch"));
    /* Not the sums over the workers, which are of processes that live: one fewer is no new count.
     */
    static const struct {
        const char *key, *family, *help;
    } own[] = {
        {"latency", "worker_latency_seconds",
         "time from the dispatch of a packet to the beginning of its inspection"},
        {"inspection", "worker_inspection_seconds", "time that the inspection of a packet takes"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        metric_family(text, own[i].family, "histogram", own[i].help);
        size_t k;
        const json_t *worker;
        json_array_foreach(view_at(report, "workers"), k, worker) {
            struct metric_number number =
                metric_number(json_integer_value(json_object_get(worker, "worker")));
            put_delay(text, METRIC_LABELS({"worker", number.text}),
                      json_object_get(worker, own[i].key));
        }
    }
}
