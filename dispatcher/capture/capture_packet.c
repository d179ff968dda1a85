/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dispatcher/capture/capture_buffer.h"
#include "flow_balancer/prefetch.h"

/* A block holds the longest segment that offload makes, 64 KB with its headers; where frames are
 * cut shorter, four of them at least. */
#define BLOCK_BYTES_MOST (128u << 10)
#define BLOCK_BYTES_LEAST (32u << 10)
#define BLOCK_FRAMES 4u
#define BLOCKS_LEAST 2u /* one is read, one is filled */

/* Frames whose headers are fetched ahead, as if they were as long as this one: a tenth less time a
 * frame of 650 bytes, none of 60. */
#define AHEAD 4u

#define PAGE_BYTES ((size_t)sysconf(_SC_PAGESIZE))

/* What the kernel took out of a frame and keeps beside it: one tag, behind both addresses. The room
 * for it has to be asked for: before a frame whose network header lies deep there is none. */
#define TAG_BYTES 4u
#define ADDRESSES_BYTES 12u
#define ADDRESS_AT sizeof(struct tpacket3_hdr) /* of the struct sockaddr_ll */
#define FRAME_AT_LEAST (ADDRESS_AT + sizeof(struct sockaddr_ll) + TAG_BYTES)

_Static_assert(CAPTURE_ASIDE_BYTES <= sizeof(struct sockaddr_ll), "is put over it");
_Static_assert(ADDRESS_AT % TPACKET_ALIGNMENT == 0, "no gap before the address");

/* ---- making it */

uint32_t capture_packet_block_bytes(uint32_t snaplen) {
    uint32_t bytes = BLOCK_BYTES_LEAST;

    while (bytes < BLOCK_BYTES_MOST && bytes / BLOCK_FRAMES < snaplen + FRAME_AT_LEAST)
        bytes *= 2;
    return bytes;
}

uint32_t capture_packet_blocks(int buffer_kib, uint32_t block_bytes) {
    uint64_t blocks = (((uint64_t)buffer_kib << 10) + block_bytes - 1) / block_bytes;
    return blocks < BLOCKS_LEAST ? BLOCKS_LEAST : (uint32_t)blocks;
}

bool capture_packet_fits(const char *name) {
    struct ifreq request = {0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    known = strlen(name) < sizeof request.ifr_name && ioctl(fd, SIOCGIFHWADDR, &request) == 0;
    close(fd);
    return known && (request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
                     request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK);
}

/* A sixteenth less each time that the kernel has no memory for it. */
static int make_ring(struct capture_packet *p) {
    while (p->blocks >= BLOCKS_LEAST) {
        struct tpacket_req3 ring = {.tp_block_size = p->block_bytes,
                                    .tp_block_nr = p->blocks,
                                    .tp_frame_size = p->block_bytes,
                                    .tp_frame_nr = p->blocks,
                                    .tp_retire_blk_tov = CAPTURE_RETIRE_MS};
        if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) == 0)
            return 0;
        if (errno != ENOMEM)
            return -errno;
        p->blocks -= 1 + p->blocks / 16;
    }
    return -ENOMEM;
}

