/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_OBJECT_H
#define FLOW_BALANCER_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/region.h"

/* Groups of words with different writers are this far apart: two cache lines,
 * since the adjacent-line prefetcher of x86 fetches them in pairs. */
#define FB_APART 128

/*
 * First bytes of every shared object. Written by the dispatcher before the
 * object is offered; the magic comes last, so that a reader that sees it sees all.
 */
struct fb_header {
    _Atomic uint64_t magic; /* FB_MAGIC once the object is complete */
    uint64_t fingerprint;   /* of the layout: fb_layout_fingerprint() (layout.h) */
    uint8_t instance[16];   /* random, the same in all objects of one run */
    uint64_t size;          /* bytes that the layout needs */
    uint32_t kind;          /* enum fb_kind */
    uint32_t worker;        /* number, 0 for ctl */
};
_Static_assert(sizeof(struct fb_header) == 48, "shared layout");

#define FB_MAGIC UINT64_C(0x31624177306c4662) /* "bFl0wAb1" in memory */

/* The three outcomes of joining. */
enum fb_join {
    FB_JOINED,
    FB_NOT_YET, /* no such object, still being made, or of an earlier run: try again */
    FB_WRONG,   /* another version or kind, or of another user: logged with both values */
};

/* Writes the header and then, with release, its magic. Dispatcher only. */
void fb_header_format(struct fb_header *header, const uint8_t instance[16], enum fb_kind kind,
                      unsigned worker, uint64_t size);

/* A shared object that is to be joined. */
struct fb_join_config {
    const char *path;
    enum fb_kind kind;
    unsigned worker;         /* number, 0 for ctl */
    const uint8_t *instance; /* 16 bytes that its header must have, or NULL: any */
    bool writable;           /* an up side, by the worker that claims it */
};

/*
 * Opens, checks and maps an object. On FB_JOINED the caller owns *region.
 * FB_WRONG has been logged. Any process.
 */
enum fb_join fb_object_join(struct fb_region *region, const struct fb_join_config *config);

#endif
