/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/read.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"

#include "worker/records/eve.h"
#include "worker/records/sinks.h"

#define MS_NS UINT64_C(1000000)
#define FINISH_NS (4000 * MS_NS) /* for a record that waits: as in a run */

static uint64_t frame_of(const struct fb_event *event) {
    return event->kind == FB_EVENT_PACKET ? event->packet.frame : event->end.frame;
}

/* Whether one that was asked once stays for an event of which a part has left the process. */
static bool puts_off(struct worker_read *read) {
    uint64_t now_ns = fb_now_ns();
    if (read->asked_ns == 0)
        read->asked_ns = now_ns;
    return *read->leave == 1 && now_ns - read->asked_ns < inspection_stay_ns(read->inspection);
}

/* The event of a fb_offline_sink. */
static int inspect(void *arg, const struct fb_event *event) {
    struct worker_read *read = arg;
    unsigned pause_ms = 0;
    int rc;
    while ((rc = inspection_event(read->inspection, event)) == FB_OUTPUT_FAILED) {
        if (*read->leave != 0 && !puts_off(read)) {
            fb_error("stopped at frame %" PRIu64 ", whose output cannot be written",
                     frame_of(event));
            return -EIO;
        }
        pause_ms = inspection_pause_ms(pause_ms);
        const struct timespec pause = fb_timespec(pause_ms * MS_NS);
        nanosleep(&pause, NULL);
        fb_log_report_lost();
    }
    if (__builtin_expect(pause_ms != 0 && rc == 0, 0))
        inspection_goes_on(read->inspection);
    return rc;
}

/* The between of one. */
static int tick_and_reload(void *arg) {
    struct worker_read *read = arg;
    int asked = *read->reload_asked;
    if (asked != read->reloads) {
        read->reloads = asked;
        inspection_reload(read->inspection);
    }
    fb_log_report_lost();
    uint64_t now_ns = fb_now_ns();
    eve_tick(now_ns, NULL);
    return inspection_tick(read->inspection, now_ns);
}

static void log_counters(const char *owner, const char *const *names, unsigned count,
                         const uint64_t *values) {
    int width = 0;
    for (unsigned n = 0; n < count; n++) {
        int length = (int)strlen(names[n]);
        width = length > width ? length : width;
    }
    for (unsigned n = 0; n < count; n++)
        fb_info("%s: %-*s %15s", owner, width, names[n], fb_grouped(values[n]).text);
}

void worker_read_log_stats(const struct inspection *inspection) {
    uint64_t values[FB_STATS_MAX];
    for (unsigned i = 0; i < inspection->count; i++) {
        const struct inspection_item *item = &inspection->items[i];
        memset(values, 0, sizeof values);
        inspection_stats(inspection, i, values);
        log_counters(item->ops->name, item->stat_names, item->stat_count, values);
    }
    for (unsigned i = 0; i < sinks_count(); i++) {
        sinks_stats(i, values);
        log_counters(sinks_name(i), sinks_stat_names, SINK_STATS, values);
    }
}

int worker_read_run(struct worker_read *read) {
    const struct fb_offline_config config = {.options = read->options,
                                             .state_bytes = read->inspection->state_bytes,
                                             .stop = read->leave};
    const struct fb_offline_sink sink = {inspect, tick_and_reload, read};
    struct fb_offline_counts counts;
    uint64_t begin_ns = fb_now_ns();
    int rc = fb_offline_run(&config, &sink, &counts);
    eve_finish(NULL, fb_now_ns() + FINISH_NS);
    inspection_finish(read->inspection, UINT64_MAX);
    if (rc != 0 && counts.packets == 0)
        return rc;
    if (rc == -EINTR)
        fb_warning("stopped before its end: flows that were alive have no end");
    fb_info("%s: %s packets, %s bytes, %s flows in %.3f s", fb_offline_first_file(read->options),
            fb_grouped(counts.packets).text, fb_grouped(counts.bytes).text,
            fb_grouped(counts.flows).text, (double)(fb_now_ns() - begin_ns) / 1e9);
    worker_read_log_stats(read->inspection);
    return rc;
}
