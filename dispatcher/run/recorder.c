/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/recorder.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/hidden.h"

/* Bytes that it may take. */
static size_t find_room(void) {
    struct statvfs fs;
    if (statvfs(FB_SHM_DIR, &fs) != 0 || fs.f_blocks == 0) /* not known, or without a limit */
        return FB_HISTORY_BYTES_MOST;
    uint64_t part = (uint64_t)fs.f_bavail * fs.f_bsize / RECORDER_PART;
    return part < FB_HISTORY_BYTES_MOST ? (size_t)part : FB_HISTORY_BYTES_MOST;
}

static void record_event(void *arg, const struct fb_run_event *event) {
    struct recorder *recorder = arg;
    fb_history_add_event(&recorder->writer, event);
}

/* Makes it, complete and with its name. Returns 0 or -errno. */
static int make(struct recorder *recorder, const struct fb_ctl *ctl,
                const struct fb_history_shape *shape) {
    const struct fb_region_config config = {.instance = ctl->name,
                                            .kind = FB_KIND_HISTORY,
                                            .size = fb_history_footprint(shape),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1,
                                            .quiet = true};
    int error = fb_region_create(&recorder->region, &config);
    if (error != 0)
        return error;
    fb_history_writer_init(&recorder->writer, recorder->region.base, shape, ctl->header.instance);
    /* Who may write to it may truncate it: then what is recorded is lost, and nothing else. */
    recorder->guard = fb_guard_add(recorder->region.base, recorder->region.size);
    if (recorder->guard < 0) {
        fb_region_discard(&recorder->region);
        return recorder->guard;
    }
    error = fb_region_place(&recorder->region, &config);
    if (error != 0)
        fb_guard_remove(recorder->guard);
    return error;
}

static void say_none(const struct fb_ctl *ctl, int error) {
    char path[FB_PATH_MAX], what[FB_FILE_TEXT_MAX];
    bool is_foreign = error == -EEXIST || error == -EPERM || error == -EACCES || error == -EISDIR;
    if (is_foreign && fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_HISTORY, 0))
        fb_warning("no history of this run is kept: %s is in the way of %s: let its owner or root "
                   "remove it",
                   fb_describe_file(what, path), path);
    else
        fb_warning("no history of this run is kept: %s in " FB_SHM_DIR
                   ": 'mount -o remount,size=1G " FB_SHM_DIR "' gives more room",
                   fb_errno_text(-error));
}

void recorder_open(struct recorder *recorder, const struct fb_ctl *ctl) {
    memset(recorder, 0, sizeof *recorder);
    recorder->region.fd = -1;
    recorder->guard = -1;
    struct fb_history_shape shape =
        fb_history_plan(ctl->geometry.max_workers, ctl->interfaces, find_room());
    int error = shape.samples == 0 ? -ENOSPC : make(recorder, ctl, &shape);
    if (error != 0) {
        say_none(ctl, error);
        return;
    }
    recorder->records = true;
    fb_tell_events_to(record_event, recorder);
}

static uint32_t small_count(uint64_t count) {
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static struct fb_history_lane lane_of(const struct fleet *fleet, const struct fb_snapshot *snapshot,
                                      unsigned worker) {
    const uint64_t *counters = snapshot->lane[worker];
    return (struct fb_history_lane){
        .packets = counters[FB_LANE_INSPECTED],
        .backlog = counters[FB_LANE_WAITING],
        .max_backlog = counters[FB_LANE_MAX_WAITING],
        .bytes = counters[FB_LANE_BYTES],
        .flows_bound = counters[FB_LANE_FLOWS_BOUND],
        .dropped = counters[FB_LANE_DROPPED],
        .restarts = small_count(counters[FB_LANE_RESTARTS]),
        .hangs = small_count(counters[FB_LANE_HANGS]),
        .self_packets = fleet_self_count(fleet, worker, FB_WORKER_PACKETS),
        .pid = fb_ctl_pid(fleet->ctl, worker),
        .state = fb_ctl_state(fleet->ctl, worker),
        .cpu = fleet_self_cpu(fleet, worker),
    };
}

void recorder_take(struct recorder *recorder, const struct fleet *fleet,
                   const struct fb_snapshot *snapshot) {
    struct fb_history_sample *sample = &recorder->sample;
    if (!recorder->records)
        return;
    sample->real_ns = fb_realtime_ns();
    sample->mono_ns = fb_now_ns();
    memcpy(sample->run, snapshot->run, sizeof sample->run);
    memcpy(sample->dropped, snapshot->dropped, sizeof sample->dropped);
    memcpy(sample->violations, snapshot->violations, sizeof sample->violations);
    for (unsigned i = 0; i < recorder->writer.shape.interfaces; i++) {
        struct fb_history_interface *interface = &sample->interfaces[i];
        memcpy(interface->counters, snapshot->interface[i], sizeof interface->counters);
        interface->state = snapshot->interface_state[i];
    }
    sample->lanes = fleet->count;
    sample->quarantined = 0;
    for (unsigned k = 0; k < fleet->count; k++) {
        sample->lane[k] = lane_of(fleet, snapshot, k);
        sample->quarantined += snapshot->lane[k][FB_LANE_QUARANTINED];
    }
    fb_history_add_sample(&recorder->writer, sample);
}

void recorder_look(struct recorder *recorder, const struct fleet *fleet,
                   const struct fb_snapshot *snapshot, uint64_t now_ns) {
    if (now_ns < recorder->due_ns)
        return;
    /* On its own beat; what was missed, because the dispatcher did not run, is left out. */
    uint64_t late_ns = recorder->due_ns == 0 ? 0 : now_ns - recorder->due_ns;
    recorder->due_ns = now_ns + FB_HISTORY_INTERVAL_NS - late_ns % FB_HISTORY_INTERVAL_NS;
    if (recorder->records && fb_guard_faulted(recorder->guard)) {
        fb_warning(
            "the history of this run was cut short by another process: no more of it is kept");
        recorder_close(recorder);
    }
    recorder_take(recorder, fleet, snapshot);
}

void recorder_close(struct recorder *recorder) {
    if (!recorder->records)
        return;
    fb_tell_events_to(NULL, NULL);
    fb_guard_remove(recorder->guard);
    fb_region_close(&recorder->region);
    recorder->records = false;
}
