/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/region.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/numa.h"
#include "flow_balancer/hidden.h"

const char *const fb_page_kind_names[FB_PAGES_COUNT] = {
    [FB_PAGES_HUGETLBFS] = "hugetlbfs",
    [FB_PAGES_THP] = "thp",
    [FB_PAGES_4K] = "4k",
};

/*
 * A mapping of size bytes (whole pages) at a multiple of 2 MB: without that alignment the
 * kernel cannot use a huge page for the ends, and for small ones not at all.
 */
static void *map_aligned(size_t size, int flags, int fd) {
    void *base = mmap(NULL, size + FB_HUGEPAGE_BYTES, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return MAP_FAILED;
    uintptr_t start = fb_align_up((uintptr_t)base, FB_HUGEPAGE_BYTES);
    size_t before = start - (uintptr_t)base;
    if (before != 0)
        munmap(base, before);
    munmap((char *)start + size, FB_HUGEPAGE_BYTES - before);
    void *mapped = mmap((void *)start, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
    if (mapped == MAP_FAILED) {
        int error = errno;
        munmap((void *)start, size);
        errno = error;
    }
    return mapped;
}

static int populate(void *base, size_t size) {
    return madvise(base, size, MADV_POPULATE_WRITE) == 0 ? 0 : -errno;
}

/* Where the pages come from is decided when they are made. A node is a preference: read back, not
 * needed.
 */
static int populate_on(const struct fb_region *region, size_t head) {
    (void)fb_numa_prefer_for(region->base, region->size, region->node);
    return populate(region->base, head != 0 ? head : region->size);
}

int fb_region_populate(const struct fb_region *region, size_t offset, size_t bytes) {
    int error = populate((char *)region->base + offset, bytes);
    return error == -EFAULT ? -ENOSPC : error;
}

size_t fb_region_huge_bytes(const struct fb_region *region) {
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (smaps == NULL)
        return 0;
    uintptr_t from = (uintptr_t)region->base, to = from + region->size;
    size_t huge = 0;
    uintptr_t low = 0, high = 0;
    size_t page_kb = 0;
    char line[512];
    while (fgets(line, sizeof line, smaps) != NULL) {
        uintptr_t a, b;
        size_t kb;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &a, &b) == 2) {
            low = a;
            high = b;
            page_kb = 0;
        } else if (low < from || high > to || low >= high) {
            continue;
        } else if (sscanf(line, "KernelPageSize: %zu kB", &kb) == 1) {
            page_kb = kb;
            if (page_kb >= FB_HUGEPAGE_BYTES / 1024)
                huge += high - low;
        } else if (page_kb < FB_HUGEPAGE_BYTES / 1024 &&
                   (sscanf(line, "AnonHugePages: %zu kB", &kb) == 1 ||
                    sscanf(line, "ShmemPmdMapped: %zu kB", &kb) == 1)) {
            huge += kb * 1024;
        }
    }
    fclose(smaps);
    return huge;
}

/* Half or more in huge pages counts as having them; the ends may not fill one. */
static enum fb_page_kind read_back(const struct fb_region *region) {
    return fb_region_huge_bytes(region) >= region->size / 2 ? FB_PAGES_THP : FB_PAGES_4K;
}

static int make_file(struct fb_region *region, const char *dir,
                     const struct fb_region_config *config, size_t size) {
    if (!fb_object_path(region->path, dir, config->instance, config->kind, config->worker))
        return -ENAMETOOLONG;
    int fd = fb_hidden_make(region->hidden, region->path);
    if (fd < 0)
        return fd;
    region->fd = fd;
    if (ftruncate(fd, (off_t)size) == 0)
        return 0;
    int error = errno;
    fb_region_discard(region);
    return -error;
}

void fb_region_discard(struct fb_region *region) {
    fb_region_close(region);
    unlink(region->hidden);
    region->hidden[0] = '\0';
}

