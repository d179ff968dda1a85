/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fb_lock_take(int fd) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

bool fb_lock_held(int fd) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return true; /* what cannot be probed is not declared dead */
    return lock.l_type != F_UNLCK;
}
