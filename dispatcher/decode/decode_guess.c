/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* Whether something may start where no number says so, or where one may be there by chance. */

#define LABELS_MAX 8u /* in a guess: more than two are rare, and a bound keeps it cheap */

bool is_plausible_mpls(const struct cursor *c, uint32_t at) {
    uint32_t stack = 0;
    bool bottom = false;
    while (!bottom) {
        stack += LABEL_BYTES;
        if (stack > LABELS_MAX * LABEL_BYTES || !has_bytes(c, at + stack))
            return false;
        const uint8_t *label = cur(c) + at + stack - LABEL_BYTES;
        if (label[3] == 0)
            return false;
        bottom = label[2] & 1;
    }
    at += stack;
    return is_whole_ip(c, at) || is_plausible_ethernet(c, at) ||
           is_plausible_ethernet(c, at + CONTROL_WORD_BYTES);
}

/* Data goes to or from a distribution system, so that exchanged bytes begin with no version 0. */
enum layer guess_wifi(const struct cursor *c, uint32_t at) {
    enum { VERSION_MASK = 0x03, TYPE_MASK = 0x0c, DATA = 0x08 };
    if (!has_bytes(c, at + 2))
        return LAYER_DONE;
    const uint8_t *h = cur(c) + at;
    if ((h[0] & VERSION_MASK) == 0)
        return LAYER_LINK_WIFI;
    return (h[1] & (TYPE_MASK | VERSION_MASK)) == DATA ? LAYER_WIFI_SWAPPED : LAYER_DONE;
}

/* Version 0, and what it names is behind it. */
static bool is_plausible_service_chain(const struct cursor *c, uint32_t at) {
    uint32_t bytes;
    switch (layer_behind_service_chain(c, at, &bytes)) {
    case LAYER_IP:
        return cur(c)[at] >> 6 == 0 && is_plausible_ip(c, at + bytes);
    case LAYER_ETHERNET:
        return cur(c)[at] >> 6 == 0 && is_plausible_ethernet(c, at + bytes);
    case LAYER_MPLS:
        return cur(c)[at] >> 6 == 0 && is_plausible_mpls(c, at + bytes);
    default:
        return false;
    }
}

bool is_plausible_inner(const struct cursor *c, uint32_t at, enum layer inner) {
    switch (inner) {
    case LAYER_IP:
        return is_plausible_ip(c, at);
    case LAYER_ETHERNET:
        return is_plausible_ethernet(c, at);
    case LAYER_MPLS:
        return is_plausible_mpls(c, at);
    case LAYER_LINK_WIFI:
        return guess_wifi(c, at) == inner;
    case LAYER_SERVICE_CHAIN:
        return is_plausible_service_chain(c, at);
    default: /* by a number that is in the lists */
        return inner != LAYER_DONE && has_bytes(c, at + 1);
    }
}

bool is_plausible_whole(const struct cursor *c, uint32_t at, enum layer inner) {
    return inner == LAYER_IP ? is_whole_ip(c, at) : is_plausible_inner(c, at, inner);
}
