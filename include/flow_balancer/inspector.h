/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_INSPECTOR_H
#define FLOW_BALANCER_INSPECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/descriptor.h"

/*
 * What an inspector is: a name and up to five functions, called by one worker
 * process from one thread. To add one, write a file in
 * worker/inspectors/ and add its name to the list in inspectors.h there.
 *
 * A flow's state is flow_bytes of memory that the worker owns, zeroed before
 * the flow's first packet, found by the handle without a hash, and handed to
 * every call for that flow until its end. The worker may be killed at any
 * instruction: what must survive that has left the process when packet()
 * returns.
 *
 * A packet is suspected of killing a worker only while packet() has it. So an
 * inspector that cannot write its output (a full disk) says that apart from a
 * failure of its own: FB_OUTPUT_FAILED. The worker then gives it the same packet
 * again until it succeeds, with pauses up to 100 ms between, in which it is not
 * taken for hanging, and the packet is not suspected.
 *
 * Standard input is /dev/null under the supervisor. What is printed to standard
 * output goes to standard error, among the log lines: the standard output of a
 * run may be its report. Results go into files, or wherever else they are wanted.
 */
struct fb_packet {
    const struct fb_desc *desc; /* a copy, valid during the call; flags below are complete */
    const uint8_t *data;        /* caplen bytes, read-only, valid during the call */
    uint16_t
        flags; /* desc->flags, and FB_F_MID_STREAM where this process holds no state of the flow */
    int link_type; /* libpcap's DLT_ value of the frame */
};

#define FB_OUTPUT_FAILED 1 /* what packet() may return; of its output nothing may be left */

struct fb_inspector_ops {
    const char *name;
    const char *help; /* one sentence for --help, with the syntax of the arguments */

    /*
     * Called once, before the worker claims its number. args is what was given
     * after the colon, or NULL. On success stores the inspector's own state in
     * *self (owned by the inspector until close) and the bytes that it needs
     * per flow (0: none, at most FB_FLOW_BYTES_MAX). Returns 0, or -errno after
     * one logged line; -EINVAL is wrong usage.
     */
    int (*open)(const char *args, void **self, size_t *flow_bytes);

    /*
     * Called after each claim, before its first packet: more than once if a
     * dispatcher went and another came. Returns 0, or -errno after one logged
     * line. May be NULL.
     */
    int (*claimed)(void *self, unsigned worker);

    /*
     * Called once per packet, in order. flow is the flow's state, or NULL if
     * flow_bytes is 0. Returns 0; FB_OUTPUT_FAILED where the same call may
     * succeed later, after one logged line for as long as that lasts, with the
     * path; or -errno after one logged line: the worker then leaves with an
     * error and the packet counts as not inspected.
     */
    int (*packet)(void *self, void *flow, const struct fb_packet *packet);

    /* Called once at the end of a flow that the inspector has seen; may be NULL. */
    void (*flow_end)(void *self, void *flow, const struct fb_desc *end, enum fb_end_reason reason);

    /* Called once when the worker leaves of its own accord. */
    void (*close)(void *self);
};

#define FB_FLOW_BYTES_MAX 65536u

#endif
