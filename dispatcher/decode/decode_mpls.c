/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* MPLS: behind an ethertype, in IP and over UDP. */

/*
 * No field says what is behind the last label; its first four bits are a hint. RFC 4928:
 * 4 and 6 are IP. RFC 4385: 0 is a control word, then the frame of a pseudowire. A
 * pseudowire without control word begins with a MAC address, which may begin with any
 * of these.
 */
static enum layer layer_behind_labels(struct cursor *c) {
    if (!has_bytes(c, 1))
        return stop(c, FB_DECODE_MPLS_SHORT);
    switch (cur(c)[0] >> 4) {
    case 4:
    case 6:
        if (is_plausible_ip(c, 0) || !is_plausible_ethernet(c, 0))
            return LAYER_IP;
        break;
    case 0:
        if (is_plausible_ethernet(c, CONTROL_WORD_BYTES))
            c->off += CONTROL_WORD_BYTES;
        break;
    default:
        break;
    }
    return is_plausible_ethernet(c, 0) ? LAYER_ETHERNET : stop(c, FB_DECODE_NON_IP);
}

/* RFC 3032: label, class, bottom of stack (bit 8), time to live. Labels differ by direction. */
enum layer decode_mpls(struct cursor *c) {
    if (!has_bytes(c, LABEL_BYTES))
        return stop(c, FB_DECODE_MPLS_SHORT);
    bool bottom = cur(c)[2] & 1;
    c->off += LABEL_BYTES;
    return bottom ? layer_behind_labels(c) : LAYER_MPLS;
}

/* RFC 4023. */
enum layer decode_mpls_in_ip(struct cursor *c) {
    return decode_begin_tunnel(c) ? decode_enter(c, LAYER_MPLS) : LAYER_DONE;
}

/* RFC 7510. */
enum layer decode_mpls_over_udp(struct cursor *c) {
    return is_plausible_mpls(c, 0) ? decode_enter(c, LAYER_MPLS) : LAYER_DONE;
}
