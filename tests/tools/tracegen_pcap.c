/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tools/tracegen_pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ETHERNET_BYTES = 14,
    VLAN_BYTES = 4,
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    PCAP_HEADER_BYTES = 24,
    RECORD_HEADER_BYTES = 16,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    HOPS = 64,
    TCP_WINDOW = 64240, /* what Linux announces first at an MTU of 1500 */
};

/* Large enough that write() does not show beside the building of frames, small enough for the L2.
 */
#define BUFFER_BYTES (256u * 1024u)

#define PCAP_MAGIC_NANOSECONDS 0xa1b23c4du
#define PCAP_LINK_ETHERNET 1u
#define PCAP_SNAPLEN 65535u

static void put_be16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_be32(uint8_t *at, uint32_t value) {
    put_be16(at, value >> 16);
    put_be16(at + 2, value & 0xffffu);
}

static void put_le32(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

/* ---- addresses and ports from the 48 bits of a tuple: 24 client host, 15 port, 9 server host ----
 */

static uint32_t client_host(uint64_t tuple) {
    return (uint32_t)(tuple & 0xffffffu);
}

static unsigned client_port(uint64_t tuple) {
    return 0x8000u | (unsigned)((tuple >> 24) & 0x7fffu);
}

static uint32_t server_host(uint64_t tuple) {
    return (uint32_t)((tuple >> 39) & 0x1ffu);
}

static unsigned server_port(uint64_t tuple, unsigned kind) {
    static const uint16_t tcp[8] = {443, 443, 443, 443, 80, 80, 22, 25};
    static const uint16_t udp[8] = {53, 53, 53, 443, 443, 123, 500, 5060};
    return (kind & TG_UDP) ? udp[tuple & 7] : tcp[tuple & 7];
}

static unsigned vlan_id(uint64_t tuple) {
    return 1u + (unsigned)((tuple >> 8) & 0xffu);
}

/* ---- checksums (RFC 1071): a sum of words in memory order is right in any byte order ---- */

/* count is a multiple of 4. */
static uint64_t sum_words(const uint8_t *bytes, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum += word;
    }
    return sum;
}

static void put_checksum(uint8_t *at, uint64_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffffu) + (sum >> 16);
    uint16_t folded = (uint16_t)~sum;
    memcpy(at, &folded, sizeof folded);
}

static uint64_t pseudo_header_sum(const uint8_t *addresses, size_t address_bytes, unsigned proto,
                                  uint32_t length) {
    uint8_t rest[8] = {0};
    put_be32(rest, length);
    rest[7] = (uint8_t)proto;
    return sum_words(addresses, address_bytes) + sum_words(rest, sizeof rest);
}

/* ---- headers: each writes its own and returns where the next begins ---- */

static uint8_t *put_link(uint8_t *at, const struct tg_segment *segment) {
    unsigned type = (segment->kind & TG_IPV6) ? 0x86ddu : 0x0800u;
    /* Locally administered, last byte 1 for the clients' side and 2 for the servers'. */
    at[0] = at[6] = 0x02;
    at[5] = segment->sender == TG_CLIENT ? 2 : 1;
    at[11] = segment->sender == TG_CLIENT ? 1 : 2;
    if (segment->kind & TG_VLAN) {
        put_be16(at + 12, 0x8100u);
        put_be16(at + 14, vlan_id(segment->tuple));
        put_be16(at + 16, type);
        return at + ETHERNET_BYTES + VLAN_BYTES;
    }
    put_be16(at + 12, type);
    return at + ETHERNET_BYTES;
}

static uint8_t *put_ip4(uint8_t *at, const struct tg_segment *segment, unsigned proto,
                        uint32_t length) {
    uint32_t client = 0x0a000000u | client_host(segment->tuple); /* 10/8 */
    uint32_t server = 0xc6120000u | server_host(segment->tuple); /* 198.18/15 */
    at[0] = 0x45;
    put_be16(at + 2, IP4_BYTES + length);
    put_be16(at + 4, segment->ip_id);
    at[6] = 0x40; /* do not fragment */
    at[8] = HOPS;
    at[9] = (uint8_t)proto;
    put_be32(at + 12, segment->sender == TG_CLIENT ? client : server);
    put_be32(at + 16, segment->sender == TG_CLIENT ? server : client);
    put_checksum(at + 10, sum_words(at, IP4_BYTES));
    return at + IP4_BYTES;
}

static void put_ip6_address(uint8_t *at, unsigned site, uint32_t host) {
    put_be32(at, 0x20010db8u);
    put_be16(at + 4, site);
    put_be32(at + 12, host);
}

static uint8_t *put_ip6(uint8_t *at, const struct tg_segment *segment, unsigned proto,
                        uint32_t length) {
    bool from_client = segment->sender == TG_CLIENT;
    at[0] = 0x60;
    put_be16(at + 4, length);
    at[6] = (uint8_t)proto;
    at[7] = HOPS;
    put_ip6_address(at + (from_client ? 8 : 24), 0xc, client_host(segment->tuple));
    put_ip6_address(at + (from_client ? 24 : 8), 0x5, server_host(segment->tuple));
    return at + IP6_BYTES;
}