static int try_hugetlbfs(struct fb_region *region, const struct fb_region_config *config) {
    char mount[FB_PATH_MAX];
    int error = -ENOENT;
    for (unsigned i = 0; fb_hugetlbfs_mount(i, mount); i++) {
        size_t rounded = fb_align_up(config->size, FB_HUGEPAGE_BYTES);
        error = make_file(region, mount, config, rounded);
        if (error != 0)
            continue;
        void *base = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
        if (base == MAP_FAILED) {
            error = -errno;
            fb_region_discard(region);
            continue;
        }
        region->base = base;
        region->size = rounded;
        error = populate_on(region, config->head);
        if (error == 0) {
            region->page_kind = FB_PAGES_HUGETLBFS;
            return 0;
        }
        fb_region_discard(region);
    }
    return error;
}

static int try_shm(struct fb_region *region, const struct fb_region_config *config, bool huge) {
    /* The kernel backs only whole huge pages of a file with a huge page. */
    size_t unit = huge ? FB_HUGEPAGE_BYTES : (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = fb_align_up(config->size, unit);
    int error = make_file(region, FB_SHM_DIR, config, rounded);
    if (error != 0)
        return error;
    void *base = map_aligned(rounded, MAP_SHARED, region->fd);
    if (base == MAP_FAILED) {
        error = -errno;
        fb_region_discard(region);
        return error;
    }
    region->base = base;
    region->size = rounded;
    if (huge)
        madvise(base, rounded, MADV_HUGEPAGE);
    error = populate_on(region, config->head);
    if (error != 0) {
        fb_region_discard(region);
        return error == -EFAULT ? -ENOSPC : error;
    }
    region->page_kind = huge ? read_back(region) : FB_PAGES_4K;
    return 0;
}

static void log_require(const char *what, size_t size, const char *times) {
    fb_error("no huge pages for %s (%zu MB) and --hugepages require: reserve some with "
             "'sysctl vm.nr_hugepages=%zu'%s and mount hugetlbfs, or "
             "'mount -o remount,huge=advise /dev/shm'",
             what, size >> 20, fb_align_up(size, FB_HUGEPAGE_BYTES) / FB_HUGEPAGE_BYTES, times);
}

static void log_no_room(const struct fb_region_config *config, int error) {
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, config->instance, config->kind, config->worker);
    fb_error("cannot make %s with %zu KB: %s%s", path,
             (config->head != 0 ? config->head : config->size) >> 10, fb_errno_text(-error),
             error == -ENOSPC || error == -ENOMEM
                 ? ": give " FB_SHM_DIR " more room (mount -o remount,size=...), or use a "
                   "smaller --ring-bytes, --ring-depth or -w"
                 : "");
}

int fb_region_create(struct fb_region *region, const struct fb_region_config *config) {
    enum fb_hugepages mode = config->hugepages;
    *region = (struct fb_region){.fd = -1, .node = config->node};
    int error = -ENOENT;
    if (mode != FB_HUGEPAGES_NEVER)
        error = try_hugetlbfs(region, config);
    if (error != 0)
        error = try_shm(region, config, mode != FB_HUGEPAGES_NEVER);
    /* Whole huge pages may not fit where 4 KB pages do. */
    if (error != 0 && mode == FB_HUGEPAGES_AUTO)
        error = try_shm(region, config, false);
    if (error != 0) {
        if (!config->quiet)
            log_no_room(config, error);
        return error;
    }
    if (mode == FB_HUGEPAGES_REQUIRE && region->page_kind == FB_PAGES_4K) {
        log_require(region->path, region->size,
                    config->kind == FB_KIND_DOWN ? " times --max-workers" : "");
        fb_region_discard(region);
        return -ENOMEM;
    }
    if (config->secret)
        madvise(region->base, region->size, MADV_DONTDUMP);
    return 0;
}

static void log_no_name(const struct fb_region *region, int error) {
    char what[FB_FILE_TEXT_MAX];
    if (error == -EEXIST || error == -EPERM || error == -EACCES || error == -EISDIR)
        fb_error("cannot make %s: %s is in the way: let its owner or root remove it", region->path,
                 fb_describe_file(what, region->path));
    else
        fb_error("cannot make %s: %s", region->path, fb_errno_text(-error));
}

int fb_region_place(struct fb_region *region, const struct fb_region_config *config) {
    int error = fb_hidden_reveal(region->hidden, region->path, config->over);
    if (error == 0) {
        region->hidden[0] = '\0';
        return 0;
    }
    if (!config->quiet)
        log_no_name(region, error);
    fb_region_discard(region);
    return error;
}

