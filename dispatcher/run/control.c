/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/json_text.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/names.h"

static int make_address(struct sockaddr_un *address, const char *name) {
    char dir[FB_PATH_MAX];
    int error = fb_runtime_dir(dir, true);
    if (error != 0)
        return error;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s.sock", dir, name);
    if (n > 0 && (size_t)n < sizeof address->sun_path)
        return 0;
    fb_error("the control socket's path %s/%s.sock is longer than %zu bytes: use a shorter "
             "instance name or XDG_RUNTIME_DIR",
             dir, name, sizeof address->sun_path - 1);
    return -ENAMETOOLONG;
}

/* A socket may go: the lock says that no process listens there. Anything else is not ours to
 * remove. */
static int remove_stale(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    return unlink(path) == 0 ? 0 : -errno;
}

/* Which socket is at the address, to know it again. */
static void note_place(struct control *control) {
    struct stat st;
    if (lstat(control->address.sun_path, &st) != 0)
        return;
    control->dev = st.st_dev;
    control->ino = st.st_ino;
}

static int listen_at(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t mask = umask(0177); /* so that the socket has mode 0600 from its first moment */
    int failed = bind(fd, (const struct sockaddr *)address, sizeof *address);
    int error = failed ? -errno : 0;
    umask(mask);
    if (error == 0 && listen(fd, CONTROL_BACKLOG) != 0) {
        error = -errno;
        unlink(address->sun_path);
    }
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int control_open(struct control *control, const char *name, control_handler handler, void *arg) {
    *control = (struct control){.listener = -1, .handler = handler, .arg = arg};
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        control->clients[i].fd = -1;
    int result = make_address(&control->address, name);
    if (result != 0)
        return result;
    result = remove_stale(control->address.sun_path);
    if (result == 0)
        result = listen_at(&control->address);
    if (result < 0) {
        fb_error("cannot listen at %s: %s%s", control->address.sun_path, fb_errno_text(-result),
                 result == -EEXIST ? ", and it is not a socket: remove it" : "");
        return result;
    }
    control->listener = result;
    note_place(control);
    return 0;
}

/* Makes the folder of path again if need be. Whether it is one that only we may write to. */
static bool has_folder(const char *path) {
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    struct stat st;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return false;
    return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 022) == 0;
}

void control_restore(struct control *control) {
    const char *path = control->address.sun_path;
    struct stat st;
    if (control->listener < 0 || lstat(path, &st) == 0 || errno != ENOENT || !has_folder(path))
        return;
    int listener = listen_at(&control->address);
    if (listener < 0)
        return; /* the next look tries again */
    close(control->listener);
    control->listener = listener;
    note_place(control);
    fb_warning("the control socket %s was removed: it is there again", path);
}

#define REFUSAL_BYTES_MOST 1024 /* it may quote the request */

json_t *control_refusal(const char *format, ...) {
    char text[REFUSAL_BYTES_MOST];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return json_pack("{s:b, s:o}", "ok", false, "error", fb_json_text(text, strlen(text)));
}

/* No reply is a number: those are objects. */
json_t *control_later(uint64_t ticket) {
    return json_integer((json_int_t)ticket);
}

