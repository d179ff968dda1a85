/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/errno_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define ENOUGH_FILES 4096u /* for 256 workers, each with two files, and a thousand sources */

const char *fb_errno_text(int error) {
    static char text[256];
    struct rlimit limit;
    if (error != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return strerror(error);
    unsigned long long soft = limit.rlim_cur, hard = limit.rlim_max;
    unsigned long long wanted = 4 * soft > ENOUGH_FILES ? 4 * soft : ENOUGH_FILES;
    if (hard > soft)
        snprintf(text, sizeof text, "%s: the limit is %llu: raise it with 'ulimit -n %llu'",
                 strerror(error), soft, wanted < hard ? wanted : hard);
    else
        snprintf(text, sizeof text,
                 "%s: the limit is %llu, and so is the hard limit: raise both as root, with "
                 "'ulimit -n %llu', or with LimitNOFILE= in a systemd unit",
                 strerror(error), soft, wanted);
    return text;
}
