/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/inspectors/finish.h"
#include "worker/inspectors/serve_client.h"
#include "worker/inspectors/settings.h"

/*
 * pcap over TCP: each client that connects gets the packets from then on, as a capture file.
 *
 * Each has a queue. Without `wait` a packet is put into the queues, which are sent when they are
 * long enough and at each tick; for which there is no room it is lost, and where there is no client
 * as well: the worker never waits. With `wait` a packet is finished when the sockets of all clients
 * have it, of which there has to be one.
 *
 * The stream has one link type, that of the first packet of this process.
 */
#define CLIENTS_MAX 16u
#define TICK_MS 20u
#define SEND_BYTES 65536u /* queued: sent before the next tick */
#define POLL_MS 50        /* at the end, between two looks at the time */

enum { STAT_PACKETS, STAT_LOST, STAT_OTHER_LINK_TYPE, STAT_CLIENTS };
static const char *const stat_names[] = {[STAT_PACKETS] = "packets",
                                         [STAT_LOST] = "output_lost",
                                         [STAT_OTHER_LINK_TYPE] = "other_link_type",
                                         [STAT_CLIENTS] = "clients",
                                         NULL};

struct serve {
    const struct fb_host *host;
    union serve_address base, address; /* of worker 0, and of this one */
    char name[SERVE_NAME_BYTES];       /* of the latter; "": it does not listen */
    bool waits;
    bool is_queued;     /* the present packet, which waits until it is sent */
    bool is_begun;      /* a byte of it was sent to a client */
    bool has_link_type; /* there was a packet */
    int32_t link_type;
    int listener; /* or -1 */
    struct serve_client clients[CLIENTS_MAX];
    unsigned count;
    uint64_t stats[sizeof stat_names / sizeof *stat_names];
};

#define TELL(serve, level, ...) (serve)->host->log((serve)->host, (level), __VA_ARGS__)

static int serve_open(struct fb_setup *setup) {
    struct serve *serve = calloc(1, sizeof *serve);
    if (serve == NULL) {
        fb_error("inspector serve: no memory for %zu bytes", sizeof *serve);
        return -ENOMEM;
    }
    const char *args = setup->args != NULL ? setup->args : "";
    const char *problem = serve_address_parse(args, &serve->base, &serve->waits);
    if (problem != NULL) {
        fb_error("--inspector serve:%s: %s: write serve:[ADDR:]PORT[,wait], such as "
                 "serve:57000 or serve:[::1]:57000; without ADDR it is 127.0.0.1",
                 args, problem);
        free(serve);
        return -EINVAL;
    }
    serve->host = setup->host;
    serve->listener = -1;
    setup->self = serve;
    setup->needs = FB_NEEDS_NETWORK;
    setup->tick_ms = TICK_MS;
    setup->stats = stat_names;
    return 0;
}

/* ---- clients --------------------------------------------------------------------------------- */

/* What it was not sent is lost; but a packet that waits goes to the next one. */
static void drop(struct serve *serve, struct serve_client *client, const char *why) {
    serve->stats[STAT_LOST] += serve->waits ? 0 : client->packets;
    TELL(serve, FB_HOST_INFO, "client %s is gone (%s), %" PRIu64 " packets were not sent to it",
         client->name, why, client->packets);
    serve_client_close(client);
    *client = serve->clients[--serve->count];
}

/* Returns whether it is still there. */
static bool send_to(struct serve *serve, struct serve_client *client) {
    uint64_t sent, begin = client->first;
    int error = serve_client_send(client, &sent);
    serve->stats[STAT_PACKETS] += sent;
    serve->is_begun |= client->out > begin;
    if (error != 0)
        drop(serve, client, strerror(-error));
    return error == 0;
}

/* From the last one on: one that is dropped has its place taken by the last. */
static void send_to_all(struct serve *serve) {
    for (unsigned i = serve->count; i-- > 0;)
        send_to(serve, &serve->clients[i]);
}

static void hear_all(struct serve *serve) {
    for (unsigned i = serve->count; i-- > 0;) {
        int error = serve_client_hear(&serve->clients[i]);
        if (error != 0)
            drop(serve, &serve->clients[i], strerror(-error));
    }
}

