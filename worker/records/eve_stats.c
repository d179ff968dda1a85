/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>

#include "flow_balancer/common/clock.h"

#include "worker/records/eve.h"
#include "worker/records/eve_anomaly.h"
#include "worker/records/eve_event.h"
#include "worker/records/sinks.h"

#define STATS_NS (8 * FB_NS_PER_S) /* between two events: Suricata's usual interval */
#define PAUSE_NS (10 * FB_NS_PER_US * 1000)

/* CLOCK_MONOTONIC; of the claim */
static struct { uint64_t begin_ns, next_stats_ns, next_second_ns; } clocks;

void eve_stats_begin(uint64_t now_ns) {
    clocks.begin_ns = now_ns;
    clocks.next_stats_ns = now_ns + STATS_NS;
    clocks.next_second_ns = now_ns + FB_NS_PER_S;
}

static void put_decoder(struct eve_event *event, json_t *stats, const struct eve_counts *counts) {
    json_t *decoder = json_object();
    eve_put_number(event, decoder, "pkts", counts->packets);
    eve_put_number(event, decoder, "bytes", counts->bytes);
    eve_put_number(event, decoder, "invalid", eve_anomaly_counts().malformed);
    eve_put(event, stats, "decoder", decoder);
}

static void put_flows(struct eve_event *event, json_t *stats, const struct eve_counts *counts) {
    json_t *flows = json_object();
    uint64_t active = counts->flows > counts->flows_ended ? counts->flows - counts->flows_ended : 0;
    eve_put_number(event, flows, "total", counts->flows);
    eve_put_number(event, flows, "active", active);
    eve_put(event, stats, "flow", flows);
}

/* A line each, but for the one that is being made. */
static void put_sinks(struct eve_event *event) {
    json_t *sinks = json_array();
    for (unsigned i = 0; i < sinks_count(); i++) {
        uint64_t values[SINK_STATS];
        json_t *sink = json_object();
        sinks_stats(i, values);
        eve_put_word(event, sink, "name", sinks_name(i));
        for (unsigned k = 0; k < SINK_STATS; k++)
            eve_put_number(event, sink, sinks_stat_names[k], values[k]);
        if (json_array_append_new(sinks, sink) != 0)
            event->failed = true;
    }
    eve_put(event, event->ours, "sinks", sinks);
}

static int write_stats(uint64_t now_ns, const struct eve_counts *counts) {
    struct eve_event event;
    const struct eve_subject subject = {.type = "stats", .time_ns = eve_wall_clock_ns()};
    eve_begin(&event, &subject);
    json_t *stats = json_object();
    eve_put_number(&event, stats, "uptime", (now_ns - clocks.begin_ns) / FB_NS_PER_S);
    put_decoder(&event, stats, counts);
    put_flows(&event, stats, counts);
    eve_put(&event, event.root, "stats", stats);
    eve_begin_ours(&event, NULL);
    eve_put_number(&event, event.ours, "anomalies_suppressed", eve_anomaly_counts().suppressed);
    put_sinks(&event);
    return eve_end_later(&event);
}

void eve_tick(uint64_t now_ns, const struct eve_counts *counts) {
    if (__builtin_expect(now_ns < clocks.next_second_ns, 1) || !sinks_any())
        return;
    clocks.next_second_ns = now_ns + FB_NS_PER_S;
    eve_anomaly_refill();
    (void)eve_hand_on_kept();
    if (counts == NULL || now_ns < clocks.next_stats_ns)
        return;
    /* A time that was missed is not made up for. */
    clocks.next_stats_ns += ((now_ns - clocks.next_stats_ns) / STATS_NS + 1) * STATS_NS;
    (void)write_stats(now_ns, counts);
}

static void hand_on_kept_until(uint64_t until_ns) {
    while (eve_hand_on_kept() != 0) {
        uint64_t now_ns = fb_now_ns();
        if (now_ns >= until_ns)
            break;
        const struct timespec pause = fb_timespec(PAUSE_NS);
        nanosleep(&pause, NULL);
        sinks_tick(now_ns);
    }
}

void eve_finish(const struct eve_counts *counts, uint64_t until_ns) {
    if (!sinks_any())
        return;
    hand_on_kept_until(until_ns);
    if (counts != NULL)
        (void)write_stats(fb_now_ns(), counts);
    hand_on_kept_until(until_ns);
}
