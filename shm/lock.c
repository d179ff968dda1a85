/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int take_from(int fd, off_t first) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

int fb_lock_take(int fd) {
    return take_from(fd, 0);
}

int fb_lock_take_to_clear(int fd) {
    return take_from(fd, 1);
}

bool fb_lock_held(int fd) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return true; /* what cannot be probed is not declared dead */
    return lock.l_type != F_UNLCK;
}