static void take_client(struct serve *serve, int fd, const union serve_address *address) {
    if (serve->count == CLIENTS_MAX) {
        TELL(serve, FB_HOST_WARNING, "%s has %u clients: no more", serve->name, CLIENTS_MAX);
        close(fd);
        return;
    }
    struct serve_client *client = &serve->clients[serve->count];
    if (serve_client_open(client, fd, address) != 0) {
        TELL(serve, FB_HOST_WARNING, "%s: no memory for a client", serve->name);
        return;
    }
    serve->count++;
    serve->stats[STAT_CLIENTS]++;
    if (serve->has_link_type)
        serve_client_begin(client, serve->link_type);
    TELL(serve, FB_HOST_INFO, "client %s reads from %s", client->name, serve->name);
}

static void take_clients(struct serve *serve) {
    union serve_address address;
    socklen_t size = sizeof address;
    int fd;
    while ((fd = accept4(serve->listener, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
           0) {
        take_client(serve, fd, &address);
        size = sizeof address;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Returns 0, or -errno. */
static int listen_on(struct serve *serve) {
    static const int one = 1;
    const union serve_address *a = &serve->address;
    serve->listener = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (serve->listener < 0)
        return -errno;
    /* Connections of the process before are no obstacle, another one that listens is. */
    setsockopt(serve->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(serve->listener, &a->any, serve_address_size(a)) == 0 &&
        listen(serve->listener, (int)CLIENTS_MAX) == 0)
        return 0;
    int error = -errno;
    close(serve->listener);
    serve->listener = -1;
    return error;
}

static void leave_all(struct serve *serve) {
    while (serve->count != 0)
        drop(serve, &serve->clients[0], "it is left");
    if (serve->listener >= 0)
        close(serve->listener);
    serve->listener = -1;
}

/* Clients stay where only the dispatcher is another one. */
static int serve_claimed(void *self, const struct fb_instance *instance) {
    struct serve *serve = self;
    union serve_address address = serve->base;
    if (!serve_address_add(&address, instance->worker)) {
        TELL(serve, FB_HOST_ERROR,
             "there is no port for worker %u: the number is added to the port", instance->worker);
        return -EINVAL;
    }
    serve->is_queued = serve->is_begun = false;
    if (serve->listener >= 0 && memcmp(&address, &serve->address, sizeof address) == 0)
        return 0;
    leave_all(serve);
    serve->address = address;
    serve_address_print(&address, serve->name);
    int error = listen_on(serve);
    if (error == 0)
        TELL(serve, FB_HOST_INFO, "listens on %s", serve->name);
    else
        TELL(serve, FB_HOST_ERROR, "cannot listen on %s: %s", serve->name, strerror(-error));
    return error;
}

static bool has_all_sent(const struct serve *serve) {
    for (unsigned i = 0; i < serve->count; i++) {
        if (serve_client_queued(&serve->clients[i]) != 0)
            return false;
    }
    return true;
}

/* Waits until a socket has room, a moment at most; false: a signal handler ran. */
static bool await_room(const struct serve *serve) {
    struct pollfd fds[CLIENTS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < serve->count; i++) {
        if (serve_client_queued(&serve->clients[i]) != 0)
            fds[count++] = (struct pollfd){.fd = serve->clients[i].fd, .events = POLLOUT};
    }
    return poll(fds, count, POLL_MS) >= 0;
}

bool serve_has_part_out(const void *self) {
    const struct serve *serve = self;
    return serve->waits && serve->is_queued && serve->is_begun;
}

/* A packet that waits and is not inspected by this process comes again: none is to have it twice.
 */
static void take_back_queued(struct serve *serve) {
    for (unsigned i = 0; serve->waits && serve->is_queued && i < serve->count; i++)
        serve_client_take_back(&serve->clients[i]);
}

void serve_finish(void *self, uint64_t until_ns) {
    struct serve *serve = self;
    take_back_queued(serve);
    uint64_t drain_ns = fb_deadline_ns(fb_now_ns(), inspectors_settings()->drain_ns);
    until_ns = until_ns < drain_ns ? until_ns : drain_ns;
    send_to_all(serve);
    while (!has_all_sent(serve) && fb_now_ns() < until_ns && await_room(serve))
        send_to_all(serve);
    hear_all(serve);
    leave_all(serve);
}

void serve_close_in_child(void *self) {
    const struct serve *serve = self;
    if (serve->listener >= 0)
        close(serve->listener);
    for (unsigned i = 0; i < serve->count; i++)
        close(serve->clients[i].fd);
}

static void serve_close(void *self) {
    struct serve *serve = self;
    take_back_queued(serve);
    send_to_all(serve);
    hear_all(serve);
    leave_all(serve);
    free(serve);
}

static int serve_tick(void *self, uint64_t now_ns) {
    struct serve *serve = self;
    (void)now_ns;
    take_clients(serve);
    hear_all(serve);
    send_to_all(serve);
    return 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* The first packet says of which link type the stream is. */
static __attribute__((noinline)) void set_link_type(struct serve *serve, int32_t link_type) {
    serve->has_link_type = true;
    serve->link_type = link_type;
    for (unsigned i = 0; i < serve->count; i++)
        serve_client_begin(&serve->clients[i], link_type);
}

static __attribute__((noinline)) int pass_over(struct serve *serve, int32_t link_type) {
    if (serve->stats[STAT_OTHER_LINK_TYPE]++ == 0)
        TELL(serve, FB_HOST_WARNING,
             "packets of link type %d are not served: a stream has one, here %d", (int)link_type,
             (int)serve->link_type);
    return 0;
}

static int serve_without_waiting(struct serve *serve, const struct fb_packet *packet) {
    if (serve->count == 0)
        serve->stats[STAT_LOST]++;
    for (unsigned i = serve->count; i-- > 0;) {
        struct serve_client *client = &serve->clients[i];
        bool has_room = serve_client_add(client, packet);
        bool is_there = true;
        if (!has_room || serve_client_queued(client) >= SEND_BYTES)
            is_there = send_to(serve, client);
        if (!has_room && !(is_there && serve_client_add(client, packet)))
            serve->stats[STAT_LOST]++;
    }
    return 0;
}

/* All queues are empty between two packets, so that there is room. */
static int serve_and_wait(struct serve *serve, const struct fb_packet *packet) {
    if (serve->count == 0 || serve->is_queued)
        take_clients(serve);
    if (!serve->is_queued) {
        for (unsigned i = 0; i < serve->count; i++) {
            if (!serve->clients[i].has_header)
                serve_client_begin(&serve->clients[i], serve->link_type);
            serve_client_add(&serve->clients[i], packet);
        }
        serve->is_queued = serve->count != 0;
        serve->is_begun = false;
    }
    send_to_all(serve);
    if (serve->count == 0) /* it goes to the next one that comes */
        serve->is_queued = false;
    if (serve->count == 0 || !has_all_sent(serve))
        return FB_OUTPUT_FAILED;
    serve->is_queued = false;
    return 0;
}

static int serve_packet(void *self, void *state, const struct fb_packet *packet) {
    struct serve *serve = self;
    (void)state;
    if (__builtin_expect(!serve->has_link_type, 0))
        set_link_type(serve, packet->link_type);
    if (__builtin_expect(packet->link_type != serve->link_type, 0))
        return pass_over(serve, packet->link_type);
    return serve->waits ? serve_and_wait(serve, packet) : serve_without_waiting(serve, packet);
}

static void serve_stats(void *self, uint64_t *values) {
    const struct serve *serve = self;
    memcpy(values, serve->stats, (sizeof stat_names / sizeof *stat_names - 1) * sizeof *values);
}

const struct fb_inspector inspect_serve_ops = {
    FB_INSPECTOR_HEAD,
    .name = "serve",
    .help = "serve:[ADDR]:PORT[,wait]: its packets, as pcap, to who connects to PORT + worker",
    .open = serve_open,
    .claimed = serve_claimed,
    .packet = serve_packet,
    .tick = serve_tick,
    .stats = serve_stats,
    .close = serve_close,
};
