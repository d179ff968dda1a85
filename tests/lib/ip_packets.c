/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/ip_packets.h"

#include <string.h>

struct packet before(const uint8_t *bytes, uint32_t n, struct packet rest) {
    struct packet p = {.n = 0};
    add_bytes(&p, bytes, n);
    add_bytes(&p, rest.bytes, rest.n);
    return p;
}

struct packet payload(uint32_t n) {
    static uint32_t made;
    struct packet p = {.n = n};
    made++;
    for (uint32_t i = 0; i < n; i++)
        p.bytes[i] = (uint8_t)(made * 31 + i * 7);
    return p;
}

struct packet udp(unsigned from, unsigned to, struct packet rest) {
    uint32_t n = 8 + rest.n;
    return BEFORE(rest, HIGH(from), LOW(from), HIGH(to), LOW(to), HIGH(n), LOW(n), 0, 0);
}

struct packet tcp(unsigned from, unsigned to, unsigned flags, struct packet rest) {
    return BEFORE(rest, HIGH(from), LOW(from), HIGH(to), LOW(to), 0, 0, 0, 1, 0, 0, 0, 2, 5 << 4,
                  (uint8_t)flags, 1, 0, 0, 0, 0, 0);
}

struct packet icmp(unsigned type, unsigned code, struct packet rest) {
    return BEFORE(rest, (uint8_t)type, (uint8_t)code, 0, 0, 0, 0, 0, 0);
}

struct packet ip4(unsigned proto, uint8_t from, uint8_t to, struct packet rest) {
    uint32_t n = 20 + rest.n;
    return BEFORE(rest, 0x45, 0, HIGH(n), LOW(n), 0, 0, 0, 0, 64, (uint8_t)proto, 0, 0, 10, 0, 0,
                  from, 10, 0, 0, to);
}

struct packet ip6(unsigned next, uint8_t from, uint8_t to, struct packet rest) {
    return BEFORE(rest, 0x60, 0, 0, 0, HIGH(rest.n), LOW(rest.n), (uint8_t)next, 64, 0x20, 1, 0xd,
                  0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, from, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0,
                  0, 0, 0, 0, 0, to);
}

struct packet ip(bool six, unsigned proto, uint8_t from, uint8_t to, struct packet rest) {
    return six ? ip6(proto, from, to, rest) : ip4(proto, from, to, rest);
}

struct packet ethernet(struct packet rest) {
    bool six = rest.bytes[0] >> 4 == 6;
    return BEFORE(rest, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, six ? 0x86 : 8, six ? 0xdd : 0);
}

struct packet vlan(uint8_t id, struct packet rest) {
    return BEFORE(rest, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, id, 8, 0);
}

struct packet vxlan_between(unsigned from_port, unsigned to_port, struct packet frame) {
    return ip4(UDP, C, ROUTER, udp(from_port, to_port, BEFORE(frame, 8, 0, 0, 0, 0, 0, 7, 0)));
}

struct packet vxlan(struct packet frame) {
    return vxlan_between(50000, 4789, frame);
}

struct packet fragment_after(struct packet p, uint32_t unfragmentable, uint32_t id, uint32_t from,
                             uint32_t to) {
    bool six = p.bytes[0] >> 4 == 6;
    uint32_t header = (six ? 40 : 20) + unfragmentable, n = p.n - header;
    bool more = to < n;
    struct packet f = {.n = 0};
    add_bytes(&f, p.bytes, header);
    if (six) {
        uint8_t *next = &f.bytes[unfragmentable == 0 ? 6 : header - 8];
        unsigned field = from | more;
        const uint8_t extension[8] = {*next, 0, HIGH(field), LOW(field), 0, 0, HIGH(id), LOW(id)};
        uint32_t payload = unfragmentable + 8 + to - from;
        *next = 44;
        add_bytes(&f, extension, sizeof extension);
        f.bytes[4] = HIGH(payload);
        f.bytes[5] = LOW(payload);
    } else {
        unsigned field = from / 8 | (more ? MORE_FRAGMENTS : 0);
        uint32_t total = header + to - from;
        const uint8_t length_id_field[6] = {HIGH(total), LOW(total),  HIGH(id),
                                            LOW(id),     HIGH(field), LOW(field)};
        memcpy(f.bytes + 2, length_id_field, sizeof length_id_field);
    }
    add_bytes(&f, p.bytes + header + from, to - from);
    return f;
}

struct packet fragment(struct packet p, uint32_t id, uint32_t from, uint32_t to) {
    return fragment_after(p, 0, id, from, to);
}
