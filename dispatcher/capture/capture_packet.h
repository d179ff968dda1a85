/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_PACKET_H
#define DISPATCHER_CAPTURE_CAPTURE_PACKET_H

#include <pcap/pcap.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/capture_outside.h"
#include "dispatcher/capture/capture_sink.h"

/*
 * The kernel's ring of an Ethernet interface, read without libpcap (TPACKET_V3): its blocks are
 * mapped, and frames are handed out where they lie. A block goes
 *
 *     kernel fills -> (full, or 8 ms old) -> open -> read -> held -> kernel fills
 *                                                             ^ until capture_packet_release(),
 *                                                               for its frames are the caller's
 *
 * Blocks are half as long as libpcap's. So at low rates, where every retire time costs a block
 * however little is in it, the buffer lasts twice as long; and where a block is full sooner, less
 * of it is left unused at the end of a retire time.
 *
 * What another process would need to hold the ring, or to go on with it, is the descriptor and the
 * two numbers of its geometry: all else is in the ring itself. The first block in the hands of
 * the reader is found by its status.
 *
 * Dispatcher only, one thread. The pages come from the node that the thread may take memory from
 * while the ring is made.
 */
struct capture_packet {
    int fd; /* -1: left */
    uint8_t *map;
    size_t
        bytes; /* of the ring; one page more is mapped, for CAPTURE_SLACK behind the last frame */
    uint32_t block_bytes, blocks;

    uint32_t block; /* that is read, or comes next */
    uint32_t held;  /* blocks before it that were read and not given back */
    uint32_t left;  /* frames that are still to be read of the open block */
    uint32_t at;    /* where the next of them begins in the block */
    bool open;

    uint32_t snaplen; /* for the kernel: the sink may cut more */
    enum capture_direction direction;
    bool is_loopback;          /* shows every frame twice, going out and coming in */
    struct bpf_program filter; /* for what the kernel let pass; without instructions: all of it */
};

/* What the kernel has counted since it was asked last. */
struct capture_packet_counts {
    uint32_t received; /* drops included */
    uint32_t drops;
};

/* Bytes of a block for frames of up to snaplen bytes, and how many of them make about so many KiB.
 */
uint32_t capture_packet_block_bytes(uint32_t snaplen);
uint32_t capture_packet_blocks(int buffer_kib, uint32_t block_bytes);

/* Whether an interface gives Ethernet frames, as its kind says; loopback does. */
bool capture_packet_fits(const char *name);

/*
 * Makes the ring for the interface that `active` is bound to, with stamps of the type that it has.
 * It gets no frames until capture_fanout_join() or capture_fanout_receive(). buffer_kib: how large
 * it is to be; it may get smaller, if memory is short. The config gives snapshot length and
 * direction. Returns 0; or -errno with nothing logged and nothing to close.
 */
int capture_packet_open(struct capture_packet *packet, pcap_t *active,
                        const struct capture_config *config, int buffer_kib);

/* Gives back to the kernel the blocks whose frames were all read: they are no longer valid. */
void capture_packet_release(struct capture_packet *packet);

/*
 * Puts frames into the sink, until it has max or there are no more: where they lie, valid until
 * capture_packet_release(), or as a copy if the sink keeps its bytes. Returns false if a block has
 * lengths that cannot be, which is not read further.
 */
bool capture_packet_read(struct capture_packet *packet, struct capture_sink *sink, unsigned max);

/* Filters what is read from now on by a program of capture_outside_make(), which it takes over. */
void capture_packet_filter(struct capture_packet *packet, struct bpf_program program);

/* Fills *counts. Returns 0, or -errno. */
int capture_packet_count(struct capture_packet *packet, struct capture_packet_counts *counts);

/* Closes the socket, and with --fanout leaves the group. Frames that were read and not released
 * stay valid. Calling it again has no effect. */
void capture_packet_leave(struct capture_packet *packet);

/* Frees it. */
void capture_packet_close(struct capture_packet *packet);

#endif
