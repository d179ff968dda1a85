/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_NG_H
#define DISPATCHER_CAPTURE_CAPTURE_NG_H

#include <stdbool.h>

#include "dispatcher/capture/capture_sink.h"
#include "dispatcher/capture/capture_window.h"

/*
 * The pcapng format (draft-ietf-opsawg-pcapng): the frames of its packet blocks, as
 * they come. libpcap takes only files whose interfaces all have one link type and one
 * snapshot length. Of one source, one thread.
 *
 *     section header: byte order; forgets the interfaces of the section before
 *       interface description: link type, unit and offset of stamps; number 0, 1, ...
 *       packet, enhanced or obsolete: interface, stamp, lengths, bytes
 *       packet, simple: wire length, bytes; of interface 0, without a stamp: 0
 *       any other block: passed over, however long
 *
 * Everything is untrusted. No block needs more memory than the longest frame: of a
 * longer packet block the frame's beginning is taken and the rest passed over.
 */
struct capture_ng;
struct capture_filter;

/* What a pcapng file begins with, the same in either byte order. */
#define CAPTURE_NG_MAGIC "\x0a\x0d\x0d\x0a"
#define CAPTURE_NG_MAGIC_BYTES 4u

#define CAPTURE_NG_INTERFACES_MOST 65536u /* of one section: what the obsolete block can number */

/* Makes *ng, for one file after another. config and *filter, the filter to be used, outlive it.
 * Returns 0, or -ENOMEM with nothing logged. */
int capture_ng_new(struct capture_ng **ng, const struct capture_config *config,
                   struct capture_filter *const *filter);
void capture_ng_free(struct capture_ng *ng);

/* A file begins, at its first byte. Window and name are the caller's until the next one begins. */
void capture_ng_begin(struct capture_ng *ng, struct capture_window *window, const char *name);

/* It is over, or none has begun: its link types no longer count. */
void capture_ng_end(struct capture_ng *ng);

/*
 * Puts about max frames into the sink, as a source's read does. CAPTURE_END: the file is
 * over, or it was malformed: then one line is logged and it has failed.
 */
enum capture_status capture_ng_read(struct capture_ng *ng, struct capture_sink *sink, unsigned max);

/*
 * Reads a file that has begun up to its first frame, and checks that it is pcapng and
 * that something can be taken: link type and filter of one of the interfaces up to
 * there; of a filter that lacks programs nothing is known. Returns 0, also where there is no frame,
 * or -errno after one logged line.
 */
int capture_ng_check(struct capture_ng *ng);

/* True once a file was malformed, or frames were left out since their link type is not known or the
 * filter does not fit it; each has a logged line. */
bool capture_ng_failed(const struct capture_ng *ng);

/* As a source's check_filter and take_filter, for the file that is read. */
int capture_ng_check_filter(struct capture_ng *ng, struct capture_filter *filter);
void capture_ng_take_filter(struct capture_ng *ng, struct capture_filter *filter);

#endif
