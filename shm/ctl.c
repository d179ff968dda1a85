/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/hidden.h"
#include "flow_balancer/lock.h"

/* How long another process may take to clear the same debris: far above a second, the most that
 * unlinking the rings of any machine takes. */
#define CLEARING_MOST_NS UINT64_C(10000000000)
#define CLEARING_LOOK_US 1000

/* Whose lock keeps us from the ctl behind fd: -EBUSY, logged, that of a dispatcher; or, until the
 * time is over, -EAGAIN, that of a process which clears. */
static int explain_lock(int fd, const char *path, const char *name, uint64_t give_up_ns) {
    if (fb_lock_held(fd)) {
        fb_error("instance '%s' is already running: choose another name with -n, or stop it "
                 "with 'flow-balancer stop -n %s'",
                 name, name);
        return -EBUSY;
    }
    if (fb_now_ns() < give_up_ns)
        return -EAGAIN;
    fb_error("another process has been clearing %s for %" PRIu64 " s: end it, or choose another "
             "name with -n",
             path, CLEARING_MOST_NS / UINT64_C(1000000000));
    return -EBUSY;
}

/*
 * Locks the ctl behind fd to clear it. Returns 0; -EAGAIN: look again at what has the name by then;
 * else -errno after one logged line.
 */
static int lock_to_clear(int fd, const char *path, const char *name, uint64_t give_up_ns) {
    int error = fb_lock_take_to_clear(fd);
    if (error == -EAGAIN)
        return explain_lock(fd, path, name, give_up_ns);
    int same = error != 0 ? error : fb_region_named(path, fd);
    if (same < 0)
        fb_error("cannot lock %s: %s", path, strerror(-same));
    return same == 1 ? 0 : same == 0 ? -EAGAIN : same;
}

/* What is in the place of a ctl and cannot be removed, or is not ours to remove. Returns error. */
static int refuse(const char *path, int error) {
    char what[FB_FILE_TEXT_MAX];
    fb_error("cannot make %s: %s is in the way: choose another name with -n, or let its owner or "
             "root remove it",
             path, fb_describe_file(what, path));
    return error;
}

/* Opens what has the name of the ctl: a file of ours, or -ENOENT, or -errno after one logged line.
 * O_NONBLOCK: anybody can put anything into /dev/shm. */
static int open_named(const char *path) {
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 ? -errno : -EPERM;
    struct stat st;
    bool is_ours = (fd < 0 ? lstat(path, &st) : fstat(fd, &st)) == 0 && S_ISREG(st.st_mode) &&
                   st.st_uid == geteuid();
    if (error == -ENOENT || (fd >= 0 && is_ours))
        return fd < 0 ? error : fd;
    if (fd >= 0)
        close(fd);
    if (!is_ours)
        return refuse(path, error);
    fb_error("cannot open %s: %s", path, fb_errno_text(-error));
    return error;
}

/*
 * Opens the ctl that has the name, dead, and locks it to clear it: with that lock
 * no other process becomes the dispatcher, or clears. Returns a descriptor; -ENOENT if there is
 * none; else -errno after one logged line, -EBUSY if a dispatcher runs.
 */
