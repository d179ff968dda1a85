/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_SERVE_H
#define SHM_VIEW_SERVE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is served by HTTP: /metrics, a text that is made for each request, and /healthz, which
 * answers as long as the process does. In one thread, which never waits for a client: at most
 * SERVE_CONNECTIONS of them, each for one request, and for SERVE_TIME_NS from its connection to
 * the end of its answer. Where all are taken, the oldest goes once it has had SERVE_LEAST_NS.
 * It must not know what is served.
 */
#define SERVE_CONNECTIONS 32u
#define SERVE_TIME_NS UINT64_C(10000000000)
#define SERVE_LEAST_NS UINT64_C(1000000000)

/* The text of now, which is then freed; NULL: memory ran out. */
typedef char *serve_make(void *arg, size_t *size);

/*
 * Serves on a listening socket, which it closes, until stop_fd is readable. Returns 0,
 * or -errno after one logged line.
 */
int serve(int listening_fd, int stop_fd, serve_make *make, void *arg);

/* The version of libmicrohttpd, or NULL: built without it, and then serve() fails. */
const char *serve_version(void);

#endif
