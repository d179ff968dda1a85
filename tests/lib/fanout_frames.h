/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FANOUT_FRAMES_H
#define TESTS_LIB_FANOUT_FRAMES_H

/*
 * Frames of two hosts behind two routers, for tests of what goes together: of
 * either IP version, either direction, whole or a fragment, behind whatever may
 * come before an IP header.
 */
#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/packet.h"

/* Between the MACs and the IP header. */
enum encapsulation {
    BARE,
    TAGGED,
    TWO_TAGS,
    THREE_TAGS,
    OLD_TAG,
    PPPOE,
    TAGGED_PPPOE,
    MPLS,
    MPLS4,
    TAGGED_MPLS,
    ENCAPSULATIONS
};

enum part { WHOLE, FIRST, REST, PARTS }; /* a datagram, or its two fragments */

#define PART_BYTES 24u /* of UDP, behind the IP headers; a multiple of 8 */

struct datagram {
    enum encapsulation encapsulation;
    bool six, back;    /* back: from the second address to the first */
    uint32_t one, two; /* stand for addresses of either version */
    uint16_t id;       /* of its fragments */
};

/* Parts of a frame: hosts with the same number have the same MAC; six and part as they will be. */
void fanout_add_macs(struct packet *f, unsigned to, unsigned from);
void fanout_add_encapsulation(struct packet *f, enum encapsulation encapsulation, bool six,
                              enum part part);
void fanout_add_ip4(struct packet *f, uint32_t from, uint32_t to, enum part part, uint16_t id);

/* A whole frame of the datagram. */
void fanout_frame(struct packet *f, const struct datagram *d, enum part part);

#endif
