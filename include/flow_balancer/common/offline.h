/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_OFFLINE_H
#define FLOW_BALANCER_COMMON_OFFLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/consumer.h"

/*
 * The packets and flow ends of capture files without a dispatcher process, in the order and with
 * all that one worker behind a dispatcher with the same options gets: for who writes and debugs
 * an inspector. Implemented by the dispatcher's side (dispatcher/offline/), used by flow-worker
 * --read. Nothing is shared, no process is started. One thread.
 */

/* What is read and how flows are told apart: options of the dispatcher, with its rules. */
struct fb_offline_options;

/* No file, and what the dispatcher does without an option, but for what the list of options says
 * (fb_offline_take()). NULL after one logged line. The caller frees it. */
struct fb_offline_options *fb_offline_options_new(void);
void fb_offline_options_free(struct fb_offline_options *options);

/*
 * Takes an option as fb_command_line_read() gives it, FB_OPT_READ for each file; line: whose it
 * is. text stays valid as long as the options. Returns false after one logged line.
 */
bool fb_offline_take(struct fb_offline_options *options, const struct fb_command_line *line,
                     enum fb_option option, char *text, bool on, enum fb_origin origin);

/* The file that is read first; NULL: none was given. */
const char *fb_offline_first_file(const struct fb_offline_options *options);

struct fb_offline_config {
    const struct fb_offline_options *options;
    size_t state_bytes; /* memory a flow that events carry; 0: none */
    /* How often it was asked to stop, by a signal handler say: once, no more is read, and the
     * flows end with FB_END_SHUTDOWN; twice, nothing more comes. */
    const volatile int *stop;
};

/*
 * Who gets the events. An event is as fb_consumer_next() would give it: state is state_bytes of
 * the flow, zero with its first packet, freed after its end. The captured bytes, the record of a
 * flow and its state each lie in a block of malloc() of their own, so that tools which watch the
 * heap notice who reads beyond them, or later. All are valid until the function returns, but for
 * the state and the record. What returns other than 0 ends the run.
 */
struct fb_offline_sink {
    int (*event)(void *arg, const struct fb_event *event);
    /* Between bursts, and several times a second where no packet comes. */
    int (*between)(void *arg);
    void *arg;
};

struct fb_offline_counts {
    uint64_t packets;
    uint64_t bytes; /* captured */
    uint64_t flows;
};

/*
 * Reads all files from the first to the last frame, and ends the flows. *counts is set in any
 * case. Returns 0; what a function of the sink returned, and then nothing more was told; -EINTR
 * after the second request to stop; or another -errno after one logged line: a file cannot be
 * opened, and nothing was told, or one broke off, and all that is before was.
 */
int fb_offline_run(const struct fb_offline_config *config, const struct fb_offline_sink *sink,
                   struct fb_offline_counts *counts);

#endif
