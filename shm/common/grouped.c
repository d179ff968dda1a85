/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/grouped.h"

#include <inttypes.h>
#include <stdio.h>

struct fb_grouped fb_grouped(uint64_t number) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    struct fb_grouped out;
    char *to = out.text;
    for (int i = 0; i < length; i++) {
        if (i != 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}
