/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/serve.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#define LOOK_MS 200         /* how often connections that take too long are looked for */
#define REQUEST_BYTES 8192u /* of a request's head; one that is longer is refused */

/* One client. fd is -1 in a place that is free. */
struct client {
    int fd;
    uint64_t since_ns; /* CLOCK_MONOTONIC */
    bool ended;        /* was told to */
};

struct server {
    serve_make *make;
    void *arg;
    struct client clients[SERVE_CONNECTIONS];
};

/* ---- answers */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, char *text,
                              size_t size, const char *type) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    /* A connection is for one request, so that its time is bounded. */
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status,
                                   const char *line) {
    char *text = strdup(line);
    return text == NULL
               ? MHD_NO
               : answer(connection, status, text, strlen(text), "text/plain; charset=utf-8");
}

/* A MHD_AccessHandlerCallback. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *data_size, void **request) {
    (void)version;
    (void)data;
    (void)data_size;
    (void)request;
    struct server *server = arg;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    if (strcmp(path, "/healthz") == 0)
        return answer_line(connection, MHD_HTTP_OK, "ok\n");
    if (strcmp(path, "/metrics") != 0)
        return answer_line(connection, MHD_HTTP_NOT_FOUND, "there is /metrics and /healthz\n");
    size_t size = 0;
    char *text = server->make(server->arg, &size);
    return text == NULL ? answer_line(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n")
                        : answer(connection, MHD_HTTP_OK, text, size,
                                 "text/plain; version=0.0.4; charset=utf-8");
}

/* ---- clients */

/* A MHD_NotifyConnectionCallback: *context is the client's place. */
static void note(void *arg, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code) {
    struct server *server = arg;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context != NULL)
            ((struct client *)*context)->fd = -1;
        return;
    }
    for (unsigned i = 0; i < SERVE_CONNECTIONS; i++) {
        if (server->clients[i].fd >= 0)
            continue;
        server->clients[i] = (struct client){
            .fd =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
            .since_ns = fb_now_ns()};
        *context = &server->clients[i];
        return;
    }
}

/* The library sees the end of a connection that is shut down, and closes it. */
static void end_if_older(struct client *client, uint64_t now_ns, uint64_t time_ns) {
    if (client->ended || now_ns - client->since_ns < time_ns)
        return;
    client->ended = true;
    shutdown(client->fd, SHUT_RDWR);
}

static void end_overdue(struct server *server) {
    uint64_t now_ns = fb_now_ns();
    struct client *oldest = NULL;
    unsigned taken = 0;
    for (unsigned i = 0; i < SERVE_CONNECTIONS; i++) {
        struct client *client = &server->clients[i];
        if (client->fd < 0)
            continue;
        taken++;
        if (oldest == NULL || client->since_ns < oldest->since_ns)
            oldest = client;
        end_if_older(client, now_ns, SERVE_TIME_NS);
    }
    if (taken == SERVE_CONNECTIONS)
        end_if_older(oldest, now_ns, SERVE_LEAST_NS);
}

/* ---- the server */

/* A MHD_LogCallback: what clients do wrong is not worth a line of the log each time. */
static void ignore_line(void *arg, const char *format, va_list values) {
    (void)arg;
    (void)format;
    (void)values;
}

static struct MHD_Daemon *start(struct server *server, int fd) {
    /* The logger comes first: what the other options do wrong is said through it. */
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, server,
                            MHD_OPTION_EXTERNAL_LOGGER, ignore_line, NULL, MHD_OPTION_LISTEN_SOCKET,
                            fd, MHD_OPTION_CONNECTION_LIMIT, SERVE_CONNECTIONS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
                            MHD_OPTION_NOTIFY_CONNECTION, note, server, MHD_OPTION_END);
}

/* How long to wait for clients, in milliseconds. */
static int patience(struct MHD_Daemon *daemon) {
    MHD_UNSIGNED_LONG_LONG wanted;
    if (MHD_get_timeout(daemon, &wanted) == MHD_YES && wanted < LOOK_MS)
        return (int)wanted;
    return LOOK_MS;
}

static int run(struct server *server, struct MHD_Daemon *daemon, int stop_fd) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd polled[] = {{.fd = info->epoll_fd, .events = POLLIN},
                              {.fd = stop_fd, .events = POLLIN}};
    while (polled[1].revents == 0) {
        if (poll(polled, 2, patience(daemon)) < 0 && errno != EINTR)
            return -errno;
        if (MHD_run(daemon) != MHD_YES)
            return -EIO;
        end_overdue(server);
        fb_log_report_lost();
    }
    return 0;
}

int serve(int listening_fd, int stop_fd, serve_make *make, void *arg) {
    struct server server = {.make = make, .arg = arg};
    for (unsigned i = 0; i < SERVE_CONNECTIONS; i++)
        server.clients[i].fd = -1;
    struct MHD_Daemon *daemon = start(&server, listening_fd);
    int error = daemon == NULL ? -ENOMEM : run(&server, daemon, stop_fd);
    if (daemon != NULL)
        MHD_stop_daemon(daemon);
    if (error != 0)
        fb_error("cannot serve metrics: %s", strerror(-error));
    return error;
}

const char *serve_version(void) {
    return MHD_get_version();
}
