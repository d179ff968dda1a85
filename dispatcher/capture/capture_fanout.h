/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_FANOUT_H
#define DISPATCHER_CAPTURE_CAPTURE_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Several dispatchers share an interface: each joins a group of the kernel
 * (PACKET_FANOUT), which gives every frame to one member. A group has a number within
 * the network namespace and belongs to one interface and one mode, so each of several
 * interfaces has a group of its own.
 *
 * The kernel takes the value that the mode computes modulo the number of members. So
 * flows move when that number changes, and when a member leaves, the last one takes
 * its place. Two flags of the kernel are not used. PACKET_FANOUT_FLAG_ROLLOVER gives
 * frames to another member while one is full: that splits flows exactly when the load
 * is high. PACKET_FANOUT_FLAG_DEFRAG reassembles datagrams: workers are to see the
 * fragments as they were on the wire.
 */
enum capture_fanout_mode {
    FANOUT_CBPF, /* by the two addresses: both directions and all fragments together */
    FANOUT_HASH, /* by the kernel's flow hash: separates fragments from their flow */
    FANOUT_CPU,  /* by the CPU that the frame came in on */
    FANOUT_QM,   /* by the card's queue */
    FANOUT_MODES
};

/* The names of the modes; the last is NULL. */
extern const char *const capture_fanout_modes[FANOUT_MODES + 1];

#define FANOUT_GROUP_MAX 65535u

struct capture_fanout {
    bool wanted;
    uint32_t group; /* of interface number 0; that of number j is group + j */
    enum capture_fanout_mode mode;
};

/*
 * A socket must not receive frames before it has its filter, nor before it is in its group:
 * other members have them too. So it is made with this protocol, in host byte order, which
 * no frame ever has (one of the kernel's own numbers, below all ethertypes).
 * capture_fanout_join() switches it to all protocols immediately before it joins,
 * capture_fanout_receive() one that joins none.
 */
#define FANOUT_PROTOCOL_NONE 0x0018 /* ETH_P_ECONET */

/*
 * Makes a packet socket that is bound to its interface receive all protocols and join
 * the group of interface number `number`; name is the interface's, for messages.
 * Returns 0, or -errno after one logged line. The kernel removes the socket from the
 * group when it is closed.
 */
int capture_fanout_join(int fd, const struct capture_fanout *fanout, unsigned number,
                        const char *name);

/* Has a packet socket that is bound to its interface receive all protocols. Returns 0, or -errno
 * after one logged line. */
int capture_fanout_receive(int fd, const char *name);

#endif
