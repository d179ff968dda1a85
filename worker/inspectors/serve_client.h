/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_SERVE_CLIENT_H
#define WORKER_INSPECTORS_SERVE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/flow.h"
#include "worker/inspectors/serve_address.h"

#define SERVE_QUEUE_BYTES (1u << 22) /* a power of two, above the longest record */

/*
 * One reader of a pcap stream at the other end of a socket that does not block, and a queue of what
 * it is still to be sent: a ring of bytes. Positions count all bytes of the stream; those of
 * `first` and later stay in the ring, so that the length of a record can be read when its last byte
 * is sent.
 */
struct serve_client {
    int fd; /* -1: none */
    bool has_header;
    bool is_silent; /* it will send nothing more; what it sends is ignored */
    uint8_t *ring;
    uint64_t in;      /* end of what is queued */
    uint64_t out;     /* end of what is sent */
    uint64_t first;   /* begin of the first record that is not wholly sent */
    uint64_t packets; /* queued, and not wholly sent */
    char name[SERVE_NAME_BYTES];
};

/* Takes the socket over. Returns 0, or -ENOMEM, and the socket is closed. */
int serve_client_open(struct serve_client *client, int fd, const union serve_address *address);

/* Queues the header of the stream, before any packet. */
void serve_client_begin(struct serve_client *client, int32_t link_type);

/* Queues a packet; false: there is no room. */
bool serve_client_add(struct serve_client *client, const struct fb_packet *packet);

/* Queues the last packet no more, if it is the only one that is queued, and no byte of it went. */
void serve_client_take_back(struct serve_client *client);

/* Sends what the socket takes. *sent: packets of which the last byte went. Returns 0, or -errno: it
 * is gone. */
int serve_client_send(struct serve_client *client, uint64_t *sent);

/* Reads what it sends, which is of no interest. Returns 0, or -errno: it is gone. */
int serve_client_hear(struct serve_client *client);

static inline uint64_t serve_client_queued(const struct serve_client *client) {
    return client->in - client->out;
}

void serve_client_close(struct serve_client *client);

#endif
