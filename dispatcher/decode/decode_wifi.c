/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/decode/decode_layers.h"

/* IEEE 802.11, on its own or behind a header of the capturing driver. */

#define RADIOTAP_BYTES 8u /* the smallest: version, pad, length, one word of fields */
#define PRISM_BYTES 24u   /* likewise: message code, length, device */
#define AVS_BYTES 8u      /* version, length */

/* Frame control, in the order of its two bytes: type and subtype, then flags. */
#define TYPE_MASK 0x0cu
#define TYPE_CONTROL 0x04u
#define TYPE_DATA 0x08u
#define SUBTYPE_NO_DATA 0x40u
#define SUBTYPE_QOS 0x80u
#define VERSION_MASK 0x03u
#define TO_AND_FROM_DS 0x03u
#define PROTECTED 0x40u
#define ORDER 0x80u

/* Header lengths in bytes. */
#define CONTROL_BYTES 10u /* frame control, duration, receiver */
#define HEADER_BYTES 24u  /* and transmitter, third address, sequence */
#define FOURTH_ADDRESS_BYTES 6u
#define QOS_BYTES 2u
#define HT_CONTROL_BYTES 4u
#define SUBFRAME_BYTES 14u /* of an A-MSDU: receiver, sender, length */
#define QOS_AGGREGATE 0x80u
#define RECEIVER_OFF 4u

/* Bit numbers of radiotap's first word, and in its flags. */
#define RADIOTAP_TSFT 0x00000001u
#define RADIOTAP_FLAGS 0x00000002u
#define RADIOTAP_MORE 0x80000000u
#define FLAG_PADDED 0x20u /* the header is padded to 4 bytes */

/* IEEE 802.11-2020 clause 9.2.3. */
static uint32_t data_header_bytes(unsigned type, unsigned flags) {
    bool qos = type & SUBTYPE_QOS;
    return HEADER_BYTES + ((flags & TO_AND_FROM_DS) == TO_AND_FROM_DS ? FOURTH_ADDRESS_BYTES : 0) +
           (qos ? QOS_BYTES : 0) + (qos && flags & ORDER ? HT_CONTROL_BYTES : 0);
}

/* Whether several frames are in one; the first counts. The QoS field is the last of the header
 * except for HT control. */
static bool is_aggregate(const uint8_t *frame, unsigned type, unsigned flags, uint32_t header) {
    uint32_t qos = header - QOS_BYTES - (flags & ORDER ? HT_CONTROL_BYTES : 0);
    return type & SUBTYPE_QOS && frame[qos] & QOS_AGGREGATE;
}

/*
 * Data that is not encrypted has 802.2 inside. All else is keyed by receiver and
 * transmitter, which are exchanged in the answer, or by the receiver alone.
 */
static enum layer pass_wifi_header(struct cursor *c, bool padded, bool swapped) {
    if (!has_bytes(c, CONTROL_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    unsigned type = h[swapped], flags = h[!swapped];
    bool data = (type & (TYPE_MASK | VERSION_MASK)) == TYPE_DATA;
    c->mac_off = c->off + RECEIVER_OFF;
    c->mac_count = 1;
    if ((type & TYPE_MASK) == TYPE_CONTROL)
        return stop(c, FB_DECODE_NON_IP);
    uint32_t header = data ? data_header_bytes(type, flags) : HEADER_BYTES;
    if (!has_bytes(c, header))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->mac_count = 2;
    if (!data || type & SUBTYPE_NO_DATA || flags & PROTECTED)
        return stop(c, FB_DECODE_NON_IP);
    uint32_t payload = padded ? (header + 3) & ~3u : header;
    payload += is_aggregate(h, type, flags, header) ? SUBFRAME_BYTES : 0;
    if (!has_bytes(c, payload))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += payload;
    return LAYER_LLC;
}

/* LINKTYPE_IEEE802_11. */
enum layer decode_wifi(struct cursor *c) {
    return pass_wifi_header(c, false, false);
}

/* In CAPWAP by some devices: the two bytes of frame control exchanged. */
enum layer decode_wifi_swapped(struct cursor *c) {
    return pass_wifi_header(c, false, true);
}

/* radiotap.org: behind all words of field bits; the flags are the first field, or the second after
 * an aligned time of 8 bytes. */
static bool is_padded_by_radiotap(const uint8_t *h, uint32_t length) {
    uint32_t fields = load_le32(h + 4);
    uint32_t at = RADIOTAP_BYTES;
    for (uint32_t more = fields; more & RADIOTAP_MORE; at += 4) {
        if (length < at + 4)
            return false;
        more = load_le32(h + at);
    }
    if (fields & RADIOTAP_TSFT)
        at = ((at + 7) & ~7u) + 8;
    return fields & RADIOTAP_FLAGS && at < length && h[at] & FLAG_PADDED;
}

/* LINKTYPE_IEEE802_11_RADIOTAP: version 0, length in little endian. */
enum layer decode_radiotap(struct cursor *c) {
    if (!has_bytes(c, RADIOTAP_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    uint32_t length = load_le16(h + 2);
    if (h[0] != 0 || length < RADIOTAP_BYTES || !has_bytes(c, length))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += length;
    return pass_wifi_header(c, is_padded_by_radiotap(h, length), false);
}

/* Passes a header of `length` bytes, at least `least`. */
static enum layer pass_driver_header(struct cursor *c, uint32_t least, uint32_t length) {
    if (length < least || !has_bytes(c, length))
        return stop(c, FB_DECODE_LINK_SHORT);
    c->off += length;
    return LAYER_LINK_WIFI;
}

/* LINKTYPE_IEEE802_11_AVS: version, length of it all. */
enum layer decode_avs(struct cursor *c) {
    if (!has_bytes(c, AVS_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    return pass_driver_header(c, AVS_BYTES, load_be32(cur(c) + 4));
}

/* LINKTYPE_IEEE802_11_PRISM: the message code shows the byte order of the length. Some drivers use
 * this link type for AVS headers, which begin with their version. */
enum layer decode_prism(struct cursor *c) {
    if (!has_bytes(c, PRISM_BYTES))
        return stop(c, FB_DECODE_LINK_SHORT);
    const uint8_t *h = cur(c);
    uint32_t code = load_be32(h);
    if (code >> 12 == 0x80211)
        return LAYER_LINK_AVS;
    return pass_driver_header(c, PRISM_BYTES,
                              code > UINT16_MAX ? load_le32(h + 4) : load_be32(h + 4));
}
