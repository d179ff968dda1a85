/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/drop_episodes.h"

#include <stdio.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"

enum drop_line drop_episode_look(struct drop_episode *e, uint64_t counted, bool ended,
                                 uint64_t now_ns) {
    uint64_t more = counted - e->counted;
    if (more != 0 && e->stage == DROPS_QUIET) {
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
    if (ended || (e->stage == DROPS_DROPPING && now_ns - e->ended_ns >= DROPS_QUIET_NS)) {
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

static void log_end(const struct drop_episode *e, const char *what, const char *unit) {
    fb_warning("%s: no more drops: %s %s%s dropped in %.1f s", what, fb_grouped(e->dropped).text,
               unit, e->dropped == 1 ? " was" : "s were",
               (double)(e->ended_ns - e->begun_ns) / 1e9);
}

static void log_ring(const struct drop_episode *e, enum drop_line line, unsigned worker,
                     enum fb_state state, uint64_t waiting) {
    char what[64];
    if (state == FB_STATE_READY || line == DROPS_END_LINE)
        snprintf(what, sizeof what, "worker %u", worker);
    else
        snprintf(what, sizeof what, "worker %u (%s)", worker, fb_state_names[state]);
    if (line == DROPS_END_LINE)
        log_end(e, what, "packet");
    else if (line == DROPS_BEGIN_LINE)
        fb_warning("%s: its ring is full (%s packets wait): packets are dropped", what,
                   fb_grouped(waiting).text);
}

static void log_no_worker(const struct drop_episode *e, enum drop_line line) {
    if (line == DROPS_END_LINE)
        log_end(e, "no worker was ready", "packet");
    else if (line == DROPS_BEGIN_LINE)
        fb_warning("no worker is ready: packets are dropped");
}

static void log_interface(const struct drop_episode *e, enum drop_line line, const char *name) {
    char what[FB_INTERFACE_NAME_MAX + 16];
    snprintf(what, sizeof what, "interface %s", name);
    if (line == DROPS_END_LINE)
        log_end(e, what, "frame");
    else if (line == DROPS_BEGIN_LINE)
        fb_warning("%s: the kernel's buffer is full: frames are dropped: give it more with -B, or "
                   "the dispatcher less to do with --bpf or a faster core",
                   what);
}

/* Before they come to the kernel's buffer. */
static void log_driver(const struct drop_episode *e, enum drop_line line, const char *name) {
    char what[FB_INTERFACE_NAME_MAX + 24];
    snprintf(what, sizeof what, "interface %s itself", name);
    if (line == DROPS_END_LINE)
        log_end(e, what, "frame");
    else if (line == DROPS_BEGIN_LINE)
        fb_warning("%s, or its driver, drops frames: give it longer queues with "
                   "'ethtool -G %s rx N', or more of them with 'ethtool -L'",
                   what, name);
}

void drop_episodes_log(struct drop_episodes *episodes, const struct fb_ctl *ctl,
                       const struct fb_snapshot *snapshot, bool ended, uint64_t now_ns) {
    for (unsigned k = 0; k < ctl->geometry.max_workers; k++) {
        struct drop_episode *e = &episodes->rings[k];
        const uint64_t *lane = snapshot->lane[k];
        log_ring(e, drop_episode_look(e, lane[FB_LANE_DROPPED], ended, now_ns), k,
                 (enum fb_state)fb_ctl_state(ctl, k), lane[FB_LANE_WAITING]);
    }
    struct drop_episode *none = &episodes->no_worker;
    if (!episodes->lossless)
        log_no_worker(none,
                      drop_episode_look(none, snapshot->dropped[FB_DROP_NO_WORKER], ended, now_ns));
    for (unsigned i = 0; i < ctl->interfaces; i++) {
        struct drop_episode *e = &episodes->interfaces[i];
        uint64_t drops = snapshot->interface[i][FB_INTERFACE_KERNEL_DROPS];
        log_interface(e, drop_episode_look(e, drops, ended, now_ns), ctl->interface_names[i]);
        e = &episodes->drivers[i];
        drops = snapshot->interface[i][FB_INTERFACE_INTERFACE_DROPS];
        log_driver(e, drop_episode_look(e, drops, ended, now_ns), ctl->interface_names[i]);
    }
}
