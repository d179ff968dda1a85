/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/parent.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

bool fb_parent_is_gone(uint64_t pid) {
    return pid != 0 && (uint64_t)getppid() != pid;
}

bool fb_follow_parent(uint64_t pid) {
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL);
    /* It may have died before the request was made. */
    if (!fb_parent_is_gone(pid))
        return true;
    fb_error("--parent %" PRIu64 ": it is gone, or not the parent of this process", pid);
    return false;
}
