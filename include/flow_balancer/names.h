/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_NAMES_H
#define FLOW_BALANCER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Names of an instance and of its objects. Any process, any thread.
 *
 *   /dev/shm/NAME.ctl          written by the dispatcher, read by all
 *   /dev/shm/NAME.down.K       written by the dispatcher, read by worker K; or
 *   HUGETLBFS_MOUNT/NAME.down.K   the same on a hugetlbfs mount
 *   /dev/shm/NAME.up.K         written by worker K, read by all
 *   /dev/shm/NAME.flows.K      written by the dispatcher, read by worker K
 *   /dev/shm/NAME.history      written by the dispatcher, read by observers
 *   DIR/.NAME.RANDOM           any of them, while it is made
 *   RUNTIME_DIR/flow-balancer/NAME.sock   control socket of the dispatcher
 */
#define FB_NAME_MAX 64u           /* letters of an instance name */
#define FB_PATH_MAX 256u          /* bytes of an object's path, with the final zero */
#define FB_MAX_WORKERS 256u       /* worker numbers: what the 8 bits of a flow's binding hold */
#define FB_MAX_INTERFACES 32u     /* of one dispatcher: each has a place in the snapshot */
#define FB_INTERFACE_NAME_MAX 64u /* bytes of its name there, with the final zero */
#define FB_SHM_DIR "/dev/shm"

enum fb_kind { FB_KIND_CTL = 1, FB_KIND_DOWN, FB_KIND_UP, FB_KIND_FLOWS, FB_KIND_HISTORY };

/* True for [A-Za-z0-9_-]{1,64}. */
bool fb_name_valid(const char *name);

/*
 * Writes the path of an object into path[FB_PATH_MAX]. dir is FB_SHM_DIR or a
 * hugetlbfs mount point; worker is ignored for FB_KIND_CTL and FB_KIND_HISTORY. name is valid.
 * Returns false if the path is too long.
 */
bool fb_object_path(char path[FB_PATH_MAX], const char *dir, const char *name, enum fb_kind kind,
                    unsigned worker);

/*
 * Writes the mount point of the nth (from 0) hugetlbfs mount whose page size
 * is 2 MB into path[FB_PATH_MAX]. Returns false when there is none such.
 */
bool fb_hugetlbfs_mount(unsigned nth, char path[FB_PATH_MAX]);

/*
 * Unlinks every object of an instance that belongs to our uid, and what has
 * a hidden name of it (hidden.h), in /dev/shm and on every hugetlbfs mount, by
 * name pattern; the ctl object only where with_ctl. Never truncates, never touches a symbolic
 * link's target. Only the holder of the lock on the named ctl inode may call it. Returns the number
 * of objects removed.
 */
unsigned fb_clear_objects(const char *name, bool with_ctl);

/*
 * Writes RUNTIME_DIR/flow-balancer into path[FB_PATH_MAX] and makes it with mode
 * 0700 if make and it is missing. RUNTIME_DIR is the directory of
 * fb_runtime_dir_use(); else, for root, /run; else, also for a root that cannot
 * write there, $XDG_RUNTIME_DIR; else /tmp/flow-balancer-UID, for root /run.
 * Returns 0, or -errno after one logged line (-EPERM: it is of another user, or
 * others may write to it).
 */
int fb_runtime_dir(char path[FB_PATH_MAX], bool make);

/* RUNTIME_DIR of this process from now on, an absolute path that stays the caller's; NULL: as if it
 * had not been called. */
void fb_runtime_dir_use(const char *dir);

#endif
