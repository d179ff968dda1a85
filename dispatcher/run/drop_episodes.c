/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/drop_episodes.h"

#include <stdio.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/run_events.h"

/* How long it has to be quiet until an episode that begins now is over. */
static uint64_t quiet_of_next(const struct drop_episode *e, uint64_t now_ns) {
    if (e->quiet_ns == 0 || now_ns - e->ended_ns >= DROPS_AGAIN_NS)
        return DROPS_QUIET_NS;
    return 2 * e->quiet_ns < DROPS_QUIET_MOST_NS ? 2 * e->quiet_ns : DROPS_QUIET_MOST_NS;
}

enum drop_line drop_episode_look(struct drop_episode *e, uint64_t counted, bool ended,
                                 uint64_t now_ns) {
    uint64_t more = counted - e->counted;
    if (more != 0 && e->stage == DROPS_QUIET) {
        e->quiet_ns = quiet_of_next(e, now_ns);
        e->stage = DROPS_BEGUN;
        e->dropped = 0;
        e->begun_ns = e->looked_ns != 0 ? e->looked_ns : now_ns;
    }
    if (more != 0)
        e->ended_ns = now_ns;
    e->dropped += more;
    e->counted = counted;
    e->looked_ns = now_ns;
    bool is_due = ended || e->line_ns == 0 || now_ns - e->line_ns >= DROPS_LINE_EVERY_NS;
    if (e->stage == DROPS_QUIET || !is_due)
        return DROPS_NO_LINE;
    if (ended || (e->stage == DROPS_DROPPING && now_ns - e->ended_ns >= e->quiet_ns)) {
        e->stage = DROPS_QUIET;
        e->line_ns = now_ns;
        return DROPS_END_LINE;
    }
    if (e->stage == DROPS_DROPPING)
        return DROPS_NO_LINE;
    e->stage = DROPS_DROPPING;
    e->line_ns = now_ns;
    return DROPS_BEGIN_LINE;
}

/* An end, of any kind. */
static void tell_end(const struct drop_episode *e, struct fb_run_event *event, const char *what,
                     const char *unit) {
    event->count = e->dropped;
    event->duration_ns = e->ended_ns - e->begun_ns;
    fb_tell_event(event, "%s: no more drops: %s %s%s dropped in %.1f s", what,
                  fb_grouped(e->dropped).text, unit, e->dropped == 1 ? " was" : "s were",
                  (double)event->duration_ns / 1e9);
}

static void tell_of_ring(const struct drop_episode *e, enum drop_line line, unsigned worker,
                         enum fb_state state, uint64_t waiting) {
    char what[64];
    if (state == FB_STATE_READY || line == DROPS_END_LINE)
        snprintf(what, sizeof what, "worker %u", worker);
    else
        snprintf(what, sizeof what, "worker %u (%s)", worker, fb_state_names[state]);
    if (line == DROPS_END_LINE)
        tell_end(e, FB_WORKER_EVENT(RING_DROPS_ENDED, worker), what, "packet");
    else if (line == DROPS_BEGIN_LINE)
        fb_tell_event(FB_WORKER_EVENT(RING_DROPS_BEGAN, worker, .count = waiting),
                      "%s: its ring is full (%s packets wait): packets are dropped", what,
                      fb_grouped(waiting).text);
}

static void tell_of_no_worker(const struct drop_episode *e, enum drop_line line) {
    if (line == DROPS_END_LINE)
        tell_end(e, FB_RUN_EVENT(NO_WORKER_DROPS_ENDED), "no worker was ready", "packet");
    else if (line == DROPS_BEGIN_LINE)
        fb_tell_event(FB_RUN_EVENT(NO_WORKER_DROPS_BEGAN),
                      "no worker is ready: packets are dropped");
}

static void tell_of_interface(const struct drop_episode *e, enum drop_line line, unsigned i,
                              const char *name) {
    char what[FB_INTERFACE_NAME_MAX + 16];
    snprintf(what, sizeof what, "interface %s", name);
    if (line == DROPS_END_LINE)
        tell_end(e, FB_INTERFACE_EVENT(KERNEL_DROPS_ENDED, i), what, "frame");
    else if (line == DROPS_BEGIN_LINE)
        fb_tell_event(FB_INTERFACE_EVENT(KERNEL_DROPS_BEGAN, i),
                      "%s: the kernel's buffer is full: frames are dropped: give it more with -B, "
                      "or the dispatcher less to do with --bpf or a faster core",
                      what);
}

/* Before they come to the kernel's buffer. */
static void tell_of_driver(const struct drop_episode *e, enum drop_line line, unsigned i,
                           const char *name) {
    char what[FB_INTERFACE_NAME_MAX + 24];
    snprintf(what, sizeof what, "interface %s itself", name);
    if (line == DROPS_END_LINE)
        tell_end(e, FB_INTERFACE_EVENT(INTERFACE_DROPS_ENDED, i), what, "frame");
    else if (line == DROPS_BEGIN_LINE)
        fb_tell_event(FB_INTERFACE_EVENT(INTERFACE_DROPS_BEGAN, i),
                      "%s, or its driver, drops frames: give it longer queues with "
                      "'ethtool -G %s rx N', or more of them with 'ethtool -L'",
                      what, name);
}

void drop_episodes_log(struct drop_episodes *episodes, const struct fb_ctl *ctl,
                       const struct fb_snapshot *snapshot, bool ended, uint64_t now_ns) {
    for (unsigned k = 0; k < ctl->geometry.max_workers; k++) {
        struct drop_episode *e = &episodes->rings[k];
        const uint64_t *lane = snapshot->lane[k];
        tell_of_ring(e, drop_episode_look(e, lane[FB_LANE_DROPPED], ended, now_ns), k,
                     (enum fb_state)fb_ctl_state(ctl, k), lane[FB_LANE_WAITING]);
    }
    struct drop_episode *none = &episodes->no_worker;
    if (!episodes->lossless)
        tell_of_no_worker(
            none, drop_episode_look(none, snapshot->dropped[FB_DROP_NO_WORKER], ended, now_ns));
    for (unsigned i = 0; i < ctl->interfaces; i++) {
        struct drop_episode *e = &episodes->interfaces[i];
        uint64_t drops = snapshot->interface[i][FB_INTERFACE_KERNEL_DROPS];
        tell_of_interface(e, drop_episode_look(e, drops, ended, now_ns), i,
                          ctl->interface_names[i]);
        e = &episodes->drivers[i];
        drops = snapshot->interface[i][FB_INTERFACE_INTERFACE_DROPS];
        tell_of_driver(e, drop_episode_look(e, drops, ended, now_ns), i, ctl->interface_names[i]);
    }
}
