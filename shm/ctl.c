/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/lock.h"

/*
 * Opens and locks the ctl at path, or, if create and there is none, a new empty
 * one. *debris tells which. Returns a descriptor that holds the lock on the
 * named inode; -EBUSY, logged, if a dispatcher runs; -ENOENT if there is none
 * and not create.
 */
static int open_locked(const char *path, const char *name, bool create, bool *debris) {
    for (;;) {
        *debris = true;
        int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) {
            if (!create)
                return -ENOENT;
            *debris = false;
            fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
            if (fd < 0 && errno == EEXIST)
                continue;
        }
        if (fd < 0) {
            int error = errno;
            fb_error("cannot open %s: %s", path, strerror(error));
            return -error;
        }
        int error = fb_lock_take(fd);
        if (error == -EAGAIN) {
            fb_error("instance '%s' is already running: choose another name with -n, or stop it "
                     "with 'flow-balancer stop -n %s'",
                     name, name);
            close(fd);
            return -EBUSY;
        }
        int same = error != 0 ? error : fb_region_named(path, fd);
        if (same == 1)
            return fd;
        close(fd);
        if (same < 0) {
            fb_error("cannot lock %s: %s", path, strerror(-same));
            return same;
        }
        /* Replaced between open and lock: start over with what is there now. */
    }
}

/* The control socket of a dead dispatcher: while we hold its lock, no process listens there. */
static void clear_socket(const char *name) {
    char dir[FB_PATH_MAX], path[FB_PATH_MAX + FB_NAME_MAX + 8];
    if (fb_runtime_dir(dir, false) != 0)
        return;
    snprintf(path, sizeof path, "%s/%s.sock", dir, name);
    unlink(path);
}

static int clear_debris(const char *path, const char *name) {
    bool debris;
    int fd = open_locked(path, name, false, &debris);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    clear_socket(name);
    unsigned removed = fb_clear_objects(name, true);
    /* Another user's object, or no file at all: it would be in the way for ever. */
    bool stays = fb_region_named(path, fd) != 0;
    close(fd);
    if (stays) {
        fb_error("cannot remove %s: choose another name with -n, or let its owner remove it", path);
        return -EPERM;
    }
    fb_info("cleared %u objects that an earlier run of instance '%s' left", removed, name);
    return 0;
}

int fb_ctl_clean(const char *name) {
    char path[FB_PATH_MAX];
    if (!fb_object_path(path, FB_SHM_DIR, name, FB_KIND_CTL, 0))
        return -ENAMETOOLONG;
    return clear_debris(path, name);
}

static void place_nothing(struct fb_ctl *ctl) {
    ctl->cpu = ctl->numa_node = ctl->flow_table_numa_node = -1;
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        fb_ctl_set_numa_node(ctl, k, -1);
        fb_ctl_set_ring_numa_node(ctl, k, -1);
    }
}

int fb_ctl_create(struct fb_ctl_handle *handle, const char *name) {
    memset(handle, 0, sizeof *handle);
    struct fb_region *region = &handle->region;
    region->fd = -1;
    if (!fb_object_path(region->path, FB_SHM_DIR, name, FB_KIND_CTL, 0))
        return -ENAMETOOLONG;
    bool debris = true;
    while (debris) {
        int error = clear_debris(region->path, name);
        if (error != 0)
            return error;
        region->fd = open_locked(region->path, name, true, &debris);
        if (region->fd < 0)
            return region->fd;
        if (debris)
            close(region->fd); /* of another process, made meanwhile: look at it from the start */
    }
    /* Sides without a ctl: their dispatcher died between two unlinks. */
    fb_clear_objects(name, false);
    region->size = fb_align_up(sizeof(struct fb_ctl), (uint64_t)sysconf(_SC_PAGESIZE));
    int error = 0;
    if (ftruncate(region->fd, (off_t)region->size) != 0) {
        error = errno;
    } else {
        region->base = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
        if (region->base == MAP_FAILED) {
            error = errno;
            region->base = NULL;
        } else if (madvise(region->base, region->size, MADV_POPULATE_WRITE) != 0) {
            error = errno == EFAULT ? ENOSPC : errno;
        }
    }
    handle->ctl = region->base;
    if (error == 0 && getrandom(handle->ctl->header.instance, 16, 0) != 16)
        error = errno;
    if (error != 0) {
        bool room = error == ENOSPC || error == ENOMEM;
        fb_error("cannot make %s with %zu KB: %s%s", region->path, region->size >> 10,
                 strerror(error),
                 room ? ": give it more room (mount -o remount,size=... " FB_SHM_DIR ")" : "");
        fb_ctl_destroy(handle);
        return -error;
    }
    snprintf(handle->ctl->name, sizeof handle->ctl->name, "%s", name);
    snprintf(handle->ctl->version, sizeof handle->ctl->version, "%s", FB_VERSION);
    handle->ctl->pid = getpid();
    place_nothing(handle->ctl);
    return 0;
}

