/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/sink.h"

#include <inttypes.h>
#include <stdio.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"

#define MS_NS UINT64_C(1000000)

void sink_drop(struct sink *sink, uint64_t lines) {
    sink->stats[SINK_DROPPED] += lines;
}

void sink_fails(struct sink *sink, const char *what, const char *why) {
    char then[96];
    const char *first = sink->queue.size != 0 ? "records are queued, then " : "";
    if (sink->is_told)
        return;
    sink->is_told = true;
    sink->lost_before = sink->stats[SINK_DROPPED];
    if (sink->drops || sink->wait_ns == 0)
        snprintf(then, sizeof then, "they are dropped until it can");
    else if (sink->wait_ns == UINT64_MAX)
        snprintf(then, sizeof then, "the worker waits until it can");
    else
        snprintf(then, sizeof then,
                 "the worker waits for at most %" PRIu64 " ms, then they are dropped",
                 sink->wait_ns / MS_NS);
    fb_error("%s%s: cannot %s: %s: %s%s", sink->who, sink->text, what, why, first, then);
}

void sink_works(struct sink *sink) {
    sink->held_ns = sink->since_ns = 0;
    sink->drops = false;
    if (!sink->is_told)
        return;
    sink->is_told = false;
    fb_info("%s%s takes records again; %s were dropped", sink->who, sink->text,
            fb_grouped(sink->stats[SINK_DROPPED] - sink->lost_before).text);
}

static void count_retried(struct sink *sink) {
    sink->stats[SINK_RETRIED] += !sink->was_retried;
    sink->was_retried = true;
}

/* Whether the worker waits with the line that is not taken now. */
static bool hold(struct sink *sink) {
    uint64_t now_ns = fb_now_ns();
    if (sink->drops)
        return false;
    if (sink->since_ns == 0)
        sink->since_ns = now_ns;
    if (sink->wait_ns == UINT64_MAX || sink->held_ns + (now_ns - sink->since_ns) < sink->wait_ns)
        return true;
    sink->drops = true;
    sink->since_ns = 0;
    sink_fails(sink, "hand records on", "they are not taken as fast as they come");
    return false;
}

bool sink_settle(struct sink *sink, enum sink_put put) {
    if (put == SINK_PUT_NOT_NOW && hold(sink)) {
        count_retried(sink);
        return true;
    }
    if (put == SINK_PUT_NOT_NOW || put == SINK_PUT_NEVER) {
        sink_drop(sink, 1);
    } else if (put == SINK_PUT_QUEUED) {
        count_retried(sink);
    } else {
        sink->stats[SINK_WRITTEN]++;
        sink_works(sink);
    }
    if (sink->since_ns != 0) {
        sink->held_ns += fb_now_ns() - sink->since_ns;
        sink->since_ns = 0;
    }
    sink->was_retried = false;
    return false;
}
