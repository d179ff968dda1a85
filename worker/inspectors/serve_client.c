/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/serve_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "worker/inspectors/pcap_record.h"

#define MASK (SERVE_QUEUE_BYTES - 1u)

int serve_client_open(struct serve_client *client, int fd, const union serve_address *address) {
    *client = (struct serve_client){.fd = fd, .ring = malloc(SERVE_QUEUE_BYTES)};
    if (client->ring == NULL) {
        serve_client_close(client);
        return -ENOMEM;
    }
    serve_address_print(address, client->name);
    return 0;
}

void serve_client_close(struct serve_client *client) {
    close(client->fd);
    free(client->ring);
    *client = (struct serve_client){.fd = -1};
}

/* Bytes of the stream from a position on, to and from the ring: how many until its end. */
static size_t up_to_end(uint64_t position, size_t n) {
    size_t room = SERVE_QUEUE_BYTES - (size_t)(position & MASK);
    return n < room ? n : room;
}

static void put(struct serve_client *client, const void *bytes, size_t n) {
    size_t head = up_to_end(client->in, n);
    memcpy(client->ring + (client->in & MASK), bytes, head);
    memcpy(client->ring, (const uint8_t *)bytes + head, n - head);
    client->in += n;
}

static void get(const struct serve_client *client, uint64_t position, void *bytes, size_t n) {
    size_t head = up_to_end(position, n);
    memcpy(bytes, client->ring + (position & MASK), head);
    memcpy((uint8_t *)bytes + head, client->ring, n - head);
}

void serve_client_begin(struct serve_client *client, int32_t link_type) {
    const struct pcap_file_head head = pcap_file_head(link_type);
    put(client, &head, sizeof head);
    client->first = client->in;
    client->has_header = true;
}

bool serve_client_add(struct serve_client *client, const struct fb_packet *packet) {
    const struct pcap_record_head head = pcap_record_head(packet);
    uint64_t kept = client->first < client->out ? client->first : client->out;
    if (client->in - kept + sizeof head + packet->caplen > SERVE_QUEUE_BYTES)
        return false;
    put(client, &head, sizeof head);
    put(client, packet->data, packet->caplen);
    client->packets++;
    return true;
}

void serve_client_take_back(struct serve_client *client) {
    if (client->packets != 1 || client->out > client->first)
        return;
    client->in = client->first;
    client->packets = 0;
}

/* Passes over the records that are wholly sent. */
static uint64_t count_sent(struct serve_client *client) {
    uint64_t sent = 0;
    while (client->packets != 0 && client->first + PCAP_RECORD_BYTES <= client->out) {
        struct pcap_record_head head;
        get(client, client->first, &head, sizeof head);
        uint64_t end = client->first + sizeof head + head.caplen;
        if (end > client->out)
            break;
        client->first = end;
        client->packets--;
        sent++;
    }
    return sent;
}

int serve_client_send(struct serve_client *client, uint64_t *sent) {
    int error = 0;
    while (error == 0 && client->out != client->in) {
        size_t n = (size_t)(client->in - client->out);
        size_t head = up_to_end(client->out, n);
        struct iovec parts[2] = {{client->ring + (client->out & MASK), head},
                                 {client->ring, n - head}};
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = n == head ? 1 : 2};
        ssize_t taken = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken >= 0)
            client->out += (uint64_t)taken;
        else if (errno != EINTR)
            error = -errno;
    }
    *sent = count_sent(client);
    return error == -EAGAIN ? 0 : error;
}

/* What is unread when the socket is closed would reset the connection. */
int serve_client_hear(struct serve_client *client) {
    char ignored[4096];
    ssize_t n = 1;
    while (!client->is_silent && n > 0)
        n = recv(client->fd, ignored, sizeof ignored, MSG_DONTWAIT);
    if (n == 0) /* it may still read */
        client->is_silent = true;
    return n >= 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
