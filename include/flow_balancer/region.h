/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_REGION_H
#define FLOW_BALANCER_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/names.h"

/*
 * Mapped memory: shared objects and the dispatcher's private tables.
 *
 * The ladder of pages, tried from the top, and what was obtained is read back
 * from the kernel (/proc/self/smaps), never assumed:
 *
 *   hugetlbfs  a file on a hugetlbfs mount (shared) or MAP_HUGETLB (private)
 *   thp        shared memory or anonymous memory with MADV_HUGEPAGE
 *   4k         ordinary pages
 *
 * Every region is populated when it is made, so that lack of memory is an
 * error here and never a SIGBUS later; of a sparse one the head is, and the rest
 * before it is touched (fb_region_populate()). No fallocate: on a /dev/shm mounted
 * with huge=advise it yields no huge page.
 */
enum fb_page_kind { FB_PAGES_HUGETLBFS, FB_PAGES_THP, FB_PAGES_4K, FB_PAGES_COUNT };
enum fb_hugepages { FB_HUGEPAGES_AUTO, FB_HUGEPAGES_REQUIRE, FB_HUGEPAGES_NEVER };

extern const char *const fb_page_kind_names[FB_PAGES_COUNT];

#define FB_HUGEPAGE_BYTES ((size_t)2 << 20)

struct fb_region {
    void *base;
    size_t size;                 /* as mapped, a multiple of the page size */
    int fd;                      /* -1 for private memory and once it is not needed */
    enum fb_page_kind page_kind; /* what the kernel gave */
    int node;               /* whose memory a shared object prefers, or -1; fb_numa_where() tells */
    char path[FB_PATH_MAX]; /* "" for private memory */
    char hidden[FB_PATH_MAX]; /* its name until fb_region_place(), else "" */
};

/* A shared object that is to be made. */
struct fb_region_config {
    const char *instance; /* its name, valid */
    enum fb_kind kind;
    unsigned worker;             /* number, 0 for ctl */
    size_t size;                 /* bytes, at least */
    enum fb_hugepages hugepages; /* NEVER: 4 KB pages; REQUIRE: an error without huge pages */
    size_t head;                 /* bytes that are populated now, the rest later; 0: all */
    bool secret;                 /* it holds packets: left out of core dumps */
    int node;   /* NUMA node whose memory is taken while it has some; -1: by the caller's policy */
    bool over;  /* its name is ours, from an object before */
    bool quiet; /* what fails is not logged: it was said before */
};

/*
 * Makes a new shared object under a hidden name (hidden.h): mode 0600, mapped
 * read-write, zero, populated. Where huge pages are required and there are
 * none, the error names the command that gets them. The caller owns the region
 * and the name; fb_region_close() does not unlink. Dispatcher only.
 * Returns 0, or -errno after one logged line; nothing is left behind then.
 */
int fb_region_create(struct fb_region *region, const struct fb_region_config *config);

/*
 * Gives an object that is complete its own name, region->path, with the config
 * it was made with. Dispatcher only. Returns 0, or -errno after one logged line,
 * which says what is in the way; nothing is left of the region then.
 */
int fb_region_place(struct fb_region *region, const struct fb_region_config *config);

/*
 * Populates bytes of a region that was made with a head, whole pages. Dispatcher only; 256 KB
 * take some 85 us. Returns 0, or -ENOSPC or another -errno with nothing logged: a part of
 * them may have memory then, and none of them may be touched.
 */
int fb_region_populate(const struct fb_region *region, size_t offset, size_t bytes);

/* Closes a region that is not placed yet, and unlinks its file. Dispatcher only. */
void fb_region_discard(struct fb_region *region);

/*
 * The same ladder for private memory: anonymous, zero, not inherited by a
 * child (MADV_DONTFORK: a fork would split the huge pages), populated only
 * where populate; else pages come with the first touch. Returns as above.
 */
int fb_region_private(struct fb_region *region, size_t size, enum fb_hugepages mode, bool populate);

/*
 * Maps an existing object whole, read-only or read-write, after checking that
 * it is a regular file, that it belongs to us, to root or to owner, and that
 * it has at least min_size bytes. Leaves the descriptor open in region->fd for
 * locks. Returns 0; -ENOENT (no such object) or -EAGAIN (smaller than
 * min_size: still being made) without a log line; else -errno after one.
 * Any process.
 */
int fb_region_open(struct fb_region *region, const char *path, bool writable, size_t min_size,
                   unsigned owner);

/* Returns 1 if path leads to the inode of fd, 0 if not (any more), else -errno. Any process. */
int fb_region_named(const char *path, int fd);

/* Unmaps and closes; harmless on a region of all zero with fd -1 or base NULL. */
void fb_region_close(struct fb_region *region);

/*
 * Reads from the kernel how many bytes of the mapping are huge pages.
 * Any process; a file read, not for the data path.
 */
size_t fb_region_huge_bytes(const struct fb_region *region);

#endif
