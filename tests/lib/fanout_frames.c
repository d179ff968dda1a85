/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fanout_frames.h"

#include <linux/if_ether.h>

void fanout_add_macs(struct packet *f, unsigned to, unsigned from) {
    add32(f, 0x02000000);
    add16(f, to);
    add32(f, 0x02000000);
    add16(f, from);
}

static void add_tags(struct packet *f, const uint16_t *types) {
    for (; *types != 0; types++) {
        add16(f, *types);
        add16(f, 5);
    }
}

static void add_labels(struct packet *f, unsigned count) {
    add16(f, ETH_P_MPLS_UC);
    for (unsigned i = 1; i <= count; i++)
        add32(f, (i + 15) << 12 | (i == count ? 0x100u : 0) | 64);
}

static void add_pppoe(struct packet *f, bool six, unsigned payload) {
    add16(f, ETH_P_PPP_SES);
    add16(f, 0x1100);
    add16(f, 7);
    add16(f, payload + 2);
    add16(f, six ? 0x57 : 0x21);
}

static unsigned ip_bytes(bool six, enum part part) {
    return (six ? 40u : 20u) + (six && part != WHOLE ? 8u : 0u) + PART_BYTES;
}

void fanout_add_encapsulation(struct packet *f, enum encapsulation encapsulation, bool six,
                              enum part part) {
    static const uint16_t tags[ENCAPSULATIONS][4] = {
        [TAGGED] = {0x8100},
        [TWO_TAGS] = {0x88a8, 0x8100},
        [THREE_TAGS] = {0x88a8, 0x8100, 0x8100},
        [OLD_TAG] = {0x9100, 0x8100},
        [TAGGED_PPPOE] = {0x8100},
        [TAGGED_MPLS] = {0x8100},
    };
    add_tags(f, tags[encapsulation]);
    if (encapsulation == PPPOE || encapsulation == TAGGED_PPPOE)
        add_pppoe(f, six, ip_bytes(six, part));
    else if (encapsulation == MPLS || encapsulation == TAGGED_MPLS)
        add_labels(f, 1);
    else if (encapsulation == MPLS4)
        add_labels(f, 4);
    else
        add16(f, six ? ETH_P_IPV6 : ETH_P_IP);
}

void fanout_add_ip4(struct packet *f, uint32_t from, uint32_t to, enum part part, uint16_t id) {
    static const uint16_t fields[PARTS] = {[FIRST] = 0x2000, [REST] = PART_BYTES / 8};
    add16(f, 0x4500);
    add16(f, ip_bytes(false, part));
    add16(f, id);
    add16(f, fields[part]);
    add32(f, 0x40110000);
    add32(f, from);
    add32(f, to);
}

static void add_address6(struct packet *f, uint32_t address) {
    add32(f, 0x20010db8);
    add32(f, address >> 16);
    add32(f, 0);
    add32(f, address);
}

static void add_ip6(struct packet *f, uint32_t from, uint32_t to, enum part part, uint16_t id) {
    add32(f, 0x60000000);
    add16(f, ip_bytes(true, part) - 40);
    add8(f, part == WHOLE ? 17 : 44);
    add8(f, 64);
    add_address6(f, from);
    add_address6(f, to);
    if (part == WHOLE)
        return;
    add16(f, 0x1100);
    add16(f, part == FIRST ? 1 : PART_BYTES);
    add32(f, id);
}

static void add_udp(struct packet *f, enum part part, bool back) {
    static const uint8_t payload[PART_BYTES] = {0};
    if (part == REST) {
        add_bytes(f, payload, PART_BYTES);
        return;
    }
    add16(f, back ? 53 : 4000);
    add16(f, back ? 4000 : 53);
    add16(f, part == WHOLE ? PART_BYTES : 2 * PART_BYTES);
    add16(f, 0);
    add_bytes(f, payload, PART_BYTES - 8);
}

void fanout_frame(struct packet *f, const struct datagram *d, enum part part) {
    uint32_t from = d->back ? d->two : d->one, to = d->back ? d->one : d->two;
    f->n = 0;
    fanout_add_macs(f, d->back ? 1 : 0x902, d->back ? 0x902 : 1);
    fanout_add_encapsulation(f, d->encapsulation, d->six, part);
    if (d->six)
        add_ip6(f, from, to, part, d->id);
    else
        fanout_add_ip4(f, from, to, part, d->id);
    add_udp(f, part, d->back);
}