int fb_region_private(struct fb_region *region, size_t size, enum fb_hugepages mode, bool pop) {
    memset(region, 0, sizeof *region);
    region->fd = region->node = -1;
    size_t rounded = fb_align_up(size, FB_HUGEPAGE_BYTES);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (mode != FB_HUGEPAGES_NEVER && pop) {
        void *base = mmap(NULL, rounded, PROT_READ | PROT_WRITE,
                          flags | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
        if (base != MAP_FAILED && populate(base, rounded) == 0) {
            *region = (struct fb_region){.base = base,
                                         .size = rounded,
                                         .fd = -1,
                                         .node = -1,
                                         .page_kind = FB_PAGES_HUGETLBFS};
            madvise(base, rounded, MADV_DONTFORK);
            return 0;
        }
        if (base != MAP_FAILED)
            munmap(base, rounded);
    }
    region->base = map_aligned(rounded, flags | MAP_NORESERVE, -1);
    int error = region->base == MAP_FAILED ? -errno : 0;
    if (error == 0) {
        region->size = rounded;
        madvise(region->base, rounded,
                mode == FB_HUGEPAGES_NEVER ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
        madvise(region->base, rounded, MADV_DONTFORK);
        if (pop)
            error = populate(region->base, rounded);
    }
    if (error != 0) {
        fb_error("cannot get %zu MB of memory: %s: use a smaller --max-flows", rounded >> 20,
                 strerror(-error));
        if (region->base == MAP_FAILED)
            region->base = NULL;
        fb_region_close(region);
        return error;
    }
    region->page_kind = pop && mode != FB_HUGEPAGES_NEVER ? read_back(region) : FB_PAGES_4K;
    if (pop && mode == FB_HUGEPAGES_REQUIRE && region->page_kind == FB_PAGES_4K) {
        log_require("the flow table", rounded, "");
        fb_region_close(region);
        return -ENOMEM;
    }
    return 0;
}

int fb_region_open(struct fb_region *region, const char *path, bool writable, size_t min_size,
                   unsigned owner) {
    memset(region, 0, sizeof *region);
    region->node = -1;
    snprintf(region->path, sizeof region->path, "%s", path);
    /* O_NONBLOCK: anybody can put a FIFO into /dev/shm, and opening that waits. */
    region->fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (region->fd < 0) {
        int error = errno;
        if (error != ENOENT)
            fb_error("cannot open %s: %s%s", path, strerror(error),
                     error == EACCES ? ": run as the user that started the dispatcher" : "");
        return -error;
    }
    struct stat st;
    int error = 0;
    if (fstat(region->fd, &st) != 0) {
        error = -errno;
    } else if (!S_ISREG(st.st_mode) ||
               (st.st_uid != geteuid() && st.st_uid != 0 && st.st_uid != owner)) {
        fb_error("%s is %s of uid %u: expected a file of uid %u or root", path,
                 S_ISREG(st.st_mode) ? "a file" : "no file, but something", (unsigned)st.st_uid,
                 (unsigned)geteuid());
        error = -EPERM;
    } else if ((size_t)st.st_size < min_size) {
        error = -EAGAIN;
    } else {
        void *base = mmap(NULL, (size_t)st.st_size, PROT_READ | (writable ? PROT_WRITE : 0),
                          MAP_SHARED, region->fd, 0);
        if (base == MAP_FAILED) {
            error = -errno;
            fb_error("cannot map %s: %s", path, strerror(-error));
        } else {
            region->base = base;
            region->size = (size_t)st.st_size;
        }
    }
    if (error != 0)
        fb_region_close(region);
    return error;
}

int fb_region_named(const char *path, int fd) {
    struct stat by_fd, by_name;
    if (fstat(fd, &by_fd) != 0)
        return -errno;
    if (lstat(path, &by_name) != 0)
        return errno == ENOENT ? 0 : -errno;
    return by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev;
}

void fb_region_close(struct fb_region *region) {
    if (region->base != NULL)
        munmap(region->base, region->size);
    region->base = NULL;
    if (region->fd >= 0)
        close(region->fd);
    region->fd = -1;
}