void fb_ctl_format(struct fb_ctl_handle *handle) {
    struct fb_header *header = &handle->ctl->header;
    fb_header_format(header, header->instance, FB_KIND_CTL, 0, sizeof(struct fb_ctl));
}

void fb_ctl_destroy(struct fb_ctl_handle *handle) {
    if (handle->region.fd < 0)
        return;
    char name[FB_NAME_MAX + 8];
    const char *file = strrchr(handle->region.path, '/') + 1;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(".ctl")), file);
    if (fb_region_named(handle->region.path, handle->region.fd) == 1)
        fb_clear_objects(name, true);
    fb_region_close(&handle->region);
    handle->ctl = NULL;
}

static enum fb_join join(struct fb_ctl_handle *handle, const char *name, bool alive) {
    memset(handle, 0, sizeof *handle);
    handle->region.fd = -1;
    char path[FB_PATH_MAX];
    if (!fb_object_path(path, FB_SHM_DIR, name, FB_KIND_CTL, 0))
        return FB_WRONG;
    enum fb_join joined = fb_object_join(
        &handle->region, &(struct fb_join_config){.path = path, .kind = FB_KIND_CTL});
    if (joined != FB_JOINED)
        return joined;
    if (handle->region.size < sizeof(struct fb_ctl)) {
        fb_error("%s has %zu bytes, expected %zu", path, handle->region.size,
                 sizeof(struct fb_ctl));
        fb_ctl_leave(handle);
        return FB_WRONG;
    }
    handle->ctl = handle->region.base;
    if (fb_ctl_alive(handle) != alive) {
        fb_ctl_leave(handle);
        return FB_NOT_YET;
    }
    return FB_JOINED;
}

/* What a dispatcher that died left is not joined: its successor will replace it. */
enum fb_join fb_ctl_join(struct fb_ctl_handle *handle, const char *name) {
    return join(handle, name, true);
}

enum fb_join fb_ctl_join_dead(struct fb_ctl_handle *handle, const char *name) {
    return join(handle, name, false);
}

void fb_ctl_leave(struct fb_ctl_handle *handle) {
    fb_region_close(&handle->region);
    handle->ctl = NULL;
}

bool fb_ctl_alive(const struct fb_ctl_handle *handle) {
    return fb_lock_held(handle->region.fd);
}

/* Words of the snapshot before the lanes, and with the first lane_count of them. */
static size_t snapshot_words(unsigned lane_count) {
    return offsetof(struct fb_snapshot, lane) / sizeof(uint64_t) +
           (size_t)lane_count * FB_LANE_COUNT;
}

/*
 * A sequence lock (Boehm, "Can seqlocks get along with programming language
 * memory models?", 2012): the words are relaxed atomics; W1 keeps them after
 * the odd sequence and W2 before the even one; V1 and V2 are the reader's side.
 */
void fb_ctl_write_snapshot(struct fb_ctl *ctl, const struct fb_snapshot *snapshot,
                           unsigned lane_count) {
    uint64_t sequence = atomic_load_explicit(&ctl->snapshot_sequence, memory_order_relaxed);
    atomic_store_explicit(&ctl->snapshot_sequence, sequence + 1, memory_order_relaxed);
    /* W1: pairs with V2 in fb_ctl_read_snapshot */
    atomic_thread_fence(memory_order_release);
    const uint64_t *words = (const uint64_t *)snapshot;
    size_t n = snapshot_words(lane_count);
    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&ctl->snapshot[i], words[i], memory_order_relaxed);
    /* W2: pairs with V1 in fb_ctl_read_snapshot */
    atomic_store_explicit(&ctl->snapshot_sequence, sequence + 2, memory_order_release);
}

bool fb_ctl_read_snapshot(const struct fb_ctl *ctl, struct fb_snapshot *snapshot,
                          unsigned lane_count) {
    memset(snapshot, 0, sizeof *snapshot);
    uint64_t *words = (uint64_t *)snapshot;
    size_t n = snapshot_words(lane_count < FB_MAX_WORKERS ? lane_count : FB_MAX_WORKERS);
    /* Writing takes microseconds: only a dead writer is found in it a thousand times. */
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        /* V1: pairs with W2 in fb_ctl_write_snapshot */
        uint64_t before = atomic_load_explicit(&ctl->snapshot_sequence, memory_order_acquire);
        for (size_t i = 0; i < n; i++)
            words[i] = atomic_load_explicit(&ctl->snapshot[i], memory_order_relaxed);
        /* V2: pairs with W1 in fb_ctl_write_snapshot */
        atomic_thread_fence(memory_order_acquire);
        uint64_t after = atomic_load_explicit(&ctl->snapshot_sequence, memory_order_relaxed);
        if (before == after && (before & 1) == 0)
            return true;
        usleep(50);
    }
    return false;
}
