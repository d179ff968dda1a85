/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_CONTROL_H
#define DISPATCHER_RUN_CONTROL_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>
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
 * replies is dropped. So is the one that has been idle for the longest time when
 * there are too many: what matters, such as `stop`, is not to be kept out by
 * connections that do nothing. It finds {"ok": false, "dropped": true, ...}
 * instead of an answer, and its request, if it has sent one since, was not taken.
 *
 * A request may take long (control_later()): its client gets the reply then, and is asked for
 * no other request before; all others are served meanwhile. It may leave.
 * Dispatcher only, one thread.
 */
#define CONTROL_CLIENTS 16u         /* at the same time */
#define CONTROL_BACKLOG 128         /* that wait to be taken; one more waits in connect() */
#define CONTROL_REQUEST_BYTES 4096u /* longest request */

/*
 * Answers a request. request is the caller's, valid until the return; the
 * reply becomes the control's. NULL: there is no such request. It must not
 * block, and must not call this module but for control_refusal() and control_later().
 */
typedef json_t *(*control_handler)(void *arg, const char *request_name, const json_t *request);

struct control_client {
    int fd;             /* -1: free */
    uint64_t turn;      /* of the last request, or of the connection: the least is the idlest */
    uint64_t waits_for; /* the ticket of its request; 0: it has its reply */
};

struct control {
    int listener; /* -1: closed */
    struct control_client clients[CONTROL_CLIENTS];
    uint64_t turns; /* given out */
    control_handler handler;
    void *arg;
    struct sockaddr_un address;
    dev_t dev; /* of the socket at address */
    ino_t ino;
};

/*
 * Removes the socket that a dead run left, and listens. The caller holds the
 * lock of the instance, so no living dispatcher listens there; name is valid.
 * arg is handed to handler. Returns 0; else -errno after one logged line, and
 * control is closed.
 */
int control_open(struct control *control, const char *name, control_handler handler, void *arg);

/*
 * Answers at most one request of each client, takes new ones, and drops who has
 * gone, or has been idle for the longest time where there is no room. A few system calls when there
 * is nothing to do; never blocks.
 */
void control_poll(struct control *control);

/* What a handler returns instead of a reply: it comes with control_answer(), for this ticket, which
 * is not 0. Several clients may have the same. */
json_t *control_later(uint64_t ticket);

/* Replies to all who wait for a ticket, if they are still there. The reply becomes the control's.
 */
void control_answer(struct control *control, uint64_t ticket, json_t *reply);

/*
 * Listens again where the socket was removed, with its folder or alone: a session's run-time
 * directory goes when the user logs out. Clients stay. What has taken its name is left alone. Not
 * for the data path; harmless if closed. Once a second is enough.
 */
void control_restore(struct control *control);

/*
 * Drops all clients and unlinks the socket, if it still is ours. The caller still holds the lock of
 * the instance, or it would unlink its successor's. Harmless if closed.
 */
void control_close(struct control *control);

/* A refusal, for handlers. */
json_t *control_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
