/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_SOURCES_H
#define DISPATCHER_RUN_SOURCES_H

#include "flow_balancer/descriptor.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/run/options.h"
#include "dispatcher/run/source_files.h"

/* What a run reads, and the link types of that. Outlives the capture. */
struct sources {
    struct source_files files;
    int links[FB_MAX_LINKS]; /* DLT_ values of the sources opened so far */
    unsigned link_count;
};

/*
 * Opens what the options name; *sources is zero before. The capture is the caller's, for
 * capture_close(). Returns 0, or -errno after one logged line.
 */
int sources_open(struct sources *sources, const struct options *options, struct capture **capture);

/* After the capture was closed, and where it could not be opened. */
void sources_fini(struct sources *sources);

#endif
