/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_PROGRESS_H
#define DISPATCHER_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/datapath/datapath.h"

/*
 * How far a run is, as the status line of a terminal. Over files:
 *
 *       41 %  3,214,000 packets  1.2 M/s  0:07 left  4 of 4 workers busy
 *
 * Share and time left count bytes of all files and loops; of a pipe they are
 * not known and left out. With interfaces:
 *
 *       3,214,000 packets  1.2 M/s  rings lost 1,234 (30 /s)  4 of 4 workers ready
 *
 * Dispatcher only, one thread.
 */

/* Where packets are lost: before they are captured, by the kernel or an interface; or since there
 * was no room in a ring, or no worker. */
enum progress_stage { PROGRESS_CAPTURE, PROGRESS_RINGS, PROGRESS_STAGES };

/* What the line says. */
struct progress_view {
    struct capture_progress capture;
    bool draining;
    bool live;        /* of interfaces, not files */
    uint64_t packets; /* taken so far */
    uint64_t waiting; /* packets, in all rings */
    unsigned busy;    /* workers with packets waiting */
    unsigned alive;   /* workers that are ready */
    unsigned wanted;  /* workers that are to be ready */
    unsigned backlog; /* of the fullest ring, percent of what it can hold */
    uint64_t lost[PROGRESS_STAGES];
    double packets_per_s, bytes_per_s, lost_per_s[PROGRESS_STAGES];
};

/*
 * Writes the line, ASCII and without an end, into text. It stays below `width`
 * columns: fields that do not fit are left out from the right, none is cut.
 * Empty if there is nothing to say: a width of 0, or no packet to drain.
 */
void progress_format(const struct progress_view *view, unsigned width,
                     char text[FB_LOG_STATUS_MAX]);

/* Rates over the samples kept, a few seconds. All 0: none yet. */
#define PROGRESS_SAMPLES 16u

struct progress_rates {
    struct {
        uint64_t time_ns, packets, bytes, lost[PROGRESS_STAGES];
    } samples[PROGRESS_SAMPLES];
    unsigned count; /* taken in all, the last PROGRESS_SAMPLES of them are kept */
    bool preloading;
};

/*
 * Takes what *view counts at now_ns as a sample and sets its rates. False at the
 * first sample: no rate yet. Delivery begins again, since the bytes of preloading
 * are others.
 */
bool progress_rate(struct progress_rates *rates, uint64_t now_ns, struct progress_view *view);

/* All 0: nothing is shown. */
struct progress {
    struct capture *capture; /* NULL: nothing is to be shown */
    const struct datapath *datapath;
    const struct fb_snapshot *snapshot;
    uint64_t due_ns; /* when the line is drawn next */
    bool draining;
    struct progress_rates rates;
};

/*
 * Reading begins. Capture, data path and snapshot, the latest that was published, are the caller's
 * until progress_end().
 */
void progress_begin(struct progress *progress, struct capture *capture,
                    const struct datapath *datapath, const struct fb_snapshot *snapshot);

/* Takes the line away. Without a progress_begin() before it does nothing. */
void progress_end(struct progress *progress);

/* Draws the line; of progress_update(). */
void progress_draw(struct progress *progress, bool draining);

/* Draws the line when it is time, by the data path's clock; no system call otherwise. draining: no
 * more is read. */
static inline void progress_update(struct progress *progress, bool draining) {
    if (progress->capture == NULL)
        return;
    if (progress->datapath->egress.now_ns >= progress->due_ns || draining != progress->draining)
        progress_draw(progress, draining);
}

#endif
