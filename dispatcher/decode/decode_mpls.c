/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* MPLS: behind an ethertype, in IP and over UDP. */

/* RFC 1071: of an IPv4 header. */
static bool has_right_checksum(const struct cursor *c) {
    uint32_t header = (cur(c)[0] & 15u) * 4;
    uint32_t sum = 0;
    if (!has_bytes(c, header))
        return false;
    for (uint32_t at = 0; at < header; at += 2)
        sum += load_be16(cur(c) + at);
    return sum % 0xffff == 0;
}

/* Whether to take it for IP where it looks like Ethernet too, of which the destination begins with
 * 4 or 6. A router has checked IPv4's checksum; IPv6 has only a length. */
static bool is_ip_rather(const struct cursor *c) {
    if (!is_plausible_ip(c, 0))
        return false;
    if (cur(c)[0] >> 4 == 4)
        return has_right_checksum(c);
    return has_bytes(c, IP6_BYTES + load_be16(cur(c) + 4));
}

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
        if (!is_plausible_ethernet(c, 0) || is_ip_rather(c))
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
    return decode_begin_tunnel(c) ? decode_enter(c, FB_TUNNEL_OTHER, LAYER_MPLS) : LAYER_DONE;
}

/* RFC 7510. */
enum layer decode_mpls_over_udp(struct cursor *c) {
    return is_plausible_mpls(c, 0) ? decode_enter(c, FB_TUNNEL_OTHER, LAYER_MPLS) : LAYER_DONE;
}
