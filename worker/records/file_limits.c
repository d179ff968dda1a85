/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/file_limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

#define SIZE_LEAST 4096u
#define SIZE_MOST (UINT64_C(1) << 50)
#define SECONDS_MOST (366u * 86400u)

/* One of size=SIZE and seconds=S. */
static int take_limit(struct file_limits *limits, const char *option, const char *text) {
    char name[64];
    uint64_t seconds;
    if (strncmp(text, "size=", 5) == 0) {
        snprintf(name, sizeof name, "%s: size", option);
        return fb_parse_size(name, text + 5, SIZE_LEAST, SIZE_MOST, &limits->size) ? 0 : -EINVAL;
    }
    if (strncmp(text, "seconds=", 8) == 0) {
        snprintf(name, sizeof name, "%s: seconds", option);
        if (!fb_parse_count(name, text + 8, 1, SECONDS_MOST, &seconds))
            return -EINVAL;
        limits->time_ns = seconds * FB_NS_PER_S;
        return 0;
    }
    fb_error("%s: '%s' is none of size=SIZE and seconds=S: write NAME,size=1G,seconds=60; a comma "
             "cannot be part of NAME",
             option, text);
    return -EINVAL;
}

int file_limits_take(struct file_limits *limits, const char *option, char *text) {
    int error = 0;
    *limits = (struct file_limits){UINT64_MAX, UINT64_MAX};
    strsep(&text, ",");
    for (char *limit; error == 0 && (limit = strsep(&text, ",")) != NULL;)
        error = take_limit(limits, option, limit);
    return error;
}
