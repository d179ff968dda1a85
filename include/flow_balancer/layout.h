/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LAYOUT_H
#define FLOW_BALANCER_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What lies where in the shared objects. Programs of two builds that differ in
 * it must not meet: each would read the other's words at the wrong places.
 */
struct fb_layout_field {
    const char *name;
    size_t offset;
    size_t size;
    size_t align; /* of the member: where it is FB_APART, a gap may be before it */
};

/* One struct that processes share, with each of its members in order. */
struct fb_layout {
    const char *name;
    size_t size;
    const struct fb_layout_field *fields;
    size_t count;
};

/* All of them; *count is how many. Constant. */
const struct fb_layout *fb_layouts(size_t *count);

/* Of every member's offset and size, and of the names of all counters, in order. Any process. */
uint64_t fb_layout_fingerprint(void);

#endif
