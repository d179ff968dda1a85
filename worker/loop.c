/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/loop.h"

#include "worker/consumer/consumer_parts.h"
#include "worker/inspectors/inspectors.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

#define WAIT_MS 100u /* for packets, at most: then what else is to be done is looked at */
#define TELL_NS UINT64_C(100000000) /* between two times that counters are told */
/* For inspectors to hand on what they hold while it still counts in the report: less than a
 * dispatcher waits for its workers. */
#define FINISH_NS UINT64_C(4000000000)

/* An event that an inspector did not take, with the result rc. Returns 0 once all of them did, or
 * why the loop must end. */
static int try_again(struct worker_loop *loop, const struct fb_event *event, int rc) {
    unsigned pause_ms = 0;
    for (; rc == FB_OUTPUT_FAILED; rc = inspection_event(loop->inspection, event)) {
        pause_ms = inspection_pause_ms(pause_ms);
        uint64_t stay_ns = inspection_stay_ns(loop->inspection);
        int ended = consumer_retry(loop->consumer, pause_ms, stay_ns);
        if (ended != 0)
            return ended;
    }
    if (rc == INSPECTOR_OUTPUT_GONE)
        consumer_give_back(loop->consumer);
    if (rc != 0)
        return LOOP_FAILED;
    inspection_goes_on(loop->inspection);
    return 0;
}

/* How long the next wait for packets may take. */
static int wait_ms(const struct worker_loop *loop) {
    uint64_t next_ns = inspection_next_tick(loop->inspection);
    uint64_t now_ns = fb_consumer_now(loop->consumer);
    if (next_ns <= now_ns)
        return 1;
    uint64_t ms = (next_ns - now_ns) / 1000000 + 1;
    return ms < WAIT_MS ? (int)ms : (int)WAIT_MS;
}

static void name_stats(const struct worker_loop *loop) {
    for (unsigned i = 0; i < loop->inspection->count; i++) {
        const struct inspection_item *item = &loop->inspection->items[i];
        consumer_add_stats(loop->consumer, item->ops->name, item->stat_names);
    }
    for (unsigned i = 0; i < sinks_count(); i++)
        consumer_add_stats(loop->consumer, sinks_name(i), sinks_stat_names);
}

static void tell_stats(struct worker_loop *loop) {
    uint64_t values[FB_STATS_MAX];
    unsigned index = 0;
    for (unsigned i = 0; i < loop->inspection->count; i++) {
        inspection_stats(loop->inspection, i, values);
        for (unsigned k = 0; k < loop->inspection->items[i].stat_count; k++)
            fb_consumer_set_stat(loop->consumer, index++, values[k]);
    }
    for (unsigned i = 0; i < sinks_count(); i++) {
        sinks_stats(i, values);
        for (unsigned k = 0; k < SINK_STATS; k++)
            fb_consumer_set_stat(loop->consumer, index++, values[k]);
    }
    loop->told_ns = fb_consumer_now(loop->consumer);
}

static struct eve_counts counts_of(const struct worker_loop *loop) {
    const uint64_t *counters = loop->consumer->counters;
    return (struct eve_counts){
        .packets = counters[FB_WORKER_PACKETS],
        .bytes = counters[FB_WORKER_BYTES],
        .flows = counters[FB_WORKER_STARTS] + counters[FB_WORKER_MID_STREAM],
        .flows_ended = counters[FB_WORKER_ENDS],
    };
}

/* Between two bursts. Returns 0, or why the loop must end. */
static int look_after_inspectors(struct worker_loop *loop) {
    int asked = *loop->reload_asked;
    if (asked != loop->reloads) {
        loop->reloads = asked;
        consumer_count_reload(loop->consumer, inspection_reload(loop->inspection) != 0);
    }
    uint64_t now_ns = fb_consumer_now(loop->consumer);
    int rc = inspection_tick(loop->inspection, now_ns);
    const struct eve_counts counts = counts_of(loop);
    eve_tick(now_ns, &counts);
    if (now_ns - loop->told_ns >= TELL_NS)
        tell_stats(loop);
    return rc == 0 ? 0 : LOOP_FAILED;
}

/* Events until there is a reason to end, which is returned. */
static int take_events(struct worker_loop *loop) {
    for (;;) {
        int taken = fb_consumer_burst(loop->consumer, wait_ms(loop));
        if (taken < 0)
            return taken;
        /* Not behind the burst: it may have shown that another process has the number. */
        int ended = look_after_inspectors(loop);
        const struct fb_event *event;
        while (ended == 0 && taken > 0 && (event = fb_consumer_step(loop->consumer)) != NULL) {
            int rc = inspection_event(loop->inspection, event);
            if (__builtin_expect(rc != 0, 0))
                ended = try_again(loop, event, rc);
        }
        if (ended != 0)
            return ended;
    }
}

/* Not where another dispatcher may come. */
static void finish(struct worker_loop *loop, int ended) {
    bool is_over =
        ended == FB_ENDED_STOPPED && fb_rx_command(&loop->consumer->rx) == FB_COMMAND_STOP;
    bool is_hurried = !is_over && (ended == FB_ENDED_STOPPED || ended == FB_ENDED_REVOKED) &&
                      fb_ctl_run_state(loop->consumer->ctl->ctl) >= FB_RUN_STOPPING;
    uint64_t now_ns = fb_now_ns();
    uint64_t until_ns = is_over                  ? now_ns + FINISH_NS
                        : ended == FB_ENDED_LEFT ? now_ns
                        : is_hurried             ? INSPECTOR_FINISH_NOW
                                                 : 0;
    const struct eve_counts counts = counts_of(loop);
    if (ended != FB_ENDED_REVOKED)
        eve_finish(&counts, until_ns);
    if (ended != FB_ENDED_ORPHANED)
        inspection_finish(loop->inspection, until_ns);
}

int worker_loop_run(struct worker_loop *loop) {
    name_stats(loop);
    consumer_is_prompt(loop->consumer);
    int ended = take_events(loop);
    finish(loop, ended);
    if (ended != FB_ENDED_REVOKED) /* then the up side is not ours any more */
        tell_stats(loop);
    return ended;
}