/* Sends a reply. False: the client does not read, or has gone. */
static bool send_reply(int client, const json_t *reply) {
    char *text = json_dumps(reply, JSON_COMPACT);
    if (text == NULL) {
        fb_warning("control client dropped: no memory for its reply");
        return false;
    }
    size_t size = strlen(text);
    ssize_t sent = send(client, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
        fb_warning("control client dropped: cannot send it a reply of %zu bytes: %s", size,
                   strerror(errno));
    free(text);
    return sent == (ssize_t)size;
}

/* And frees it. */
static bool reply_with(int client, json_t *reply) {
    bool sent = send_reply(client, reply);
    json_decref(reply);
    return sent;
}

static json_t *answer(const struct control *control, const char *text, size_t size) {
    json_error_t error;
    json_t *request = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (request == NULL)
        return control_refusal("the request is not JSON: %s", error.text);
    const char *name = json_string_value(json_object_get(request, "request"));
    json_t *reply;
    if (!json_is_object(request))
        reply = control_refusal("the request is not a JSON object");
    else if (name == NULL)
        reply = control_refusal("the request has no string \"request\"");
    else
        reply = control->handler(control->arg, name, request);
    if (reply == NULL)
        reply = control_refusal("unknown request '%s'", name);
    json_decref(request);
    return reply;
}

enum served {
    SERVED_NOTHING, /* it asks nothing now */
    SERVED_REQUEST,
    SERVED_GONE, /* to be dropped: it has left, or does not read */
};

/* Of a client that waits for its reply nothing is read; it may have left. */
static enum served look_at_waiting(int client) {
    char byte;
    ssize_t size = recv(client, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    bool there = size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
    return there ? SERVED_NOTHING : SERVED_GONE;
}

/* Answers one request if there is one, or has its client wait for the answer. */
static enum served serve(const struct control *control, struct control_client *of) {
    char text[CONTROL_REQUEST_BYTES];
    int client = of->fd;
    if (of->waits_for != 0)
        return look_at_waiting(client);
    /* MSG_TRUNC: the length that was sent, even if it did not fit. */
    ssize_t size = recv(client, text, sizeof text, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? SERVED_NOTHING : SERVED_GONE;
    if (size == 0)
        return SERVED_GONE;
    json_t *reply = (size_t)size <= sizeof text
                        ? answer(control, text, (size_t)size)
                        : control_refusal("the request has %zd bytes: at most %u are taken", size,
                                          CONTROL_REQUEST_BYTES);
    of->waits_for = (uint64_t)json_integer_value(reply); /* 0 if it is none */
    if (of->waits_for == 0)
        return reply_with(client, reply) ? SERVED_REQUEST : SERVED_GONE;
    json_decref(reply);
    return SERVED_REQUEST;
}

/* False, and the client has been told, if it is not to be heard. */
static bool may_speak(int client) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
        fb_warning("control client of uid %u refused", (unsigned)peer.uid);
        reply_with(client, control_refusal("uid %u may not control this instance: use uid %u",
                                           (unsigned)peer.uid, (unsigned)geteuid()));
        return false;
    }
    return true;
}

static void drop(struct control_client *client) {
    close(client->fd);
    client->fd = -1;
}

/* Serves a client, which is the least idle then. */
static void serve_client(struct control *control, struct control_client *client) {
    enum served served = serve(control, client);
    if (served == SERVED_GONE)
        drop(client);
    else if (served == SERVED_REQUEST)
        client->turn = ++control->turns;
}

void control_answer(struct control *control, uint64_t ticket, json_t *reply) {
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];
        if (client->fd < 0 || client->waits_for != ticket)
            continue;
        client->waits_for = 0;
        client->turn = ++control->turns;
        if (!send_reply(client->fd, reply))
            drop(client);
    }
    json_decref(reply);
}

/* Who waits for a reply is idle only if all do. */
static bool is_idler(const struct control_client *client, const struct control_client *other) {
    bool waits = client->waits_for != 0, other_waits = other->waits_for != 0;
    return waits == other_waits ? client->turn < other->turn : other_waits;
}

/*
 * A free place, or that of the client whose last request is the oldest. It is told, so that its
 * next request is not answered by a closed connection only. One with a request that waits is not
 * it, as long as the clients are served before: that made it the least idle.
 */
static struct control_client *make_room(struct control *control) {
    struct control_client *idlest = &control->clients[0];
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];
        if (client->fd < 0)
            return client;
        if (is_idler(client, idlest))
            idlest = client;
    }
    json_t *refusal = control_refusal("dropped for another client, since %u are connected and this "
                                      "one asked nothing for the longest time: connect again",
                                      CONTROL_CLIENTS);
    json_object_set_new(refusal, "dropped", json_true());
    reply_with(idlest->fd, refusal);
    drop(idlest);
    return idlest;
}

static void accept_clients(struct control *control) {
    /* Bounded: who connects in a loop must not keep the dispatcher here. */
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        int fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (!may_speak(fd)) {
            close(fd);
            continue;
        }
        struct control_client *client = make_room(control);
        *client = (struct control_client){.fd = fd, .turn = ++control->turns};
        serve_client(control, client); /* before so many others come that it is the idlest */
    }
}

void control_poll(struct control *control) {
    if (control->listener < 0)
        return;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0)
            serve_client(control, &control->clients[i]);
    }
    accept_clients(control);
}

void control_close(struct control *control) {
    if (control->listener < 0)
        return;
    struct stat st;
    if (lstat(control->address.sun_path, &st) == 0 && st.st_dev == control->dev &&
        st.st_ino == control->ino)
        unlink(control->address.sun_path);
    close(control->listener);
    control->listener = -1;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0)
            drop(&control->clients[i]);
    }
}
