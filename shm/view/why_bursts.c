/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/parse.h"

#include "shm/view/view.h"
#include "shm/view/why.h"

#define KIB 1024.0
#define FRAME_OVERHEAD                                                                             \
    96.0 /* of a frame in the kernel's buffer: struct tpacket3_hdr and its like */
#define BUFFER_STEP_KIB 1024.0
#define BUFFER_USUAL_KIB 49152.0 /* the default of --buffer-size */
#define DEPTH_STEP 1000.0
#define NONE (-1.0)

static double value_of(const json_t *sample, const char *key) {
    return json_number_value(json_object_get(sample, key));
}

/* A count of a sample: of the run, or of the worker number there. */
static double drops_at(const json_t *sample, const char *key, double worker) {
    const json_t *workers = json_object_get(sample, "workers"), *each;
    size_t i;
    if (worker < 0)
        return value_of(sample, key);
    json_array_foreach(workers, i, each) {
        if (value_of(each, "worker") == worker)
            return value_of(each, key);
    }
    return 0;
}

/* The last episode in which a count grew from each sample to the next. False: it never did. */
static bool find_episode(const json_t *samples, const char *key, double worker,
                         struct why_burst *burst) {
    size_t last = json_array_size(samples), first;
    *burst = (struct why_burst){.worker = worker};
    while (last > 1 && drops_at(json_array_get(samples, last - 1), key, worker) <=
                           drops_at(json_array_get(samples, last - 2), key, worker))
        last--;
    if (last < 2)
        return false;
    for (first = last - 1; first > 0; first--) {
        if (drops_at(json_array_get(samples, first), key, worker) <=
            drops_at(json_array_get(samples, first - 1), key, worker))
            break;
    }
    const json_t *from = json_array_get(samples, first), *to = json_array_get(samples, last - 1);
    const json_t *end = json_array_get(samples, json_array_size(samples) - 1);
    double packets = value_of(to, "received") - value_of(from, "received");
    double bytes = value_of(to, "bytes") - value_of(from, "bytes");
    burst->lost = drops_at(to, key, worker) - drops_at(from, key, worker);
    for (size_t i = first + 1; i < last; i++) {
        double lost = drops_at(json_array_get(samples, i), key, worker) -
                      drops_at(json_array_get(samples, i - 1), key, worker);
        burst->worst = lost > burst->worst ? lost : burst->worst;
    }
    burst->seconds = value_of(to, "time") - value_of(from, "time");
    burst->ago_s = value_of(end, "time") - value_of(to, "time");
    burst->packet_bytes = packets > 0 && bytes > 0 ? bytes / packets : 0;
    return burst->lost > 0;
}

/* What -B was given, in KiB. */
static double buffer_kib(const json_t *report) {
    const char *given = json_string_value(view_at(report, "options.buffer-size"));
    uint64_t kib;
    if (given != NULL && fb_parse_digits(&given, UINT32_MAX, &kib) && *given == '\0')
        return (double)kib;
    return BUFFER_USUAL_KIB;
}

/* What more room is for: all of a burst, or of what goes on for long its worst second. */
static double lost_to_hold(const struct why_burst *burst) {
    return burst->seconds < WHY_BURST_MOST_S ? burst->lost : burst->worst;
}

static double round_up(double number, double step) {
    return ceil(number / step) * step;
}

/* ---- the kernel's buffer, and the fullest ring */

static bool find_kernel_burst(const json_t *report, const json_t *samples,
                              struct why_burst *burst) {
    if (json_array_size(view_at(report, "capture.interfaces")) == 0 ||
        !find_episode(samples, "kernel_drops", NONE, burst))
        return false;
    burst->option = "-B";
    burst->now = buffer_kib(report);
    burst->enough =
        round_up(burst->now + lost_to_hold(burst) * (burst->packet_bytes + FRAME_OVERHEAD) / KIB,
                 BUFFER_STEP_KIB);
    return true;
}

/* Of all rings the one that lost most in the last of its episodes. */
static bool find_ring_burst(const json_t *report, const json_t *samples, struct why_burst *burst) {
    const json_t *workers = json_object_get(report, "workers"), *each;
    size_t i;
    bool found = false;
    json_array_foreach(workers, i, each) {
        struct why_burst own;
        double worker = value_of(each, "worker");
        if (!find_episode(samples, "dropped", worker, &own) || (found && own.lost <= burst->lost))
            continue;
        /* Full by packets, or by their bytes before. */
        bool by_packets = value_of(each, "max_backlog") >= view_number(report, "geometry.depth");
        own.option = by_packets ? "--ring-depth" : "--ring-bytes";
        own.now = view_number(report, by_packets ? "geometry.depth" : "geometry.arena_bytes");
        double more = lost_to_hold(&own) * (by_packets ? 1 : own.packet_bytes);
        own.enough = by_packets ? round_up(own.now + more, DEPTH_STEP)
                                : exp2(ceil(log2(own.now + more))); /* as it is rounded */
        *burst = own;
        found = true;
    }
    return found;
}

unsigned why_find_bursts(const json_t *report, const json_t *history,
                         struct why_burst bursts[WHY_BURSTS]) {
    const json_t *samples = json_object_get(history, "samples");
    unsigned count = 0;
    count += find_kernel_burst(report, samples, &bursts[count]);
    count += find_ring_burst(report, samples, &bursts[count]);
    return count;
}

/* ---- in words */

/* "1,234" */
static struct fb_grouped whole_number(double number) {
    return fb_grouped(number > 0 && number < 1e18 ? (uint64_t)(number + 0.5) : 0);
}

void why_say_burst(const struct why_burst *burst, char text[WHY_TEXT_MAX]) {
    bool is_kernel = burst->worker < 0;
    size_t used;
    if (is_kernel)
        snprintf(text, WHY_TEXT_MAX, "The kernel's buffer last lost %s frames",
                 whole_number(burst->lost).text);
    else
        snprintf(text, WHY_TEXT_MAX, "The ring of worker %.0f last lost %s packets", burst->worker,
                 whole_number(burst->lost).text);
    used = strlen(text);
    snprintf(text + used, WHY_TEXT_MAX - used, ", within %.0f s, ", burst->seconds);
    used = strlen(text);
    if (burst->ago_s >= 1)
        snprintf(text + used, WHY_TEXT_MAX - used, "%.0f s ago: ", burst->ago_s);
    else
        snprintf(text + used, WHY_TEXT_MAX - used, "and may still: ");
    used = strlen(text);
    if (burst->seconds >= WHY_BURST_MOST_S)
        snprintf(
            text + used, WHY_TEXT_MAX - used,
            "too long for a buffer, unless it is one burst after the other: then %s %.0f would "
            "hold the worst second (now %.0f).",
            burst->option, burst->enough, burst->now);
    else
        snprintf(text + used, WHY_TEXT_MAX - used, "%s %.0f would have held them (now %.0f).",
                 burst->option, burst->enough, burst->now);
}
