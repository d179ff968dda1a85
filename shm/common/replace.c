/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_to(int fd, fb_replace_write *write, const void *arg) {
    FILE *out = fdopen(fd, "w");
    if (out == NULL) {
        int error = -errno;
        close(fd);
        return error;
    }
    int error = write(arg, out);
    errno = 0;
    if (fclose(out) != 0 && error == 0)
        error = errno != 0 ? -errno : -EIO;
    return error;
}

int fb_replace_file(const char *path, mode_t mode, fb_replace_write *write, const void *arg) {
    size_t size = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(size);
    if (temporary == NULL)
        return -ENOMEM;
    snprintf(temporary, size, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (error == 0) {
        fchmod(fd, mode); /* mkostemp makes 0600 */
        error = write_to(fd, write, arg);
        if (error == 0 && rename(temporary, path) != 0)
            error = -errno;
        if (error != 0)
            unlink(temporary);
    }
    free(temporary);
    return error;
}

mode_t fb_replace_mode(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}
