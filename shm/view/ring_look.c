/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/ring_look.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/layout.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/sides.h"

/* Relaxed: words for display. */
#define WORD(word) atomic_load_explicit(&(word), memory_order_relaxed)

/* ---- up side */

static void copy_up(struct ring_look *look, const struct fb_up *up) {
    look->up_epoch = up->epoch;
    look->consumed = WORD(up->consumed);
    look->parked = WORD(up->parked);
    look->cursor = fb_up_cursor(up);
    look->worker_status = fb_up_worker_status(up);
    look->pid = fb_up_pid(up);
    look->cpu = WORD(up->cpu);
    look->numa_node = WORD(up->numa_node);
}

/* One that is not there is no error: it is being replaced. */
static void look_up(struct ring_look *look, const struct fb_ctl *ctl, unsigned worker) {
    char path[FB_PATH_MAX];
    struct fb_region region;
    const struct fb_join_config config = {
        .path = path, .kind = FB_KIND_UP, .worker = worker, .instance = ctl->header.instance};
    if (!fb_object_path(path, FB_SHM_DIR, ctl->name, FB_KIND_UP, worker) ||
        fb_object_join(&region, &config) != FB_JOINED)
        return;
    int slot = region.size < fb_up_footprint() ? -1 : fb_guard_add(region.base, region.size);
    if (slot >= 0) {
        struct ring_look read = *look;
        copy_up(&read, region.base);
        read.locked = fb_lock_held(region.fd);
        read.has_up = !fb_guard_faulted(slot);
        if (read.has_up)
            *look = read;
    }
    fb_guard_remove(slot);
    fb_region_close(&region);
}

/* ---- down side */

/* When what was published last, and when the descriptor at the cursor was. */
static void find_times(struct ring_look *look, const struct fb_down *head) {
    uint64_t at = ring_cursor_seq(look), best = UINT64_MAX;
    bool first_is_known = look->publishes <= FB_STAMPS;
    for (unsigned i = 0; i < FB_STAMPS && i < look->publishes; i++) {
        uint64_t end = WORD(head->stamps[i].end_seq), time_ns = WORD(head->stamps[i].time_ns);
        uint64_t after = end - at - 1; /* wraps where it was published before */
        if (time_ns > look->last_publish_ns)
            look->last_publish_ns = time_ns;
        if (after < best && after < look->slots) {
            best = after;
            look->cursor_published_ns = time_ns;
        }
        first_is_known = first_is_known || at - end < look->slots;
    }
    /* Its own stamp may have been written over: what is left is of a later publish. */
    if (!first_is_known)
        look->cursor_published_ns = 0;
}

static void copy_head(struct ring_look *look, const struct fb_down *head) {
    look->depth = head->depth;
    look->slots = head->slots;
    look->worker_burst = head->worker_burst;
    look->arena_bytes = head->arena_bytes;
    look->published = WORD(head->published);
    look->publishes = WORD(head->publishes);
    look->flow_records = WORD(head->flow_records);
    look->down_epoch = WORD(head->epoch);
    look->command = WORD(head->command);
    look->doorbell = WORD(head->doorbell);
    find_times(look, head);
}

static bool head_is_ours(const struct fb_down *head, const struct fb_ctl *ctl, unsigned worker) {
    return WORD(head->header.magic) == FB_MAGIC &&
           head->header.fingerprint == fb_layout_fingerprint() &&
           head->header.kind == FB_KIND_DOWN && head->header.worker == worker &&
           memcmp(head->header.instance, ctl->header.instance, sizeof ctl->header.instance) == 0;
}

static bool read_head(struct fb_down *head, const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        fb_error("cannot open %s: %s%s", path, strerror(errno),
                 errno == EACCES ? ": it holds packets: run as the user that started the instance"
                                 : "");
        return false;
    }
    ssize_t n = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ? -1 : pread(fd, head, sizeof *head, 0);
    close(fd);
    if (n == (ssize_t)sizeof *head)
        return true;
    fb_error("cannot read %s: it is no down side, or was cut short", path);
    return false;
}

static bool look_down(struct ring_look *look, const struct fb_ctl *ctl, unsigned worker) {
    char path[FB_PATH_MAX];
    struct fb_down head;
    memcpy(path, ctl->directory[worker].down_path, sizeof path);
    path[sizeof path - 1] = '\0';
    if (!read_head(&head, path))
        return false;
    if (!head_is_ours(&head, ctl, worker)) {
        fb_error("%s is not the down side of worker %u of this instance: look again", path, worker);
        return false;
    }
    copy_head(look, &head);
    return true;
}

/* ---- both */

bool ring_look(struct ring_look *look, const struct fb_ctl *ctl, unsigned worker) {
    unsigned most = ctl->geometry.max_workers;
    most = most < FB_MAX_WORKERS ? most : FB_MAX_WORKERS;
    if (worker >= most) {
        fb_error("--ring '%u': the instance has worker numbers 0 to %u", worker, most - 1);
        return false;
    }
    if (fb_ctl_epoch(ctl, worker) == 0) {
        fb_error("--ring '%u': this worker has no ring yet: it was never added", worker);
        return false;
    }
    *look = (struct ring_look){
        .taken_ns = fb_now_ns(), .state = fb_ctl_state(ctl, worker), .cpu = -1, .numa_node = -1};
    look_up(look, ctl, worker);
    return look_down(look, ctl, worker);
}