/* The page behind the ring is there to be read, and never is for what it holds. */
static int map_ring(struct capture_packet *p) {
    uint8_t *all;

    p->bytes = (size_t)p->blocks * p->block_bytes;
    all = mmap(NULL, p->bytes + PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    if (all == MAP_FAILED)
        return -errno;
    if (mmap(all, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, p->fd, 0) ==
        MAP_FAILED) {
        int err = -errno;
        munmap(all, p->bytes + PAGE_BYTES);
        return err;
    }
    p->map = all;
    return 0;
}

/* Bound to the interface of the other, with the protocol that no frame has. */
static int bind_like(struct capture_packet *p, int other) {
    struct sockaddr_ll address = {0};
    socklen_t size = sizeof address;

    if (getsockname(other, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    address.sll_protocol = htons(FANOUT_PROTOCOL_NONE);
    p->is_loopback = (unsigned)address.sll_ifindex == if_nametoindex("lo");
    return bind(p->fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

static int stamp_like(struct capture_packet *p, int other) {
    int type = 0;
    socklen_t size = sizeof type;

    if (getsockopt(other, SOL_PACKET, PACKET_TIMESTAMP, &type, &size) < 0 || type == 0)
        return 0;
    return setsockopt(p->fd, SOL_PACKET, PACKET_TIMESTAMP, &type, sizeof type) < 0 ? -errno : 0;
}

int capture_packet_open(struct capture_packet *p, pcap_t *active,
                        const struct capture_config *config, int buffer_kib) {
    int version = TPACKET_V3, room = TAG_BYTES, other = pcap_fileno(active), err;

    *p = (struct capture_packet){.snaplen = (uint32_t)config->snaplen,
                                 .direction = config->direction};
    if (p->snaplen <
        ADDRESSES_BYTES) /* a tag counts in the length of a frame that is cut before it */
        p->snaplen = ADDRESSES_BYTES;
    p->block_bytes = capture_packet_block_bytes(p->snaplen);
    p->blocks = capture_packet_blocks(buffer_kib, p->block_bytes);
    p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return -errno;
    err = setsockopt(p->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
                  setsockopt(p->fd, SOL_PACKET, PACKET_RESERVE, &room, sizeof room) < 0
              ? -errno
              : 0;
    if (err == 0)
        err = stamp_like(p, other);
    if (err == 0)
        err = make_ring(p);
    if (err == 0)
        err = map_ring(p);
    if (err == 0)
        err = bind_like(p, other);
    if (err < 0)
        capture_packet_close(p);
    return err;
}

void capture_packet_close(struct capture_packet *p) {
    if (p->map != NULL)
        munmap(p->map, p->bytes + PAGE_BYTES);
    if (p->fd >= 0)
        close(p->fd);
    capture_outside_free(&p->filter);
    p->map = NULL;
    p->fd = -1;
}

/* ---- reading it */

static struct tpacket_block_desc *block_of(const struct capture_packet *p, uint32_t number) {
    return (struct tpacket_block_desc *)(void *)(p->map + (size_t)number * p->block_bytes);
}

static uint32_t *status_of(const struct capture_packet *p, uint32_t number) {
    return &block_of(p, number)->hdr.bh1.block_status;
}

/* Behind this the kernel writes over frames: all that was read of them comes before. */
static void give_back(const struct capture_packet *p, uint32_t number) {
    __atomic_store_n(status_of(p, number), TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

void capture_packet_release(struct capture_packet *p) {
    if (p->fd < 0)
        return;
    if (p->open && p->left == 0) {
        p->open = false;
        p->held++;
        p->block = (p->block + 1) % p->blocks;
    }
    for (; p->held > 0; p->held--)
        give_back(p, (p->block + p->blocks - p->held) % p->blocks);
}

/* Opens the next block; false if the kernel still has it, or all are ours. */
static bool next_block(struct capture_packet *p) {
    const struct tpacket_block_desc *block;

    if (p->open) {
        p->open = false;
        p->held++;
        p->block = (p->block + 1) % p->blocks;
    }
    if (p->held == p->blocks || p->fd < 0)
        return false;
    /* The kernel writes the status last: what it says of the block is there. */
    if ((__atomic_load_n(status_of(p, p->block), __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
        return false;
    block = block_of(p, p->block);
    p->left = block->hdr.bh1.num_pkts;
    p->at = block->hdr.bh1.offset_to_first_pkt;
    p->open = true;
    return true;
}

/* The header of the next frame, which lies in the block with all of its bytes; NULL if not. */
static struct tpacket3_hdr *frame_at(const struct capture_packet *p) {
    uint8_t *block = p->map + (size_t)p->block * p->block_bytes;
    struct tpacket3_hdr *h;

    if (p->at % _Alignof(struct tpacket3_hdr) != 0 || p->at > p->block_bytes ||
        p->block_bytes - p->at < FRAME_AT_LEAST)
        return NULL;
    h = (struct tpacket3_hdr *)(void *)(block + p->at);
    if (h->tp_mac < FRAME_AT_LEAST || p->block_bytes - p->at < h->tp_mac ||
        p->block_bytes - p->at - h->tp_mac < h->tp_snaplen)
        return NULL;
    return h;
}

/* Where the frame behind this one begins: at the end of the block, where none can be, if the kernel
 * says what cannot be. */
static uint32_t behind(const struct capture_packet *p, const struct tpacket3_hdr *h) {
    bool can_be = h->tp_next_offset >= FRAME_AT_LEAST && h->tp_next_offset < p->block_bytes - p->at;
    return can_be ? p->at + h->tp_next_offset : p->block_bytes;
}

static const struct sockaddr_ll *address_of(const struct tpacket3_hdr *h) {
    return (const struct sockaddr_ll *)(const void *)((const uint8_t *)h + ADDRESS_AT);
}

/* As libpcap passes over frames. */
static bool is_wanted(const struct capture_packet *p, const struct tpacket3_hdr *h) {
    const struct sockaddr_ll *from = address_of(h);

    if (from->sll_pkttype == PACKET_OUTGOING)
        return p->direction != CAPTURE_IN && !p->is_loopback;
    return p->direction != CAPTURE_OUT;
}

static bool has_tag(const struct tpacket3_hdr *h) {
    return h->hv1.tp_vlan_tci != 0 || (h->tp_status & TP_STATUS_VLAN_VALID) != 0;
}

/* Puts back the tag that the kernel took out. Returns where the frame begins now. */
static uint8_t *put_tag(const struct tpacket3_hdr *h, uint8_t *data) {
    bool has_type = h->hv1.tp_vlan_tpid != 0 || (h->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    const uint16_t tag[2] = {htons(has_type ? h->hv1.tp_vlan_tpid : ETH_P_8021Q),
                             htons((uint16_t)h->hv1.tp_vlan_tci)};

    memmove(data - TAG_BYTES, data, ADDRESSES_BYTES);
    memcpy(data - TAG_BYTES + ADDRESSES_BYTES, tag, sizeof tag);
    return data - TAG_BYTES;
}

void capture_packet_filter(struct capture_packet *p, struct bpf_program program) {
    capture_outside_free(&p->filter);
    p->filter = program;
}

/* The address before the frame is not needed any more, and is where the values are put that the
 * program asks for. */
static bool passes_outside(const struct capture_packet *p, const struct tpacket3_hdr *h,
                           uint8_t *data) {
    const uint32_t asides[CAPTURE_ASIDES] = {
        [CAPTURE_PACKET_TYPE] = address_of(h)->sll_pkttype,
        [CAPTURE_INDEX] = (uint32_t)address_of(h)->sll_ifindex,
        [CAPTURE_TAG] = h->hv1.tp_vlan_tci,
        [CAPTURE_TAGGED] = has_tag(h),
    };
    return capture_outside_passes(&p->filter, asides, data, h->tp_snaplen, h->tp_len);
}

static void put_frame(const struct capture_packet *p, struct capture_sink *sink,
                      const struct tpacket3_hdr *h) {
    uint8_t *data = (uint8_t *)(uintptr_t)h + h->tp_mac;
    uint32_t caplen = h->tp_snaplen, wirelen = h->tp_len;

    if (!is_wanted(p, h) || (p->filter.bf_len > 0 && !passes_outside(p, h, data)))
        return;
    if (has_tag(h) && caplen >= ADDRESSES_BYTES) {
        data = put_tag(h, data);
        caplen += TAG_BYTES;
        wirelen += TAG_BYTES;
    }
    if (wirelen < caplen)
        wirelen = caplen;
    if (!sink->may_point)
        capture_sink_put(sink, data, caplen, wirelen, capture_stamp_ns(h->tp_sec, h->tp_nsec));
    else
        capture_sink_point(sink, data, caplen, wirelen, capture_stamp_ns(h->tp_sec, h->tp_nsec));
}

/* What another core has written: a header, and where its frame begins. */
static inline void fetch(const struct tpacket3_hdr *h, size_t ahead) {
    fb_prefetch((const uint8_t *)h + ahead);
    fb_prefetch((const uint8_t *)h + ahead + 64);
}

/* Frames of the block that is open. */
static bool read_block(struct capture_packet *p, struct capture_sink *sink, unsigned max) {
    while (p->left > 0 && sink->count < max && (sink->may_point || capture_sink_has_room(sink))) {
        const struct tpacket3_hdr *h = frame_at(p);
        uint32_t next;
        if (h == NULL) {
            p->left = 0;
            return false;
        }
        next = behind(p, h);
        fetch(h, AHEAD * (size_t)(next - p->at));
        p->left--;
        p->at = next;
        put_frame(p, sink, h);
    }
    return true;
}

bool capture_packet_read(struct capture_packet *p, struct capture_sink *sink, unsigned max) {
    while (sink->count < max && (sink->may_point || capture_sink_has_room(sink)) &&
           (p->left > 0 || next_block(p)))
        if (!read_block(p, sink, max))
            return false;
    return true;
}

/* ---- and leaving it */

int capture_packet_count(struct capture_packet *p, struct capture_packet_counts *counts) {
    struct tpacket_stats_v3 stats;
    socklen_t size = sizeof stats;

    if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
        return -errno;
    *counts = (struct capture_packet_counts){stats.tp_packets, stats.tp_drops};
    return 0;
}

/*
 * A mapping keeps the socket alive, and its place in the group. So the blocks whose frames are
 * still the caller's are copied, and the copy takes the place of the ring.
 */
void capture_packet_leave(struct capture_packet *p) {
    uint32_t count = p->held + p->open;
    uint8_t *copy;

    if (p->fd < 0)
        return;
    copy = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
    for (uint32_t i = 0; copy != MAP_FAILED && i < count; i++) {
        size_t at = (size_t)((p->block + p->blocks - p->held + i) % p->blocks) * p->block_bytes;
        memcpy(copy + at, p->map + at, p->block_bytes);
    }
    if (copy != MAP_FAILED &&
        mremap(copy, p->bytes, p->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, p->map) == MAP_FAILED)
        munmap(copy, p->bytes);
    close(p->fd);
    p->fd = -1;
    p->left = 0;
    p->open = false;
    p->held = 0;
}
