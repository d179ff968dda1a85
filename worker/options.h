/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_OPTIONS_H
#define WORKER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/offline.h"
#include "worker/inspection.h"
#include "worker/inspectors/inspectors.h"
#include "worker/place.h"
#include "worker/records/sinks.h"

/* What the command line and the file of --config ask for, checked. */
struct worker_options {
    const char *name;
    uint32_t worker; /* or FB_WORKER_ANY: the first that is free */
    struct inspector_request {
        char *name;       /* of one that is built in, or the path of a plugin */
        const char *args; /* or NULL */
    } inspectors[INSPECTIONS_MAX];
    unsigned inspector_count;
    enum fb_origin inspectors_from; /* where they were named: the last place counts */
    const char *eve[SINKS_MAX];     /* sinks of records, as they are named */
    unsigned eve_count;
    enum fb_origin eve_from; /* likewise */
    uint64_t eve_wait_ns;    /* UINT64_MAX: for ever */
    bool spin;
    struct place_request place;
    uint64_t orphan_ns;
    uint64_t parent; /* pid to follow, 0: none */
    bool check;
    bool reads;                         /* --read: files, no instance */
    struct fb_offline_options *offline; /* then: which, and what is said of them */
    struct inspectors_settings inspectors_settings;
    enum fb_log_level log_level;
    struct fb_command_line line; /* owns the texts that the members above point to */
};

/* Parses and checks the command line, and the file of --config if it names one. */
enum fb_command_line_end worker_options_parse(struct worker_options *options, int argc,
                                              const char **argv);

void worker_options_free(struct worker_options *options);

#endif
