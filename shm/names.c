/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/hidden.h"

bool fb_name_valid(const char *name) {
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n >= 1 && n <= FB_NAME_MAX && name[n] == '\0';
}

/* Objects of which an instance has one. */
#define CTL_SUFFIX ".ctl"
#define HISTORY_SUFFIX ".history"

/* Objects of which each worker number has one; as they come in file names. */
static const char *const kind_names[] = {
    [FB_KIND_DOWN] = "down", [FB_KIND_UP] = "up", [FB_KIND_FLOWS] = "flows"};

bool fb_object_path(char path[FB_PATH_MAX], const char *dir, const char *name, enum fb_kind kind,
                    unsigned worker) {
    int n = kind == FB_KIND_CTL || kind == FB_KIND_HISTORY
                ? snprintf(path, FB_PATH_MAX, "%s/%s%s", dir, name,
                           kind == FB_KIND_CTL ? CTL_SUFFIX : HISTORY_SUFFIX)
                : snprintf(path, FB_PATH_MAX, "%s/%s.%s.%u", dir, name, kind_names[kind], worker);
    return n > 0 && (unsigned)n < FB_PATH_MAX;
}

bool fb_hugetlbfs_mount(unsigned nth, char path[FB_PATH_MAX]) {
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL)
        return false;
    bool found = false;
    struct mntent entry;
    char text[4096];
    while (!found && getmntent_r(mounts, &entry, text, sizeof text) != NULL) {
        if (strcmp(entry.mnt_type, "hugetlbfs") != 0)
            continue;
        char *pagesize = hasmntopt(&entry, "pagesize");
        if (pagesize != NULL && strncmp(pagesize, "pagesize=2M", 11) != 0)
            continue;
        if (strlen(entry.mnt_dir) >= FB_PATH_MAX || nth-- != 0)
            continue;
        found = snprintf(path, FB_PATH_MAX, "%s", entry.mnt_dir) < (int)FB_PATH_MAX;
    }
    endmntent(mounts);
    return found;
}

static bool is_worker_suffix(const char *suffix, const char *kind) {
    size_t length = strlen(kind);
    if (suffix[0] != '.' || strncmp(suffix + 1, kind, length) != 0 || suffix[1 + length] != '.')
        return false;
    const char *number = suffix + length + 2;
    size_t digits = strspn(number, "0123456789");
    return digits >= 1 && digits <= 3 && number[digits] == '\0';
}

/* What follows the instance name in an object's file name: ".ctl", ".up.7", ".down.12". */
static bool is_object_suffix(const char *suffix, bool with_ctl) {
    if (strcmp(suffix, CTL_SUFFIX) == 0)
        return with_ctl;
    if (strcmp(suffix, HISTORY_SUFFIX) == 0)
        return true;
    for (unsigned kind = FB_KIND_DOWN; kind <= FB_KIND_FLOWS; kind++) {
        if (is_worker_suffix(suffix, kind_names[kind]))
            return true;
    }
    return false;
}

static unsigned clear_directory(const char *dir, const char *name, bool with_ctl) {
    DIR *entries = opendir(dir);
    if (entries == NULL)
        return 0;
    unsigned removed = 0;
    size_t name_length = strlen(name);
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        bool is_object = strncmp(entry->d_name, name, name_length) == 0 &&
                         is_object_suffix(entry->d_name + name_length, with_ctl);
        if (!is_object && !fb_hidden_is(entry->d_name, name))
            continue;
        struct stat st;
        if (fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode) || st.st_uid != geteuid())
            continue;
        if (unlinkat(dirfd(entries), entry->d_name, 0) == 0)
            removed++;
    }
    closedir(entries);
    return removed;
}

unsigned fb_clear_objects(const char *name, bool with_ctl) {
    unsigned removed = 0;
    char mount[FB_PATH_MAX];
    for (unsigned i = 0; fb_hugetlbfs_mount(i, mount); i++)
        removed += clear_directory(mount, name, false);
    /* ctl goes last: as long as it has its name, its lock protects all the others. */
    removed += clear_directory(FB_SHM_DIR, name, false);
    if (with_ctl)
        removed += clear_directory(FB_SHM_DIR, name, true);
    return removed;
}

static const char *take_another(void) {
    return geteuid() == 0 ? "remove it, or give another with --runtime-dir"
                          : "set XDG_RUNTIME_DIR to a directory of yours";
}

/* What to do about a run-time directory that cannot be trusted: what is of another user cannot be
 * changed, nor removed from a directory with the sticky bit. */
static const char *remedy_of(const struct stat *st) {
    if (st->st_uid != geteuid())
        return take_another();
    return S_ISDIR(st->st_mode) ? "chmod 700 it" : "remove it";
}

static int check_private_dir(const char *path, bool make) {
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST) {
        int error = errno;
        fb_error(
            "cannot make the run-time directory %s: %s: give another with --runtime-dir, or set "
            "XDG_RUNTIME_DIR to a directory of yours",
            path, fb_errno_text(error));
        return -error;
    }
    struct stat st;
    if (lstat(path, &st) != 0) {
        int error = errno;
        if (make)
            fb_error("cannot look at the run-time directory %s: %s", path, strerror(error));
        return -error;
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        char what[FB_FILE_TEXT_MAX];
        fb_error("%s is %s, not a directory that only uid %u may write to: %s", path,
                 fb_describe_file(what, path), (unsigned)geteuid(), remedy_of(&st));
        return -EPERM;
    }
    return 0;
}

#define RUN_DIR "/run" /* root's */

static const char *chosen_dir;

void fb_runtime_dir_use(const char *dir) {
    chosen_dir = dir;
}

/* Whether root can have its directory there: in a container /run may be read-only. */
static bool run_is_usable(void) {
    return access(RUN_DIR "/flow-balancer", W_OK) == 0 || access(RUN_DIR, W_OK) == 0;
}

/* RUNTIME_DIR; NULL: the one in /tmp. */
static const char *choose_dir(void) {
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    bool is_root = geteuid() == 0;
    if (chosen_dir != NULL)
        return chosen_dir;
    if (is_root && run_is_usable())
        return RUN_DIR;
    if (xdg != NULL && xdg[0] == '/')
        return xdg;
    return is_root ? RUN_DIR : NULL;
}

int fb_runtime_dir(char path[FB_PATH_MAX], bool make) {
    char in_tmp[64];
    const char *base = choose_dir();
    if (base == NULL) {
        snprintf(in_tmp, sizeof in_tmp, "/tmp/flow-balancer-%u", (unsigned)geteuid());
        int error = check_private_dir(in_tmp, make);
        if (error != 0)
            return error;
        base = in_tmp;
    }
    int n = snprintf(path, FB_PATH_MAX, "%s/flow-balancer", base);
    if (n < 0 || (unsigned)n >= FB_PATH_MAX) {
        fb_error("the run-time directory %s is a longer path than %u bytes: give another with "
                 "--runtime-dir, or another XDG_RUNTIME_DIR",
                 base, FB_PATH_MAX);
        return -ENAMETOOLONG;
    }
    return check_private_dir(path, make);
}
