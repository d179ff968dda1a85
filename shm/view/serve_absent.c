/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/serve.h"

#include <errno.h>

/* In the place of serve.c where libmicrohttpd is missing: callers ask for its version first. */

int serve(int listening_fd, int stop_fd, serve_make *make, void *arg) {
    (void)listening_fd;
    (void)stop_fd;
    (void)make;
    (void)arg;
    return -ENOSYS;
}

const char *serve_version(void) {
    return NULL;
}
