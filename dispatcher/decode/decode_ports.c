/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode.h"

#include <stddef.h>

#define NAME(name, text, function) text,
const char *const decode_tunnel_names[DECODE_TUNNEL_COUNT + 1] = {DECODE_UDP_TUNNELS(NAME) NULL};
#undef NAME

#define UPPER_BYTE(port, tunnel) [(port) >> 8] = 1,
#define ONE(port, tunnel) +1
#define ENTRY(port, tunnel) {port, DECODE_##tunnel},
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* two ports may have the same upper byte */
const struct decode_ports decode_usual_ports = {
    .near = {DECODE_UDP_PORTS(UPPER_BYTE)},
    .count = DECODE_UDP_PORTS(ONE),
    .all = {DECODE_UDP_PORTS(ENTRY)},
};
#pragma GCC diagnostic pop
#undef UPPER_BYTE
#undef ONE
#undef ENTRY

static bool has_port(const struct decode_ports *ports, uint16_t port) {
    for (unsigned i = 0; i < ports->count; i++) {
        if (ports->all[i].port == port)
            return true;
    }
    return false;
}

const char *decode_ports_replace(struct decode_ports *ports, enum decode_tunnel tunnel,
                                 const uint16_t *list, unsigned count) {
    struct decode_ports made = {.count = 0};
    for (unsigned i = 0; i < ports->count; i++) {
        if (ports->all[i].tunnel != tunnel)
            made.all[made.count++] = ports->all[i];
    }
    for (unsigned i = 0; i < count; i++) {
        if (has_port(&made, list[i]))
            return "a port is another tunnel's, or given twice";
        if (made.count == DECODE_PORTS_MAX)
            return "too many ports";
        made.all[made.count++] = (struct decode_port){list[i], (uint8_t)tunnel};
    }
    for (unsigned i = 0; i < made.count; i++)
        made.near[made.all[i].port >> 8] = 1;
    *ports = made;
    return NULL;
}
