/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_DECODE_INPUT_H
#define TESTS_FUZZ_DECODE_INPUT_H

/* How an input of fuzz_decode is laid out: link layer, options, then the frame. */

#include <stddef.h>

#include "dispatcher/decode/decode.h"

#define DECODE_INPUT_BYTES 2u
#define DECODE_INPUT_OUTER 1u
#define DECODE_INPUT_KEY_VLAN 2u
#define DECODE_INPUT_KEY_TUNNEL 4u

struct decode_input {
    enum link_layer link;
    struct decode_options options;
    const uint8_t *bytes;
    uint32_t caplen;
};

static inline bool decode_input_read(const uint8_t *data, size_t size, struct decode_input *in) {
    if (size < DECODE_INPUT_BYTES)
        return false;
    *in = (struct decode_input){
        .link = (enum link_layer)(data[0] % LINK_COUNT),
        .options = {.ports = &decode_usual_ports,
                    .outer = (data[1] & DECODE_INPUT_OUTER) != 0,
                    .key_vlan = (data[1] & DECODE_INPUT_KEY_VLAN) != 0,
                    .key_tunnel = (data[1] & DECODE_INPUT_KEY_TUNNEL) != 0,
                    .secret = {7, 8}},
        .bytes = data + DECODE_INPUT_BYTES,
        .caplen = (uint32_t)(size - DECODE_INPUT_BYTES),
    };
    return true;
}

#endif
