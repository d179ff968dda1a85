/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/output_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

/* mkdir -p */
static int make_directories(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : -errno;
        *slash = '/';
        if (rc != 0)
            return rc;
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : -errno;
}

/* A descriptor, or -errno. */
static int make_and_open(const char *path) {
    char copy[PATH_MAX];
    int n = snprintf(copy, sizeof copy, "%s", path);
    int rc = n >= (int)sizeof copy ? -ENAMETOOLONG : make_directories(copy);
    if (rc != 0)
        return rc;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0 && access(path, W_OK | X_OK) == 0)
        return directory;
    rc = -errno;
    if (directory >= 0)
        close(directory);
    return rc;
}

int output_folder_open(const char *option, const char *path) {
    if (path == NULL || *path == '\0') {
        const char *word = strrchr(option, ' ');
        fb_error("%s: the directory is missing: write %s:DIR", option,
                 word != NULL ? word + 1 : option);
        return -EINVAL;
    }
    int directory = make_and_open(path);
    if (directory < 0)
        fb_error("%s:%s: cannot make or use the directory: %s: give one that you may write to",
                 option, path, strerror(-directory));
    return directory;
}