static int open_debris(const char *path, const char *name) {
    uint64_t give_up_ns = fb_now_ns() + CLEARING_MOST_NS;
    for (;;) {
        int fd = open_named(path);
        if (fd < 0)
            return fd;
        int error = lock_to_clear(fd, path, name, give_up_ns);
        if (error == 0)
            return fd;
        close(fd);
        if (error != -EAGAIN)
            return error;
        usleep(CLEARING_LOOK_US);
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

/*
 * Becomes the only process that may clear, or be the dispatcher: holds the lock on the ctl that has
 * the name, or, where there is none, finds that out. Returns its descriptor, or -ENOENT; else
 * -errno after one logged line. The sides are cleared then, and counted.
 */
static int clear_debris(const char *path, const char *name, unsigned *removed) {
    int fd = open_debris(path, name);
    if (fd < 0)
        return fd;
    clear_socket(name);
    *removed = fb_clear_objects(name, false);
    return fd;
}

static void log_cleared(const char *name, unsigned removed) {
    if (removed != 0)
        fb_info("cleared %u objects that an earlier run of instance '%s' left", removed, name);
}

/* Takes the lock to clear on a ctl of its own, where there is none: what is without one is cleared
 * under it. Returns a descriptor; -EEXIST: there is one by now; else -errno after one logged line.
 */
static int make_to_clear(const char *path) {
    char hidden[FB_PATH_MAX];
    int fd = fb_hidden_make(hidden, path);
    int error = fd < 0 ? fd : fb_lock_take_to_clear(fd);
    if (error == 0)
        error = fb_hidden_reveal(hidden, path, false);
    if (error == 0)
        return fd;
    if (fd >= 0) {
        unlink(hidden);
        close(fd);
    }
    if (error == -EEXIST || error == -ENOENT)
        return -EEXIST;
    fb_error("cannot make %s: %s", path, fb_errno_text(-error));
    return error;
}

int fb_ctl_clean(const char *name) {
    char path[FB_PATH_MAX];
    if (!fb_object_path(path, FB_SHM_DIR, name, FB_KIND_CTL, 0))
        return -ENAMETOOLONG;
    unsigned removed = 0;
    bool made = false;
    int fd;
    do {
        fd = clear_debris(path, name, &removed);
        made = fd == -ENOENT;
        if (made)
            fd = make_to_clear(path);
    } while (fd == -EEXIST);
    if (fd < 0)
        return fd;
    removed += fb_clear_objects(name, true);
    close(fd);
    log_cleared(name, made && removed != 0 ? removed - 1 : removed);
    return 0;
}

static void place_nothing(struct fb_ctl *ctl) {
    ctl->cpu = ctl->numa_node = ctl->flow_table_numa_node = -1;
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        fb_ctl_set_numa_node(ctl, k, -1);
        fb_ctl_set_ring_numa_node(ctl, k, -1);
    }
}

/* Gives a new ctl its memory and what is known of it. */
static int fill(struct fb_ctl_handle *handle, const char *name) {
    struct fb_region *region = &handle->region;
    if (ftruncate(region->fd, (off_t)region->size) != 0)
        return -errno;
    void *base = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    region->base = handle->ctl = base;
    if (madvise(base, region->size, MADV_POPULATE_WRITE) != 0)
        return errno == EFAULT ? -ENOSPC : -errno;
    if (getrandom(handle->ctl->header.instance, 16, 0) != 16)
        return -errno;
    snprintf(handle->ctl->name, sizeof handle->ctl->name, "%s", name);
    snprintf(handle->ctl->version, sizeof handle->ctl->version, "%s", FB_VERSION);
    handle->ctl->pid = getpid();
    place_nothing(handle->ctl);
    return 0;
}

/*
 * Makes a ctl under a hidden name, locked for our life, and gives it its own: where there is none,
 * or over debris. Returns 0; -EEXIST: another process was first; else -errno after one logged line.
 * Nothing is left of it unless 0.
 */
static int make_ctl(struct fb_ctl_handle *handle, const char *name, bool over) {
    struct fb_region *region = &handle->region;
    region->size = fb_align_up(sizeof(struct fb_ctl), (uint64_t)sysconf(_SC_PAGESIZE));
    region->fd = fb_hidden_make(region->hidden, region->path);
    int error = region->fd < 0 ? region->fd : fb_lock_take(region->fd);
    if (error == 0)
        error = fill(handle, name);
    if (error == 0)
        error = fb_hidden_reveal(region->hidden, region->path, over);
    if (error == 0) {
        region->hidden[0] = '\0';
        return 0;
    }
    fb_region_discard(region);
    handle->ctl = NULL;
    if (error == -EEXIST || error == -ENOENT)
        return -EEXIST;
    bool room = error == -ENOSPC || error == -ENOMEM;
    fb_error("cannot make %s with %zu KB: %s%s", region->path, region->size >> 10,
             fb_errno_text(-error),
             room ? ": give it more room (mount -o remount,size=... " FB_SHM_DIR ")" : "");
    return error;
}

int fb_ctl_create(struct fb_ctl_handle *handle, const char *name) {
    memset(handle, 0, sizeof *handle);
    struct fb_region *region = &handle->region;
    region->fd = -1;
    if (!fb_object_path(region->path, FB_SHM_DIR, name, FB_KIND_CTL, 0))
        return -ENAMETOOLONG;
    unsigned removed = 0;
    int debris, error;
    do {
        debris = clear_debris(region->path, name, &removed);
        if (debris < 0 && debris != -ENOENT)
            return debris;
        error = make_ctl(handle, name, debris >= 0);
        if (debris >= 0)
            close(debris);
    } while (error == -EEXIST);
    if (error != 0)
        return error;
    if (debris >= 0)
        log_cleared(name, removed + 1);
    /* Sides without a ctl: their dispatcher died between two unlinks. */
    fb_clear_objects(name, false);
    return 0;
}

void fb_ctl_format(struct fb_ctl_handle *handle) {
    struct fb_header *header = &handle->ctl->header;
    fb_header_format(header, header->instance, FB_KIND_CTL, 0, sizeof(struct fb_ctl));
}

bool fb_ctl_is_named(const struct fb_ctl *ctl) {
    char path[FB_PATH_MAX];
    uint8_t instance[sizeof ctl->header.instance];
    if (!fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_CTL, 0))
        return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, instance, sizeof instance, offsetof(struct fb_ctl, header.instance));
    close(fd);
    return n == (ssize_t)sizeof instance &&
           memcmp(instance, ctl->header.instance, sizeof instance) == 0;
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
