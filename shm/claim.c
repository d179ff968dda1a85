/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/claim.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/lock.h"

static enum fb_claim_result result_of(enum fb_join joined) {
    switch (joined) {
    case FB_JOINED:
        return FB_CLAIMED;
    case FB_NOT_YET:
        return FB_CLAIM_NOT_YET;
    default:
        return FB_CLAIM_WRONG;
    }
}

/* Whether what is at path was not put there by the dispatcher. */
static bool is_of_another(const char *path, const struct fb_ctl_handle *ctl) {
    struct stat ours, st;
    return lstat(path, &st) == 0 && fstat(ctl->region.fd, &ours) == 0 &&
           (st.st_uid != ours.st_uid || !S_ISREG(st.st_mode));
}

static enum fb_claim_result join_up(struct fb_claim *claim, const struct fb_ctl_handle *handle) {
    const struct fb_ctl *ctl = handle->ctl;
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_UP, claim->worker);
    if (is_of_another(path, handle))
        return FB_CLAIM_NOT_YET; /* the dispatcher says so, and offers the number when it is gone */
    const struct fb_join_config config = {.path = path,
                                          .kind = FB_KIND_UP,
                                          .worker = claim->worker,
                                          .instance = ctl->header.instance,
                                          .writable = true};
    enum fb_claim_result result = result_of(fb_object_join(&claim->up_region, &config));
    if (result != FB_CLAIMED)
        return result;
    const struct fb_region *up = &claim->up_region;
    claim->up = up->base;
    if (up->size >= fb_up_footprint())
        return FB_CLAIMED;
    fb_error("%s has %zu bytes, expected %zu", up->path, up->size, fb_up_footprint());
    return FB_CLAIM_WRONG;
}

static enum fb_claim_result join_down(struct fb_claim *claim, const struct fb_ctl *ctl) {
    const struct fb_join_config config = {.path = ctl->directory[claim->worker].down_path,
                                          .kind = FB_KIND_DOWN,
                                          .worker = claim->worker,
                                          .instance = ctl->header.instance};
    enum fb_claim_result result = result_of(fb_object_join(&claim->down_region, &config));
    if (result != FB_CLAIMED)
        return result;
    claim->down = claim->down_region.base;
    return fb_down_plausible(claim->down, claim->down_region.size) ? FB_CLAIMED : FB_CLAIM_WRONG;
}

static enum fb_claim_result join_flows(struct fb_claim *claim, const struct fb_ctl *ctl) {
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_FLOWS, claim->worker);
    const struct fb_join_config config = {.path = path,
                                          .kind = FB_KIND_FLOWS,
                                          .worker = claim->worker,
                                          .instance = ctl->header.instance};
    enum fb_claim_result result = result_of(fb_object_join(&claim->flows_region, &config));
    if (result != FB_CLAIMED)
        return result;
    struct fb_flow_records *records = claim->flows_region.base;
    claim->flows = fb_flow_records_first(records);
    return fb_flow_records_plausible(records, claim->flows_region.size) ? FB_CLAIMED
                                                                        : FB_CLAIM_WRONG;
}

static enum fb_claim_result lock_up(struct fb_claim *claim) {
    struct fb_region *up = &claim->up_region;
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
static bool may_claim(const struct fb_claim *claim, const struct fb_ctl *ctl) {
    uint64_t command_epoch = atomic_load_explicit(&claim->down->epoch, memory_order_relaxed);
    return fb_up_worker_status(claim->up) == FB_STATUS_VACANT &&
           fb_region_named(claim->up_region.path, claim->up_region.fd) == 1 &&
           claim->up->epoch == fb_ctl_epoch(ctl, claim->worker) &&
           claim->up->epoch == command_epoch;
}

/* The mapping keeps the lock; a descriptor would hand it to a child that calls exec late. */
static void close_descriptor(struct fb_region *region) {
    close(region->fd);
    region->fd = -1;
}

enum fb_claim_result fb_claim_take(struct fb_claim *claim, const struct fb_ctl_handle *ctl_handle,
                                   unsigned worker) {
    const struct fb_ctl *ctl = ctl_handle->ctl;
    *claim = (struct fb_claim){
        .up_region.fd = -1, .down_region.fd = -1, .flows_region.fd = -1, .worker = worker};
    enum fb_claim_result result = join_up(claim, ctl_handle);
    if (result == FB_CLAIMED)
        result = join_down(claim, ctl);
    if (result == FB_CLAIMED)
        result = join_flows(claim, ctl);
    if (result == FB_CLAIMED)
        result = lock_up(claim);
    if (result == FB_CLAIMED && !may_claim(claim, ctl))
        result = FB_CLAIM_NOT_YET;
    if (result != FB_CLAIMED) {
        fb_claim_release(claim);
        return result;
    }
    fb_up_set_worker_status(claim->up, FB_STATUS_STARTING);
    fb_up_set_pid(claim->up, getpid());
    madvise(claim->down_region.base, claim->down_region.size, MADV_DONTDUMP);
    close_descriptor(&claim->up_region);
    close_descriptor(&claim->down_region);
    madvise(claim->flows_region.base, claim->flows_region.size, MADV_DONTDUMP);
    close_descriptor(&claim->flows_region);
    return FB_CLAIMED;
}

void fb_claim_release(struct fb_claim *claim) {
    fb_region_close(&claim->flows_region);
    fb_region_close(&claim->down_region);
    fb_region_close(&claim->up_region);
    claim->up = NULL;
    claim->down = NULL;
    claim->flows = NULL;
}
