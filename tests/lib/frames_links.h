/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_LINKS_H
#define TESTS_LIB_FRAMES_LINKS_H

/* tcp4() and tcp6() behind the headers of other networks, and of capturing systems. */

#include "tests/lib/frames_tunnel.h"

#define SNAP4 0xaa, 0xaa, 3, 0, 0, 0, 8, 0
#define SNAP6 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd
#define ETHERNET4 MACS, 8, 0
#define ETHERNET6 MACS, 0x86, 0xdd
/* Data from an access point, of 24 bytes, and 802.2. */
#define WIFI4 8, 2, 0, 0, MACS, 2, 0, 0, 0, 0, 0xc, 0x10, 0, SNAP4
#define WIFI_BYTES 24

struct link_case {
    const char *name;
    int dlt;
    bool six;
    uint8_t n;      /* bytes before the IP packet */
    uint8_t needed; /* of these: with fewer the frame is cut short */
    uint8_t header[180];
};

#define LINK_CASES 50u
extern const struct link_case link_cases[LINK_CASES];

/* The frame of the row. */
struct packet frame_of(const struct link_case *t);

/* Of a link type that the decoder knows. */
enum link_layer link_of(int dlt);

#endif
