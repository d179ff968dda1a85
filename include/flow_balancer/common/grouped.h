/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_GROUPED_H
#define FLOW_BALANCER_COMMON_GROUPED_H

#include <stdint.h>

struct fb_grouped {
    char text[32];
};

/* A number with a comma between thousands, for people: 1,234,567. Any process. */
struct fb_grouped fb_grouped(uint64_t number);

#endif
