/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_CONTROL_H
#define DISPATCHER_RUN_CONTROL_H

#include <jansson.h>
#include <stdint.h>
#include <sys/un.h>

/*
 * The dispatcher's control socket: AF_UNIX, SOCK_SEQPACKET, at
 * RUNTIME_DIR/flow-balancer/NAME.sock, mode 0600.
 *
 *   client -> dispatcher   one packet, {"request": "NAME", ...}
 *   dispatcher -> client   one packet, {"ok": true, ...} or {"ok": false, "error": "..."}
 *
 * A connection serves any number of requests, one after another. Only our own
 * uid and root are heard. Nothing here waits: a client that does not read its
 * replies is dropped. Dispatcher only, one thread.
 */
#define CONTROL_CLIENTS 16u         /* at the same time; one more is told so and dropped */
#define CONTROL_REQUEST_BYTES 4096u /* longest request */

/*
 * Answers a request. request is the caller's, valid until the return; the
 * reply becomes the control's. NULL: there is no such request. It must not
 * block, and must not call this module.
 */
typedef json_t *(*control_handler)(void *arg, const char *request_name, const json_t *request);

struct control {
    int listener;                 /* -1: closed */
    int clients[CONTROL_CLIENTS]; /* -1: free */
    control_handler handler;
    void *arg;
    struct sockaddr_un address;
};

/*
 * Removes the socket that a dead run left, and listens. The caller holds the
 * lock of the instance, so no living dispatcher listens there; name is valid.
 * arg is handed to handler. Returns 0; else -errno after one logged line, and
 * control is closed.
 */
int control_open(struct control *control, const char *name, control_handler handler, void *arg);

/*
 * Takes new clients, answers at most one request of each, and drops who has
 * gone. A few system calls when there is nothing to do; never blocks.
 */
void control_poll(struct control *control);

/*
 * Drops all clients and unlinks the socket. The caller still holds the lock of
 * the instance, or it would unlink its successor's. Harmless if closed.
 */
void control_close(struct control *control);

/* A refusal, for handlers. */
json_t *control_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