static void put_ports(uint8_t *at, const struct tg_segment *segment) {
    bool from_client = segment->sender == TG_CLIENT;
    put_be16(at + (from_client ? 0 : 2), client_port(segment->tuple));
    put_be16(at + (from_client ? 2 : 0), server_port(segment->tuple, segment->kind));
}

static void put_udp(uint8_t *at, const struct tg_segment *segment, uint64_t pseudo_sum,
                    uint32_t length) {
    put_ports(at, segment);
    put_be16(at + 4, length);
    put_checksum(at + 6, pseudo_sum + sum_words(at, UDP_BYTES));
    if (at[6] == 0 && at[7] == 0) /* zero would say that there is no checksum (RFC 768) */
        at[6] = at[7] = 0xff;
}

static void put_tcp(uint8_t *at, const struct tg_segment *segment, uint64_t pseudo_sum) {
    put_ports(at, segment);
    put_be32(at + 4, segment->seq);
    put_be32(at + 8, segment->ack);
    at[12] = (TCP_BYTES / 4) << 4;
    at[13] = segment->tcp_flags;
    put_be16(at + 14, TCP_WINDOW);
    put_checksum(at + 16, pseudo_sum + sum_words(at, TCP_BYTES));
}

uint32_t tg_header_bytes(unsigned kind) {
    uint32_t bytes = ETHERNET_BYTES + ((kind & TG_VLAN) ? VLAN_BYTES : 0);
    bytes += (kind & TG_IPV6) ? IP6_BYTES : IP4_BYTES;
    return bytes + ((kind & TG_UDP) ? UDP_BYTES : TCP_BYTES);
}

void tg_frame_build(uint8_t *frame, const struct tg_segment *segment) {
    bool udp = segment->kind & TG_UDP;
    unsigned proto = udp ? PROTO_UDP : PROTO_TCP;
    uint32_t length = segment->payload_bytes + (udp ? UDP_BYTES : TCP_BYTES);
    memset(frame, 0, segment->frame_bytes);
    uint8_t *ip = put_link(frame, segment);
    uint8_t *transport;
    uint64_t pseudo_sum;
    if (segment->kind & TG_IPV6) {
        transport = put_ip6(ip, segment, proto, length);
        pseudo_sum = pseudo_header_sum(ip + 8, 32, proto, length);
    } else {
        transport = put_ip4(ip, segment, proto, length);
        pseudo_sum = pseudo_header_sum(ip + 12, 8, proto, length);
    }
    if (udp)
        put_udp(transport, segment, pseudo_sum, length);
    else
        put_tcp(transport, segment, pseudo_sum);
}

/* ---- the file ---- */

static int write_buffer(struct tg_pcap *pcap) {
    size_t done = 0;
    while (done < pcap->used) {
        ssize_t n = write(pcap->fd, pcap->buffer + done, pcap->used - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    pcap->used = 0;
    return 0;
}

int tg_pcap_open(struct tg_pcap *pcap, const char *path) {
    uint8_t *buffer = malloc(BUFFER_BYTES);
    if (buffer == NULL)
        return -ENOMEM;
    int fd = STDOUT_FILENO;
    if (strcmp(path, "-") != 0)
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        int error = errno;
        free(buffer);
        return -error;
    }
    memset(buffer, 0, PCAP_HEADER_BYTES);
    put_le32(buffer, PCAP_MAGIC_NANOSECONDS);
    buffer[4] = 2; /* version 2.4, the only one in use */
    buffer[6] = 4;
    put_le32(buffer + 16, PCAP_SNAPLEN);
    put_le32(buffer + 20, PCAP_LINK_ETHERNET);
    *pcap = (struct tg_pcap){.fd = fd, .buffer = buffer, .used = PCAP_HEADER_BYTES};
    return 0;
}

uint8_t *tg_pcap_reserve(struct tg_pcap *pcap, uint32_t seconds, uint32_t nanoseconds,
                         uint32_t frame_bytes) {
    if (pcap->used + RECORD_HEADER_BYTES + frame_bytes > BUFFER_BYTES) {
        int error = write_buffer(pcap);
        if (error != 0) {
            errno = -error;
            return NULL;
        }
    }
    uint8_t *record = pcap->buffer + pcap->used;
    put_le32(record, seconds);
    put_le32(record + 4, nanoseconds);
    put_le32(record + 8, frame_bytes);
    put_le32(record + 12, frame_bytes);
    pcap->used += RECORD_HEADER_BYTES + frame_bytes;
    return record + RECORD_HEADER_BYTES;
}

int tg_pcap_close(struct tg_pcap *pcap) {
    int error = write_buffer(pcap);
    if (pcap->fd != STDOUT_FILENO && close(pcap->fd) != 0 && error == 0)
        error = -errno;
    free(pcap->buffer);
    return error;
}
