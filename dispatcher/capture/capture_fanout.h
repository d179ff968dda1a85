/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_FANOUT_H
#define DISPATCHER_CAPTURE_CAPTURE_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Several dispatchers share an interface: each joins a group of the kernel
 * (PACKET_FANOUT), which gives every frame to one member. A group is known by
 * its number within the network namespace and belongs to one interface and one
 * mode, so that of several interfaces each has a group of its own.
 *
 * The kernel takes the remainder of what a mode says by the number of members.
 * So flows move when that number changes, and when a member leaves the last one
 * takes its place. There is no PACKET_FANOUT_FLAG_ROLLOVER: it gives frames to
 * another member while one is full, which tears flows apart just when there is
 * much to do; nor does the kernel reassemble datagrams before it chooses
 * (PACKET_FANOUT_FLAG_DEFRAG): workers are to see the fragments as they came.
 */
enum capture_fanout_mode {
    FANOUT_CBPF, /* by the two addresses: both directions and all fragments together */
    FANOUT_HASH, /* by the kernel's flow hash: tears fragments from their flow */
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
 * A socket must not take frames before it is in its group: other members have
 * them too. So it is made with this protocol, in host byte order, of which no
 * frame ever is (a number of the kernel's own, below all ethertypes), and
 * capture_fanout_join() gives it all protocols right before it joins.
 */
#define FANOUT_PROTOCOL_NONE 0x0018 /* ETH_P_ECONET */

/*
 * Has a packet socket, bound to its interface, take all protocols and join the
 * group of interface number `number`; name is the interface's, for messages.
 * Returns 0, or -errno after one logged line. The kernel takes the socket out
 * of the group when it is closed.
 */
int capture_fanout_join(int fd, const struct capture_fanout *fanout, unsigned number,
                        const char *name);

#endif
