/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/claim.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/lock.h"

/* Takes the lock of the mapped up side; false if another process has it. */
static enum fb_claim_result lock_up(struct fb_claim *claim) {
    struct fb_region *up = &claim->up_region;
    if (up->size < fb_up_footprint()) {
        fb_error("%s has %zu bytes, expected %zu", up->path, up->size, fb_up_footprint());
        return FB_CLAIM_WRONG;
    }
    if (madvise(up->base, up->size, MADV_DONTFORK) != 0) {
        fb_error("cannot keep %s from children: %s", up->path, strerror(errno));
        return FB_CLAIM_WRONG;
    }
    int error = fb_lock_take(up->fd);
    if (error == -EAGAIN)
        return FB_CLAIM_BUSY;
    if (error != 0) {
        fb_error("cannot lock %s: %s", up->path, strerror(-error));
        return FB_CLAIM_WRONG;
    }
    return FB_CLAIMED;
}

/* The three checks of claim.h, with the lock held. Relaxed: the epochs are only compared. */
static bool may_claim(const struct fb_claim *claim, const struct fb_ctl *ctl, unsigned worker) {
    uint64_t order_epoch = atomic_load_explicit(&claim->down->epoch, memory_order_relaxed);
    return fb_up_worker_status(claim->up) == FB_STATUS_VACANT &&
           fb_region_named(claim->up_region.path, claim->up_region.fd) == 1 &&
           claim->up->epoch == fb_ctl_epoch(ctl, worker) && claim->up->epoch == order_epoch;
}

enum fb_claim_result fb_claim_take(struct fb_claim *claim, const struct fb_ctl_handle *ctl_handle,
                                   unsigned worker) {
    const struct fb_ctl *ctl = ctl_handle->ctl;
    const uint8_t *instance = ctl->header.instance;
    memset(claim, 0, sizeof *claim);
    claim->up_region.fd = claim->down_region.fd = -1;
    claim->worker = worker;

    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_UP, worker);
    const struct fb_join_config up = {
        .path = path, .kind = FB_KIND_UP, .worker = worker, .instance = instance, .writable = true};
    const struct fb_join_config down = {.path = ctl->directory[worker].down_path,
                                        .kind = FB_KIND_DOWN,
                                        .worker = worker,
                                        .instance = instance};
    enum fb_join joined = fb_object_join(&claim->up_region, &up);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET ? FB_CLAIM_NOT_YET : FB_CLAIM_WRONG;
    claim->up = claim->up_region.base;
    joined = fb_object_join(&claim->down_region, &down);
    enum fb_claim_result result = FB_CLAIMED;
    if (joined != FB_JOINED) {
        result = joined == FB_NOT_YET ? FB_CLAIM_NOT_YET : FB_CLAIM_WRONG;
    } else {
        claim->down = claim->down_region.base;
        if (!fb_down_plausible(claim->down, claim->down_region.size))
            result = FB_CLAIM_WRONG;
    }
    if (result == FB_CLAIMED)
        result = lock_up(claim);
    if (result == FB_CLAIMED && !may_claim(claim, ctl, worker))
        result = FB_CLAIM_NOT_YET;
    if (result != FB_CLAIMED) {
        fb_claim_release(claim);
        return result;
    }
    fb_up_set_worker_status(claim->up, FB_STATUS_STARTING);
    fb_up_set_pid(claim->up, getpid());
    madvise(claim->down_region.base, claim->down_region.size, MADV_DONTDUMP);
    /* The mapping keeps the lock; a descriptor would hand it to a child that exec's late. */
    close(claim->up_region.fd);
    claim->up_region.fd = -1;
    close(claim->down_region.fd);
    claim->down_region.fd = -1;
    return FB_CLAIMED;
}

void fb_claim_release(struct fb_claim *claim) {
    fb_region_close(&claim->down_region);
    fb_region_close(&claim->up_region);
    claim->up = NULL;
    claim->down = NULL;
}
